"""Video files out: timing, tags, orientation, timecode, sound and everything else of the clip they are made from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from ...errors import MediaError
from ...files import partial_path, temporary_path, write_failure
from ...frame import Floats
from ..clip import MediaClip, Writer
from ..declared import Orientation
from ..grade import converted
from .clock import Clock
from .compare import losses
from .container import is_playable
from .containers import HEVC_TAG, container_of
from .encoders import Encoder, choose_encoder
from .planes import frame_from_pixels
from .streams import OtherStreams

__all__ = ["VideoWriter"]

_FAILURES = (FFmpegError, OSError, ValueError)
_USUAL_METADATA = (
    *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "description"),
    *("synopsis", "keywords", "creation_time", "location"),
)
"""What MP4 has places for; with any other key all are stored as QuickTime's metadata items."""

os.environ.setdefault("SVT_LOG", "1")
"""SVT-AV1 greets everybody on the terminal unless it is told to report errors alone."""


class VideoWriter(Writer):
    """Writes a temporary file from the first frame on, which takes the output's name when it is complete."""

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
        self._target = Path(path).absolute().resolve()
        self._like, self._audio, self._kind = like, audio, container_of(path)
        self._premultiplied = like.format.premultiplied if premultiplied is None else premultiplied
        self._stored_premultiplied = bool(premultiplied)
        self._codec, self._quality, self._bit_depth, self._alpha = codec, quality, bit_depth, alpha
        self._turned = like.orientation if self._kind.turned else Orientation()
        self._check_timing()
        if like.size[0]:
            self._choose(like.size, like.has_alpha)
        self._partial: Path | None = None
        self._container: Any = None
        self._others: OtherStreams | None = None
        self._last, self._written = like.first, False
        self._first_stored: Fraction | None = None

    def _check_timing(self) -> None:
        timing, rate = self._like.format.timing, self._like.frame_rate
        if timing is not None and rate is not None and not self._kind.timed and not timing.constant(rate):
            raise MediaError(
                f"expected an output that can hold variable frame timing, as {self._like.path} has; "
                f"{self._target.suffix} cannot. Choose .mp4, .mov or .mkv"
            )

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
        with self._explained():
            if self._container is None:
                self._begin(time, picture, has_alpha=pixels.ndim == 3 and pixels.shape[2] == 4)
            self._check_size(picture)
            self._encode(time, picture)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What libraries raise becomes a MediaError with a sentence."""
        try:
            yield
        except MediaError:
            raise
        except _FAILURES as error:
            raise write_failure(self.path, error) from error

    def _stored(self, pixels: Floats) -> Floats:
        """(H, W, 3|4) as the file stores it: in its colour space, turned back."""
        if pixels.ndim == 2:
            picture = np.dstack([pixels] * 3)
        else:
            spaces = self._like.colour_space, self._like.format.coding.colour_space
            picture = converted(pixels, *spaces, self._premultiplied, self._stored_premultiplied)
        return self._turned.stored(picture)

    def _begin(self, time: int, picture: Floats, has_alpha: bool) -> None:
        size = picture.shape[1], picture.shape[0]
        self._encoder = self._choose(size, has_alpha)
        self._clock = Clock(self._like, time)
        self._partial = temporary_path(self._target)
        try:
            self._open(size)
        except BaseException:
            self._discard()
            raise

    def _open(self, size: tuple[int, int]) -> None:
        self._container = av.open(str(self._partial), mode="w", format=self._kind.muxer, options=self._muxer_options())
        self._stream = self._add_pictures(size)
        if self._like.format.planes is not None:
            self._others = OtherStreams(
                self._like, self._container, self._stream, self._kind, self._clock.start, audio=self._audio
            )
            self.notes += self._others.notes
        try:
            self._container.start_encoding()
        except _FAILURES as error:
            raise MediaError(
                f"expected to write {self.path} with {self._encoder.codec}; {self._reason(size) or error}. "
                "Choose another codec, quality or kind of file"
            ) from error

    def _reason(self, size: tuple[int, int]) -> str:
        """What FFmpeg says of an encoder that does not open, asked once more with its log on."""
        context: Any = av.CodecContext.create(self._encoder.codec, "w")
        context.width, context.height, context.pix_fmt = *size, self._encoder.layout.name
        context.time_base, context.options = self._clock.base, dict(self._encoder.options)
        before = av.logging.get_level()
        av.logging.set_level(av.logging.ERROR)
        try:
            with av.logging.Capture(local=False) as lines, suppress(*_FAILURES):
                context.open()
            return "; ".join(dict.fromkeys(message.strip() for _, _, message in lines if message.strip()))
        finally:
            av.logging.set_level(before)

    def _muxer_options(self) -> dict[str, str]:
        """A container clock that holds the clip's times exactly; every key of metadata, not the usual ones alone."""
        if not self._kind.exact_clock:
            return {}
        options = {"video_track_timescale": str(self._clock.base.denominator)}
        if any(key.lower() not in _USUAL_METADATA for key, _ in self._like.format.metadata):
            options["movflags"] = "use_metadata_tags"
        return options

    def _add_pictures(self, size: tuple[int, int]) -> Any:
        encoder, like = self._encoder, self._like
        stream: Any = self._container.add_stream(encoder.codec, rate=self._clock.rate, options=dict(encoder.options))
        context, tags = stream.codec_context, encoder.tags
        stream.width, stream.height = size
        stream.pix_fmt = encoder.layout.name
        context.time_base = self._clock.base
        if "b" in encoder.options:
            context.bit_rate = int(encoder.options["b"].replace("M", "000000"))
        if encoder.codec == "libx265" and self._kind.exact_clock:
            context.codec_tag = HEVC_TAG
        context.colorspace, context.color_primaries, context.color_trc = tags.matrix, tags.primaries, tags.transfer
        if tags.full_range is not None:
            context.color_range = 2 if tags.full_range else 1
        aspect = like.format.pixel_aspect
        if aspect != 1:
            context.sample_aspect_ratio = 1 / aspect if self._turned.transposed else aspect
        if self._turned != Orientation():
            stream.set_display_matrix(self._turned.matrix)
        timecode = self._clock.timecode(like)
        if timecode:
            place = stream if self._kind.exact_clock else self._container
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
        if tags.full_range is not None:
            frame.color_range = 2 if tags.full_range else 1
        if self._others:
            self._others.copy_until(self._clock.start + frame.pts * self._clock.base)
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
        if self._container is None or self._partial is None:
            raise MediaError(
                f"expected at least one frame for {self.path}; none was written, and a video file cannot be empty. "
                "Choose a range that holds a frame"
            )
        try:
            with self._explained():
                self._finish()
                self.notes += losses(self._like, self._partial, audio=self._audio, notes=self.notes)
                os.replace(self._partial, self._target)
        except BaseException:
            self._discard()
            raise

    def _finish(self) -> None:
        try:
            self._mux_last(self._stream.encode(None))
            if self._others:
                # Sound may go on behind the last picture: players show that one for as long.
                self._others.copy_until(None if self._last == self._like.last else self._clock.end(self._last))
                self._others.finish()
        finally:
            self._release()

    def _release(self) -> None:
        if self._others:
            self._others.close()
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def abandon(self) -> None:
        """See ``Writer``. Without a single frame nothing is left behind."""
        if self._container is None or self._partial is None:
            return
        with suppress(*_FAILURES):
            self._finish()
        if not self._written or not is_playable(self._partial):
            self._discard()
            return
        kept = partial_path(self._target)
        os.replace(self._partial, kept)
        self.notes += (f"what was written before the end came plays, and lies in {kept}",)

    def _discard(self) -> None:
        with suppress(*_FAILURES):
            self._release()
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)
            self._partial = None
