"""Every matte operation: shaping in crop space, then the compositor's own mattes.

Shaping happens in the crop, where every face has the same size, so sizes in percent of the face's width mean the same
on a close-up, a wide shot and a proxy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from ..frame import Floats
from ..geometry import Matrix, Rectangle, from_part, middle_of, paste_moving, sample_crop
from ..packs import Template
from ..settings import MatteSource, Settings
from . import edge
from .regions import hull, kept_features

__all__ = ["border_falloff", "combine", "core", "on_crop", "on_plate", "outlined", "reached", "shape"]

_FALLOFF = 0.06
"""Width of the fall-off at the crop's border, as a share of its side."""

_ROUNDING = 1e-4
_LARGEST_ZERO = float(np.nextafter(np.float32(_ROUNDING), np.float32(0)))
_LARGEST_PART = float(np.float32(1 - _ROUNDING))
"""On the plate values up to the one count as 0, and those above the other as 1."""
_FAINT = 1e-3
"""Masks weaker than this are as good as none when shares of them are taken."""
_STEPS = 8
_GRID, _AROUND = 16, 3
"""What a matte reaches is told in sixteenths of the crop, so that it stays the same while a control is dragged; with
pixels around it over which a bicubic pixel reaches.
"""

_HULL_SOFT = 4.0
_TONE_WIDTH = 3.0
"""In percent of the face's width: the softness of a drawn hull, and over what a tone of the plate is averaged."""


def outlined(
    mask: Floats, settings: Settings, template: Template, points: npt.NDArray[np.float64] | None = None
) -> Floats:
    """The (S, S) matte that shaping begins with, from the network's (S, S) soft mask, both 0..1.

    points: the face's landmarks (5, 2) on the crop; the template's where left out. In order: learned mask and hull
    joined, islands removed, holes filled, outline smoothed.
    """
    per_cent = _per_cent(mask, template)
    matte = _joined(mask, _landmarks(mask, template, points), settings, per_cent)
    matte = _without_islands(matte, template) if settings.matte_islands else matte
    matte = _without_holes(matte, settings.matte_holes * per_cent)
    # Smooth the ramp before clipping it: the clips set the edge's slope, and no corner of the network's coarse grid is
    # left.
    return edge.blurred(matte, settings.matte_smooth * per_cent)


def shape(
    mask: Floats,
    settings: Settings,
    template: Template,
    *,
    points: npt.NDArray[np.float64] | None = None,
    crop: Floats | None = None,
    covered: Floats | None = None,
    outline: Floats | None = None,
) -> Floats:
    """The (S, S) matte of a crop from the network's (S, S) soft mask, both 0..1; exactly 0 along the border.

    points: the face's landmarks (5, 2) on the crop; the template's where left out. crop: (S, S, 3) of the plate,
    display-referred sRGB, for what depends on the plate's tones. covered: (S, S), 0..1, where something stands before
    the face, for the setting Occlusion. outline: what ``outlined`` gives for the rest, where that is known.

    In order: outlined, black and white clip, gamma, sides cropped, edge moved, drawn in and softened, inverted,
    features and occlusion kept, fall-off at the border.
    """
    side, per_cent = mask.shape[0], _per_cent(mask, template)
    matte = outlined(mask, settings, template, points) if outline is None else outline
    matte = _clipped(matte, settings.matte_black_clip, settings.matte_white_clip)
    matte = matte if settings.matte_gamma == 1 else matte ** np.float32(1 / settings.matte_gamma)
    matte = matte * _sides(side, per_cent, settings)
    matte = _edged(matte, crop, settings, per_cent)
    matte = 1 - matte if settings.matte_invert else matte
    kept = kept_features(_landmarks(mask, template, points), side, settings)
    matte = matte if kept is None else matte * (1 - kept)
    if settings.occlusion > 0 and covered is not None:
        matte = matte * (1 - np.float32(settings.occlusion) * covered)
    return np.asarray(np.clip(matte, 0.0, 1.0) * border_falloff(side), np.float32)


def _per_cent(mask: Floats, template: Template) -> float:
    """Pixels of the crop in a hundredth of the face's width."""
    return float(template.face_width * mask.shape[0] / 100)


def _landmarks(mask: Floats, template: Template, points: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64]:
    return template.on(mask.shape[0]) if points is None else points


def _joined(mask: Floats, points: npt.NDArray[np.float64], settings: Settings, per_cent: float) -> Floats:
    """The mask that shaping begins with."""
    if settings.matte_source is MatteSource.LEARNED:
        return mask
    drawn = hull(points, mask.shape[0], _HULL_SOFT * per_cent)
    match settings.matte_source:
        case MatteSource.BOTH:
            return np.minimum(mask, drawn)
        case MatteSource.EITHER:
            return np.maximum(mask, drawn)
        case _:
            return drawn


def _edged(matte: Floats, crop: Floats | None, settings: Settings, per_cent: float) -> Floats:
    matte = edge.moved(matte, settings.matte_expand * per_cent)
    if crop is not None:
        dark, bright = settings.matte_erode_dark * per_cent, settings.matte_erode_bright * per_cent
        matte = edge.drawn_in(matte, crop, dark, bright, _TONE_WIDTH * per_cent)
    matte = edge.softened_inside(matte, settings.matte_soft_inside * per_cent)
    matte = edge.softened_outside(matte, settings.matte_soft_outside * per_cent)
    matte = edge.softened_edge(matte, settings.matte_soft_edge * per_cent)
    return edge.blurred(matte, settings.matte_feather * per_cent)


