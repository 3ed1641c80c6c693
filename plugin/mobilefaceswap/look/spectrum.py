"""Spectra of small squares of a picture, and smooth curves through them.

Codecs leave a grid of blocks in a plate. A grid is not grain: it lies along the axes of a spectrum, so curves are
fitted beside them, and what is coarser than a block is held to what the finer rest lets expect.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ..colour import luma_of
from ..frame import Floats

__all__ = [
    "Curves",
    "along",
    "beside_axes",
    "fitted",
    "flattened",
    "radii",
    "rings_of",
    "spectra_of",
    "squares_of",
    "wide_enough",
]

_SIDES = (32, 16)
"""Sides of the squares, in pixels: the smaller ones for faces that hold too few of the larger."""
_MOST_SQUARES, _ENOUGH = 600, 12
_AXIS = 1 / 16
"""Cycles per pixel beside an axis of the spectrum within which a codec's grid may lie."""
_COARSE, _MIDDLE, _EXCESS = 0.15, 0.36, 1.5
"""Cycles per pixel up to which power is held to the trend of what lies between the two, and to how many times that."""
_TURNED, _MOST_LEAN, _FEWEST = 0.2, 3.0, 6
"""From how far beside a diagonal a frequency counts as along an axis; the most that a spectrum may lean, since the axes
themselves are not seen; and how many frequencies tell whether it does.
"""
_APART = 32
"""Pixels between opposite edges of a picture, which a Fourier transform would join."""
_Doubles = npt.NDArray[np.float64]
_Places = list[tuple[slice, slice]]


@dataclass(frozen=True, eq=False)
class Curves:
    """A smooth spectrum of three channels, which averages to 1 over all frequencies.

    frequency: (R,), ascending, in cycles per pixel. power: (3, R), the logarithm of the variance by frequency; lean:
    (3, R), what is added to it along x and taken off along y.
    """

    frequency: _Doubles
    power: _Doubles
    lean: _Doubles

    def at(self, x: _Doubles, y: _Doubles) -> _Doubles:
        """(3, ...): the variance at frequencies in cycles per pixel."""
        power, lean = (along(x, y, self.frequency, rows) for rows in (self.power, self.lean))
        return np.asarray(np.exp(power + lean * _turn(x, y)))


def along(x: _Doubles, y: _Doubles, frequency: _Doubles, rows: _Doubles) -> _Doubles:
    """(C, ...): what ``rows`` (C, R) are at ``frequency`` (R,), in every direction, at frequencies (x, y)."""
    radius = np.hypot(x, y)
    return np.stack([np.interp(radius, frequency, row) for row in rows])


def wide_enough(size: tuple[int, ...]) -> tuple[tuple[int, int], _Doubles, _Doubles]:
    """Height and width, at least those of ``size``, at which a Fourier transform is quick and no edge of a picture sees
    the opposite one; and the frequencies (x, y) of a real transform there, in cycles per pixel.
    """
    height, width = (cv2.getOptimalDFTSize(count + _APART) for count in size)
    x, y = np.meshgrid(np.fft.rfftfreq(width), np.fft.fftfreq(height))
    return (height, width), x, y


def fitted(power: _Doubles) -> tuple[Curves, _Doubles]:
    """The curves through a spectrum (B, B, 3), and their mean over that of ``power`` beside the axes, (3,)."""
    side = power.shape[0]
    turn, rings = _turn(*_frequencies(side)), rings_of(side)
    frequency = np.array([*rings]) / side
    lean = np.array([_lean(power[ring], turn[ring]) for ring in rings.values()]).T
    coarse, middle = frequency < _COARSE, (frequency >= _COARSE) & (frequency <= _MIDDLE)
    # What blurs more along one axis leans by the square of the frequency.
    lean[:, coarse] = (lean[:, middle] / frequency[middle] ** 2).mean(axis=1)[:, None] * frequency[coarse] ** 2
    bent = [np.exp(turn[ring][:, None] * row).mean(axis=0) for ring, row in zip(rings.values(), lean.T, strict=True)]
    means = np.array([power[ring].mean(axis=0) for ring in rings.values()])
    shape = _held_to_trend(frequency, np.log(np.maximum(means, 1e-30) / bent).T)
    total = Curves(frequency, shape, lean).at(*_frequencies(side)).mean(axis=(1, 2))
    curves = Curves(frequency, shape - np.log(total)[:, None], lean)
    return curves, total / power[beside_axes(side)].mean(axis=0)


