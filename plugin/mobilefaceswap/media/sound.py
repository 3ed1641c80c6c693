"""A clip's sound, copied without decoding."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.error import FFmpegError

from .video import VideoClip

__all__ = ["Sound"]


class Sound:
    """Copies the clip's sound packets from ``start`` seconds on, interleaved with the pictures.

    notes: a sentence for each track that the container cannot hold.
    """

    def __init__(self, like: VideoClip, output: Any, start: Fraction) -> None:
        self.notes: tuple[str, ...] = ()
        self._output, self._start, self._whole = output, start, start <= like.timing.stamps[0] * like.timing.base
        self._input = av.open(like.path, metadata_errors="replace")
        self._streams: dict[int, Any] = {}
        for stream in self._input.streams.audio:
            try:
                self._streams[stream.index] = output.add_stream_from_template(stream)
            except (FFmpegError, ValueError):
                self.notes += (f"the sound ({stream.codec.name}) cannot be copied into this format and is left out",)
        self._packets = self._chosen()
        self._next: Any = next(self._packets, None)

    def _chosen(self) -> Iterator[Any]:
        tracks = [self._input.streams[index] for index in self._streams]
        for packet in self._input.demux(tracks) if tracks else ():
            if packet.pts is None or packet.dts is None or not packet.size:
                continue
            ends = (packet.pts + (packet.duration or 0)) * Fraction(packet.time_base)
            if self._whole or ends > self._start:
                yield packet

    def copy_until(self, seconds: Fraction) -> None:
        """Copies what begins before ``seconds`` of the clip."""
        while self._next is not None:
            packet = self._next
            base = Fraction(packet.time_base)
            if packet.pts * base >= seconds:
                return
            shift = round(self._start / base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = self._streams[packet.stream.index]
            self._output.mux(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Releases the clip."""
        self._packets, self._next = iter(()), None
        self._input.close()
