"""Regrain: the plate's own grain on the face, as far as the face lacks it.

Grain is measured in the flattest blocks around the face: its spectrum and its correlation between channels, and its
strength in each channel by luminance. The same frame gets the same grain in any order of rendering.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ..colour import luma_of
from ..frame import Floats
from ..geometry import paste
from ..settings import Settings
from .operation import Swapped

__all__ = ["Grain", "measured", "regrained"]

_BLOCK, _HOP = 32, 16
_FLAT, _CHANCE = 0.25, 1.8
"""The share of blocks that are taken to be flat, and how far above them chance may raise another one's coarse part."""
_FEWEST = 6
_BINS = 6
_STILL = 1e-5
_Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grain:
    """Grain as it was measured.

    power: (3, B, B), its variance by frequency, unshifted, with mean 1 in each channel. correlation: (3, 3) between
    channels. luma: ascending; levels: (3, len(luma)), the deviation of each channel there.
    """

    power: _Doubles
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
    weight = paste(face.mask, face.matrix, face.region)
    plate = measured(face.plate, np.ones_like(weight))
    if plate is None:
        return picture
    luma = luma_of(cv2.GaussianBlur(picture, (0, 0), 2))
    under = luma[weight > 0.5] if (weight > 0.5).any() else luma.ravel()
    typical = np.median(under).astype(np.float32)
    wanted = plate.power * plate.level(typical)[:, None, None].astype(np.float64) ** 2
    there, full = _least(picture, weight), _least(face.plate, weight)
    lacking = wanted * (1 - np.minimum(there / np.maximum(full, 1e-20), 1))
    total = lacking.mean(axis=(1, 2), keepdims=True)
    field = _field(plate.correlation, lacking / np.maximum(total, 1e-20), picture.shape[:2], _seed(face))
    strength = np.sqrt(total[:, 0, 0]) / np.maximum(plate.level(typical), 1e-10) * plate.level(luma)
    return np.asarray(picture + np.float32(settings.regrain) * strength * field, np.float32)


