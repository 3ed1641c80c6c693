"""What changed in a frame, and the faces that the viewer shows."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Self

from .layout import unpacked

__all__ = ["Changed", "FaceBox"]

_CHANGED = struct.Struct("<QiiiiII")
_FACE = struct.Struct("<5fII7fI")
_LINE = struct.Struct("<4f")
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
        x1, y1, x2, y2, confidence, flags, person, *geometry, width, lines = unpacked(_FACE, body)
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
        offset, x1, y1, x2, y2, channels, count = unpacked(_CHANGED, body)
        rest = body[_CHANGED.size :]
        found = []
        for _ in range(count):
            found.append(FaceBox.unpacked(rest))
            rest = rest[_FACE.size :]
        faces = []
        for face, lines in found:
            drawn = tuple(unpacked(_LINE, rest, place * _LINE.size) for place in range(lines))
            faces.append(replace(face, lines=drawn))
            rest = rest[lines * _LINE.size :]
        return cls(offset, (x1, y1, x2, y2), channels, tuple(faces), rest.decode("utf-8", "replace"))
