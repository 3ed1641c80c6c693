"""Text subtitles from one container's format to another's, without their styles."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["TEXT_CODECS", "OneAtATime", "plain_text", "stored_text"]

TEXT_CODECS = ("mov_text", "subrip", "srt", "webvtt", "ass", "ssa", "text")
_STYLE = re.compile(r"\{\\[^}]*\}|<[^>]+>")
_ASS_FIELDS = 8


def stored_text(text: str, codec: str) -> bytes:
    """A subtitle as ``codec`` (mov_text, subrip or webvtt) stores it."""
    content = text.encode()
    return len(content[:65535]).to_bytes(2) + content[:65535] if codec == "mov_text" else content


def plain_text(data: bytes, codec: str) -> str:
    """The text of a subtitle that is stored as ``codec`` does."""
    if codec == "mov_text":
        data = data[2 : 2 + int.from_bytes(data[:2])]
    text = data.decode("utf-8", "replace")
    if codec in ("ass", "ssa"):
        text = text.split(",", _ASS_FIELDS)[-1].replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    return _STYLE.sub("", text).strip("\0")


class OneAtATime:
    """Subtitles that overlap as such that follow each other, since QuickTime shows one at a time: with all their texts.

    Each is (start, end, text), in any unit of time; they are added by their start.
    """

    def __init__(self) -> None:
        self._showing: list[tuple[int, str]] = []
        self._since = 0

    def add(self, start: int, end: int, text: str) -> Iterator[tuple[int, int, str]]:
        """What shows before ``start``, as far as it was not handed out before."""
        yield from self._until(start)
        self._showing.append((end, text))
        self._since = start

    def rest(self) -> Iterator[tuple[int, int, str]]:
        """What shows after the last start."""
        return self._until(max((end for end, _ in self._showing), default=0))

    def _until(self, time: int) -> Iterator[tuple[int, int, str]]:
        while self._showing and self._since < time:
            end = min(time, *(end for end, _ in self._showing))
            yield self._since, end, "\n".join(text for _, text in self._showing)
            self._showing = [(later, text) for later, text in self._showing if later > end]
            self._since = end
