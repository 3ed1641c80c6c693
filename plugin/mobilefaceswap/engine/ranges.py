"""Ranges under analysis: the faces that Analyse Range collects for a track."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import reduce

from ..analyse_clip import Analysis, track_of
from ..errors import EngineError, UserInputError
from ..faces import Track
from ..folders import track_folder
from ..frame import Window

__all__ = ["Ranges"]

_MOST = 4


@dataclass
class _Range:
    """display: the display window in the host's plane, once one is told. plates: of each frame, there."""

    display: Window | None = None
    plates: dict[int, Window] = field(default_factory=dict)
    frames: dict[int, Analysis] = field(default_factory=dict)

    def counted(self, plate: Window, display: Window | None) -> tuple[Window, Window]:
        """What points count from, before and in a further frame: the display window, without any the plate."""
        if self.display or display:
            either = self.display or display or plate
            return either, display or either
        return next(iter(self.plates.values()), plate), plate

    def track(self) -> Track:
        """Of all frames, in pixels of what they hold together: as `analyse` counts."""
        canvas = reduce(Window.union, self.plates.values(), self.display or next(iter(self.plates.values())))
        found = {time: _counted(one, self.plates[time], canvas) for time, one in self.frames.items()}
        return replace(track_of(found), display=self.display and self.display.within(canvas))


class Ranges:
    """Ranges by the bridge's number. Cancelled ones are dropped when others follow. Thread-safe."""

    def __init__(self) -> None:
        self._ranges: OrderedDict[int, _Range] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, number: int, time: int, found: Analysis, plate: Window, display: Window | None) -> None:
        """Keeps what one frame shows. plate, display: its pixels and its display window in the host's plane.

        Raises UserInputError where the display window changes, or without one the plate.
        """
        with self._lock:
            kept = self._ranges.setdefault(number, _Range())
            before, now = kept.counted(plate, display)
            if before != now:
                raise UserInputError(
                    f"expected every frame of the range to show {_told(before)}; frame {time} shows {_told(now)}. "
                    "Reformat the clip before the node"
                )
            kept.display = kept.display or display
            kept.plates[time], kept.frames[time] = plate, found
            while len(self._ranges) > _MOST:
                self._ranges.popitem(last=False)

    def save(self, number: int) -> str:
        """Writes a range to a new track file in the user's folder and forgets it; returns the path.

        Raises EngineError where the engine has none of that number, UserInputError where it cannot be written.
        """
        with self._lock:
            found = self._ranges.pop(number, None)
        if found is None:
            raise EngineError("expected the faces of the range; the engine was started anew. Analyse the range again")
        path = _new_file(f"{min(found.frames)}-{max(found.frames)}-")
        found.track().save(path)
        return path


def _counted(found: Analysis, plate: Window, canvas: Window) -> Analysis:
    """What one plate shows, in pixels of ``canvas``."""
    faces = tuple(face.moved(plate.x - canvas.x, plate.y - canvas.y) for face in found.sighting.faces)
    return replace(found, sighting=replace(found.sighting, faces=faces), size=canvas.size)


def _told(window: Window) -> str:
    """As hosts count: y goes up."""
    return f"{window.width} x {window.height} from ({window.x}, {-window.bottom})"


def _new_file(prefix: str) -> str:
    folder = track_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(".json", prefix, folder)
        os.close(handle)
    except OSError as error:
        raise UserInputError(
            f"expected to write the track below {folder}; {error.strerror}. Make the folder writable"
        ) from error
    return path