def measured(picture: Floats, weight: Floats) -> Grain | None:
    """The grain of ``picture`` (h, w, 3) where ``weight`` (h, w) is above a half; None where there is too little to
    see.
    """
    blocks, luma = _blocks(picture, weight)
    alive = blocks.std(axis=(1, 2)).min(axis=1, initial=1) > _STILL
    # Clipped and drawn areas hold no grain; where they are most of the picture, it has none.
    if alive.sum() < max(_FEWEST, _FLAT * len(blocks)):
        return None
    blocks, luma = blocks[alive], luma[alive]
    spectra = _spectra(blocks)
    power = np.abs(spectra) ** 2
    radius = _radius()
    # Flat blocks hold little that is coarse for what they hold that is fine; grain keeps that ratio at any strength.
    fine = power[:, radius > _BLOCK / 8].mean(axis=1)
    coarse = power[:, (radius > 1) & (radius <= _BLOCK / 8)].mean(axis=1)
    ratio = (coarse / fine).mean(axis=1)
    # Well above what chance does to grain alone: a tighter choice would pick blocks whose coarse grain is weak.
    flat = np.argsort(ratio)[: max(_FEWEST, int((ratio <= _CHANCE * np.quantile(ratio, _FLAT)).sum()))]
    spectra, power, luma = spectra[flat], power[flat], luma[flat]
    power[:, radius < 2] = power[:, (radius >= 2) & (radius < 3)].mean(axis=1)[:, None]  # lost with the slope
    energy = power.mean(axis=(1, 2))
    shape = (power / energy[:, None, None]).mean(axis=0)
    unit = spectra / np.sqrt(energy)[:, None, None]
    correlation = np.einsum("nxyi,nxyj->ij", unit, unit.conj()).real
    scale = np.sqrt(np.diag(correlation))
    edges = np.array_split(np.argsort(luma), min(_BINS, max(1, len(luma) // _FEWEST)))
    return Grain(
        shape.transpose(2, 0, 1) / shape.mean(axis=(0, 1))[:, None, None],
        correlation / np.outer(scale, scale),
        np.array([np.median(luma[part]) for part in edges]),
        np.array([np.sqrt(np.median(energy[part], axis=0)) for part in edges]).T,
    )


def _least(picture: Floats, weight: Floats) -> _Doubles:
    """(3, B, B): the variance by frequency of the least quarter of the blocks, ring by ring, 0 where there are too few.

    A face's features add to some blocks, grain to all. The plate and the face under the same mask are measured alike,
    so that their quotient says how much of the grain is there.
    """
    blocks, _ = _blocks(picture, weight)
    least = np.zeros((3, _BLOCK, _BLOCK))
    if len(blocks) < _FEWEST:
        return least
    power, rings = np.abs(_spectra(blocks)) ** 2, np.rint(_radius())
    for ring in np.unique(rings):
        there = rings == ring
        least[:, there] = np.quantile(power[:, there].mean(axis=1), _FLAT, axis=0)[..., None]
    return least


def _spectra(blocks: _Doubles) -> npt.NDArray[np.complex128]:
    """(N, B, B, 3): Fourier transforms, windowed, whose squares average to the variance."""
    line = np.hanning(_BLOCK + 2)[1:-1]
    window = np.outer(line, line)
    return np.asarray(np.fft.fft2(blocks * window[..., None], axes=(1, 2)) / np.sqrt((window**2).sum()))


def _blocks(picture: Floats, weight: Floats) -> tuple[_Doubles, _Doubles]:
    """(N, B, B, 3) blocks without their mean and slope, and their mean luminance (N,)."""
    height, width = weight.shape
    if min(height, width) < _BLOCK:
        return np.zeros((0, _BLOCK, _BLOCK, 3)), np.zeros(0)
    tops, lefts = np.mgrid[0 : height - _BLOCK + 1 : _HOP, 0 : width - _BLOCK + 1 : _HOP].reshape(2, -1)
    places = [np.s_[y : y + _BLOCK, x : x + _BLOCK] for y, x in zip(tops, lefts, strict=True)]
    whole = [place for place in places if weight[place].min() > 0.5]
    if not whole:
        return np.zeros((0, _BLOCK, _BLOCK, 3)), np.zeros(0)
    blocks = np.stack([picture[place] for place in whole]).astype(np.float64)
    luma = luma_of(blocks).mean(axis=(1, 2))
    y, x = np.mgrid[:_BLOCK, :_BLOCK] - (_BLOCK - 1) / 2
    plane = np.stack([np.ones_like(x), x, y]).reshape(3, -1)
    plane /= np.linalg.norm(plane, axis=1, keepdims=True)
    flat = blocks.reshape(len(blocks), -1, 3)
    flat = flat - np.einsum("pk,npc->nkc", plane, np.einsum("pk,nkc->npc", plane, flat))
    return flat.reshape(blocks.shape), luma


def _radius() -> _Doubles:
    """(B, B): distance of every frequency from 0, in cycles per block."""
    line = np.fft.fftfreq(_BLOCK, 1 / _BLOCK)
    return np.asarray(np.hypot(*np.meshgrid(line, line)))


def _seed(face: Swapped) -> np.random.Generator:
    return np.random.default_rng([face.time % 2**32, face.region.x1, face.region.y1])


def _field(correlation: _Doubles, power: _Doubles, size: tuple[int, int], random: np.random.Generator) -> Floats:
    """(h, w, 3) noise of deviation 1 with this spectrum (3, B, B) and correlation (3, 3)."""
    mixing = np.linalg.cholesky(correlation + 1e-6 * np.eye(3))
    white = random.standard_normal((*size, 3)) @ mixing.T
    frequencies = [np.fft.fftfreq(count) * _BLOCK % _BLOCK for count in size]
    y, x = np.meshgrid(*frequencies, indexing="ij")
    channels = []
    for channel in range(3):
        # Spectra fall steeply: between the block's frequencies they are interpolated as logarithms.
        known = np.pad(np.log(np.maximum(power[channel], 1e-12)) / 2, ((0, 1), (0, 1)), mode="wrap")
        places = x.astype(np.float32), y.astype(np.float32)
        amplitude = np.exp(cv2.remap(known.astype(np.float32), *places, cv2.INTER_LINEAR).astype(np.float64))
        amplitude /= max(float(np.sqrt((amplitude**2).mean())), 1e-12)
        channels.append(np.fft.ifft2(np.fft.fft2(white[..., channel]) * amplitude).real)
    return np.stack(channels, axis=-1).astype(np.float32)
