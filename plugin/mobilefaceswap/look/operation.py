"""A swapped face, and the operations that change its colour on the way into the plate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..colour import ColourSpace
from ..frame import Floats
from ..geometry import Matrix, Rectangle
from ..packs import Template
from ..settings import Settings

__all__ = ["Operation", "Swapped"]


@dataclass(frozen=True, eq=False)
class Swapped:
    """One face, before and after the network.

    time: the frame's; the seed for anything random. plate: (h, w, 3), straight and finite, in ``space``, inside
    ``region``. crop, colour: (S, S, 3) display-referred sRGB, 0..1, before and after the network. mask: (S, S), the
    network's. matrix: from plate to crop.
    """

    time: int
    plate: Floats
    space: ColourSpace
    crop: Floats
    colour: Floats
    mask: Floats
    matrix: Matrix
    region: Rectangle
    template: Template


@dataclass(frozen=True)
class Operation:
    """A step of the look.

    apply: what it does to colour. on: where it works, on the crop (S, S, 3) in display-referred sRGB, or on the plate
    (h, w, 3) in its own colour space. timed: whether the result depends on the frame's time, as grain does.
    """

    apply: Callable[[Swapped, Floats, Settings], Floats]
    on: Literal["crop", "plate"]
    timed: bool = False
