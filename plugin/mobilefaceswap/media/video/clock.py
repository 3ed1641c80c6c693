"""Timestamps and timecode of an output."""

from __future__ import annotations

import re
from fractions import Fraction

from ..clip import MediaClip

__all__ = ["Clock", "assumed_rate", "shifted_timecode", "timecode_number"]

_USUAL_RATE = Fraction(24)
_TIMECODE = re.compile(r"(\d+):(\d+):(\d+)([:;.])(\d+)")


def assumed_rate(like: MediaClip, rate: Fraction = _USUAL_RATE) -> tuple[str, ...]:
    """What is said of a clip that moves and declares no frame rate, where a file is written that needs one."""
    if like.frame_rate or like.first == like.last:
        return ()
    return (f"the clip declares no frame rate: written at {rate} frames/s; another is set with --frame-rate",)


class Clock:
    """Frame numbers to timestamps, the first written frame at 0.

    base: seconds of one tick. rate: frames per second, of variable timing the average. start: when the first written
    frame shows in the clip, in seconds.
    """

    def __init__(self, like: MediaClip, first: int) -> None:
        self._first = first
        self.rate = like.frame_rate or _USUAL_RATE
        self.base, self.start = 1 / self.rate, Fraction(0)
        self._timing = None
        timing = like.format.timing
        if timing is not None:
            self.start = timing.stamps[first] * timing.base
            if not timing.constant(self.rate):
                self._timing, self.base = timing, timing.base
                self._lengths = dict(zip(timing.stamps, timing.durations, strict=True))

    def stamp(self, time: int) -> int:
        """Timestamp of frame ``time``, in ``base`` seconds."""
        if self._timing is None:
            return time - self._first
        return self._timing.stamps[time] - self._timing.stamps[self._first]

    def length(self, seconds: Fraction) -> Fraction:
        """How long the frame at ``seconds`` of the output shows, in seconds."""
        if self._timing is None:
            return self.base
        return self._lengths.get(round(seconds / self.base) + self._timing.stamps[self._first], 1) * self.base

    def end(self, last: int) -> Fraction:
        """When frame ``last`` ends in the clip, in seconds."""
        begins = self.stamp(last) * self.base
        return self.start + begins + self.length(begins)

    def timecode(self, like: MediaClip) -> str | None:
        """Timecode of the first written frame."""
        if like.timecode is None or self._first == like.first:
            return like.timecode
        return shifted_timecode(like.timecode, self._first - like.first, self.rate)


def shifted_timecode(timecode: str, frames: int, rate: Fraction) -> str | None:
    """``timecode`` (HH:MM:SS:FF, with ;FF for drop frame) moved on by ``frames``; None of anything else."""
    number = timecode_number(timecode, rate)
    if number is None:
        return None
    drops = _drops(timecode)
    base, left_out = _counting(rate, drops=drops)
    number += frames
    tens, rest = divmod(number, 600 * base - 9 * left_out)
    later = 0 if rest < 60 * base else 1 + (rest - 60 * base) // (60 * base - left_out)
    number = (number + left_out * (9 * tens + later)) % (24 * 3600 * base)
    whole, count = divmod(number, base)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{';' if drops else ':'}{count:02}"


def timecode_number(timecode: str, rate: Fraction) -> int | None:
    """The frame that ``timecode`` stands for, counted from 00:00:00:00; None of anything else.

    Drop frame after SMPTE ST 12-1: numbers 0 and 1 (of 60: 0 to 3) are left out each minute but the tenth.
    """
    match = _TIMECODE.fullmatch(timecode)
    if match is None:
        return None
    hours, minutes, seconds, count = (int(match[place]) for place in (1, 2, 3, 5))
    base, left_out = _counting(rate, drops=_drops(timecode))
    minutes += 60 * hours
    return (60 * minutes + seconds) * base + count - left_out * (minutes - minutes // 10)


def _drops(timecode: str) -> bool:
    """Whether it is drop frame: its frames stand behind ; or a full stop."""
    return not timecode.rpartition(":")[2].isdigit()


def _counting(rate: Fraction, *, drops: bool) -> tuple[int, int]:
    """(frame numbers in a second, numbers left out in a minute)."""
    base = round(rate)
    return base, base // 15 if drops else 0
