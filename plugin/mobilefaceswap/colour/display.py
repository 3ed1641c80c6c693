"""From each space to display-referred sRGB and back, unclipped.

Rec.709 means display-referred Rec.709 as BT.1886 shows it (a pure 2.4 power), which is what a finished video file is.
HDR is scaled so that its reference white of 203 cd/m² (ITU-R BT.2408) is the display's white. Values outside 0..1 pass
through both ways.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from .curve import curve_between
from .space import ColourSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

__all__ = ["from_display", "luma_of", "safe_codes", "to_display"]

_HDR_WHITE = 203 / 100
"""OpenColorIO's displays show 1 at 100 cd/m²."""
_REC709 = (0.2126, 0.7152, 0.0722)
_MARGIN = 1e-4


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


@cache
def safe_codes(space: ColourSpace) -> tuple[float, float] | None:
    """The least and greatest code value of ``space`` between which display values certainly lie in 0..1; None where
    that cannot be told from single channels.
    """
    import numpy as np

    if curve_between(space.exposed(0), ColourSpace.SRGB) is None:
        return None
    least, greatest = (to_display(np.full((1, 3), code, np.float32), space) for code in (_MARGIN, 1 - _MARGIN))
    return (_MARGIN, 1 - _MARGIN) if least.min() >= 0 and greatest.max() <= 1 else None


def _gain(space: ColourSpace) -> np.float32:
    import numpy as np  # rows of spaces are read where no picture is

    white = _HDR_WHITE if space.encoding == "hdr" else 1.0
    return np.float32(2.0**space.exposure / white)


def _converted(rgb: Floats, source: ColourSpace, destination: ColourSpace) -> Floats:
    import numpy as np

    from .config import processor

    if (source.ocio, source.config) == (destination.ocio, destination.config) or rgb.size == 0:
        return np.array(rgb, dtype=np.float32, order="C")
    source, destination = source.exposed(0), destination.exposed(0)
    curve = curve_between(source, destination)
    if curve is not None:
        return curve(np.asarray(rgb, np.float32))
    pixels = np.array(rgb, dtype=np.float32, order="C")
    processor(source, destination).applyRGB(pixels)
    return pixels
