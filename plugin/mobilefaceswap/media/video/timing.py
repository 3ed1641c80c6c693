"""When the frames of a video show, collected once by reading its packets without decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from av.error import FFmpegError

from ...errors import MediaError
from ..declared import Timing

__all__ = ["Joiner", "frame_rate", "nominal_rate", "read_timing"]

_GAP = 10
"""A clock that jumps ahead by more seconds than this has started again, as in FFmpeg's own tools."""
_SIMPLE = 5
"""The largest denominator of the rates of animation, which shows each picture for up to five frames."""
_BROKEN_CLOCKS = ("mpegts", "mpeg")
"""Containers that are joined by writing one behind the other."""


class Joiner:
    """Puts the timestamps of joined files on one clock.

    shifts: what is added after each restart, in ``base`` seconds; where not given, found so that the clock goes on
    where it stopped.
    """

    def __init__(self, base: Fraction, shifts: Sequence[int] = ()) -> None:
        self.shifts: list[int] = []
        self._given, self._gap = shifts, int(_GAP / base)
        self._shift, self._end = 0, 0
        self._last: int | None = None

    def pass_on(self, packet: Any) -> Any:
        """The packet, on the continuous clock; packets come in the file's order."""
        stamp = packet.dts
        if stamp is not None:
            if self._last is not None and not self._last <= stamp <= self._last + self._gap:
                self._restart(stamp)
            if packet.pts is not None and not stamp <= packet.pts <= stamp + self._gap:
                # The last picture before a restart: its time was made up from those behind it.
                packet.pts = stamp + (packet.duration or 0)
            self._last = stamp
            self._end = max(self._end, stamp + self._shift + (packet.duration or 0))
        if self._shift:
            packet.pts = None if packet.pts is None else packet.pts + self._shift
            packet.dts = None if packet.dts is None else packet.dts + self._shift
        return packet

    def _restart(self, stamp: int) -> None:
        number = len(self.shifts)
        self._shift = self._given[number] if number < len(self._given) else self._end - stamp
        self.shifts.append(self._shift)


def read_timing(container: Any, stream: Any, path: str, *, stored: bool = False) -> Timing:
    """Timestamps of every frame that is shown, edit lists applied. Raises MediaError where there are none.

    stored: take the times at which frames are stored, which a container keeps that does not keep when they are shown.
    """
    shown: dict[int, int] = {}
    keys: list[tuple[int, int]] = []
    hidden, can_start_again = 0, container.format.name in _BROKEN_CLOCKS
    joiner = Joiner(Fraction(stream.time_base))
    for packet in _packets(container, stream):
        packet = joiner.pass_on(packet) if can_start_again else packet
        stamp = packet.dts if stored else packet.pts
        if packet.is_discard or stamp is None:
            hidden += 1
            continue
        shown[stamp] = packet.duration or 0
        if packet.is_keyframe:
            keys.append((stamp, stamp if packet.dts is None else min(stamp, packet.dts)))
    if not shown:
        raise MediaError(
            f"expected frames with timestamps in {path}; found none. "
            "The file is damaged, or raw: put it into a container (ffmpeg -i IN -c copy OUT.mp4)"
        )
    stamps = tuple(sorted(shown))
    gaps = [after - before for before, after in pairwise(stamps)]
    usual = sorted(gaps)[len(gaps) // 2] if gaps else 1
    # Containers keep the end of the last frame as the track's length, since its packet may not be the last one.
    held = 0 if hidden or joiner.shifts else (stream.duration or 0) - (stamps[-1] - stamps[0])
    durations = (*gaps, held if held > 0 else shown[stamps[-1]] or usual)
    return Timing(Fraction(stream.time_base), stamps, durations, tuple(sorted(keys)), tuple(joiner.shifts))


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except FFmpegError:
        return


def frame_rate(stream: Any, timing: Timing) -> Fraction:
    """The declared rate that the timestamps bear out; the average of variable timing."""
    declared = [Fraction(rate) for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    for rate in [*map(_nominal, declared), *declared]:
        if timing.constant(rate):
            return rate
    return Fraction(len(timing.stamps)) / timing.duration if timing.duration else Fraction(25)


def nominal_rate(timing: Timing, *, drops: bool = False) -> Fraction:
    """The frame rate of variable timing that left no frame out: of the whole and the 1000/1001 rate next to its usual
    gap the one that the timestamps keep to. drops: the latter, at which alone there is drop-frame timecode.
    """
    seconds = (np.array(timing.stamps) - timing.stamps[0]) * float(timing.base)
    usual = max(1, round(1 / np.median(np.diff(seconds))))

    def off(rate: Fraction) -> float:
        places = seconds * float(rate)
        return float(np.abs(places - np.rint(places)).sum())

    whole, below = Fraction(usual), Fraction(1000 * usual, 1001)
    return below if drops else min(whole, below, key=off)


def _nominal(rate: Fraction) -> Fraction:
    """The whole or 1000/1001 rate next to ``rate``, which a clock of milliseconds or nanoseconds has rounded; a simple
    fraction, such as 25/2, is none that was rounded.
    """
    if rate.denominator <= _SIMPLE:
        return rate
    return min(
        Fraction(round(rate)), Fraction(1000 * round(rate * 1001 / 1000), 1001), key=lambda near: abs(near - rate)
    )
