"""Colour spaces, and the way from each to the display-referred sRGB that the networks were trained on.

OpenColorIO's built-in CG configuration does the arithmetic, without its fast approximations, so that machines agree.
Rec.709 means display-referred Rec.709 as BT.1886 shows it (a pure 2.4 power), which is what a finished video file is.
Values outside 0..1 pass through both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import PyOpenColorIO as ocio

    Floats = npt.NDArray[np.float32]

__all__ = ["SPACES", "ColourSpace", "from_display", "to_display"]

_CONFIG = "ocio://cg-config-v2.1.0_aces-v1.3_ocio-v2.3"


@dataclass(frozen=True)
class ColourSpace:
    """An encoding that a frame may be declared to have.

    name: as scripts and files write it. label: as people read it. ocio: its name in OpenColorIO's configuration.
    openfx: the names by which OpenFX hosts call it. transfer: the code of ITU-T H.273 that a video declares it by, None
    where it has none of its own. linear: whether values are proportional to light.
    """

    name: str
    label: str
    ocio: str
    openfx: tuple[str, ...] = ()
    transfer: int | None = None
    linear: bool = False

    SRGB: ClassVar[ColourSpace]
    REC709: ClassVar[ColourSpace]
    LINEAR: ClassVar[ColourSpace]

    def __str__(self) -> str:
        return self.name


ColourSpace.SRGB = ColourSpace(
    "srgb", "sRGB", "sRGB - Texture", ("srgb_display", "srgb_tx", "ofx_display_sdr"), transfer=13
)
ColourSpace.REC709 = ColourSpace(
    "rec709", "Rec.709", "Gamma 2.4 Rec.709 - Texture", ("rec1886_rec709_display", "g24_rec709_tx"), transfer=1
)
ColourSpace.LINEAR = ColourSpace(
    "linear-rec709",
    "Linear Rec.709",
    "Linear Rec.709 (sRGB)",
    ("lin_rec709_srgb", "lin_rec709", "ofx_scene_linear"),
    transfer=8,
    linear=True,
)

SPACES: Mapping[str, ColourSpace] = {
    space.name: space for space in (ColourSpace.SRGB, ColourSpace.REC709, ColourSpace.LINEAR)
}
"""Every colour space by name, in the order shown. A new one is a row here and nothing else."""


def to_display(rgb: Floats, space: ColourSpace) -> Floats:
    """Display-referred sRGB, unclipped, of (..., 3) float32 pixels in ``space``. A new array."""
    return _converted(rgb, space, ColourSpace.SRGB)


def from_display(rgb: Floats, space: ColourSpace) -> Floats:
    """The inverse of ``to_display``. A new array."""
    return _converted(rgb, ColourSpace.SRGB, space)


def _converted(rgb: Floats, source: ColourSpace, destination: ColourSpace) -> Floats:
    import numpy as np  # the rows above are read where no picture is

    pixels = np.array(rgb, dtype=np.float32, order="C")
    if source != destination:
        _processor(source.ocio, destination.ocio).applyRGB(pixels)
    return pixels


@cache
def _processor(source: str, destination: str) -> ocio.CPUProcessor:
    import PyOpenColorIO as ocio

    processor = ocio.Config.CreateFromFile(_CONFIG).getProcessor(source, destination)
    return processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS)
