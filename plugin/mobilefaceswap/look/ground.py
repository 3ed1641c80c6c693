"""What the look of a face starts from: the plate and the crop as no setting of the look affects them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ..colour import ColourSpace, from_display, safe_codes, shouldered, to_display
from ..frame import Floats

__all__ = ["Ground", "ground_of"]


@dataclass(frozen=True, eq=False)
class Ground:
    """plate: (h, w, 3), straight and finite, in its own space. seen: the same, limited to the network's range; pixels
    inside keep their bits. crop: (S, S, 3), what the network saw, in the plate's space. places: (N,), where the plate
    lies outside the network's range, pixels counted row by row. shown: (N, 3), what it is there in display-referred
    sRGB, unclipped.
    """

    plate: Floats
    seen: Floats
    crop: Floats
    places: npt.NDArray[np.intp]
    shown: Floats


def ground_of(plate: Floats, crop: Floats, space: ColourSpace, white: float) -> Ground:
    """From ``plate`` and ``crop``, the latter in display-referred sRGB. space, white: see ``Swapped``."""
    codes, pixels = safe_codes(space), plate.reshape(-1, 3)
    places = np.arange(len(pixels))
    if codes is not None and plate.size:
        places = np.flatnonzero(cv2.inRange(plate, *((code, code, code) for code in codes)) == 0)
    shown = to_display(pixels.take(places, axis=0), space)
    limited = shouldered(shown, white)
    beyond = np.flatnonzero((limited != shown).any(axis=-1))
    places, shown = places[beyond], shown[beyond]
    seen = plate
    if places.size:
        seen = plate.copy()
        seen.reshape(-1, 3)[places] = from_display(limited[beyond], space)
    return Ground(plate, seen, from_display(crop, space), places, shown)
