"""The figures that are aimed for, each a ratio to something measured in the same run, or a bound."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Mark", "Spread", "markdown", "ratios", "spread"]


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest of several measurements."""

    median: float
    least: float
    greatest: float


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Pair by pair: what was measured in turn has met the same load of the machine."""
    return spread([one / other for one, other in zip(ours, theirs, strict=True)])


@dataclass(frozen=True)
class Mark:
    """One figure against its bound. unit: ``x`` for ratios. at_least: larger is better. beside: what else to know."""

    name: str
    measured: Spread
    bound: float
    unit: str = "x"
    at_least: bool = False
    beside: str = ""

    @property
    def holds(self) -> bool:
        """Whether the median is within the bound."""
        return self.measured.median >= self.bound if self.at_least else self.measured.median <= self.bound

    def document(self) -> dict[str, object]:
        """For JSON."""
        found = self.measured
        return {
            "name": self.name,
            "median": found.median,
            "least": found.least,
            "greatest": found.greatest,
            "bound": self.bound,
            "unit": self.unit,
            "at_least": self.at_least,
            "holds": self.holds,
            "beside": self.beside,
        }


def markdown(marks: Sequence[Mark]) -> str:
    """The marks as the table of the documentation."""
    lines = ["| Measure | Measured (least to greatest) | Mark | Holds |", "|---|---|---|---|"]
    for mark in marks:
        found, unit = mark.measured, "x" if mark.unit == "x" else f" {mark.unit}"
        shown = f"{_figure(found.median)}{unit} ({_figure(found.least)} to {_figure(found.greatest)})"
        if mark.beside:
            shown += f"; {mark.beside}"
        bound = f"{'at least' if mark.at_least else 'at most'} {mark.bound:g}{unit}"
        lines.append(f"| {mark.name} | {shown} | {bound} | {'yes' if mark.holds else '**no**'} |")
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
