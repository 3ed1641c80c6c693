"""Who is who through a shot: faces of many frames linked by motion and appearance together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..frame import Floats
from .choose import cosine
from .face import Face, Points

__all__ = ["Sighting", "identified"]

_PATIENCE = 24
"""Frames for which somebody who is out of sight is waited for before it takes a likeness alone to know them again."""
_REACH = 0.6
"""How far from where motion leads, in sides of the box, a face may be one frame later."""
_STRANGER, _FRIEND, _SAME = 0.1, 0.5, 0.363
"""Cosines: below the first two faces are never one person; from the second on a person may leap; the third is OpenCV's
threshold for SFace, from which pieces that do not touch belong to one person.
"""
_WEIGHT = 2.0
"""Of appearance against motion: a crossing is decided by who it is, a blurred face by where it is."""
_FORBIDDEN = 1e6
_RECENT = 12


@dataclass(frozen=True)
class Sighting:
    """The faces of one frame, and the embedding (D,) of each."""

    faces: tuple[Face, ...]
    embeddings: tuple[Floats, ...]


@dataclass
class _Piece:
    """One person over a stretch of frames without a doubt."""

    times: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)
    embeddings: list[Floats] = field(default_factory=list)

    def add(self, time: int, place: int, seen: Sighting) -> None:
        self.times.append(time)
        self.places.append(place)
        self.faces.append(seen.faces[place])
        self.embeddings.append(_unit(seen.embeddings[place]))

    def expected(self, time: int) -> Points:
        """The middle of the face at ``time`` if it goes on as it went."""
        earlier = max(0, len(self.times) - 4)
        steps = self.times[-1] - self.times[earlier]
        velocity = (self.faces[-1].centre - self.faces[earlier].centre) / steps if steps else np.zeros(2)
        return np.asarray(self.faces[-1].centre + velocity * (time - self.times[-1]))


def identified(
    frames: Mapping[int, Sighting], cuts: frozenset[int]
) -> tuple[dict[int, tuple[Face, ...]], dict[int, Floats]]:
    """(the faces of every frame with ids and likeness, the mean embedding of every person by id).

    Ids count from 1, the person who fills most of the picture over the shot first. Cuts end motion, not likeness.
    """
    people = _people(_pieces(frames, cuts))
    people.sort(key=lambda pieces: -sum(face.area for piece in pieces for face in piece.faces))
    found = {time: list(seen.faces) for time, seen in frames.items()}
    means = {}
    for person, pieces in enumerate(people, 1):
        means[person] = _mean(pieces)
        for piece in pieces:
            for time, place, embedding in zip(piece.times, piece.places, piece.embeddings, strict=True):
                likeness = round(cosine(embedding, means[person]), 4)
                found[time][place] = replace(found[time][place], person=person, likeness=likeness)
    return {time: tuple(faces) for time, faces in found.items()}, means


def _pieces(frames: Mapping[int, Sighting], cuts: frozenset[int]) -> list[_Piece]:
    ended: list[_Piece] = []
    current: list[_Piece] = []
    for time, seen in sorted(frames.items()):
        here = [] if time in cuts else [piece for piece in current if time - piece.times[-1] <= _PATIENCE]
        ended += [piece for piece in current if piece not in here]
        current = here
        known = dict(_assigned(current, seen, time))
        for place in range(len(seen.faces)):
            if place not in known:
                known[place] = _Piece()
                current.append(known[place])
            known[place].add(time, place, seen)
    return ended + current


def _assigned(pieces: Sequence[_Piece], seen: Sighting, time: int) -> Iterator[tuple[int, _Piece]]:
    """Which face goes on which piece: the assignment of least cost."""
    if not pieces or not seen.faces:
        return
    # Only an analysis needs it, and the import takes a while.
    from scipy.optimize import linear_sum_assignment

    pairs = list(zip(seen.faces, seen.embeddings, strict=True))
    costs = np.array([[_cost(piece, face, embedding, time) for face, embedding in pairs] for piece in pieces])
    for row, place in zip(*linear_sum_assignment(costs), strict=True):
        if costs[row, place] < _FORBIDDEN:
            yield int(place), pieces[row]


def _cost(piece: _Piece, face: Face, embedding: Floats, time: int) -> float:
    steps = time - piece.times[-1]
    side = math.sqrt(max(piece.faces[-1].area, 1e-9))
    grown = math.sqrt(max(face.area, 1e-9)) / side
    away = min(_distance(face, piece.expected(time)), _distance(face, piece.faces[-1].centre))
    moved = away / (_REACH * side * math.sqrt(steps))
    alike = cosine(np.sum(piece.embeddings[-_RECENT:], axis=0), embedding)
    leap = 3.0 if alike >= _FRIEND else 1.0
    if moved > leap or alike < _STRANGER or not 0.5 < grown < 2.0:
        return _FORBIDDEN
    return moved + _WEIGHT * (1 - alike)


def _people(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Pieces put together by likeness; nobody is at two places at once."""
    people: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda piece: -len(piece.times)):
        free = [known for known in people if not any(set(piece.times) & set(other.times) for other in known)]
        best = max(free, key=lambda known: cosine(_mean(known), _mean([piece])), default=None)
        if best is not None and cosine(_mean(best), _mean([piece])) >= _SAME:
            best.append(piece)
        else:
            people.append([piece])
    return people


def _mean(pieces: Sequence[_Piece]) -> Floats:
    return _unit(np.sum([embedding for piece in pieces for embedding in piece.embeddings], axis=0))


def _unit(vector: Floats) -> Floats:
    flat = np.ravel(vector)
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-12), np.float32)


def _distance(face: Face, place: Points) -> float:
    return float(np.hypot(*(face.centre - place)))
