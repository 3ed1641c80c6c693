"""How good a swap of a clip is, in figures: `pictures` measures frames, `motion` points, `clip` runs them all, and
`several` sums up several swaps.
"""

from .clip import MARKS, Measured, measure_clip
from .several import Together, measured_together

__all__ = ["MARKS", "Measured", "Together", "measure_clip", "measured_together"]
