"""Everything of a clip besides its pictures: sound, subtitles, data, cover art, attachments, chapters, metadata.

Each is copied without decoding where the output can hold it; sound and text are converted where it cannot; what is
neither is left out, and named.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import av
from av.error import FFmpegError, InvalidDataError

from ..clip import MediaClip
from .container import describes_file, is_cover, open_file, picture_streams, title_of
from .containers import Container, holds, holds_encoded
from .subtitles import TEXT_CODECS, OneAtATime, plain_text, stored_text
from .timing import Joiner

__all__ = ["OtherStreams"]

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""By number of channels: files often do not say which is which."""
_ASSUMED = {**_LAYOUTS, 3: "3.0", 4: "quad", 5: "5.0", 7: "6.1"}
"""Likewise, where the file does not say."""
_OPUS_RATES = (48000, 24000, 16000, 12000, 8000)
_PCM = re.compile(r"pcm_(?:[fsu](\d+)(?:[lb]e)?|alaw|mulaw)")
"""Codecs whose samples lie one behind the other, each in the named number of bits (8 where none is named)."""
_INTERLEAVED = 10
"""Seconds within which containers keep their streams together; FFmpeg's writers wait for as long."""
_LEAD, _PRIMING = Fraction(45, 1000), Fraction(1, 10)
"""Seconds by which sound may lead before it is noticed (ITU-R BT.1359), and that encoders put in front of the sound."""
_NOT_HERE = "these frames have none"
_EVENTS = ("subtitle", "data")
"""Kinds of tracks whose packets each stand for a time of their own and may overlap."""
_QUICKTIME = {
    "deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi", "sqi": "alb", "mkd": "mac", "hye": "arm",
    "kat": "geo", "bod": "tib", "mya": "bur", "msa": "may", "swe": "sve", "fre": "fra", "rum": "ron", "cze": "ces",
    "slo": "slk",
}  # fmt: skip
"""ISO 639-2 has two codes for some languages; FFmpeg's QuickTime writer knows one of them."""
_EMPTY_ASS = b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, "
_EMPTY_ASS += b"SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, "
_EMPTY_ASS += b"Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\n"
_EMPTY_ASS += b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\n\n[Events]\n"
_EMPTY_ASS += b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"


class _DamagedError(Exception):
    """A packet that cannot be decoded."""


