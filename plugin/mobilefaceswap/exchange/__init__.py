"""Tracks to and from other programs: points and crops as Nuke, Fusion, After Effects and PFTrack write them."""

from .formats import FORMATS, Motion, read_motion, write_motion
from .geometry_files import CROPS, MAPS, write_crops, write_maps
from .motion import motion_of, points_of

__all__ = [
    "CROPS",
    "FORMATS",
    "MAPS",
    "Motion",
    "motion_of",
    "points_of",
    "read_motion",
    "write_crops",
    "write_maps",
    "write_motion",
]
