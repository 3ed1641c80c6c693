"""Frames around the one that is rendered, where a host hands them out: asked for when they are needed.

The engine keeps nothing of them: the bridge sends what was found in each along with the frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..errors import EngineError
from ..faces import Face
from ..node import Look
from ..settings import Settings
from .wire import packed_times

__all__ = ["Around", "Needed", "packed_look", "read_look"]

_THUMBNAIL = (54, 96)


@dataclass(frozen=True)
class Needed:
    """Frames that have to be looked at before one can be rendered."""

    times: tuple[int, ...]

    def packed(self) -> bytes:
        """The body of NEED."""
        return packed_times(self.times)


@dataclass(frozen=True)
class Around:
    """What was found in other frames, by time; empty where the clip has no such frame. missing: asked for in vain."""

    sights: Mapping[int, bytes]
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
        return read_look(self.sights[time]) if self.sights[time] else None


def packed_look(look: Look) -> bytes:
    """The body of SIGHT: the thumbnail, then a row of numbers for each face."""
    faces, thumbnail = look
    return thumbnail.tobytes() + b"".join(face.row().tobytes() for face in faces)


def read_look(body: bytes) -> Look:
    """The inverse of ``packed_look``. Raises EngineError on anything else."""
    size = _THUMBNAIL[0] * _THUMBNAIL[1]
    try:
        thumbnail = np.frombuffer(body, np.uint8, size).reshape(_THUMBNAIL)
        rows = np.frombuffer(body, np.float64, offset=size)
        faces = rows.reshape(-1, len(Face.around(np.zeros((5, 2))).row()))
        return tuple(map(Face.from_row, faces)), thumbnail
    except ValueError as error:
        raise EngineError(
            f"expected what was found in a frame; found {len(body)} bytes. Run `mobilefaceswap ofx install`"
        ) from error
