"""The frame record, and the conventions that every room relies on.

* Pixels are float32, shape (height, width, channels), channels 3 (RGB) or 4 (RGBA), C-contiguous, top-left origin.
* A pixel's centre lies on its integer coordinate: the top-left pixel is (0, 0). Points are (x, y).
* RGB values are in the frame's colour space and may lie outside 0..1. Alpha and mattes are data, 0..1, never
  colour-managed.
* Premultiplication is a declared property, never guessed.
* Time is an integer frame number of the clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
import numpy.typing as npt
import xxhash

from .colour import ColourSpace

__all__ = [
    "EMPTY_ALPHA",
    "Box",
    "Clip",
    "ColourSpace",
    "Extent",
    "Fit",
    "Floats",
    "Frame",
    "Hashed",
    "KeyedClip",
    "Part",
    "Window",
    "all_finite",
    "fit",
    "sound_alpha",
    "unpremultiplied",
    "without_alpha",
]

Floats = npt.NDArray[np.float32]
Box = tuple[slice, slice]
"""Rows and columns of a picture, inside it."""
Part = tuple[Box, Floats]
"""What lies inside a box of a picture: (h, w, 3|4)."""

EMPTY_ALPHA = "the plate's alpha is 0 under the face; its colour is taken as opaque. Check its alpha"
"""What is said of a frame that is ``taken_as_opaque``."""
_BAND = 64
"""Rows that are looked at at once: what is sought is mostly found in the first few, or nowhere."""
_ROUNDING = 2
"""Pixels by which a proxy's sides may miss the shape of what it shows: videos have even sides."""


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

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.y + self.height

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


@dataclass(frozen=True)
class Extent:
    """A picture's pixels, and which of them are meant to be seen.

    size: (width, height). display: the display window in its pixels; None where that is all of them, or nobody says.
    """

    size: tuple[int, int]
    display: Window | None = None

    @property
    def whole(self) -> Window:
        """All pixels."""
        return Window(0, 0, *self.size)

    @property
    def shown(self) -> Window:
        """The display window."""
        return self.display or self.whole

    def __str__(self) -> str:
        sides = f"{self.size[0]} x {self.size[1]}"
        return (
            f"{sides} with a display window of {self.display.width} x {self.display.height}" if self.display else sides
        )


@dataclass(frozen=True)
class Fit:
    """From one picture's pixels to another's: scaled by ``x`` and ``y`` about its upper left corner, then moved.

    right, down: in pixels of the other.
    """

    x: float = 1.0
    y: float = 1.0
    right: float = 0.0
    down: float = 0.0

    @property
    def same(self) -> bool:
        """Whether nothing moves."""
        return self == Fit()

    def inverse(self) -> Fit:
        """The way back."""
        return Fit(1 / self.x, 1 / self.y, -self.right / self.x, -self.down / self.y)


def fit(picture: Extent, other: Extent) -> Fit | None:
    """How ``picture`` lies on ``other``, both of one shot; None where they cannot show the same.

    Display windows lie on one another. Where only one of the two has one, the other shows that window or, if its size
    or shape says so, all pixels.
    """
    pair = _windows(picture, other)
    if pair is None:
        return None
    of, to = pair
    x, y = to.width / of.width, to.height / of.height
    return Fit(x, y, to.x - of.x * x, to.y - of.y * y)


def _windows(picture: Extent, other: Extent) -> tuple[Window, Window] | None:
    whole, shown = (picture.whole, other.whole), (picture.shown, other.shown)
    if (picture.display is None) == (other.display is None):
        return shown
    if picture.size == other.size and shown[0].size != shown[1].size:
        return whole
    # Of two that fit as well the first: what has no overscan of its own shows the display window.
    best = min((shown, whole), key=lambda pair: _misfit(*pair))
    return best if _misfit(*best) <= _ROUNDING else None


def _misfit(one: Window, other: Window) -> float:
    """Pixels by which the smaller misses the shape of the larger, to a thousandth."""
    small, large = sorted((one, other), key=lambda window: window.width)
    across, down = large.width / small.width, large.height / small.height
    return round(min(abs(small.width - large.width / down), abs(small.height - large.height / across)), 3)


