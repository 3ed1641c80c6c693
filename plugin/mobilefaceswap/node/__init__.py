"""The node, which ties the rooms together: the `road` from a plate to swapped crops, `lay` from there to a frame,
`keys` of the caches, the `result`.
"""

from .node import FaceSwapNode
from .people import PeopleNode, PersonNode
from .result import QualityRecord, RenderResult
from .road import Look, handed_in, look
from .stages import StageTimes

__all__ = [
    "FaceSwapNode",
    "Look",
    "PeopleNode",
    "PersonNode",
    "QualityRecord",
    "RenderResult",
    "StageTimes",
    "handed_in",
    "look",
]
