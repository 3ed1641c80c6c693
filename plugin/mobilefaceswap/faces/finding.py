"""The search that all detectors share: the whole plate, then a closer look at each face, turned upright.

The search of the whole plate sees a 1080p plate at a third of its size, where landmarks jitter by pixels of the plate.
The closer look, at a crop around the face, steadies them.

Detectors learn from upright faces. A face that is rolled by 60 degrees or more they still find, but put its eyes on
the forehead; even at 20 degrees their points follow the head by a third only. So a face that may be rolled is looked at
in eight rotations, and then at its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from ..frame import Frame
from ..geometry import Matrix, glimpse, reduced, scale_of
from .display import display_bytes
from .face import Face
from .plausible import roll_of

__all__ = ["VERSION", "Look", "meet", "search"]

VERSION = "4-224-0.45"
"""Part of the name of every detector that searches like this; raised when other points come out."""

Look = Callable[[np.ndarray, float], Sequence[Face]]
"""A detector's network: the faces in an 8-bit BGR picture of any size of whom it is at least this confident, 0..1."""

_CLOSE_UP, _GLANCE = 224, 112
# Against dlib's landmarks on eight portraits the eyes are off by 2.9 pixels of a 224-pixel crop; by 5.1 at 0.6.
_FILL = 0.45
_OFF = 8.0
"""Pixels of the closer look by which a face that is followed may lie elsewhere than it is expected."""
_TURNS = (0, 45, 90, 135, 180, -135, -90, -45)
_UNROLLED = 1.0
"""Degrees of roll that need no further look. In 1,900 views of 265 training faces YuNet's points showed 0.8 and less
for half of the upright ones, and this or less for under five in a hundred that were rolled by 20.
"""
_PROBE, _MOST_AHEAD = 20.0, 35.0
_FOLLOWED, _USUALLY_FOLLOWED = (0.15, 1.0), 0.3
"""The share of a roll that points show, from the least to all of it; YuNet's usually show 0.3."""
_STEADY, _ROLLED = 10.0, 20.0
"""Degrees of roll up to which a face keeps the points of the plain look, and from which it has those of the look at
its own roll. Between them they are blended: nothing jumps while a head tilts.
"""
_LEAST, _CLEARLY, _ABOUT = 0.3, 0.01, 0.08
"""The least confidence of a glance; by how much a face turned over must look better than as it was found; by how much
less than the best turn another may show and be tried.
"""


def search(look: Look, plate: Frame, size: int, threshold: float, sure: float) -> tuple[Face, ...]:
    """The faces of ``plate``, straight and in any colour space, from left to right.

    size: longest side of the search in pixels. threshold: least confidence, 0..1. sure: the confidence at which a face
    that looks upright was upright wherever that was measured; it needs no more looks than the closer one.
    """
    picture = _shrunk(plate, size)
    views = [_View(plate, face) for face in _in_plate(plate, picture, look(picture, threshold))]
    if not views:
        views = _turned(look, plate, picture, threshold)
    faces = [_looked_at(look, view, threshold, sure) for view in views]
    return tuple(sorted(faces, key=lambda face: face.middle[0]))


