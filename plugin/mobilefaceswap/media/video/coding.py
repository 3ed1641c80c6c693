"""How a video's pictures are coded and shown, as far as its tags and first picture tell."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from av.sidedata.sidedata import Type

from ...colour import ColourSpace, coded_space
from ..declared import ClipFormat, Coding, ColourTags, Content, HDRMetadata, Orientation
from ..headers import camera_log, said
from .container import describes_file, is_cover, picture_streams
from .planes import LUMA_WEIGHTS

__all__ = [
    "colour_coding",
    "contents_of",
    "field_order",
    "hdr_metadata",
    "metadata",
    "not_honoured",
    "orientation",
    "timecode",
]

_UNTAGGED = 2
_HD_LINES = 720
_FULL_RANGE = ("yuvj", "gray", "ya8", "ya16")
"""Beginnings of pixel formats whose range is full where it is not tagged, as FFmpeg takes them."""
_FIELD_ORDERS = {2: "top field first", 3: "bottom field first", 4: "top field first", 5: "bottom field first"}
_MASTERING = struct.Struct("=20i2i")
_DYNAMIC = {
    Type.DYNAMIC_HDR_PLUS: "HDR10+ metadata",
    Type.DOVI_METADATA: "Dolby Vision metadata",
    Type.DOVI_RPU_BUFFER: "Dolby Vision metadata",
    Type.A53_CC: "closed captions",
    Type.STEREO3D: "stereo 3D layout",
    Type.SPHERICAL: "360-degree projection",
}


def colour_coding(first: Any, stream: Any) -> tuple[ColourTags, Coding]:
    """(tags as found, coding). Untagged: BT.709 for HD, else BT.601. A camera's log curve in the metadata wins."""
    context = stream.codec_context
    matrix = int(first.colorspace) if int(first.colorspace) != _UNTAGGED else int(context.colorspace)
    span = int(first.color_range) or int(context.color_range)
    full = span == 2 or (not span and first.format.name.startswith(_FULL_RANGE))
    tags = ColourTags(matrix, int(context.color_primaries), int(context.color_trc), full if span or full else None)
    is_hd = first.height >= _HD_LINES or first.width >= 1280
    known = matrix if matrix in LUMA_WEIGHTS else (1 if is_hd else 6)
    words = [*stream.container.metadata.items(), *stream.metadata.items()]
    return tags, Coding(known, full, camera_log(words) or _space(tags), tags)


def _space(tags: ColourTags) -> ColourSpace:
    """The space that the tags declare, or the nearest: primaries count more than an SDR transfer. Untagged: Rec.709."""
    transfer, primaries = tags.transfer, tags.primaries
    tried = ((transfer, primaries), (_UNTAGGED, primaries), (transfer, _UNTAGGED), (transfer, 1))
    return next(filter(None, (coded_space(*codes) for codes in tried)), ColourSpace.REC709)


def orientation(first: Any) -> Orientation | None:
    """From the display matrix; None where it turns by other than 90 degrees."""
    matrix = _side_data(first, Type.DISPLAYMATRIX)
    return Orientation.from_matrix(struct.unpack("=9i", matrix[:36])) if len(matrix) >= 36 else Orientation()


def hdr_metadata(first: Any) -> HDRMetadata:
    """Mastering display and content light level of the first picture."""
    mastering, light = _side_data(first, Type.MASTERING_DISPLAY_METADATA), _side_data(first, Type.CONTENT_LIGHT_LEVEL)
    found = None
    if len(mastering) >= _MASTERING.size:
        *rationals, has_primaries, has_luminance = _MASTERING.unpack(mastering[: _MASTERING.size])
        pairs = zip(rationals[::2], rationals[1::2], strict=True)
        if has_primaries and has_luminance:
            values = [Fraction(above, below) if below else Fraction(0) for above, below in pairs]
            found = tuple(values)
    return HDRMetadata(found, struct.unpack("=2I", light[:8]) if len(light) >= 8 else None)


def _side_data(first: Any, kind: Type) -> bytes:
    found = next((item for item in first.side_data if item.type == kind), None)
    return b"" if found is None else bytes(found)


def field_order(first: Any, stream: Any) -> str:
    """``progressive``, or the interlacing."""
    declared = _FIELD_ORDERS.get(int(stream.codec_context.field_order))
    return declared or ("interlaced" if first.interlaced_frame else "progressive")


def timecode(container: Any) -> str | None:
    """The start timecode, wherever the file keeps it."""
    places = [container.metadata, *(stream.metadata for stream in container.streams)]
    found = ({key.lower(): value for key, value in place.items()}.get("timecode") for place in places)
    return next(filter(None, found), None)


def metadata(container: Any) -> dict[str, str]:
    """The file's words by key, without those that describe the file itself."""
    return {key: value for key, value in container.metadata.items() if not describes_file(key)}


def contents_of(container: Any, stream: Any, first: Any) -> Iterator[Content]:
    """What the file holds besides the pictures that are swapped."""
    for other in container.streams:
        if other.index != stream.index and other.type == "audio":
            yield Content("sound", _codec(other))
        elif other.index != stream.index and other.type == "subtitle":
            yield Content("subtitles", _codec(other))
        elif other.type == "attachment":
            yield Content("attachment", str(other.name))
    if any(is_cover(other) for other in container.streams.video):
        yield Content("cover picture")
    for other in picture_streams(container)[1:]:
        yield Content("second video stream", _codec(other))
    if container.chapters():
        yield Content("chapters")
    hdr = hdr_metadata(first)
    if hdr.mastering or hdr.light:
        yield Content("HDR metadata")
    for name in dict.fromkeys(_DYNAMIC[item.type] for item in first.side_data if item.type in _DYNAMIC):
        yield Content(name)


def _codec(stream: Any) -> str:
    name = stream.codec_context.name if stream.codec_context is not None else "unknown codec"
    language = stream.metadata.get("language", "und")
    return name if language == "und" else f"{name}, {language}"


def not_honoured(found: ClipFormat) -> Iterator[str]:
    """What a user should know before the render rather than see afterwards."""
    yield from said(found.colour_space)
    if found.field_order != "progressive":
        yield f"interlaced ({found.field_order}) and taken as if progressive: moving faces will show combing"
    if found.timing is not None and found.timing.shifts:
        yield "its timestamps start again, as in joined recordings: read as one continuous clip"
