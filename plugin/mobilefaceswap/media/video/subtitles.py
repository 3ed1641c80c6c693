"""Text subtitles from one container's format to another's, without their styles."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["TEXT_CODECS", "converted_text"]

TEXT_CODECS = ("mov_text", "subrip", "srt", "webvtt", "ass", "ssa", "text")
_STYLE = re.compile(r"\{\\[^}]*\}|<[^>]+>")
_ASS_FIELDS = 8


def converted_text(packet: Any, codec: str, wanted: str) -> bytes:
    """The text of a subtitle packet of ``codec``, as ``wanted`` (mov_text, subrip or webvtt) stores it."""
    text = _plain(bytes(packet), codec)
    content = text.encode()
    return len(content[:65535]).to_bytes(2) + content[:65535] if wanted == "mov_text" else content


def _plain(data: bytes, codec: str) -> str:
    if codec == "mov_text":
        data = data[2 : 2 + int.from_bytes(data[:2])]
    text = data.decode("utf-8", "replace")
    if codec in ("ass", "ssa"):
        text = text.split(",", _ASS_FIELDS)[-1].replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    return _STYLE.sub("", text).strip("\0")
