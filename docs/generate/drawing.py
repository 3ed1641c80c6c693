"""A drawn plate and a drawn answer of a network, on which the effect of every control can be seen."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
Colour = tuple[float, float, float]

_FINE = 4
"""Shapes are drawn this many times larger and averaged down."""


@dataclass(frozen=True)
class _Person:
    skin: Colour
    hair: Colour
    lips: Colour
    brow: float
    beard: bool


_TARGET = _Person((0.66, 0.50, 0.42), (0.20, 0.13, 0.10), (0.55, 0.30, 0.28), 0.05, False)
_SOURCES = (
    _Person((0.72, 0.60, 0.52), (0.10, 0.09, 0.09), (0.62, 0.36, 0.34), 0.10, True),
    _Person((0.80, 0.66, 0.58), (0.66, 0.50, 0.26), (0.80, 0.16, 0.24), 0.05, False),
)


def plate(side: int, landmarks: Points) -> Floats:
    """(side, side, 3): a person in warm light from the left, a blue wall, wrinkles and grain."""
    picture = _person(side, landmarks, _TARGET, wall=(0.32, 0.38, 0.47))
    across = np.linspace(0, 1, side, dtype=np.float32)[None, :, None]
    warm, cold = np.array([1.34, 1.2, 0.96], np.float32), np.array([0.5, 0.55, 0.66], np.float32)
    picture = picture * (warm + across * (cold - warm))
    grain = np.random.default_rng(1).normal(0, 0.035, picture.shape[:2]).astype(np.float32)
    return np.ascontiguousarray(picture * _wrinkles(side, landmarks)[..., None] + grain[..., None], np.float32)


def answer(side: int, landmarks: Points, source: int = 0) -> tuple[Floats, Floats]:
    """Colour (side, side, 3) and mask (side, side), 0..1: another person in flat light, clean, with a mask whose
    outline wobbles, that has a hole and a speck. source: one of two people.
    """
    person = _SOURCES[source]
    colour = np.clip(_person(side, landmarks, person, wall=person.skin), 0, 1)
    return colour, _mask(side, landmarks)


def _person(side: int, landmarks: Points, person: _Person, wall: Colour) -> Floats:
    canvas = np.empty((side * _FINE, side * _FINE, 3), np.float32)
    canvas[:] = wall
    points = (landmarks + 0.5) * _FINE
    left, right, nose, mouth_left, mouth_right = points
    width = float(np.linalg.norm(right - left))
    centre = points.mean(axis=0)

    def oval(at: Points, across: float, down: float, colour: Colour) -> None:
        size = (round(across * width), round(down * width))
        cv2.ellipse(canvas, _pixel(at), size, 0, 0, 360, colour, -1, cv2.LINE_8)

    oval(centre + (0, -0.25 * width), 1.12, 1.45, person.hair)
    oval(centre + (0, 1.75 * width), 0.55, 0.9, tuple(0.85 * part for part in person.skin))
    oval(centre, 0.98, 1.32, person.skin)
    if person.beard:
        oval((mouth_left + mouth_right) / 2 + (0, 0.12 * width), 0.58, 0.40, tuple(0.6 * part for part in person.skin))
    for eye in (left, right):
        oval(eye, 0.20, 0.10, (0.93, 0.92, 0.90))
        oval(eye, 0.085, 0.085, (0.16, 0.12, 0.10))
        oval(eye + (0, -0.30 * width), 0.27, person.brow, person.hair)
    oval(nose + (0, -0.16 * width), 0.09, 0.26, tuple(0.93 * part for part in person.skin))
    oval(nose + (0, 0.04 * width), 0.17, 0.08, tuple(0.86 * part for part in person.skin))
    lips = (mouth_left + mouth_right) / 2
    oval(lips, 0.36, 0.11, person.lips)
    oval(lips, 0.32, 0.015, tuple(0.5 * part for part in person.lips))
    return np.asarray(cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _wrinkles(side: int, landmarks: Points) -> Floats:
    shade = np.ones((side, side), np.float32)
    left, right = landmarks[0], landmarks[1]
    width = float(np.linalg.norm(right - left))
    middle = (left + right) / 2
    for row in (-0.62, -0.72, -0.82):
        at = _pixel(middle + (0, row * width))
        cv2.ellipse(shade, at, (round(0.5 * width), round(0.06 * width)), 0, 190, 350, 0.55, 2, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(shade, (0, 0), 0.8), np.float32)


def _mask(side: int, landmarks: Points) -> Floats:
    centre = landmarks.mean(axis=0)
    width = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    wobble = 1 + 0.05 * np.sin(9 * angle) + 0.03 * np.sin(17 * angle + 1)
    outline = centre + np.column_stack([0.84 * np.cos(angle), 1.12 * np.sin(angle)]) * wobble[:, None] * width
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1.0, cv2.LINE_8)
    cv2.circle(mask, _pixel(landmarks[2] + (0.42 * width, 0.1 * width)), round(0.085 * width), 0.0, -1)
    cv2.circle(mask, _pixel(centre + (-1.15 * width, -1.2 * width)), round(0.16 * width), 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.015 * side), np.float32)


def _pixel(point: Points) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
