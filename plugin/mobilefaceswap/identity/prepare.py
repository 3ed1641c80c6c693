"""Source pictures in, one immutable identity out. Read once, used for every render.

Several pictures are combined by averaging the feature maps and unnormalised embeddings, of those that agree with one
another or by weights. Pixels and predicted weights are never averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ..errors import NoFaceInSourceError
from ..faces import Face, FaceDetector, found_in, plausibility, roll_of
from ..faces.choose import cosine
from ..frame import Floats, Frame
from ..packs import FaceInput, Pack
from ..swap import network_class
from .recognise import display_crop, encode_person, face_input, is_upright
from .record import Identity, SourcePicture
from .weigh import shares_of

__all__ = ["prepare_identity"]

_AGREEMENT = 0.3
"""Least cosine to the most typical picture; SFace's authors take 0.363 as the same person."""
_NOT_A_FACE = "a face was found, but its eyes, nose and mouth cannot be told; turn the picture upright"
_SEARCH_SIZE = 640
_SEARCH_THRESHOLD = 0.6
_THUMBNAIL = 96
_ROLLED = 45
"""Degrees from which a picture counts as turned, and not the head as tilted."""


@dataclass(frozen=True, eq=False)
class _Shown:
    """A face in a source picture, with the recogniser's output."""

    picture: Frame
    face: Face
    encoded: Mapping[str, Floats]

    @property
    def roll(self) -> float:
        """Degrees by which the face is turned clockwise in the picture."""
        return roll_of(self.face.landmarks, self.picture.pixel_aspect)


def prepare_identity(
    pictures: Sequence[tuple[str, Frame]],
    pack: Pack,
    detector: FaceDetector,
    source_face: int = 0,
    release: str = "",
    weights: Sequence[float] | None = None,
) -> Identity:
    """The identity shown by ``pictures`` (name, frame).

    source_face: which face of each picture, counting from the largest. Pictures without such a face, or that do not
    look like the others, are left out and noted. weights: of each picture, for portraits taken years apart: then those
    that do not look alike count, too. Raises NoFaceInSourceError where nothing is left, PackError, and UserInputError
    on weights that do not fit.
    """
    shares = None if weights is None else shares_of(weights, len(pictures), "pictures")
    notes: list[SourcePicture] = []
    shown: list[_Shown] = []
    counted: list[float] = []
    for number, (name, picture) in enumerate(pictures):
        if shares is not None and not shares[number]:
            notes.append(SourcePicture(name, False, "its weight is 0"))
            continue
        faces = sorted(found_in(detector, picture, _SEARCH_SIZE, _SEARCH_THRESHOLD), key=lambda face: -face.area)
        if source_face >= len(faces):
            notes.append(SourcePicture(name, False, _no_such_face(source_face, len(faces))))
            continue
        one = _encoded(picture.straight(), faces[source_face], pack)
        if one is None:
            notes.append(SourcePicture(name, False, _NOT_A_FACE))
            continue
        said = [_which_face(source_face, len(faces))] if len(faces) > 1 else []
        said += [_turned(one)] if abs(one.roll) >= _ROLLED else []
        said += [] if shares is None else [f"weight {shares[number]:.2f}"]
        counted.append(0.0 if shares is None else float(shares[number]))
        notes.append(SourcePicture(name, True, "; ".join(said)))
        shown.append(one)
    if not shown:
        found = "; ".join(f"{note.name}: {note.note}" for note in notes)
        raise NoFaceInSourceError(
            f"expected a face in the source; {found}. Use a sharp picture in which the face is at least 100 pixels wide"
        )
    if shares is None:
        kept = _agreeing([one.encoded["embedding"] for one in shown])
        return _identity([shown[index] for index in kept], None, pack, release, tuple(_with_outliers(notes, kept)))
    heaviest_first = sorted(range(len(shown)), key=lambda index: -counted[index])
    weighed = [counted[index] for index in heaviest_first]
    return _identity([shown[index] for index in heaviest_first], weighed, pack, release, tuple(notes))


def _identity(
    shown: Sequence[_Shown],
    shares: Sequence[float] | None,
    pack: Pack,
    release: str,
    notes: tuple[SourcePicture, ...],
) -> Identity:
    """The identity of pictures, the most typical first, by ``shares``, or alike."""
    typical = shown[0]
    encoded = {
        name: np.average([one.encoded[name] for one in shown], axis=0, weights=shares).astype(np.float32)
        for name in typical.encoded
    }

    def portrait(wanted: FaceInput) -> Floats:
        # An average of several faces would look like nobody; the most typical picture represents them.
        return face_input(typical.picture, typical.face, wanted)

    weights = network_class(pack).prepared(pack, encoded, portrait)
    icon = _thumbnail(display_crop(typical.picture, typical.face, pack.crop))
    return Identity(weights, encoded["embedding"][0], pack.name, pack.content_hash, icon, release, notes)


def _encoded(picture: Frame, face: Face, pack: Pack) -> _Shown | None:
    """The face as the recogniser sees it; None where its points or the recogniser say that it is none."""
    if plausibility(face.landmarks, picture.pixel_aspect) == 0:
        return None
    one = _Shown(picture, face, encode_person(picture, face, pack))
    if abs(one.roll) >= _ROLLED and not is_upright(picture, face, one.encoded["embedding"], pack):
        return None
    return one


def _turned(one: _Shown) -> str:
    way = "anticlockwise" if one.roll > 0 else "clockwise"
    return f"the face is rolled: turned upright, {abs(one.roll):.0f} degrees {way}"


def _no_such_face(wanted: int, found: int) -> str:
    if not found:
        return "no face found"
    return f"no face number {wanted}, counted from the largest, which is 0: {found} found"


def _which_face(taken: int, found: int) -> str:
    """Source Face in a host, --source-face on the command line."""
    which = "the largest" if taken == 0 else f"number {taken}, counted from the largest, which is 0"
    return f"{found} faces found: took {which} (source-face chooses another)"


def _agreeing(embeddings: Sequence[Floats]) -> list[int]:
    """Indices of the embeddings that agree with the most typical one, which comes first."""
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
