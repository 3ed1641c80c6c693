"""Regrain: the plate's own grain on the face, as far as the face lacks it.

Grain is measured in the flattest squares of the plate's skin: its spectrum, its correlation between channels, and its
strength in each channel by luminance. What is drawn is a Gaussian field with that spectrum and random phases (Galerne,
Gousseau and Morel, IEEE TIP 20(1), 2011). The same frame gets the same grain in any order of rendering.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ..colour import luma_of
from ..frame import Floats
from ..geometry import paste
from ..settings import RegrainFrom, Settings
from .operation import Swapped
from .regions import features
from .spectrum import (
    Curves,
    along,
    beside_axes,
    fitted,
    flattened,
    radii,
    rings_of,
    spectra_of,
    squares_of,
    wide_enough,
)

__all__ = ["FLAT", "Grain", "measured", "regrained", "skin"]

FLAT, _CHANCE = 0.25, 1.8
"""The share of squares that are taken to be flat, and how far above them chance may raise another one's coarse part."""
_FEWEST = 6
_BINS = 6
_STILL = 1e-5
_Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grain:
    """Grain as it was measured.

    spectrum: of variance 1. correlation: (3, 3) between channels. luma: ascending; levels: (3, len(luma)), the
    deviation of each channel there.
    """

    spectrum: Curves
    correlation: _Doubles
    luma: _Doubles
    levels: _Doubles

    def level(self, luma: Floats) -> Floats:
        """(..., 3): the deviation of each channel at these luminances."""
        return np.stack([np.interp(luma, self.luma, values) for values in self.levels], axis=-1).astype(np.float32)


def regrained(face: Swapped, picture: Floats, settings: Settings) -> Floats:
    """``picture`` (h, w, 3), in the plate's colour space, with the grain it lacks, times ``settings.regrain``.

    The grain comes from the frame's number and the face's place alone.
    """
    if settings.regrain_from is not RegrainFrom.NEW:
        return picture
    weight = skin(face)
    grain = measured(face.plate, weight)
    if grain is None:
        return picture
    lacks = _lacking(face.plate, picture, weight)
    field = _field(grain, lacks, picture.shape[:2], _seed(face))
    strength = grain.level(luma_of(cv2.GaussianBlur(picture, (0, 0), 2)))
    return np.asarray(picture + np.float32(settings.regrain) * strength * field, np.float32)


def skin(face: Swapped) -> Floats:
    """(h, w), 0..1: the mask without eyes, brows, nostrils and mouth, whose fine detail would count as grain."""
    side = face.mask.shape[0]
    return paste(face.mask * (1 - features(face.template.on(side), side)), face.matrix, face.region)


def measured(picture: Floats, weight: Floats) -> Grain | None:
    """The grain of ``picture`` (h, w, 3) where ``weight`` (h, w) is above a half; None where there is too little to
    see.
    """
    squares, luma = flattened(picture, squares_of(weight))
    alive = squares.std(axis=(1, 2)).min(axis=1, initial=1) > _STILL
    # Clipped and drawn areas hold no grain; where they are most of the picture, it has none.
    if alive.sum() < max(_FEWEST, FLAT * len(squares)):
        return None
    squares, luma = squares[alive], luma[alive]
    spectra = spectra_of(squares)
    flat = _flattest(np.abs(spectra) ** 2)
    spectra, luma = spectra[flat], luma[flat]
    power = np.abs(spectra) ** 2
    beside = beside_axes(power.shape[1])
    # The grid of a codec would make grain stronger than it is.
    energy = power[:, beside].mean(axis=1)
    spectrum, total = fitted((power / energy[:, None, None]).mean(axis=0))
    unit = spectra[:, beside] / np.sqrt(energy)[:, None]
    correlation = np.einsum("nfi,nfj->ij", unit, unit.conj()).real
    scale = np.sqrt(np.diag(correlation))
    edges = np.array_split(np.argsort(luma), min(_BINS, max(1, len(luma) // _FEWEST)))
    return Grain(
        spectrum,
        correlation / np.outer(scale, scale),
        np.array([np.median(luma[part]) for part in edges]),
        np.array([np.sqrt(np.median(energy[part], axis=0) * total) for part in edges]).T,
    )


def _flattest(power: _Doubles) -> npt.NDArray[np.intp]:
    """Which of the squares with these spectra (N, B, B, 3) are flat: they hold little that is coarse for what they hold
    that is fine, a ratio that grain keeps at any strength.
    """
    radius = radii(power.shape[1])
    fine = power[:, radius > 1 / 8].mean(axis=1)
    coarse = power[:, (radius > 1 / power.shape[1]) & (radius <= 1 / 8)].mean(axis=1)
    ratio = (coarse / fine).mean(axis=1)
    # Well above what chance does to grain alone: a tighter choice would pick squares whose coarse grain is weak.
    count = int((ratio <= _CHANCE * np.quantile(ratio, FLAT)).sum())
    return np.argsort(ratio)[: max(_FEWEST, count)]


def _lacking(plate: Floats, picture: Floats, weight: Floats) -> tuple[_Doubles, _Doubles]:
    """Frequencies (R,) and shares (3, R), 0..1: how much of the plate's grain, as variance, the picture lacks.

    A face's features add to some squares, grain to all. The least quarter of the plate's squares under the mask and of
    the picture's are measured alike, so that their quotient says how much of the grain is there.
    """
    places = squares_of(weight)
    power = [np.abs(spectra_of(flattened(one, places)[0])) ** 2 for one in (picture, plate)]
    side = power[0].shape[1]
    rings = rings_of(side)
    there, full = (
        np.array([np.quantile(one[:, ring].mean(axis=1), FLAT, axis=0) for ring in rings.values()]) for one in power
    )
    return np.array([*rings]) / side, 1 - np.minimum(there / np.maximum(full, 1e-20), 1).T


def _seed(face: Swapped) -> np.random.Generator:
    return np.random.default_rng([face.time % 2**32, face.region.x1, face.region.y1])


def _field(
    grain: Grain, lacks: tuple[_Doubles, _Doubles], size: tuple[int, int], random: np.random.Generator
) -> Floats:
    """(h, w, 3) noise with the grain's spectrum and correlation, of deviation 1 where all of it lacks."""
    mixing = np.linalg.cholesky(grain.correlation + 1e-6 * np.eye(3))
    wide, x, y = wide_enough(size)
    white = (random.standard_normal((*wide, 3), np.float32) @ mixing.T.astype(np.float32)).transpose(2, 0, 1)
    shaped = np.fft.rfft2(white) * np.sqrt(grain.spectrum.at(x, y) * along(x, y, *lacks))
    field = np.fft.irfft2(shaped, wide)[:, : size[0], : size[1]]
    return np.ascontiguousarray(field.transpose(1, 2, 0), np.float32)
