"""Opening video files, and evidence that one is cut short."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.error import FFmpegError

from ...errors import MediaError
from ...threads import asked_threads

__all__ = [
    "FAILURES",
    "absolute",
    "decoder_name",
    "describes_file",
    "is_cover",
    "is_playable",
    "open_file",
    "open_video",
    "picture_streams",
    "title_of",
    "unreadable",
]

FAILURES = (FFmpegError, OSError, ValueError)
"""What PyAV raises; its errors share no class."""
_OPTIONS = {"fflags": "+genpts"}
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_OWN_METADATA = (
    "major_brand", "minor_version", "compatible_brands", "encoder", "timecode", "rotate", "duration", "software",
    "vendor_id", "alpha_mode", "number_of_frames", "number_of_bytes", "bps",
)  # fmt: skip
"""Keys that describe the file rather than what is in it: the output has its own."""
_STATISTICS = "_statistics_"
"""How mkvmerge's words about its own counts of frames and bytes begin."""
_MXF = bytes.fromhex("060e2b34 02050101 0d010201 0102")
"""How the key of a header partition begins (SMPTE ST 377-1, 7.1)."""
_FLV_SIZE = b"\x00\x08filesize\x00"
"""A property of the name ``filesize`` that is a number (AMF 0, 2.2 and 2.5)."""
_FLV_SCRIPT = 1 << 16
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_MOST_CHUNKS = 100_000


def absolute(path: str | os.PathLike[str]) -> str:
    """The path as FFmpeg is given it: a relative one with a colon would be taken for a protocol."""
    return os.path.abspath(path)


def open_file(path: str) -> Any:
    """An open input container. Raises MediaError."""
    try:
        return av.open(absolute(path), options=_OPTIONS, metadata_errors="replace")
    except FAILURES as error:
        raise unreadable(path, error) from error


def unreadable(path: str, error: Exception) -> MediaError:
    """The error for a file that FFmpeg does not take for a video."""
    return MediaError(
        f"expected a video file; {path} cannot be read as one ({getattr(error, 'strerror', None) or error}). "
        "It is damaged, cut short or no video: copy or export it again"
    )


def open_video(path: str) -> tuple[Any, Any]:
    """(container, video stream) of the file. Raises MediaError, also where the file ends before its contents do."""
    container = open_file(path)
    pictures = picture_streams(container)
    problem = None
    if not pictures:
        problem = f"expected a video stream in {path}; found none (only sound or data). Choose a file with pictures"
    elif pictures[0].codec_context is None:
        problem = f"expected a video codec that FFmpeg can decode in {path}; found another. Transcode it, say to ProRes"
    elif lost := _lost_bytes(Path(path)):
        problem = (
            f"expected {lost} more bytes in {path}, as it declares; the file is cut short: copy it again, or keep what "
            "is there (ffmpeg -i IN -c copy OUT.mp4)"
        )
    if problem:
        container.close()
        raise MediaError(problem)
    pictures[0].thread_type = "AUTO"
    pictures[0].codec_context.thread_count = asked_threads()
    return container, pictures[0]


def is_playable(path: Path) -> bool:
    """Whether the file's first picture decodes."""
    try:
        container, stream = open_video(str(path))
        with container:
            return next(container.decode(stream), None) is not None
    except (MediaError, FFmpegError):
        return False


def picture_streams(container: Any) -> list[Any]:
    """Streams of moving pictures, in order; cover art is none."""
    thumbnails = av.stream.Disposition.timed_thumbnails
    return [stream for stream in container.streams.video if not (is_cover(stream) or stream.disposition & thumbnails)]


