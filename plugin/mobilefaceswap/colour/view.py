"""The view through which a network sees a scene: an exposure, and a soft shoulder for what is brighter than white.

Both are measured in the one frame that they apply to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .display import from_display, luma_of
from .space import ColourSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

__all__ = ["exposure_for", "shouldered", "white_of"]

_FACE = 0.25
"""Luminance of a face in a well-exposed picture: between dark skin (0.1) and light skin (0.4), on a scale of stops."""
_FARTHEST = 10.0
_DARKEST = 1e-5
_KNEE = 0.9
"""Display value from which highlights are compressed."""
_SPARKLE = 99.5
"""Per cent of the crop that tell where white is; the rest may be sparks or hot pixels."""


def exposure_for(display: Floats) -> float:
    """Stops that bring a face's median luminance to that of a well-exposed picture.

    display: (N, 3), display-referred sRGB, unclipped, of the pixels that are certainly face. A plate twice as bright
    gets exactly one stop less, so that the network sees the same.
    """
    import numpy as np

    median = float(np.median(luma_of(from_display(display, ColourSpace.LINEAR))))
    if not np.isfinite(median):
        return 0.0
    return float(np.clip(np.log2(_FACE / max(median, _DARKEST)), -_FARTHEST, _FARTHEST))


def white_of(display: Floats, space: ColourSpace) -> float:
    """The display value, at least 1, that the shoulder brings to 1: the brightest of the crop (S, S, 3), sparks aside.

    1 in finished pictures, whose white is meant.
    """
    import numpy as np

    if space.encoding == "display":
        return 1.0
    brightest = display.max(axis=-1)
    if not (brightest > 1).any():
        return 1.0
    return max(1.0, float(np.percentile(brightest, _SPARKLE)))


def shouldered(display: Floats, white: float) -> Floats:
    """Display values (..., 3) as the network sees them, 0..1: untouched up to 0.9, then compressed so that ``white``
    becomes 1; clipped there and at 0.

    The extended curve of Reinhard et al., Photographic Tone Reproduction (SIGGRAPH 2002, equation 4), above a knee. It
    is smooth there, and at a white of 1 the identity, so that a picture without highlights is not touched.
    """
    import numpy as np

    if white > 1:
        room, reach = np.float32(1 - _KNEE), np.float32((white - _KNEE) / (1 - _KNEE))
        above = np.maximum(display - np.float32(_KNEE), 0) / room
        bent = np.float32(_KNEE) + room * above * (1 + above / (reach * reach)) / (1 + above)
        display = np.where(above > 0, bent, display)
    return np.asarray(np.clip(display, 0.0, 1.0), np.float32)
