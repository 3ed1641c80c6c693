"""Figures of several swaps together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from .clip import MARKS, Measured

__all__ = ["Together", "measured_together"]


@dataclass(frozen=True)
class Together:
    """One figure over several swaps, by its distance from 0. worst_of: the swap that it is worst in. missed: in how
    many swaps the mark is. median, worst: None where no clip tells.
    """

    name: str
    most: float
    median: float | None
    worst: float | None
    worst_of: str
    missed: int


def measured_together(swaps: Mapping[str, list[Measured]]) -> list[Together]:
    """All of ``MARKS`` over ``swaps``, by their names."""
    return [_together(name, most, swaps) for name, (_, most) in MARKS.items()]


def _together(name: str, most: float, swaps: Mapping[str, list[Measured]]) -> Together:
    figures = {swap: one for swap, found in swaps.items() for one in found if one.name == name}
    known = {swap: one.value for swap, one in figures.items() if one.value is not None}
    if not known:
        return Together(name, most, None, None, "", 0)
    worst = max(known, key=lambda swap: abs(known[swap]))
    missed = sum(one.holds is False for one in figures.values())
    return Together(name, most, median(abs(value) for value in known.values()), abs(known[worst]), worst, missed)