def is_cover(stream: Any) -> bool:
    """Whether the stream is a still that stands for the file."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def describes_file(key: str) -> bool:
    """Whether a word of metadata describes the file rather than what is in it, with or without a language behind it."""
    plain = key.lower()
    return plain.partition("-")[0] in _OWN_METADATA or plain.startswith(_STATISTICS)


def title_of(stream: Any) -> str | None:
    """What a track is called: FFmpeg reads it from QuickTime as its name, and writes it everywhere as its title."""
    words = {key.lower(): value for key, value in stream.metadata.items()}
    return words.get("title") or words.get("name")


def decoder_name(stream: Any) -> str | None:
    """The decoder to use instead of FFmpeg's own, where that one leaves out the alpha of VP8 and VP9."""
    if stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) != "1":
        return None
    return {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.name)


def _lost_bytes(path: Path) -> int:
    """How far what the file declares reaches beyond its end: MP4 and QuickTime, AVI, Matroska and WebM, MXF, FLV.

    Counts of frames are no evidence: they are estimates in AVI, and edit lists hide frames.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(len(_MXF))
        if head[4:8] in _BOXES:
            return _beyond(_boxes(file, size), size)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            return _beyond(_riffs(file, size), size)
        if head[:4] == _EBML:
            return _beyond(_segments(file, size), size)
        if head == _MXF:
            return _beyond(_footers(file), size)
        if head[:3] == b"FLV":
            return _beyond(_tags(file, size), size)
    return 0


def _beyond(ends: Iterator[int], size: int) -> int:
    return max(0, max(ends, default=0) - size)


def _boxes(file: BinaryIO, size: int) -> Iterator[int]:
    """Ends of the top-level boxes (ISO/IEC 14496-12, 4.2)."""
    start = 0
    for _ in range(_MOST_CHUNKS):
        file.seek(start)
        head = file.read(16)
        if len(head) < 8 or not head[4:8].isalnum():
            return
        length = int.from_bytes(head[:4])
        length = int.from_bytes(head[8:16]) if length == 1 else length or size - start
        if length < 8:
            return
        start += length
        yield start


def _riffs(file: BinaryIO, size: int) -> Iterator[int]:
    """Ends of the RIFF chunks (OpenDML 2.0: AVI, then AVIX). One that was never finished declares 0 or -1."""
    start = 0
    while start < size:
        file.seek(start)
        head = file.read(8)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] != b"RIFF" or length in (0, 0xFFFFFFFF):
            return
        start += 8 + length
        yield start
        start += length % 2


def _segments(file: BinaryIO, size: int) -> Iterator[int]:
    """End of the segment of a Matroska file (RFC 8794, 6). One of unknown size was never finished, but plays."""
    file.seek(4)
    start = 4
    length, width = _ebml_size(file.read(8))
    start += width + length
    file.seek(start)
    head = file.read(12)
    if head[:4] == _SEGMENT:
        length, width = _ebml_size(head[4:])
        if length != (1 << 7 * width) - 1:
            yield start + 4 + width + length


def _footers(file: BinaryIO) -> Iterator[int]:
    """Where the footer partition of an MXF file begins, with its key; 0 where the header was never finished."""
    file.seek(16)
    length = int.from_bytes(file.read(1))
    file.seek(17 + (length & 0x7F if length & 0x80 else 0))
    footer = int.from_bytes(file.read(32)[24:])
    yield footer and footer + len(_MXF)


def _tags(file: BinaryIO, size: int) -> Iterator[int]:
    """The size that an FLV file's script declares, where the last tag is not whole (Adobe FLV 10.1, E.3).

    Not where it is: recorders of streams keep what the server's file declares.
    """
    file.seek(size - 4)
    tag = int.from_bytes(file.read(4))
    file.seek(max(0, size - 4 - tag))
    if 11 + int.from_bytes(file.read(4)[1:]) == tag:
        return
    file.seek(0)
    declared = file.read(_FLV_SCRIPT).partition(_FLV_SIZE)[2][:8]
    if len(declared) == 8:
        yield int(struct.unpack(">d", declared)[0])


def _ebml_size(data: bytes) -> tuple[int, int]:
    """(value, width in bytes) of a variable-length integer (RFC 8794, 4)."""
    width = 9 - data[0].bit_length() if data and data[0] else 8
    value = int.from_bytes(data[:width])
    return value & ((1 << 7 * width) - 1), width
