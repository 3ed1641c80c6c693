"""Frame in, faces out: finding them, following them over time, choosing among them."""

from .cuts import Thumbnail, is_cut, thumbnail
from .detector import DETECTORS, FaceDetector, find_faces, found_in, open_detector, working
from .edits import Edit, Edits, load_track
from .face import Face
from .follow import Timeline, followed
from .hands import Hand, HandFinder
from .people import Sighting, identified
from .plausible import plausibility, roll_of
from .track import Track

__all__ = [
    "DETECTORS",
    "Edit",
    "Edits",
    "Face",
    "FaceDetector",
    "Hand",
    "HandFinder",
    "Sighting",
    "Thumbnail",
    "Timeline",
    "Track",
    "find_faces",
    "followed",
    "found_in",
    "identified",
    "is_cut",
    "load_track",
    "open_detector",
    "plausibility",
    "roll_of",
    "thumbnail",
    "working",
]
