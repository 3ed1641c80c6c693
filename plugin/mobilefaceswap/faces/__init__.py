"""Frame in, faces out: finding them, following them over time, choosing among them."""

from .detector import FaceDetector, open_detector
from .face import Face
from .track import Track, smoothed

__all__ = ["Face", "FaceDetector", "Track", "open_detector", "smoothed"]
