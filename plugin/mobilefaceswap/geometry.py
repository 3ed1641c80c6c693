"""Pure geometry: fits landmarks to the crop template, samples a crop from the plate, pastes it back.

A matrix is float64 (2, 3) and takes plate pixels to crop pixels, both with pixel centres on integer coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np
import numpy.typing as npt

from .frame import Box, Floats, Frame, all_finite, without_alpha
from .packs.crop import Crop

__all__ = [
    "Matrix",
    "Rectangle",
    "apart",
    "bounded",
    "composed",
    "crop_quad",
    "crop_rectangle",
    "fit_crop",
    "from_part",
    "glimpse",
    "inverse",
    "middle_of",
    "part_quad",
    "paste",
    "paste_moving",
    "rectangle_of",
    "reduced",
    "rescaling",
    "sample_crop",
    "sample_frame",
    "scale_of",
    "scaled_about",
    "transformed",
]

Matrix = npt.NDArray[np.float64]

_SUPERSAMPLING = 2
_HALF_MAXIMUM = 65504.0
_BAND = 48
"""Rows of a picture that are averaged down at once: few enough to stay in a processor's cache."""


@dataclass(frozen=True)
class Rectangle:
    """Half-open pixel rectangle, top-left origin."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height); never negative."""
        return max(0, self.x2 - self.x1), max(0, self.y2 - self.y1)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices of an array."""
        return slice(self.y1, self.y2), slice(self.x1, self.x2)

    @property
    def empty(self) -> bool:
        """True where no pixel lies inside."""
        return 0 in self.size

    def moved(self, x: int, y: int) -> Rectangle:
        """The same rectangle ``x`` pixels further right and ``y`` further down."""
        return Rectangle(self.x1 + x, self.y1 + y, self.x2 + x, self.y2 + y)

    def intersection(self, other: Rectangle) -> Rectangle:
        """What both hold; empty where they lie apart."""
        x1, y1 = max(self.x1, other.x1), max(self.y1, other.y1)
        return Rectangle(x1, y1, max(x1, min(self.x2, other.x2)), max(y1, min(self.y2, other.y2)))

    def union(self, other: Rectangle) -> Rectangle:
        """The smallest rectangle that holds both; an empty one adds nothing."""
        if self.empty or other.empty:
            return other if self.empty else self
        return Rectangle(min(self.x1, other.x1), min(self.y1, other.y1), max(self.x2, other.x2), max(self.y2, other.y2))

    def grown(self, margin: int) -> Rectangle:
        """The same rectangle with ``margin`` more on every side."""
        return Rectangle(self.x1 - margin, self.y1 - margin, self.x2 + margin, self.y2 + margin)


def apart(rectangles: Iterable[Rectangle], least: int) -> tuple[Rectangle, ...]:
    """Rectangles that hold all of these, each at least ``least`` pixels from every other; empty ones are left out."""
    found: list[Rectangle] = []
    for one in rectangles:
        while near := [other for other in found if not one.grown(least).intersection(other).empty]:
            one = reduce(Rectangle.union, near, one)
            found = [other for other in found if other not in near]
        if not one.empty:
            found.append(one)
    return tuple(found)


def fit_crop(landmarks: npt.NDArray[np.float64], crop: Crop, pixel_aspect: float = 1.0) -> Matrix:
    """The matrix that maps ``landmarks`` (5, 2), in plate pixels, to the template of ``crop``.

    The similarity is Umeyama's closed form (IEEE PAMI 13(4), 1991); the affine is the least-squares fit with six
    degrees of freedom. Both are fitted in square pixels.
    """
    points = np.asarray(landmarks, np.float64) * (pixel_aspect, 1.0)
    fit = _similarity if crop.fit == "similarity" else _affine
    square = fit(points, crop.template.on(crop.size))
    square[:, 0] *= pixel_aspect
    return square


def _similarity(points: npt.NDArray[np.float64], template: npt.NDArray[np.float64]) -> Matrix:
    centre, goal = points.mean(axis=0), template.mean(axis=0)
    source, target = points - centre, template - goal
    u, spread, vt = np.linalg.svd(target.T @ source)
    handedness = np.diag([1.0, math.copysign(1.0, float(np.linalg.det(u @ vt)))])
    scale = np.trace(np.diag(spread) @ handedness) / max(float((source**2).sum()), 1e-12)
    linear = scale * (u @ handedness @ vt)
    return np.column_stack([linear, goal - linear @ centre])


def _affine(points: npt.NDArray[np.float64], template: npt.NDArray[np.float64]) -> Matrix:
    solution, *_ = np.linalg.lstsq(np.column_stack([points, np.ones(len(points))]), template, rcond=None)
    return np.ascontiguousarray(solution.T)


def crop_quad(matrix: Matrix, size: int) -> npt.NDArray[np.float64]:
    """The crop's four corners (4, 2) in plate pixels, clockwise from the top left."""
    return part_quad(matrix, Rectangle(0, 0, size, size))


