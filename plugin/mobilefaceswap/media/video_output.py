"""Video files out: timing, tags, rotation, timecode and sound of the clip they are made from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from ..errors import MediaError
from ..files import write_failure
from ..frame import Floats
from .clip import MediaClip, Writer
from .clock import Clock
from .encoding import Encoder, choose_encoder
from .grade import converted, video_space
from .places import partial_path
from .planes import frame_from_pixels
from .sound import Sound
from .video import VideoClip

__all__ = ["VIDEO_ENDINGS", "VideoWriter"]

VIDEO_ENDINGS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
_QUICKTIME = (".mov", ".mp4", ".m4v")
_FAILURES = (FFmpegError, OSError, ValueError)


class VideoWriter(Writer):
    """Writes ``NAME.partial.EXT`` from the first frame on and renames it when it is complete."""

    def __init__(
        self,
        path: str,
        like: MediaClip,
        *,
        codec: str | None = None,
        quality: str | int | None = None,
        bit_depth: int | None = None,
        alpha: bool | None = None,
        premultiplied: bool | None = None,
        audio: bool = True,
    ) -> None:
        self.path = path
        self._target, self._partial = Path(path), partial_path(Path(path))
        self._like, self._audio = like, audio
        self._premultiplied = like.format.premultiplied if premultiplied is None else premultiplied
        self._stored_premultiplied = bool(premultiplied)
        self._codec, self._quality, self._bit_depth, self._alpha = codec, quality, bit_depth, alpha
        if like.size[0]:
            self._choose(like.size, like.has_alpha)
        self._container: Any = None
        self._sound: Sound | None = None
        self._last, self._written = like.first, False
        self._first_stored: Fraction | None = None

    def _choose(self, size: tuple[int, int], has_alpha: bool) -> Encoder:
        encoder = choose_encoder(
            self.path,
            self._like,
            size,
            codec=self._codec,
            quality=self._quality,
            bit_depth=self._bit_depth,
            alpha=has_alpha if self._alpha is None else self._alpha,
        )
        self.notes = encoder.notes
        return encoder

    def write(self, time: int, pixels: Floats, layers: Mapping[str, Floats] | None = None) -> None:
        """See ``Writer``."""
        picture = self._stored(pixels)
        try:
            if self._container is None:
                self._begin(time, picture, has_alpha=pixels.ndim == 3 and pixels.shape[2] == 4)
            self._check_size(picture)
            self._encode(time, picture)
        except _FAILURES as error:
            if isinstance(error, MediaError):
                raise
            raise write_failure(self.path, error) from None

    def _stored(self, pixels: Floats) -> Floats:
        """(H, W, 3|4) as the file stores it: in its colour space, turned back."""
        if pixels.ndim == 2:
            picture = np.dstack([pixels] * 3)
        else:
            spaces = self._like.colour_space, video_space(self._like)
            picture = converted(pixels, *spaces, self._premultiplied, self._stored_premultiplied)
        turns = round(self._like.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(picture, -turns)) if turns else picture

    def _begin(self, time: int, picture: Floats, has_alpha: bool) -> None:
        size = picture.shape[1], picture.shape[0]
        self._encoder = self._choose(size, has_alpha)
        self._clock = Clock(self._like, time)
        self._container = av.open(os.fspath(self._partial), "w", options=self._muxer_options())
        self._stream = self._add_pictures(size)
        if self._audio and isinstance(self._like, VideoClip):
            self._sound = Sound(self._like, self._container, self._clock.start)
            self.notes += self._sound.notes
        self._container.start_encoding()

    def _muxer_options(self) -> dict[str, str]:
        """A container clock that holds the clip's times exactly."""
        if self._target.suffix.lower() not in _QUICKTIME:
            return {}
        return {"video_track_timescale": str(self._clock.base.denominator)}

    def _add_pictures(self, size: tuple[int, int]) -> Any:
        encoder, like = self._encoder, self._like
        stream: Any = self._container.add_stream(encoder.codec, rate=self._clock.rate, options=dict(encoder.options))
        context, tags = stream.codec_context, encoder.tags
        stream.width, stream.height = size
        stream.pix_fmt = encoder.layout.name
        context.time_base = self._clock.base
        context.colorspace, context.color_primaries, context.color_trc = tags.matrix, tags.primaries, tags.transfer
        if tags.full_range is not None:
            context.color_range = 2 if tags.full_range else 1
        aspect = like.format.pixel_aspect
        if aspect != 1:
            context.sample_aspect_ratio = 1 / aspect if like.rotation % 180 else aspect
        if like.rotation:
            stream.set_display_rotation(like.rotation)
        timecode = self._clock.timecode(like)
        if timecode:
            place = stream if self._target.suffix.lower() in _QUICKTIME else self._container
            place.metadata["timecode"] = timecode
        return stream

    def _check_size(self, picture: Floats) -> None:
        height, width = picture.shape[:2]
        if (width, height) != (self._stream.width, self._stream.height):
            raise MediaError(
                f"expected frames of {self._stream.width} x {self._stream.height} for {self.path}; found "
                f"{width} x {height}. A video file holds one size: write an image sequence"
            )

    def _encode(self, time: int, picture: Floats) -> None:
        encoder = self._encoder
        frame = frame_from_pixels(picture, encoder.layout, encoder.matrix, encoder.full_range)
        frame.pts, frame.time_base = self._clock.stamp(time), self._clock.base
        tags = encoder.tags
        # Stated on every frame as well: ProRes keeps them there.
        frame.colorspace, frame.color_primaries, frame.color_trc = tags.matrix, tags.primaries, tags.transfer
        if encoder.tags.full_range is not None:
            frame.color_range = 2 if encoder.tags.full_range else 1
        if self._sound:
            self._sound.copy_until(self._clock.start + frame.pts * self._clock.base)
        self._mux(self._stream.encode(frame))
        self._last, self._written = time, True

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            base = Fraction(packet.time_base)
            if self._first_stored is None:
                self._first_stored = packet.dts * base
            packet.duration = max(1, round(self._clock.length(packet.pts * base) / base))
            self._container.mux(packet)

    def _mux_last(self, packets: list[Any]) -> None:
        """The last packet to be stored reaches to the end of the last frame shown: containers sum up durations."""
        self._mux(packets[:-1])
        for packet in packets[-1:]:
            base = Fraction(packet.time_base)
            ends = self._clock.end(self._last) - self._clock.start
            first = self._first_stored if self._first_stored is not None else packet.dts * base
            stored = ends - (packet.dts * base - first)
            # Where it is shown last as well, its own end is the clip's; clocks of the two kinds need not agree.
            packet.duration = max(1, round(max(stored, self._clock.length(packet.pts * base)) / base))
            self._container.mux(packet)

    def close(self) -> None:
        """See ``Writer``. Raises MediaError where no frame was written, since there is no such file."""
        if self._container is None:
            raise MediaError(
                f"expected at least one frame for {self.path}; none was written, and a video file cannot be empty. "
                "Choose a range that holds a frame"
            )
        try:
            self._finish()
            os.replace(self._partial, self._target)
        except _FAILURES as error:
            raise write_failure(self.path, error) from None

    def _finish(self) -> None:
        try:
            self._mux_last(self._stream.encode(None))
            if self._sound:
                self._sound.copy_until(self._clock.end(self._last))
        finally:
            if self._sound:
                self._sound.close()
            self._container.close()

    def abandon(self) -> None:
        """See ``Writer``. Without a single frame nothing is left behind."""
        if self._container is None:
            return
        with suppress(*_FAILURES):
            self._finish()
        if self._written:
            self.notes += (f"what was written before the end came plays, and lies in {self._partial}",)
        else:
            self._partial.unlink(missing_ok=True)
