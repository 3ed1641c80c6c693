"""The frame record, and the conventions that every room relies on.

* Pixels are float32, shape (height, width, channels), channels 3 (RGB) or 4 (RGBA), C-contiguous, top-left origin.
* A pixel's centre lies on its integer coordinate: the top-left pixel is (0, 0). Points are (x, y).
* RGB values are in the frame's colour space and may lie outside 0..1. Alpha and mattes are data, 0..1, never
  colour-managed.
* Premultiplication is a declared property, never guessed.
* Time is an integer frame number of the clip.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
import numpy.typing as npt
import xxhash

from .colour import ColourSpace

__all__ = [
    "Box",
    "Clip",
    "ColourSpace",
    "Floats",
    "Frame",
    "Hashed",
    "KeyedClip",
    "Part",
    "Window",
    "all_finite",
    "straight",
]

Floats = npt.NDArray[np.float32]
Box = tuple[slice, slice]
"""Rows and columns of a picture, inside it."""
Part = tuple[Box, Floats]
"""What lies inside a box of a picture: (h, w, 3|4)."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels; the origin may be anywhere."""

    x: int
    y: int
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height

    def within(self, other: Window) -> Window | None:
        """The same rectangle counted from the corner of ``other``; None where the two are the same."""
        return None if self == other else replace(self, x=self.x - other.x, y=self.y - other.y)

    def union(self, other: Window) -> Window:
        """The smallest window that holds both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        right = max(self.x + self.width, other.x + other.width)
        bottom = max(self.y + self.height, other.y + other.height)
        return Window(x, y, right - x, bottom - y)

    def moved(self, pixels: Floats, window: Window) -> Floats:
        """``pixels`` of this window as the pixels of ``window``: cropped, and black where there are none."""
        if window == self:
            return pixels
        canvas = np.zeros((window.height, window.width, *pixels.shape[2:]), np.float32)
        left, top = max(self.x, window.x), max(self.y, window.y)
        right = min(self.x + self.width, window.x + window.width)
        bottom = min(self.y + self.height, window.y + window.height)
        if left < right and top < bottom:
            canvas[top - window.y : bottom - window.y, left - window.x : right - window.x] = pixels[
                top - self.y : bottom - self.y, left - self.x : right - self.x
            ]
        return canvas


class Hashed:
    """Pixels whose digest is computed once. Whoever makes it promises that nobody writes to them while it is used."""

    def __init__(self, pixels: Floats) -> None:
        self.pixels = pixels

    @cached_property
    def digest(self) -> xxhash.xxh3_128:
        """Digest of the pixels alone; copy it before adding to it."""
        return xxhash.xxh3_128(np.ascontiguousarray(self.pixels).data)


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of the clip: see the conventions at the top of this module.

    pixels: float32 (H, W, 3|4). pixel_aspect: width of a pixel over its height. hashed: a digest computed earlier for
    exactly this array; ignored for any other.
    """

    pixels: Floats
    colour_space: ColourSpace = ColourSpace.SRGB
    premultiplied: bool = False
    pixel_aspect: float = 1.0
    hashed: Hashed | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.float32 or len(shape) != 3 or shape[2] not in (3, 4) or 0 in shape:
            raise ValueError(
                f"a frame is float32 of shape (height, width, 3 or 4); found {self.pixels.dtype} {shape}; "
                "convert grey, palette and integer pictures where they are read"
            )

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def channels(self) -> int:
        """3, or 4 with alpha."""
        return int(self.pixels.shape[2])

    @property
    def rgb(self) -> Floats:
        """(H, W, 3) view."""
        return self.pixels[..., :3]

    @property
    def alpha(self) -> Floats | None:
        """(H, W) view, or None where the frame has no alpha."""
        return self.pixels[..., 3] if self.pixels.shape[2] == 4 else None

    def with_pixels(self, pixels: Floats) -> Frame:
        """The same declarations with other pixels."""
        return Frame(pixels, self.colour_space, self.premultiplied, self.pixel_aspect)

    def declared(self, space: ColourSpace) -> Frame:
        """The same pixels, declared to be in ``space``."""
        return replace(self, colour_space=space)

    def part(self, box: Box) -> Floats:
        """The pixels inside ``box``, (h, w, 3|4). A frame of a video file makes no others."""
        return self.pixels[box]

    def over(self, parts: Iterable[Part]) -> Floats:
        """A copy of the pixels with ``parts`` in their places."""
        pixels = self.pixels.copy()
        for box, part in parts:
            pixels[box] = part
        return pixels

    def averaged(self, size: tuple[int, int], box: Box | None = None) -> Floats | None:
        """(h, w, 3): the colour, inside ``box`` if given, averaged down to ``size`` (width, height); None where that
        is not possible without full-size pixels.
        """
        return None

    def straight(self) -> Frame:
        """The frame with unpremultiplied colour; itself if it already is."""
        if self.alpha is None or not self.premultiplied:
            return self
        rgb = straight(self.rgb, self.alpha, premultiplied=True)
        return replace(self, pixels=np.dstack([rgb, self.alpha]), premultiplied=False, hashed=None)

    def content_hash(self) -> str:
        """Hash of pixels, shape and declarations: only equal frames share cache entries."""
        known = self.hashed
        digest = (known if known is not None and known.pixels is self.pixels else Hashed(self.pixels)).digest.copy()
        declared = f"{self.pixels.shape}{self.colour_space}{self.premultiplied}{self.pixel_aspect!r}"
        digest.update(declared.encode())
        return digest.hexdigest()


def all_finite(values: Floats) -> bool:
    """Whether no value is NaN or infinite.

    Sums of doubles tell, which the greatest floats do not exceed, in a tenth of the time that looking at each takes.
    """
    return bool(np.isfinite(cv2.sumElems(values)).all())


def straight(rgb: Floats, alpha: Floats | None, premultiplied: bool) -> Floats:
    """(h, w, 3) unpremultiplied colour; 0 where alpha is 0."""
    if alpha is None or not premultiplied:
        return rgb
    opaque = alpha > 0
    safe = np.where(opaque, alpha, np.float32(1))
    return np.asarray(np.where(opaque[..., None], rgb / safe[..., None], np.float32(0)), np.float32)


class Clip(Protocol):
    """Anything that yields frames by time: a file, an image sequence, a host, an array in memory."""

    @property
    def first(self) -> int:
        """First frame number."""
        ...

    @property
    def last(self) -> int:
        """Last frame number, inclusive."""
        ...

    def frame(self, time: int) -> Frame:
        """The frame at ``time``; the same time always yields the same pixels. Raises MediaError outside the clip."""
        ...


@runtime_checkable
class KeyedClip(Clip, Protocol):
    """A clip that can tell its frames apart without decoding them, so that faces that are known cost no decoding."""

    def key(self, time: int) -> str | None:
        """Equal for frames that hold the same data, and for no others; None where that cannot be told."""
        ...
