"""Pictures in the public domain, taken from installed packages, for the demonstration and the benchmark.

scikit-image's portrait of an astronaut (Eileen Collins, photographed by NASA, public domain) and matplotlib's of Grace
Hopper (photographed by the US Navy, public domain). Both come with the ``demo`` extra.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from ..errors import UserInputError
from ..frame import ColourSpace, Floats, Frame
from ..media import read_picture

__all__ = ["AstronautClip", "HopperClip", "astronaut", "grace_hopper"]

_MISSING = "expected {} to be installed for its sample picture; it is not. Run `pip install 'mobilefaceswap-ofx[demo]'`"


def grace_hopper() -> Path:
    """Where matplotlib's sample portrait lies. Raises UserInputError without matplotlib."""
    try:
        from matplotlib import get_data_path
    except ImportError as error:
        raise UserInputError(_MISSING.format("matplotlib")) from error
    return Path(get_data_path()) / "sample_data" / "grace_hopper.jpg"


def astronaut() -> Floats:
    """The portrait (512, 512, 3), 0..1, display-referred sRGB. Raises UserInputError without scikit-image."""
    try:
        from skimage import data
    except ImportError as error:
        raise UserInputError(_MISSING.format("scikit-image")) from error
    return np.asarray(data.astronaut()[..., :3].astype(np.float32) / 255)


class _MovingPortrait:
    """A picture (H, W, 3) seen by a moving camera: it pans, zooms and rolls smoothly. Frames from 0.

    face: (x, y) that the camera looks at. size: (width, height). frames: how many.
    """

    first = 0

    def __init__(self, picture: Floats, face: tuple[float, float], size: tuple[int, int], frames: int) -> None:
        self.last = frames - 1
        self._picture, self._face, self._size = picture, face, size

    def frame(self, time: int) -> Frame:
        """See ``Clip``."""
        width, height = self._size
        phase = 2 * math.pi * time / max(1, self.last)
        scale = height / 300 * (1 + 0.12 * math.sin(phase))
        matrix = cv2.getRotationMatrix2D(self._face, 6 * math.sin(phase), scale)
        matrix[:, 2] += (width * (0.5 + 0.06 * math.sin(phase)), height * (0.48 + 0.05 * math.sin(2 * phase)))
        matrix[:, 2] -= self._face
        pixels = cv2.warpAffine(
            self._picture, matrix, self._size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        return Frame(np.clip(pixels, 0, 1).astype(np.float32), ColourSpace.REC709)


class AstronautClip(_MovingPortrait):
    """The astronaut seen by a moving camera. Raises UserInputError without scikit-image."""

    def __init__(self, size: tuple[int, int] = (960, 540), frames: int = 60) -> None:
        super().__init__(astronaut(), (224.0, 130.0), size, frames)


class HopperClip(_MovingPortrait):
    """Grace Hopper, with glasses, seen by a moving camera. Raises UserInputError without matplotlib."""

    def __init__(self, size: tuple[int, int] = (960, 540), frames: int = 60) -> None:
        super().__init__(read_picture(grace_hopper()).rgb, (262.0, 205.0), size, frames)
