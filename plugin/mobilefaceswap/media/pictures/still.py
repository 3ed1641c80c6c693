"""A picture file as it is read and as it is written."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ...errors import MediaError
from ...frame import ColourSpace, Floats, Window
from .icc import Profile

__all__ = ["LayerPicture", "Metadata", "Still", "Stored", "decoder_failures", "unreadable"]


def decoder_failures() -> tuple[type[Exception], ...]:
    """What libraries raise on damaged pictures, text that is no text included."""
    from PIL.Image import DecompressionBombError  # only those whose picture is damaged wait for it

    usual = OSError, ValueError, SyntaxError, EOFError, RuntimeError, MemoryError, LookupError, ArithmeticError
    return (*usual, struct.error, zlib.error, DecompressionBombError)


@dataclass(frozen=True, eq=False)
class Metadata:
    """What a picture file holds besides its colour and alpha.

    window, display: data and display window. canvas: the window of the clip's frames, where it is made of several
    files. attributes: (name, type, value) as OpenImageIO names them. part: which part of a multipart EXR holds the
    colour, channels: what else that part holds. layers: the names of all layers besides the picture, in any part.
    """

    path: Path
    window: Window
    display: Window
    attributes: tuple[tuple[str, Any, Any], ...] = ()
    profile: Profile | None = None
    part: int = 0
    parts: int = 1
    channels: tuple[str, ...] = ()
    canvas: Window | None = None
    layers: frozenset[str] = frozenset()

    def get(self, name: str) -> Any:
        """The attribute's value, or None."""
        return next((value for found, _, value in self.attributes if found == name), None)

    def without(self, *names: str) -> Metadata:
        """The same but for the attributes ``names``."""
        return replace(self, attributes=tuple(row for row in self.attributes if row[0] not in names))

    def without_layers(self) -> Metadata:
        """The same of a file that holds the picture alone."""
        return replace(self, part=0, parts=1, channels=(), layers=frozenset())


@dataclass(frozen=True, eq=False)
class Still:
    """A picture file that was read.

    pixels: float32 (h, w, 3|4), upright, of the data window. bit_depth: per channel in the file. notes: what of the
    file is not honoured.
    """

    pixels: Floats
    colour_space: ColourSpace
    premultiplied: bool
    bit_depth: int
    floating: bool
    metadata: Metadata
    pixel_aspect: float = 1.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LayerPicture:
    """A layer of a picture. pixels: (H, W, one for each of the channels). exact: always in 32 bits."""

    name: str
    channels: tuple[str, ...]
    pixels: Floats
    exact: bool = False


@dataclass(frozen=True, eq=False)
class Stored:
    """A picture to be written, in the output's colour space.

    pixels: float32 (H, W, 1|3|4). layers: further pictures, for formats that hold several, and header: what it says of
    them. bit_depth: per channel, floating-point with ``floating``. metadata: of the clip's file that it is made from.
    timecode: where those metadata do not tell it.
    """

    pixels: Floats
    bit_depth: int
    floating: bool
    premultiplied: bool
    layers: tuple[LayerPicture, ...] = ()
    header: Mapping[str, str] = field(default_factory=dict)
    metadata: Metadata | None = None
    frame_rate: Fraction | None = None
    pixel_aspect: Fraction = Fraction(1)
    timecode: str | None = None


def unreadable(path: Path, reason: str) -> MediaError:
    """The error for a picture that does not decode."""
    return MediaError(
        f"expected a picture; {path} cannot be read as one ({' '.join(reason.split()) or 'unknown format'}). "
        "It is damaged, cut short or of another kind: save it again, for instance as PNG"
    )
