"""Measures of five points over time: those of the swapped face beside the plate's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from ...faces.face import Points

__all__ = ["jitter", "lag"]

_MOST_LAG = 3
_MOST_APART = 0.5
"""Share of both motions that may differ where one follows the other; a face that stands still has no lag."""


def jitter(plate: Mapping[int, Points], swapped: Mapping[int, Points]) -> float | None:
    """Root mean square change of the points' velocity from frame to frame, the swap's over the plate's; None for fewer
    than three frames in a row.
    """
    shaken = [
        [run[time - 1] - 2 * run[time] + run[time + 1] for time in plate if _around(plate, swapped, time)]
        for run in (plate, swapped)
    ]
    if not shaken[0]:
        return None
    own, other = (float(np.sqrt(np.mean(np.square(one)))) for one in shaken)
    return other / max(own, 1e-9)


def lag(plate: Mapping[int, Points], swapped: Mapping[int, Points]) -> float | None:
    """By how many frames the swapped face follows the plate's motion late: where their velocities differ least.

    None where the face stands still, or there are too few frames.
    """
    times = [time for time in sorted(plate) if time in swapped]
    runs = [[first, second] for first, second in pairwise(times) if second == first + 1]
    own, other = ({b: run[b].mean(axis=0) - run[a].mean(axis=0) for a, b in runs} for run in (plate, swapped))
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
    return float(shifts[best] + 0.5 * (before - after) / max(before - 2 * here + after, 1e-12))


def _apart(own: Mapping[int, Points], other: Mapping[int, Points], shift: int) -> float:
    differing: Sequence[Points] = [own[time] - other[time + shift] for time in own if time + shift in other]
    return float(np.mean(np.square(differing))) if differing else np.inf


def _around(plate: Mapping[int, Points], swapped: Mapping[int, Points], time: int) -> bool:
    return all(moment in run for run in (plate, swapped) for moment in (time - 1, time, time + 1))
