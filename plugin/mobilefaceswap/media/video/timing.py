"""When the frames of a video show, collected once by reading its packets without decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from av.error import FFmpegError

from ...errors import MediaError
from ..declared import Timing

__all__ = ["RESTART", "Joiner", "frame_rate", "read_timing"]

RESTART = Fraction(1)
"""Timestamps that fall back by more seconds than this start again; smaller steps are reordering."""


class Joiner:
    """Puts the timestamps of joined files on one clock.

    joins: see ``Timing``; found while packets are passed on in the file's order, or known already. shifts: what to add
    after each restart, in ``base`` seconds; where left out, the clock goes on where it stopped.
    """

    def __init__(
        self, base: Fraction, joins: tuple[tuple[int, int], ...] | None = None, shifts: Sequence[int] = ()
    ) -> None:
        self.joins = list(joins or ())
        self._known, self._shifts, self._restart = joins is not None, shifts, int(RESTART / base)
        self._shift, self._last, self._end = 0, None, 0

    def pass_on(self, packet: Any) -> Any:
        """The packet, on the continuous clock."""
        if self._known:
            self._shift = next((shift for pos, shift in reversed(self.joins) if (packet.pos or 0) >= pos), 0)
        else:
            self._look_for_restart(packet)
        if self._shift:
            packet.pts = None if packet.pts is None else packet.pts + self._shift
            packet.dts = None if packet.dts is None else packet.dts + self._shift
        return packet

    def _look_for_restart(self, packet: Any) -> None:
        stamp = packet.pts if packet.dts is None else packet.dts
        if stamp is None:
            return
        if self._last is not None and stamp < self._last - self._restart:
            known = len(self.joins) < len(self._shifts)
            self._shift = self._shifts[len(self.joins)] if known else self._end - stamp
            self.joins.append((packet.pos or 0, self._shift))
        self._last = stamp
        self._end = max(self._end, stamp + self._shift + (packet.duration or 0))


def read_timing(container: Any, stream: Any, path: str, *, stored: bool = False) -> Timing:
    """Timestamps of every frame that is shown, edit lists applied. Raises MediaError where there are none.

    stored: take the times at which frames are stored, which a container keeps that does not keep when they are shown.
    """
    shown: dict[int, int] = {}
    keys: list[tuple[int, int]] = []
    hidden = 0
    joiner = Joiner(Fraction(stream.time_base))
    for packet in _packets(container, stream):
        packet = joiner.pass_on(packet)
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
    held = 0 if hidden or joiner.joins else (stream.duration or 0) - (stamps[-1] - stamps[0])
    durations = (*gaps, held if held > 0 else shown[stamps[-1]] or usual)
    return Timing(Fraction(stream.time_base), stamps, durations, tuple(sorted(keys)), tuple(joiner.joins))


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    try:
        for packet in container.demux(stream):
            if packet.size and not packet.is_corrupt:
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


def _nominal(rate: Fraction) -> Fraction:
    """The whole or 1000/1001 rate next to ``rate``, which a clock of milliseconds or nanoseconds has rounded."""
    return min(
        Fraction(round(rate)), Fraction(1000 * round(rate * 1001 / 1000), 1001), key=lambda near: abs(near - rate)
    )
