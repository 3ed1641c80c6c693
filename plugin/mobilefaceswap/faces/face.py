"""The record of one detected face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Face"]

Points = npt.NDArray[np.float64]
_NUMBERS = 16


@dataclass(frozen=True, eq=False)
class Face:
    """One face in plate pixels, top-left origin, pixel centres on integers.

    landmarks: float64 (5, 2), x and y of the viewer's left eye, right eye, nose tip, left and right corner of the
    mouth. box: (x, y, width, height). confidence: 0..1. filled: interpolated from neighbouring frames.
    """

    landmarks: Points
    box: tuple[float, float, float, float]
    confidence: float
    filled: bool = False

    @property
    def centre(self) -> Points:
        """(x, y) of the middle of the box."""
        x, y, width, height = self.box
        return np.array([x + width / 2, y + height / 2])

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return self.box[2] * self.box[3]

    def row(self) -> Points:
        """All fields as 16 numbers, the form in which caches store a face."""
        return np.concatenate([np.ravel(np.asarray(getattr(self, item.name), np.float64)) for item in fields(self)])

    @classmethod
    def from_row(cls, row: Sequence[float] | Points) -> Face:
        """The inverse of ``row``. Raises ValueError on anything but 16 finite numbers."""
        numbers = np.asarray(row, np.float64)
        if numbers.shape != (_NUMBERS,) or not np.isfinite(numbers).all():
            raise ValueError(f"expected {_NUMBERS} finite numbers for a face, found {numbers.shape}")
        x, y, width, height, confidence, filled = numbers[10:].tolist()
        return cls(numbers[:10].reshape(5, 2).copy(), (x, y, width, height), confidence, bool(filled))

    def named(self) -> dict[str, Any]:
        """All fields by name, as plain numbers and lists, the form in which files store a face."""
        return {item.name: np.asarray(getattr(self, item.name)).tolist() for item in fields(self)}

    @classmethod
    def from_named(cls, values: Mapping[str, Any]) -> Face:
        """The inverse of ``named``. Raises KeyError, TypeError or ValueError on anything else."""
        if np.shape(values["landmarks"]) != (5, 2):
            raise ValueError(f"expected five points for a face, found {np.shape(values['landmarks'])}")
        return cls.from_row([number for item in fields(cls) for number in np.ravel(values[item.name])])

    def scaled(self, x: float, y: float) -> Face:
        """The same face in a picture scaled by ``x`` and ``y``. The picture's corners, not pixel centres, stay put."""
        scale = np.array([x, y])
        left, top, width, height = self.box
        return Face(
            (self.landmarks + 0.5) * scale - 0.5,
            ((left + 0.5) * x - 0.5, (top + 0.5) * y - 0.5, width * x, height * y),
            self.confidence,
            self.filled,
        )
