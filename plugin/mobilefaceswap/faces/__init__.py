"""Frame in, faces out: finding them, following them over time, choosing among them."""

from .detector import DETECTORS, FaceDetector, find_faces, found_in, open_detector, working
from .face import Face
from .track import Track, smoothed

__all__ = [
    "DETECTORS",
    "Face",
    "FaceDetector",
    "Track",
    "find_faces",
    "found_in",
    "open_detector",
    "smoothed",
    "working",
]
