"""Converts colour where an output cannot hold the clip's numbers; touches nothing else."""

from __future__ import annotations

import numpy as np

from ..colour import ColourSpace, from_display, shouldered, to_display
from ..frame import Floats, unpremultiplied

__all__ = ["converted", "same_numbers"]

_VIDEO = (ColourSpace.SRGB, ColourSpace.REC709)
"""Between these code values are kept, since an editor expects the clip's numbers."""
_HDR_PEAK = 2.0
"""Display value of 1000 cd/m², the usual peak of a master, where reference white is 1."""


def same_numbers(space: ColourSpace, wanted: ColourSpace) -> bool:
    """Whether a file that usually holds ``wanted`` takes values in ``space`` as they are.

    A log picture stays log where the file holds no light: that is how it is handed on.
    """
    if (space.ocio, space.config) == (wanted.ocio, wanted.config):
        return True
    return (space in _VIDEO or space.encoding == "log") and wanted in _VIDEO


def converted(
    pixels: Floats,
    space: ColourSpace,
    wanted: ColourSpace,
    premultiplied: bool = False,
    wanted_premultiplied: bool = False,
) -> Floats:
    """(H, W, 3|4) float32 ``pixels``, converted from ``space`` unless ``wanted`` takes its numbers.

    Colour is converted straight, not multiplied by alpha; afterwards it is multiplied if so wanted. HDR is brought to a
    finished picture with a soft shoulder up to 1000 cd/m².
    """
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
    same = same_numbers(space, wanted)
    if same and (alpha is None or premultiplied is wanted_premultiplied):
        return pixels
    straight = pixels if alpha is None or not premultiplied else unpremultiplied(pixels)
    rgb = straight[..., :3]
    if not same:
        shown = to_display(rgb, space)
        if space.encoding == "hdr" and wanted.encoding == "display":
            shown = shouldered(shown, _HDR_PEAK)
        rgb = from_display(shown, wanted)
    if alpha is None:
        return rgb
    return np.dstack([rgb * alpha[..., None] if wanted_premultiplied else rgb, alpha])