def part_quad(matrix: Matrix, part: Rectangle) -> npt.NDArray[np.float64]:
    """The corners (4, 2) of ``part``, which is in pixels of the crop, in plate pixels, clockwise from the top left."""
    corners = np.array([[part.x1, part.y1], [part.x2, part.y1], [part.x2, part.y2], [part.x1, part.y2]])
    return transformed(inverse(matrix), corners - 0.5)


def crop_rectangle(matrix: Matrix, size: int, plate_size: tuple[int, int], margin: int = 0) -> Rectangle:
    """The plate pixels that a ``size`` crop touches, with ``margin`` more on every side, inside the plate."""
    return rectangle_of(crop_quad(matrix, size), plate_size, margin)


def rectangle_of(quad: npt.NDArray[np.float64], plate_size: tuple[int, int], margin: int = 0) -> Rectangle:
    """The plate pixels that a quadrangle (4, 2) touches, with ``margin`` more on every side, inside the plate."""
    x1, y1 = np.floor(quad.min(axis=0)).astype(int) - margin
    x2, y2 = np.ceil(quad.max(axis=0)).astype(int) + 1 + margin
    width, height = plate_size
    left, top = min(max(x1, 0), width), min(max(y1, 0), height)
    return Rectangle(int(left), int(top), int(max(left, min(x2, width))), int(max(top, min(y2, height))))


def sample_crop(pixels: Floats, matrix: Matrix, size: int) -> Floats:
    """The (size, size, C) crop of (H, W, C) ``pixels``, in their own encoding, free of aliasing.

    Large faces are first averaged down by whole factors; the warp then samples twice as fine as the crop and is
    averaged. Beyond the plate, its edge is repeated. A crop entirely outside the plate is zero. Values that are not
    finite become 0, and all are clamped to the range of a half float, so that one broken pixel cannot spoil a face.
    """
    return _sampled((pixels.shape[1], pixels.shape[0]), lambda box: pixels[box], pixels.shape[2:], matrix, size)


def sample_frame(frame: Frame, matrix: Matrix, size: int) -> Floats:
    """``sample_crop`` of the frame's colour, (size, size, 3); no other part of the frame is made."""
    return _sampled(frame.size, frame.colour, (3,), matrix, size)


def _sampled(
    plate_size: tuple[int, int], part_of: Callable[[Box], Floats], channels: tuple[int, ...], matrix: Matrix, size: int
) -> Floats:
    factor = max(1, int(1 / (_SUPERSAMPLING * scale_of(matrix)) + 1e-9))
    region = crop_rectangle(matrix, size, plate_size, margin=2 * factor)
    if region.empty:
        return np.zeros((size, size, *channels), np.float32)
    part, to_part = _reduced(bounded(part_of(region.slices)), factor)
    to_part[:, 2] -= to_part[:, :2] @ (region.x1, region.y1)
    fine = composed(rescaling(_SUPERSAMPLING), composed(matrix, inverse(to_part)))
    warped = _warped(part, fine, size * _SUPERSAMPLING)
    return np.asarray(cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA), np.float32)


def _warped(pixels: Floats, matrix: Matrix, side: int) -> Floats:
    """(side, side[, C]) sampled linearly from (H, W[, C]) ``pixels``, whose edge is repeated beyond them.

    OpenCV samples four channels in a third of the time that three take, to the same bits.
    """
    coloured = pixels.shape[2:] == (3,)
    padded = cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA) if coloured else pixels
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    warped = np.asarray(cv2.warpAffine(padded, matrix, (side, side), flags=flags, borderMode=border))
    return cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB) if coloured else warped


