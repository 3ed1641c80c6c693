"""Colour match: gives the face the plate's light and colour."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ..frame import Floats
from ..settings import ColourMatch, Settings
from .operation import Swapped
from .regions import features

__all__ = ["colour_match"]

_WHOLE, _SKIN = 25.0, 15.0
"""Sizes of the local match: from which all of the face counts, and up to which its skin alone does."""
_LITTLE = 1e-3
_LEAST = 16.0
_LEAST_VARIANCE = 1e-5
_MOST_GAIN = 3.0
"""Global matches: the pixels of mask that they need, and what keeps an even face from being blown up."""


def colour_match(face: Swapped, colour: Floats, settings: Settings) -> Floats:
    """``colour`` (S, S, 3), display-referred sRGB, matched to the crop by ``settings.colour_match``, in the way that
    ``settings.colour_match_method`` names. Measured under the mask in this frame alone.
    """
    method = settings.colour_match_method
    if settings.colour_match <= 0 or method is ColourMatch.OFF:
        return colour
    if method is ColourMatch.LOCAL:
        shift = _local(face, colour, settings.colour_match_size)
    elif face.mask.sum() < _LEAST:
        return colour
    elif method is ColourMatch.MEAN_DEVIATION:
        shift = _by_mean_and_deviation(face, colour) - colour
    else:
        shift = _by_covariance(face, colour) - colour
    return np.asarray(colour + np.float32(settings.colour_match) * shift, np.float32)


def _local(face: Swapped, colour: Floats, size: float) -> Floats:
    """What to add, region by region.

    Detail finer than ``size``, in percent of the face's width, stays the network's. Coarser colour, averaged under the
    mask, becomes the plate's, and extends beyond the mask as far as a matte can be expanded. A match finer than a
    quarter of the width would see eyes, brows and mouth: they count less, and are shifted as the skin around them.
    """
    mask, side = face.mask, face.mask.shape[0]
    if size < _WHOLE:
        skin = np.float32(min((_WHOLE - size) / (_WHOLE - _SKIN), 1))
        mask = mask * (1 - skin * features(face.template.on(side), side))
    small = max(8, mask.shape[0] // 8)
    change = cv2.merge([(face.crop - colour) * cv2.merge([mask] * 3), mask])
    coarse = cv2.resize(change, (small, small), interpolation=cv2.INTER_AREA)
    deviation = size / 100 * face.template.face_width * small
    coarse = cv2.GaussianBlur(coarse, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE)
    shift = coarse[..., :3] / (coarse[..., 3:] + _LITTLE)
    return np.asarray(cv2.resize(shift, mask.shape, interpolation=cv2.INTER_CUBIC), np.float32)


def _by_mean_and_deviation(face: Swapped, colour: Floats) -> Floats:
    """Mean and deviation of each channel become the plate's (Reinhard et al., IEEE CG&A 21(5), 2001)."""
    (mean, spread), (goal, wanted) = (_statistics(picture, face.mask) for picture in (colour, face.crop))
    gain = np.sqrt((np.diag(wanted) + _LEAST_VARIANCE) / (np.diag(spread) + _LEAST_VARIANCE))
    return np.asarray((colour - mean) * np.clip(gain, 1 / _MOST_GAIN, _MOST_GAIN) + goal, np.float32)


def _by_covariance(face: Swapped, colour: Floats) -> Floats:
    """Mean and covariance of all channels together become the plate's, by the linear map that moves colours least
    (Pitié and Kokaram, CVMP 2007).
    """
    (mean, spread), (goal, wanted) = (_statistics(picture, face.mask) for picture in (colour, face.crop))
    floor = _LEAST_VARIANCE * np.eye(3)
    root = _root(spread + floor)
    back = np.linalg.inv(root)
    linear = back @ _root(root @ (wanted + floor) @ root) @ back
    return np.asarray((colour - mean) @ linear.T + goal, np.float32)


def _statistics(picture: Floats, weight: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean (3,) and covariance (3, 3) under ``weight`` (S, S)."""
    values, share = picture.reshape(-1, 3).astype(np.float64), (weight / weight.sum()).ravel().astype(np.float64)
    mean = share @ values
    return mean, (values - mean).T @ ((values - mean) * share[:, None])


def _root(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The symmetric square root of a symmetric, positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)
