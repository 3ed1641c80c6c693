"""The node, which ties the rooms together: the `road` from a plate to swapped crops, `lay` from there to a frame,
`keys` of the caches, the `result`.
"""

from .node import FaceSwapNode
from .over_time import Around, cut_ahead
from .people import PeopleNode, PersonNode
from .result import QualityRecord, RenderResult
from .road import Look, Plate, Search, handed_in, look, uncovered
from .stages import AbandonedError, StageTimes, check_wanted, while_wanted

__all__ = [
    "AbandonedError",
    "Around",
    "FaceSwapNode",
    "Look",
    "PeopleNode",
    "PersonNode",
    "Plate",
    "QualityRecord",
    "RenderResult",
    "Search",
    "StageTimes",
    "check_wanted",
    "cut_ahead",
    "handed_in",
    "look",
    "uncovered",
    "while_wanted",
]
