"""Converts colour where input and output differ in kind, scene-linear and display-referred; touches nothing else.

Between display-referred formats code values are kept, since an editor expects the clip's numbers.
"""

from __future__ import annotations

import numpy as np

from ..colour import from_display, to_display
from ..frame import ColourSpace, Floats, straight

__all__ = ["converted"]


def converted(
    pixels: Floats,
    space: ColourSpace,
    wanted: ColourSpace,
    premultiplied: bool = False,
    wanted_premultiplied: bool = False,
) -> Floats:
    """(H, W, 3|4) float32 ``pixels``, converted only where exactly one of the two spaces is linear.

    Colour is converted straight, not multiplied by alpha; afterwards it is multiplied if so wanted.
    """
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
    same_kind = space.linear is wanted.linear
    if same_kind and (alpha is None or premultiplied is wanted_premultiplied):
        return pixels
    rgb = straight(pixels[..., :3], alpha, premultiplied)
    if not same_kind:
        rgb = from_display(to_display(rgb, space), wanted)
    if alpha is None:
        return rgb
    return np.dstack([rgb * alpha[..., None] if wanted_premultiplied else rgb, alpha])
