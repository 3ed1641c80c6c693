"""From each space to display-referred sRGB and back, unclipped.

Rec.709 means display-referred Rec.709 as BT.1886 shows it (a pure 2.4 power), which is what a finished video file is.
HDR is scaled so that its reference white of 203 cd/m² (ITU-R BT.2408) is the display's white. Values outside 0..1 pass
through both ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .space import ColourSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

__all__ = ["from_display", "luma_of", "to_display"]

_HDR_WHITE = 203 / 100
"""OpenColorIO's displays show 1 at 100 cd/m²."""
_REC709 = (0.2126, 0.7152, 0.0722)


def luma_of(rgb: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(...) weighted sum of (..., 3) by ITU-R BT.709: luminance of linear light, luma of display values."""
    import numpy as np

    return np.asarray(rgb @ np.array(_REC709, np.float32))


def to_display(rgb: Floats, space: ColourSpace) -> Floats:
    """Display-referred sRGB, unclipped, of (..., 3) float32 pixels in ``space``. A new array."""
    gain = _gain(space)
    if gain == 1:
        return _converted(rgb, space, ColourSpace.SRGB)
    return _converted(_converted(rgb, space, ColourSpace.LINEAR) * gain, ColourSpace.LINEAR, ColourSpace.SRGB)


def from_display(rgb: Floats, space: ColourSpace) -> Floats:
    """The inverse of ``to_display``. A new array."""
    gain = _gain(space)
    if gain == 1:
        return _converted(rgb, ColourSpace.SRGB, space)
    return _converted(_converted(rgb, ColourSpace.SRGB, ColourSpace.LINEAR) / gain, ColourSpace.LINEAR, space)


def _gain(space: ColourSpace) -> np.float32:
    import numpy as np  # rows of spaces are read where no picture is

    white = _HDR_WHITE if space.encoding == "hdr" else 1.0
    return np.float32(2.0**space.exposure / white)


def _converted(rgb: Floats, source: ColourSpace, destination: ColourSpace) -> Floats:
    import numpy as np

    from .config import processor

    pixels = np.array(rgb, dtype=np.float32, order="C")
    if source.ocio != destination.ocio or source.config != destination.config:
        processor(source.exposed(0), destination.exposed(0)).applyRGB(pixels)
    return pixels
