"""The faces of a frame as the viewer of a host draws them: boxes, crops, outlines of mattes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..faces import Face
from ..look.views import outline
from ..node import RenderResult
from .wire import FaceBox

__all__ = ["found_boxes", "rendered_boxes"]

_Points = npt.NDArray[np.float64]
_Line = tuple[float, float, float, float]


def found_boxes(faces: Sequence[Face]) -> tuple[FaceBox, ...]:
    """Boxes of faces of which none is swapped."""
    return tuple(_box(face) for face in faces)


def rendered_boxes(result: RenderResult, face_width: float, *, outlined: bool) -> tuple[FaceBox, ...]:
    """Boxes of a frame's faces, with crops of the swapped ones; ``outlined``: with the outlines of their mattes, too.

    face_width: of a face, as a share of the crop's side.
    """
    swapped = {layer.face.landmarks.tobytes(): layer for layer in result.layers if layer.face is not None}
    boxes = []
    for face in result.faces:
        layer = swapped.get(face.landmarks.tobytes())
        crop = None if layer is None else layer.corners
        boxes.append(_box(face, crop, face_width, outline(layer) if layer is not None and outlined else ()))
    return tuple(boxes)


def _box(face: Face, crop: _Points | None = None, width: float = 0.0, lines_of: Sequence[_Points] = ()) -> FaceBox:
    x, y, across, down = face.box
    box = FaceBox((x, y, x + across, y + down), face.confidence, crop is not None, face.filled, person=face.person)
    if crop is None:
        return box
    # The bridge counts from the corner of the first pixel, geometry from its centre.
    top_left, top_right, bottom_left = (crop[[0, 1, 3]] + 0.5).tolist()
    (x1, y1), (x2, y2), (x3, y3) = top_left, top_right, bottom_left
    lines = tuple(line for points in lines_of for line in _lines(points + 0.5))
    return replace(box, corners=(x1, x2, x3, y1, y2, y3), width=width, lines=lines)


def _lines(points: _Points) -> Iterator[_Line]:
    """The lines of a closed outline."""
    for (x1, y1), (x2, y2) in zip(points.tolist(), np.roll(points, -1, axis=0).tolist(), strict=True):
        yield x1, y1, x2, y2
