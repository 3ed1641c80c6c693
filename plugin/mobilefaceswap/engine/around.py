"""Frames around the one that is rendered, where a host hands them out: asked for when they are needed.

The engine keeps nothing of them but what its cache holds: the bridge sends what was found in each along with the frame.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field

import numpy as np

from ..errors import EngineError, UserInputError
from ..faces import Face
from ..frame import Frame, Window
from ..node import Look, Plate
from ..settings import Settings
from .wire import packed_times
from .wire.layout import counted, read_counted

__all__ = ["THUMBNAIL", "Around", "Needed", "NotAtHandError", "Sight"]

THUMBNAIL = (54, 96)
"""Rows and columns of what tells cuts."""
_PLACE = struct.Struct("<iiii?")


class NotAtHandError(Exception):
    """The pixels of another frame are needed, which only the host has."""


@dataclass(frozen=True)
class Needed:
    """Frames that have to be looked at before one can be rendered."""

    times: tuple[int, ...]

    def packed(self) -> bytes:
        """The body of NEED."""
        return packed_times(self.times)


@dataclass(frozen=True, eq=False)
class Sight:
    """What is known of another frame. window: its plate in the host's plane. key: of its plate. cut: whether the faces
    that are swapped there were cut out into the cache.
    """

    look: Look
    window: Window
    key: str
    cut: bool

    def packed(self) -> bytes:
        """The body of SIGHT: thumbnail, place, key, a row of numbers for each face."""
        faces, thumbnail = self.look
        place = _PLACE.pack(*astuple(self.window), self.cut)
        rows = b"".join(face.row().tobytes() for face in faces)
        return thumbnail.tobytes() + place + counted(self.key) + rows

    @classmethod
    def read(cls, body: bytes) -> Sight:
        """The inverse of ``packed``. Raises EngineError on anything else."""
        size = THUMBNAIL[0] * THUMBNAIL[1]
        try:
            thumbnail = np.frombuffer(body, np.uint8, size).reshape(THUMBNAIL)
            *window, cut = _PLACE.unpack_from(body, size)
            key, rest = read_counted(body[size + _PLACE.size :])
            rows = np.frombuffer(rest, np.float64).reshape(-1, len(Face.around(np.zeros((5, 2))).row()))
            return cls((tuple(map(Face.from_row, rows)), thumbnail), Window(*window), key, cut)
        except (ValueError, struct.error) as error:
            raise EngineError(
                f"expected what was found in a frame; found {len(body)} bytes. Run `mobilefaceswap ofx install`"
            ) from error


@dataclass(frozen=True)
class Around:
    """What was found in other frames, by time; empty where the clip has no such frame. missing: asked for in vain.

    window: where the plate that is rendered lies in the host's plane, in whose pixels faces are wanted.
    """

    sights: Mapping[int, bytes]
    window: Window
    missing: set[int] = field(default_factory=set)

    def wanted(self, time: int, settings: Settings, *, tracked: bool) -> tuple[int, ...]:
        """The frames that every frame's own render needs, and that are not known yet; of a track only their pixels.

        Those whose pixels are needed come last, so that the last one is looked at when all others are known.
        """
        reach = 0 if tracked else max(settings.smoothing, settings.fade)
        near, far = settings.deflicker, settings.deflicker + reach
        steps = [step for step in range(-far, far + 1) if step or (near and not tracked)]
        steps.sort(key=lambda step: (bool(step) and abs(step) <= near, step))
        return tuple(time + step for step in steps if time + step not in self.sights)

    def uncut(self, time: int, settings: Settings) -> set[int]:
        """The frames near ``time`` whose faces are still to be cut out."""
        near = range(time - settings.deflicker, time + settings.deflicker + 1)
        return {other for other in near if other != time and (sight := self._at(other)) and not sight.cut}

    def look(self, time: int) -> Look | None:
        """What was found at ``time``; None outside the clip, and where nobody looked yet."""
        sight = self._at(time)
        if sight is None:
            return None
        faces, seen = sight.look
        x, y = sight.window.x - self.window.x, sight.window.y - self.window.y
        return tuple(face.moved(x, y) for face in faces), seen

    def plate(self, time: int) -> Plate | None:
        """A plate whose pixels are not at hand; None where ``look`` gives none, or the plate is of another shape."""
        sight = self._at(time)
        if sight is None or sight.window != self.window:
            return None

        def load() -> Frame:
            if not sight.cut:
                raise NotAtHandError
            raise UserInputError(
                "expected memory for the faces of the frames around; MOBILEFACESWAP_MEMORY allows too little. Raise "
                "it, or set Deflicker to 0"
            )

        return Plate(time, sight.key, load)

    def _at(self, time: int) -> Sight | None:
        if time not in self.sights:
            self.missing.add(time)
            return None
        return Sight.read(self.sights[time]) if self.sights[time] else None