def combine(matte: Floats, reach: Floats, inside: Floats | None, outside: Floats | None) -> Floats:
    """The matte that is composited from the shaped one, all of them (h, w), 0..1.

    ``inside`` (holdout, core) raises it wherever the crop reaches (``reach``: the border fall-off on the plate),
    ``outside`` (garbage) removes from it and wins. External mattes outside 0..1 are clipped, NaN counts as 0.
    """
    if inside is not None:
        matte = np.maximum(matte, _external(inside) * reach)
    if outside is not None:
        matte = matte * (1 - _external(outside))
    return np.asarray(matte, np.float32)


def on_plate(crop_matte: Floats, matrices: Sequence[Matrix], region: Rectangle) -> Floats:
    """The (S, S) matte of a crop on the plate, inside ``region``: (h, w), 0..1.

    matrices: one, or several where the face moves while the shutter is open.

    Values within rounding of 0 and 1 become exactly 0 and 1, so that the core stays solid and the plate outside keeps
    its bits.
    """
    matte = paste_moving(crop_matte, matrices, region)
    # In a tenth of the time that numpy takes to write where a condition holds.
    _, matte = cv2.threshold(matte, _LARGEST_ZERO, 0, cv2.THRESH_TOZERO)
    full = cv2.compare(matte, _LARGEST_PART, cv2.CMP_GT)
    return np.asarray(cv2.copyTo(np.ones_like(matte), full, matte))


def on_crop(plate_matte: Floats, matrices: Sequence[Matrix], region: Rectangle, side: int) -> Floats:
    """The other way: the (h, w) matte inside ``region`` on the crop, (side, side), 0..1. Beyond ``region``, where a
    matte is 0 or the plate ends, its border is repeated.
    """
    return sample_crop(plate_matte, from_part(middle_of(matrices), region), side)


def reached(crop_matte: Floats) -> Rectangle:
    """The part of an (S, S) crop outside of which ``on_plate`` gives 0; empty where it gives 0 everywhere."""
    # Bicubic weights add up to 1.6 at most, without regard to their signs.
    there = crop_matte >= _ROUNDING / 2
    rows, columns = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return Rectangle(0, 0, 0, 0)
    side = crop_matte.shape[0]
    step = max(1, side // _GRID)
    low = [max(0, (int(found[0]) - _AROUND) // step * step) for found in (columns, rows)]
    high = [min(side, -(-(int(found[-1]) + 1 + _AROUND) // step) * step) for found in (columns, rows)]
    return Rectangle(*low, *high)


@cache
def border_falloff(side: int) -> Floats:
    """(side, side): 0 on the outermost pixels, rising smoothly to 1 within 6 % of the side."""
    distance = np.minimum(np.arange(side), np.arange(side)[::-1]) / max(1.0, _FALLOFF * side)
    smooth = edge.smooth_step(np.clip(distance, 0.0, 1.0))
    falloff = np.minimum.outer(smooth, smooth)
    falloff.setflags(write=False)
    return falloff


def _without_islands(mask: Floats, template: Template) -> Floats:
    """The part of the mask connected to the area between eyes and mouth, where every aligned face lies.

    Grey-scale reconstruction (Vincent, IEEE Trans. Image Processing 2(2), 1993) rather than labelled components: a
    value is lowered to that of the weakest bridge to the face, so nothing pops when a bridge opens.
    """
    return _reached(mask, lambda small: small * core(template, small.shape[0]))


def _without_holes(mask: Floats, width: float) -> Floats:
    """Fills holes narrower than ``width`` pixels to the level of their rim; inlets from outside stay open."""
    if width <= 0:
        return mask
    radius = width / 2 * _coarse(mask.shape[0]) / mask.shape[0]
    return 1 - _reached(1 - mask, lambda small: edge.moved(small, -radius))


def _reached(values: Floats, seeded: Callable[[Floats], Floats]) -> Floats:
    """``values`` where they are connected to the seed, bit for bit; elsewhere lowered.

    Connections are traced at a quarter of the size, finer than the network can draw.
    """
    side, coarse = values.shape[0], _coarse(values.shape[0])
    small = np.asarray(cv2.resize(values, (coarse, coarse), interpolation=cv2.INTER_AREA), np.float32)
    grown = _grown(np.minimum(seeded(small), small), small)
    share = (grown + _FAINT) / (small + _FAINT)
    # Between island and face the mask is too faint to tell; use the island's share, or its rim would remain.
    share = np.where(small < _FAINT, cv2.erode(share, edge.OCTAGON[1]), share)
    return np.asarray(values * cv2.resize(share, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def _grown(seed: Floats, limit: Floats) -> Floats:
    """``seed`` dilated under ``limit`` until nothing changes."""
    grown = seed
    for _ in range(limit.size // _STEPS):
        before = grown
        for _ in range(_STEPS):
            grown = np.minimum(cv2.dilate(grown, edge.OCTAGON[1]), limit)
        if np.array_equal(before, grown):
            break
    return grown


def _coarse(side: int) -> int:
    return max(8, side // 4)


@cache
def core(template: Template, side: int) -> Floats:
    """(side, side): 1 inside the hull of the template's five points, else 0."""
    inside = np.zeros((side, side), np.float32)
    points = np.rint(template.on(side)).astype(np.int32)
    cv2.fillConvexPoly(inside, cv2.convexHull(points), 1.0)
    inside.setflags(write=False)
    return inside


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


def _external(matte: Floats) -> Floats:
    return np.clip(np.nan_to_num(matte, nan=0.0), 0.0, 1.0)