def glimpse(frame: Frame, matrix: Matrix, size: int) -> Floats:
    """(size, size, 3): as ``sample_frame``, coarser and at a third of the cost, for detectors, which see bytes.

    The plate is averaged down by the whole factor that brings its pixels nearest to the crop's size, and then sampled
    once. Blocks are counted from the plate's corner, so that they do not depend on where the crop lies.
    """
    factor = max(1, round(1 / scale_of(matrix)))
    touched = crop_rectangle(matrix, size, frame.size, margin=2 * factor)
    # Blocks of an even side hold whole samples of chroma.
    step = factor if factor % 2 == 0 else 2 * factor
    x1, y1, (width, height) = touched.x1 // step * step, touched.y1 // step * step, frame.size
    x2, y2 = min(-(-touched.x2 // step) * step, width), min(-(-touched.y2 // step) * step, height)
    region = Rectangle(x1, y1, x1 + (x2 - x1) // factor * factor, y1 + (y2 - y1) // factor * factor)
    if region.empty:
        return sample_frame(frame, matrix, size)
    small = region.size[0] // factor, region.size[1] // factor
    part = frame.averaged(small, region.slices) if factor > 1 else None
    if part is None:
        part = frame.colour(region.slices)
        part = np.asarray(cv2.resize(bounded(part), small, interpolation=cv2.INTER_AREA) if factor > 1 else part)
    to_part = rescaling(1 / factor)
    to_part[:, 2] -= to_part[:, :2] @ (region.x1, region.y1)
    sampling = composed(matrix, inverse(to_part))
    return _warped(bounded(part), sampling, size)


def paste(crop: Floats, matrix: Matrix, region: Rectangle, *, extended: bool = False) -> Floats:
    """``crop`` (S, S[, C]) warped back to the plate, inside ``region`` only: (h, w[, C]).

    Bicubic if the face is larger than the crop; otherwise the crop is averaged down first. Beyond the crop the result
    is zero, or the crop's edge if ``extended``.
    """
    side = crop.shape[0]
    target = max(1, min(side, round(side / max(1.0, scale_of(matrix)))))
    if target != side:
        crop = np.asarray(cv2.resize(crop, (target, target), interpolation=cv2.INTER_AREA), np.float32)
    to_small = from_part(composed(rescaling(target / side), matrix), region)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    beyond = cv2.BORDER_REPLICATE if extended else cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpAffine(crop, to_small, region.size, flags=flags, borderMode=beyond))


def reduced(frame: Frame, size: tuple[int, int], *, finite: bool = False) -> Floats:
    """(h, w, 3): the frame's colour averaged down to ``size`` (width, height). finite: NaN counts as 0.

    Where the factor is whole, as from 1080p to 640 pixels, it is made band by band and never as a whole.
    """
    known = frame.averaged(size)
    if known is not None:
        return known
    width, height = frame.size
    factor = height // size[1]
    if factor < 2 or (size[0] * factor, size[1] * factor) != (width, height):
        colour = without_alpha(frame.pixels)
        whole = np.nan_to_num(colour) if finite else colour
        return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.float32)
    small = np.empty((size[1], size[0], 3), np.float32)
    rows = max(1, _BAND // factor)
    for top in range(0, size[1], rows):
        band = small[top : top + rows]
        box = slice(top * factor, (top + len(band)) * factor), slice(0, width)
        part = frame.colour(box)
        if finite and not all_finite(part):
            part = np.nan_to_num(part)
        cv2.resize(part, (size[0], len(band)), band, interpolation=cv2.INTER_AREA)
    return small


def paste_moving(crop: Floats, matrices: Sequence[Matrix], region: Rectangle, *, extended: bool = False) -> Floats:
    """The mean of ``paste`` with each of ``matrices``: a crop that moves while the shutter is open."""
    total = paste(crop, matrices[0], region, extended=extended)
    for matrix in matrices[1:]:
        total = total + paste(crop, matrix, region, extended=extended)
    return total / np.float32(len(matrices)) if len(matrices) > 1 else total


def scaled_about(point: npt.NDArray[np.float64], scale: float, shift: npt.NDArray[np.float64]) -> Matrix:
    """Makes what it shows larger by ``scale`` about ``point``, and moves it by ``shift``, when composed after a
    matrix from plate to crop.
    """
    return np.column_stack([np.eye(2) / scale, point - (point + shift) / scale])


def bounded(pixels: Floats) -> Floats:
    """A copy with NaN and infinities set to 0 and values clamped to the range of a half float."""
    finite = pixels if all_finite(pixels) else np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(np.clip(finite, -_HALF_MAXIMUM, _HALF_MAXIMUM), np.float32)


def _reduced(pixels: Floats, factor: int) -> tuple[Floats, Matrix]:
    """``pixels`` averaged over blocks, and the matrix from the full to the reduced ones."""
    if factor == 1:
        return pixels, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    height, width = pixels.shape[:2]
    below, right = -height % factor, -width % factor
    padded = cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_REPLICATE)
    small = ((width + right) // factor, (height + below) // factor)
    reduced = cv2.resize(padded, small, interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.float32), rescaling(1 / factor)


def rescaling(factor: float) -> Matrix:
    """Scaling about the picture's corner, not its first pixel's centre."""
    shift = (factor - 1) / 2
    return np.array([[factor, 0.0, shift], [0.0, factor, shift]])


def from_part(matrix: Matrix, region: Rectangle) -> Matrix:
    """``matrix``, which starts from the plate, from its ``region`` alone, whose pixels count from its corner."""
    return np.column_stack([matrix[:, :2], transformed(matrix, np.array([[region.x1, region.y1]]))[0]])


def middle_of(matrices: Sequence[Matrix]) -> Matrix:
    """The one of the middle of the time that the shutter is open."""
    return matrices[len(matrices) // 2]


def scale_of(matrix: Matrix) -> float:
    """Crop pixels for one pixel of the plate."""
    return math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))


def composed(after: Matrix, before: Matrix) -> Matrix:
    """The matrix of ``before`` and then ``after``."""
    linear = after[:, :2] @ before[:, :2]
    return np.column_stack([linear, after[:, :2] @ before[:, 2] + after[:, 2]])


def inverse(matrix: Matrix) -> Matrix:
    """The matrix that takes back what ``matrix`` does."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def transformed(matrix: Matrix, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """``points`` (N, 2) where ``matrix`` takes them."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])
