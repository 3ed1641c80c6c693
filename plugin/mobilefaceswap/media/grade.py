"""Colour where input and output differ in kind: scene-linear to display-referred and back; nothing else is touched.

Between display-referred formats code values are kept, since an editor expects the numbers of the clip.
"""

from __future__ import annotations

import numpy as np

from ..colour import from_display, to_display
from ..frame import ColourSpace, Floats, straight
from .clip import MediaClip
from .video import VideoClip

__all__ = ["converted", "video_space"]


def video_space(like: MediaClip) -> ColourSpace:
    """What a video made from ``like`` holds."""
    return like.colour_space if isinstance(like, VideoClip) else ColourSpace.REC709


def converted(
    pixels: Floats,
    space: ColourSpace,
    wanted: ColourSpace,
    premultiplied: bool = False,
    wanted_premultiplied: bool = False,
) -> Floats:
    """(H, W, 3|4) float32 ``pixels``, converted only where exactly one of the two spaces is linear.

    Colour is converted as it is seen, not as it is multiplied by alpha; afterwards it is multiplied if so wanted.
    """
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
    same_kind = (space is ColourSpace.LINEAR) is (wanted is ColourSpace.LINEAR)
    if same_kind and (alpha is None or premultiplied is wanted_premultiplied):
        return pixels
    rgb = straight(pixels[..., :3], alpha, premultiplied)
    if not same_kind:
        rgb = from_display(to_display(rgb, space), wanted)
    if alpha is None:
        return rgb
    return np.dstack([rgb * alpha[..., None] if wanted_premultiplied else rgb, alpha])
