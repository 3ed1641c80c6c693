"""Neutral plate: a face put into black-and-white footage is black and white."""

from __future__ import annotations

import cv2
import numpy as np

from ..colour import luma_of
from ..frame import Floats
from ..settings import Settings
from .operation import Swapped

__all__ = ["neutral_plate"]

_NEUTRAL, _COLOURED = 0.01, 0.05
"""Colourfulness of a face, as a share of its luma, up to which a plate is black and white, and from which it is not.
Skin lies above 0.15 in any light; what a codec leaves in the chroma planes of grey footage, below 0.01.
"""


def neutral_plate(face: Swapped, colour: Floats, settings: Settings) -> Floats:
    """``colour`` (S, S, 3), display-referred sRGB, without its colour as far as the crop has none.

    It is measured under the mask in this frame alone. A plate with colour keeps the picture's bits; between the two
    limits the colour fades, so a shot that turns to black and white takes the face along.
    """
    weight = face.mask / max(float(face.mask.sum()), 1e-6)
    red, green, blue = cv2.split(face.crop)
    spread = (np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)) * weight
    luma = luma_of(face.crop) * weight
    colourfulness = float(spread.sum()) / max(float(luma.sum()), 1e-3)
    kept = np.clip((colourfulness - _NEUTRAL) / (_COLOURED - _NEUTRAL), 0.0, 1.0)
    if kept == 1:
        return colour
    grey = luma_of(colour)[..., None]
    return np.asarray(grey + np.float32(kept) * (colour - grey), np.float32)
