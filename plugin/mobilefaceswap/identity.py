"""Source pictures in, one immutable identity out: read once, rendered from ever after.

Several pictures are joined by the mean of their feature maps and of their unnormalised embeddings, over the pictures
that agree with one another; never of pixels or of predicted weights.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .colour import to_display
from .errors import IdentityFileError, NoFaceInSourceError, PackError, UserInputError
from .faces import Face, FaceAnalyser
from .faces.align import fit_crop, sample_crop
from .faces.choose import cosine
from .files import write_failure, written_whole
from .frame import Floats, Frame
from .media import PICTURE_ENDINGS
from .packs import Pack, Session, encoder_session, identity_session

__all__ = ["Identity", "Picture", "display_crop", "encode_face", "picture_files", "portrait_size", "prepare_identity"]

FORMAT = "mobilefaceswap-identity"
_VERSION = "1"
_AGREEMENT = 0.3
"""Least cosine to the most typical picture; SFace's authors take 0.363 as the same person."""
_SEARCH_SIZE = 640
_SEARCH_THRESHOLD = 0.6
_THUMBNAIL = 96


@dataclass(frozen=True, eq=False)
class Picture:
    """What one source picture gave. note: what a user should know, for instance that there were several faces."""

    name: str
    used: bool
    note: str = ""


@dataclass(frozen=True, eq=False)
class Identity:
    """A source person, prepared for one pack. weights: the network's predicted weights by name, float32."""

    weights: Mapping[str, Floats]
    embedding: Floats
    pack_name: str
    pack_hash: str
    thumbnail: npt.NDArray[np.uint8]
    release: str = ""
    pictures: tuple[Picture, ...] = field(default=())

    @cached_property
    def content_hash(self) -> str:
        """Over everything that pixels depend on: weights, embedding and pack."""
        digest = hashlib.sha256(self.pack_hash.encode())
        for name, array in sorted([*self.weights.items(), ("embedding", self.embedding)]):
            digest.update(f"{name}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array, np.float32).tobytes())
        return digest.hexdigest()

    @property
    def record_hash(self) -> str:
        """Over the whole record, thumbnail and release note included: what tells a changed file."""
        digest = hashlib.sha256(f"{self.content_hash}\0{self.pack_name}\0{self.release}\0".encode())
        digest.update(np.ascontiguousarray(self.thumbnail).tobytes())
        return digest.hexdigest()

    def with_release(self, note: str) -> Identity:
        """A copy that records a likeness-release note."""
        return replace(self, release=note)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a safetensors file, whole or not at all. Raises MediaError where the place cannot be written."""
        arrays: dict[str, npt.NDArray[Any]] = {f"weights.{name}": array for name, array in self.weights.items()}
        arrays |= {"embedding": self.embedding, "thumbnail": self.thumbnail}
        described = {
            "format": FORMAT,
            "version": _VERSION,
            "pack_name": self.pack_name,
            "pack_hash": self.pack_hash,
            "record_hash": self.record_hash,
            "release": self.release,
        }
        place = Path(path)
        try:
            with written_whole(place) as part:
                part.write_bytes(save(arrays, described))
        except OSError as error:
            raise write_failure(str(place), error) from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Identity:
        """Reads what ``save`` wrote. Raises IdentityFileError on anything else or on a changed file."""
        try:
            with safe_open(os.fspath(path), framework="numpy") as file:
                described = file.metadata() or {}
                if described.get("format") != FORMAT or described.get("version") != _VERSION:
                    raise ValueError(f"format {described.get('format')!r}, version {described.get('version')!r}")
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            identity = cls(
                {name[8:]: array for name, array in arrays.items() if name.startswith("weights.")},
                arrays["embedding"],
                described["pack_name"],
                described["pack_hash"],
                arrays["thumbnail"],
                described["release"],
            )
            if identity.record_hash != described["record_hash"]:
                raise ValueError(f"content {identity.record_hash[:12]}, recorded {described['record_hash'][:12]}")
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise IdentityFileError(
                f"expected {path} to be an identity of version {_VERSION} written by `mobilefaceswap identity`; "
                f"found {type(error).__name__}: {error}. Prepare it again from the pictures"
            ) from None
        return identity


def picture_files(source: Path) -> list[Path]:
    """The pictures that a file or folder stands for, in order of name. Raises UserInputError on an empty folder."""
    if not source.is_dir():
        return [source]
    # Desktops leave hidden files of the same names beside pictures (._a.jpg), which are none.
    files = (path for path in source.iterdir() if not path.name.startswith("."))
    found = sorted(path for path in files if path.suffix.lower() in PICTURE_ENDINGS)
    if not found:
        raise UserInputError(
            f"expected pictures in the folder {source}; found none with the endings {', '.join(PICTURE_ENDINGS)}"
        )
    return found


def display_crop(picture: Frame, face: Face, pack: Pack, size: int) -> Floats:
    """The aligned (size, size, 3) crop of ``face``, display-referred sRGB, 0..1."""
    matrix = fit_crop(face.landmarks, size, pack.crop.fit, picture.pixel_aspect)
    crop = to_display(sample_crop(np.nan_to_num(picture.rgb), matrix, size), picture.colour_space)
    return np.asarray(np.clip(np.nan_to_num(crop), 0.0, 1.0), np.float32)


def encode_face(picture: Frame, face: Face, pack: Pack) -> tuple[Floats, Floats]:
    """(feature map (1, C, h, w), embedding (1, D), not normalised) of one face by the pack's encoder."""
    out = encoder_session(pack).run({"face": encoder_input(picture, face, pack, pack.encoder.size)})
    return out["feature_map"], out["embedding"]


def encoder_input(picture: Frame, face: Face, pack: Pack, size: int) -> Floats:
    """The aligned face (1, 3, size, size) in the range and normalisation that the pack's encoder declares."""
    declared = pack.encoder
    crop = display_crop(picture, face, pack, size) * declared.range
    normalised = (crop - np.array(declared.mean)) / np.array(declared.std)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None], np.float32)


