"""Diagrams: what the mattes did, and which faces were found."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ..faces import Face
from ..frame import Floats
from .over import Composition, Layer

__all__ = ["outline", "overlay", "status"]

_INSIDE, _OUTSIDE = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)
_FOUND, _CHOSEN = (1.0, 0.6, 0.0), (0.0, 1.0, 0.0)
_COVERED = 255
_EDGE = 0.5
_TOLERANCE = 0.7
"""Pixels by which a simplified outline may differ."""


def status(drawn: Composition) -> Floats:
    """(H, W, 3), as a keyer's status: black outside, white core, grey soft edge, blue where the inside matte added,
    red where the outside matte removed; whatever *Mix* is.
    """
    matte = drawn.before_mix
    picture = np.zeros((*matte.shape, 3), np.float32)
    picture[matte > 0] = 0.5
    picture[matte >= 1] = 1.0
    for layer in drawn.layers:
        view = picture[layer.region.slices]
        view[layer.before_mix > layer.shaped + 1e-3] = _INSIDE
        view[(layer.shaped > 1e-3) & (layer.before_mix <= 0)] = _OUTSIDE
    return picture


def overlay(drawn: Composition) -> Floats:
    """The plate with boxes, landmarks and confidences of all faces (orange), and the crops of the swapped (green)."""
    width, height = drawn.plate.size
    thickness = max(1, round(height / 540))
    # OpenCV draws text into bytes only, so lines are drawn as coverage and laid over the float plate.
    found, crops = np.zeros((2, height, width), np.uint8)
    for face in drawn.faces:
        _draw_face(found, face, thickness)
    for corners in drawn.crops:
        cv2.polylines(crops, [np.rint(corners).astype(np.int32)], True, _COVERED, thickness, cv2.LINE_AA)
    picture = drawn.plate.pixels.copy()
    for coverage, colour in ((found, _FOUND), (crops, _CHOSEN)):
        share = coverage[..., None] / np.float32(_COVERED)
        picture[..., :3] = np.where(
            share > 0, picture[..., :3] * (1 - share) + np.array(colour, np.float32) * share, picture[..., :3]
        )
    return picture


def outline(layer: Layer) -> list[npt.NDArray[np.float64]]:
    """Where the face's own matte passes 0.5, before external mattes and mix: closed lines (N, 2) in plate pixels."""
    within = (layer.shaped >= _EDGE).astype(np.uint8)
    found, _ = cv2.findContours(within, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    lines = (cv2.approxPolyDP(line, _TOLERANCE, True)[:, 0].astype(np.float64) for line in found)
    return [line + (layer.region.x1, layer.region.y1) for line in lines if len(line) > 2]


def _draw_face(coverage: npt.NDArray[np.uint8], face: Face, thickness: int) -> None:
    x, y, width, height = (round(value) for value in face.box)
    cv2.rectangle(coverage, (x, y), (x + width, y + height), _COVERED, thickness, cv2.LINE_AA)
    for point in face.landmarks:
        centre = (round(float(point[0])), round(float(point[1])))
        cv2.circle(coverage, centre, 2 * thickness, _COVERED, -1, cv2.LINE_AA)
    text = f"{face.confidence:.2f}" + (" filled" if face.filled else "")
    place = (x, max(12 * thickness, y - 4 * thickness))
    cv2.putText(coverage, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * thickness, _COVERED, thickness, cv2.LINE_AA)
