"""Video files in: exact random access by presentation time.

Timestamps are collected once by demuxing; a frame is found by decoding from the key frame before it. Reading on in
order does not seek. The last decoded pictures are kept, so that workers that run slightly out of order and smoothing
windows do not seek either.
"""

from __future__ import annotations

import bisect
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from ..errors import MediaError
from ..frame import ColourSpace, Frame
from .clip import ClipFormat, ColourTags, MediaClip
from .planes import LUMA_WEIGHTS, layout_of, pixels_from_frame

__all__ = ["Timing", "VideoClip"]

_UNTAGGED = 2
_HD_LINES = 720
_TRANSFERS = {13: ColourSpace.SRGB, 8: ColourSpace.LINEAR}
_HDR = {16: "PQ (SMPTE ST 2084)", 18: "HLG (ARIB STD-B67)"}
_WIDE = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
_FIELD_ORDERS = {2: "top field first", 3: "bottom field first", 4: "top field first", 5: "bottom field first"}
_KEPT_BYTES = 96_000_000
_OPTIONS = {"fflags": "+genpts"}
_FARTHEST = 1 << 62


@dataclass(frozen=True)
class Timing:
    """When frames show. stamps: presentation times, ascending, in ``base`` seconds. durations: likewise.

    keys: (presentation time, time to seek to) of the key frames, ascending.
    """

    base: Fraction
    stamps: tuple[int, ...]
    durations: tuple[int, ...]
    keys: tuple[tuple[int, int], ...]

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame to the end of the last."""
        return (self.stamps[-1] + self.durations[-1] - self.stamps[0]) * self.base

    def constant(self, rate: Fraction) -> bool:
        """Whether every frame stands where ``rate`` puts it, to the rounding of the file's clock."""
        origin, tick = self.stamps[0], self.base * rate
        return all(abs((stamp - origin) * tick - number) <= tick for number, stamp in enumerate(self.stamps))


