"""A picture of two Face Swap nodes in a row, each with a source of its own for one of two people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import cv2
import drawing
import numpy as np
from pictures import CROP, Picture, encoded, swapped_face

from mobilefaceswap.colour import ColourSpace
from mobilefaceswap.faces import Face
from mobilefaceswap.frame import Floats, Frame
from mobilefaceswap.look import Composition, Layer, face_colour, matte
from mobilefaceswap.look.over import composite
from mobilefaceswap.settings import Settings

__all__ = ["of"]

_CAPTIONS = ("the plate", "after the first node, number 0", "after the second node, number 1")
_SIDE = 300
_POINTS = CROP.template.on(_SIDE) * 0.75 + (0.125 * _SIDE, 0.06 * _SIDE)
_FACES = tuple(_POINTS + (left, 0) for left in (0, _SIDE))
_LETTER, _GREEN, _ORANGE = cv2.FONT_HERSHEY_SIMPLEX, (0, 255, 0), (255, 153, 0)


@cache
def of() -> list[Picture]:
    """(300, 600) each: what goes in and what comes out of either node, the faces with their numbers."""
    shown = zip(_CAPTIONS, _pictures(), strict=True)
    return [Picture(f"pictures/chain-{n}.webp", caption, encoded(made)) for n, (caption, made) in enumerate(shown)]


def _pictures() -> list[Floats]:
    one = drawing.plate(_SIDE, _POINTS)
    # The second person looks the other way, and is lit from the other side.
    frame = Frame(np.ascontiguousarray(np.hstack([one, one[:, ::-1]])), ColourSpace.SRGB)
    shown = [_numbered(frame.pixels, ())]
    for number in range(len(_FACES)):
        frame = _swapped(frame, number)
        shown.append(_numbered(frame.pixels, range(number + 1)))
    return shown


def _swapped(frame: Frame, number: int) -> Frame:
    """What a node makes of one of the faces, with a source of its own."""
    face, region = swapped_face(frame, _FACES[number], number)
    own = matte.on_plate(matte.shape(face.mask, Settings(), CROP.template, crop=face.crop), [face.matrix], region)
    layer = Layer(region, face_colour(face, Settings()), own, own)
    return replace(frame, pixels=composite(Composition(frame, (layer,))))


def _found(number: int) -> Face:
    left, top = _FACES[number].min(axis=0) - 30
    return Face(_FACES[number], (float(left), float(top), 145.0, 170.0), 0.93)


def _numbered(picture: Floats, swapped: Sequence[int]) -> Floats:
    # OpenCV writes letters into bytes only.
    shown = np.ascontiguousarray(np.rint(np.clip(picture, 0, 1) * 255), np.uint8)
    for number in range(len(_FACES)):
        colour = _GREEN if number in swapped else _ORANGE
        x, y, width, height = (round(value) for value in _found(number).box)
        cv2.rectangle(shown, (x, y), (x + width, y + height), colour, 1, cv2.LINE_AA)
        cv2.putText(shown, str(number), (x + 3, y - 5), _LETTER, 0.6, colour, 1, cv2.LINE_AA)
    return np.asarray(shown / np.float32(255), np.float32)
