"""Faces followed between plates that are searched as a whole: closer looks alone, at a third of the cost.

Every eighth frame of a clip, counted from frame 0, and the clip's ends are searched. A frame between two of them is
found from its own plate and those two, so that any order of frames finds the same. Where the two show different faces,
or a cut lies between, the frame halfway is searched as well, and so on; a frame where a closer look is not sure is
searched itself. So nobody is missed who is seen in one of the two; who comes and goes within seven frames may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol, TypeGuard

from ..errors import MediaError
from ..frame import Frame
from ..settings import Settings
from .cuts import Thumbnail, is_cut
from .detector import FaceDetector
from .face import Face
from .follow import interpolated, same

__all__ = ["Look", "Met", "Passage", "met_at", "stops_of"]

_EVERY = 8
_APART = 0.5
"""Faces whose middles are nearer than this, in sides of the smaller one's box, may be one face that was met twice."""

Look = tuple[tuple[Face, ...], Thumbnail]
"""What is found in one plate: its faces, and a thumbnail that tells cuts."""


class _Follower(FaceDetector, Protocol):
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


@dataclass(frozen=True, eq=False)
class Passage:
    """Faces from left to right, followed from the searched frame ``before`` to the one ``after``. share: how far their
    plate lies on the way, 0..1.
    """

    before: int
    after: int
    share: float
    met: tuple[Met, ...]


def stops_of(detector: FaceDetector, time: int, first: int, last: int) -> tuple[int, ...]:
    """The frames that are searched so that faces can be followed to ``time`` in a clip from ``first`` to ``last``: the
    one before and the one after, and those halfway that are searched where these differ. None of them where ``time``
    is searched itself, or the detector cannot follow.
    """
    before, after = max(time // _EVERY * _EVERY, first), min(time // _EVERY * _EVERY + _EVERY, last)
    if not _can_follow(detector) or not before < time < after:
        return ()
    stops = [before, after]
    while (halfway := (before + after) // 2) != time:
        stops.append(halfway)
        before, after = _narrowed(time, before, after, halfway)
    return tuple(stops)


def met_at(
    detector: FaceDetector,
    time: int,
    plate: Frame,
    seen: Thumbnail,
    stops: Sequence[int],
    searched: Callable[[int], Look],
    settings: Settings,
) -> Passage | None:
    """The faces of ``plate``, straight and in its working space, followed to ``time``; None where it must be searched.

    seen: the plate's thumbnail. stops: as ``stops_of`` names them. searched: what a search of one of them finds.
    """
    if not stops or not _can_follow(detector):
        return None
    before, after, *others = stops
    try:
        while (pairs := _pairs(searched(before), seen, searched(after))) is None:
            if not others:
                return None
            before, after = _narrowed(time, before, after, others.pop(0))
        (earlier, _), (later, _) = searched(before), searched(after)
    except MediaError:
        # Plates that are damaged stop their own render, not this one.
        return None
    share = (time - before) / (after - before)
    expected = [interpolated(earlier[one], later[other], share) for one, other in pairs]
    faces = detector.meet(plate, expected, settings.detection_threshold) if expected else ()
    if faces is None or any(_one(*two) for two in combinations(faces, 2)):
        return None
    met = [Met(face, *pair) for face, pair in zip(faces, pairs, strict=True)]
    return Passage(before, after, share, tuple(sorted(met, key=lambda one: one.face.middle[0])))


def _can_follow(detector: FaceDetector) -> TypeGuard[_Follower]:
    return hasattr(detector, "meet")


def _narrowed(time: int, before: int, after: int, halfway: int) -> tuple[int, int]:
    return (before, halfway) if time < halfway else (halfway, after)


def _pairs(before: Look, seen: Thumbnail, after: Look) -> list[tuple[int, int]] | None:
    """Which face of the one plate is which of the other; None where they do not show the same faces, or a cut lies
    between one of them and the plate that is ``seen``.
    """
    (earlier, first), (later, last) = before, after
    there = [same(face, later, _EVERY) for face in earlier]
    back = [same(face, earlier, _EVERY) for face in later]
    pairs = [
        (one, next(number for number, other in enumerate(later) if other is face))
        for one, face in enumerate(there)
        if face is not None
    ]
    alike = len(pairs) == len(earlier) == len(later) and all(back[other] is earlier[one] for one, other in pairs)
    return pairs if alike and not is_cut(first, seen) and not is_cut(seen, last) else None


def _one(face: Face, other: Face) -> bool:
    side = math.sqrt(min(face.area, other.area))
    return math.dist(face.middle, other.middle) < _APART * side
