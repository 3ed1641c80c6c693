"""What the containers that are written can hold, and whether one holds a given stream, found by writing it."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from .container import FAILURES

__all__ = ["CONTAINERS", "Container", "container_of", "holds", "holds_encoded"]


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
_TRIAL = 8192
"""Samples that fill a packet of every encoder of sound."""


def container_of(path: str | Path) -> Container:
    """The container that ``path`` names by its ending. Raises KeyError."""
    return CONTAINERS[Path(path).suffix.lower()]


def holds(container: Container, stream: Any, packet: Any = None, *, layout: str = "") -> bool:
    """Whether a file of the kind can hold a copy of ``stream``: its header is written, and a whole file where
    ``packet`` is given. layout: the name to give to the channels of sound, as the file has it where that is empty.
    """

    def copy(output: Any) -> None:
        target = output.add_stream_from_template(stream)
        if layout:
            target.codec_context.layout = layout
        output.start_encoding()
        if packet is not None:
            trial = av.Packet(bytes(packet))
            trial.stream, trial.time_base = target, packet.time_base
            trial.pts = trial.dts = 0
            output.mux(trial)
            # MP4 stores what it knows of channels with the index, behind everything else.
            output.close()

    return _succeeds(container, copy)


def holds_encoded(container: Container, encoder: str, rate: int, layout: str) -> bool:
    """Whether a file of the kind can hold sound of ``rate`` samples a second that FFmpeg's ``encoder`` makes."""

    def encode(output: Any) -> None:
        target = output.add_stream(encoder, rate=rate, layout=layout)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, target.channels * _TRIAL), np.float32), "flt", layout)
        silence.sample_rate, silence.pts = rate, 0
        output.mux([*target.encode(silence), *target.encode(None)])
        output.close()

    return _succeeds(container, encode)


def _succeeds(container: Container, write: Callable[[Any], None]) -> bool:
    output = None
    try:
        output = av.open(io.BytesIO(), "w", format=container.muxer)
        write(output)
    except FAILURES:
        return False
    finally:
        if output is not None:
            with suppress(*FAILURES):
                output.close()
    return True
