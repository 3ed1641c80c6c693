"""The track of pictures in a video file that is written: tags, size, times, and the encoder's own complaints."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av

from ...errors import MediaError
from ...frame import Box, Floats, Part
from ...threads import asked_threads
from ..clip import MediaClip
from ..declared import Orientation
from .clock import Clock
from .container import FAILURES
from .containers import HEVC_TAG, Container
from .encoders import Encoder
from .planes import frame_from_pixels, frame_over, grown, within
from .stored import StoredFrame

__all__ = ["PictureTrack", "encoder_complaint"]

os.environ.setdefault("SVT_LOG", "1")
"""SVT-AV1 greets everybody on the terminal unless it is told to report errors alone."""


class PictureTrack:
    """Encodes pictures of one size into ``output``, an open container of the ``kind``.

    turned: how the stored pictures are to be shown; the container declares it.
    """

    def __init__(
        self,
        output: Any,
        kind: Container,
        encoder: Encoder,
        like: MediaClip,
        clock: Clock,
        turned: Orientation,
        size: tuple[int, int],
    ) -> None:
        self._output, self._encoder, self._clock, self._size = output, encoder, clock, size
        self.stream: Any = output.add_stream(encoder.codec, rate=clock.rate, options=dict(encoder.options))
        self._first_stored: Fraction | None = None
        self._set_up(kind)
        self._declare(kind, like, turned)

    def _set_up(self, kind: Container) -> None:
        encoder, context = self._encoder, self.stream.codec_context
        self.stream.width, self.stream.height = self._size
        self.stream.pix_fmt = encoder.layout.name
        # PyAV asks for slices alone, within which an encoder that works on several frames at once uses one core.
        self.stream.thread_type = "AUTO"
        context.thread_count = asked_threads()
        context.time_base = self._clock.base
        if "b" in encoder.options:
            context.bit_rate = int(encoder.options["b"].replace("M", "000000"))
        if encoder.codec == "libx265" and kind.exact_clock:
            context.codec_tag = HEVC_TAG

    def _declare(self, kind: Container, like: MediaClip, turned: Orientation) -> None:
        context, tags = self.stream.codec_context, self._encoder.tags
        context.colorspace, context.color_primaries, context.color_trc = tags.matrix, tags.primaries, tags.transfer
        if tags.full_range is not None:
            context.color_range = 2 if tags.full_range else 1
        aspect = like.format.pixel_aspect
        if aspect != 1:
            context.sample_aspect_ratio = 1 / aspect if turned.transposed else aspect
        if turned != Orientation():
            self.stream.set_display_matrix(turned.matrix)
        timecode = self._clock.timecode(like)
        if timecode:
            (self.stream if kind.exact_clock else self._output).metadata["timecode"] = timecode

    def begins(self, time: int) -> Fraction:
        """When frame ``time`` shows in the clip, in seconds."""
        return self._clock.start + self._clock.stamp(time) * self._clock.base

    def encode(self, time: int, picture: Floats) -> None:
        """Writes float32 (H, W, 3|4). Raises MediaError where the size is another, and what PyAV raises."""
        encoder = self._encoder
        self._check_size((picture.shape[1], picture.shape[0]))
        self._encode(time, frame_from_pixels(picture, encoder.layout, encoder.matrix, encoder.full_range))

    def encode_over(self, time: int, plate: StoredFrame, parts: Sequence[Part]) -> None:
        """Writes ``plate``, which has no alpha, with ``parts`` in their places. Raises as ``encode``.

        Where the file stores planes as the plate's are, samples outside the parts stay what they are.
        """
        if not self._keeps(plate):
            self.encode(time, plate.over(parts))
            return
        self._check_size(plate.size)
        encoder = self._encoder
        whole = [self._grown(plate, box, part) for box, part in parts]
        made = frame_over(plate.planes, whole, encoder.layout, encoder.matrix, encoder.full_range)
        self._encode(time, made)

    def _grown(self, plate: StoredFrame, box: Box, part: Floats) -> Part:
        """The part with as much of the plate around it as makes its samples of chroma whole."""
        outer = grown(box, self._encoder.layout.step, plate.size)
        if outer == box:
            return box, part
        pixels = plate.part(outer).copy()
        pixels[within(box, outer)] = part
        return outer, pixels

    def _keeps(self, plate: StoredFrame) -> bool:
        encoder = self._encoder
        alike = replace(plate.layout, name=encoder.layout.name) == encoder.layout
        return alike and (plate.matrix, plate.full_range) == (encoder.matrix, encoder.full_range)

    def _check_size(self, size: tuple[int, int]) -> None:
        if size != self._size:
            raise MediaError(
                f"expected frames of {self._size[0]} x {self._size[1]}; found {size[0]} x {size[1]}. "
                "A video file holds one size: write an image sequence"
            )

    def _encode(self, time: int, frame: Any) -> None:
        tags = self._encoder.tags
        frame.pts, frame.time_base = self._clock.stamp(time), self._clock.base
        # Stated on every frame as well: ProRes keeps them there.
        frame.colorspace, frame.color_primaries, frame.color_trc = tags.matrix, tags.primaries, tags.transfer
        if tags.full_range is not None:
            frame.color_range = 2 if tags.full_range else 1
        self._mux(self.stream.encode(frame))

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            base = Fraction(packet.time_base)
            if self._first_stored is None:
                self._first_stored = packet.dts * base
            packet.duration = max(1, round(self._clock.length(packet.pts * base) / base))
            self._output.mux(packet)

    def finish(self, last: int) -> None:
        """Writes what the encoder still holds.

        The last packet to be stored reaches to the end of ``last``, the last frame shown: containers sum up durations.
        """
        packets = self.stream.encode(None)
        if self._first_stored is None:
            _mend_decoding_times(packets)
        self._mux(packets[:-1])
        for packet in packets[-1:]:
            base = Fraction(packet.time_base)
            ends = self._clock.end(last) - self._clock.start
            first = self._first_stored if self._first_stored is not None else packet.dts * base
            stored = ends - (packet.dts * base - first)
            # Where it is shown last as well, its own end is the clip's; clocks of the two kinds need not agree.
            packet.duration = max(1, round(max(stored, self._clock.length(packet.pts * base)) / base))
            self._output.mux(packet)


def _mend_decoding_times(packets: list[Any]) -> None:
    """Decoding times of a clip shorter than the encoder's delay: x265 leaves those of two frames undefined.

    Packets, all of the clip's, come in the order of decoding; times of presentation are sound.
    """
    shown = sorted(packet.pts for packet in packets)
    delay = max((due - packet.pts for due, packet in zip(shown, packets, strict=True)), default=0)
    for due, packet in zip(shown, packets, strict=True):
        packet.dts = due - delay


def encoder_complaint(encoder: Encoder, size: tuple[int, int], base: Fraction) -> str:
    """What FFmpeg says of an encoder that does not open, asked once more with its log on; empty where it opens."""
    context: Any = av.CodecContext.create(encoder.codec, "w")
    context.width, context.height, context.pix_fmt = *size, encoder.layout.name
    context.time_base, context.options = base, dict(encoder.options)
    before = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture(local=False) as lines, suppress(*FAILURES):
            context.open()
        return "; ".join(dict.fromkeys(message.strip() for _, _, message in lines if message.strip()))
    finally:
        av.logging.set_level(before)