def portrait_size(session: Session) -> int:
    """Pixels of the square face that a pack's identity graph asks for. Raises PackError where it leaves them open."""
    shape = session.inputs["face"]
    if len(shape) != 4 or not isinstance(shape[-1], int) or shape[-2] != shape[-1]:
        raise PackError(
            "expected the identity graph of the pack to take a square face of a fixed size, as (1, 3, 224, 224); "
            f"found {shape}. Export the graph again with a fixed size, or choose another pack"
        )
    return shape[-1]


def prepare_identity(
    pictures: Sequence[tuple[str, Frame]],
    pack: Pack,
    analyser: FaceAnalyser,
    source_face: int = 0,
    release: str = "",
) -> Identity:
    """The identity shown by ``pictures`` (name, straight frame).

    source_face: which face of each picture, counted from the largest. Pictures without a face, or that do not look
    like the others, are left out and noted. Raises NoFaceInSourceError where nothing is left.
    """
    notes: list[Picture] = []
    encoded: list[tuple[Floats, Floats]] = []
    shown: list[tuple[Frame, Face]] = []
    for name, picture in pictures:
        faces = sorted(analyser.find(picture, _SEARCH_SIZE, _SEARCH_THRESHOLD), key=lambda face: -face.area)
        if source_face >= len(faces):
            notes.append(Picture(name, False, _no_such_face(source_face, len(faces))))
            continue
        note = _which_face(source_face, len(faces)) if len(faces) > 1 else ""
        notes.append(Picture(name, True, note))
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


def _with_outliers(notes: Sequence[Picture], kept: Sequence[int]) -> list[Picture]:
    """Marks the used pictures whose number among the used ones is not in ``kept``."""
    numbers = iter(range(len(notes)))
    outlier = "left out: does not look like the other pictures"
    return [Picture(note.name, False, outlier) if note.used and next(numbers) not in kept else note for note in notes]


def _thumbnail(crop: Floats) -> npt.NDArray[np.uint8]:
    small = cv2.resize(crop, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    return np.asarray(np.rint(small * 255), np.uint8)
