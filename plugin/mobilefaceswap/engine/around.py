"""Frames around the one that is rendered, where a host hands them out: asked for when they are needed.

The bridge sends what was found in each along with the frame. What was made of their pixels stays here until the frame
is rendered, since a cache may drop it at any moment.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field

import numpy as np

from ..cache import Arrays
from ..errors import EngineError
from ..faces import Face
from ..frame import Frame, Window
from ..node import Look, Plate
from ..settings import Settings
from .wire import packed_times
from .wire.layout import counted, read_counted

__all__ = ["THUMBNAIL", "Around", "Needed", "NotAtHandError", "Ongoing", "Sight", "Underway"]

THUMBNAIL = (54, 96)
"""Rows and columns of what tells cuts."""
_PLACE = struct.Struct("<iiii")


class NotAtHandError(Exception):
    """The pixels of another frame are needed, which only the host has."""


@dataclass(frozen=True)
class Needed:
    """Frames that have to be looked at before one can be rendered."""

    times: tuple[int, ...]

    def packed(self) -> bytes:
        """The body of NEED."""
        return packed_times(self.times)


@dataclass
class Ongoing:
    """A frame that is rendered, from one request for it to the next.

    window: where its plate lies in the host's plane; None before it was asked for. made: of the plates around it, by
    time, what it needs of their pixels.
    """

    window: Window | None = None
    made: dict[int, dict[str, Arrays]] = field(default_factory=dict)


class Underway:
    """The frames that are rendered, by their numbers. Thread-safe."""

    def __init__(self) -> None:
        self._frames: dict[int, Ongoing] = {}
        self._lock = threading.Lock()

    def frame(self, number: int, oldest: int) -> Ongoing:
        """The one under ``number``; those before ``oldest`` are forgotten: hosts abandon frames without a word."""
        with self._lock:
            for before in [known for known in self._frames if known < oldest]:
                del self._frames[before]
            return self._frames.setdefault(number, Ongoing())

    def end(self, number: int) -> None:
        """Forgets a frame that is rendered, or failed."""
        with self._lock:
            self._frames.pop(number, None)


@dataclass(frozen=True, eq=False)
class Sight:
    """What is known of another frame. window: its plate in the host's plane. key: of its plate, as it was cut."""

    look: Look
    window: Window
    key: str

    def packed(self) -> bytes:
        """The body of SIGHT: thumbnail, place, key, a row of numbers for each face."""
        faces, thumbnail = self.look
        place = _PLACE.pack(*astuple(self.window))
        rows = b"".join(face.row().tobytes() for face in faces)
        return thumbnail.tobytes() + place + counted(self.key) + rows

    @classmethod
    def read(cls, body: bytes) -> Sight:
        """The inverse of ``packed``. Raises EngineError on anything else."""
        size = THUMBNAIL[0] * THUMBNAIL[1]
        try:
            thumbnail = np.frombuffer(body, np.uint8, size).reshape(THUMBNAIL)
            window = Window(*_PLACE.unpack_from(body, size))
            key, rest = read_counted(body[size + _PLACE.size :])
            rows = np.frombuffer(rest, np.float64).reshape(-1, len(Face.around(np.zeros((5, 2))).row()))
            return cls((tuple(map(Face.from_row, rows)), thumbnail), window, key)
        except (ValueError, struct.error) as error:
            raise EngineError(
                f"expected what was found in a frame; found {len(body)} bytes. Run `mobilefaceswap ofx install`"
            ) from error


@dataclass(frozen=True)
class Around:
    """What was found in other frames, by time; empty where the clip has no such frame. missing: asked for in vain.

    window: where the plate that is rendered lies in the host's plane, in whose pixels faces are wanted. made: see
    `Ongoing`.
    """

    sights: Mapping[int, bytes]
    window: Window
    made: Mapping[int, dict[str, Arrays]] = field(default_factory=dict)
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
        return {other for other in near if other not in (time, *self.made) and self._at(other)}

    def look(self, time: int) -> Look | None:
        """What was found at ``time``; None outside the clip, and where nobody looked yet."""
        sight = self._at(time)
        if sight is None:
            return None
        faces, seen = sight.look
        x, y = sight.window.x - self.window.x, sight.window.y - self.window.y
        return tuple(face.moved(x, y) for face in faces), seen

    def plate(self, time: int) -> Plate | None:
        """A plate of which no more is at hand than ``made`` has; None where ``look`` gives none."""
        sight = self._at(time)
        return None if sight is None else Plate(time, sight.key, _not_at_hand, kept=self.made.get(time))

    def _at(self, time: int) -> Sight | None:
        if time not in self.sights:
            self.missing.add(time)
            return None
        return Sight.read(self.sights[time]) if self.sights[time] else None


def _not_at_hand() -> Frame:
    raise NotAtHandError
