"""Sharpness match: a face as sharp as the plate is in this frame, in and out of focus."""

from __future__ import annotations

import cv2
import numpy as np

from ..colour import luma_of
from ..frame import Floats
from ..geometry import paste, scale_of
from ..settings import Settings
from .detail import plate_detail
from .operation import Swapped

__all__ = ["sharpness", "sharpness_match"]

_STEPS = 10
_MOST_BLUR, _MOST_SHARPENING = 4.0, 3.0
_MAD = 1.4826
"""From a median of absolute deviations to a Gaussian's deviation."""


def sharpness_match(face: Swapped, picture: Floats, settings: Settings) -> Floats:
    """``picture`` (h, w, 3), in the plate's colour space, blurred or sharpened until it measures as the plate does, and
    mixed in by ``settings.sharpness_match``. Measured under the mask in this frame alone, together with the detail that
    Plate Detail will add, which would else be made up for twice. A face with stronger shading than the plate's is not
    sharpened beyond the plate's own fine detail.
    """
    weight = paste(face.mask, face.matrix, face.region)
    if weight.sum() < 64:
        return picture
    step = max(1.0, 1 / scale_of(face.matrix))
    plate = _energies(face.plate, weight, step)
    detail = plate_detail(face, np.zeros_like(picture), settings)

    def too_sharp(values: Floats) -> bool:
        fine, middle = _energies(values + detail, weight, step)
        return fine / middle > plate[0] / plate[1]

    def enough(values: Floats) -> bool:
        fine, middle = _energies(values + detail, weight, step)
        return fine / middle > plate[0] / plate[1] or fine > plate[0]

    def blurred(values: Floats, amount: float) -> Floats:
        return _gaussian(values, amount * step) if amount > 1e-3 else values

    def sharpened(values: Floats, amount: float) -> Floats:
        return values + np.float32(amount) * (values - _gaussian(values, step))

    if too_sharp(picture):
        change, goes_on, low, high = blurred, too_sharp, 0.0, _MOST_BLUR
    elif enough(picture):
        return picture
    else:
        change, goes_on, low, high = sharpened, lambda values: not enough(values), 0.0, _MOST_SHARPENING
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if goes_on(change(picture, middle)) else (low, middle)
    return np.asarray(picture + np.float32(settings.sharpness_match) * (change(picture, high) - picture), np.float32)


def sharpness(picture: Floats, weight: Floats, step: float) -> float:
    """How much energy of ``picture`` (h, w, 3) lies in fine detail, over that in detail twice as coarse; 0 and up.

    weight: (h, w), where it counts. step: pixels of the finest detail that counts. Grain is measured in the finest
    detail and taken off, since a blurred plate is as grainy as a sharp one.
    """
    fine, middle = _energies(picture, weight, step)
    return fine / middle


def _energies(picture: Floats, weight: Floats, step: float) -> tuple[float, float]:
    """The energies of fine detail and of detail twice as coarse, without grain."""
    luma = luma_of(picture)
    fine, middle, coarse = (_gaussian(luma, factor * step) for factor in (1, 2, 4))
    grain = _grain(luma, weight)

    def energy(one: Floats, other: Floats, low: float, high: float) -> float:
        found = float(((one - other) ** 2 * weight).sum() / weight.sum())
        return max(found - grain * _gain(low * step, high * step), 1e-12)

    return energy(fine, middle, 1, 2), energy(middle, coarse, 2, 4)


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
