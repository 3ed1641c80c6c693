"""Faces over time: a frame's faces smoothed without lag, gaps filled, faded where a face is lost.

Stateless: a face at time t depends only on what was found in the frames around t, looked at in any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from .face import Face, Points

__all__ = ["Moves", "Timeline", "followed", "interpolated", "moved", "same"]

Moves = Mapping[int, Points]
"""Of one frame: how far a person's face is moved by hand, (2,) pixels to the right and down, by id."""

_REACH = 0.6
"""How far, in sides of its box, a face may move between neighbouring frames and still be the same."""
_FAST = 0.02
"""Speed, in sides of the box per frame, at which smoothing reaches half as far as for a face at rest."""


@dataclass(frozen=True)
class Timeline:
    """What was found in a clip. faces: of a frame, as detected; none outside the clip. begins: whether a shot begins
    with a frame: after a cut, at the clip's first frame, and behind its last. moves: of a frame; its ``faces`` are as
    they were before, so that a move is neither smoothed nor smooths.
    """

    faces: Callable[[int], Sequence[Face]]
    begins: Callable[[int], bool]
    moves: Callable[[int], Moves] = lambda _: {}


@dataclass(frozen=True)
class _Walk:
    """Where a face was seen from one frame on, in one direction: (offset, face), nearest first. lost: frames up to the
    last one before it was lost; None where it stays, or the shot ends.
    """

    seen: tuple[tuple[int, Face], ...]
    lost: int | None


def followed(timeline: Timeline, time: int, *, smoothing: int, gap: int, fade: int) -> tuple[Face, ...]:
    """The faces at ``time``, as they are swapped, moved by hand at last; those moved are ``edited``, too.

    smoothing: frames before and after that steady the points. gap: a face lost for at most as many frames is filled in
    between. fade: frames over which a face's ``presence`` falls before it is lost for longer, and rises when it is
    found. Nothing reaches across a cut. 0 turns each of them off.
    """
    once = replace(timeline, faces=cache(timeline.faces), begins=cache(timeline.begins))
    faces = here = tuple(once.faces(time))
    if smoothing or gap or fade:
        there = (*here, *_filled(here, once, time, gap))
        faces = tuple(_settled(face, once, time, smoothing, gap, fade) for face in there)
    moves = timeline.moves(time)
    # Only now, since what is placed by hand is not smoothed.
    by_hand = (replace(face, edited=True) if face.person in moves else face for face in _present(faces))
    return moved(tuple(by_hand), moves)


def moved(faces: Sequence[Face], moves: Moves, way: int = 1) -> tuple[Face, ...]:
    """``faces``, each moved as ``moves`` has it of its person. way: -1 takes that back."""
    return tuple(face.moved(*(way * moves[face.person])) if face.person in moves else face for face in faces)


def _present(faces: Sequence[Face]) -> tuple[Face, ...]:
    """Without those that an artist has taken away."""
    return tuple(face for face in faces if face.presence)


def same(face: Face, others: Sequence[Face], steps: int = 1) -> Face | None:
    """Which of ``others``, ``steps`` frames away, is ``face``: that of the same person where a track knows people, else
    the nearest within reach.
    """
    known = [other for other in others if other.person == face.person]
    if face.person or not known:
        return known[0] if known else None
    best = min(known, key=lambda other: math.dist(other.middle, face.middle))
    side = math.sqrt(max(face.area, 1e-9))
    moved = math.dist(best.middle, face.middle)
    grown = math.sqrt(max(best.area, 1e-9)) / side
    return best if moved <= _REACH * side * math.sqrt(steps) and 0.5 < grown < 2.0 else None


def _settled(face: Face, timeline: Timeline, time: int, smoothing: int, gap: int, fade: int) -> Face:
    reach = max(smoothing, fade)
    walks = [_walk(face, timeline, time, direction, reach, gap) for direction in (-1, 1)]
    left = [walk.lost for walk in walks if walk.lost is not None and walk.lost < fade]
    presence = min([face.presence, *((lost + 1) / (fade + 1) for lost in left)])
    samples = [sample for walk in walks for sample in walk.seen if abs(sample[0]) <= smoothing]
    steadied = face if face.edited or not smoothing else replace(face, landmarks=_steadied(face, samples, smoothing))
    return replace(steadied, presence=presence)


