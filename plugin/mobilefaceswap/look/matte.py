"""Every matte operation: shaping in crop space, then the compositor's own mattes.

Shaping happens in the crop, where every face has the same size, so sizes in percent of the face's width mean the same
on a close-up, a wide shot and a proxy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np

from ..frame import Floats
from ..geometry import Matrix, Rectangle, paste
from ..packs import Template
from ..settings import Settings

__all__ = ["border_falloff", "combine", "on_plate", "shape"]

_FALLOFF = 0.06
"""Width of the fall-off at the crop's border, as a share of its side."""

_ROUNDING = 1e-4
_FAINT = 1e-3
"""Masks weaker than this are as good as none when shares of them are taken."""
_STEPS = 8

_OCTAGON = (
    cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)),
    cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3)),
)


def shape(mask: Floats, settings: Settings, template: Template) -> Floats:
    """The (S, S) matte of a crop from the network's (S, S) soft mask, both 0..1; exactly 0 along the border.

    In order: remove islands, fill holes, smooth the outline, black and white clip, crop the sides, expand, feather,
    fall off at the border.
    """
    side = mask.shape[0]
    per_cent = template.face_width * side / 100
    matte = _without_islands(mask, template) if settings.matte_islands else mask
    matte = _without_holes(matte, settings.matte_holes * per_cent)
    # Smooth the ramp before clipping it: the clips set the edge's slope, and no corner of the network's coarse grid is
    # left.
    matte = _blurred(matte, settings.matte_smooth * per_cent)
    matte = _clipped(matte, settings.matte_black_clip, settings.matte_white_clip)
    matte *= _sides(side, per_cent, settings)
    matte = _moved(matte, settings.matte_expand * per_cent)
    matte = _blurred(matte, settings.matte_feather * per_cent)
    return np.asarray(np.clip(matte, 0.0, 1.0) * border_falloff(side), np.float32)


def combine(matte: Floats, reach: Floats, mix: float, inside: Floats | None, outside: Floats | None) -> Floats:
    """The final matte from the shaped one, all of them (h, w), 0..1.

    ``inside`` (holdout, core) raises it wherever the crop reaches (``reach``: the border fall-off on the plate),
    ``outside`` (garbage) removes from it and wins, ``mix`` scales the result. External mattes outside 0..1 are clipped,
    NaN counts as 0.
    """
    if inside is not None:
        matte = np.maximum(matte, _external(inside) * reach)
    if outside is not None:
        matte = matte * (1 - _external(outside))
    return np.asarray(matte * np.float32(mix), np.float32)


def on_plate(crop_matte: Floats, matrix: Matrix, region: Rectangle) -> Floats:
    """The (S, S) matte of a crop on the plate, inside ``region``: (h, w), 0..1.

    Values within rounding of 0 and 1 become exactly 0 and 1, so that the core stays solid and the plate outside keeps
    its bits.
    """
    matte = paste(crop_matte, matrix, region)
    matte[matte < _ROUNDING] = 0
    matte[matte > 1 - _ROUNDING] = 1
    return matte


@cache
def border_falloff(side: int) -> Floats:
    """(side, side): 0 on the outermost pixels, rising smoothly to 1 within 6 % of the side."""
    distance = np.minimum(np.arange(side), np.arange(side)[::-1]) / max(1.0, _FALLOFF * side)
    ramp = np.clip(distance, 0.0, 1.0)
    smooth = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    falloff = np.minimum.outer(smooth, smooth)
    falloff.setflags(write=False)
    return falloff


def _without_islands(mask: Floats, template: Template) -> Floats:
    """The part of the mask connected to the area between eyes and mouth, where every aligned face lies.

    Grey-scale reconstruction (Vincent, IEEE Trans. Image Processing 2(2), 1993) rather than labelled components: a
    value is lowered to that of the weakest bridge to the face, so nothing pops when a bridge opens.
    """
    return _reached(mask, lambda small: small * _core(template, small.shape[0]))


