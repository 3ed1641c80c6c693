"""Regions of a face in its crop, drawn from five landmarks: the hull, and the features that a plate may keep.

Sizes come from the distances of the landmarks themselves, so that regions follow a turned head. Proportions are means
of adult faces, in distances between the eyes and between eyes and mouth.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ..frame import Floats
from ..settings import Settings

__all__ = ["features", "hull", "kept_features"]

_Points = npt.NDArray[np.float64]

_OUTLINE = np.array(
    [(0, 1.58), (0.34, 1.5), (0.62, 1.28), (0.84, 0.95), (0.99, 0.4), (1.03, -0.1), (0.98, -0.55), (0.76, -0.88)]
    + [(0.4, -1.05), (0, -1.1)]
)
"""The right half of a face's outline, chin to hairline, about the middle between the eyes: x in eye distances, y in
distances from eyes to mouth."""
_FAR_SIDE, _LEAST = 1.1, 0.55
"""How much the side that a head turns to narrows with the nose's way from the middle, and to what at most."""
_SUBPIXELS = 4
_SOFT = 0.35
"""Share of a feature's half axes over which its edge fades."""


@dataclass(frozen=True, eq=False)
class _Axes:
    """The face's own directions. middle: between the eyes. across, down: vectors of one eye distance and of the
    distance from eyes to mouth. turned: the nose's way from the middle, in eye distances, to the viewer's right.
    """

    middle: _Points
    across: _Points
    down: _Points
    turned: float

    @classmethod
    def of(cls, points: _Points) -> _Axes:
        left, right, nose = points[:3]
        middle, across = (left + right) / 2, right - left
        down = points[3:].mean(axis=0) - middle
        basis = np.column_stack([across, down])
        turned = float(np.linalg.lstsq(basis, nose - middle, rcond=None)[0][0])
        return cls(middle, across, down, turned)

    def place(self, x: _Points | float, y: _Points | float) -> _Points:
        """Points on the crop of positions in the face's own units."""
        return self.middle + np.multiply.outer(x, self.across) + np.multiply.outer(y, self.down)


def hull(points: _Points, side: int, soft: float) -> Floats:
    """(side, side), 0..1: the outline of a face with these five ``points``, in pixels of the crop.

    Its edge fades over ``soft`` pixels. The side that the head turns to is narrower.
    """
    axes = _Axes.of(points)
    right = _OUTLINE * (_width(axes.turned), 1)
    left = _OUTLINE[::-1] * (-_width(-axes.turned), 1)
    outline = np.concatenate([right, left[1:-1]])
    drawn = np.zeros((side, side), np.uint8)
    corners = np.rint(axes.place(outline[:, 0], outline[:, 1]) * 2**_SUBPIXELS).astype(np.int32)
    cv2.fillPoly(drawn, [corners], 255, cv2.LINE_AA, _SUBPIXELS)
    face = drawn.astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(face, (0, 0), max(soft / 2, 0.5), borderType=cv2.BORDER_REPLICATE), np.float32)


def _width(turned: float) -> float:
    return max(_LEAST, 1 - _FAR_SIDE * max(turned, 0.0))


def kept_features(points: _Points, side: int, settings: Settings) -> Floats | None:
    """(side, side), 0..1: how much of the plate is kept where; None where nothing is.

    Mouth, eyes, brows and skin, each as far as its setting asks for; the skin is what of the face is none of the
    others. Edges are soft.
    """
    wanted = settings.keep_mouth, settings.keep_eyes, settings.keep_brows, settings.keep_skin
    if not any(wanted):
        return None
    axes = _Axes.of(points)
    mouth, eyes, brows = _mouth(points, axes, side), _eyes(points, axes, side), _brows(points, axes, side)
    skin = 1 - np.maximum(np.maximum(mouth, eyes), brows)
    shares = [np.float32(amount) * region for amount, region in zip(wanted, (mouth, eyes, brows, skin), strict=True)]
    return np.asarray(np.maximum.reduce(shares), np.float32)


def features(points: _Points, side: int) -> Floats:
    """(side, side), 0..1: eyes, brows, nostrils and mouth with their rims, which do not look like skin."""
    axes = _Axes.of(points)
    corners = points[4] - points[3]
    mouth = _ellipse(points[3:].mean(axis=0) + 0.05 * axes.down, 0.64 * corners, 0.36 * axes.down, side)
    nostrils = _ellipse(points[2] + 0.12 * axes.down, 0.36 * axes.across, 0.2 * axes.down, side)
    eyes = [_ellipse(eye - 0.1 * axes.down, 0.5 * axes.across, 0.42 * axes.down, side) for eye in points[:2]]
    return np.asarray(np.maximum.reduce([mouth, nostrils, *eyes, _brows(points, axes, side)]), np.float32)


def _mouth(points: _Points, axes: _Axes, side: int) -> Floats:
    """What lies between the lips, as far as a mouth opens in speech."""
    corners = points[4] - points[3]
    centre = points[3:].mean(axis=0) + 0.08 * axes.down
    return _ellipse(centre, 0.48 * corners, 0.24 * axes.down, side)


def _eyes(points: _Points, axes: _Axes, side: int) -> Floats:
    return np.maximum(*(_ellipse(eye, 0.3 * axes.across, 0.16 * axes.down, side) for eye in points[:2]))


def _brows(points: _Points, axes: _Axes, side: int) -> Floats:
    raised = -0.42 * axes.down
    outwards = (-0.04 * axes.across, 0.04 * axes.across)
    places = [eye + raised + out for eye, out in zip(points[:2], outwards, strict=True)]
    return np.maximum(*(_ellipse(place, 0.38 * axes.across, 0.15 * axes.down, side) for place in places))


def _ellipse(centre: _Points, across: _Points, down: _Points, side: int) -> Floats:
    """(side, side): 1 inside the ellipse with these half axes, 0.5 on it, fading over ``_SOFT`` of them."""
    y, x = np.mgrid[:side, :side]
    basis = np.linalg.inv(np.column_stack([across, down]) + 1e-9 * np.eye(2))
    along = np.tensordot(basis, np.stack([x - centre[0], y - centre[1]]), axes=1)
    radius = np.hypot(*along)
    return np.asarray(np.clip((1 - radius) / _SOFT + 0.5, 0, 1), np.float32)
