"""What the containers that are written can hold, and whether one holds a given stream, found by trying."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from .container import FAILURES

__all__ = ["CONTAINERS", "Container", "container_of", "holds"]


@dataclass(frozen=True)
class Container:
    """A kind of video file.

    sound: FFmpeg's encoders to convert sound with that cannot be copied, the first is tried first. subtitles: the
    codec of text that is converted to, None where there is none. tags: the codec tags that players expect.
    turned: whether a display matrix is kept; elsewhere pictures are stored upright. timed: whether every frame has its
    own time. attachments: whether files can be attached. exact_clock: whether the container's clock can be chosen.
    """

    muxer: str
    sound: tuple[str, ...]
    subtitles: str | None
    turned: bool = True
    timed: bool = True
    attachments: bool = False
    exact_clock: bool = False
    chapters: bool = True


_MP4 = Container("mp4", ("aac",), "mov_text", exact_clock=True)
_MATROSKA = Container("matroska", ("flac", "aac"), "subrip", attachments=True)
CONTAINERS = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Container("mov", ("pcm_s24le", "aac"), "mov_text", exact_clock=True),
    ".mkv": _MATROSKA,
    ".webm": Container("webm", ("libopus",), "webvtt"),
    ".avi": Container("avi", ("pcm_s16le",), None, turned=False, timed=False, chapters=False),
}
"""By ending, in lower case."""
HEVC_TAG = "hvc1"
"""QuickTime and everything of Apple's play HEVC under this tag alone; FFmpeg's own is hev1."""


def container_of(path: str | Path) -> Container:
    """The container that ``path`` names by its ending. Raises KeyError."""
    return CONTAINERS[Path(path).suffix.lower()]


def holds(container: Container, stream: Any, packet: Any = None) -> bool:
    """Whether a file of the kind can hold a copy of ``stream``: its header, and ``packet`` where given, are written."""
    output = None
    try:
        output = av.open(io.BytesIO(), "w", format=container.muxer)
        copy = output.add_stream_from_template(stream)
        output.start_encoding()
        if packet is not None:
            trial = av.Packet(bytes(packet))
            trial.stream, trial.time_base = copy, packet.time_base
            trial.pts = trial.dts = 0
            output.mux(trial)
    except FAILURES:
        return False
    finally:
        if output is not None:
            with suppress(*FAILURES):
                output.close()
    return True
