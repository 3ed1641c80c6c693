"""YuNet through OpenCV."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import cv2
import numpy as np

from ..errors import PackError
from ..frame import Frame
from .face import Face
from .finding import VERSION, search

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
_ALL = 1.0
"""Overlap beyond which OpenCV drops a candidate: none is."""
_MOST_CANDIDATES = 500

_creation = threading.Lock()


class YuNetDetector:
    """OpenCV's detector stores its input size, so each thread has its own."""

    def __init__(self, model: Path) -> None:
        """``model``: YuNet's ONNX file, verified by the pack. Raises PackError where OpenCV cannot read it."""
        self._model = model.read_bytes()
        self.nbytes = len(self._model)
        self._local = threading.local()
        digest = hashlib.sha256(self._model).hexdigest()[:16]
        # Everything that affects the points is in the name, so that a disk cache never returns those of another
        # version.
        self.name = f"yunet-{digest}-{VERSION}-{_SURE}-mean-{_CANDIDATE}-opencv-{cv2.__version__}"
        self._detector()

    def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
        """See `FaceDetector`."""
        return search(self._detect, plate, size, threshold, _SURE)

    def _detect(self, picture: np.ndarray, threshold: float) -> list[Face]:
        detector = self._detector()
        detector.setInputSize((picture.shape[1], picture.shape[0]))
        detector.setScoreThreshold(min(threshold, _CANDIDATE))
        _, rows = detector.detect(picture)
        found = [] if rows is None else _merged(rows.astype(np.float64))
        return [_face(row) for row in found if row[14] >= threshold]

    def _detector(self) -> cv2.FaceDetectorYN:
        detector: cv2.FaceDetectorYN | None = getattr(self._local, "detector", None)
        if detector is None:
            with _creation:
                detector = self._local.detector = _created(self._model)
        return detector


def _created(model: bytes) -> cv2.FaceDetectorYN:
    # OpenCV 5 prints a warning for each detector that its new engine has no targets to choose from.
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        return cv2.FaceDetectorYN.create(
            "onnx", np.frombuffer(model, np.uint8), np.empty(0, np.uint8), (320, 320), 0.5, _ALL, _MOST_CANDIDATES
        )
    except cv2.error as error:
        raise PackError(
            f"expected the detector to be a YuNet ONNX file that OpenCV {cv2.__version__} reads; "
            f"it is not ({error.err}); run `mobilefaceswap packs verify` and reinstall the pack"
        ) from error
    finally:
        cv2.utils.logging.setLogLevel(level)


def _face(row: np.ndarray) -> Face:
    """A face from YuNet's row: box, then five points starting at the person's right eye, the viewer's left."""
    return Face(row[4:14].reshape(5, 2), (row[0], row[1], row[2], row[3]), float(np.clip(row[14], 0.0, 1.0)))


def _merged(rows: np.ndarray) -> list[np.ndarray]:
    """One row for each face, the surest first: the mean of its candidates by how sure they are, as sure as the best."""
    left, found = rows[np.argsort(-rows[:, 14], kind="stable")], []
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
