"""A plate and what the bridge says of it."""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass
from enum import IntFlag
from typing import Self

from ...errors import EngineError
from ...frame import Window
from .layout import ADVICE, counted, read_counted, unpacked

__all__ = ["Flags", "Picture"]

_PICTURE = struct.Struct("<QqddiiiiiiIIiiiiiiQQ")
_PAGE = 4096
_FLAGS = 10
"""The place of the flags among the fields."""


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
    PROJECT = 4096


@dataclass(frozen=True)
class Picture:
    """One plate in the segment and what goes with it. Sizes in pixels.

    x, y, display_x, display_y, display_width, display_height: in pixels of the host's plane, y down. space,
    identity_space: by the names of ``config``, the host's OpenColorIO configuration, or by OpenFX's where there
    is none; "" undeclared. frame: the number of the one that is rendered; oldest: the first that is in progress.
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
    x: int = 0
    y: int = 0
    display_x: int = 0
    display_y: int = 0
    display_width: int = 0
    display_height: int = 0
    frame: int = 0
    oldest: int = 0
    space: str = ""
    identity_space: str = ""
    config: str = ""

    def packed(self) -> bytes:
        *fields, space, identity_space, config = astuple(self)
        return _PICTURE.pack(*fields) + b"".join(map(counted, (space, identity_space, config)))

    @classmethod
    def unpacked(cls, body: bytes) -> tuple[Self, bytes]:
        """The picture and the rest of the body. Raises EngineError on sizes that cannot be."""
        head = list(unpacked(_PICTURE, body))
        head[_FLAGS] = Flags(head[_FLAGS])
        spaces, rest = [], body[_PICTURE.size :]
        for _ in range(3):
            text, rest = read_counted(rest)
            spaces.append(text)
        picture = cls(*head, *spaces)
        plausible = min(picture.width, picture.height) > 0 and picture.channels in (3, 4) and picture.pixel_aspect > 0
        if not plausible or picture.result_offset > picture.segment_bytes:
            raise EngineError(f"expected a picture from the bridge; found {picture}. {ADVICE}")
        return picture, rest

    @property
    def window(self) -> Window:
        """The plate in the host's plane."""
        return Window(self.x, self.y, self.width, self.height)

    @property
    def display(self) -> Window | None:
        """The display window in the host's plane; None where the host does not tell it."""
        if min(self.display_width, self.display_height) <= 0:
            return None
        return Window(self.display_x, self.display_y, self.display_width, self.display_height)

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
