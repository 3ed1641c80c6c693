"""Plate detail: grain and texture that the crop cannot hold."""

from __future__ import annotations

import numpy as np

from ..colour import from_display
from ..frame import Floats
from ..geometry import paste
from ..settings import Settings
from .operation import Swapped

__all__ = ["plate_detail"]


def plate_detail(face: Swapped, picture: Floats, settings: Settings) -> Floats:
    """``picture`` (h, w, 3), in the plate's colour space, plus the plate's detail, scaled by ``settings.plate_detail``:
    whatever is finer than the crop.
    """
    if settings.plate_detail <= 0:
        return picture
    seen = paste(from_display(face.crop, face.space), face.matrix, face.region, extended=True)
    return np.asarray(picture + np.float32(settings.plate_detail) * (face.seen - seen), np.float32)
