"""The light and colour of the plate for the face."""

from __future__ import annotations

import cv2
import numpy as np

from ..frame import Floats
from ..geometry import FACE_WIDTH

__all__ = ["matched"]

_MATCHED = 0.25
"""Deviation, as a share of the face's width, of what counts as colour and light rather than as features."""
_LITTLE = 1e-3


def matched(crop: Floats, swapped: Floats, mask: Floats, amount: float) -> Floats:
    """The swapped crop with the colour and light of ``crop``, by ``amount`` (0..1).

    crop, swapped: (S, S, 3) display-referred sRGB; mask: (S, S), the network's. Below a quarter of the face's width
    everything stays the network's; what is coarser, averaged under the mask, becomes the plate's. It takes its
    measure from this frame alone.
    """
    if amount <= 0:
        return swapped
    small = max(8, mask.shape[0] // 8)
    change = np.dstack([(crop - swapped) * mask[..., None], mask])
    coarse = cv2.resize(change, (small, small), interpolation=cv2.INTER_AREA)
    deviation = _MATCHED * FACE_WIDTH * small
    coarse = cv2.GaussianBlur(coarse, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE)
    shift = coarse[..., :3] / (coarse[..., 3:] + _LITTLE)
    shift = cv2.resize(shift, mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(swapped + np.float32(amount) * mask[..., None] * shift, np.float32)
