"""The clips that are measured: the astronaut before a moving camera, with a sensor's grain, since a picture without
any is unusually cheap to encode.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ...frame import Floats
from ...media import create_output
from ..samples import AstronautClip

__all__ = ["write_clip"]

_GRAIN = 1.5 / 255
_SEED = 21


def write_clip(place: Path, size: tuple[int, int], frames: int, faces: int = 1) -> Path:
    """H.264 of ``size`` (width, height). faces: 1, or 4 in two rows of two, each at half the size."""
    across = 1 if faces == 1 else 2
    tile = size[0] // across, size[1] // across
    plates = AstronautClip(tile, frames)
    field = np.random.default_rng(_SEED).normal(0, _GRAIN, (size[1] + 64, size[0] + 64, 1)).astype(np.float32)
    with create_output(place) as writer:
        for number in range(frames):
            picture = np.tile(plates.frame(number).pixels, (across, across, 1))
            writer.write(number, _grainy(picture, field, number))
    return place


def _grainy(picture: Floats, field: Floats, number: int) -> Floats:
    """Another part of the same noise for every frame."""
    y, x = np.random.default_rng(number).integers(0, 64, 2)
    height, width = picture.shape[:2]
    return np.asarray(cv2.add(picture, np.repeat(field[y : y + height, x : x + width], 3, axis=2)), np.float32)
