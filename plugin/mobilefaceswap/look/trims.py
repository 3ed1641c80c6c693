"""Trims: exposure, saturation and warmth of the swapped face, by hand."""

from __future__ import annotations

import numpy as np

from ..colour import ColourSpace, from_display, luma_of, to_display
from ..frame import Floats
from ..settings import Settings
from .operation import Swapped

__all__ = ["trimmed"]


def trimmed(face: Swapped, colour: Floats, settings: Settings) -> Floats:
    """``colour`` (S, S, 3), display-referred sRGB, graded in scene-linear light.

    Exposure multiplies by a power of 2. Warmth w multiplies red by 2^(w/2) and blue by 2^(-w/2) and keeps luminance.
    Saturation scales the distance from Rec.709 luminance.
    """
    exposure, saturation, warmth = settings.face_exposure, settings.face_saturation, settings.face_warmth
    if exposure == 0 and saturation == 1 and warmth == 0:
        return colour
    light = from_display(colour, ColourSpace.LINEAR) * np.float32(2**exposure)
    before = luma_of(light)
    light = light * np.array([2 ** (warmth / 2), 1, 2 ** (-warmth / 2)], np.float32)
    after = luma_of(light)
    light *= np.divide(before, after, out=np.ones_like(before), where=np.abs(after) > 1e-6)[..., None]
    light = before[..., None] + np.float32(saturation) * (light - before[..., None])
    return to_display(np.asarray(light, np.float32), ColourSpace.LINEAR)
