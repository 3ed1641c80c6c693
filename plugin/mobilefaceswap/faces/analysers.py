"""Which analyser finds the faces: the pack's own YuNet, or an InsightFace pack on request."""

from __future__ import annotations

from functools import lru_cache

from ..errors import UserInputError
from ..packs import Pack
from .detect import YuNetAnalyser
from .records import FaceAnalyser

__all__ = ["open_analyser"]

_INSIGHTFACE = "insightface:"


@lru_cache(maxsize=8)
def open_analyser(pack: Pack, name: str | None = None) -> FaceAnalyser:
    """The analyser called ``name`` (None: the pack's own), opened once in a process.

    Raises UserInputError on an unknown name, PackError or PackNotFoundError where its files cannot be used.
    """
    if name is None:
        return YuNetAnalyser(pack.path("detector"))
    if not name.startswith(_INSIGHTFACE) or name == _INSIGHTFACE:
        raise UserInputError(f"expected an analyser of the form insightface:FOLDER_OR_NAME; found {name!r}")
    from .insightface import InsightFaceAnalyser

    return InsightFaceAnalyser(name.removeprefix(_INSIGHTFACE))
