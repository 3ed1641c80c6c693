"""The colour of a swapped face: applies the look's operations in order."""

from __future__ import annotations

from collections.abc import Mapping

from ..colour import from_display
from ..frame import Floats
from ..geometry import paste_moving
from ..settings import Settings
from .beyond import beyond_range
from .black import no_darker_than_black
from .detail import pasted_with_detail, plate_detail
from .edge_match import edge_match
from .grain import regrained
from .likeness import towards_source
from .match import colour_match
from .neutral import neutral_plate
from .operation import Operation, Swapped
from .plate_grain import plate_grain
from .sharpness import sharpness_match
from .trims import trimmed

__all__ = ["OPERATIONS", "face_colour", "follows_matte", "is_local"]

OPERATIONS: Mapping[str, Operation] = {
    "likeness": Operation(towards_source, on="crop"),
    "colour match": Operation(colour_match, on="crop"),
    "neutral plate": Operation(neutral_plate, on="crop"),
    "edge match": Operation(edge_match, on="crop", matted=True, amount="edge_match"),
    "trims": Operation(trimmed, on="crop"),
    "sharpness match": Operation(sharpness_match, on="plate", amount="sharpness_match"),
    "plate detail": Operation(plate_detail, on="plate", local=True, amount="plate_detail", pasting=pasted_with_detail),
    "regrain": Operation(regrained, on="plate", timed=True, amount="regrain"),
    "plate grain": Operation(plate_grain, on="plate", amount="regrain"),
    "beyond the range": Operation(beyond_range, on="plate", local=True),
    "no darker than black": Operation(no_darker_than_black, on="plate", local=True),
}
"""The operations of each place in the order in which they are applied. A new one is a row here and its file."""


def face_colour(face: Swapped, settings: Settings) -> Floats:
    """(h, w, 3): the colour of ``face`` in the plate's colour space, inside its region, straight.

    It is valid throughout the crop; the matte decides how much of it is seen.
    """
    colour = face.colour
    for operation in _applied("crop", settings):
        colour = operation.apply(face, colour, settings)
    drawn, on_plate = from_display(colour, face.space), _applied("plate", settings)
    if on_plate and (pasting := on_plate[0].pasting):
        picture, on_plate = pasting(face, drawn, settings), on_plate[1:]
    else:
        picture = paste_moving(drawn, face.paths, face.region, extended=True)
    for operation in on_plate:
        picture = operation.apply(face, picture, settings)
    return picture


def is_local(settings: Settings) -> bool:
    """Whether a pixel's colour does not depend on how much of the plate around the face is looked at."""
    return all(operation.local for operation in _applied("plate", settings))


def follows_matte(settings: Settings) -> bool:
    """Whether the colour depends on the matte that is composited."""
    return any(operation.matted and operation.applies(settings) for operation in OPERATIONS.values())


def _applied(place: str, settings: Settings) -> list[Operation]:
    """The operations on the crop or the plate that do anything, in order."""
    return [operation for operation in OPERATIONS.values() if operation.on == place and operation.applies(settings)]