def _lean(power: _Doubles, turn: _Doubles) -> _Doubles:
    """(3,): by how much the logarithm of ``power`` (K, 3) grows with ``turn`` (K,), from its means on either side."""
    along, across = turn > _TURNED, turn < -_TURNED
    if min(along.sum(), across.sum()) < _FEWEST:
        return np.zeros(3)
    ratio = np.maximum(power[along].mean(axis=0), 1e-30) / np.maximum(power[across].mean(axis=0), 1e-30)
    lean = np.log(ratio) / (turn[along].mean() - turn[across].mean())
    return np.asarray(np.clip(lean, -_MOST_LEAN, _MOST_LEAN))


def _held_to_trend(frequency: _Doubles, shape: _Doubles) -> _Doubles:
    """Coarse power limited by the trend of the finer: a straight line over the squared frequency, as blur makes it."""
    known, coarse = (frequency >= _COARSE) & (frequency <= _MIDDLE), frequency < _COARSE
    held = shape.copy()
    for row, line in zip(held, shape, strict=True):
        slope, start = np.polyfit(frequency[known] ** 2, line[known], 1)
        most = start + min(slope, 0.0) * frequency[coarse] ** 2 + np.log(_EXCESS)
        row[coarse] = np.minimum(line[coarse], most)
    return held


def spectra_of(squares: _Doubles) -> npt.NDArray[np.complex128]:
    """(N, B, B, 3): Fourier transforms, windowed, whose squares average to the variance."""
    line = np.hanning(squares.shape[1] + 2)[1:-1]
    window = np.outer(line, line)
    return np.asarray(np.fft.fft2(squares * window[..., None], axes=(1, 2)) / np.sqrt((window**2).sum()))


def squares_of(weight: Floats) -> _Places:
    """Squares that lie wholly where ``weight`` (h, w) is above a half, all of one size, and overlapping by half."""
    chosen: _Places = []
    for side in _SIDES:
        inside = cv2.erode((weight > 0.5).astype(np.uint8), np.ones((side, side), np.uint8), anchor=(0, 0))
        inside = inside[
            : max(weight.shape[0] - side + 1, 0) : side // 2, : max(weight.shape[1] - side + 1, 0) : side // 2
        ]
        corners = np.argwhere(inside) * (side // 2)
        if len(corners) >= _ENOUGH or side == _SIDES[-1]:
            step = max(1, -(-len(corners) // _MOST_SQUARES))
            chosen = [np.s_[y : y + side, x : x + side] for y, x in corners[::step].tolist()]
            break
    return chosen


def flattened(picture: Floats, places: _Places) -> tuple[_Doubles, _Doubles]:
    """(N, B, B, 3) squares of ``picture`` without their mean and slope, and their mean luminance (N,)."""
    if not places:
        return np.zeros((0, _SIDES[-1], _SIDES[-1], 3)), np.zeros(0)
    squares = np.stack([picture[place] for place in places]).astype(np.float64)
    luma = luma_of(squares).mean(axis=(1, 2))
    side = squares.shape[1]
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    plane = np.stack([np.ones_like(x), x, y]).reshape(3, -1)
    plane /= np.linalg.norm(plane, axis=1, keepdims=True)
    flat = squares.reshape(len(squares), -1, 3)
    flat = flat - np.einsum("pk,npc->nkc", plane, np.einsum("pk,nkc->npc", plane, flat))
    return flat.reshape(squares.shape), luma


def _frequencies(side: int) -> tuple[_Doubles, _Doubles]:
    """(B, B) each: x and y in cycles per pixel."""
    line = np.fft.fftfreq(side)
    x, y = np.meshgrid(line, line)
    return x, y


def radii(side: int) -> _Doubles:
    """(B, B): the distance of every frequency from 0, in cycles per pixel."""
    return np.asarray(np.hypot(*_frequencies(side)))


def rings_of(side: int) -> dict[int, npt.NDArray[np.bool_]]:
    """Rings (B, B) of the spectrum by their radius in cycles per square, beside the axes as far as anything lies there.

    What is coarser than two cycles is lost with a square's slope.
    """
    radius, beside = np.rint(radii(side) * side).astype(int), beside_axes(side)
    return {number: (radius == number) & (beside | (number < _COARSE * side)) for number in range(2, radius.max() + 1)}


def _turn(x: _Doubles, y: _Doubles) -> _Doubles:
    """1 along x, -1 along y, 0 between them: the cosine of twice the angle."""
    return np.asarray((x**2 - y**2) / np.maximum(x**2 + y**2, 1e-12))


def beside_axes(side: int) -> npt.NDArray[np.bool_]:
    """(B, B): the frequencies at which a codec's grid does not show."""
    x, y = _frequencies(side)
    return np.asarray((np.abs(x) > _AXIS) & (np.abs(y) > _AXIS))
