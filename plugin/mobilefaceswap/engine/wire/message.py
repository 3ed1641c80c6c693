"""A message, its header, and the greeting by which both sides find out that they are of one version."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from enum import IntEnum

from ...errors import EngineError
from ...settings import table
from .layout import ADVICE, unpacked

__all__ = [
    "FINGERPRINT",
    "HEADER_SIZE",
    "VERSION",
    "Kind",
    "Message",
    "body_size",
    "greeting",
    "handle_of",
    "read_greeting",
    "read_header",
]

_MAGIC = 0x5753464D
VERSION = 7
"""Of what is sent; both sides must be of the same."""
_LARGEST_BODY = 1 << 20
_HEADER = struct.Struct("<IHHII")
"""Magic, version, kind, bytes of the body, handle. It is for ever, and so are HELLO, LANE and FAILED with a text as its
body: so one version can tell another what is wrong.
"""
_GREETING = struct.Struct("<Q")
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


@dataclass(frozen=True)
class Message:
    """One message. ``packed`` is what goes over the socket. version: of the wire that its sender knows."""

    kind: Kind
    body: bytes = b""
    version: int = VERSION

    def packed(self) -> bytes:
        return _HEADER.pack(_MAGIC, self.version, self.kind, len(self.body), 0) + self.body

    @property
    def text(self) -> str:
        """The body of a message that is all text."""
        return self.body.decode("utf-8", "replace")


def _fingerprint() -> int:
    agreed = [[row.name, row.kind, list(row.entries)] for row in table(host=True)]
    return int.from_bytes(hashlib.sha256(json.dumps(agreed).encode()).digest()[:8], "little")


FINGERPRINT = _fingerprint()
"""Of what both sides must agree on to read a request: names, kinds and entries of the settings, in order."""


def read_header(header: bytes) -> tuple[Kind, int, int]:
    """(kind, bytes of the body, version) that a header announces. Raises EngineError on anything that is not ours."""
    try:
        magic, version, kind, size, _ = _HEADER.unpack(header)
        if magic != _MAGIC or size > _LARGEST_BODY:
            raise ValueError(f"magic {magic:#x}, {size} bytes")
        return Kind(kind), size, version
    except (struct.error, ValueError) as error:
        raise EngineError(f"expected a message of ours; found {error}. {ADVICE}") from error


def body_size(header: bytes) -> tuple[Kind, int]:
    """(kind, bytes of the body) that a header announces. Raises EngineError also on that of another version."""
    kind, size, version = read_header(header)
    if version != VERSION:
        raise EngineError(f"expected a message of version {VERSION}; found version {version}. {ADVICE}")
    return kind, size


def handle_of(header: bytes) -> int:
    """On Windows the number in the name of what comes with a message; 0 for nothing, and elsewhere."""
    *_, handle = _HEADER.unpack(header)
    return int(handle)


def greeting(fingerprint: int, text: str) -> bytes:
    """The body of HELLO and WELCOME."""
    return _GREETING.pack(fingerprint) + text.encode()


def read_greeting(body: bytes) -> tuple[int, str]:
    """(fingerprint, text). Raises EngineError on a body that is too short."""
    (fingerprint,) = unpacked(_GREETING, body)
    return fingerprint, body[_GREETING.size :].decode("utf-8", "replace")
