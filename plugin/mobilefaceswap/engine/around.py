"""Frames around the one that is rendered, where a host hands them out: asked for when they are needed.

The engine keeps nothing of them: the bridge sends what was found in each along with the frame.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..errors import EngineError
from ..faces import Face
from ..frame import Window
from ..node import Look
from ..settings import Settings
from .wire import packed_times

__all__ = ["Around", "Needed", "packed_look", "read_look"]

_THUMBNAIL = (54, 96)
_CORNER = struct.Struct("<ii")


@dataclass(frozen=True)
class Needed:
    """Frames that have to be looked at before one can be rendered."""

    times: tuple[int, ...]

    def packed(self) -> bytes:
        """The body of NEED."""
        return packed_times(self.times)


@dataclass(frozen=True)
class Around:
    """What was found in other frames, by time; empty where the clip has no such frame. missing: asked for in vain.

    plate: where the one that is rendered lies in the host's plane, in whose pixels faces are wanted.
    """

    sights: Mapping[int, bytes]
    plate: Window
    missing: set[int] = field(default_factory=set)

    def window(self, time: int, settings: Settings) -> set[int]:
        """The frames that every frame's own render needs, and that are not known yet."""
        reach = max(settings.smoothing, settings.fade)
        return {time + step for step in range(-reach, reach + 1) if step} - set(self.sights)

    def look(self, time: int) -> Look | None:
        """What was found at ``time``; None outside the clip, and where nobody looked yet."""
        if time not in self.sights:
            self.missing.add(time)
            return None
        return read_look(self.sights[time], self.plate) if self.sights[time] else None


def packed_look(look: Look, plate: Window) -> bytes:
    """The body of SIGHT: the thumbnail, the corner of its plate in the host's plane, a row of numbers for each face."""
    faces, thumbnail = look
    return thumbnail.tobytes() + _CORNER.pack(plate.x, plate.y) + b"".join(face.row().tobytes() for face in faces)


def read_look(body: bytes, plate: Window) -> Look:
    """The inverse of ``packed_look``, in pixels of another plate of the clip. Raises EngineError on anything else."""
    size = _THUMBNAIL[0] * _THUMBNAIL[1]
    try:
        thumbnail = np.frombuffer(body, np.uint8, size).reshape(_THUMBNAIL)
        x, y = _CORNER.unpack_from(body, size)
        rows = np.frombuffer(body, np.float64, offset=size + _CORNER.size)
        faces = map(Face.from_row, rows.reshape(-1, len(Face.around(np.zeros((5, 2))).row())))
        return tuple(face.moved(x - plate.x, y - plate.y) for face in faces), thumbnail
    except (ValueError, struct.error) as error:
        raise EngineError(
            f"expected what was found in a frame; found {len(body)} bytes. Run `mobilefaceswap ofx install`"
        ) from error
