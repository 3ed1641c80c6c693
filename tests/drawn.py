"""Drawn frames: face-like charts that move over a textured plate, and a detector that finds them by their markers."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mobilefaceswap.faces import Face
from mobilefaceswap.frame import ColourSpace, Frame
from mobilefaceswap.packs import TEMPLATES, Crop

TEMPLATE = TEMPLATES["arcface-112"].on(112)
WIDTH, HEIGHT = 320, 180
MARKERS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 1.0))
SHADES = (1.0, 0.8)
"""What each person's markers are multiplied by, so that both can be told apart; exact in eight bits."""
SKINS = ((0.75, 0.6, 0.5), (0.45, 0.55, 0.8))


def crop_of(size: int, fit: str = "similarity") -> Crop:
    """A crop on the ordinary template."""
    return Crop(size, TEMPLATES["arcface-112"], fit)


def landmarks_at(time: int) -> np.ndarray:
    """Five points of the chart at ``time``: it drifts, turns and grows."""
    angle, scale = np.radians(3.0 * time), 1.0 + 0.01 * time
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * (TEMPLATE - 56) @ rotation.T + (120 + 2.5 * time, 90 + 0.7 * time)


def textured() -> np.ndarray:
    """A plate of smooth texture with values below 0 and above 1."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    base = 0.45 + 0.7 * np.sin(x / 17) * np.cos(y / 13)
    return np.dstack([base, base[::-1], 1 - base]).astype(np.float32)


def draw_chart(pixels: np.ndarray, points: np.ndarray, person: int = 0) -> None:
    """A disc of skin with a marker at each of the five points."""
    radius = 34 if person == 0 else 26
    cv2.circle(pixels, tuple(int(value) for value in np.rint(points.mean(axis=0))), radius, SKINS[person], -1)
    for point, colour in zip(points, MARKERS, strict=True):
        shade = tuple(SHADES[person] * value for value in colour)
        cv2.circle(pixels, tuple(int(value) for value in np.rint(point)), 3, shade, -1)


def as_frame(
    pixels: np.ndarray, channels: int = 3, space: ColourSpace = ColourSpace.SRGB, premultiplied: bool = False
) -> Frame:
    """Pixels as a frame; its alpha, where it has one, rises from left to right."""
    if channels == 4:
        alpha = np.clip(0.2 + np.arange(WIDTH, dtype=np.float32) / WIDTH, 0, 1) * np.ones((HEIGHT, 1), np.float32)
        rgb = pixels * alpha[..., None] if premultiplied else pixels
        pixels = np.dstack([rgb, alpha])
    return Frame(np.ascontiguousarray(pixels, np.float32), space, premultiplied)


def drawn_frame(
    time: int, *, channels: int = 3, space: ColourSpace = ColourSpace.SRGB, premultiplied: bool = False
) -> Frame:
    """The textured plate with one chart."""
    pixels = textured()
    draw_chart(pixels, landmarks_at(time))
    return as_frame(pixels, channels, space, premultiplied)


def drawn_people(places: Sequence[tuple[float, float]] = ((95, 110), (225, 60))) -> Frame:
    """The textured plate with a large chart (person 0) and a smaller one (person 1), their middles at ``places``."""
    pixels = textured()
    for person, place in enumerate(places):
        draw_chart(pixels, (1.0 - 0.25 * person) * (TEMPLATE - 56) + place, person)
    return as_frame(pixels)


class DrawnClip:
    """Frames 0 to 23 of the moving chart; ``pulled`` counts what was asked for."""

    first, last = 0, 23

    def __init__(self, **declared: object) -> None:
        self.declared = declared
        self.pulled: list[int] = []

    def frame(self, time: int) -> Frame:
        self.pulled.append(time)
        return drawn_frame(time, **self.declared)


class EmptyAlpha(DrawnClip):
    """The drawn clip in linear RGBA, premultiplied as it says, with an alpha of 0 throughout."""

    def frame(self, time: int) -> Frame:
        rgb = super().frame(time).rgb
        return Frame(np.dstack([rgb, np.zeros(rgb.shape[:2], np.float32)]), ColourSpace.LINEAR, premultiplied=True)

    def key(self, time: int) -> str:
        return f"{time}"


class MarkerDetector:
    """Finds charts by their markers, exactly and at any encoding; ``calls`` counts searches."""

    name = "markers"

    def __init__(self) -> None:
        self.calls = 0

    def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
        self.calls += 1
        found = [self._person(plate, person) for person in range(len(SHADES))]
        return tuple(sorted((face for face in found if face), key=lambda face: float(face.centre[0])))

    def _person(self, plate: Frame, person: int) -> Face | None:
        points = []
        for colour in MARKERS:
            wanted = SHADES[person] * np.array(colour, np.float32)
            rows, columns = np.nonzero(np.abs(plate.rgb - wanted).sum(axis=2) < 1e-3)
            if not len(rows):
                return None
            points.append((columns.mean(), rows.mean()))
        found = np.array(points, np.float64)
        low, high = found.min(axis=0) - 20, found.max(axis=0) + 20
        return Face(found, (low[0], low[1], *(high - low)), 0.95 - 0.1 * person)