class OtherStreams:
    """Carries over the clip's other streams, interleaved with ``pictures``, a stream.

    start, end: the seconds of the clip that are written, to its end where that is None. notes: a sentence for each
    stream that is converted or left out, complete when all is finished.
    """

    def __init__(
        self,
        like: MediaClip,
        output: Any,
        pictures: Any,
        container: Container,
        start: Fraction,
        end: Fraction | None,
        *,
        audio: bool,
    ) -> None:
        self.notes: tuple[str, ...] = ()
        self._like, self._output, self._pictures, self._container = like, output, pictures, container
        self._start, self._end = start, end
        timing = like.format.timing
        self._whole = timing is None or start <= timing.stamps[0] * timing.base
        self._shifts = [shift * timing.base for shift in timing.shifts] if timing else []
        self._input = open_file(like.path)
        self._routes: dict[int, Callable[[Any], Iterator[Any]]] = {}
        self._rests: list[Callable[[], Iterable[Any]]] = []
        self._begun: set[int] = set()
        self._written: set[int] = set()
        self._damaged: dict[int, list[tuple[float, float | None]]] = defaultdict(list)
        for stream in self._input.streams:
            if stream in picture_streams(self._input)[:1]:
                _carry(stream, pictures)
            elif audio or stream.type != "audio":
                self._route(stream)
        self._carry_metadata()
        self._packets = self._chosen()
        self._next: Any = next(self._packets, None)

    def _route(self, stream: Any) -> None:
        """Decides how the stream comes into the output."""
        if stream.type == "attachment":
            name, kind = stream.name or "attachment", stream.mimetype or "application/octet-stream"
            self._attach(stream, name, kind, stream.data)
        elif is_cover(stream) and self._container.attachments:
            kind = {"mjpeg": "jpeg"}.get(_codec(stream), _codec(stream))
            self._attach(stream, f"cover.{kind}", f"image/{kind}", bytes(self._first_packet(stream) or b""))
        elif stream.type == "data" and self._is_made_anew(stream):
            if reel := stream.metadata.get("reel_name"):
                # FFmpeg makes the track of the timecode from what stands with the pictures.
                self._pictures.metadata["reel_name"] = reel
        elif self._can_copy(stream):
            self._copy(stream)
        elif (layout := _missing_layout(stream)) and self._can_copy(stream, layout):
            self._copy(stream, layout)
        elif stream.type == "audio" and stream.codec_context is not None:
            self._convert_sound(stream)
        elif stream.type == "subtitle" and _codec(stream) in TEXT_CODECS and self._container.subtitles:
            self._convert_text(stream)
        else:
            self._leave_out(stream)

    def _is_made_anew(self, stream: Any) -> bool:
        """Whether it is the track of the timecode or of the chapters, which the output's writer makes itself."""
        chapters = self._input.chapters()
        return "timecode" in stream.metadata or (bool(chapters) and stream.frames in (0, len(chapters)))

    def _can_copy(self, stream: Any, layout: str = "") -> bool:
        """layout: the name to give to channels of sound that have none."""
        if stream.codec_context is None and stream.type != "data":
            return False
        if stream.type == "video" and not (self._whole or is_cover(stream)):
            return False
        if is_cover(stream) and self._container.muxer not in ("mp4", "mov"):
            return False
        packet = self._first_packet(stream) if stream.type == "audio" else None
        return holds(self._container, stream, packet, layout=layout)

    def _first_packet(self, stream: Any) -> Any:
        with open_file(self._input.name) as other:
            try:
                return next((packet for packet in other.demux(other.streams[stream.index]) if packet.size), None)
            except FFmpegError:
                return None

    def _copy(self, stream: Any, layout: str = "") -> None:
        target = self._output.add_stream_from_template(stream)
        if layout:
            target.codec_context.layout = layout
            if layout not in ("mono", "stereo"):
                called = f"{stream.codec_context.layout.name} called {layout}"
                self.notes += (f"{_called(stream)}: {called}, {self._name} cannot hold them without a name",)
        _carry(stream, target)

        def copied(packet: Any) -> Iterator[Any]:
            packet.stream = target
            yield packet

        self._routes[stream.index] = copied

    def _convert_sound(self, stream: Any) -> None:
        source = stream.codec_context
        for name in self._container.sound:
            rate = source.sample_rate
            rate = min((known for known in _OPUS_RATES if known >= rate), default=48000) if name == "libopus" else rate
            layout = _missing_layout(stream) or _LAYOUTS.get(len(source.layout.channels), source.layout.name)
            if not holds_encoded(self._container, name, rate, layout):
                continue
            target = self._output.add_stream(name, rate=rate, layout=layout)
            _carry(stream, target)
            self._rests.append(partial(target.encode, None))
            self._routes[stream.index] = partial(self._encoded, target)
            made = target.codec_context.name
            self.notes += (f"sound ({_codec(stream)}): converted to {made}, {self._name} cannot hold it as it is",)
            return
        self._leave_out(stream)

    def _encoded(self, target: Any, packet: Any) -> Iterator[Any]:
        shift = packet.pts
        try:
            frames = packet.decode()
        except FFmpegError as error:
            raise _DamagedError from error
        for frame in frames:
            if frame.pts is None:
                frame.pts, frame.time_base = shift, packet.time_base
            yield from target.encode(frame)

    def _convert_text(self, stream: Any) -> None:
        wanted = self._container.subtitles
        assert wanted is not None
        target = self._output.add_stream(wanted)
        target.codec_context.subtitle_header = _EMPTY_ASS
        target.codec_context.time_base = Fraction(1, 1000)
        _carry(stream, target)
        codec, turns = _codec(stream), OneAtATime()

        def stored(start: int, end: int, text: str) -> Any:
            made = av.Packet(stored_text(text, wanted))
            made.stream, made.time_base = target, stream.time_base
            made.pts = made.dts = start
            made.duration = end - start
            return made

        def converted(packet: Any) -> Iterator[Any]:
            event = packet.pts, packet.pts + (packet.duration or 0), plain_text(bytes(packet), codec)
            for shown in turns.add(*event) if wanted == "mov_text" else (event,):
                yield stored(*shown)

        self._routes[stream.index] = converted

        def rest() -> Iterator[Any]:
            for start, end, text in turns.rest():
                if start < (end := self._not_after_end(end, stream.time_base)):
                    yield stored(start, end, text)

        self._rests.append(rest)
        self.notes += (f"subtitles ({codec}): converted to {wanted}, without their styles",)

    def _attach(self, stream: Any, name: str, kind: str, data: bytes) -> None:
        if self._container.attachments and data:
            self._output.add_attachment(name, kind, data)
        else:
            self._leave_out(stream)

    def _leave_out(self, stream: Any) -> None:
        self.notes += (f"{_called(stream)}: left out, {self._name} cannot hold it",)

    @property
    def _name(self) -> str:
        return f".{self._container.muxer}" if self._container.muxer != "matroska" else ".mkv"

    def _carry_metadata(self) -> None:
        self._output.metadata.update(self._like.format.metadata)
        here = self._chapters()
        if here and self._container.chapters:
            self._output.set_chapters(here)
        elif self._input.chapters():
            reason = f"{self._name} cannot hold them" if here else _NOT_HERE
            self.notes += (f"chapters: left out, {reason}",)

    def _chapters(self) -> list[Any]:
        return [moved for chapter in self._input.chapters() if (moved := self._moved(chapter))]

    def _moved(self, chapter: Any) -> Any:
        """The chapter on the output's clock, as far as it lies in that; None where none of it does."""
        base = chapter["time_base"]
        shift = 0 if self._whole else round(self._start / base)
        start, end = max(0, chapter["start"] - shift), chapter["end"] - shift
        last = end if self._end is None else round(self._end / base) - shift
        return {**chapter, "start": start, "end": min(end, last)} if end > 0 and start < last else None

    def _not_after_end(self, time: int, base: Fraction) -> int:
        """``time``, in ``base`` seconds of the output, or the output's end where that is earlier."""
        return time if self._end is None else min(time, round((self._end - self._start) / base))

    def _chosen(self) -> Iterator[Any]:
        tracks = [self._input.streams[index] for index in self._routes]
        bases = {track.index: Fraction(track.time_base) for track in tracks}
        earliest: dict[int, int] = {}
        joiners = {
            index: Joiner(base, [round(shift / base) for shift in self._shifts]) for index, base in bases.items()
        }
        for packet in self._input.demux(tracks) if tracks else ():
            index, base = packet.stream.index, Fraction(packet.time_base)
            if is_cover(packet.stream) and packet.size:
                packet.pts = packet.dts = round(self._start / base)
                yield packet
                continue
            if not packet.size or packet.pts is None or packet.dts is None:
                continue
            packet = joiners[index].pass_on(packet) if self._shifts else packet
            if packet.dts < earliest.get(index, packet.dts):
                # Joined files overlap by a little.
                continue
            # Subtitles may begin together.
            earliest[index] = packet.dts + (packet.stream.type not in _EVENTS)
            if self._whole or (packet.pts + (packet.duration or 0)) * base > self._start:
                yield packet

    def copy_until(self, seconds: Fraction) -> None:
        """Carries over what begins before ``seconds`` of the clip, up to what lies later in the file."""
        while self._next is not None and _begins(self._next) < seconds:
            self._carry_over(self._next)
            self._next = next(self._packets, None)

    def finish(self, seconds: Fraction | None) -> None:
        """Carries over everything else that begins before ``seconds`` of the clip; None stands for its end.

        Tracks lie in chunks: one may be past the end where others are not yet.
        """
        self._end = seconds
        waiting = set(self._routes)
        while self._next is not None and waiting:
            if seconds is None or _begins(self._next) < seconds:
                self._carry_over(self._next)
            elif _begins(self._next) < seconds + _INTERLEAVED:
                waiting.discard(self._next.stream.index)
            else:
                break
            self._next = next(self._packets, None)
        for rest in self._rests:
            self._output.mux([*rest()])
        if self._container.exact_clock:
            # QuickTime's stand behind the pictures, which may have ended early; Matroska's, before them, are written.
            self._output.set_chapters(self._chapters())
        self.notes += tuple(self._found())

    def _carry_over(self, packet: Any) -> None:
        stream, shift = packet.stream, round(self._start / Fraction(packet.time_base))
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        if stream.index not in self._begun:
            self._begun.add(stream.index)
            self._note_lead(stream, _begins(packet))
        fitted = self._fitted(packet)
        if fitted is None:
            return
        begins = _begins(fitted)
        try:
            self._output.mux([*self._routes[stream.index](fitted)])
        except (InvalidDataError, _DamagedError):
            self._lose_from(stream, begins)
        else:
            self._go_on_at(stream, begins)

    def _lose_from(self, stream: Any, begins: Fraction) -> None:
        losses = self._damaged[stream.index]
        if not losses or losses[-1][1] is not None:
            losses.append((float(begins), None))

    def _go_on_at(self, stream: Any, begins: Fraction) -> None:
        losses = self._damaged[stream.index]
        if losses and losses[-1][1] is None:
            losses[-1] = losses[-1][0], float(begins)
        elif stream.index not in self._written:
            self._note_lateness(stream, begins)
        self._written.add(stream.index)

    def _fitted(self, packet: Any) -> Any:
        """The packet, on the output's clock, without what lies before its begin and after its end; None where nothing
        is left.

        An edit list hides sound before the first picture.
        """
        stream, base = packet.stream, Fraction(packet.time_base)
        if stream.type not in ("audio", *_EVENTS):
            return packet
        begins, ends = packet.pts, packet.pts + (packet.duration or 0)
        hidden = stream.type == "audio" and self._container.exact_clock
        first = begins if hidden or self._moves_all else max(0, begins)
        last = self._not_after_end(ends, base)
        if (first, last) == (begins, ends):
            return packet
        if first >= last:
            return None
        if stream.type == "audio":
            return _cut(packet, first, last) if _sample_size(stream) else packet if first == begins else None
        packet.pts = packet.dts = first
        packet.duration = last - first
        return packet

    @property
    def _moves_all(self) -> bool:
        """Whether what begins before the first picture is kept, which Matroska does by putting all else later."""
        return self._whole and self._container.timed and not self._container.exact_clock

    def _note_lead(self, stream: Any, begins: Fraction) -> None:
        """Says what comes of sound whose first packet begins before the first picture."""
        if stream.type == "audio" and begins < -_PRIMING and self._whole and not self._moves_all:
            self.notes += (f"{_called(stream)}: the {float(-begins):.2f} s before the first picture are left out",)

    def _note_lateness(self, stream: Any, begins: Fraction) -> None:
        """Says what comes of sound whose first packet that is written begins after the first picture."""
        if stream.type == "audio" and begins > _LEAD and not self._container.timed:
            late, reason = f"{float(begins):.2f} s", f"{self._name} cannot hold that it begins after the picture"
            self.notes += (f"{_called(stream)}: {late} early, {reason}",)

    def _found(self) -> Iterator[str]:
        """What is known of the tracks when all are copied."""
        for index in self._routes:
            stream, losses = self._input.streams[index], self._damaged[index]
            if losses and index in self._written:
                goes_on = any(end is not None for _, end in losses)
                early = f"; early behind it, {self._name} cannot hold a gap"
                yield f"{_called(stream)}: damaged {_lost(losses)}{early * (goes_on and not self._container.timed)}"
            elif losses:
                yield f"{_called(stream)}: left out, all of it is damaged"
            elif stream.type == "audio" and index not in self._written:
                yield f"{_called(stream)}: left out, {_NOT_HERE}"

    def close(self) -> None:
        """Releases the clip."""
        self._packets, self._next = iter(()), None
        self._input.close()


