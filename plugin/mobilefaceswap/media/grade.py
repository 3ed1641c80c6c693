"""Colour where input and output differ in kind: scene-linear to display-referred and back; nothing else is touched.

Between display-referred formats code values are kept, since an editor expects the numbers of the clip.
"""

from __future__ import annotations

import numpy as np

from ..colour import from_display, to_display
from ..frame import ColourSpace, Floats
from .clip import MediaClip
from .video import VideoClip

__all__ = ["converted", "video_space"]


def video_space(like: MediaClip) -> ColourSpace:
    """What a video made from ``like`` holds."""
    return like.colour_space if isinstance(like, VideoClip) else ColourSpace.REC709


def converted(pixels: Floats, space: ColourSpace, wanted: ColourSpace) -> Floats:
    """(H, W, 3|4) float32 ``pixels``, converted only where exactly one of the two spaces is linear."""
    if (space is ColourSpace.LINEAR) is (wanted is ColourSpace.LINEAR):
        return pixels
    rgb = from_display(to_display(pixels[..., :3], space), wanted)
    return rgb if pixels.shape[2] == 3 else np.dstack([rgb, pixels[..., 3]])