class VideoClip(MediaClip):
    """A video file. Frames count from 0 in order of presentation and are delivered upright, so that faces are found."""

    def __init__(self, path: str, *, allow_interlaced: bool = False) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._pictures: OrderedDict[int, Any] = OrderedDict()
        self._most_kept = 2
        self._position = -1
        self._decoding: Iterator[Any] = iter(())
        self._container, self._stream = _opened(path)
        try:
            self.timing = _timing(self._container, self._stream, path)
            self._numbers = {stamp: number for number, stamp in enumerate(self.timing.stamps)}
            self._restart(0)
            first = self._first_picture()
            self._matrix, self._full_range, tags = _colour(first, self._stream)
            self.format = self._declared(first, tags)
            if self.format.field_order != "progressive" and not allow_interlaced:
                raise MediaError(
                    f"expected progressive frames in {path}; found interlaced ones ({self.format.field_order}), which "
                    "a swap would ruin. Deinterlace first (ffmpeg -i IN -vf bwdif OUT), or allow interlaced frames"
                )
            self.notes = _not_honoured(self.format)
        except BaseException:
            self.close()
            raise

    def _declared(self, first: Any, tags: ColourTags) -> ClipFormat:
        stream, timing = self._stream, self.timing
        layout = layout_of(first.format.name)
        rotation = 180 if abs(first.rotation) == 180 else int(first.rotation)
        stored, turned = (first.width, first.height), rotation % 180 != 0
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        picture_bytes = sum(int(plane.buffer_size) for plane in first.planes)
        self._most_kept = max(2, min(48, _KEPT_BYTES // max(1, picture_bytes)))
        self.pixel_format = layout.name
        return ClipFormat(
            size=stored[::-1] if turned else stored,
            first=0,
            last=len(timing.stamps) - 1,
            colour_space=_TRANSFERS.get(tags.transfer, ColourSpace.REC709),
            frame_rate=_rate(stream, timing),
            has_alpha=layout.alpha,
            bit_depth=layout.bits,
            tags=tags,
            field_order=_field_order(first, stream),
            timecode=_timecode(self._container),
            rotation=rotation,
            duration=timing.duration,
            pixel_aspect=1 / aspect if turned else aspect,
        )

    @property
    def coding(self) -> tuple[int, bool]:
        """(matrix, whether full range) that the planes are read with: the tags, or what stands in for them."""
        return self._matrix, self._full_range

    def frame(self, time: int) -> Frame:
        """See ``MediaClip``."""
        self.check_time(time)
        with self._lock:
            picture = self._picture(time)
        if picture.is_corrupt:
            raise self._damaged(time)
        pixels = pixels_from_frame(picture, self._matrix, self._full_range)
        turns = round(self.rotation / 90) % 4
        if turns:
            pixels = np.ascontiguousarray(np.rot90(pixels, turns))
        return Frame(pixels, self.colour_space, pixel_aspect=float(self.format.pixel_aspect))

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
                self._keep(picture)
                return picture
        raise MediaError(
            f"expected a frame in {self.path}; none can be decoded. The file is damaged or cut short: copy it again"
        )

    def _picture(self, time: int) -> Any:
        if time in self._pictures:
            self._pictures.move_to_end(time)
            return self._pictures[time]
        key = self._key_before(time)
        if time <= self._position or key > self._position + 1:
            self._restart(key)
        if not self._advance_to(time):
            # A container may seek past the key frame, and pictures before an open group need the one before it.
            self._restart(self._key_before(key - 1))
            if not self._advance_to(time):
                raise self._damaged(time)
        return self._pictures[time]

    def _key_before(self, time: int) -> int:
        """Number of the last key frame at or before ``time``; 0 where there is none."""
        if time <= 0:
            return 0
        place = bisect.bisect_right(self.timing.keys, (self.timing.stamps[time], _FARTHEST)) - 1
        return self._numbers.get(self.timing.keys[place][0], 0) if place >= 0 else 0

    def _restart(self, number: int) -> None:
        """Begins to decode at the key frame ``number``."""
        stamp = self.timing.stamps[number]
        start = dict(self.timing.keys).get(stamp, stamp)
        try:
            self._container.seek(start, stream=self._stream, backward=True)
        except FFmpegError:
            self._container.seek(0)
        self._stream.codec_context.flush_buffers()
        self._position = number - 1
        self._decoding = self._decoded()

    def _decoded(self) -> Iterator[Any]:
        """Pictures in order of presentation; packets that do not decode are passed over."""
        for packet in self._packets():
            try:
                pictures = packet.decode()
            except FFmpegError:
                continue
            yield from pictures

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
        self._pictures.move_to_end(number)
        while len(self._pictures) > self._most_kept:
            self._pictures.popitem(last=False)


def _opened(path: str) -> tuple[Any, Any]:
    """(container, video stream) of the file. Raises MediaError."""
    try:
        container = av.open(path, options=_OPTIONS, metadata_errors="replace")
    except (FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"expected a video file; {path} cannot be read as one ({getattr(error, 'strerror', None) or error}). "
            "It is damaged, cut short or no video: copy or export it again"
        ) from None
    pictures = [stream for stream in container.streams.video if not _is_cover(stream)]
    problem = None
    if not pictures:
        problem = f"expected a video stream in {path}; found none (only sound or data). Choose a file with pictures"
    elif pictures[0].codec_context is None:
        problem = f"expected a video codec that FFmpeg can decode in {path}; found another. Transcode it, say to ProRes"
    if problem:
        container.close()
        raise MediaError(problem)
    pictures[0].thread_type = "AUTO"
    return container, pictures[0]


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _timing(container: Any, stream: Any, path: str) -> Timing:
    """Timestamps of every frame. Raises MediaError where there are none, or fewer than the file declares."""
    shown: dict[int, int] = {}
    keys: list[tuple[int, int]] = []
    packets = 0
    try:
        for packet in container.demux(stream):
            if not packet.size or packet.is_corrupt:
                continue
            packets += 1
            if packet.is_discard or packet.pts is None:
                continue
            shown[packet.pts] = packet.duration or 0
            if packet.is_keyframe:
                keys.append((packet.pts, packet.pts if packet.dts is None else min(packet.pts, packet.dts)))
    except FFmpegError:
        packets = min(packets, len(shown))
    if not shown:
        raise MediaError(
            f"expected frames with timestamps in {path}; found none. "
            "The file is damaged, or raw: put it into a container (ffmpeg -i IN -c copy OUT.mp4)"
        )
    if packets < stream.frames:
        raise MediaError(
            f"expected {stream.frames} frames in {path}, as it declares; found {packets}. "
            "The file is cut short: copy it again, or keep what is there (ffmpeg -i IN -c copy OUT.mp4)"
        )
    stamps = tuple(sorted(shown))
    gaps = [after - before for before, after in pairwise(stamps)]
    usual = sorted(gaps)[len(gaps) // 2] if gaps else 1
    # Containers keep the end of the last frame as the track's length, since its packet may not be the last one.
    held = (stream.duration or 0) - (stamps[-1] - stamps[0]) if packets == len(shown) else 0
    durations = (*gaps, held if held > 0 else shown[stamps[-1]] or usual)
    return Timing(Fraction(stream.time_base), stamps, durations, tuple(sorted(keys)))


def _rate(stream: Any, timing: Timing) -> Fraction:
    """The declared rate that the timestamps bear out; of variable timing the average."""
    declared = [Fraction(rate) for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    for rate in [*map(_nominal, declared), *declared]:
        if timing.constant(rate):
            return rate
    return Fraction(len(timing.stamps)) / timing.duration if timing.duration else Fraction(25)


def _nominal(rate: Fraction) -> Fraction:
    """The whole or 1000/1001 rate next to ``rate``, which a clock of milliseconds or nanoseconds has rounded."""
    return min(
        Fraction(round(rate)), Fraction(1000 * round(rate * 1001 / 1000), 1001), key=lambda near: abs(near - rate)
    )


def _colour(first: Any, stream: Any) -> tuple[int, bool, ColourTags]:
    """(matrix to decode with, whether full range, tags as found). Untagged: 709 for HD, else 601."""
    context = stream.codec_context
    matrix = int(first.colorspace) if int(first.colorspace) != _UNTAGGED else int(context.colorspace)
    span = int(first.color_range) or int(context.color_range)
    full = span == 2 or (not span and first.format.name.startswith("yuvj"))
    tags = ColourTags(matrix, int(context.color_primaries), int(context.color_trc), full if span or full else None)
    is_hd = first.height >= _HD_LINES or first.width >= 1280
    return matrix if matrix in LUMA_WEIGHTS else (1 if is_hd else 6), full, tags


def _not_honoured(found: ClipFormat) -> tuple[str, ...]:
    """What a user should know before the render rather than see afterwards."""
    notes = []
    name = _HDR.get(found.tags.transfer) or _WIDE.get(found.tags.primaries)
    if name:
        notes.append(
            f"tagged {name}, which is taken as Rec.709: the plate and the tags are kept, but the swapped face's colour "
            "and contrast will be off. Convert the clip to Rec.709 first for a face that matches"
        )
    if found.field_order != "progressive":
        notes.append(f"interlaced ({found.field_order}) and taken as if progressive: moving faces will show combing")
    return tuple(notes)


def _field_order(first: Any, stream: Any) -> str:
    declared = _FIELD_ORDERS.get(int(stream.codec_context.field_order))
    return declared or ("interlaced" if first.interlaced_frame else "progressive")


def _timecode(container: Any) -> str | None:
    places = [container.metadata, *(stream.metadata for stream in container.streams)]
    return next((place["timecode"] for place in places if place.get("timecode")), None)