def _begins(packet: Any) -> Fraction:
    """Seconds."""
    return Fraction(packet.pts * packet.time_base)


def _lost(losses: list[tuple[float, float | None]]) -> str:
    """Where packets are left out: (begin, end) in seconds, the last without an end where none follows it."""
    first, last = losses[0][0], losses[-1][0]
    ended = [end - begin for begin, end in losses if end is not None]
    words = []
    if len(ended) == 1:
        words.append(f"from {first:.2f} s to {first + ended[0]:.2f} s, left out there")
    elif ended:
        words.append(f"in {len(ended)} places from {first:.2f} s on, {sum(ended):.2f} s in all, left out there")
    if len(ended) < len(losses):
        words.append(f"from {last:.2f} s to its end, left out there")
    return " and ".join(words)


def _missing_layout(stream: Any) -> str:
    """The usual name of the channels of sound that has none; empty where it has one, or none is usual."""
    if stream.type != "audio" or stream.codec_context is None:
        return ""
    layout = stream.codec_context.layout
    count = len(layout.channels)
    return _ASSUMED.get(count, "") if layout.name == f"{count} channels" else ""


def _sample_size(stream: Any) -> int:
    """Bytes of one sample of all channels; 0 of sound that cannot be cut at a sample."""
    match = _PCM.fullmatch(_codec(stream))
    return int(match[1] or 8) // 8 * len(stream.codec_context.layout.channels) if match else 0


