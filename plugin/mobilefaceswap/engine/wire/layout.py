"""Parts that several messages are made of: fixed layouts, and texts with their length before them."""

from __future__ import annotations

import struct
from typing import Any

from ...errors import EngineError

__all__ = ["ADVICE", "LENGTH", "counted", "read_counted", "unpacked"]

LENGTH = struct.Struct("<I")
"""Before texts, and counts what follows."""
ADVICE = "Run `mobilefaceswap ofx install` so that bridge and engine are of one version"


def counted(text: str) -> bytes:
    """A text with its length in bytes before it."""
    encoded = text.encode()
    return LENGTH.pack(len(encoded)) + encoded


def read_counted(body: bytes) -> tuple[str, bytes]:
    """(a text with its length before it, what follows). Raises EngineError on a body that ends early."""
    (length,) = unpacked(LENGTH, body)
    (text,) = unpacked(struct.Struct(f"{length}s"), body, LENGTH.size)
    return text.decode("utf-8", "replace"), body[LENGTH.size + length :]


def unpacked(layout: struct.Struct, body: bytes, start: int = 0) -> tuple[Any, ...]:
    """The fields of ``layout`` from byte ``start`` of a body. Raises EngineError on a body that ends early."""
    if len(body) < start + layout.size:
        raise EngineError(f"expected a message of at least {start + layout.size} bytes; found {len(body)}. {ADVICE}")
    return layout.unpack_from(body, start)
