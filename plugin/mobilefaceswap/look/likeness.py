"""Likeness: how much of the source there is in the face."""

from __future__ import annotations

import numpy as np

from ..frame import Floats
from ..settings import Settings
from .operation import Swapped

__all__ = ["towards_source"]


def towards_source(face: Swapped, colour: Floats, settings: Settings) -> Floats:
    """``colour`` (S, S, 3), display-referred sRGB, on the way from the target's face to the source's and beyond.

    The way leads along the difference that the network makes. Both its ends show one pose, so the pictures between are
    sound, and so are those a little beyond. Between two people's predicted weights, or what they are predicted from,
    the network redraws the target even at 0, and likeness stops rising before 1.
    """
    if settings.likeness == 1:
        return colour
    return np.asarray(face.crop + np.float32(settings.likeness) * (colour - face.crop), np.float32)
