"""The pictures that a node can show: one row for each, from which the bridge's table is made, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["OUTPUTS", "Alpha", "Output", "OutputMode", "Outside"]


class OutputMode(StrEnum):
    """The picture that a one-output node shows."""

    COMPOSITE = "composite"
    FACE = "face"
    FACE_UNPREMULTIPLIED = "face-unpremultiplied"
    MATTE = "matte"
    STATUS = "status"
    OVERLAY = "overlay"


class Alpha(StrEnum):
    """What the alpha of an output is, and how its colour relates to it.

    PLATE: as the plate's. PREMULTIPLIED, STRAIGHT: the matte, with colour multiplied by it or not. OPAQUE: data or a
    diagram, which nobody may multiply or divide.
    """

    PLATE = "plate"
    PREMULTIPLIED = "premultiplied"
    STRAIGHT = "straight"
    OPAQUE = "opaque"


class Outside(StrEnum):
    """What lies outside the rectangle that a frame changes."""

    PLATE = "plate"
    ZERO = "zero"


@dataclass(frozen=True)
class Output:
    """The facts of one output. picture: in the plate's colour space; otherwise data. whole: every pixel may differ
    from what lies outside, so that the whole picture is made.
    """

    alpha: Alpha
    outside: Outside
    picture: bool = True
    whole: bool = False


OUTPUTS: Mapping[OutputMode, Output] = {
    OutputMode.COMPOSITE: Output(Alpha.PLATE, Outside.PLATE),
    OutputMode.FACE: Output(Alpha.PREMULTIPLIED, Outside.ZERO),
    OutputMode.FACE_UNPREMULTIPLIED: Output(Alpha.STRAIGHT, Outside.ZERO),
    OutputMode.MATTE: Output(Alpha.OPAQUE, Outside.ZERO, picture=False),
    OutputMode.STATUS: Output(Alpha.OPAQUE, Outside.ZERO, picture=False, whole=True),
    OutputMode.OVERLAY: Output(Alpha.PLATE, Outside.PLATE, whole=True),
}
