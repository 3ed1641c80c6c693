"""Measures of how the swapped face moves beside the plate's own, by the pictures at its five points.

Both pictures are followed from frame to frame around the same points. Finding the points anew in every picture would
measure the detector: its own noise is several times what a face shakes, and as large as a steady head's motion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ...colour import luma_of
from ...faces.face import Points
from ...frame import Floats

__all__ = ["jitter", "lag", "steps"]

_WINDOW, _LEVELS = 0.3, 3
"""The side of the square that is followed, in distances between the eyes; and how often the picture is halved."""
_PRECISE = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-3)
_RETURNS = 0.01
"""Where a point that is followed forth and back must end up, in distances between the eyes from where it began; a blink
or what crosses the face is no motion.
"""
_ABRUPT = 6.0
"""By how much a point's velocity must change to be abrupt, in medians of all: five deviations of what only shakes."""
_MOST_LAG, _LEAST = 3, 3
_MOST_APART, _CLEARLY = 0.5, 0.5
"""Where one motion follows the other: the share of both that may differ, and the share of what differs a frame earlier
or later. A face that stands still has no lag, nor one whose shaking hides it.
"""


def steps(plates: tuple[Floats, Floats], composites: tuple[Floats, Floats], points: Points) -> tuple[Points, Points]:
    """How far the plate and the composite move at ``points`` (5, 2) of the first of two frames, in pixels: (5, 2) each.

    By pyramids of Lucas and Kanade (Bouguet, Intel, 2000), forth and back (Kalal, Mikolajczyk and Matas, ICPR 2010). A
    point that cannot be followed in both is NaN in both. Pictures (H, W, 3), display-referred sRGB, 0..1.
    """
    eyes = float(np.hypot(*(points[1] - points[0])))
    moved = [_followed(pair, points, eyes) for pair in (plates, composites)]
    lost = np.isnan(moved[0] + moved[1])
    for one in moved:
        one[lost] = np.nan
    return moved[0], moved[1]


def _followed(pair: tuple[Floats, Floats], points: Points, eyes: float) -> Points:
    first, second = (np.clip(255 * luma_of(picture), 0, 255).astype(np.uint8) for picture in pair)
    side = max(9, round(_WINDOW * eyes)) | 1

    def follow(start: npt.NDArray[np.uint8], end: npt.NDArray[np.uint8], places: npt.NDArray[np.float32]) -> Floats:
        found, _, _ = cv2.calcOpticalFlowPyrLK(
            start, end, places, np.zeros_like(places), winSize=(side, side), maxLevel=_LEVELS, criteria=_PRECISE
        )
        return np.asarray(found, np.float32)

    places = points.astype(np.float32).reshape(-1, 1, 2)
    there = follow(first, second, places)
    off = np.linalg.norm(follow(second, first, there) - places, axis=2)
    return np.where(off <= _RETURNS * eyes, (there - places)[:, 0], np.nan).astype(np.float64)


def jitter(plate: Mapping[int, Points], swapped: Mapping[int, Points]) -> float | None:
    """Root mean square change of the five velocities from frame to frame, the swap's over the plate's; None where no
    point was followed over three frames in a row. plate, swapped: ``steps`` to each frame from the one before, of the
    same frames.

    Where a point of the plate itself starts or stops abruptly, as the corner of a mouth that flies open does, neither
    counts: one such frame would outweigh all others, and is followed no better than to a fifth.
    """
    times = [time for time in plate if time - 1 in plate]
    if not times:
        return None
    shaken = [np.stack([run[time] - run[time - 1] for time in times]) for run in (plate, swapped)]
    sizes = np.hypot(shaken[0][..., 0], shaken[0][..., 1])
    if np.isnan(sizes).all():
        return None
    # Of a plate that mostly stands perfectly still nothing tells what is abrupt, and all counts.
    usual = float(np.median(sizes[~np.isnan(sizes)])) or np.inf
    counted = sizes <= _ABRUPT * usual
    own, other = (float(np.sqrt(np.mean(np.square(one[counted])))) for one in shaken)
    return other / max(own, 1e-9)


def lag(plate: Mapping[int, Points], swapped: Mapping[int, Points]) -> float | None:
    """By how many frames the swapped face follows the plate's motion late: where their velocities differ least.

    None where the motion does not tell, or there are too few frames. plate, swapped: as for ``jitter``.
    """
    own, other = _ways(plate), _ways(swapped)
    if len(own) < 4 * _MOST_LAG:
        return None
    shifts = range(-_MOST_LAG, _MOST_LAG + 1)
    apart = [_apart(own, other, shift) for shift in shifts]
    best = int(np.argmin(apart))
    both = sum(float(np.mean(np.square([*run.values()]))) for run in (own, other))
    if not apart[best] < _MOST_APART * both:
        return None
    if best in (0, len(apart) - 1):
        return float(shifts[best])
    before, here, after = apart[best - 1 : best + 2]
    if not here < _CLEARLY * (before + after) / 2:
        return None
    return float(shifts[best] + 0.5 * (before - after) / max(before - 2 * here + after, 1e-12))


def _ways(run: Mapping[int, Points]) -> dict[int, Points]:
    """The face's own step to each frame, the mean of its points'; where at least three of them are known."""
    known = {time: moved[~np.isnan(moved).any(axis=1)] for time, moved in run.items()}
    return {time: moved.mean(axis=0) for time, moved in known.items() if len(moved) >= _LEAST}


def _apart(own: Mapping[int, Points], other: Mapping[int, Points], shift: int) -> float:
    differing: Sequence[Points] = [own[time] - other[time + shift] for time in own if time + shift in other]
    return float(np.mean(np.square(differing))) if differing else np.inf
