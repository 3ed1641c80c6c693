"""Regrain with the plate's own grain: what of it the face lacks is laid over it, pixel for pixel.

It moves as the plate's does, also where a codec holds its residue still, and goes with what of the plate's grain the
face has kept. The plate's features are finer detail, too: so it is held to what the grain measures, and only as much
is added as brings the face's fine texture, frequency by frequency, to the strength of the plate's.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ..colour import luma_of
from ..frame import Floats
from ..settings import RegrainFrom, Settings
from .grain import FLAT, measured, skin
from .operation import Swapped
from .spectrum import along, flattened, rings_of, spectra_of, squares_of, wide_enough

__all__ = ["plate_grain"]

_COARSE = 4.0
"""Deviation, in pixels, of what is too coarse for grain."""
_AROUND, _CHANCE, _MOST = 2.0, 1.3, 2.5
"""Over what deviation, in pixels, strength is measured; how much stronger than grain chance makes it there; and how
many of the grain's deviations a single pixel may be off.
"""
_HELD = 0.15
"""Cycles per pixel below which no more is added than there: what is coarser may be the face's own shading."""
_Doubles = npt.NDArray[np.float64]


def plate_grain(face: Swapped, picture: Floats, settings: Settings) -> Floats:
    """``picture`` (h, w, 3), in the plate's colour space, with the plate's grain as far as it lacks it, times
    ``settings.regrain``.
    """
    if settings.regrain_from is not RegrainFrom.PLATE:
        return picture
    weight = skin(face)
    grain = measured(face.plate, weight)
    if grain is None:
        return picture
    smooth = cv2.GaussianBlur(face.plate, (0, 0), _COARSE, borderType=cv2.BORDER_REPLICATE)
    fine = _held_to(grain.level(luma_of(smooth)), face.plate - smooth)
    added = _weighted(fine, *_lacking(face.plate, picture, weight))
    return np.asarray(picture + np.float32(settings.regrain) * added, np.float32)


def _held_to(level: Floats, fine: Floats) -> Floats:
    """``fine`` (h, w, 3) no stronger than grain of the deviation ``level`` anywhere, so that features fade to that."""
    around = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), _AROUND, borderType=cv2.BORDER_REPLICATE))
    held = fine * np.minimum(_CHANCE * level / np.maximum(around, 1e-12), 1)
    return np.asarray(np.clip(held, -_MOST * level, _MOST * level), np.float32)


def _lacking(plate: Floats, picture: Floats, weight: Floats) -> tuple[_Doubles, _Doubles]:
    """Frequencies (R,) and shares (3, R), 0..1, of the plate that bring the picture's power to the plate's there.

    Powers are those of the least quarter of the squares, where no feature adds to them. With c for what of the picture
    goes with the plate, the share g solves picture + 2 g c + g g plate = plate, in power.
    """
    places = squares_of(weight)
    own, other = (spectra_of(flattened(one, places)[0]) for one in (plate, picture))
    side = own.shape[1]
    frequencies, shares = [0.0], [np.zeros(3)]
    for number, ring in rings_of(side).items():
        powers = [(np.abs(one[:, ring]) ** 2).mean(axis=1) for one in (own, other)]
        full, there = (np.maximum(np.quantile(one, FLAT, axis=0), 1e-20) for one in powers)
        both = (own[:, ring] * other[:, ring].conj()).real.mean(axis=1)
        common = np.median(both / np.sqrt(np.maximum(powers[0] * powers[1], 1e-40)), axis=0) * np.sqrt(full * there)
        root = np.sqrt(np.maximum(common**2 + full * (full - there), 0))
        frequencies.append(number / side)
        shares.append(np.clip((root - common) / full, 0, 1))
    frequency, share = np.array(frequencies), np.array(shares).T
    coarse = frequency < _HELD
    share[:, coarse] = np.minimum(share[:, coarse], share[:, ~coarse][:, :1])
    return frequency, share


def _weighted(picture: Floats, frequency: _Doubles, share: _Doubles) -> Floats:
    """``picture`` (h, w, 3) with every frequency times its ``share`` (3, R)."""
    size = picture.shape[:2]
    (height, width), x, y = wide_enough(size)
    padded = cv2.copyMakeBorder(picture, 0, height - size[0], 0, width - size[1], cv2.BORDER_REFLECT)
    parts = [
        np.fft.irfft2(np.fft.rfft2(one) * shares, (height, width))
        for one, shares in zip(cv2.split(padded), along(x, y, frequency, share), strict=True)
    ]
    return np.dstack([part[: size[0], : size[1]] for part in parts]).astype(np.float32)
