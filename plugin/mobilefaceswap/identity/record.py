"""The identity record and its file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..errors import IdentityFileError
from ..files import write_failure, written_whole
from ..frame import Floats
from ..packs import Pack

__all__ = ["FORMAT", "Identity", "SourcePicture", "joined_releases"]

FORMAT = "mobilefaceswap-identity"
_VERSION = "1"
_BETWEEN = "; "
"""Between the release notes of several people."""


@dataclass(frozen=True, eq=False)
class SourcePicture:
    """How one source picture was used. note: for the user, for instance that several faces were found."""

    name: str
    used: bool
    note: str = ""


@dataclass(frozen=True, eq=False)
class Identity:
    """A source person, prepared for one pack.

    weights: float32 arrays by name, for the pack's network: its predicted weights, or the identity it takes with every
    frame. embedding: (D,), of the recogniser, not normalised. thumbnail: (96, 96, 3), an icon.
    """

    weights: Mapping[str, Floats]
    embedding: Floats
    pack_name: str
    pack_hash: str
    thumbnail: npt.NDArray[np.uint8]
    release: str = ""
    pictures: tuple[SourcePicture, ...] = field(default=())

    @cached_property
    def content_hash(self) -> str:
        """Hash of everything that pixels depend on: weights, embedding and pack."""
        digest = hashlib.sha256(self.pack_hash.encode())
        for name, array in sorted([*self.weights.items(), ("embedding", self.embedding)]):
            digest.update(f"{name}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array, np.float32).tobytes())
        return digest.hexdigest()

    @property
    def record_hash(self) -> str:
        """Hash of the whole record, thumbnail and release note included; detects a changed file."""
        digest = hashlib.sha256(f"{self.content_hash}\0{self.pack_name}\0{self.release}\0".encode())
        digest.update(np.ascontiguousarray(self.thumbnail).tobytes())
        return digest.hexdigest()

    def check_pack(self, pack: Pack) -> None:
        """Raises IdentityFileError where the identity was prepared with another pack."""
        if self.pack_hash != pack.content_hash:
            raise IdentityFileError(
                f"expected an identity prepared with pack {pack.name} ({pack.content_hash[:12]}); this one "
                f"was prepared with {self.pack_name} ({self.pack_hash[:12]}). "
                "Prepare it again from the pictures with `mobilefaceswap identity`, or choose the other pack"
            )

    def with_release(self, note: str) -> Identity:
        """A copy that records a likeness-release note, behind those it has."""
        return replace(self, release=joined_releases(self.release, note))

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
            raise write_failure(str(place), error) from error

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
            ) from error
        return identity


def joined_releases(*notes: str) -> str:
    """Release notes as one, each once."""
    return _BETWEEN.join(dict.fromkeys(one for note in notes for one in note.split(_BETWEEN) if one))
