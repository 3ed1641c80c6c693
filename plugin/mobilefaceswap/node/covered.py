"""What stands before a face: all that occlusion knows, of one frame alone."""

from __future__ import annotations

import numpy as np

from ..cache import Arrays
from ..colour import shouldered, to_display
from ..faces import Hand
from ..frame import Floats
from ..geometry import Matrix, composed, inverse, sample_frame, scaled_about, transformed
from ..look import hands_matte, occlusion
from . import keys
from .road import Kit, Plate, Target

__all__ = ["covered"]

_WINDOWS = (1.8, 2.5)
"""Sides of the squares in which hands are looked for, in sides of the face's crop: of 52 hands before faces 94 in a
hundred are found in these two, 92 in the larger one alone, and 35 in one of 1.3.
"""
_WINDOW_SIDE = 384
_SAME_HAND = 0.25
"""How far apart the points of one hand lie that was found in both, in lengths of the hand."""


def covered(kit: Kit, plate: Plate, target: Target) -> Floats:
    """(S, S), 0..1, on the target's crop: 1 where something stands before the face."""
    points = transformed(target.matrix, target.face.landmarks)

    def compute() -> Arrays:
        side = target.crop.shape[0]
        width = kit.pack.crop.template.face_width * side
        hands = [(transformed(target.matrix, hand.points), hand.sure) for hand in _hands(kit, plate, target)]
        seen = occlusion(target.crop, points, width)
        return {"covered": np.maximum(seen, hands_matte(target.crop, hands))}

    key = keys.covered_key(target.key, points, kit.hands.name)
    return kit.cache.get_passing("covered", key, compute)["covered"]


def _hands(kit: Kit, plate: Plate, target: Target) -> list[Hand]:
    """The hands around a face, in the plate's pixels."""
    found: list[Hand] = []
    for times in _WINDOWS:
        matrix = _window(target, times)
        display = to_display(sample_frame(plate.straight, matrix, _WINDOW_SIDE), target.space)
        back = inverse(matrix)
        for hand in kit.hands.find(shouldered(display, target.white)):
            found.append(Hand(transformed(back, hand.points), hand.sure))
    surest: list[Hand] = []
    for hand in sorted(found, key=lambda hand: -hand.sure):
        if not any(_same_hand(hand, other) for other in surest):
            surest.append(hand)
    return surest


def _window(target: Target, times: float) -> Matrix:
    """From the plate to a square around the crop, ``times`` as large."""
    side = target.crop.shape[0]
    middle = np.full(2, (side - 1) / 2)
    wider = scaled_about(middle, times * side / _WINDOW_SIDE, np.zeros(2))
    wider[:, 2] += (_WINDOW_SIDE - side) / 2
    return composed(wider, target.matrix)


def _same_hand(one: Hand, other: Hand) -> bool:
    apart = float(np.hypot(*(one.points - other.points).T).mean())
    return apart < _SAME_HAND * float(np.ptp(other.points, axis=0).max())
