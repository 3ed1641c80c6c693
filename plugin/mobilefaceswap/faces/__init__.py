"""Frame in, faces out: finding them, following them over time, choosing among them."""

from .cuts import Thumbnail, is_cut, thumbnail
from .detector import DETECTORS, FaceDetector, find_faces, found_in, open_detector, working
from .face import Face
from .follow import Timeline, followed
from .people import Sighting, identified
from .track import Track

__all__ = [
    "DETECTORS",
    "Face",
    "FaceDetector",
    "Sighting",
    "Thumbnail",
    "Timeline",
    "Track",
    "find_faces",
    "followed",
    "found_in",
    "identified",
    "is_cut",
    "open_detector",
    "thumbnail",
    "working",
]
