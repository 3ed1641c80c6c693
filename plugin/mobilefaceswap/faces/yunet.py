"""YuNet through OpenCV: a coarse search of the whole plate, then a closer look at each face.

The coarse search sees a 1080p plate at a third of its size, where landmarks jitter by pixels of the plate. The second
look, at a crop around the face, steadies them.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import cv2
import numpy as np

from ..errors import PackError
from ..frame import Frame
from ..geometry import Matrix, reduced, sample_frame
from .display import display_bytes
from .face import Face

__all__ = ["YuNetDetector"]

_CLOSE_UP = 224
# Against dlib's landmarks on eight portraits the eyes are off by 2.9 pixels of a 224-pixel crop; by 5.1 at 0.6.
_CLOSE_UP_FILL = 0.45
_OVERLAP = 0.3
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
        self.name = f"yunet-{digest}-{_CLOSE_UP}-{_CLOSE_UP_FILL}-opencv-{cv2.__version__}"
        self._detector()

    def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
        """See `FaceDetector`."""
        faces = [self._close_up(plate, face, threshold) for face in self._coarse(plate, size, threshold)]
        return tuple(sorted(faces, key=lambda face: float(face.centre[0])))

    def _coarse(self, plate: Frame, size: int, threshold: float) -> list[Face]:
        width, height = plate.size
        square_width = width * plate.pixel_aspect
        scale = min(1.0, size / max(square_width, height))
        small = max(1, round(square_width * scale)), max(1, round(height * scale))
        faces = self._detect(display_bytes(reduced(plate, small), plate.colour_space), threshold)
        return [face.scaled(width / small[0], height / small[1]) for face in faces]

    def _close_up(self, plate: Frame, face: Face, threshold: float) -> Face:
        """``face`` with the landmarks of a closer look; unchanged if that finds no face there."""
        x, y = face.centre
        aspect = plate.pixel_aspect
        scale = _CLOSE_UP * _CLOSE_UP_FILL / max(face.box[2] * aspect, face.box[3], 1.0)
        middle = (_CLOSE_UP - 1) / 2
        matrix: Matrix = np.array(
            [[scale * aspect, 0.0, middle - scale * aspect * x], [0.0, scale, middle - scale * y]]
        )
        crop = sample_frame(plate, matrix, _CLOSE_UP)
        candidates = self._detect(display_bytes(crop, plate.colour_space), min(threshold, face.confidence))
        if not candidates:
            return face
        nearest = min(candidates, key=lambda found: float(np.hypot(*(found.centre - middle))))
        if float(np.hypot(*(nearest.centre - middle))) > _CLOSE_UP * _CLOSE_UP_FILL / 2:
            return face
        linear, offset = matrix[:, :2].diagonal(), matrix[:, 2]
        corner = (np.array(nearest.box[:2]) - offset) / linear
        extent = np.array(nearest.box[2:]) / linear
        return Face((nearest.landmarks - offset) / linear, (*corner.tolist(), *extent.tolist()), face.confidence)

    def _detect(self, picture: np.ndarray, threshold: float) -> list[Face]:
        detector = self._detector()
        detector.setInputSize((picture.shape[1], picture.shape[0]))
        detector.setScoreThreshold(threshold)
        _, rows = detector.detect(picture)
        return [] if rows is None else [_face(row.astype(np.float64)) for row in rows]

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
            "onnx", np.frombuffer(model, np.uint8), np.empty(0, np.uint8), (320, 320), 0.5, _OVERLAP, _MOST_CANDIDATES
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
