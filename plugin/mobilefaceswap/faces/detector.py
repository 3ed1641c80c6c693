"""What a detector must do, and which one finds the faces: the pack's own YuNet, or an InsightFace pack on request."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Protocol

from ..errors import UserInputError
from ..frame import Frame
from ..packs import Pack
from .face import Face

__all__ = ["FaceDetector", "open_detector"]

_INSIGHTFACE = "insightface:"


class FaceDetector(Hashable, Protocol):
    """Finds faces. ``name`` distinguishes analysers, with their versions, in cache keys."""

    @property
    def name(self) -> str:
        """Unique among analysers whose results differ."""
        ...

    def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
        """The faces of ``plate`` (display-referred sRGB, straight), from left to right.

        size: longest side of the search in pixels. threshold: least confidence, 0..1. Thread-safe.
        """
        ...


@lru_cache(maxsize=8)
def open_detector(pack: Pack, name: str | None = None) -> FaceDetector:
    """The analyser called ``name`` (None: the pack's own), opened once in a process.

    Raises UserInputError on an unknown name, PackError or PackNotFoundError where its files cannot be used.
    """
    from .yunet import YuNetDetector

    if name is None:
        return YuNetDetector(pack.path("detector"))
    if not name.startswith(_INSIGHTFACE) or name == _INSIGHTFACE:
        raise UserInputError(f"expected an analyser of the form insightface:FOLDER_OR_NAME; found {name!r}")
    from .insightface import InsightFaceDetector

    return InsightFaceDetector(name.removeprefix(_INSIGHTFACE))
