"""Composites swapped faces over the plate or over black, and combines their mattes.

Everything is computed inside the rectangle that a matte reaches; elsewhere, and wherever the matte is 0, the composite
is the plate bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import cv2
import numpy as np
import numpy.typing as npt

from ..faces import Face
from ..frame import Floats, Frame, all_finite, sound_alpha, unpremultiplied, without_alpha
from ..geometry import Matrix, Rectangle, apart, composed

__all__ = [
    "Composition",
    "Layer",
    "composite",
    "face",
    "learned_matte",
    "matte",
    "occlusion_matte",
    "straight_face",
    "trust",
]

_APART = 8
"""Twice the pixels that share a sample of chroma where that is coarsest."""
_BAND = 48
"""Rows that are mixed at once: few enough to stay in a processor's cache."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One face on the plate, inside ``region`` only: elsewhere its matte is 0.

    colour: (h, w, 3) straight, in the plate's colour space. matte: (h, w), final. shaped: (h, w), the matte before
    external mattes and mix, and whole, the one before mix, by default the final one: for the status picture. face: the
    one that it replaces; corners: (4, 2), of its crop where it is drawn, clockwise from the top left. touched: plate
    pixels of the whole crop. maps: further mattes, (h, w) inside ``touched``, by name, made when asked for:
    ``learned``, ``occlusion``, ``trust``. side: of the crop. matrices: from plate to crop, one, or several while the
    shutter is open. name: who it is, in layers of ids.
    """

    region: Rectangle
    colour: Floats
    matte: Floats
    shaped: Floats
    face: Face | None = None
    corners: npt.NDArray[np.float64] | None = None
    touched: Rectangle = Rectangle(0, 0, 0, 0)
    maps: Callable[[str], Floats] | None = None
    side: int = 1
    matrices: tuple[Matrix, ...] = ()
    name: str = ""
    whole: Floats | None = None

    @property
    def before_mix(self) -> Floats:
        """(h, w): the matte with a mix of 1."""
        return self.matte if self.whole is None else self.whole

    def moved(self, x: int, y: int) -> Layer:
        """The same layer ``x`` pixels further right and ``y`` further down."""
        moved = tuple(composed(matrix, np.array([[1.0, 0, -x], [0, 1, -y]])) for matrix in self.matrices)
        region, touched = self.region.moved(x, y), self.touched.moved(x, y)
        return replace(self, region=region, touched=touched, matrices=moved)


@dataclass(frozen=True, eq=False)
class Composition:
    """One frame with its faces: what every output is drawn from.

    layers: lowest first. faces: all that were found. crops: the corners (4, 2) of the swapped faces' crops.
    """

    plate: Frame
    layers: tuple[Layer, ...]
    faces: tuple[Face, ...] = ()
    crops: tuple[npt.NDArray[np.float64], ...] = ()
    matte_to_alpha: bool = False

    @property
    def changed(self) -> Rectangle:
        """Outside it the composite is the plate, and the matte 0."""
        return reduce(Rectangle.union, (layer.region for layer in self.layers), Rectangle(0, 0, 0, 0))

    @cached_property
    def boxes(self) -> tuple[Rectangle, ...]:
        """``changed`` without most of what lies between faces: rectangles that do not share a sample of chroma, each of
        whole layers.
        """
        return apart((layer.region for layer in self.layers), _APART)

    def part(self, rectangle: Rectangle) -> Composition:
        """The composition inside ``rectangle``, which is one of ``boxes`` or ``changed``, alone, without the faces
        found.
        """
        inside = (one for one in self.layers if one.region.empty or not one.region.intersection(rectangle).empty)
        moved = tuple(layer.moved(-rectangle.x1, -rectangle.y1) for layer in inside)
        plate = self.plate.with_pixels(self.plate.part(rectangle.slices))
        return Composition(plate, moved, matte_to_alpha=self.matte_to_alpha)

    @cached_property
    def matte(self) -> Floats:
        """(H, W): how much of the plate the layers cover."""
        return self._covered((layer.region, layer.matte) for layer in self.layers)

    @property
    def before_mix(self) -> Floats:
        """(H, W): how much of the plate the layers would cover with a mix of 1."""
        return self._covered((layer.region, layer.before_mix) for layer in self.layers)

    def map(self, name: str) -> Floats:
        """(H, W): the strongest of the layers' maps called ``name``."""
        picture = self._nothing()
        for layer in self.layers:
            if layer.maps:
                box = layer.touched.slices
                np.maximum(picture[box], layer.maps(name), out=picture[box])
        return picture

    def _covered(self, mattes: Iterable[tuple[Rectangle, Floats]]) -> Floats:
        """(H, W): ``mattes``, each (h, w) inside its rectangle, one over the other (Porter and Duff, 1984)."""
        picture = self._nothing()
        for rectangle, one in mattes:
            picture[rectangle.slices] += one * (1 - picture[rectangle.slices])
        return picture

    def _nothing(self) -> Floats:
        return np.zeros(self.plate.size[::-1], np.float32)

    @cached_property
    def face(self) -> Floats:
        """(H, W, 4): the layers over black, premultiplied by matte and the plate's alpha, unless that is empty."""
        face = np.zeros((*self.plate.size[::-1], 4), np.float32)
        alpha = None if self.plate.taken_as_opaque else self.plate.alpha
        for layer in self.layers:
            box = layer.region.slices
            _over_black(face[box], layer, None if alpha is None else sound_alpha(alpha[box]))
        return face

    @cached_property
    def below(self) -> Frame:
        """The plate as the composite holds it: with Matte to Alpha without its own alpha, by which it is divided."""
        if not (self.matte_to_alpha and self.plate.multiplied):
            return self.plate
        return replace(self.plate, pixels=unpremultiplied(self.plate.pixels, keep_light=True), premultiplied=False)


