"""Ranges under analysis: the faces that Analyse Range collects for a track."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from ..analyse_clip import Analysis, track_of
from ..errors import EngineError, UserInputError
from ..folders import track_folder

__all__ = ["Ranges"]

_MOST = 4


@dataclass
class _Range:
    size: tuple[int, int]
    frames: dict[int, Analysis] = field(default_factory=dict)


class Ranges:
    """Ranges by the bridge's number. Cancelled ones are dropped when others follow. Thread-safe."""

    def __init__(self) -> None:
        self._ranges: OrderedDict[int, _Range] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, number: int, time: int, found: Analysis) -> None:
        """Keeps what one frame shows. Raises UserInputError where the plate's size changes."""
        with self._lock:
            kept = self._ranges.setdefault(number, _Range(found.size))
            if kept.size != found.size:
                raise UserInputError(
                    f"expected every frame of the range to be {kept.size[0]} x {kept.size[1]}; frame {time} is "
                    f"{found.size[0]} x {found.size[1]}. Reformat the clip before the node"
                )
            kept.frames[time] = found
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
        track_of(found.frames).save(path)
        return path


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
