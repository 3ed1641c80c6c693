"""Resolves what a user names as the source: an identity file, a picture, a folder, several pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..cache import opened
from ..errors import NoFaceInSourceError, UserInputError
from ..faces import FaceDetector, open_detector
from ..frame import Floats
from ..media import PICTURE_ENDINGS, read_picture
from ..packs import Pack
from .mix import mixed
from .prepare import prepare_identity
from .record import Identity
from .weigh import ages_of, weights_at_age

__all__ = ["Source", "load_source", "picture_files", "reference_embedding"]

Source = Identity | str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def picture_files(source: Path) -> list[Path]:
    """The pictures in a folder, by name; for a file, the file. Raises UserInputError on an empty folder."""
    if not source.is_dir():
        return [source]
    # Desktops leave hidden files beside pictures (._a.jpg) that are no pictures.
    files = (path for path in source.iterdir() if not path.name.startswith("."))
    found = sorted(path for path in files if path.suffix.lower() in PICTURE_ENDINGS)
    if not found:
        raise UserInputError(
            f"expected pictures in the folder {source}; found none with the endings {', '.join(PICTURE_ENDINGS)}"
        )
    return found


def load_source(
    source: Source,
    pack: Pack,
    faces: str | FaceDetector | None,
    source_face: int = 0,
    weights: Sequence[float] | None = None,
    age: float = 0.0,
    ages: Sequence[float] | None = None,
) -> Identity:
    """The identity of ``source``. faces: the detector as ``open_detector`` takes it, which prepared identities do not
    need. weights: of pictures or identities. age: instead of weights, the one to show, by the person's ``ages`` in
    each, or those in the table ``AGES`` beside them; 0 without ``ages``: all alike. Raises as FaceSwapNode does.
    """
    if isinstance(source, Identity):
        return source
    places = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    prepared = [place for place in places if Path(place).suffix.lower() == ".idn"]
    if prepared and len(prepared) < len(places):
        raise UserInputError(
            f"expected pictures of one person, or prepared identities to mix; found both ({prepared[0]} is prepared). "
            "Prepare the pictures first with `mobilefaceswap identity`"
        )
    files = [file for place in places for file in picture_files(Path(place))]
    if ages is None and age and files:
        ages = ages_of(files)
    if ages is not None and len(ages) != len(files):
        found = ", ".join(f"{one:g}" for one in ages)
        raise UserInputError(
            f"expected an age for each of {len(files)} portraits; found {found}. Name as many ages as portraits"
        )
    if prepared:
        _check_face(source_face, prepared)
        weights = weights if ages is None else weights_at_age(ages, age)
        identities = [Identity.load(place) for place in prepared]
        if len(identities) == 1 and weights is None:
            return identities[0]
        names = [Path(place).name for place in prepared]
        return mixed(identities, [1.0] * len(identities) if weights is None else weights, pack, names)
    if not files:
        raise UserInputError("expected a source: a picture, a folder of pictures or an identity file; found none")
    pictures = [(file.name, read_picture(file)) for file in files]
    return prepare_identity(
        pictures, pack, open_detector(pack, faces), source_face, weights=weights, ages=ages, age=age
    )


def _check_face(source_face: int, prepared: Sequence[str | os.PathLike[str]]) -> None:
    """Raises UserInputError where a face is chosen of identities, each of which is of one."""
    if source_face:
        raise UserInputError(
            f"expected pictures where a source face is chosen; found {source_face} for {prepared[0]}, an identity, "
            "which has one face alone. Choose 0, or prepare it again with `mobilefaceswap identity --source-face`"
        )


def reference_embedding(path: str, pack: Pack, detector: FaceDetector) -> Floats:
    """The embedding of the largest face in a reference picture; read again if the file changes.

    Raises UserInputError where there is no picture, or no face in it.
    """
    if not path:
        raise UserInputError(
            "expected a reference picture since Face is set to Like Reference Picture; found none. "
            "Set `reference`, or choose the face in another way"
        )
    try:
        status = os.stat(path)
    except OSError as error:
        raise UserInputError(
            f"expected the reference picture at {path}; {error.strerror}. Choose the file again"
        ) from error
    key = (path, status.st_mtime_ns, status.st_size, pack.content_hash, detector.name)
    return opened.get("reference", key, lambda: _embedding(path, pack, detector))


def _embedding(path: str, pack: Pack, detector: FaceDetector) -> Floats:
    try:
        return load_source(path, pack, detector).embedding
    except NoFaceInSourceError as error:
        raise UserInputError(
            f"expected a face in the reference picture {path}; found none. Use a sharp picture of the person to replace"
        ) from error
