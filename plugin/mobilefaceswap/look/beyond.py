"""What of the plate lies beyond the network's range: highlights above white, negative and out-of-gamut values."""

from __future__ import annotations

import numpy as np

from ..colour import luma_of
from ..frame import Floats
from ..settings import Settings
from .edge import smooth_step
from .operation import Swapped

__all__ = ["HIGHLIGHT", "beyond_range"]

_WHITE, HIGHLIGHT = 1.0, 1.353
"""Display luma from which a pixel is a highlight rather than skin, and from which it is nothing else: one stop above
white.
"""


def beyond_range(face: Swapped, picture: Floats, settings: Settings) -> Floats:
    """``picture`` (h, w, 3), in the plate's colour space, plus what of the plate the network's range cannot hold.

    What returns to the plate is thus the difference that the swap made. From white upwards that difference fades within
    a stop: a light or its reflection stays the plate's. Nothing changes where the plate is within range.
    """
    places, shown = face.ground.places, face.ground.shown
    if not places.size:
        return picture
    drawn, plate, seen = (values.reshape(-1, 3).take(places, axis=0) for values in (picture, face.plate, face.seen))
    whole = drawn + (plate - seen)
    share = smooth_step(np.clip((luma_of(shown) - _WHITE) / (HIGHLIGHT - _WHITE), 0.0, 1.0))[..., None]
    result = picture.copy()
    # The other way round rounding would change values of highlights.
    result.reshape(-1, 3)[places] = np.where(share == 1, plate, whole + share * (plate - whole))
    return result