def _cut(packet: Any, first: int, last: int) -> Any:
    """The samples of a packet of PCM from ``first`` to ``last``, in its time base; None where there is none."""
    stream, per_tick = packet.stream, packet.time_base * packet.stream.codec_context.sample_rate
    start, end = (round((time - packet.pts) * per_tick) * _sample_size(stream) for time in (first, last))
    made = av.Packet(bytes(packet)[start:end])
    made.stream, made.time_base, made.is_keyframe = stream, packet.time_base, True
    made.pts = made.dts = first
    made.duration = last - first
    return made if made.size else None


def _carry(stream: Any, target: Any) -> None:
    """Copies a stream's metadata and disposition, language and titles among them."""
    words = {key: value for key, value in stream.metadata.items() if key.lower() not in ("name", "title")}
    target.metadata.update({key: value for key, value in words.items() if not describes_file(key)})
    if title := title_of(stream):
        target.metadata["title"] = title
    language = target.metadata.get("language")
    if language in _QUICKTIME and target.container.format.name == "mov":
        target.metadata["language"] = _QUICKTIME[language]
    target.disposition = int(stream.disposition)


def _called(stream: Any) -> str:
    """What a track is called in notes."""
    kind = {"audio": "sound", "subtitle": "subtitles", "data": "data track", "video": "second video stream"}
    name = "cover picture" if is_cover(stream) else kind.get(stream.type, str(stream.type))
    return f"{name} ({_codec(stream)})"


def _codec(stream: Any) -> str:
    return str(stream.codec_context.name) if stream.codec_context is not None else "unknown codec"
