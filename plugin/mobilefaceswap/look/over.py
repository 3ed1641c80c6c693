"""Face layers over the plate, over black, and their mattes.

Everything is computed inside the region that a crop touches; elsewhere, and wherever the matte is 0, the composite is
the plate bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..frame import Floats, Frame
from ..geometry import Rectangle

__all__ = ["Layer", "composite", "face_picture", "matte_picture"]


@dataclass(frozen=True, eq=False)
class Layer:
    """One face on the plate, inside ``region`` only. colour: (h, w, 3) straight, in the plate's working space.

    matte: (h, w), final. shaped: (h, w), the matte before external mattes and mix, for the status picture.
    """

    region: Rectangle
    colour: Floats
    matte: Floats
    shaped: Floats


def composite(plate: Frame, layers: Sequence[Layer], matte_to_alpha: bool) -> Floats:
    """``layers`` over ``plate``, the first lowest: (H, W, 3|4). A pixel whose matte is 0 keeps its bits."""
    picture = plate.pixels.copy()
    for layer in layers:
        box = layer.region.slices
        _over(picture[box], layer, None if plate.alpha is None else plate.alpha[box], plate.premultiplied)
    if matte_to_alpha:
        return np.dstack([picture[..., :3], matte_picture(plate.size, layers)])
    return picture


def face_picture(plate: Frame, layers: Sequence[Layer]) -> Floats:
    """``layers`` over black, (H, W, 4) premultiplied by matte and the plate's alpha."""
    face = np.zeros((*plate.pixels.shape[:2], 4), np.float32)
    for layer in layers:
        box = layer.region.slices
        _over_black(face[box], layer, None if plate.alpha is None else plate.alpha[box])
    return face


def matte_picture(size: tuple[int, int], layers: Sequence[Layer]) -> Floats:
    """(H, W): the strongest of the layers' mattes."""
    matte = np.zeros((size[1], size[0]), np.float32)
    for layer in layers:
        box = layer.region.slices
        np.maximum(matte[box], layer.matte, out=matte[box])
    return matte


def _over(picture: Floats, layer: Layer, alpha: Floats | None, premultiplied: bool) -> None:
    touched = layer.matte > 0
    left = 1 - layer.matte
    # Channel by channel, since numpy is slow where the last axis is short.
    for channel in range(3):
        colour = layer.colour[..., channel]
        if premultiplied and alpha is not None:
            colour = colour * alpha
        plate = picture[..., channel]
        # A plate that is not finite cannot be mixed with anything.
        below = np.where(np.isfinite(plate), plate, colour)
        np.copyto(plate, below * left + colour * layer.matte, where=touched)


def _over_black(face: Floats, layer: Layer, alpha: Floats | None) -> None:
    opacity = layer.matte if alpha is None else layer.matte * alpha
    above = np.dstack([layer.colour, np.ones_like(opacity)]) * opacity[..., None]
    touched = layer.matte > 0
    face[touched] = face[touched] * (1 - layer.matte[touched, None]) + above[touched]
