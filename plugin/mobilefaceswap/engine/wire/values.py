"""What goes with a picture or without one: settings, times, what was found in other frames."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from ...errors import EngineError
from .layout import ADVICE, LENGTH, counted, read_counted, unpacked

__all__ = ["Values", "packed_sights", "packed_times", "range_number", "read_sights"]

_RANGE = struct.Struct("<I")
_COUNTS = struct.Struct("<II")
_TIME = struct.Struct("<q")


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
                *map(counted, self.texts),
            ]
        )

    @classmethod
    def unpacked(cls, body: bytes) -> Self:
        """Raises EngineError on a body that ends early or goes on after its last field."""
        values, rest = cls.read(body)
        if rest:
            raise EngineError(f"expected settings of {len(body) - len(rest)} bytes; found {len(body)}. {ADVICE}")
        return values

    @classmethod
    def read(cls, body: bytes) -> tuple[Self, bytes]:
        """(the settings, what follows). Raises EngineError on a body that ends early."""
        numbers, texts = unpacked(_COUNTS, body)
        values = unpacked(struct.Struct(f"<{numbers}d"), body, _COUNTS.size)
        rest = body[_COUNTS.size + 8 * numbers :]
        found = []
        for _ in range(texts):
            text, rest = read_counted(rest)
            found.append(text)
        return cls(values, tuple(found)), rest


def packed_times(times: Sequence[int]) -> bytes:
    """The body of NEED: frames whose plates the engine wants to look at."""
    return b"".join(map(_TIME.pack, times))


def packed_sights(sights: Mapping[int, bytes]) -> bytes:
    """What follows the values of RENDER: what SIGHT said of other frames, empty for those that the clip lacks."""
    parts = [_TIME.pack(time) + LENGTH.pack(len(sight)) + sight for time, sight in sights.items()]
    return LENGTH.pack(len(parts)) + b"".join(parts)


def read_sights(body: bytes) -> dict[int, bytes]:
    """The inverse of ``packed_sights``. Raises EngineError on a body of another length."""
    if not body:
        return {}
    (count,) = unpacked(LENGTH, body)
    found, place = {}, LENGTH.size
    for _ in range(count):
        (time,) = unpacked(_TIME, body, place)
        (size,) = unpacked(LENGTH, body, place + _TIME.size)
        place += _TIME.size + LENGTH.size
        found[time] = body[place : place + size]
        place += size
    if place != len(body):
        raise EngineError(f"expected frames around of {place} bytes; found {len(body)}. {ADVICE}")
    return found


def range_number(body: bytes) -> int:
    """The range that SAVE_TRACK asks for. Raises EngineError."""
    (number,) = unpacked(_RANGE, body)
    return int(number)
