"""Conversions that are one curve, the same for every channel: read from a table, between whose entries lie straight
lines. A power for every value is otherwise most of what a swap costs besides its networks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from .space import ColourSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

__all__ = ["Curve", "curve_between"]

_STEPS = 1 << 16
_FIRST = 1 / 256
"""Below, the slope of a power may change too fast for straight lines: a line is off by 5e-8 here, by 4e-4 at 0."""
_PROBES, _TOLERANCE = 4096, 1e-6


class Curve:
    """Values from 1/256 to below 1 are read from a table; ``exact`` converts what lies outside, (N, 3) in and out."""

    def __init__(self, exact: Callable[[Floats], Floats]) -> None:
        import numpy as np

        self._exact = exact
        ends = _each(exact, np.arange(_STEPS + 1, dtype=np.float32) / np.float32(_STEPS))
        # Value and rise together, so that one look finds both.
        self._lines = np.empty(_STEPS, np.complex64)
        self._lines.real, self._lines.imag = ends[:-1], np.diff(ends)

    def __call__(self, values: Floats) -> Floats:
        """``values``, of any shape, converted. A new array."""
        import numpy as np

        with np.errstate(over="ignore", invalid="ignore"):
            place = values * np.float32(_STEPS)
            step = place.astype(np.int32)
        lines = self._lines.take(step, mode="clip")
        place -= step.astype(np.float32)  # as they are, numpy would subtract in double precision
        place *= lines.imag
        place += lines.real
        outside = np.flatnonzero(~((values >= _FIRST) & (values < 1)))
        if outside.size:
            place.put(outside, _each(self._exact, values.take(outside)))
        return place


@cache
def curve_between(source: ColourSpace, destination: ColourSpace) -> Curve | None:
    """The curve from one space to the other, whose exposures do not count; None where channels are mixed."""
    import numpy as np

    from .config import processor

    def exact(values: Floats) -> Floats:
        pixels = np.array(values, dtype=np.float32, order="C")
        processor(source, destination).applyRGB(pixels)
        return pixels

    probes = np.random.default_rng(0).random((_PROBES, 3), np.float32)
    curve = Curve(exact)
    found = np.abs(curve(probes) - exact(probes)).max()
    return curve if found <= _TOLERANCE else None


def _each(exact: Callable[[Floats], Floats], values: Floats) -> Floats:
    """(N,) values, of which each goes through one channel of ``exact``."""
    import numpy as np

    padded = np.zeros((-(-values.size // 3), 3), np.float32)
    padded.reshape(-1)[: values.size] = values
    return np.asarray(exact(padded).reshape(-1)[: values.size])
