"""Video files through PyAV, decoded to and encoded from planar float with matrix and range stated.

FFmpeg's defaults for RGB in 8 or 16 bits shift luma by more than a code; planar float does not.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import av.error
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from ..errors import MediaError
from ..frame import ColourSpace, Floats, Frame
from .records import MediaClip

__all__ = ["VideoClip", "VideoWriter"]

_HD_HEIGHT = 720
_UNSPECIFIED = 2
_SRGB_TRANSFER = 13
_PROGRESSIVE = (0, 1)
_KEPT_FRAMES = 24
_TIME_BASE_LIMIT = 1 << 16
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    9: Colorspace.BT2020,
}
_SCALING = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)


def _matrix(tag: int, height: int) -> Colorspace:
    """The tagged matrix; untagged, 709 for HD and 601 for SD."""
    if tag in _MATRICES:
        return _MATRICES[tag]
    return Colorspace.ITU709 if height >= _HD_HEIGHT else Colorspace.ITU601


def _range(tag: int, pixel_format: str) -> ColorRange:
    full = tag == ColorRange.JPEG or pixel_format.startswith(("yuvj", "rgb", "bgr", "gbr", "gray"))
    return ColorRange.JPEG if full else ColorRange.MPEG


class VideoClip:
    """A video file with exact access by frame number, in order of presentation from 0. Thread-safe.

    Frames are delivered as stored; a rotation stays metadata and is carried to the output.
    """

    def __init__(self, path: str, *, allow_interlaced: bool = False) -> None:
        """Raises MediaError where the file holds no video that can be decoded."""
        self.path = path
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, av.VideoFrame] = OrderedDict()
        self._container = self._opened()
        self.stream = self._stream()
        self.times, self._keys = self._index()
        self._decoder: Iterator[av.VideoFrame] = iter(())
        self._next = -1
        self.first, self.last = 0, len(self.times) - 1
        self.time_base: Fraction = self.stream.time_base or Fraction(1, 90000)
        sample = self._decoded(0)
        if sample.interlaced_frame and not allow_interlaced:
            raise MediaError(
                f"expected progressive video; {path} is interlaced, and swapping whole frames would ruin its fields. "
                "Deinterlace it first, or allow it with --allow-interlaced"
            )
        self.size = (sample.width, sample.height)
        self.pixel_format = sample.format.name
        self.bits = max(component.bits for component in sample.format.components)
        self.has_alpha = any(component.is_alpha for component in sample.format.components)
        self.matrix_tag, self.range_tag = int(sample.colorspace), int(sample.color_range)
        self.primaries_tag, self.transfer_tag = int(sample.color_primaries), int(sample.color_trc)
        self.rotation = int(sample.rotation)
        self.frame_rate = Fraction(self.stream.average_rate or self.stream.guessed_rate or 25)
        self.colour_space = ColourSpace.SRGB if self.transfer_tag == _SRGB_TRANSFER else ColourSpace.REC709
        self.timecode = self.stream.metadata.get("timecode") or self._container.metadata.get("timecode")
        aspect = self.stream.codec_context.sample_aspect_ratio
        self.pixel_aspect = float(aspect) if aspect else 1.0

    def frame(self, time: int) -> Frame:
        """See ``MediaClip``."""
        if not self.first <= time <= self.last:
            raise MediaError(f"expected a frame within {self.first}-{self.last} of {self.path}; found {time}")
        with self._lock:
            picture = self._decoded(time)
        wanted = "gbrapf32le" if self.has_alpha else "gbrpf32le"
        planar = picture.reformat(
            format=wanted,
            src_colorspace=_matrix(int(picture.colorspace), picture.height),
            src_color_range=_range(int(picture.color_range), picture.format.name),
            dst_color_range=ColorRange.JPEG,
            interpolation=_SCALING,
        )
        pixels = np.ascontiguousarray(planar.to_ndarray(), np.float32)
        return Frame(pixels, self.colour_space, pixel_aspect=self.pixel_aspect)

    def audio(self) -> Any:
        """A second container over the same file, for copying its audio packets, or None without audio."""
        return self._opened() if self._container.streams.audio else None

    def close(self) -> None:
        """See ``MediaClip``."""
        with self._lock:
            self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _opened(self) -> Any:
        try:
            return av.open(self.path)
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(
                f"expected {self.path} to be a video file; it cannot be opened ({_reason(error)}). "
                "Check that it was copied whole"
            ) from None

    def _stream(self) -> Any:
        if not self._container.streams.video:
            raise MediaError(f"expected a video stream in {self.path}; it has none")
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        return stream

    def _index(self) -> tuple[list[int], list[int]]:
        """Presentation times of all frames and of those where decoding can start, in stream time base."""
        try:
            packets = [
                (packet.pts if packet.pts is not None else packet.dts, packet.is_keyframe)
                for packet in self._container.demux(self.stream)
                if packet.size and (packet.pts is not None or packet.dts is not None) and not packet.is_discard
            ]
        except av.error.FFmpegError as error:
            raise MediaError(f"expected to read {self.path}; it is damaged ({_reason(error)})") from None
        if not packets:
            raise MediaError(f"expected frames in {self.path}; it has none. Check that it was copied whole")
        return sorted({int(time) for time, _ in packets}), sorted(int(time) for time, key in packets if key)

    def _decoded(self, time: int) -> av.VideoFrame:
        if time in self._kept:
            self._kept.move_to_end(time)
            return self._kept[time]
        if not 0 <= time - self._next <= 2 or self._next < 0:
            self._seek(time)
        try:
            while True:
                picture = next(self._decoder)
                if picture.pts is None or picture.pts < self.times[time]:
                    continue
                if picture.pts != self.times[time]:
                    break
                self._keep(time, picture)
                self._next = time + 1
                return picture
        except (StopIteration, av.error.FFmpegError):
            pass
        self._next = -1
        raise MediaError(
            f"expected frame {time} of {self.path} to decode; it is damaged or cut off. Render the ranges around it "
            "with --range, or mend the file"
        )

    def _seek(self, time: int) -> None:
        wanted = self.times[time]
        start = max((key for key in self._keys if key <= wanted), default=self.times[0])
        try:
            self._container.seek(start, stream=self.stream, backward=True)
        except av.error.FFmpegError:
            self._container.seek(0)
        self._decoder = self._container.decode(self.stream)

    def _keep(self, time: int, picture: av.VideoFrame) -> None:
        self._kept[time] = picture
        while len(self._kept) > _KEPT_FRAMES:
            self._kept.popitem(last=False)


class VideoWriter:
    """A video under ``NAME.partial.EXT`` until it is complete. Frames come in order of time."""

    def __init__(
        self,
        path: str,
        like: MediaClip | None,
        *,
        frame_rate: Fraction | None = None,
        codec: str | None = None,
        quality: int | None = None,
        audio: bool = True,
    ) -> None:
        self.path = path
        place = Path(path)
        self._partial = place.with_name(f"{place.stem}.partial{place.suffix}")
        self._like = like if isinstance(like, VideoClip) else None
        self._rate = frame_rate or (like.frame_rate if like is not None else Fraction(24))
        self._codec, self._quality = codec, quality
        self._bits = like.bits if like is not None else 8
        self._alpha = like.has_alpha if like is not None else False
        self._wants_audio = audio
        self._container: Any = None
        self._stream: Any = None
        self._start: int | None = None
        self._audio: Any = None

    def has(self, time: int) -> bool:
        """See ``Writer``: a video is rendered whole."""
        return False

    def write(self, time: int, pixels: Floats, layers: Mapping[str, Floats] | None = None) -> None:
        """See ``Writer``. A matte (H, W) is written as grey."""
        colour = np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels
        try:
            if self._container is None:
                self._open(time, colour)
            self._encode(time, colour)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise MediaError(
                f"expected to write frame {time} to {self._partial}; {_reason(error)}. Check the free space, the "
                "permissions and the codec"
            ) from None

    def close(self, *, complete: bool = True) -> None:
        """See ``Writer``."""
        if self._container is None:
            return
        try:
            for packet in self._stream.encode():
                self._container.mux(packet)
            if self._audio is not None:
                self._copy_audio(None)
            self._container.close()
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"expected to finish {self._partial}; {_reason(error)}. Check the free space") from None
        finally:
            self._container = None
            if self._audio is not None:
                self._audio.close()
        if complete:
            os.replace(self._partial, self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(complete=kind is None)

    def _open(self, time: int, pixels: Floats) -> None:
        height, width = pixels.shape[:2]
        encoder, pixel_format = self._chosen(width, height, pixels.shape[2] == 4)
        self._container = av.open(str(self._partial), "w")
        options = {"profile": "4444" if "444" in pixel_format else "hq"} if encoder == "prores_ks" else {}
        if encoder in ("libx264", "libx265"):
            options = {"crf": str(16 if self._quality is None else self._quality), "preset": "medium"}
        stream = self._container.add_stream(encoder, rate=self._rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        self._start = time
        self._stream = stream
        like = self._like
        if like is not None:
            self._tag(stream, like, time)
        stream.codec_context.time_base = self._time_base()
        if like is not None and self._wants_audio and (source := like.audio()) is not None:
            self._audio = source
            self._audio_in = source.streams.audio[0]
            self._audio_out = self._container.add_stream_from_template(self._audio_in)
            self._packets = source.demux(self._audio_in)
            self._waiting: Any = None

    def _tag(self, stream: Any, like: VideoClip, time: int) -> None:
        context = stream.codec_context
        context.colorspace, context.color_range = like.matrix_tag, like.range_tag
        context.color_primaries, context.color_trc = like.primaries_tag, like.transfer_tag
        if like.pixel_aspect != 1.0:
            context.sample_aspect_ratio = like.stream.codec_context.sample_aspect_ratio
        if like.rotation:
            stream.set_display_rotation(like.rotation)
        if like.timecode and time == like.first:
            stream.metadata["timecode"] = like.timecode

    def _time_base(self) -> Fraction:
        like = self._like
        if like is not None and like.time_base.denominator <= _TIME_BASE_LIMIT:
            return like.time_base
        return 1 / self._rate

    def _chosen(self, width: int, height: int, alpha: bool) -> tuple[str, str]:
        """Encoder and pixel format: H.264 keeps 8 and 10 bits, QuickTime with 10 bits or alpha is ProRes.

        Subsampled chroma needs even sides; odd ones are stored as 4:4:4.
        """
        deep, odd = self._bits > 8, bool(width % 2 or height % 2)
        suffix = Path(self.path).suffix.lower()
        encoder = self._codec or ("prores_ks" if suffix == ".mov" and (deep or alpha) else "libx264")
        if encoder == "prores_ks":
            return encoder, "yuva444p10le" if alpha else ("yuv444p10le" if odd else "yuv422p10le")
        if encoder == "dnxhd":
            return encoder, "yuv422p10le" if deep else "yuv422p"
        sampling = "444" if odd else self._sampling()
        return encoder, f"yuv{sampling}p10le" if deep else f"yuv{sampling}p"

    def _sampling(self) -> str:
        name = self._like.pixel_format if self._like is not None else ""
        return next((kind for kind in ("444", "422") if kind in name), "420")

    def _encode(self, time: int, pixels: Floats) -> None:
        assert self._start is not None
        wants_alpha = self._stream.pix_fmt.startswith("yuva")
        if pixels.shape[2] == 4 and not wants_alpha:
            pixels = pixels[..., :3]
        finite = np.clip(np.nan_to_num(pixels), 0.0, 1.0).astype(np.float32)
        planar = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(finite), format="gbrapf32le" if finite.shape[2] == 4 else "gbrpf32le"
        )
        tag, height = (self._like.matrix_tag if self._like else _UNSPECIFIED), pixels.shape[0]
        picture = planar.reformat(
            format=self._stream.pix_fmt,
            src_color_range=ColorRange.JPEG,
            dst_colorspace=_matrix(tag, height),
            dst_color_range=_range(self._like.range_tag if self._like else 0, self._stream.pix_fmt),
            interpolation=_SCALING,
        )
        picture.colorspace = tag
        picture.color_range = self._like.range_tag if self._like else 0
        picture.pts, picture.time_base = self._pts(time)
        for packet in self._stream.encode(picture):
            self._container.mux(packet)
        if self._audio is not None:
            self._copy_audio(picture.pts * picture.time_base)

    def _pts(self, time: int) -> tuple[int, Fraction]:
        assert self._start is not None
        base = self._time_base()
        like = self._like
        if like is not None and base == like.time_base:
            return like.times[time] - like.times[self._start], base
        return time - self._start, 1 / self._rate

    def _copy_audio(self, until: Fraction | None) -> None:
        """Packets up to ``until`` seconds of the output, all the rest for None; before the first frame's are left out."""
        like = self._like
        assert like is not None
        assert self._start is not None
        offset = like.times[self._start] * like.time_base
        end = until if until is not None else (like.times[self._end()] * like.time_base - offset + 1 / self._rate)
        while True:
            packet = self._waiting if self._waiting is not None else next(self._packets, None)
            self._waiting = None
            if packet is None or packet.dts is None:
                return
            seconds = packet.pts * packet.time_base - offset
            if seconds > end:
                self._waiting = packet
                return
            if seconds < 0 and offset > 0 and self._start > 0:
                continue
            shift = round(offset / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = self._audio_out
            self._container.mux(packet)

    def _end(self) -> int:
        return self._last_time

    @property
    def _last_time(self) -> int:
        assert self._like is not None
        return self._like.last


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
