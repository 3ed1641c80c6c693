"""Drawn frames: a face-like chart that moves over a textured plate, and an analyser that finds it by its markers."""

from __future__ import annotations

import cv2
import numpy as np

from mobilefaceswap.faces import Face
from mobilefaceswap.frame import ColourSpace, Frame
from mobilefaceswap.geometry import TEMPLATE

WIDTH, HEIGHT = 320, 180
MARKERS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 1.0))


def landmarks_at(time: int) -> np.ndarray:
    """Five points of the chart at ``time``: it drifts, turns and grows."""
    angle, scale = np.radians(3.0 * time), 1.0 + 0.01 * time
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * (TEMPLATE - 56) @ rotation.T + (120 + 2.5 * time, 90 + 0.7 * time)


def drawn_frame(
    time: int, *, channels: int = 3, space: ColourSpace = ColourSpace.SRGB, premultiplied: bool = False
) -> Frame:
    """A plate of smooth texture with values below 0 and above 1, and the chart on it."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    base = 0.45 + 0.7 * np.sin(x / 17) * np.cos(y / 13)
    pixels = np.dstack([base, base[::-1], 1 - base]).astype(np.float32)
    points = landmarks_at(time)
    centre = tuple(int(value) for value in np.rint(points.mean(axis=0)))
    cv2.circle(pixels, centre, 34, (0.75, 0.6, 0.5), -1)
    for point, colour in zip(points, MARKERS, strict=True):
        cv2.circle(pixels, tuple(int(value) for value in np.rint(point)), 3, colour, -1)
    if channels == 4:
        alpha = np.clip(0.2 + x / WIDTH, 0, 1)
        rgb = pixels * alpha[..., None] if premultiplied else pixels
        pixels = np.dstack([rgb, alpha])
    return Frame(np.ascontiguousarray(pixels, np.float32), space, premultiplied)


class DrawnClip:
    """Frames 0 to 23 of the moving chart; ``pulled`` counts what was asked for."""

    first, last = 0, 23

    def __init__(self, **declared: object) -> None:
        self.declared = declared
        self.pulled: list[int] = []

    def frame(self, time: int) -> Frame:
        self.pulled.append(time)
        return drawn_frame(time, **self.declared)


class MarkerDetector:
    """Finds charts by their red marker, exactly and at any encoding; ``calls`` counts searches."""

    name = "markers"

    def __init__(self) -> None:
        self.calls = 0

    def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
        self.calls += 1
        points = []
        for colour in MARKERS:
            distance = np.abs(plate.rgb - np.array(colour, np.float32)).sum(axis=2)
            rows, columns = np.nonzero(distance < 1e-3)
            if not len(rows):
                return ()
            points.append((columns.mean(), rows.mean()))
        found = np.array(points, np.float64)
        low, high = found.min(axis=0) - 20, found.max(axis=0) + 20
        return (Face(found, (low[0], low[1], *(high - low)), 0.95),)
