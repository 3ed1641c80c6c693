"""Black is the least that a face may be: what is matched to coloured light must not become negative light."""

from __future__ import annotations

import numpy as np

from ..colour import from_display
from ..frame import Floats
from ..settings import Settings
from .operation import Swapped

__all__ = ["no_darker_than_black"]


def no_darker_than_black(face: Swapped, picture: Floats, settings: Settings) -> Floats:
    """``picture`` (h, w, 3), in the plate's colour space, no channel below the space's black, or the plate where that
    is below it.
    """
    black = from_display(np.zeros((1, 1, 3), np.float32), face.space)
    return np.maximum(picture, np.minimum(face.plate, black))
