"""Where what the network drew goes on the plate: scaled and offset by hand, and blurred along the face's own way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..faces import Face, Track
from ..faces.follow import same
from ..frame import Frame
from ..geometry import (
    Matrix,
    Rectangle,
    composed,
    crop_rectangle,
    fit_crop,
    part_quad,
    rectangle_of,
    rescaling,
    scaled_about,
)
from ..packs import Crop
from ..settings import Settings

__all__ = ["Motion", "Placed", "motion_of", "placed"]

Motion = npt.NDArray[np.float64]
"""(5, 2): how far each landmark moves in one frame, in pixels of the plate."""

_MOST_STEPS = 32
_AROUND = 3
"""Pixels of the plate over which a bicubic one reaches, where the crop is averaged down to their size."""


@dataclass(frozen=True, eq=False)
class Placed:
    """matrices: from plate to crop, one, or several while the shutter is open. region: the plate they touch."""

    matrices: tuple[Matrix, ...]
    region: Rectangle

    def narrowed(self, part: Rectangle, plate_size: tuple[int, int]) -> Rectangle:
        """The plate pixels over which ``part`` of the crop, in its own pixels, is drawn; empty where it is."""
        touched = Rectangle(0, 0, 0, 0)
        if not part.empty:
            for one in self.matrices:
                touched = touched.union(rectangle_of(part_quad(one, part), plate_size, _AROUND))
        return touched.intersection(self.region)


def motion_of(face: Face, time: int, track: Track | None, plate: Frame) -> Motion | None:
    """The face's motion at ``time``, from the frames before and after in the track; None where it has neither."""
    if track is None:
        return None
    moments = [time - 1] * (time not in track.cuts) + [time + 1] * (time + 1 not in track.cuts)
    around = [
        (moment, same(face, track.faces(moment, plate.size, plate.display)))
        for moment in moments
        if moment in track.frames
    ]
    known = [(moment, other) for moment, other in around if other is not None]
    if not known:
        return None
    ends = [*known, (time, face)] if len(known) == 1 else known
    (first, begun), (last, ended) = sorted(ends, key=lambda end: end[0])
    return np.asarray((ended.landmarks - begun.landmarks) / (last - first))


def placed(
    landmarks: npt.NDArray[np.float64],
    matrix: Matrix,
    region: Rectangle,
    crop: Crop,
    settings: Settings,
    motion: Motion | None,
    plate: tuple[tuple[int, int], float],
) -> Placed:
    """Where a face with these ``landmarks`` is drawn. matrix, region: of its crop, which may be a multiple of the
    pack's ``crop``. plate: size and pixel aspect.
    """
    moments = [0.0] if motion is None or not settings.motion_blur else _moments(motion, settings.motion_blur)
    scale, (x, y) = settings.face_scale, (settings.face_offset_x, -settings.face_offset_y)
    if len(moments) == 1 and scale == 1 and x == 0 == y:
        return Placed((matrix,), region)
    (size, aspect), boost = plate, int(settings.pixel_boost[0])
    offset = np.array([x, y]) / 100 * crop.template.face_width * crop.size
    moved = scaled_about(crop.template.on(crop.size).mean(axis=0), scale, offset)
    way = np.zeros_like(landmarks) if motion is None else motion
    fitted = (fit_crop(landmarks + moment * way, crop, aspect) for moment in moments)
    matrices = tuple(composed(rescaling(boost), composed(moved, one)) for one in fitted)
    touched = Rectangle(0, 0, 0, 0)
    for one in matrices:
        touched = touched.union(crop_rectangle(one, crop.size * boost, size))
    return Placed(matrices, touched)


def _moments(motion: Motion, shutter: float) -> list[float]:
    """Moments while the shutter is open, in frames about its middle, at most a pixel of the plate apart."""
    way = shutter * float(np.linalg.norm(motion, axis=1).max())
    steps = min(_MOST_STEPS, max(1, math.ceil(way)))
    return [shutter * ((step + 0.5) / steps - 0.5) for step in range(steps)]
