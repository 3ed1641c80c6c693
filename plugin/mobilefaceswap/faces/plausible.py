"""What five points say of a face: how far it is rolled, whether faces look like that, and how they were mixed up."""

from __future__ import annotations

import math

import numpy as np

from ..geometry import fit_crop
from ..packs import Crop
from .face import Face, Points

__all__ = ["are_apart", "is_face", "mixed_up", "plausibility", "roll_of"]

_CROP = Crop(112)
_MIRRORED = [1, 0, 2, 4, 3]
_LEAST = np.array([0.48, 0.34, 0.47, -0.38, -0.09, -0.10])
_MOST = np.array([1.19, 1.00, 0.66, 0.38, 0.10, 0.16])
"""Of 906 training faces, half of them turned away by 20 to 60 degrees, one in 500 lies beyond each. In units of the
distance from the middle of the eyes to the middle of the mouth: from eye to eye and from corner to corner of the mouth,
both across it; how far down it the nose is, and how far to the side; how much lower the right eye is than the left one,
and the right corner of the mouth than the left one.
"""


def roll_of(landmarks: Points, pixel_aspect: float = 1.0) -> float:
    """Degrees, -180..180, by which a face is turned clockwise in the picture; 0 is upright, 180 upside down."""
    linear = fit_crop(landmarks * (pixel_aspect, 1.0), _CROP)[:, :2]
    return math.degrees(math.atan2(-linear[1, 0], linear[0, 0]))


def are_apart(landmarks: Points) -> bool:
    """Whether these are five places (5, 2), not one: a crop cannot be fitted to that."""
    return np.shape(landmarks) == (5, 2) and bool(np.isfinite(landmarks).all() and np.ptp(landmarks, axis=0).any())


def mixed_up(landmarks: Points) -> str:
    """What was mixed up where points (5, 2) are a face's in a mirror, in words; empty where they are not.

    Pixels of any shape: what is squeezed or turned is never mirrored by that.
    """
    if plausibility(landmarks) > 0 or plausibility(landmarks[_MIRRORED]) == 0:
        return ""
    upright = landmarks[3:, 1].sum() > landmarks[:2, 1].sum()
    if upright:
        return "left and right the other way round: left is the viewer's left, not the actor's"
    return "a mirrored face, upside down: files count y from the bottom, `track edit` from the top"


def is_face(face: Face, pixel_aspect: float) -> bool:
    """Whether ``face`` has a face's proportions, or was placed or moved by hand: else nobody swaps it, and it covers
    nobody."""
    return face.edited or plausibility(face.landmarks, pixel_aspect) > 0


def plausibility(landmarks: Points, pixel_aspect: float = 1.0) -> float:
    """How much the five points (5, 2) are like a face's, whatever its size and roll: 1 as measured faces are, 0 where
    a proportion lies beyond theirs by half their whole range.
    """
    left_eye, right_eye, nose, left_corner, right_corner = landmarks * (pixel_aspect, 1.0)
    eyes = (left_eye + right_eye) / 2
    down = (left_corner + right_corner) / 2 - eyes
    down /= max(float(down @ down), 1e-9)
    across = np.array([down[1], -down[0]])
    proportions = np.array(
        [
            (right_eye - left_eye) @ across,
            (right_corner - left_corner) @ across,
            (nose - eyes) @ down,
            (nose - eyes) @ across,
            (right_eye - left_eye) @ down,
            (right_corner - left_corner) @ down,
        ]
    )
    beyond = np.maximum(_LEAST - proportions, proportions - _MOST) / (_MOST - _LEAST)
    return float(np.clip(1 - 2 * beyond.max(), 0.0, 1.0))
