"""The crop back on the plate, with the detail of the plate that a crop cannot hold."""

from __future__ import annotations

import numpy as np

from ..colour import from_display
from ..frame import ColourSpace, Floats
from ..geometry import Matrix, Rectangle, paste

__all__ = ["face_layer"]


def face_layer(
    plate: Floats,
    crop: Floats,
    swapped: Floats,
    mask: Floats,
    matrix: Matrix,
    region: Rectangle,
    space: ColourSpace,
    detail: float,
) -> Floats:
    """The face's colour (h, w, 3) in the plate's working space, inside ``region``.

    plate: (h, w, 3) straight colour of the region. crop, swapped: (S, S, 3) display-referred sRGB, 0..1, before and
    after the network; mask: (S, S). The network's *change* is added to the plate, which keeps what the crop cannot
    hold (grain, texture, highlights beyond white); where the network put its own picture (``mask``), ``detail`` says
    how much of that stays.
    """
    before = from_display(crop, space)
    change = paste(from_display(swapped, space) - before, matrix, region)
    layer = plate + change
    if detail < 1:
        finer = plate - paste(before, matrix, region)
        layer = layer - np.float32(1 - detail) * np.clip(paste(mask, matrix, region), 0, 1)[..., None] * finer
    return np.asarray(layer, np.float32)
