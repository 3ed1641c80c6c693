"""A range of frames as an editor types it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import MediaError, UserInputError
from ..settings import MissingFrames
from .summary import listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from ..media import MediaClip
    from ..settings import Settings

__all__ = ["frame_range", "present_frames"]

_TIMECODE = r"\d+[:;.]\d+[:;.]\d+[:;.]\d+"
_FRAME = rf"{_TIMECODE}|-?\d+"
_STEP = r"(?:x(?P<step>\d+))?"
_SPAN = re.compile(rf"(?P<first>{_FRAME})?(?P<to>[-:])(?P<last>{_FRAME})?{_STEP}")
_SINGLE = re.compile(rf"(?P<first>{_FRAME})")
_DROP_BASE = 30
"""Drop frame is defined at 29.97 frames/s and its multiples alone."""


def frame_range(text: str | None, clip: MediaClip) -> range:
    """The frames of ``clip`` that ``text`` names, in order; None for the whole clip.

    IN-OUT or IN:OUT, either end left out for that of the clip, both ends frames or timecodes of the clip; xSTEP behind
    takes every STEP-th frame (``10-20x2``). A frame or timecode alone is that frame; -OUT is everything up to OUT.
    A timecode counts drop frame where the clip's own does, whichever of : ; and . stand in it; where the clip has none,
    as typed. Of variable timing it names the frame that shows then.
    Raises UserInputError on anything else, and MediaError, one of its kinds, where this clip has no such frames.
    """
    if text is None:
        return range(clip.first, clip.last + 1)
    # A span first: "-20" is all up to 20, not frame -20. A timecode alone holds colons, too, and goes first of all.
    typed = text.strip()
    match = re.fullmatch(f"(?P<first>{_TIMECODE})", typed) or _SPAN.fullmatch(typed) or _SINGLE.fullmatch(typed)
    found = match.groupdict() if match else {}
    step = int(found.get("step") or 1)
    if match is None or typed in "-:" or not step:
        raise UserInputError(_refusal(text, clip))
    first = _frame(found["first"], clip, clip.first)
    last = _frame(found["last"], clip, clip.last) if "to" in found else first
    if not clip.first <= first <= last <= clip.last:
        raise MediaError(_refusal(text, clip))
    return range(first, last + 1, step)


def present_frames(times: range, clip: MediaClip, settings: Settings) -> Sequence[int]:
    """``times`` without the frames that a sequence lacks, if those are skipped.

    Raises MediaError where ``times`` has such frames and the settings neither skip nor hold them.
    """
    missing = sorted({*clip.missing}.intersection(times))
    if missing and settings.missing_frames is MissingFrames.FAIL:
        around = ", render the ranges around it" * (len(missing) < len(times))
        raise MediaError(
            f"expected frames {times[0]} to {times[-1]} of {clip.path}; the sequence has a gap and lacks "
            f"{listed(missing)}. Supply what is missing{around}, or add --missing-frames hold or skip"
        )
    return [time for time in times if time not in missing] if settings.missing_frames is MissingFrames.SKIP else times


def _frame(text: str | None, clip: MediaClip, default: int) -> int:
    if text is None:
        return default
    if not re.fullmatch(_TIMECODE, text):
        return int(text)
    from ..media.video.clock import Counting, shifted_timecode, timecode_number

    if clip.frame_rate is None:
        raise MediaError(
            f"expected frame numbers, since {clip.path} declares no frame rate; found {text!r}. Give the frame's "
            "number, or the rate with --frame-rate"
        )
    counting = Counting(clip)
    rate = counting.rate
    own = clip.timecode if re.fullmatch(_TIMECODE, clip.timecode or "") else None
    mark = _mark(own or text, rate)
    number = timecode_number(_marked(text, mark), rate)
    start = timecode_number(_marked(own or "0:0:0:0", mark), rate)
    day = timecode_number(_marked("24:0:0:0", mark), rate)
    assert number is not None
    assert start is not None
    assert day is not None
    # Counted back, a number that does not exist becomes another.
    if shifted_timecode(f"00:00:00{mark}00", number, rate) != _marked(text, mark):
        raise _no_such_timecode(text, clip, rate, mark)
    # A clip may last past midnight; what lies before its first frame is outside it after a day, too.
    return counting.frame((number - start) % day)


def _mark(timecode: str, rate: Fraction) -> str:
    """How ``timecode`` counts, as what stands before its frames: ; for drop frame, else a colon."""
    plain = re.findall(r"[:;.]", timecode)[-1] == ":" or round(rate) % _DROP_BASE
    return ":" if plain else ";"


def _marked(timecode: str, mark: str) -> str:
    """``timecode`` as the product writes it, with ``mark`` before its frames."""
    hours, minutes, seconds, frames = map(int, re.split(r"[:;.]", timecode))
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{frames:02}"


def _no_such_timecode(text: str, clip: MediaClip, rate: Fraction, mark: str) -> MediaError:
    base = round(rate)
    dropped = f", where each minute but the tenth begins with {base // 15:02}" if mark == ";" else ""
    return MediaError(
        f"expected a timecode as {clip.path} counts, {'drop' if dropped else 'non-drop'} frame at {float(rate):.5g} "
        f"frames/s: minutes and seconds to 59, frames to {base - 1}{dropped}; found {text!r}. Choose one that exists"
    )


def _refusal(text: str, clip: MediaClip) -> str:
    begins = f", which begins at {clip.timecode}" if clip.timecode else ""
    return (
        f"expected a range within {clip.first}-{clip.last} of {clip.path}{begins}, such as 10-20, 10-, -20 or 10-20x2; "
        f"found {text!r}. Choose frames of the clip"
    )
