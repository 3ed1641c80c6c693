"""Sharpness match: a face as sharp as the plate is in this frame, in and out of focus."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ..colour import luma_of
from ..frame import Floats
from ..geometry import paste, scale_of
from ..settings import Settings
from .operation import Swapped

__all__ = ["sharpness", "sharpness_match"]

_STEPS = 10
_MOST_BLUR, _MOST_SHARPENING = 4.0, 3.0
_MAD = 1.4826
"""From a median of absolute deviations to a Gaussian's deviation."""


def sharpness_match(face: Swapped, picture: Floats, settings: Settings) -> Floats:
    """``picture`` (h, w, 3), in the plate's colour space, blurred or sharpened until it measures as the plate does, and
    mixed in by ``settings.sharpness_match``. Measured under the mask in this frame alone.
    """
    weight = paste(face.mask, face.matrix, face.region)
    if weight.sum() < 64:
        return picture
    step = max(1.0, 1 / scale_of(face.matrix))
    wanted = sharpness(face.plate, weight, step)

    def measured(change: Callable[[Floats, float], Floats], amount: float) -> float:
        return sharpness(change(picture, amount), weight, step)

    def blurred(values: Floats, amount: float) -> Floats:
        return _gaussian(values, amount * step) if amount > 1e-3 else values

    def sharpened(values: Floats, amount: float) -> Floats:
        return values + np.float32(amount) * (values - _gaussian(values, step))

    too_sharp = sharpness(picture, weight, step) > wanted
    change, low, high = (blurred, 0.0, _MOST_BLUR) if too_sharp else (sharpened, 0.0, _MOST_SHARPENING)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        further = (measured(change, middle) > wanted) is too_sharp
        low, high = (middle, high) if further else (low, middle)
    return np.asarray(picture + np.float32(settings.sharpness_match) * (change(picture, high) - picture), np.float32)


def sharpness(picture: Floats, weight: Floats, step: float) -> float:
    """How much energy of ``picture`` (h, w, 3) lies in fine detail, over that in detail twice as coarse; 0 and up.

    weight: (h, w), where it counts. step: pixels of the finest detail that counts. Grain is measured in the finest
    detail and taken off, since a blurred plate is as grainy as a sharp one.
    """
    luma = luma_of(picture)
    fine, middle, coarse = (_gaussian(luma, factor * step) for factor in (1, 2, 4))
    grain = _grain(luma, weight)
    energies = []
    for one, other, low, high in ((fine, middle, 1, 2), (middle, coarse, 2, 4)):
        energy = float(((one - other) ** 2 * weight).sum() / weight.sum())
        energies.append(max(energy - grain * _gain(low * step, high * step), 1e-12))
    return energies[0] / energies[1]


def _grain(luma: Floats, weight: Floats) -> float:
    """The variance of white noise, from diagonal second differences (Immerkaer, CVIU 64(2), 1996), robustly."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    inside = weight > 0.5
    if not inside.any():
        return 0.0
    response = cv2.filter2D(luma, -1, kernel)[inside]
    return float((_MAD * np.median(np.abs(response)) / 6) ** 2)


def _gain(low: float, high: float) -> float:
    """The variance that a difference of Gaussians of these deviations leaves of white noise of variance 1."""
    return (1 / low**2 + 1 / high**2 - 4 / (low**2 + high**2)) / (4 * np.pi)


def _gaussian(values: Floats, deviation: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE), np.float32)
