"""Hands before the face, drawn from their points and cut out along the plate's edges.

A bare hand has the face's own colour, so colour alone does not tell it: the hand's 21 points say where it is, fingers
and palm are drawn with the breadths of a hand, and graph cuts over colour and contrast (GrabCut; Rother, Kolmogorov and
Blake, ACM Trans. Graphics 23(3), 2004) put the outline onto the edge, within a band around what was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ..frame import Floats

__all__ = ["hands_matte"]

_SIDE = 224
_SUBPIXELS = 4
_FINGERS = [(joint, joint + 1) for finger in range(1, 21, 4) for joint in range(finger, finger + 3)]
_PALM = (0, 1, 2, 5, 9, 13, 17)
_FINGER, _THUMB, _RIM, _TIP = 0.09, 0.1, 0.1, 0.06
"""In lengths of the palm: half the breadth of a finger and of the thumb, how far the palm reaches beyond its points,
and a finger beyond its last.
"""
_KNUCKLES = 0.62
"""Breadth of the knuckles over the length of the palm, by which a foreshortened palm is measured."""
_BAND = 0.12
"""How far the outline may move, in lengths of the palm."""
_ROUNDS = 2
_CLEAR, _SURE = 0.85, 0.95
"""Certainty from which a hand begins to count, and from which it counts in full: nothing pops between frames."""
_Doubles = npt.NDArray[np.float64]


def hands_matte(crop: Floats, hands: Sequence[tuple[_Doubles, float]]) -> Floats:
    """(S, S), 0..1: where hands cover what lies behind them.

    crop: (S, S, 3) of the plate, display-referred sRGB, 0..1. hands: of each, its 21 points (21, 2) on the crop, and
    how sure it is, 0..1.
    """
    side = crop.shape[0]
    total = np.zeros((side, side), np.float32)
    if not hands:
        return total
    small = np.asarray(cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.float32)
    for points, sure in hands:
        places = (points + 0.5) * (_SIDE / side) - 0.5
        share = np.float32(np.clip((sure - _CLEAR) / (_SURE - _CLEAR), 0, 1))
        one = share * _cut_out(_drawn(places), small, _length(places))
        total = np.maximum(total, cv2.resize(one, (side, side), interpolation=cv2.INTER_LINEAR))
    return total


def _length(points: _Doubles) -> float:
    """Of the palm, from the wrist to the knuckles."""
    straight, across = points[9] - points[0], points[17] - points[5]
    return float(max(np.hypot(*straight), np.hypot(*across) / _KNUCKLES, 1.0))


def _drawn(points: _Doubles) -> Floats:
    """(224, 224), 0..1: the shape of a hand with these points on it."""
    drawn, length = np.zeros((_SIDE, _SIDE), np.uint8), _length(points)
    for inner, outer in _FINGERS:
        breadth = _THUMB if outer < _PALM[3] else _FINGER
        along = points[outer] - points[inner]
        beyond = _TIP * length * along / max(float(np.hypot(*along)), 1e-6) if outer % 4 == 0 else 0
        _thick_line(drawn, points[inner], points[outer] + beyond, breadth * length)
    outline = cv2.convexHull(points[list(_PALM)].astype(np.float32))[:, 0].astype(np.float64)
    cv2.fillPoly(drawn, [_fixed(outline)], 255, cv2.LINE_AA, _SUBPIXELS)
    for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        _thick_line(drawn, start, end, _RIM * length)
    return np.asarray(drawn / 255, np.float32)


def _thick_line(drawn: npt.NDArray[np.uint8], start: _Doubles, end: _Doubles, radius: float) -> None:
    first, last = (_fixed(point).tolist() for point in (start, end))
    cv2.line(drawn, first, last, 255, max(1, round(2 * radius)), cv2.LINE_AA, _SUBPIXELS)


def _fixed(points: _Doubles) -> npt.NDArray[np.int32]:
    """In the fixed-point numbers that OpenCV draws with; points far outside the picture are brought nearer."""
    return np.asarray(np.rint(np.clip(points, -4 * _SIDE, 5 * _SIDE) * 2**_SUBPIXELS), np.int32)


def _cut_out(drawn: Floats, crop: Floats, length: float) -> Floats:
    """``drawn`` with its outline moved onto the crop's edges."""
    reach = max(1, round(_BAND * length / 2))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    inside = np.asarray(drawn > 0.5, np.uint8)
    core, around = cv2.erode(inside, disc), cv2.dilate(inside, disc)
    if not core.any() or around.all():
        return drawn
    likely = np.where(inside, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    labels = np.where(core, cv2.GC_FGD, np.where(around, likely, cv2.GC_BGD)).astype(np.uint8)
    lab = cv2.cvtColor(crop, cv2.COLOR_RGB2Lab) * (2.55, 1.5, 1.5) + (0, 128, 128)
    # Its clustering draws random numbers: the same ones for every frame, so that order does not matter.
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.clip(lab, 0, 255).astype(np.uint8), labels, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    cut = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(cut, (0, 0), 0.8), np.float32)
