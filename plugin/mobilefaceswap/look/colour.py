"""The colour of a swapped face: applies the look's operations in order."""

from __future__ import annotations

from collections.abc import Mapping

from ..colour import from_display
from ..frame import Floats
from ..geometry import paste_moving
from ..settings import Settings
from .beyond import beyond_range
from .detail import plate_detail
from .edge_match import edge_match
from .grain import regrained
from .likeness import towards_source
from .match import colour_match
from .neutral import neutral_plate
from .operation import Operation, Swapped
from .plate_grain import plate_grain
from .sharpness import sharpness_match
from .trims import trimmed

__all__ = ["OPERATIONS", "face_colour", "is_local"]

OPERATIONS: Mapping[str, Operation] = {
    "likeness": Operation(towards_source, on="crop"),
    "colour match": Operation(colour_match, on="crop"),
    "neutral plate": Operation(neutral_plate, on="crop"),
    "edge match": Operation(edge_match, on="crop", amount="edge_match"),
    "trims": Operation(trimmed, on="crop"),
    "sharpness match": Operation(sharpness_match, on="plate", amount="sharpness_match"),
    "plate detail": Operation(plate_detail, on="plate", local=True),
    "regrain": Operation(regrained, on="plate", timed=True, amount="regrain"),
    "plate grain": Operation(plate_grain, on="plate", amount="regrain"),
    "beyond the range": Operation(beyond_range, on="plate", local=True),
}
"""The operations of each place in the order in which they are applied. A new one is a row here and its file."""


def face_colour(face: Swapped, settings: Settings) -> Floats:
    """(h, w, 3): the colour of ``face`` in the plate's colour space, inside its region, straight.

    It is valid throughout the crop; the matte decides how much of it is seen.
    """
    colour = _applied("crop", face, face.colour, settings)
    picture = paste_moving(from_display(colour, face.space), face.paths, face.region, extended=True)
    return _applied("plate", face, picture, settings)


def is_local(settings: Settings) -> bool:
    """Whether a pixel's colour does not depend on how much of the plate around the face is looked at."""
    return all(row.local for row in OPERATIONS.values() if row.on == "plate" and row.applies(settings))


def _applied(place: str, face: Swapped, colour: Floats, settings: Settings) -> Floats:
    for operation in OPERATIONS.values():
        if operation.on == place and operation.applies(settings):
            colour = operation.apply(face, colour, settings)
    return colour
