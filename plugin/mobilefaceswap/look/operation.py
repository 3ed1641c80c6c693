"""A swapped face, and the operations that change its colour on the way into the plate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ..colour import ColourSpace, shouldered, to_display
from ..frame import Floats
from ..geometry import Matrix, Rectangle, from_part, middle_of, sample_crop
from ..packs import Template
from ..settings import Settings
from .ground import Ground, ground_of

__all__ = ["Operation", "Swapped"]


@dataclass(frozen=True, eq=False)
class Swapped:
    """One face, before and after the network.

    time: the frame's; the seed for anything random. plate: (h, w, 3), straight and finite, in ``space``, inside
    ``region``. space: at the exposure at which the network saw it; white: the display value that it saw as 1. crop,
    colour: (S, S, 3) display-referred sRGB, 0..1, before and after the network. mask: (S, S), the network's. matrix:
    from plate to crop. drawn: likewise, for what the network drew: several where the face moves while the shutter is
    open, and others than ``matrix`` where it is scaled or offset. matte: (S, S), 0..1, on the crop as it is drawn: what
    is composited, before mix; for operations that follow it. known: the ``ground``, where it was made before.
    """

    time: int
    plate: Floats
    space: ColourSpace
    white: float
    crop: Floats
    colour: Floats
    mask: Floats
    matrix: Matrix
    region: Rectangle
    template: Template
    drawn: tuple[Matrix, ...] = ()
    matte: Floats | None = None
    known: Ground | None = None

    @property
    def paths(self) -> tuple[Matrix, ...]:
        """Where what the network drew is pasted."""
        return self.drawn or (self.matrix,)

    @property
    def in_place(self) -> bool:
        """Whether it is pasted just where the crop was read."""
        return len(self.paths) == 1 and np.array_equal(self.paths[0], self.matrix)

    @cached_property
    def under(self) -> Floats:
        """(S, S, 3): the plate that lies under what is drawn, as ``crop`` is; the crop itself unless that is moved."""
        if self.in_place:
            return self.crop
        pixels = sample_crop(self.plate, from_part(middle_of(self.paths), self.region), self.crop.shape[0])
        return shouldered(to_display(pixels, self.space), self.white)

    @cached_property
    def ground(self) -> Ground:
        """What the look starts from."""
        return self.known or ground_of(self.plate, self.crop, self.space, self.white)

    @property
    def seen(self) -> Floats:
        """(h, w, 3): the plate in its own space, limited to the network's range. Pixels inside keep their bits."""
        return self.ground.seen


@dataclass(frozen=True)
class Operation:
    """A step of the look.

    apply: what it does to colour. on: where it works, on the crop (S, S, 3) in display-referred sRGB, or on the plate
    (h, w, 3) in its own colour space. local: on the plate, whether a pixel depends on what lies in the same place
    alone, so that it is not made where the matte is 0. timed: whether the result depends on the frame's time, as grain
    does. matted: whether it depends on the matte that is composited. amount: the setting that it is applied by; at 0 it
    is left out. pasting: does the same while the crop (S, S, 3), in the plate's colour space, is pasted, where no
    operation on the plate comes before.
    """

    apply: Callable[[Swapped, Floats, Settings], Floats]
    on: Literal["crop", "plate"]
    local: bool = False
    timed: bool = False
    matted: bool = False
    amount: str = ""
    pasting: Callable[[Swapped, Floats, Settings], Floats] | None = None

    def applies(self, settings: Settings) -> bool:
        """Whether it does anything."""
        return not self.amount or getattr(settings, self.amount) > 0
