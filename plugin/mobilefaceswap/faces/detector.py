"""The protocol of detectors, their registry, and the one function that finds faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ..cache import opened
from ..errors import UserInputError
from ..frame import Frame
from ..packs import Pack
from ..settings import Settings
from .face import Face

__all__ = ["DETECTORS", "FaceDetector", "detector_kind", "find_faces", "found_in", "open_detector", "working"]


class FaceDetector(Protocol):
    """Finds faces. ``name`` distinguishes detectors, with their versions, in cache keys."""

    @property
    def name(self) -> str:
        """Unique among detectors whose results differ."""
        ...

    def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
        """The faces of ``plate``, which is straight and in any colour space, from left to right.

        size: longest side of the search in pixels. threshold: least confidence, 0..1. Thread-safe.
        """
        ...


def _yunet(pack: Pack, _: str) -> FaceDetector:
    from .yunet import YuNetDetector

    return YuNetDetector(pack.path("detector"))


def _insightface(_: Pack, place: str) -> FaceDetector:
    if not place:
        raise UserInputError("expected a detector of the form insightface:NAME_OR_FOLDER; found no name or folder")
    # The import takes a second and sets ONNX Runtime's log level: only for those who ask for it.
    from .insightface import InsightFaceDetector

    return InsightFaceDetector(place)


DETECTORS: Mapping[str, Callable[[Pack, str], FaceDetector]] = {"yunet": _yunet, "insightface": _insightface}
"""How each kind of detector is opened: from the pack, and what the user wrote after ``KIND:``. The first is the
pack's own. A new one is a row here and its file.
"""


def detector_kind(name: str | None) -> tuple[str, str]:
    """(kind, place) of the detector called ``name``, as `open_detector` takes it. Raises UserInputError."""
    kind, _, place = (name or next(iter(DETECTORS))).partition(":")
    if kind not in DETECTORS:
        raise UserInputError(
            f"expected a detector of a kind among {', '.join(DETECTORS)}, such as insightface:NAME_OR_FOLDER; "
            f"found {name!r}"
        )
    return kind, place


def open_detector(pack: Pack, name: str | FaceDetector | None = None) -> FaceDetector:
    """The detector called ``name``, ``KIND`` or ``KIND:PLACE``, opened once per process; None for the pack's own. One
    that is open already is given back.

    Raises UserInputError on an unknown name, PackError or PackNotFoundError where its files cannot be used.
    """
    if name is not None and not isinstance(name, str):
        return name
    kind, place = detector_kind(name)
    return opened.get("detector", (pack.content_hash, kind, place), lambda: DETECTORS[kind](pack, place))


def found_in(detector: FaceDetector, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
    """The faces of ``plate``. Detectors see straight colour, so a face with low alpha is not darkened."""
    return detector.find(plate.straight(), size, threshold)


def find_faces(detector: FaceDetector, plate: Frame, settings: Settings) -> tuple[Face, ...]:
    """The faces in ``plate``, without smoothing: the same for every front and node with these settings."""
    return found_in(detector, working(plate, settings), settings.analysis_size, settings.detection_threshold)


def working(plate: Frame, settings: Settings) -> Frame:
    """The plate, declared to be in the colour space and at the exposure that the settings choose."""
    space = settings.space or plate.colour_space
    return plate.declared(space.exposed(settings.view_exposure))
