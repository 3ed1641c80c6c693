"""The record of one detected face."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Face"]

Points = npt.NDArray[np.float64]

_KINDS: dict[str, Callable[[float], Any]] = {"float": float, "int": int, "bool": bool}
_BOX_SIDE, _BOX_SHAPE, _BOX_RISE = 4.1, 1.3, 0.3
"""Of the detector's boxes, measured on eight clips: side (root of the area) over the points' spread, 4.0 to 4.2; height
over width, 1.2 to 1.4; how far the middle lies above that of the points, in spreads, 0.2 to 0.4.
"""


@dataclass(frozen=True, eq=False)
class Face:
    """One face in plate pixels, top-left origin, pixel centres on integers.

    landmarks: float64 (5, 2), x and y of the viewer's left eye, right eye, nose tip, left and right corner of the
    mouth. box: (x, y, width, height). confidence: 0..1. filled: interpolated from neighbouring frames. person: the id
    that a track gives to one person throughout a shot, from 1; 0 for nobody known. likeness: cosine to that person's
    mean embedding; 0 where nobody compared. presence: 1, less where the swap fades out or in, 0 where an artist takes
    it away. edited: placed by an artist, whose points are not smoothed; of a face as it
    is swapped, also moved by one.
    """

    landmarks: Points
    box: tuple[float, float, float, float]
    confidence: float
    filled: bool = False
    person: int = 0
    likeness: float = 0.0
    presence: float = 1.0
    edited: bool = False

    @property
    def middle(self) -> tuple[float, float]:
        """(x, y) of the middle of the box."""
        x, y, width, height = self.box
        return x + width / 2, y + height / 2

    @property
    def centre(self) -> Points:
        """`middle` as an array (2,)."""
        return np.array(self.middle)

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return self.box[2] * self.box[3]

    def row(self) -> Points:
        """All fields as numbers, the form in which caches store a face."""
        return np.concatenate([np.ravel(np.asarray(getattr(self, item.name), np.float64)) for item in fields(self)])

    @classmethod
    def from_row(cls, row: Sequence[float] | Points) -> Face:
        """The inverse of ``row``. Raises ValueError on anything but as many finite numbers."""
        numbers = np.asarray(row, np.float64)
        rest = _kinds()
        size = 14 + len(rest)
        if numbers.shape != (size,) or not np.isfinite(numbers).all():
            raise ValueError(f"expected {size} finite numbers for a face, found {numbers.shape}")
        x, y, width, height = numbers[10:14].tolist()
        values = [kind(number) for kind, number in zip(rest, numbers[14:].tolist(), strict=True)]
        return cls(numbers[:10].reshape(5, 2).copy(), (x, y, width, height), *values)

    def named(self) -> dict[str, Any]:
        """All fields by name, as plain numbers and lists, the form in which files store a face."""
        return {item.name: np.asarray(getattr(self, item.name)).tolist() for item in fields(self)}

    @classmethod
    def from_named(cls, values: Mapping[str, Any]) -> Face:
        """The inverse of ``named``; fields of later versions may be absent. Raises KeyError, TypeError, ValueError."""
        if np.shape(values["landmarks"]) != (5, 2):
            raise ValueError(f"expected five points for a face, found {np.shape(values['landmarks'])}")
        known = {item.name: item.default for item in fields(cls) if item.default is not MISSING} | dict(values)
        return cls.from_row([number for item in fields(cls) for number in np.ravel(known[item.name])])

    def scaled(self, x: float, y: float, right: float = 0.0, down: float = 0.0) -> Face:
        """The same face in a picture scaled by ``x`` and ``y``, then moved by pixels of the result.

        The upper left corner of the picture, not of the first pixel's centre, stays put where nothing is moved.
        """
        scale = np.array([x, y])
        left, top, width, height = self.box
        return replace(
            self,
            landmarks=(self.landmarks + 0.5) * scale - 0.5 + (right, down),
            box=((left + 0.5) * x - 0.5 + right, (top + 0.5) * y - 0.5 + down, width * x, height * y),
        )

    def moved(self, right: float, down: float) -> Face:
        """The same face so many pixels further."""
        return self.scaled(1, 1, right, down) if right or down else self

    def placed(self, landmarks: Points) -> Face:
        """The same face with its points at ``landmarks`` (5, 2), and its box moved and resized with them."""
        grown = _spread(landmarks) / max(_spread(self.landmarks), 1e-9)
        x, y = landmarks.mean(axis=0) + grown * (self.centre - self.landmarks.mean(axis=0))
        width, height = grown * self.box[2], grown * self.box[3]
        box = (float(x - width / 2), float(y - height / 2), width, height)
        return replace(self, landmarks=landmarks, box=box)

    @classmethod
    def around(cls, landmarks: Points) -> Face:
        """A face at ``landmarks`` (5, 2) alone, with the box that detectors put around an upright face."""
        spread = _spread(landmarks)
        width, height = (_BOX_SIDE * spread * _BOX_SHAPE**power for power in (-0.5, 0.5))
        x, y = landmarks.mean(axis=0) - (0, _BOX_RISE * spread)
        return cls(landmarks, (float(x - width / 2), float(y - height / 2), width, height), 1.0)


@cache
def _kinds() -> tuple[Callable[[float], Any], ...]:
    """What makes a value of each field behind points and box from a number."""
    return tuple(_KINDS[str(item.type)] for item in fields(Face)[2:])


def _spread(landmarks: Points) -> float:
    """Root mean square distance of the points from their middle."""
    return float(np.sqrt(((landmarks - landmarks.mean(axis=0)) ** 2).sum(axis=1).mean()))
