"""How a network takes its faces: template, size, fit and normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["TEMPLATES", "Crop", "FaceInput", "Fit", "Normalisation", "Template"]

Fit = Literal["similarity", "affine"]
_Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Template:
    """Where five points of a face lie on a crop of ``side`` pixels.

    points: x and y of the viewer's left eye, right eye, nose tip, left and right corner of the mouth.
    """

    points: tuple[tuple[float, float], ...]
    side: float = 1.0

    @property
    def face_width(self) -> float:
        """Width of a face as a share of the crop's side: twice the distance between the eyes."""
        return 2 * (self.points[1][0] - self.points[0][0]) / self.side

    def on(self, size: int) -> npt.NDArray[np.float64]:
        """The points (5, 2) on a crop of ``size`` pixels."""
        return np.array(self.points) * (size / self.side)


TEMPLATES: Mapping[str, Template] = {
    "arcface-112": Template(
        (
            (38.29459953, 51.69630051),
            (73.53179932, 51.50139999),
            (56.02519989, 71.73660278),
            (41.54930115, 92.36550140),
            (70.72990036, 92.20410156),
        ),
        112.0,
    ),
    "arcface-128": Template(
        (
            (46.29459953, 51.69630051),
            (81.53179932, 51.50139999),
            (64.02519989, 71.73660278),
            (49.54930115, 92.36550140),
            (78.72990036, 92.20410156),
        ),
        128.0,
    ),
    "arcface-112-frontal": Template(
        ((39.730, 51.138), (72.270, 51.138), (56.000, 68.493), (42.463, 87.010), (69.537, 87.010)), 112.0
    ),
    "ffhq-512": Template(
        (
            (0.37691676, 0.46864664),
            (0.62285697, 0.46912813),
            (0.50123859, 0.61331904),
            (0.39308822, 0.72541100),
            (0.61150205, 0.72490465),
        )
    ),
    "mtcnn-512": Template(
        (
            (0.36562865, 0.46733799),
            (0.63305391, 0.46585885),
            (0.50019127, 0.61942959),
            (0.39032951, 0.77598822),
            (0.61178945, 0.77476328),
        )
    ),
}
"""The templates that published networks were trained on: ArcFace's of 112 pixels, InsightFace's of 128 (the same points
8 pixels further right), InsightFace's frontal one (SimSwap, GHOST), FFHQ's mean face (UniFace,
BlendSwap), and MTCNN's (HifiFace).
"""


@dataclass(frozen=True)
class Crop:
    """An aligned crop: its side in pixels, the template, and how a face's five points are fitted to it."""

    size: int
    template: Template = TEMPLATES["arcface-112"]
    fit: Fit = "similarity"


@dataclass(frozen=True)
class Normalisation:
    """How a network scales colour: (rgb in 0..1 * range - mean) / std, per channel."""

    range: float = 1.0
    mean: _Triple = (0.0, 0.0, 0.0)
    std: _Triple = (1.0, 1.0, 1.0)

    def applied(self, rgb: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(..., 3) RGB 0..1 as network values."""
        return np.asarray((rgb * np.float32(self.range) - np.array(self.mean)) / np.array(self.std), np.float32)

    def undone(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(..., 3) network values as RGB 0..1."""
        return np.asarray((values * np.array(self.std) + np.array(self.mean)) / self.range, np.float32)


@dataclass(frozen=True)
class FaceInput:
    """A network's face input: planar RGB of an aligned crop, normalised."""

    crop: Crop
    numbers: Normalisation
