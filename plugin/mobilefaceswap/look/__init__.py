"""How a swapped face sits in the plate: the `matte`, the `colour` with its operations (`match`, `detail`), the
composite (`over`) and diagrams (`views`).
"""

from .colour import OPERATIONS, face_colour, follows_matte, is_local
from .ground import Ground, ground_of
from .hands import hands_matte
from .occlusion import occlusion, trusted
from .operation import Operation, Swapped
from .over import Composition, Layer
from .regions import hull

__all__ = [
    "OPERATIONS",
    "Composition",
    "Ground",
    "Layer",
    "Operation",
    "Swapped",
    "face_colour",
    "follows_matte",
    "ground_of",
    "hands_matte",
    "hull",
    "is_local",
    "occlusion",
    "trusted",
]