def meet(look: Look, plate: Frame, expected: Sequence[Face], threshold: float, sure: float) -> tuple[Face, ...] | None:
    """The faces of ``plate`` about where they are ``expected``, in that order, by closer looks alone; None where one is
    not found with the confidence ``sure``. The rest as ``search``.
    """
    found = []
    for face in expected:
        view = _View(plate, face)
        seen = view.seen(look, threshold)
        if seen is not None:
            moved = (view.on_plate(seen).landmarks - face.landmarks).mean(axis=0)
            if np.abs(moved).max() * scale_of(view.matrix) > _OFF:
                view = _View(plate, face.placed(face.landmarks + moved))
                seen = view.seen(look, threshold)
        if seen is None or seen.confidence < sure:
            return None
        plain = view.refined(seen)
        found.append(plain if abs(roll_of(seen.landmarks)) <= _UNROLLED else _upright(look, view, 0, seen, plain))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _View:
    """A square crop around a face, turned so that a face rolled by ``roll`` degrees is upright in it."""

    plate: Frame
    face: Face
    roll: float = 0.0

    @cached_property
    def matrix(self) -> Matrix:
        """From the plate's pixels to the crop's."""
        aspect, (x, y) = self.plate.pixel_aspect, self.face.centre
        scale = _CLOSE_UP * _FILL / max(self.face.box[2] * aspect, self.face.box[3], 1.0)
        along, across = scale * math.cos(math.radians(self.roll)), scale * math.sin(math.radians(self.roll))
        linear = np.array([[along * aspect, across], [-across * aspect, along]])
        return np.column_stack([linear, (_CLOSE_UP - 1) / 2 - linear @ (x, y)])

    @cached_property
    def picture(self) -> np.ndarray:
        """(224, 224, 3), for a ``Look``."""
        return display_bytes(glimpse(self.plate, self.matrix, _CLOSE_UP), self.plate.colour_space)

    def seen(self, look: Look, threshold: float) -> Face | None:
        """The face that the crop was made for, in pixels of the crop."""
        return _middle_one(look(self.picture, threshold), _CLOSE_UP)

    def turned(self, look: Look, turn: float, side: int, threshold: float) -> Face | None:
        """The same where the crop is turned by ``turn`` degrees more and brought to ``side``, in that crop's pixels."""
        picture = cv2.resize(self.picture, (side, side), interpolation=cv2.INTER_AREA)
        matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), turn, 1.0)
        rotated = cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
        found = _middle_one(look(rotated, threshold), side)
        return found and found.scaled(_CLOSE_UP / side, _CLOSE_UP / side)

    def refined(self, seen: Face) -> Face:
        """The view's face with the points of ``seen``, as sure and in the box as it was found.

        The frame of a look moves points by hundredths of the face: a face that is followed must be looked at in the
        box in which a search would look at it.
        """
        return replace(self.face, landmarks=self.on_plate(seen).landmarks)

    def on_plate(self, seen: Face, roll: float | None = None) -> Face:
        """``seen`` in the plate's pixels. roll: of the crop that it was seen in, if it is not this one."""
        matrix = (self if roll is None else replace(self, roll=roll)).matrix
        inverse = np.linalg.inv(matrix[:, :2])
        x, y = inverse @ (seen.centre - matrix[:, 2])
        # The upright box around the ellipse in the turned one.
        width, height = np.hypot(*(inverse * seen.box[2:]).T)
        landmarks = (seen.landmarks - matrix[:, 2]) @ inverse.T
        return Face(landmarks, (x - width / 2, y - height / 2, width, height), seen.confidence)


def _looked_at(look: Look, view: _View, threshold: float, sure: float) -> Face:
    """The view's face with the landmarks of a closer look; unchanged if that finds no face there."""
    seen = view.seen(look, min(threshold, view.face.confidence))
    plain = view.face if seen is None else view.refined(seen)
    if seen and seen.confidence >= sure and view.roll == 0:
        return plain if abs(roll_of(seen.landmarks)) <= _UNROLLED else _upright(look, view, 0, seen, plain)
    glances = _glances(look, view, _GLANCE) or _glances(look, view, _CLOSE_UP)
    best, certainty = plain, seen.confidence if seen else 0.0
    for turn in _likeliest(glances):
        face = _upright(look, view, turn, seen if seen and turn == 0 else glances[turn], plain)
        # A face that is half hidden is a little unlike all: it is turned over only where that is clearly better.
        if face.confidence > certainty + (_CLEARLY if abs(turn) >= 90 else -_CLEARLY):
            best, certainty = face, face.confidence
        if certainty >= sure:
            break
    return best


def _glances(look: Look, view: _View, side: int) -> dict[int, Face]:
    """What is seen of the view's face in each of the eight turns."""
    return {turn: found for turn in _TURNS if (found := view.turned(look, turn, side, _LEAST))}


def _likeliest(glances: dict[int, Face]) -> list[int]:
    """The turn that shows a face best, and one by a right angle or more away that shows it about as well."""
    ranked = sorted(glances, key=lambda turn: -glances[turn].confidence)
    least = glances[ranked[0]].confidence - _ABOUT if ranked else 0.0
    others = [turn for turn in ranked if 90 <= abs(turn - ranked[0]) <= 270 and glances[turn].confidence > least]
    return ranked[:1] + others[:1]


