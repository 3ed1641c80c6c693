"""Pictures as detectors take them: display-referred bytes.

Converting colour is dear: a power for every value. Rounded to bytes, most of it can be read from a table.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from ..colour import ColourSpace, to_display
from ..frame import Floats, all_finite

__all__ = ["display_bytes"]

_LARGEST_BYTE = 255
_BINS = 1 << 16
_LAST = np.float32(1 - 1 / (2 * _BINS))
_PROBES = 4096


def display_bytes(rgb: Floats, space: ColourSpace) -> npt.NDArray[np.uint8]:
    """(H, W, 3) pixels in any colour space as 8-bit BGR for OpenCV's networks; NaN becomes black."""
    table = _table(space)
    if table is None or not all_finite(rgb):
        return np.ascontiguousarray(_converted(rgb, space)[..., ::-1])
    bins = (np.clip(rgb, 0, _LAST) * np.float32(_BINS)).astype(np.uint16)
    found = table.take(bins)
    codes = found.astype(np.uint8)
    left = np.flatnonzero(found > _LARGEST_BYTE)
    if left.size:
        codes.reshape(-1)[left] = _each(np.ascontiguousarray(rgb).reshape(-1)[left], space)
    return np.asarray(cv2.cvtColor(codes, cv2.COLOR_RGB2BGR), np.uint8)


def _converted(rgb: Floats, space: ColourSpace) -> npt.NDArray[np.uint8]:
    display = np.nan_to_num(to_display(rgb, space), nan=0.0, posinf=1.0, neginf=0.0)
    return np.rint(np.clip(display, 0.0, 1.0) * _LARGEST_BYTE).astype(np.uint8)


def _each(values: Floats, space: ColourSpace) -> npt.NDArray[np.uint8]:
    """The bytes of single values, where every channel is converted for itself."""
    return _converted(np.repeat(values[:, None], 3, axis=1), space)[:, 0]


@cache
def _table(space: ColourSpace) -> npt.NDArray[np.uint16] | None:
    """The byte of every 65,536th of 0..1, plus 256 where it is still open; None where channels are mixed.

    Both ends of a bin give the same byte, or it is open and its values are converted. Conversion ascends, so what lies
    between is between.
    """
    probes = np.random.default_rng(0).random((_PROBES, 3), np.float32)
    edges = _each(np.arange(_BINS + 1, dtype=np.float32) / np.float32(_BINS), space)
    alone = np.stack([_each(probes[:, channel], space) for channel in range(3)], axis=1)
    if not np.array_equal(_converted(probes, space), alone) or np.any(np.diff(edges.astype(np.int16)) < 0):
        return None
    return np.asarray(edges[:-1] + np.uint16(_LARGEST_BYTE + 1) * (edges[1:] != edges[:-1]), np.uint16)
