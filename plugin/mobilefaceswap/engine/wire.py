"""The messages between bridge and engine: the twin of ofx_bridge/src/wire.h, which describes the fields.

Little-endian, fixed layouts, versioned. tests/ofx/wire.bin holds one message of each kind, and both sides are tested
against it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any, Self

from ..errors import EngineError

__all__ = [
    "HEADER_SIZE",
    "Changed",
    "Colour",
    "Flags",
    "Kind",
    "Message",
    "Outside",
    "Picture",
    "Values",
    "body_size",
    "greeting",
    "handle_of",
    "read_greeting",
]

_MAGIC = 0x5753464D
_VERSION = 1
_LARGEST_BODY = 1 << 20
_HEADER = struct.Struct("<IHHII")
_GREETING = struct.Struct("<Q")
_PICTURE = struct.Struct("<QqdiiiIiiII")
_CHANGED = struct.Struct("<QiiiiIIII")
_COUNTS = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_PAGE = 4096
HEADER_SIZE = _HEADER.size


class Kind(IntEnum):
    """What a message says; wire.h tells which body each has and how it is answered."""

    HELLO = 1
    WELCOME = 2
    LANE = 3
    RENDER = 4
    RENDERED = 5
    FAILED = 6
    PREPARE = 7
    CHOOSE_SOURCE = 8
    ANALYSE = 9
    SAVE_TRACK = 10
    CLEAR_CACHE = 11
    DONE = 12


class Flags(IntFlag):
    """Of a picture."""

    SAME_PLATE = 1
    NEW_SEGMENT = 2
    PREMULTIPLIED = 4
    INSIDE_MATTE = 8
    OUTSIDE_MATTE = 16
    FIRST_OF_RANGE = 32


class Outside(IntEnum):
    """What a picture holds outside the changed rectangle."""

    PLATE = 0
    ZERO = 1


class Colour(IntEnum):
    """The working space that the host declares."""

    UNDECLARED = 0
    SRGB = 1
    REC709 = 2
    LINEAR_REC709 = 3


@dataclass(frozen=True)
class Message:
    """One message. ``packed`` is what goes over the socket."""

    kind: Kind
    body: bytes = b""

    def packed(self) -> bytes:
        return _HEADER.pack(_MAGIC, _VERSION, self.kind, len(self.body), 0) + self.body

    @property
    def text(self) -> str:
        """The body of a message that is all text."""
        return self.body.decode("utf-8", "replace")


def body_size(header: bytes) -> tuple[Kind, int]:
    """(kind, bytes of the body) that a header announces. Raises EngineError on anything that is not ours."""
    try:
        magic, version, kind, size, _ = _HEADER.unpack(header)
        if (magic, version) != (_MAGIC, _VERSION) or size > _LARGEST_BODY:
            raise ValueError(f"magic {magic:#x}, version {version}, {size} bytes")
        return Kind(kind), size
    except (struct.error, ValueError) as error:
        raise EngineError(
            f"expected a message of version {_VERSION} from the bridge; found {error}. "
            "Run `mobilefaceswap ofx install` so that bridge and engine are of one version"
        ) from None


def handle_of(header: bytes) -> int:
    """On Windows the number in the name of what comes with a message; 0 for nothing, and elsewhere."""
    *_, handle = _HEADER.unpack(header)
    return int(handle)


def greeting(fingerprint: int, text: str) -> bytes:
    """The body of HELLO and WELCOME."""
    return _GREETING.pack(fingerprint) + text.encode()


def read_greeting(body: bytes) -> tuple[int, str]:
    """(fingerprint, text). Raises EngineError on a body that is too short."""
    (fingerprint,) = _unpacked(_GREETING, body)
    return fingerprint, body[_GREETING.size :].decode("utf-8", "replace")


@dataclass(frozen=True)
class Values:
    """Numbers and texts of the settings, each in the table's order; choices by the position of their entry."""

    numbers: Sequence[float]
    texts: Sequence[str]

    def packed(self) -> bytes:
        texts = [text.encode() for text in self.texts]
        return b"".join(
            [
                _COUNTS.pack(len(self.numbers), len(texts)),
                struct.pack(f"<{len(self.numbers)}d", *self.numbers),
                *(_LENGTH.pack(len(text)) + text for text in texts),
            ]
        )

    @classmethod
    def unpacked(cls, body: bytes) -> Self:
        """Raises EngineError on a body that ends early or goes on after its last field."""
        numbers, texts = _unpacked(_COUNTS, body)
        values = _unpacked(struct.Struct(f"<{numbers}d"), body, _COUNTS.size)
        place = _COUNTS.size + 8 * numbers
        found = []
        for _ in range(texts):
            (length,) = _unpacked(_LENGTH, body, place)
            (text,) = _unpacked(struct.Struct(f"{length}s"), body, place + _LENGTH.size)
            found.append(text.decode("utf-8", "replace"))
            place += _LENGTH.size + length
        if place != len(body):
            raise EngineError(
                f"expected the settings to take {place} bytes; found {len(body)}. Install the bundle again"
            )
        return cls(values, tuple(found))


