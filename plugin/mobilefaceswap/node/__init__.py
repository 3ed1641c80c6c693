"""The node: ties the rooms together. Settings in, ``render(time)`` out, and all caching."""

from .node import FaceSwapNode, find_faces
from .result import QualityRecord, RenderResult
from .stages import StageTimes

__all__ = ["FaceSwapNode", "QualityRecord", "RenderResult", "StageTimes", "find_faces"]
