"""Converts colour where an output cannot hold the clip's numbers; touches nothing else."""

from __future__ import annotations

import numpy as np

from ..colour import ColourSpace, from_display, shouldered, to_display
from ..frame import Floats, sound_alpha, unpremultiplied

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

    Colour is converted straight, not multiplied by alpha; afterwards it is multiplied if so wanted. Premultiplied light
    that covers nothing, where alpha is 0, is neither divided nor multiplied: a flare, or a plate whose alpha is empty.
    HDR is brought to a finished picture with a soft shoulder up to 1000 cd/m².
    """
    same = same_numbers(space, wanted)
    if pixels.shape[2] == 3:
        return pixels if same else _brought(pixels, space, wanted)
    if same and premultiplied is wanted_premultiplied:
        return pixels
    straight = unpremultiplied(pixels, keep_light=True) if premultiplied else pixels
    rgb, alpha = straight[..., :3], pixels[..., 3]
    rgb = rgb if same else _brought(rgb, space, wanted)
    if wanted_premultiplied:
        cover = sound_alpha(alpha)
        rgb = rgb * (np.where(cover > 0, cover, np.float32(1)) if premultiplied else cover)[..., None]
    return np.dstack([rgb, alpha])


def _brought(rgb: Floats, space: ColourSpace, wanted: ColourSpace) -> Floats:
    shown = to_display(rgb, space)
    if space.encoding == "hdr" and wanted.encoding == "display":
        shown = shouldered(shown, _HDR_PEAK)
    return from_display(shown, wanted)
