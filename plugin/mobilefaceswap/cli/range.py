"""A range of frames as an editor types it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import UserInputError

if TYPE_CHECKING:
    from ..media import MediaClip

__all__ = ["frame_range"]

_TIMECODE = r"\d+:\d+:\d+[:;.]\d+"
_FRAME = rf"{_TIMECODE}|-?\d+"
_STEP = r"(?:x(?P<step>\d+))?"
_SPAN = re.compile(rf"(?P<first>{_FRAME})?(?P<to>[-:])(?P<last>{_FRAME})?{_STEP}")
_SINGLE = re.compile(rf"(?P<first>{_FRAME})")


def frame_range(text: str | None, clip: MediaClip) -> range:
    """The frames of ``clip`` that ``text`` names, in order; None for the whole clip.

    IN-OUT or IN:OUT, either end left out for that of the clip, both ends frames or timecodes of the clip; xSTEP behind
    takes every STEP-th frame (``10-20x2``). A frame or timecode alone is that frame; -OUT is everything up to OUT.
    Raises UserInputError on anything else and outside the clip.
    """
    if text is None:
        return range(clip.first, clip.last + 1)
    # A span first: "-20" is all up to 20, not frame -20. A timecode alone holds colons, too, and goes first of all.
    typed = text.strip()
    match = re.fullmatch(f"(?P<first>{_TIMECODE})", typed) or _SPAN.fullmatch(typed) or _SINGLE.fullmatch(typed)
    if match is None or typed in "-:":
        raise _refusal(text, clip)
    found = match.groupdict()
    first = _frame(found["first"], clip, clip.first)
    last = _frame(found["last"], clip, clip.last) if "to" in found else first
    step = int(found.get("step") or 1)
    if not clip.first <= first <= last <= clip.last or not step:
        raise _refusal(text, clip)
    return range(first, last + 1, step)


def _frame(text: str | None, clip: MediaClip, default: int) -> int:
    if text is None:
        return default
    if ":" not in text:
        return int(text)
    from ..media.video.clock import timecode_number

    if clip.frame_rate is None:
        raise UserInputError(f"expected frame numbers, since {clip.path} declares no frame rate; found {text!r}")
    number = timecode_number(text, clip.frame_rate)
    start = timecode_number(clip.timecode or "00:00:00:00", clip.frame_rate)
    assert number is not None
    return clip.first + number - (start or 0)


def _refusal(text: str, clip: MediaClip) -> UserInputError:
    begins = f", which begins at {clip.timecode}" if clip.timecode else ""
    return UserInputError(
        f"expected a range within {clip.first}-{clip.last} of {clip.path}{begins}, such as 10-20, 10-, -20 or 10-20x2; "
        f"found {text!r}. Choose frames of the clip"
    )
