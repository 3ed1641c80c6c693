"""Frame in, faces out: finding them, laying them on the crop template, choosing among them."""

from .records import Face, FaceAnalyser

__all__ = ["Face", "FaceAnalyser"]
