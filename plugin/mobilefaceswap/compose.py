"""Back into the plate: the swapped crop becomes a face layer, the layer and its matte a composite.

Pure array work without networks. Everything is computed inside the region that the crop touches; elsewhere, and
wherever the matte is 0, the composite is the plate bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .colour import from_display
from .faces import Face
from .faces.align import FACE_WIDTH, Matrix, Rectangle, crop_quad, paste
from .frame import ColourSpace, Floats, Frame

__all__ = [
    "Layer",
    "composite",
    "face_layer",
    "face_picture",
    "matched",
    "matte_picture",
    "overlay_picture",
    "status_picture",
]

_INSIDE, _OUTSIDE = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)
_FOUND, _CHOSEN = (1.0, 0.6, 0.0), (0.0, 1.0, 0.0)
_COVERED = 255
_MATCHED = 0.25
"""Deviation, as a share of the face's width, of what counts as colour and light rather than as features."""
_LITTLE = 1e-3


@dataclass(frozen=True, eq=False)
class Layer:
    """One face on the plate, inside ``region`` only. colour: (h, w, 3) straight, in the plate's working space.

    matte: (h, w), final. shaped: (h, w), the matte before external mattes and mix, for the status picture.
    """

    region: Rectangle
    colour: Floats
    matte: Floats
    shaped: Floats


def matched(crop: Floats, swapped: Floats, mask: Floats, amount: float) -> Floats:
    """The swapped crop with the colour and light of ``crop``, by ``amount`` (0..1).

    crop, swapped: (S, S, 3) display-referred sRGB; mask: (S, S), the network's. Below a quarter of the face's width
    everything stays the network's; what is coarser, averaged under the mask, becomes the plate's. It takes its
    measure from this frame alone.
    """
    if amount <= 0:
        return swapped
    small = max(8, mask.shape[0] // 8)
    change = np.dstack([(crop - swapped) * mask[..., None], mask])
    coarse = cv2.resize(change, (small, small), interpolation=cv2.INTER_AREA)
    deviation = _MATCHED * FACE_WIDTH * small
    coarse = cv2.GaussianBlur(coarse, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE)
    shift = coarse[..., :3] / (coarse[..., 3:] + _LITTLE)
    shift = cv2.resize(shift, mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(swapped + np.float32(amount) * mask[..., None] * shift, np.float32)


def face_layer(
    plate: Floats,
    crop: Floats,
    swapped: Floats,
    mask: Floats,
    matrix: Matrix,
    region: Rectangle,
    space: ColourSpace,
    detail: float,
) -> Floats:
    """The face's colour (h, w, 3) in the plate's working space, inside ``region``.

    plate: (h, w, 3) straight colour of the region. crop, swapped: (S, S, 3) display-referred sRGB, 0..1, before and
    after the network; mask: (S, S). The network's *change* is added to the plate, which keeps what the crop cannot
    hold (grain, texture, highlights beyond white); where the network put its own picture (``mask``), ``detail`` says
    how much of that stays.
    """
    before = from_display(crop, space)
    change = paste(from_display(swapped, space) - before, matrix, region)
    layer = plate + change
    if detail < 1:
        finer = plate - paste(before, matrix, region)
        layer = layer - np.float32(1 - detail) * np.clip(paste(mask, matrix, region), 0, 1)[..., None] * finer
    return np.asarray(layer, np.float32)


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


def status_picture(size: tuple[int, int], layers: Sequence[Layer], matte: Floats) -> Floats:
    """(H, W, 3) as a keyer's status: black outside, white core, grey soft edge, blue where the inside matte raised,
    red where the outside matte took away.
    """
    width, height = size
    picture = np.zeros((height, width, 3), np.float32)
    picture[matte > 0] = 0.5
    picture[matte >= 1] = 1.0
    for layer in layers:
        view = picture[layer.region.slices]
        view[layer.matte > layer.shaped + 1e-3] = _INSIDE
        view[(layer.shaped > 1e-3) & (layer.matte <= 0)] = _OUTSIDE
    return picture


def overlay_picture(plate: Frame, faces: Sequence[Face], chosen: Sequence[tuple[Face, Matrix]], side: int) -> Floats:
    """The plate with boxes, landmarks and confidences of all faces (orange), and the crops of the chosen (green)."""
    height, width = plate.pixels.shape[:2]
    thickness = max(1, round(height / 540))
    # OpenCV draws text into bytes only, so lines are drawn as coverage and laid over the float plate.
    found, crops = np.zeros((2, height, width), np.uint8)
    for face in faces:
        _draw_face(found, face, thickness)
    for _, matrix in chosen:
        corners = np.rint(crop_quad(matrix, side)).astype(np.int32)
        cv2.polylines(crops, [corners], True, _COVERED, thickness, cv2.LINE_AA)
    picture = plate.pixels.copy()
    for coverage, colour in ((found, _FOUND), (crops, _CHOSEN)):
        share = coverage[..., None] / np.float32(_COVERED)
        picture[..., :3] = np.where(
            share > 0, picture[..., :3] * (1 - share) + np.array(colour, np.float32) * share, picture[..., :3]
        )
    return picture


def _draw_face(coverage: npt.NDArray[np.uint8], face: Face, thickness: int) -> None:
    x, y, width, height = (round(value) for value in face.box)
    cv2.rectangle(coverage, (x, y), (x + width, y + height), _COVERED, thickness, cv2.LINE_AA)
    for point in face.landmarks:
        centre = (round(float(point[0])), round(float(point[1])))
        cv2.circle(coverage, centre, 2 * thickness, _COVERED, -1, cv2.LINE_AA)
    text = f"{face.confidence:.2f}" + (" filled" if face.filled else "")
    place = (x, max(12 * thickness, y - 4 * thickness))
    cv2.putText(coverage, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * thickness, _COVERED, thickness, cv2.LINE_AA)
