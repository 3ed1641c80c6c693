"""What is known of a face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Face"]

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Face:
    """One face in plate pixels, top-left origin, pixel centres on integers.

    landmarks: float64 (5, 2), x and y of the viewer's left eye, right eye, nose tip, left and right corner of the
    mouth. box: (x, y, width, height). confidence: 0..1. filled: the detector lost it and neighbours supplied it.
    """

    landmarks: Points
    box: tuple[float, float, float, float]
    confidence: float
    filled: bool = False

    @property
    def centre(self) -> Points:
        """(x, y) of the box's middle."""
        x, y, width, height = self.box
        return np.array([x + width / 2, y + height / 2])

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        return self.box[2] * self.box[3]

    def scaled(self, x: float, y: float) -> Face:
        """The same face in a picture ``x`` and ``y`` times as large (corners, not pixel centres, stay in place)."""
        scale = np.array([x, y])
        left, top, width, height = self.box
        return Face(
            (self.landmarks + 0.5) * scale - 0.5,
            ((left + 0.5) * x - 0.5, (top + 0.5) * y - 0.5, width * x, height * y),
            self.confidence,
            self.filled,
        )
