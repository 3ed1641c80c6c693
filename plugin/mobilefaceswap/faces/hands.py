"""Hands near a face: MediaPipe's palm detector and hand landmarker (Apache-2.0), which a pack carries.

After Zhang et al., "MediaPipe Hands: On-device Real-time Hand Tracking", 2020 (arXiv 2006.10214): palms are found in a
square picture, each is turned upright, and 21 points are found in it; a second look, at the crop that these points ask
for, settles them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from ..frame import Floats
from ..geometry import Matrix, inverse, transformed
from ..packs import Pack, find_pack
from ..runtime import open_session
from .face import Points

__all__ = ["Hand", "HandFinder"]

_VERSION, _ROLES = "1", ("palms", "hands")
_PALM_SIDE, _HAND_SIDE = 192, 224
_ANCHORS = ((24, 2), (12, 6))
"""Cells across the palm detector's grids, and how many palms each cell can tell."""
_LEAST_PALM, _LEAST_HAND = 0.4, 0.5
"""Of the palm detector, which takes many a nose for a palm, and of the landmarker, which takes none of them."""
_OVERLAP = 0.3
_WRIST, _INDEX, _MIDDLE, _RING = 0, 5, 9, 13
_NEAR_PALM = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
"""Points by which the second crop is made: fingertips would make it jump."""


@dataclass(frozen=True, eq=False)
class Hand:
    """points: (21, 2), wrist, then four for each finger from the thumb on, from the palm outwards.

    sure: 0..1, of both looks: of 52 hands before faces 47 reach 0.9, of 295 faces without hands none 0.85.
    """

    points: Points
    sure: float


@dataclass(frozen=True, eq=False)
class _Square:
    """A turned square of a picture. way: where its upper edge points, in radians clockwise from the picture's."""

    centre: Points
    side: float
    way: float

    def matrix(self, side: int) -> Matrix:
        """From the picture to the square, brought to ``side`` pixels."""
        along, across = (side / self.side * part for part in (math.cos(self.way), math.sin(self.way)))
        linear = np.array([[along, across], [-across, along]])
        return np.column_stack([linear, (side - 1) / 2 - linear @ self.centre])


class HandFinder:
    """Finds hands in small pictures. ``name`` distinguishes networks and versions of this code in cache keys."""

    def __init__(self, pack: Pack) -> None:
        """pack: whose networks are used, or the default pack's where it has none. Nothing is opened before its use."""
        self._pack = pack

    @cached_property
    def name(self) -> str:
        """Raises PackError where the default pack cannot be used."""
        files = self._carrier.files if self._carrier else {}
        return "-".join([_VERSION, *(files[role].sha256[:16] for role in _ROLES if role in files)])

    @cached_property
    def _carrier(self) -> Pack | None:
        """The pack whose networks are used; None where the default pack has none either, and no hand is found."""
        packs = self._pack, find_pack()
        return next((pack for pack in packs if set(_ROLES) <= set(pack.files)), None)

    def _answers(self, role: str, picture: Floats) -> dict[str, Floats]:
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None])
        assert self._carrier is not None
        return open_session(self._carrier.path(role)).run({"image": planes})

    def try_out(self) -> None:
        """Opens and runs both networks on empty pictures. Raises PackError where one cannot be used."""
        if self._carrier is not None:
            for role, side in zip(_ROLES, (_PALM_SIDE, _HAND_SIDE), strict=True):
                self._answers(role, np.zeros((side, side, 3), np.float32))

    def find(self, picture: Floats) -> list[Hand]:
        """The hands in a square (S, S, 3) picture, display-referred sRGB, 0..1, in its pixels; the surest first."""
        found: list[Hand] = []
        if self._carrier is None:
            return found
        for square in self._squares(picture):
            hand = self._points(picture, square)
            if hand.sure >= _LEAST_HAND:
                again = self._points(picture, _around(hand.points))
                found.append(Hand(again.points, math.sqrt(hand.sure * again.sure)))
        return sorted(found, key=lambda hand: -hand.sure)

    def _squares(self, picture: Floats) -> Iterator[_Square]:
        """Around each palm, the fingers upwards."""
        size = (_PALM_SIDE, _PALM_SIDE)
        small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
        answers = self._answers("palms", small)
        sure = 1 / (1 + np.exp(-np.clip(answers["scores"].ravel(), -100, 100)))
        known = np.flatnonzero(sure >= _LEAST_PALM)
        numbers = answers["boxes"][0, known].reshape(-1, 9, 2).astype(np.float64) / _PALM_SIDE
        middles, sides = numbers[:, 0] + _anchors()[known], numbers[:, 1]
        points = numbers[:, 2:] + _anchors()[known][:, None]
        boxes = np.concatenate([middles - sides / 2, sides], axis=1)
        for kept in cv2.dnn.NMSBoxes(boxes.tolist(), sure[known].tolist(), _LEAST_PALM, _OVERLAP):
            along = points[kept, 2] - points[kept, 0]
            side, way = float(sides[kept].max()), math.atan2(along[0], -along[1])
            # A hand is 2.6 times as long as its palm, and reaches further up than down.
            centre = middles[kept] + 0.5 * side * np.array([math.sin(way), -math.cos(way)])
            yield _Square(centre * picture.shape[0] - 0.5, 2.6 * side * picture.shape[0], way)

    def _points(self, picture: Floats, square: _Square) -> Hand:
        matrix = square.matrix(_HAND_SIDE)
        crop = cv2.warpAffine(picture, matrix, (_HAND_SIDE, _HAND_SIDE), flags=cv2.INTER_LINEAR)
        answers = self._answers("hands", np.asarray(crop, np.float32))
        points = answers["points"].reshape(21, 3)[:, :2].astype(np.float64) - 0.5
        return Hand(transformed(inverse(matrix), points), float(answers["sure"].ravel()[0]))


def _around(points: Points) -> _Square:
    """The square in which the landmarker sees a hand with these points best."""
    knuckles = 0.25 * (points[_INDEX] + points[_RING]) + 0.5 * points[_MIDDLE]
    along = knuckles - points[_WRIST]
    way = math.atan2(along[0], -along[1])
    upright = np.array([[math.cos(way), math.sin(way)], [-math.sin(way), math.cos(way)]])
    turned = points[list(_NEAR_PALM)] @ upright.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    side = float((high - low).max())
    return _Square(upright.T @ ((low + high) / 2 - (0, 0.1 * side)), 2 * side, way)


def _anchors() -> Points:
    """(2016, 2): the middles of the palm detector's cells, 0..1."""
    grids = [np.repeat(np.argwhere(np.ones((n, n)))[:, ::-1], k, axis=0) for n, k in _ANCHORS]
    return np.concatenate([(grid + 0.5) / n for grid, (n, _) in zip(grids, _ANCHORS, strict=True)])