def _without_holes(mask: Floats, width: float) -> Floats:
    """Fills holes narrower than ``width`` pixels to the level of their rim; inlets from outside stay open."""
    if width <= 0:
        return mask
    radius = width / 2 * _coarse(mask.shape[0]) / mask.shape[0]
    return 1 - _reached(1 - mask, lambda small: _moved(small, -radius))


def _reached(values: Floats, seeded: Callable[[Floats], Floats]) -> Floats:
    """``values`` where they are connected to the seed, bit for bit; elsewhere lowered.

    Connections are traced at a quarter of the size, finer than the network can draw.
    """
    side, coarse = values.shape[0], _coarse(values.shape[0])
    small = np.asarray(cv2.resize(values, (coarse, coarse), interpolation=cv2.INTER_AREA), np.float32)
    grown = _grown(np.minimum(seeded(small), small), small)
    share = (grown + _FAINT) / (small + _FAINT)
    # Between island and face the mask is too faint to tell; use the island's share, or its rim would remain.
    share = np.where(small < _FAINT, cv2.erode(share, _OCTAGON[1]), share)
    return np.asarray(values * cv2.resize(share, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def _grown(seed: Floats, limit: Floats) -> Floats:
    """``seed`` dilated under ``limit`` until nothing changes."""
    grown = seed
    for _ in range(limit.size // _STEPS):
        before = grown
        for _ in range(_STEPS):
            grown = np.minimum(cv2.dilate(grown, _OCTAGON[1]), limit)
        if np.array_equal(before, grown):
            break
    return grown


def _coarse(side: int) -> int:
    return max(8, side // 4)


@cache
def _core(template: Template, side: int) -> Floats:
    """(side, side): 1 inside the hull of the template's five points, else 0."""
    core = np.zeros((side, side), np.float32)
    points = np.rint(template.on(side)).astype(np.int32)
    cv2.fillConvexPoly(core, cv2.convexHull(points), 1.0)
    core.setflags(write=False)
    return core


def _clipped(mask: Floats, black: float, white: float) -> Floats:
    span = max(white - black, 1e-3)
    return np.asarray(np.clip((mask - black) / span, 0.0, 1.0), np.float32)


def _sides(side: int, per_cent: float, settings: Settings) -> Floats:
    """1 inside the four side crops, with an edge one pixel wide so that moving a side is smooth."""
    position = np.arange(side, dtype=np.float32)

    def kept(low: float, high: float) -> Floats:
        rising = np.clip(position + 1 - low * per_cent, 0.0, 1.0) if low else np.ones(side, np.float32)
        falling = np.clip(side - position - high * per_cent, 0.0, 1.0) if high else np.ones(side, np.float32)
        return np.asarray(rising * falling, np.float32)

    rows = kept(settings.matte_top, settings.matte_bottom)
    columns = kept(settings.matte_left, settings.matte_right)
    return np.multiply.outer(rows, columns)


def _moved(matte: Floats, distance: float) -> Floats:
    """Moves the edge outwards by ``distance`` pixels, inwards if negative; fractions count.

    Alternating cross and square makes an octagon, within 8 % of a disc.
    """
    operation = cv2.dilate if distance > 0 else cv2.erode
    whole, part = divmod(abs(distance), 1.0)
    for step in range(int(whole)):
        matte = np.asarray(operation(matte, _OCTAGON[step % 2]), np.float32)
    if part == 0:
        return matte
    further = np.asarray(operation(matte, _OCTAGON[int(whole) % 2]), np.float32)
    return matte + np.float32(part) * (further - matte)


def _blurred(matte: Floats, width: float) -> Floats:
    """A Gaussian whose edge runs from black to white over about ``width`` pixels (two deviations)."""
    if width <= 0:
        return matte
    return np.asarray(cv2.GaussianBlur(matte, (0, 0), width / 2, borderType=cv2.BORDER_REPLICATE), np.float32)


def _external(matte: Floats) -> Floats:
    return np.clip(np.nan_to_num(matte, nan=0.0), 0.0, 1.0)