class Hashed:
    """Pixels of which some things are computed once. Whoever makes it promises that nobody writes to them while it is
    used.
    """

    def __init__(self, pixels: Floats) -> None:
        self.pixels = pixels

    @cached_property
    def digest(self) -> xxhash.xxh3_128:
        """Digest of the pixels alone; copy it before adding to it."""
        return xxhash.xxh3_128(np.ascontiguousarray(self.pixels).data)

    @cached_property
    def coloured_where_clear(self) -> bool:
        """Whether pixels with alpha (H, W, 4) have colour where their alpha is 0."""
        return any(map(_is_coloured_where_clear, self._bands()))

    @cached_property
    def covers_nothing(self) -> bool:
        """Whether the alpha of pixels (H, W, 4) is 0 everywhere."""
        return all((band[..., 3] <= 0).all() for band in self._bands())

    def _bands(self) -> Iterator[Floats]:
        return (self.pixels[top : top + _BAND] for top in range(0, len(self.pixels), _BAND))


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of the clip: see the conventions at the top of this module.

    pixels: float32 (H, W, 3|4). pixel_aspect: width of a pixel over its height. hashed: a digest computed earlier for
    exactly this array; ignored for any other. display: the display window in its pixels; None where that is all of
    them, or nobody says. taken_as_opaque: whether premultiplied colour counts as it is, since its alpha is 0 where
    there is something to see.
    """

    pixels: Floats
    colour_space: ColourSpace = ColourSpace.SRGB
    premultiplied: bool = False
    pixel_aspect: float = 1.0
    hashed: Hashed | None = field(default=None, repr=False)
    display: Window | None = None
    taken_as_opaque: bool = False

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

    @property
    def multiplied(self) -> bool:
        """Whether colour is to be divided by alpha before work on it, and multiplied after it."""
        return self.premultiplied and self.channels == 4 and not self.taken_as_opaque

    def with_pixels(self, pixels: Floats) -> Frame:
        """The same declarations with other pixels."""
        opaque = self.taken_as_opaque
        return Frame(pixels, self.colour_space, self.premultiplied, self.pixel_aspect, taken_as_opaque=opaque)

    def declared(self, space: ColourSpace) -> Frame:
        """The same pixels, declared to be in ``space``."""
        return replace(self, colour_space=space)

    def part(self, box: Box) -> Floats:
        """The pixels inside ``box``, (h, w, 3|4). A frame of a video file makes no others."""
        return self.pixels[box]

    def colour(self, box: Box) -> Floats:
        """The colour inside ``box``, (h, w, 3)."""
        return without_alpha(self.part(box))

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
        """The frame with unpremultiplied colour, made where it is needed; itself if it already is."""
        if self.taken_as_opaque:
            return replace(self, premultiplied=False, taken_as_opaque=False)
        return _Straight(self) if self.multiplied else self

    def content_hash(self) -> str:
        """Hash of pixels, shape and declarations: only equal frames share cache entries.

        The display window is none of them: it says where a track's faces lie, and no entry depends on that alone.
        """
        known = self.hashed
        digest = (known if known is not None and known.pixels is self.pixels else Hashed(self.pixels)).digest.copy()
        multiplied = self.premultiplied and not self.taken_as_opaque
        declared = f"{self.pixels.shape}{self.colour_space}{multiplied}{self.pixel_aspect!r}"
        digest.update(declared.encode())
        return digest.hexdigest()


class _Straight(Frame):
    """A premultiplied frame's unpremultiplied colour: see ``Frame``. A face takes up a small part of most pictures."""

    whole: Frame

    def __init__(self, whole: Frame) -> None:
        given = {"whole": whole, "colour_space": whole.colour_space, "premultiplied": False}
        given |= {"pixel_aspect": whole.pixel_aspect, "hashed": None, "display": whole.display}
        for name, value in given.items():
            # The record is frozen for everybody else.
            object.__setattr__(self, name, value)

    @cached_property
    def pixels(self) -> Floats:
        """(H, W, 4), made when first asked for."""
        return unpremultiplied(self.whole.pixels)

    @property
    def size(self) -> tuple[int, int]:
        """See ``Frame``."""
        return self.whole.size

    @property
    def channels(self) -> int:
        """See ``Frame``."""
        return self.whole.channels

    @property
    def alpha(self) -> Floats | None:
        """See ``Frame``."""
        return self.whole.alpha

    def declared(self, space: ColourSpace) -> Frame:
        """See ``Frame``."""
        return _Straight(self.whole.declared(space))

    def part(self, box: Box) -> Floats:
        """See ``Frame``."""
        return self.pixels[box] if "pixels" in self.__dict__ else unpremultiplied(self.whole.part(box))


def _is_coloured_where_clear(pixels: Floats) -> bool:
    clear = pixels[..., 3] <= 0
    if not clear.any():
        return False
    # Channel by channel, since numpy is slow along a short axis.
    red, green, blue = (pixels[..., channel] != 0 for channel in range(3))
    return bool(((red | green | blue) & clear).any())


def all_finite(values: Floats) -> bool:
    """Whether no value is NaN or infinite.

    Sums of doubles tell, which the greatest floats do not exceed, in a tenth of the time that looking at each takes.
    """
    return bool(np.isfinite(cv2.sumElems(values)).all())


def without_alpha(pixels: Floats) -> Floats:
    """(h, w, 3) of (h, w, 3|4): a copy of four channels, since OpenCV takes ten times as long over a view of three."""
    return cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB) if pixels.shape[2] == 4 and pixels.size else pixels[..., :3]


def sound_alpha(alpha: Floats) -> Floats:
    """(h, w): what ``alpha`` counts as beside colour, NaN and infinity as 1 and below 0 as 0: a broken alpha spoils no
    colour. The same array where all of it is sound.
    """
    if all_finite(alpha) and alpha.min(initial=0) >= 0:
        return alpha
    return np.where(np.isfinite(alpha), np.maximum(alpha, np.float32(0)), np.float32(1))


def unpremultiplied(pixels: Floats, *, keep_light: bool = False) -> Floats:
    """(h, w, 4): ``pixels`` with their colour divided by ``sound_alpha``; the same array if all is opaque.

    Where alpha is 0 colour becomes 0, or stays as it is if ``keep_light``: light that covers nothing, as of a flare.
    """
    alpha = sound_alpha(pixels[..., 3])
    if (alpha == 1).all():
        return pixels
    opaque = alpha > 0
    # A divisor for every channel, since numpy is slow where it repeats values along a short axis.
    colour = pixels / cv2.merge([np.where(opaque, alpha, np.float32(1))] * 3 + [np.ones_like(alpha)])
    if not (keep_light or opaque.all()):
        colour[~opaque, :3] = 0
    return np.asarray(colour, np.float32)


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
