"""Pictures in the public domain, taken from installed packages, for the demonstration and the benchmark.

Target: scikit-image's portrait of an astronaut (Eileen Collins, photographed by NASA, public domain). Source:
matplotlib's sample portrait of Grace Hopper (photographed by the US Navy, public domain). Both come with the ``demo``
extra.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from ..errors import UserInputError
from ..frame import ColourSpace, Frame

__all__ = ["AstronautClip", "grace_hopper"]

_FACE = (224.0, 130.0)
_MISSING = "expected {} to be installed for its sample picture; it is not. Run `pip install 'mobilefaceswap-ofx[demo]'`"


def grace_hopper() -> Path:
    """Where matplotlib's sample portrait lies. Raises UserInputError without matplotlib."""
    try:
        from matplotlib import get_data_path
    except ImportError as error:
        raise UserInputError(_MISSING.format("matplotlib")) from error
    return Path(get_data_path()) / "sample_data" / "grace_hopper.jpg"


class AstronautClip:
    """The astronaut seen by a moving camera: it pans, zooms and rolls smoothly. Frames from 0.

    size: (width, height). frames: how many. Raises UserInputError without scikit-image.
    """

    first = 0

    def __init__(self, size: tuple[int, int] = (960, 540), frames: int = 60) -> None:
        try:
            from skimage.data import astronaut
        except ImportError as error:
            raise UserInputError(_MISSING.format("scikit-image")) from error
        self.last = frames - 1
        self._size = size
        self._picture = astronaut()[..., :3].astype(np.float32) / 255

    def frame(self, time: int) -> Frame:
        """See ``Clip``."""
        width, height = self._size
        phase = 2 * math.pi * time / max(1, self.last)
        scale = height / 300 * (1 + 0.12 * math.sin(phase))
        matrix = cv2.getRotationMatrix2D(_FACE, 6 * math.sin(phase), scale)
        matrix[:, 2] += (width * (0.5 + 0.06 * math.sin(phase)), height * (0.48 + 0.05 * math.sin(2 * phase)))
        matrix[:, 2] -= _FACE
        pixels = cv2.warpAffine(
            self._picture, matrix, self._size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        return Frame(np.clip(pixels, 0, 1).astype(np.float32), ColourSpace.REC709)
