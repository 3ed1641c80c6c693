"""What is done to the edge of a matte: moving it, softening it on one side, drawing it in where the plate is dark.

Distances are pixels of the crop; mattes are (S, S), 0..1.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ..colour import luma_of
from ..frame import Floats

__all__ = [
    "OCTAGON",
    "blurred",
    "drawn_in",
    "moved",
    "smooth_step",
    "softened_edge",
    "softened_inside",
    "softened_outside",
]

OCTAGON = (
    cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)),
    cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3)),
)
_LEVELS = 8
_LITTLE = 1e-4
_FROM, _TO = 0.2, 0.5
"""How far a tone must lie between the face's and black or white to count as dark or bright, and to count in full."""


def moved(matte: Floats, distance: float) -> Floats:
    """Moves the edge outwards by ``distance`` pixels, inwards if negative; fractions count.

    Alternating cross and square makes an octagon, within 8 % of a disc.
    """
    operation = cv2.dilate if distance > 0 else cv2.erode
    whole, part = divmod(abs(distance), 1.0)
    for step in range(int(whole)):
        matte = np.asarray(operation(matte, OCTAGON[step % 2]), np.float32)
    if part == 0:
        return matte
    further = np.asarray(operation(matte, OCTAGON[int(whole) % 2]), np.float32)
    return matte + np.float32(part) * (further - matte)


def blurred(matte: Floats, width: float) -> Floats:
    """A Gaussian whose edge runs from black to white over about ``width`` pixels (two deviations)."""
    if width <= 0:
        return matte
    return np.asarray(cv2.GaussianBlur(matte, (0, 0), width / 2, borderType=cv2.BORDER_REPLICATE), np.float32)


def softened_inside(matte: Floats, width: float) -> Floats:
    """The edge fades over ``width`` pixels inwards from where it is; nothing is added outside."""
    if width <= 0:
        return matte
    return np.minimum(matte, blurred(moved(matte, -width / 2), width / 2))


def softened_outside(matte: Floats, width: float) -> Floats:
    """The edge fades over ``width`` pixels outwards from where it is; the core stays as it is."""
    if width <= 0:
        return matte
    return np.maximum(matte, blurred(moved(matte, width / 2), width / 2))


def softened_edge(matte: Floats, width: float) -> Floats:
    """Softens the outline as ``blurred`` does, and nothing else: a matte's inner tones keep their bits."""
    if width <= 0:
        return matte
    core = np.asarray(matte >= 0.5, np.float32)
    band = moved(core, 1.5 * width) - moved(core, -1.5 * width)
    near = np.where(band > 0, blurred(band, width), np.float32(0))
    return np.asarray(matte + near * (blurred(matte, width) - matte), np.float32)


def drawn_in(matte: Floats, crop: Floats, dark: float, bright: float, width: float) -> Floats:
    """Moves the edge inwards where the plate along it is darker or brighter than the face, by up to ``dark`` and
    ``bright``.

    crop: (S, S, 3) of the plate, display-referred sRGB, 0..1. The face's tone is the median luma under the matte; that
    of a place on the edge is taken over about ``width`` pixels, so that single hairs do not fray the edge.
    """
    core = np.asarray(matte > 0.5, np.float32)
    if (dark <= 0 and bright <= 0) or not core.any():
        return matte
    luma = luma_of(crop)
    face = float(np.clip(np.median(luma[core > 0]), 1e-3, 1 - 1e-3))
    rim = moved(core, width / 2) - moved(core, -width / 2)
    tone = blurred(luma, width)
    wanted = dark * _share((face - tone) / face) + bright * _share((tone - face) / (1 - face))
    most = max(dark, bright)
    # What the nearest stretch of the edge asks for, so that no rim stays behind where the edge moves.
    reach = 2 * (most + width)
    position = blurred(wanted * rim, reach) / (blurred(rim, reach) + _LITTLE) * (_LEVELS / most)
    result = matte
    for level in range(_LEVELS):
        further = moved(matte, -most * (level + 1) / _LEVELS)
        result = result + np.clip(position - level, 0, 1) * (further - result)
    return np.asarray(result, np.float32)


def _share(beyond: Floats) -> Floats:
    return smooth_step(np.clip((beyond - _FROM) / (_TO - _FROM), 0, 1))


def smooth_step(share: npt.NDArray[Any]) -> Floats:
    """``share``, 0..1, risen from 0 to 1 with no slope at either end."""
    return np.asarray(share * share * (3 - 2 * share), np.float32)
