"""Everything of a clip besides its pictures: sound, subtitles, data, cover art, attachments, chapters, metadata.

Each is copied without decoding where the output can hold it; sound and text are converted where it cannot; what is
neither is left out, and named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import av
from av.error import FFmpegError

from ..clip import MediaClip
from .container import FAILURES, OWN_METADATA, is_cover, open_file, picture_streams, title_of
from .containers import Container, holds
from .subtitles import TEXT_CODECS, converted_text
from .timing import Joiner

__all__ = ["OtherStreams"]

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""By number of channels: files often do not say which is which."""
_OPUS_RATES = (48000, 24000, 16000, 12000, 8000)
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


class OtherStreams:
    """Carries over the clip's other streams from ``start`` seconds on, interleaved with ``pictures``, a stream.

    notes: a sentence for each that is converted or left out.
    """

    def __init__(
        self, like: MediaClip, output: Any, pictures: Any, container: Container, start: Fraction, *, audio: bool
    ) -> None:
        self.notes: tuple[str, ...] = ()
        self._like, self._output, self._container, self._start = like, output, container, start
        timing = like.format.timing
        self._whole = timing is None or start <= timing.stamps[0] * timing.base
        self._shifts = [shift * timing.base for shift in timing.shifts] if timing else []
        self._input = open_file(like.path)
        self._routes: dict[int, Callable[[Any], Iterator[Any]]] = {}
        self._encoders: list[Any] = []
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
            return
        elif self._can_copy(stream):
            self._copy(stream)
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

    def _can_copy(self, stream: Any) -> bool:
        if stream.codec_context is None and stream.type != "data":
            return False
        if stream.type == "video" and not (self._whole or is_cover(stream)):
            return False
        if is_cover(stream) and self._container.muxer not in ("mp4", "mov"):
            return False
        return holds(self._container, stream, self._first_packet(stream) if stream.type == "audio" else None)

    def _first_packet(self, stream: Any) -> Any:
        with open_file(self._input.name) as other:
            try:
                return next((packet for packet in other.demux(other.streams[stream.index]) if packet.size), None)
            except FFmpegError:
                return None

    def _copy(self, stream: Any) -> None:
        target = self._output.add_stream_from_template(stream)
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
            try:
                target = self._output.add_stream(name, rate=rate)
                target.codec_context.layout = _LAYOUTS.get(len(source.layout.channels), source.layout.name)
                target.codec_context.open()
            except FAILURES:
                continue
            _carry(stream, target)
            self._encoders.append(target)
            self._routes[stream.index] = partial(self._encoded, target)
            made = target.codec_context.name
            self.notes += (f"sound ({_codec(stream)}): converted to {made}, {self._name} cannot hold it as it is",)
            return
        self._leave_out(stream)

    def _encoded(self, target: Any, packet: Any) -> Iterator[Any]:
        shift = packet.pts
        try:
            frames = packet.decode()
        except FFmpegError:
            return
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
        codec = _codec(stream)

        def converted(packet: Any) -> Iterator[Any]:
            made = av.Packet(converted_text(packet, codec, wanted))
            made.stream, made.time_base = target, packet.time_base
            made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
            yield made

        self._routes[stream.index] = converted
        self.notes += (f"subtitles ({codec}): converted to {wanted}, without their styles",)

    def _attach(self, stream: Any, name: str, kind: str, data: bytes) -> None:
        if self._container.attachments and data:
            self._output.add_attachment(name, kind, data)
        else:
            self._leave_out(stream)

    def _leave_out(self, stream: Any) -> None:
        kind = {"audio": "sound", "subtitle": "subtitles", "data": "data track", "video": "second video stream"}
        name = "cover picture" if is_cover(stream) else kind.get(stream.type, str(stream.type))
        self.notes += (f"{name} ({_codec(stream)}): left out, {self._name} cannot hold it",)

    @property
    def _name(self) -> str:
        return f".{self._container.muxer}" if self._container.muxer != "matroska" else ".mkv"

    def _carry_metadata(self) -> None:
        self._output.metadata.update(self._like.format.metadata)
        chapters = [moved for chapter in self._input.chapters() if (moved := self._moved(chapter))]
        if chapters and self._container.chapters:
            self._output.set_chapters(chapters)
        elif chapters:
            self.notes += (f"chapters: left out, {self._name} cannot hold them",)

    def _moved(self, chapter: Any) -> Any:
        """The chapter on the output's clock; None where it ends before that begins."""
        shift = 0 if self._whole else round(self._start / chapter["time_base"])
        start, end = max(0, chapter["start"] - shift), chapter["end"] - shift
        return {**chapter, "start": start, "end": end} if end > 0 else None

    def _chosen(self) -> Iterator[Any]:
        tracks = [self._input.streams[index] for index in self._routes]
        bases = {track.index: Fraction(track.time_base) for track in tracks}
        latest: dict[int, int] = {}
        joiners = {
            index: Joiner(base, [round(shift / base) for shift in self._shifts]) for index, base in bases.items()
        }
        for packet in self._input.demux(tracks) if tracks else ():
            if is_cover(packet.stream) and packet.size:
                packet.pts = packet.dts = 0
            if not packet.size or packet.pts is None or packet.dts is None:
                continue
            packet = joiners[packet.stream.index].pass_on(packet) if self._shifts else packet
            if packet.dts <= latest.get(packet.stream.index, packet.dts - 1):
                # Joined files overlap by a little.
                continue
            latest[packet.stream.index] = packet.dts
            ends = (packet.pts + (packet.duration or 0)) * Fraction(packet.time_base)
            if self._whole or ends > self._start or is_cover(packet.stream):
                yield packet

    def copy_until(self, seconds: Fraction | None) -> None:
        """Carries over what begins before ``seconds`` of the clip; None stands for its end."""
        while self._next is not None:
            packet, base = self._next, Fraction(self._next.time_base)
            if seconds is not None and packet.pts * base >= seconds and not is_cover(packet.stream):
                return
            shift = 0 if is_cover(packet.stream) else round(self._start / base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            self._output.mux([*self._routes[packet.stream.index](packet)])
            self._next = next(self._packets, None)

    def finish(self) -> None:
        """Writes what encoders still hold."""
        for target in self._encoders:
            self._output.mux(target.encode(None))

    def close(self) -> None:
        """Releases the clip."""
        self._packets, self._next = iter(()), None
        self._input.close()


def _carry(stream: Any, target: Any) -> None:
    """Copies a stream's metadata and disposition, language and titles among them."""
    own = (*OWN_METADATA, "name", "title")
    target.metadata.update({key: value for key, value in stream.metadata.items() if key.lower() not in own})
    if title := title_of(stream):
        target.metadata["title"] = title
    language = target.metadata.get("language")
    if language in _QUICKTIME and target.container.format.name == "mov":
        target.metadata["language"] = _QUICKTIME[language]
    target.disposition = int(stream.disposition)


def _codec(stream: Any) -> str:
    return str(stream.codec_context.name) if stream.codec_context is not None else "unknown codec"
