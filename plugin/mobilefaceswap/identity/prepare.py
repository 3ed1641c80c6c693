"""Source pictures in, one immutable identity out. Read once, used for every render.

Several pictures are combined by averaging the feature maps and unnormalised embeddings, of those that agree with one
another or by weights. Pixels and predicted weights are never averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ..errors import NoFaceInSourceError, UserInputError
from ..faces import Face, FaceDetector, found_in, plausibility, roll_of
from ..faces.choose import cosine
from ..frame import Floats, Frame
from ..packs import FaceInput, Pack
from ..swap import network_class
from .recognise import display_crop, encode_person, face_input, is_upright
from .record import Identity, SourcePicture, joined_releases
from .weigh import shares_of, weights_at_age

__all__ = ["prepare_identity"]

_AGREEMENT = 0.3
"""Least cosine to the most typical picture; SFace's authors take 0.363 as the same person."""
_NOT_A_FACE = "a face was found, but its eyes, nose and mouth cannot be told; turn the picture upright"
_SEARCH_SIZE = 640
_SEARCH_THRESHOLD = 0.6
_THUMBNAIL = 96
_ROLLED = 45
"""Degrees from which a picture counts as turned, and not the head as tilted."""
_NARROW, _WANTED_WIDTH = 50, 100
"""Pixels of a face's width. Of six portraits made smaller the embedding keeps a cosine of 0.99 to itself at 100, 0.97
to 0.99 at 50, 0.86 to 0.95 at 30 and 0.80 to 0.88 at 24.
"""


@dataclass(frozen=True, eq=False)
class _Shown:
    """A face in a source picture, with the recogniser's output. found: faces in the picture, this one included."""

    picture: Frame
    face: Face
    encoded: Mapping[str, Floats]
    found: int

    @property
    def roll(self) -> float:
        """Degrees by which the face is turned clockwise in the picture."""
        return roll_of(self.face.landmarks, self.picture.pixel_aspect)


@dataclass(frozen=True)
class _Unusable:
    """Why a picture shows nobody, and how many faces were found in it."""

    note: str
    found: int = 0


_Read = dict[int, _Shown | _Unusable]
"""Of the pictures that were read, by number."""


def prepare_identity(
    pictures: Sequence[tuple[str, Frame]],
    pack: Pack,
    detector: FaceDetector,
    source_face: int = 0,
    release: str = "",
    weights: Sequence[float] | None = None,
    ages: Sequence[float] | None = None,
    age: float = 0.0,
) -> Identity:
    """The identity shown by ``pictures`` (name, frame).

    source_face: which face of each picture, counting from the largest. Pictures without such a face, or that do not
    look like the others, are left out and noted. weights: of each picture, for portraits taken years apart: then those
    that do not look alike count, too. ages: instead of weights, the person's in each picture; those with a face that
    are nearest to ``age`` count. Raises NoFaceInSourceError where nothing is left, PackError, and UserInputError on
    weights and ages that do not fit.
    """
    if weights is not None:
        shares_of(weights, len(pictures), "pictures")

    def weighed(numbers: Sequence[int]) -> dict[int, float]:
        """The weights of pictures where ``numbers`` are all that have a face."""
        if ages is not None:
            return dict(zip(numbers, weights_at_age([ages[number] for number in numbers], age), strict=True))
        return {number: 1.0 if weights is None else weights[number] for number in numbers}

    names = [name for name, _ in pictures]
    read, counted = _read_those_that_count(
        names, lambda number: _shown(pictures[number][1], pack, detector, source_face), weighed
    )
    shown = {number: one for number, one in read.items() if isinstance(one, _Shown)}
    if weights is None and ages is None:
        notes = _notes(names, read, source_face, {})
        kept = _agreeing([one.encoded["embedding"] for one in shown.values()])
        faces = [*shown.values()]
        return _identity([faces[index] for index in kept], None, pack, release, tuple(_with_outliers(notes, kept)))
    shares = dict(zip(counted, shares_of([*counted.values()], len(counted), "pictures").tolist(), strict=True))
    heaviest_first = sorted(shares, key=lambda number: -shares[number])
    return _identity(
        [shown[number] for number in heaviest_first],
        [shares[number] for number in heaviest_first],
        pack,
        release,
        tuple(_notes(names, read, source_face, shares)),
    )