def _walk(face: Face, timeline: Timeline, time: int, direction: int, reach: int, gap: int) -> _Walk:
    seen: list[tuple[int, Face]] = []
    last, missed, distance = face, 0, 0
    while distance < reach or missed:
        distance += 1
        moment = time + direction * distance
        if timeline.begins(moment if direction > 0 else moment + 1):
            return _Walk(tuple(seen), distance - 1 - missed if missed else None)
        found = same(last, timeline.faces(moment), missed + 1)
        if found is not None:
            if found.presence:
                seen.append((direction * distance, found))
                last = found
            missed = 0
            continue
        missed += 1
        if missed > gap:
            return _Walk(tuple(seen), distance - missed)
    return _Walk(tuple(seen), None)


def _steadied(face: Face, samples: Sequence[tuple[int, Face]], radius: int) -> Points:
    """Points of a line fitted to those around, by weights that fall with the distance in time (Cleveland's local
    regression, JASA 74, 1979): no lag in steady motion, even at the ends of a shot.

    The weights' deviation is radius / 2 for a face at rest, and falls with the square of its speed, so that fast motion
    is hardly touched: as in the one-euro filter (Casiez, Roussel and Vogel, CHI 2012), but looking both ways.
    """
    known = sorted([*samples, *([] if face.filled else [(0, face)])], key=lambda sample: sample[0])
    if len(known) < 2:
        return face.landmarks
    offsets = np.array([offset for offset, _ in known], np.float64)
    points = np.array([seen.landmarks for _, seen in known])
    speed = _speed(offsets, points) / math.sqrt(max(face.area, 1e-9))
    deviation = max(radius / 2 / (1 + (speed / _FAST) ** 2), float(np.abs(offsets).min()), 1e-2)
    weights = np.exp(-0.5 * (offsets / deviation) ** 2)
    total, first, second = (float((weights * offsets**power).sum()) for power in (0, 1, 2))
    spread = total * second - first**2
    if spread <= 1e-12:
        return face.landmarks
    return np.asarray(np.tensordot(weights * (second - first * offsets) / spread, points, axes=1))


def _speed(offsets: Points, points: Points) -> float:
    """Root mean square movement of the points per frame, over pairs two samples apart where there are any."""
    apart = min(2, len(offsets) - 1)
    steps = (offsets[apart:] - offsets[:-apart])[:, None, None]
    return float(np.sqrt(((points[apart:] - points[:-apart]) ** 2 / steps**2).sum(axis=2).mean()))


def _filled(here: Sequence[Face], timeline: Timeline, time: int, gap: int) -> Iterator[Face]:
    """Faces missing at ``time`` that were found before and after it, at most ``gap`` frames apart, in between."""
    missing: list[Face] = []
    for early in range(1, gap + 1):
        if timeline.begins(time - early + 1):
            return
        for face in _present(timeline.faces(time - early)):
            if same(face, here, early) or any(same(face, [other]) for other in missing):
                continue
            missing.append(face)
            found = _again(face, timeline, time, early, gap)
            if found is not None:
                other, late = found
                share = early / (early + late)
                yield replace(interpolated(face, other, share), filled=True, edited=False)


def _again(face: Face, timeline: Timeline, time: int, early: int, gap: int) -> tuple[Face, int] | None:
    """The face where it is found again, and how many frames after ``time``."""
    for late in range(1, gap - early + 2):
        if timeline.begins(time + late):
            return None
        if (found := same(face, timeline.faces(time + late), early + late)) is not None:
            return (found, late) if found.presence else None
    return None


def interpolated(face: Face, later: Face, share: float) -> Face:
    """``face`` on its way to where it is ``later``, 0..1 of it; as sure as the less sure of the two."""
    landmarks = (1 - share) * face.landmarks + share * later.landmarks
    box = ((1 - share) * np.array(face.box) + share * np.array(later.box)).tolist()
    confidence = min(face.confidence, later.confidence)
    return replace(face, landmarks=landmarks, box=tuple(box), confidence=confidence)
