"""The formats in which points travel: one row for each."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import TrackError, UserInputError
from ..files import write_failure, written_whole
from ..frame import Window
from . import fusion, nuke, tables
from .motion import Motion, shown

__all__ = ["FORMATS", "Format", "Motion", "read_motion", "write_motion"]

Read = Callable[[str, tuple[int, int]], Motion]


@dataclass(frozen=True)
class Format:
    """label: as people read it. ending: of its files. write: its text of a motion. read: the inverse, None for none.

    Both count from the display window.
    """

    label: str
    ending: str
    write: Callable[[Motion], str]
    read: Read | None


FORMATS: Mapping[str, Format] = {
    "csv": Format("table of points", ".csv", tables.table, tables.read_table),
    "nuke-tracker": Format("Nuke Tracker4", ".nk", nuke.tracker, nuke.read),
    "nuke-cornerpin": Format("Nuke CornerPin2D", ".nk", nuke.corner_pin, nuke.read),
    "fusion-tracker": Format("Fusion Tracker", ".setting", fusion.tracker, fusion.read),
    "fusion-cornerpin": Format("Fusion CornerPositioner", ".setting", fusion.corner_positioner, fusion.read),
    "after-effects": Format("After Effects keyframes", ".txt", tables.after_effects, None),
    "pftrack": Format("PFTrack 2D tracks", ".txt", tables.pftrack, tables.read_pftrack),
}
"""By name. A new one is a row here and its functions."""


def write_motion(path: Path, motion: Motion, kind: str) -> None:
    """Writes the format called ``kind``, whole or not at all. Raises MediaError where the place cannot be written."""
    try:
        with written_whole(path) as part:
            part.write_bytes(FORMATS[kind].write(motion.outside()).encode())
    except OSError as error:
        raise write_failure(str(path), error) from error


def read_motion(path: Path, size: tuple[int, int], kind: str | None = None, display: Window | None = None) -> Motion:
    """The points of a file, for a plate of ``size`` and with ``display`` as its display window (None: all of it).

    kind: of the file; None to tell by its content. Raises UserInputError where it cannot be read, TrackError where it
    holds no points in a known way.
    """
    try:
        text = _decoded(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise UserInputError(f"expected a text file with tracks at {path}; {error}. Check the name") from error
    reader = FORMATS[kind].read if kind else _reader(text)
    if reader is None:
        raise TrackError(f"expected a format that can be read; found {kind}, which is written alone. Choose another")
    try:
        return reader(text, shown(size, display).size).inside(size, display)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise TrackError(
            f"expected {path} to hold tracks or a corner pin of Nuke, Fusion, PFTrack or a table; found "
            f"{type(error).__name__}: {error}. Export it again, with one key on every frame"
        ) from error


def _decoded(content: bytes) -> str:
    """Text in UTF-8 or UTF-16: spreadsheets put a byte order mark before a table. Raises UnicodeDecodeError."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if marked else "utf-8-sig")


def _reader(text: str) -> Read:
    if "Tracker4 {" in text or "CornerPin2D {" in text:
        return nuke.read
    if "ordered()" in text or "BezierSpline" in text:
        return fusion.read
    return tables.read_table if tables.is_table(text) else tables.read_pftrack
