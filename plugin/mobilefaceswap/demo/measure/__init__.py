"""How good a swap of a clip is, in figures: `pictures` measures frames, `motion` points, `clip` runs them all."""

from .clip import MARKS, Measured, measure_clip

__all__ = ["MARKS", "Measured", "measure_clip"]
