"""Source pictures in, one immutable identity out: read once, rendered from ever after.

Several pictures are joined by the mean of their feature maps and of their unnormalised embeddings, over the pictures
that agree with one another; never of pixels or of predicted weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ..errors import NoFaceInSourceError
from ..faces import Face, FaceDetector
from ..faces.choose import cosine
from ..frame import Floats, Frame
from ..packs import Pack
from ..runtime import identity_session
from .recognise import display_crop, encode_face, encoder_input, portrait_size
from .record import Identity, SourcePicture

__all__ = ["prepare_identity"]

_AGREEMENT = 0.3
"""Least cosine to the most typical picture; SFace's authors take 0.363 as the same person."""
_SEARCH_SIZE = 640
_SEARCH_THRESHOLD = 0.6
_THUMBNAIL = 96


def prepare_identity(
    pictures: Sequence[tuple[str, Frame]],
    pack: Pack,
    analyser: FaceDetector,
    source_face: int = 0,
    release: str = "",
) -> Identity:
    """The identity shown by ``pictures`` (name, straight frame).

    source_face: which face of each picture, counted from the largest. Pictures without a face, or that do not look
    like the others, are left out and noted. Raises NoFaceInSourceError where nothing is left.
    """
    notes: list[SourcePicture] = []
    encoded: list[tuple[Floats, Floats]] = []
    shown: list[tuple[Frame, Face]] = []
    for name, picture in pictures:
        faces = sorted(analyser.find(picture, _SEARCH_SIZE, _SEARCH_THRESHOLD), key=lambda face: -face.area)
        if source_face >= len(faces):
            notes.append(SourcePicture(name, False, _no_such_face(source_face, len(faces))))
            continue
        note = _which_face(source_face, len(faces)) if len(faces) > 1 else ""
        notes.append(SourcePicture(name, True, note))
        encoded.append(encode_face(picture, faces[source_face], pack))
        shown.append((picture, faces[source_face]))
    if not encoded:
        found = "; ".join(f"{note.name}: {note.note}" for note in notes)
        raise NoFaceInSourceError(
            f"expected a face in the source; {found}. Use a sharp picture in which the face is at least 100 pixels wide"
        )
    kept = _agreeing([embedding for _, embedding in encoded])
    notes = _with_outliers(notes, kept)
    feature_map = np.stack([encoded[index][0] for index in kept]).mean(axis=0)
    embedding = np.stack([encoded[index][1] for index in kept]).mean(axis=0)
    session, typical = identity_session(pack), shown[kept[0]]
    inputs = {"feature_map": feature_map, "embedding": embedding}
    if "face" in session.inputs:
        # A mean of several faces would be nobody's: the most typical picture stands for all.
        inputs["face"] = encoder_input(*typical, pack, portrait_size(session))
    thumbnail = _thumbnail(display_crop(*typical, pack, pack.crop.size))
    return Identity(session.run(inputs), embedding[0], pack.name, pack.content_hash, thumbnail, release, tuple(notes))


def _no_such_face(wanted: int, found: int) -> str:
    if not found:
        return "no face found"
    return f"no face number {wanted}, counted from the largest, which is 0: {found} found"


def _which_face(taken: int, found: int) -> str:
    """Which of several faces is meant; Source Face in a host, --source-face on the command line."""
    which = "the largest" if taken == 0 else f"number {taken}, counted from the largest, which is 0"
    return f"{found} faces found: took {which} (source-face chooses another)"


def _agreeing(embeddings: Sequence[Floats]) -> list[int]:
    """Indices of the embeddings that are like the most typical one, which comes first."""
    likeness = np.array([[cosine(a, b) for b in embeddings] for a in embeddings])
    typical = int(np.argmax(likeness.sum(axis=1)))
    others = [index for index in range(len(embeddings)) if index != typical and likeness[typical, index] >= _AGREEMENT]
    return [typical, *others]


def _with_outliers(notes: Sequence[SourcePicture], kept: Sequence[int]) -> list[SourcePicture]:
    """Marks the used pictures whose number among the used ones is not in ``kept``."""
    numbers = iter(range(len(notes)))
    outlier = "left out: does not look like the other pictures"
    return [
        SourcePicture(note.name, False, outlier) if note.used and next(numbers) not in kept else note for note in notes
    ]


def _thumbnail(crop: Floats) -> npt.NDArray[np.uint8]:
    small = cv2.resize(crop, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    return np.asarray(np.rint(small * 255), np.uint8)