@dataclass(frozen=True)
class Picture:
    """One plate in the segment and what goes with it. Sizes in pixels."""

    segment_bytes: int
    time: int
    pixel_aspect: float
    width: int
    height: int
    channels: int
    flags: Flags
    identity_width: int
    identity_height: int
    colour: Colour
    matte_only: bool

    def packed(self) -> bytes:
        return _PICTURE.pack(
            self.segment_bytes,
            self.time,
            self.pixel_aspect,
            self.width,
            self.height,
            self.channels,
            self.flags,
            self.identity_width,
            self.identity_height,
            self.colour,
            self.matte_only,
        )

    @classmethod
    def unpacked(cls, body: bytes) -> tuple[Self, bytes]:
        """The picture and the rest of the body. Raises EngineError on sizes that cannot be."""
        *sizes, flags, shown_width, shown_height, colour, matte_only = _unpacked(_PICTURE, body)
        try:
            fields = (*sizes, Flags(flags), shown_width, shown_height, Colour(colour), bool(matte_only))
            picture = cls(*fields)
        except ValueError as error:
            raise EngineError(f"expected a picture from the bridge; found {error}. Install the bundle again") from None
        plausible = min(picture.width, picture.height) > 0 and picture.channels in (3, 4) and picture.pixel_aspect > 0
        if not plausible or picture.result_offset > picture.segment_bytes:
            raise EngineError(f"expected a picture from the bridge; found {picture}. Install the bundle again")
        return picture, body[_PICTURE.size :]

    @property
    def plate_bytes(self) -> int:
        return 4 * self.width * self.height * self.channels

    @property
    def matte_bytes(self) -> int:
        """Of one matte."""
        return 4 * self.width * self.height

    @property
    def identity_bytes(self) -> int:
        return 12 * self.identity_width * self.identity_height

    @property
    def result_offset(self) -> int:
        mattes = (Flags.INSIDE_MATTE in self.flags) + (Flags.OUTSIDE_MATTE in self.flags)
        used = self.plate_bytes + mattes * self.matte_bytes + self.identity_bytes
        return -(-used // _PAGE) * _PAGE


@dataclass(frozen=True)
class Changed:
    """The rectangle that differs: half-open, origin top left. channels 1 stands for every channel."""

    offset: int
    rectangle: tuple[int, int, int, int]
    channels: int
    outside: Outside
    found: int
    swapped: int

    def packed(self) -> bytes:
        return _CHANGED.pack(self.offset, *self.rectangle, self.channels, self.outside, self.found, self.swapped)

    @classmethod
    def unpacked(cls, body: bytes) -> Self:
        offset, x1, y1, x2, y2, channels, outside, found, swapped = _unpacked(_CHANGED, body)
        return cls(offset, (x1, y1, x2, y2), channels, Outside(outside), found, swapped)


def _unpacked(layout: struct.Struct, body: bytes, start: int = 0) -> tuple[Any, ...]:
    if len(body) < start + layout.size:
        raise EngineError(
            f"expected a message of at least {start + layout.size} bytes; found {len(body)}. Install the bundle again"
        )
    return layout.unpack_from(body, start)
