"""Measures of one swapped picture beside its plate. Pictures are (H, W, 3), mattes (H, W), 0..1."""

from __future__ import annotations

import cv2
import numpy as np

from ...colour import luma_of
from ...frame import Floats
from ...look.beyond import HIGHLIGHT

__all__ = ["changed_outside", "edge_shift", "flicker", "grain", "highlight_error", "seam", "tint"]

_FULL = 0.999
_NEAR, _FAR, _SECTORS, _LEAST = 0.02, 0.06, 24, 8
"""Of the rings along a matte's edge: from and to, in widths of the matte; in how many sectors; least pixels in one."""
_BLOCK, _HOP, _BANDS, _GRAIN = 16, 8, ((0.15, 0.25), (0.25, 0.35), (0.35, 0.5)), 0.25
"""Of grain: squares of pixels, bands of frequencies in cycles per pixel, and the quantile of squares that counts."""
_UNSEEN = 1 / (255 * 12**0.5)
"""Amplitude of grain that nobody sees: the deviation of what rounding to eight bits changes."""


def changed_outside(plate: Floats, composite: Floats, matte: Floats) -> int:
    """How many values differ in a bit where the matte is 0. Both in the plate's own space."""
    outside = matte == 0
    same = (plate[outside] == composite[outside]) | (np.isnan(plate[outside]) & np.isnan(composite[outside]))
    return int(np.count_nonzero(~same))


def highlight_error(plate: Floats, composite: Floats, matte: Floats, luma: Floats) -> float | None:
    """Median of how far highlights under a full matte are off, as a share of them; None where there is none.

    luma: (H, W), the plate's in display-referred sRGB. A highlight lies a stop above white, or more.
    """
    there = ((luma >= HIGHLIGHT) & (matte >= _FULL))[..., None] & (plate > 1)
    return float(np.median(np.abs(composite[there] / plate[there] - 1))) if there.any() else None


def seam(plate: Floats, composite: Floats, matte: Floats) -> float | None:
    """How much the matte's edge stands out: CIELAB distance (1976) of a ring inside to one outside, less the plate's.

    Display-referred sRGB, 0..1. Sector by sector around the matte; one whose seam is weaker than the plate's counts as
    0. The median of the sectors; None where the matte has no edge.
    """
    core = matte >= 0.5
    if not core.any() or core.all():
        return None
    y, x = np.nonzero(core)
    width = float(np.sqrt(core.sum()))
    rows, columns = np.mgrid[: matte.shape[0], : matte.shape[1]]
    turn = np.arctan2(rows - y.mean(), columns - x.mean()) / (2 * np.pi) + 0.5
    sector = (turn * _SECTORS).astype(int) % _SECTORS
    away = [cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5) for part in (core, ~core)]
    rings = [(distance > _NEAR * width) & (distance <= _FAR * width) for distance in away]
    before, after = _lab(plate), _lab(composite)
    worse = []
    for number in range(_SECTORS):
        parts = [ring & (sector == number) for ring in rings]
        if min(int(part.sum()) for part in parts) >= _LEAST:
            inner, outer = parts
            was, now = (np.linalg.norm(lab[inner].mean(axis=0) - lab[outer].mean(axis=0)) for lab in (before, after))
            worse.append(max(float(now - was), 0.0))
    return float(np.median(worse)) if worse else None


def tint(plate: Floats, composite: Floats, matte: Floats) -> Floats | None:
    """(3,): the mean CIELAB colour (1976) of the swap less the plate's, under the matte; None where that is empty.

    Display-referred sRGB, 0..1. Light that changes in the plate changes it in neither; a colour match that pumps does.
    """
    total = float(matte.sum())
    if total < _LEAST:
        return None
    return np.asarray(((_lab(composite) - _lab(plate)) * matte[..., None]).sum(axis=(0, 1)) / total, np.float32)


def flicker(plates: tuple[Floats, Floats], composites: tuple[Floats, Floats], matte: Floats) -> float | None:
    """Motion-compensated difference of two frames in a row under the matte, the swap's over the plate's; 1: no flicker.

    The second of each pair is the one that ``matte`` belongs to. Display-referred sRGB, 0..1.
    """
    inside = matte > 0.5
    if not inside.any():
        return None
    before, now = (np.clip(255 * luma_of(plate), 0, 255).astype(np.uint8) for plate in plates)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(
        now, before, np.zeros((*now.shape, 2), np.float32)
    )
    rows, columns = np.mgrid[: now.shape[0], : now.shape[1]].astype(np.float32)
    to = columns + flow[..., 0], rows + flow[..., 1]
    moved = [
        float(
            np.abs(cv2.remap(pair[0], *to, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) - pair[1])[inside].mean()
        )
        for pair in (plates, composites)
    ]
    return moved[1] / max(moved[0], 1e-6)


def grain(plate: Floats, composite: Floats, matte: Floats) -> list[float] | None:
    """Amplitude of fine luma, the swap's over the plate's, in three bands from 0.15 to 0.5 cycles per pixel.

    Over the half of the squares under a full matte that are flatter in both pictures: two people's features lie in
    different places. Of those the least quarter counts, since features add to some squares, grain to all. Weaker than
    ``_UNSEEN`` counts as that: a clean plate has no grain that a face's skin could miss or exceed. None where there are
    fewer than eight squares. Display-referred.
    """
    squares = [
        (slice(top, top + _BLOCK), slice(left, left + _BLOCK))
        for top in range(0, matte.shape[0] - _BLOCK + 1, _HOP)
        for left in range(0, matte.shape[1] - _BLOCK + 1, _HOP)
        if matte[top : top + _BLOCK, left : left + _BLOCK].min() >= _FULL
    ]
    lumas = luma_of(plate), luma_of(composite)
    coarse = [cv2.GaussianBlur(luma, (0, 0), 2) for luma in lumas]
    rough = {place: max(float(one[square].std()) for one in coarse) for place, square in enumerate(squares)}
    flat = [squares[place] for place in sorted(rough, key=rough.__getitem__)[: (len(squares) + 1) // 2]]
    if len(flat) < 8:
        return None
    window = np.outer(np.hanning(_BLOCK), np.hanning(_BLOCK))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(_BLOCK), np.fft.fftfreq(_BLOCK)))
    power = [
        np.stack([np.abs(np.fft.fft2((luma[at] - luma[at].mean()) * window)) ** 2 for at in flat]) for luma in lumas
    ]
    bands = [(frequency >= low) & (frequency < high) for low, high in _BANDS]
    energy = _BLOCK**2 * (window**2).sum()
    was, now = (
        [max(float(np.sqrt(np.quantile(one[:, band].sum(axis=1) / energy, _GRAIN))), _UNSEEN) for band in bands]
        for one in power
    )
    return [after / before for before, after in zip(was, now, strict=True)]


def _lab(picture: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(np.clip(picture, 0, 1).astype(np.float32), cv2.COLOR_RGB2Lab))


def edge_shift(matte: Floats, proxy: Floats) -> float:
    """How far the edge of a matte lies from that of its proxy (half the size), on average, in pixels of the proxy.

    What differs over what there is of edge: the total variation of a matte is the length of its edge.
    """
    height, width = proxy.shape
    small = cv2.resize(matte, (width, height), interpolation=cv2.INTER_AREA)
    slopes = np.hypot(*np.gradient(proxy.astype(np.float64)))
    return float(np.abs(small - proxy).sum() / max(float(slopes.sum()), 1e-6))
