"""Colour match: gives the face the plate's light and colour."""

from __future__ import annotations

import cv2
import numpy as np

from ..frame import Floats
from ..settings import Settings
from .operation import Swapped

__all__ = ["colour_match"]

_COARSE = 0.25
"""Deviation, as a share of the face's width, of what counts as colour and light rather than as features."""
_LITTLE = 1e-3


def colour_match(face: Swapped, colour: Floats, settings: Settings) -> Floats:
    """``colour`` (S, S, 3), display-referred sRGB, matched to the crop by ``settings.colour_match``.

    Detail finer than a quarter of the face's width stays the network's. Coarser colour, averaged under the mask,
    becomes the plate's, and extends beyond the mask as far as a matte can be expanded. Measured in this frame alone.
    """
    if settings.colour_match <= 0:
        return colour
    mask = face.mask
    small = max(8, mask.shape[0] // 8)
    change = np.dstack([(face.crop - colour) * mask[..., None], mask])
    coarse = cv2.resize(change, (small, small), interpolation=cv2.INTER_AREA)
    deviation = _COARSE * face.template.face_width * small
    coarse = cv2.GaussianBlur(coarse, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE)
    shift = coarse[..., :3] / (coarse[..., 3:] + _LITTLE)
    shift = cv2.resize(shift, mask.shape, interpolation=cv2.INTER_CUBIC)
    return np.asarray(colour + np.float32(settings.colour_match) * shift, np.float32)
