"""Faces followed between plates that are searched as a whole: closer looks alone, at a third of the cost.

Every eighth frame of a clip, counted from frame 0, and the clip's ends are searched. A frame between two of them is
found from its own plate and those two, so that any order of frames finds the same. It is searched as a whole, too,
where the two show different faces, where there is a cut, and where a closer look is not sure. So nobody is missed who
is seen in one of the two; who comes and goes within seven frames may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol, TypeGuard

import numpy as np

from ..frame import Frame
from ..settings import Settings
from .cuts import Thumbnail, is_cut
from .detector import FaceDetector
from .face import Face
from .follow import interpolated, same

__all__ = ["Follower", "Look", "Met", "can_follow", "ends_of", "met_between"]

_EVERY = 8
_APART = 0.5
"""Faces whose middles are nearer than this, in sides of the smaller one's box, may be one face that was met twice."""

Look = tuple[tuple[Face, ...], Thumbnail]
"""What is found in one plate: its faces, and a thumbnail that tells cuts."""


class Follower(FaceDetector, Protocol):
    """A detector that can look for single faces."""

    def meet(self, plate: Frame, expected: Sequence[Face], threshold: float) -> tuple[Face, ...] | None:
        """The faces of ``plate``, which is straight, at about the places of those ``expected``, in their order; None
        where one of them is not surely there. threshold: least confidence, 0..1.
        """
        ...


@dataclass(frozen=True, eq=False)
class Met:
    """A face that was followed. before, after: which one it is of the two searched plates' faces."""

    face: Face
    before: int
    after: int


def can_follow(detector: FaceDetector) -> TypeGuard[Follower]:
    """Whether the detector can look for single faces."""
    return hasattr(detector, "meet")


def ends_of(detector: FaceDetector, time: int, first: int, last: int) -> tuple[int, int] | None:
    """The searched frames before and after ``time`` in a clip from ``first`` to ``last``; None where it is one, or the
    detector cannot follow.
    """
    if not can_follow(detector):
        return None
    before, after = max(time // _EVERY * _EVERY, first), min(time // _EVERY * _EVERY + _EVERY, last)
    return (before, after) if before < time < after else None


def met_between(
    detector: Follower,
    plate: Frame,
    seen: Thumbnail,
    ends: tuple[Look, Look],
    share: float,
    settings: Settings,
) -> tuple[Met, ...] | None:
    """The faces of ``plate``, straight and in its working space, from left to right; None where it must be searched.

    seen: its own thumbnail. ends: what is found in the searched plates before and after. share: how far it lies on the
    way from the one to the other, 0..1.
    """
    (earlier, first), (later, last) = ends
    pairs = _pairs(earlier, later)
    if pairs is None or is_cut(first, seen) or is_cut(seen, last):
        return None
    expected = [interpolated(earlier[one], later[other], share) for one, other in pairs]
    faces = detector.meet(plate, expected, settings.detection_threshold) if expected else ()
    if faces is None or any(_one(*two) for two in combinations(faces, 2)):
        return None
    met = [Met(face, *pair) for face, pair in zip(faces, pairs, strict=True)]
    return tuple(sorted(met, key=lambda one: float(one.face.centre[0])))


def _pairs(earlier: Sequence[Face], later: Sequence[Face]) -> list[tuple[int, int]] | None:
    """Which face of the one plate is which of the other; None where they do not show the same faces."""
    there = [same(face, later, _EVERY) for face in earlier]
    back = [same(face, earlier, _EVERY) for face in later]
    pairs = [
        (one, next(number for number, other in enumerate(later) if other is face))
        for one, face in enumerate(there)
        if face is not None
    ]
    alike = len(pairs) == len(earlier) == len(later) and all(back[other] is earlier[one] for one, other in pairs)
    return pairs if alike else None


def _one(face: Face, other: Face) -> bool:
    side = float(np.sqrt(min(face.area, other.area)))
    return float(np.hypot(*(face.centre - other.centre))) < _APART * side
