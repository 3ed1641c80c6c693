"""Plate detail: grain and texture that the crop cannot hold."""

from __future__ import annotations

import numpy as np

from ..frame import Floats
from ..geometry import paste, paste_moving
from ..settings import Settings
from .operation import Swapped

__all__ = ["pasted_with_detail", "plate_detail"]


def plate_detail(face: Swapped, picture: Floats, settings: Settings) -> Floats:
    """``picture`` (h, w, 3), in the plate's colour space, plus the plate's detail, scaled by ``settings.plate_detail``:
    whatever is finer than the crop.
    """
    seen = paste(face.ground.crop, face.matrix, face.region, extended=True)
    return np.asarray(picture + np.float32(settings.plate_detail) * (face.seen - seen), np.float32)


def pasted_with_detail(face: Swapped, drawn: Floats, settings: Settings) -> Floats:
    """``plate_detail`` of ``drawn`` (S, S, 3), in the plate's colour space, pasted.

    Pasting is linear. Where a face is drawn in the place that it was read from, what the network changed is pasted, and
    the plate added: once instead of twice, and where nothing was changed the plate's own values remain.
    """
    if not face.in_place:
        return plate_detail(face, paste_moving(drawn, face.paths, face.region, extended=True), settings)
    amount = np.float32(settings.plate_detail)
    change = drawn - amount * face.ground.crop
    picture = paste(change, face.matrix, face.region, extended=True)
    picture += amount * face.seen
    return picture