def composite(drawn: Composition) -> Floats:
    """(H, W, 3|4) in the plate's encoding and premultiplication. A pixel whose matte is 0 keeps its bits.

    With Matte to Alpha it is not premultiplied, since the alpha that multiplied it is gone.
    """
    plate = drawn.below
    picture = plate.pixels.copy()
    for layer in drawn.layers:
        box = layer.region.slices
        _over(picture[box], layer, None if plate.alpha is None else plate.alpha[box], plate.multiplied)
    if drawn.matte_to_alpha:
        return np.dstack([picture[..., :3], drawn.matte])
    return picture


def face(drawn: Composition) -> Floats:
    """(H, W, 4) over black, premultiplied by matte and the plate's alpha."""
    return drawn.face


def straight_face(drawn: Composition) -> Floats:
    """(H, W, 4) over black, not premultiplied."""
    return unpremultiplied(drawn.face)


def matte(drawn: Composition) -> Floats:
    """(H, W), 0..1; all 0 in a frame without a face."""
    return drawn.matte


def learned_matte(drawn: Composition) -> Floats:
    """(H, W), 0..1: the networks' own masks, before anything shapes them."""
    return drawn.map("learned")


def occlusion_matte(drawn: Composition) -> Floats:
    """(H, W), 0..1: what stands before the faces, whether the setting *Occlusion* uses it or not."""
    return drawn.map("occlusion")


def trust(drawn: Composition) -> Floats:
    """(H, W), 0..1: how far the matte can be trusted inside the faces' outlines; roto where it is dark."""
    return drawn.map("trust")


def _over(picture: Floats, layer: Layer, alpha: Floats | None, multiplied: bool) -> None:
    if layer.region.empty:
        return
    for top in range(0, len(picture), _BAND):
        rows = slice(top, top + _BAND)
        strength, above = layer.matte[rows], None if alpha is None else alpha[rows]
        cover = None if above is None else sound_alpha(above)
        if multiplied and above is not None and cover is not above:
            # An alpha below 0 covers nothing that could be swapped: the plate's own light stays.
            strength = np.where((above < 0) & (cover == 0), np.float32(0), strength)
        _mix(picture[rows], layer.colour[rows], strength, cover, multiplied)


def _mix(picture: Floats, colour: Floats, strength: Floats, alpha: Floats | None, multiplied: bool) -> None:
    """Lays ``colour`` (h, w, 3) over ``picture`` (h, w, 3|4) where ``strength`` (h, w) is above 0."""
    plate = without_alpha(picture)
    if multiplied and alpha is not None:
        colour = colour * cv2.merge([alpha] * 3)
    # What is not finite cannot be mixed: it counts as black.
    below = plate if all_finite(plate) else np.where(np.isfinite(plate), plate, np.float32(0))
    # A matte for every channel, since numpy is slow where it repeats values along a short axis.
    matte = cv2.merge([strength] * 3)
    mixed = below * (1 - matte)
    mixed += colour * matte
    whole = mixed if alpha is None else cv2.merge([mixed, alpha])
    cv2.copyTo(whole, (strength > 0).view(np.uint8), picture)


def _over_black(face: Floats, layer: Layer, alpha: Floats | None) -> None:
    opacity = layer.matte if alpha is None else layer.matte * alpha
    above = np.dstack([layer.colour, np.ones_like(opacity)]) * opacity[..., None]
    touched = layer.matte > 0
    face[touched] = face[touched] * (1 - layer.matte[touched, None]) + above[touched]