def _read_those_that_count(
    names: Sequence[str],
    read_picture: Callable[[int], _Shown | _Unusable],
    weighed: Callable[[Sequence[int]], dict[int, float]],
) -> tuple[_Read, dict[int, float]]:
    """The pictures that were read, and the weights of those that count. Raises NoFaceInSourceError where none does."""
    read: _Read = {}
    counted = _counted(names, read, weighed)
    while unread := [number for number in counted if number not in read]:
        read |= {number: read_picture(number) for number in unread}
        # Where one that counted shows nobody, others may count that did not.
        counted = _counted(names, read, weighed)
    if not counted:
        raise NoFaceInSourceError(f"expected a face in the source; {_left_out(names, read)}. {_advice(read)}")
    return read, counted


def _counted(
    names: Sequence[str], read: _Read, weighed: Callable[[Sequence[int]], dict[int, float]]
) -> dict[int, float]:
    """Weights above 0, by number, of pictures that show somebody or have not been read. Raises UserInputError."""
    left = [number for number in range(len(names)) if not isinstance(read.get(number), _Unusable)]
    try:
        return {number: weight for number, weight in (weighed(left) if left else {}).items() if weight}
    except UserInputError as error:
        if len(left) == len(names):
            raise
        raise UserInputError(f"{error}. Left out: {_left_out(names, read)}") from error


def _left_out(names: Sequence[str], read: _Read) -> str:
    """Pictures that show nobody, and why."""
    unusable = ((names[number], read[number]) for number in sorted(read))
    return "; ".join(f"{name}: {one.note}" for name, one in unusable if isinstance(one, _Unusable))


def _advice(read: _Read) -> str:
    """What to do where no picture shows the person."""
    most = max((one.found for one in read.values()), default=0)
    if not most:
        return f"Use a sharp picture in which the face is at least {_WANTED_WIDTH} pixels wide"
    return "Choose 0, the largest" if most == 1 else f"Choose 0 to {most - 1}, or another picture"


def _notes(names: Sequence[str], read: _Read, source_face: int, shares: Mapping[int, float]) -> list[SourcePicture]:
    """How each picture was used. shares: of those that were weighed."""
    notes = []
    for number, name in enumerate(names):
        one = read.get(number)
        if isinstance(one, _Shown):
            said = [_which_face(source_face, one.found)] if one.found > 1 else []
            said += [_turned(one)] if abs(one.roll) >= _ROLLED else []
            said += [_narrow(one)] if one.face.box[2] < _NARROW else []
            said += [f"weight {shares[number]:.2f}"] if number in shares else []
            notes.append(SourcePicture(name, True, "; ".join(said)))
        else:
            notes.append(SourcePicture(name, False, one.note if one else "its weight is 0"))
    return notes


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
    releases = joined_releases((release,))
    return Identity(weights, encoded["embedding"][0], pack.name, pack.content_hash, icon, releases, notes)


def _shown(picture: Frame, pack: Pack, detector: FaceDetector, source_face: int) -> _Shown | _Unusable:
    """The face as the recogniser sees it, or why there is none: its points or the recogniser may say so, too."""
    faces = sorted(found_in(detector, picture, _SEARCH_SIZE, _SEARCH_THRESHOLD), key=lambda face: -face.area)
    if source_face >= len(faces):
        return _Unusable(_no_such_face(source_face, len(faces)), len(faces))
    face, picture = faces[source_face], picture.straight()
    if plausibility(face.landmarks, picture.pixel_aspect) == 0:
        return _Unusable(_NOT_A_FACE)
    one = _Shown(picture, face, encode_person(picture, face, pack), len(faces))
    if abs(one.roll) >= _ROLLED and not is_upright(picture, face, one.encoded["embedding"], pack):
        return _Unusable(_NOT_A_FACE)
    return one


def _narrow(one: _Shown) -> str:
    width = f"the face is only {one.face.box[2]:.0f} pixels wide"
    return f"{width}: the likeness suffers, {_WANTED_WIDTH} or more are wanted"


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
