"""The working space of the plate and the display-referred sRGB that the networks were trained on.

OpenColorIO's built-in CG configuration does the arithmetic, without its fast approximations, so that machines agree.
Rec.709 means display-referred Rec.709 as BT.1886 shows it (a pure 2.4 power), which is what a finished video file is.
Values outside 0..1 pass through both ways.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import PyOpenColorIO as ocio

from .frame import ColourSpace, Floats

__all__ = ["from_display", "to_display"]

_CONFIG = "ocio://cg-config-v2.1.0_aces-v1.3_ocio-v2.3"
_NAMES = {
    ColourSpace.SRGB: "sRGB - Texture",
    ColourSpace.REC709: "Gamma 2.4 Rec.709 - Texture",
    ColourSpace.LINEAR: "Linear Rec.709 (sRGB)",
}


@cache
def _processor(source: ColourSpace, destination: ColourSpace) -> ocio.CPUProcessor:
    config = ocio.Config.CreateFromFile(_CONFIG)
    processor = config.getProcessor(_NAMES[source], _NAMES[destination])
    return processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS)


def _converted(rgb: Floats, source: ColourSpace, destination: ColourSpace) -> Floats:
    pixels = np.array(rgb, dtype=np.float32, order="C")
    if source is not destination:
        _processor(source, destination).applyRGB(pixels)
    return pixels


def to_display(rgb: Floats, space: ColourSpace) -> Floats:
    """Display-referred sRGB, unclipped, of (..., 3) float32 pixels in ``space``. A new array."""
    return _converted(rgb, space, ColourSpace.SRGB)


def from_display(rgb: Floats, space: ColourSpace) -> Floats:
    """The inverse of ``to_display``. A new array."""
    return _converted(rgb, ColourSpace.SRGB, space)
