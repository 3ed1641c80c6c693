"""Video files in: exact random access by presentation time.

Timestamps are collected once by demuxing; a frame is found by decoding from the key frame before it. Reading on in
order does not seek. The last decoded pictures are kept, as many as are asked for behind the last one and a few, so that
faces that are followed and smoothed over frames to come, workers that run slightly out of order, and scrubbing decode
no picture twice.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from ...errors import MediaError
from ...frame import Frame
from ..clip import MediaClip
from ..declared import ClipFormat, Orientation
from ..places import file_key
from . import coding
from .clock import shifted_timecode
from .container import FAILURES, decoder_name, open_video, unreadable
from .planes import layout_in, pixels_from_frame
from .stored import StoredFrame
from .timing import Joiner, frame_rate, read_timing

__all__ = ["VideoClip"]

_KEPT_BYTES = 96_000_000
_FEW, _MANY, _MOST = 6, 26, 48
"""Decoded pictures that are kept: a few while the clip is read in order; otherwise up to what the bytes above hold, or
as many as a frame with default settings may look ahead, if that is more: 14 for smoothing, gaps, fades and Deflicker, 8
to the next frame that is searched, and a few that other workers are at.
"""
_FARTHEST = 1 << 62
_WITH_TIMES = ("mov", "matroska", "mpegts", "mpeg", "flv")
"""Containers that keep the time of presentation of every frame."""
_UNREFERRED = ("mpeg1video", "mpeg2video", "mpeg4", "msmpeg4", "h263", "wmv")
"""Codecs whose decoders deliver a picture without what it refers to, as garbage; others wait for a key frame, or for
another that can be begun with.
"""
_LOOKED_AT = 32


class VideoClip(MediaClip):
    """A video file. Frames count from 0 in order of presentation and are delivered upright, so that faces are found."""

    def __init__(self, path: str, *, allow_interlaced: bool = False) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._key = file_key(Path(path))
        self._pictures: dict[int, Any] = {}
        self._most_kept = self._limit = _FEW
        self._position = -1
        self._decoding: Iterator[Any] = iter(())
        self._container, self._stream = open_video(path)
        try:
            own = decoder_name(self._stream)
            self._decoder = self._other_decoder(own) if own else self._stream.codec_context
            if self._stream.codec_context.pix_fmt == "pal8":
                self._learn_palette()
            self._ordered = self._is_out_of_order()
            self._timing = read_timing(self._container, self._stream, path, stored=self._ordered)
            self._number_frames()
            self._restart(0)
            first = self._first_picture()
            begins = self._leave_out_before(first)
            first = first if first.pts in self._numbers else self._first_picture()
            self._keep(first)
            self.format = self._declared(first, begins)
            if self.format.field_order != "progressive" and not allow_interlaced:
                raise MediaError(
                    f"expected progressive frames in {path}; found interlaced ones ({self.format.field_order}), which "
                    "a swap would ruin. Deinterlace first (ffmpeg -i IN -vf bwdif OUT), or allow interlaced frames"
                )
            self.notes += tuple(coding.not_honoured(self.format))
        except MediaError:
            self.close()
            raise
        except FAILURES as error:
            self.close()
            raise unreadable(path, error) from error
        except BaseException:
            self.close()
            raise

    def _is_out_of_order(self) -> bool:
        """Whether times of presentation contradict the decoder, which knows the order: AVI keeps none for B-frames."""
        if self._container.format.name.startswith(_WITH_TIMES):
            return False
        stamps: list[int] = []
        for packet in self._packets():
            with suppress(FFmpegError):
                stamps += [picture.pts for picture in self._decoder.decode(packet) if picture.pts is not None]
            if len(stamps) >= _LOOKED_AT:
                break
        self._rewind()
        return any(after < before for before, after in pairwise(stamps))

    def _learn_palette(self) -> None:
        """Decodes a picture: FFmpeg gives a palette to the first packet alone that is read, and decoders keep it."""
        next(self._container.decode(self._stream), None)
        self._rewind()

    def _rewind(self) -> None:
        """Back to the beginning; elementary streams, which cannot seek, are opened anew."""
        try:
            self._container.seek(0)
            self._decoder.flush_buffers()
        except FFmpegError:
            self._container.close()
            self._container, self._stream = open_video(self.path)
            self._decoder = self._stream.codec_context

    def _other_decoder(self, name: str) -> Any:
        context: Any = av.CodecContext.create(name, "r")
        context.extradata = self._stream.codec_context.extradata
        return context

    def _number_frames(self) -> None:
        self._numbers = {stamp: number for number, stamp in enumerate(self._timing.stamps)}

    def _leave_out_before(self, first: Any) -> Fraction:
        """Leaves out what is cut out of a stream begins with: frames whose key frame the file lacks. ``first`` is the
        first that decodes. Returns the seconds that they show.
        """
        timing = self._timing
        if not timing.keys or self._ordered:
            return Fraction(0)
        decoded, key = self._numbers[first.pts], self._numbers[timing.keys[0][0]]
        is_ruined = not first.key_frame and self._stream.codec_context.name.startswith(_UNREFERRED)
        count = key if is_ruined else min(decoded, key)
        if count:
            stamps, durations = timing.stamps[count:], timing.durations[count:]
            # From the beginning of the file: QuickTime does not seek to a key frame that others lie before.
            begin = (stamps[0], timing.stamps[0])
            keys = (begin, *(key for key in timing.keys if key[0] > stamps[0]))
            self._timing = replace(timing, stamps=stamps, durations=durations, keys=keys)
            self._number_frames()
            frames = f"{count} frame{'s' * (count > 1)}"
            self.notes += (f"begins in the middle of a GOP: {frames} without their key frame left out",)
        return (self._timing.stamps[0] - timing.stamps[0]) * timing.base

    def _declared(self, first: Any, begins: Fraction) -> ClipFormat:
        """begins: seconds of what the file holds that are left out before the first frame."""
        stream, timing = self._stream, self._timing
        rate, timecode = frame_rate(stream, timing), coding.timecode(self._container)
        layout = layout_in(first)
        turned = coding.orientation(first)
        if turned is None:
            self.notes += ("declares a rotation by other than 90 degrees, which is not applied",)
        shown = turned or Orientation()
        stored = (first.width, first.height)
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        picture_bytes = sum(int(plane.buffer_size) for plane in first.planes)
        self._limit = max(_MANY, min(_MOST, _KEPT_BYTES // max(1, picture_bytes)))
        tags, coded = coding.colour_coding(first, stream)
        return ClipFormat(
            size=stored[::-1] if shown.transposed else stored,
            first=0,
            last=len(timing.stamps) - 1,
            colour_space=coded.colour_space,
            frame_rate=rate,
            has_alpha=layout.alpha,
            bit_depth=layout.bits,
            tags=tags,
            coding=coded,
            planes=layout,
            timing=timing,
            field_order=coding.field_order(first, stream),
            timecode=shifted_timecode(timecode, round(begins * rate), rate) if timecode and begins else timecode,
            orientation=shown,
            duration=timing.duration,
            pixel_aspect=1 / aspect if shown.transposed else aspect,
            hdr=coding.hdr_metadata(first),
            contents=tuple(coding.contents_of(self._container, stream, first)),
            metadata=tuple(coding.metadata(self._container).items()),
        )

    def frame(self, time: int) -> Frame:
        """See ``MediaClip``."""
        self.check_time(time)
        try:
            with self._lock:
                picture = self._picture(time)
        except FAILURES as error:
            if isinstance(error, MediaError):
                raise
            raise self._damaged(time) from error
        if picture.is_corrupt:
            raise self._damaged(time)
        coded, aspect = self.format.coding, float(self.format.pixel_aspect)
        if self.orientation == Orientation():
            return StoredFrame(picture, coded.matrix, coded.full_range, self.colour_space, aspect)
        pixels = self.orientation.upright(pixels_from_frame(picture, coded.matrix, coded.full_range))
        return Frame(pixels, self.colour_space, pixel_aspect=aspect)

    def key(self, time: int) -> str | None:
        """See ``MediaClip``."""
        self.check_time(time)
        if self._key is None:
            return None
        return f"video {self._key} stream {self._stream.index} frame {time} {av.library_versions['libavcodec']}"

    def decoded_from(self, time: int) -> int:
        """See ``MediaClip``."""
        return self._key_before(time)

    def close(self) -> None:
        """See ``MediaClip``."""
        with self._lock:
            self._decoding = iter(())
            self._pictures.clear()
            self._container.close()

    def _damaged(self, time: int) -> MediaError:
        return MediaError(
            f"expected to decode frame {time} of {self.path}; its data are damaged or missing. Copy or export the clip "
            "again, or leave the frame out: render the ranges before and after it"
        )

    def _first_picture(self) -> Any:
        """The first picture that decodes, for what only a decoded picture tells."""
        for picture in self._decoding:
            if picture.pts in self._numbers:
                return picture
        raise MediaError(
            f"expected a frame in {self.path}; none can be decoded. The file is damaged or cut short: copy it again"
        )

    def _picture(self, time: int) -> Any:
        if time in self._pictures:
            self._keep_back_to(self._position - time)
            return self._pictures[time]
        key = self._key_before(time)
        if time <= self._position:
            self._keep_back_to(self._limit)
        elif key - 1 <= self._position < time - _FEW:
            self._keep_back_to(time - self._position + _FEW)
        if time <= self._position or key > self._position + 1:
            self._restart(key)
        if not self._advance_to(time):
            # A container may seek past the key frame, and pictures before an open group need the one before it.
            self._restart(self._key_before(key - 1))
            if not self._advance_to(time):
                raise self._damaged(time)
        return self._pictures[time]

    def _keep_back_to(self, distance: int) -> None:
        """From now on pictures that lie ``distance`` behind the last one decoded are kept, and a few before them."""
        if distance > _FEW:
            self._most_kept = max(self._most_kept, min(self._limit, distance + 1 + _FEW))

    def _key_before(self, time: int) -> int:
        """Number of the last key frame at or before ``time``; 0 where there is none."""
        # Joined recordings hold the same timestamps more than once: they are read from the beginning.
        if time <= 0 or self._timing.shifts or self._ordered:
            return 0
        place = bisect.bisect_right(self._timing.keys, (self._timing.stamps[time], _FARTHEST)) - 1
        return self._numbers.get(self._timing.keys[place][0], 0) if place >= 0 else 0

    def _restart(self, number: int) -> None:
        """Begins to decode at the key frame ``number``."""
        stamp = self._timing.stamps[number]
        start = dict(self._timing.keys).get(stamp, stamp)
        try:
            if self._timing.shifts:
                self._container.seek(0, stream=self._stream, unsupported_byte_offset=True)
            else:
                self._container.seek(start, stream=self._stream, backward=True)
        except FFmpegError:
            self._container.seek(0)
        self._decoder.flush_buffers()
        self._position = number - 1
        self._decoding = self._decoded()

    def _decoded(self) -> Iterator[Any]:
        """Pictures in order of presentation; packets that do not decode are passed over."""
        joiner, count = Joiner(self._timing.base, self._timing.shifts), 0
        for packet in self._packets():
            try:
                packet = joiner.pass_on(packet) if self._timing.shifts else packet
                pictures = self._decoder.decode(packet if packet.size else None)
            except FFmpegError:
                continue
            for picture in pictures:
                if self._ordered and count < len(self._timing.stamps):
                    picture.pts = self._timing.stamps[count]
                count += 1
                yield picture

    def _packets(self) -> Iterator[Any]:
        try:
            yield from self._container.demux(self._stream)
        except FFmpegError:
            return

    def _advance_to(self, time: int) -> bool:
        """Decodes up to frame ``time``; False where it does not come."""
        for picture in self._decoding:
            number = self._numbers.get(picture.pts)
            if number is None:
                continue
            self._keep(picture)
            if number >= time:
                return number == time
        return False

    def _keep(self, picture: Any) -> None:
        number = self._numbers[picture.pts]
        self._position = max(self._position, number)
        self._pictures[number] = picture
        while len(self._pictures) > self._most_kept:
            # The farthest away: what was asked for last may be done with, while what lies ahead was not asked for yet.
            del self._pictures[max(self._pictures, key=lambda other: abs(other - number))]
