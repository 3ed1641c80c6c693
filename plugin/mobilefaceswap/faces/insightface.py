"""InsightFace packs as detectors, on request only: their named packs are for non-commercial research."""

from __future__ import annotations

import hashlib
import math
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import PackError, PackNotFoundError
from ..frame import Frame
from ..packs import sha256_of
from .face import Face
from .finding import VERSION, search

__all__ = ["LICENCE", "NAMED_PACKS", "InsightFaceDetector"]

LICENCE = "InsightFace model packs: non-commercial research use only, unless you hold a licence from insightface.ai"

_STRIDE = 32
NAMED_PACKS = Path("~/.insightface/models")


class InsightFaceDetector:
    """SCRFD and its kin from a folder of ONNX files, or from a named pack that is already on this machine."""

    def __init__(self, name: str) -> None:
        """Raises PackNotFoundError where the folder is absent (nothing is ever downloaded), PackError otherwise."""
        folder = _existing(name)
        # The import takes a second and sets ONNX Runtime's log level: only for those who ask for it.
        from insightface.app import FaceAnalysis

        try:
            analysis: Any = FaceAnalysis(
                name=str(folder), allowed_modules=["detection"], providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its loader raises whatever the file provokes, assertions included
            raise PackError(
                f"expected {folder} to hold ONNX files with a face detector that insightface {version('insightface')} "
                f"knows; found {type(error).__name__}: {error}. Check the folder's content"
            ) from error
        self.name = f"insightface-{_content(folder)}-{VERSION}-{version('insightface')}"
        self._model = analysis.det_model
        self._lock = threading.Lock()

    def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
        """See ``FaceDetector``."""
        # No confidence of these is known that only upright faces reach: every face is looked at in all rotations.
        return search(self._look, plate, size, threshold, math.inf)

    def _look(self, picture: np.ndarray, threshold: float) -> list[Face]:
        side = -(-max(picture.shape[:2]) // _STRIDE) * _STRIDE
        with self._lock:
            self._model.prepare(ctx_id=-1, input_size=(side, side), det_thresh=threshold)
            boxes, points = self._model.detect(picture, input_size=(side, side))
        return [_face(box, landmarks) for box, landmarks in zip(boxes, points, strict=True)]


def _face(box: Any, landmarks: Any) -> Face:
    x1, y1, x2, y2, score = (float(value) for value in box)
    return Face(np.asarray(landmarks, np.float64), (x1, y1, x2 - x1, y2 - y1), min(score, 1.0))


def _content(folder: Path) -> str:
    """Identifies the folder's networks by their hashes, since the files under a name may change."""
    hashes = [sha256_of(path) for path in sorted(folder.glob("*.onnx"))]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()[:16]


def _existing(name: str) -> Path:
    places = [Path(name).expanduser(), (NAMED_PACKS / name).expanduser()]
    for place in places:
        if place.is_dir():
            return place.resolve()
    raise PackNotFoundError(
        f"expected an InsightFace pack at {places[0]} or {places[1]}; found neither, and nothing is downloaded. "
        f"Fetch it with insightface's own command if its licence allows your use ({LICENCE})"
    )
