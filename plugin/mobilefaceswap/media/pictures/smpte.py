"""Timecode as EXR and DPX hold it: eight digits of BCD and flags, in two words of 32 bits (SMPTE ST 12-1, ST 268-1)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["MOST_FRAMES", "TIMECODE", "timecode_of", "words_of"]

TIMECODE = "smpte:TimeCode"
"""OpenImageIO's name of the attribute."""
_DROP_FRAME = 1 << 6
_FIELDS = ((24, 0x3F), (16, 0x7F), (8, 0x7F), (0, 0x3F))
"""Where hours, minutes, seconds and frames stand in the first word; the bits between them are flags."""
MOST_FRAMES = 40
"""In a second: the tens of a frame's number have two bits."""
_ENDS = (24, 60, 60, MOST_FRAMES)


def timecode_of(words: object) -> str | None:
    """``HH:MM:SS:FF``, of drop frame ``HH:MM:SS;FF``, from the attribute's two words; None where they are no time."""
    if not isinstance(words, Sequence) or isinstance(words, str) or len(words) != 2:
        return None
    first = int(words[0])
    digits = [divmod((first >> shift) & mask, 16) for shift, mask in _FIELDS]
    values = [10 * tens + ones for tens, ones in digits]
    if any(ones > 9 for _, ones in digits) or any(value >= end for value, end in zip(values, _ENDS, strict=True)):
        return None
    hours, minutes, seconds, frames = values
    return f"{hours:02}:{minutes:02}:{seconds:02}{';' if first & _DROP_FRAME else ':'}{frames:02}"


def words_of(timecode: str) -> tuple[int, int]:
    """The attribute's words for ``timecode``, written as `timecode_of` gives it."""
    first = _DROP_FRAME if ";" in timecode else 0
    for part, (shift, _) in zip(timecode.replace(";", ":").split(":"), _FIELDS, strict=True):
        tens, ones = divmod(int(part), 10)
        first |= (tens << 4 | ones) << shift
    return first, 0
