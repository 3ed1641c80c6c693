"""Timestamps and timecode of an output."""

from __future__ import annotations

import re
from bisect import bisect_right
from fractions import Fraction

import numpy as np

from ..clip import MediaClip
from .timing import nominal_rate

__all__ = ["USUAL_RATE", "Clock", "Counting", "assumed_rate", "shifted_timecode", "timecode_number"]

USUAL_RATE = Fraction(24)
"""Frames per second of clips that declare none."""
_START = "00:00:00:00"
_TIMECODE = re.compile(r"(\d+):(\d+):(\d+)([:;.])(\d+)")


def assumed_rate(like: MediaClip, rate: Fraction = USUAL_RATE) -> tuple[str, ...]:
    """What is said of a clip that moves and declares no frame rate, where a file is written that needs one."""
    if like.frame_rate or like.first == like.last:
        return ()
    return (f"the clip declares no frame rate: written at {rate} frames/s; another is set with --frame-rate",)


class Counting:
    """How timecode counts the frames of a clip: one by one, those of variable timing by when they show.

    rate: frames per second, of variable timing the nominal. varies: whether timing is variable.
    """

    def __init__(self, clip: MediaClip) -> None:
        timing, self.rate = clip.format.timing, clip.frame_rate or USUAL_RATE
        self._first = clip.first
        self._numbers: list[int] | None = None
        if timing is not None and not timing.constant(self.rate):
            self.rate = nominal_rate(timing, drops=_drops(clip.timecode or _START))
            passed = np.array((*timing.stamps, timing.stamps[-1] + timing.durations[-1])) - timing.stamps[0]
            self._numbers = np.rint(passed * float(timing.base * self.rate)).astype(int).tolist()
        self.varies = self._numbers is not None

    def number(self, time: int) -> int:
        """How many timecode frames lie between the clip's first frame and ``time``."""
        return time - self._first if self._numbers is None else self._numbers[time - self._first]

    def frame(self, number: int) -> int:
        """The frame that shows ``number`` timecode frames, at least 0, behind the first; past the last if none."""
        if self._numbers is None:
            return self._first + number
        *begin, end = self._numbers
        return self._first + (bisect_right(begin, number) - 1 if number < max(end, begin[-1] + 1) else len(begin))


class Clock:
    """Frame numbers to timestamps, the first written frame at 0.

    base: seconds of one tick. rate: frames per second, of variable timing the average, or what timecode counts where
    there is one. start: when the first written frame shows in the clip, in seconds.
    """

    def __init__(self, like: MediaClip, first: int) -> None:
        self._first = first
        self._counting = Counting(like)
        self.rate = self._counting.rate if like.timecode else like.frame_rate or USUAL_RATE
        self.base, self.start = 1 / self.rate, Fraction(0)
        self._timing = None
        timing = like.format.timing
        if timing is not None:
            self.start = timing.stamps[first] * timing.base
            if self._counting.varies:
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
        return shifted_timecode(like.timecode, self._counting.number(self._first), self._counting.rate)


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