def _upright(look: Look, view: _View, turn: int, seen: Face, plain: Face) -> Face:
    """The face ``seen`` after a ``turn`` of the view, looked at in its own roll; ``plain`` where that is not needed."""
    rolls = [(float(turn), roll_of(seen.landmarks))]
    probe = turn + math.copysign(_PROBE, rolls[0][1])
    if further := view.turned(look, probe, _CLOSE_UP, _LEAST):
        rolls.append((probe, roll_of(further.landmarks)))
    if view.roll + turn == 0 and abs(_own_roll(rolls)) < _STEADY:
        return plain
    face = view.on_plate(seen, view.roll + turn)
    for _ in range(2):
        closer = _View(view.plate, face, view.roll + _own_roll(rolls))
        again = closer.seen(look, _LEAST)
        if again is None:
            break
        face = closer.on_plate(again)
        rolls.append((closer.roll - view.roll, roll_of(again.landmarks)))
    return _blended(plain, face, view.plate.pixel_aspect)


def _own_roll(rolls: Sequence[tuple[float, float]]) -> float:
    """The turn of a view in which a face's points show no roll, from the rolls that they show in several turns.

    How far points follow the head differs between detectors and between faces: the line through what was seen tells.
    """
    turns, shown = np.array(rolls).T
    spread = float(((turns - turns.mean()) ** 2).sum())
    slope = -float(((turns - turns.mean()) * shown).sum()) / spread if spread else _USUALLY_FOLLOWED
    ahead = float(shown.mean()) / float(np.clip(slope, *_FOLLOWED))
    return float(turns.mean()) + float(np.clip(ahead, -_MOST_AHEAD, _MOST_AHEAD))


def _blended(plain: Face, upright: Face, pixel_aspect: float) -> Face:
    roll = abs(roll_of(upright.landmarks, pixel_aspect))
    share = float(np.clip((roll - _STEADY) / (_ROLLED - _STEADY), 0.0, 1.0))
    return replace(Face.from_row((1 - share) * plain.row() + share * upright.row()), box=plain.box)


def _turned(look: Look, plate: Frame, picture: np.ndarray, threshold: float) -> list[_View]:
    """The faces of a plate in which none was found, in that quarter turn in which one is seen best."""
    found: dict[int, list[Face]] = {}
    for quarters in (1, 2, 3):
        seen = look(np.ascontiguousarray(np.rot90(picture, quarters)), threshold)
        found[quarters] = [_turned_back(face, quarters, picture.shape) for face in seen]
    best = max(found, key=lambda quarters: max((face.confidence for face in found[quarters]), default=0.0))
    return [_View(plate, face, 90.0 * best) for face in _in_plate(plate, picture, found[best])]


def _turned_back(face: Face, quarters: int, shape: tuple[int, ...]) -> Face:
    """``face``, found in a picture of ``shape`` that ``np.rot90`` turned by ``quarters``, in the picture itself."""
    landmarks, centre, (width, height) = face.landmarks, face.centre, face.box[2:]
    for turn in range(quarters, 0, -1):
        # What was turned by one quarter less is as wide as this one is high.
        last = shape[1] - 1 if turn % 2 else shape[0] - 1
        landmarks, centre = (np.stack([last - points[..., 1], points[..., 0]], -1) for points in (landmarks, centre))
        width, height = height, width
    x, y = centre
    return Face(landmarks, (x - width / 2, y - height / 2, width, height), face.confidence)


def _middle_one(faces: Sequence[Face], side: int) -> Face | None:
    """The one nearest to the middle of a square view; further away than half the face it is somebody else."""
    middle = (side - 1) / 2
    away = {float(np.hypot(*(face.centre - middle))): face for face in faces}
    nearest = min(away, default=math.inf)
    return away[nearest] if nearest <= side * _FILL / 2 else None


def _shrunk(plate: Frame, size: int) -> np.ndarray:
    """The plate with square pixels and its longest side at most ``size``, for a ``Look``."""
    width, height = plate.size
    scale = min(1.0, size / max(width * plate.pixel_aspect, height))
    small = max(1, round(width * plate.pixel_aspect * scale)), max(1, round(height * scale))
    return display_bytes(reduced(plate, small), plate.colour_space)


def _in_plate(plate: Frame, picture: np.ndarray, faces: Sequence[Face]) -> list[Face]:
    """Faces found in the shrunk ``picture``, in the plate's pixels."""
    height, width = picture.shape[:2]
    return [face.scaled(plate.size[0] / width, plate.size[1] / height) for face in faces]
