"""The messages between bridge and engine: the twin of ofx_bridge/src/wire.h, which describes the fields.

Little-endian, fixed layouts, versioned. tests/ofx/wire.bin holds one message of each kind, and both sides are tested
against it.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from enum import IntEnum, IntFlag
from typing import Any, Self

from ..errors import EngineError
from ..settings import table

__all__ = [
    "FINGERPRINT",
    "HEADER_SIZE",
    "Changed",
    "FaceBox",
    "Flags",
    "Kind",
    "Message",
    "Picture",
    "Values",
    "body_size",
    "greeting",
    "handle_of",
    "packed_sights",
    "packed_times",
    "range_number",
    "read_greeting",
    "read_sights",
]

_MAGIC = 0x5753464D
_VERSION = 4
_LARGEST_BODY = 1 << 20
_HEADER = struct.Struct("<IHHII")
_GREETING = struct.Struct("<Q")
_PICTURE = struct.Struct("<QqddiiiiiiII")
_CHANGED = struct.Struct("<QiiiiII")
_FACE = struct.Struct("<5fII7fI")
_LINE = struct.Struct("<4f")
_RANGE = struct.Struct("<I")
_COUNTS = struct.Struct("<II")
_TIME = struct.Struct("<q")
_LENGTH = struct.Struct("<I")
_PAGE = 4096
_ADVICE = "Run `mobilefaceswap ofx install` so that bridge and engine are of one version"
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
    WORKING = 13
    LOAD_LOOK = 14
    LOOK = 15
    SAVE_LOOK = 16
    EXPORT_TRACK = 17
    HELP = 18
    DESCRIBE = 19
    CHOOSE = 20
    NEED = 21
    NEIGHBOUR = 22
    SIGHT = 23


class Flags(IntFlag):
    """Of a picture."""

    SAME_PLATE = 1
    NEW_SEGMENT = 2
    PREMULTIPLIED = 4
    INSIDE_MATTE = 8
    OUTSIDE_MATTE = 16
    IDENTITY_PREMULTIPLIED = 32
    MATTE_ONLY = 64
    BATCH = 128
    DRAFT = 256
    LINEAR_HOST = 512
    OUTLINES = 1024
    TEMPORAL = 2048


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


def _fingerprint() -> int:
    agreed = [[row.name, row.kind, list(row.entries)] for row in table(host=True)]
    return int.from_bytes(hashlib.sha256(json.dumps(agreed).encode()).digest()[:8], "little")


FINGERPRINT = _fingerprint()
"""Of what both sides must agree on to read a request: names, kinds and entries of the settings, in order."""


def body_size(header: bytes) -> tuple[Kind, int]:
    """(kind, bytes of the body) that a header announces. Raises EngineError on anything that is not ours."""
    try:
        magic, version, kind, size, _ = _HEADER.unpack(header)
        if (magic, version) != (_MAGIC, _VERSION) or size > _LARGEST_BODY:
            raise ValueError(f"magic {magic:#x}, version {version}, {size} bytes")
        return Kind(kind), size
    except (struct.error, ValueError) as error:
        raise EngineError(
            f"expected a message of version {_VERSION} from the bridge; found {error}. {_ADVICE}"
        ) from error


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
        return b"".join(
            [
                _COUNTS.pack(len(self.numbers), len(self.texts)),
                struct.pack(f"<{len(self.numbers)}d", *self.numbers),
                *map(_counted, self.texts),
            ]
        )

    @classmethod
    def unpacked(cls, body: bytes) -> Self:
        """Raises EngineError on a body that ends early or goes on after its last field."""
        values, rest = cls.read(body)
        if rest:
            raise EngineError(f"expected settings of {len(body) - len(rest)} bytes; found {len(body)}. {_ADVICE}")
        return values

    @classmethod
    def read(cls, body: bytes) -> tuple[Self, bytes]:
        """(the settings, what follows). Raises EngineError on a body that ends early."""
        numbers, texts = _unpacked(_COUNTS, body)
        values = _unpacked(struct.Struct(f"<{numbers}d"), body, _COUNTS.size)
        rest = body[_COUNTS.size + 8 * numbers :]
        found = []
        for _ in range(texts):
            text, rest = _read_counted(rest)
            found.append(text)
        return cls(values, tuple(found)), rest


def packed_times(times: Sequence[int]) -> bytes:
    """The body of NEED: frames whose plates the engine wants to look at."""
    return b"".join(map(_TIME.pack, times))


def packed_sights(sights: Mapping[int, bytes]) -> bytes:
    """What follows the values of RENDER: what SIGHT said of other frames, empty for those that the clip lacks."""
    parts = [_TIME.pack(time) + _LENGTH.pack(len(sight)) + sight for time, sight in sights.items()]
    return _LENGTH.pack(len(parts)) + b"".join(parts)


def read_sights(body: bytes) -> dict[int, bytes]:
    """The inverse of ``packed_sights``. Raises EngineError on a body of another length."""
    if not body:
        return {}
    (count,) = _unpacked(_LENGTH, body)
    found, place = {}, _LENGTH.size
    for _ in range(count):
        (time,) = _unpacked(_TIME, body, place)
        (size,) = _unpacked(_LENGTH, body, place + _TIME.size)
        place += _TIME.size + _LENGTH.size
        found[time] = body[place : place + size]
        place += size
    if place != len(body):
        raise EngineError(f"expected frames around of {place} bytes; found {len(body)}. {_ADVICE}")
    return found


@dataclass(frozen=True)
class Picture:
    """One plate in the segment and what goes with it. Sizes in pixels.

    space, identity_space: by the names of ``config``, the host's OpenColorIO configuration, or by OpenFX's where there
    is none; "" undeclared.
    """

    segment_bytes: int
    time: int
    pixel_aspect: float
    identity_aspect: float
    width: int
    height: int
    channels: int
    identity_width: int
    identity_height: int
    identity_channels: int
    flags: Flags
    range: int
    space: str = ""
    identity_space: str = ""
    config: str = ""

    def packed(self) -> bytes:
        *fields, space, identity_space, config = astuple(self)
        return _PICTURE.pack(*fields) + b"".join(map(_counted, (space, identity_space, config)))

    @classmethod
    def unpacked(cls, body: bytes) -> tuple[Self, bytes]:
        """The picture and the rest of the body. Raises EngineError on sizes that cannot be."""
        head = list(_unpacked(_PICTURE, body))
        head[-2] = Flags(head[-2])
        spaces, rest = [], body[_PICTURE.size :]
        for _ in range(3):
            text, rest = _read_counted(rest)
            spaces.append(text)
        picture = cls(*head, *spaces)
        plausible = min(picture.width, picture.height) > 0 and picture.channels in (3, 4) and picture.pixel_aspect > 0
        if not plausible or picture.result_offset > picture.segment_bytes:
            raise EngineError(f"expected a picture from the bridge; found {picture}. {_ADVICE}")
        return picture, rest

    @property
    def plate_bytes(self) -> int:
        return 4 * self.width * self.height * self.channels

    @property
    def matte_bytes(self) -> int:
        """Of one matte."""
        return 4 * self.width * self.height

    @property
    def identity_bytes(self) -> int:
        return 4 * self.identity_width * self.identity_height * self.identity_channels

    @property
    def result_offset(self) -> int:
        mattes = (Flags.INSIDE_MATTE in self.flags) + (Flags.OUTSIDE_MATTE in self.flags)
        used = self.plate_bytes + mattes * self.matte_bytes + self.identity_bytes
        return -(-used // _PAGE) * _PAGE


_Line = tuple[float, float, float, float]
_Corners = tuple[float, float, float, float, float, float]
_NO_CORNERS: _Corners = (0.0,) * 6


@dataclass(frozen=True)
class FaceBox:
    """A face of the plate for the host's overlay: (x1, y1, x2, y2) in pixels, origin top left.

    corners: x of the crop's top left, top right and bottom left corner, then y; width: of a face as a share of the
    crop's side; lines: (x1, y1, x2, y2) of the matte's outline. They are 0 and empty where the face is not swapped.
    person: the id in the track, 0 where there is none.
    """

    box: tuple[float, float, float, float]
    confidence: float
    swapped: bool
    filled: bool
    corners: _Corners = _NO_CORNERS
    width: float = 0.0
    lines: tuple[_Line, ...] = ()
    person: int = 0

    def packed(self) -> bytes:
        """All but the lines, which come after the last face."""
        flags = self.swapped + 2 * self.filled
        geometry = (*self.corners, self.width)
        return _FACE.pack(*self.box, self.confidence, flags, self.person, *geometry, len(self.lines))

    @classmethod
    def unpacked(cls, body: bytes) -> tuple[Self, int]:
        """(the face without its lines, how many there are)."""
        x1, y1, x2, y2, confidence, flags, person, *geometry, width, lines = _unpacked(_FACE, body)
        box, corners = (x1, y1, x2, y2), tuple(geometry)
        face = cls(box, confidence, bool(flags & 1), bool(flags & 2), corners, width, person=person)
        return face, lines


@dataclass(frozen=True)
class Changed:
    """The rectangle that differs: half-open, origin top left. channels 1 stands for every channel.

    note: what the user should know, "" for nothing.
    """

    offset: int
    rectangle: tuple[int, int, int, int]
    channels: int
    faces: tuple[FaceBox, ...] = ()
    note: str = ""

    def packed(self) -> bytes:
        head = _CHANGED.pack(self.offset, *self.rectangle, self.channels, len(self.faces))
        lines = (_LINE.pack(*line) for face in self.faces for line in face.lines)
        return head + b"".join([*(face.packed() for face in self.faces), *lines]) + self.note.encode()

    @classmethod
    def unpacked(cls, body: bytes) -> Self:
        offset, x1, y1, x2, y2, channels, count = _unpacked(_CHANGED, body)
        rest = body[_CHANGED.size :]
        found = []
        for _ in range(count):
            found.append(FaceBox.unpacked(rest))
            rest = rest[_FACE.size :]
        faces = []
        for face, lines in found:
            drawn = tuple(_unpacked(_LINE, rest, place * _LINE.size) for place in range(lines))
            faces.append(replace(face, lines=drawn))
            rest = rest[lines * _LINE.size :]
        return cls(offset, (x1, y1, x2, y2), channels, tuple(faces), rest.decode("utf-8", "replace"))


def range_number(body: bytes) -> int:
    """The range that SAVE_TRACK asks for. Raises EngineError."""
    (number,) = _unpacked(_RANGE, body)
    return int(number)


def _counted(text: str) -> bytes:
    encoded = text.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def _read_counted(body: bytes) -> tuple[str, bytes]:
    """(a text with its length before it, what follows)."""
    (length,) = _unpacked(_LENGTH, body)
    (text,) = _unpacked(struct.Struct(f"{length}s"), body, _LENGTH.size)
    return text.decode("utf-8", "replace"), body[_LENGTH.size + length :]


def _unpacked(layout: struct.Struct, body: bytes, start: int = 0) -> tuple[Any, ...]:
    if len(body) < start + layout.size:
        raise EngineError(f"expected a message of at least {start + layout.size} bytes; found {len(body)}. {_ADVICE}")
    return layout.unpack_from(body, start)
