"""YuNet through ONNX Runtime, at whatever size a picture has: in OpenCV the same network takes twice as long."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..cache import opened
from ..errors import PackError
from ..frame import Floats, Frame
from ..packs.graph import inputs_of, outputs_of, resized
from ..runtime import Session, load_session
from .face import Face
from .finding import VERSION, meet, search

__all__ = ["YuNetDetector"]

_SURE = 0.91
"""Of 265 training faces that were rolled by 60 degrees and more in steps of 7.5, one in a thousand views reaches this;
of those within 10 degrees of upright, three in four.
"""
_OVERLAP, _CANDIDATE = 0.3, 0.5
"""Candidates that overlap by more, and are at least this sure, are one face, and its points are their mean. The surest
one alone is another from frame to frame, and its points lie up to 5 % of the face's width elsewhere: against meshes of
99 faces the mean of all is off by 5.8 pixels of a 256-pixel crop, the surest one by 6.3.
"""
_MOST_CANDIDATES = 500
_STRIDES = (8, 16, 32)
_OUTPUTS = {f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in _STRIDES}


class YuNetDetector:
    """See `FaceDetector`."""

    def __init__(self, model: Path) -> None:
        """``model``: YuNet's ONNX file, verified by the pack. Raises PackError where it is none."""
        self._model = model.read_bytes()
        self.nbytes = len(self._model)
        self._digest = hashlib.sha256(self._model).hexdigest()[:16]
        runtime = self._session(_STRIDES[-1], _STRIDES[-1]).runtime
        # Everything that affects the points is in the name, so that a disk cache never returns those of another
        # version.
        self.name = f"yunet-{self._digest}-{VERSION}-{_SURE}-mean-{_CANDIDATE}-{runtime}-opencv-{cv2.__version__}"

    def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
        """See `FaceDetector`."""
        return search(self._detect, plate, size, threshold, _SURE)

    def meet(self, plate: Frame, expected: Sequence[Face], threshold: float) -> tuple[Face, ...] | None:
        """See `between.Follower`."""
        return meet(self._detect, plate, expected, threshold, _SURE)

    def _detect(self, picture: np.ndarray, threshold: float) -> list[Face]:
        below, right = (-side % _STRIDES[-1] for side in picture.shape[:2])
        padded = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_CONSTANT)
        planes = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32)
        answers = self._session(*padded.shape[:2]).run({"input": planes})
        rows = _rows(answers, padded.shape[1], min(threshold, _CANDIDATE))
        return [_face(row) for row in _merged(rows) if row[14] >= threshold]

    def _session(self, height: int, width: int) -> Session:
        """For pictures of one size, multiples of the largest stride."""
        return opened.get("yunet", (self._digest, height, width), lambda: _sized(self._model, height, width))


def _sized(model: bytes, height: int, width: int) -> Session:
    """The published network takes 640 x 640 pixels; none of its weights depends on that. Raises PackError."""
    try:
        named = list(inputs_of(model)), {*outputs_of(model)}
    except PackError as error:
        raise _unusable("it is no ONNX file, or damaged") from error
    if named != (["input"], _OUTPUTS):
        raise _unusable("its inputs and outputs have other names")
    return load_session(resized(model, {"input": (1, 3, height, width)}))


def _unusable(reason: str) -> PackError:
    return PackError(
        f"expected the detector to be a YuNet ONNX file; it is not ({reason}); run `mobilefaceswap packs verify` and "
        "reinstall the pack"
    )


def _rows(answers: dict[str, Floats], width: int, threshold: float) -> np.ndarray:
    """(N, 15): box, five points, confidence, of all cells that are at least so sure.

    The network answers for every cell of three grids (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector",
    Machine Intelligence Research 20, 2023): the middle and the points from the cell's corner, sizes as logarithms, all
    in strides; a cell is as sure as the geometric mean of face and object.
    """
    found: list[Any] = []
    for stride in _STRIDES:
        cls, obj, box, points = (answers[f"{kind}_{stride}"][0] for kind in ("cls", "obj", "bbox", "kps"))
        sure = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        cells = np.flatnonzero(sure >= threshold)
        corner = np.stack([cells % (width // stride), cells // (width // stride)], axis=1).astype(np.float64)
        middle, size = corner + box[cells, :2], np.exp(box[cells, 2:].astype(np.float64))
        marks = points[cells] + np.tile(corner, 5)
        found.append(np.column_stack([stride * np.hstack([middle - size / 2, size, marks]), sure[cells]]))
    return np.concatenate(found)


def _face(row: np.ndarray) -> Face:
    """A face from a row: box, then five points starting at the person's right eye, the viewer's left."""
    return Face(row[4:14].reshape(5, 2), (row[0], row[1], row[2], row[3]), float(np.clip(row[14], 0.0, 1.0)))


def _merged(rows: np.ndarray) -> list[np.ndarray]:
    """One row for each face, the surest first: the mean of its candidates by how sure they are, as sure as the best."""
    left, found = rows[np.argsort(-rows[:, 14], kind="stable")][:_MOST_CANDIDATES], []
    while len(left):
        shared = np.minimum(left[0, :2] + left[0, 2:4], left[:, :2] + left[:, 2:4]) - np.maximum(
            left[0, :2], left[:, :2]
        )
        both = shared.clip(0).prod(axis=1)
        areas = left[:, 2:4].prod(axis=1)
        same = both > _OVERLAP * (areas[0] + areas - both)
        same[0] = True
        row = np.average(left[same], axis=0, weights=left[same, 14])
        row[14] = left[0, 14]
        found.append(row)
        left = left[~same]
    return found
