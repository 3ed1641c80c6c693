"""Frame in, faces out: finding them, following them over time, choosing among them."""

from .between import Look, Met, Passage, met_at, stops_of
from .cuts import Thumbnail, is_cut, thumbnail
from .detector import DETECTORS, FaceDetector, detector_kind, find_faces, found_in, open_detector, working
from .edits import Edit, Edits, load_track
from .face import Face
from .follow import Timeline, followed, same
from .hands import Hand, HandFinder
from .people import Sighting, identified
from .plausible import is_face, plausibility, roll_of
from .track import Track

__all__ = [
    "DETECTORS",
    "Edit",
    "Edits",
    "Face",
    "FaceDetector",
    "Hand",
    "HandFinder",
    "Look",
    "Met",
    "Passage",
    "Sighting",
    "Thumbnail",
    "Timeline",
    "Track",
    "detector_kind",
    "find_faces",
    "followed",
    "found_in",
    "identified",
    "is_cut",
    "is_face",
    "load_track",
    "met_at",
    "open_detector",
    "plausibility",
    "roll_of",
    "same",
    "stops_of",
    "thumbnail",
    "working",
]
