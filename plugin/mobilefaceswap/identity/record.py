"""The identity record and its file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..errors import IdentityFileError
from ..files import DAMAGED, write_failure, written_whole
from ..frame import Floats
from ..packs import Pack

__all__ = ["FORMAT", "VERSION", "Identity", "Part", "SourcePicture", "joined_releases"]

FORMAT, VERSION = "mobilefaceswap-identity", "1"
_DETAILS = {"details", "details_hash"}
"""What files of older versions lack."""


@dataclass(frozen=True, eq=False)
class SourcePicture:
    """How one source picture was used. note: for the user, for instance that several faces were found."""

    name: str
    used: bool
    note: str = ""


@dataclass(frozen=True)
class Part:
    """One person in a mix. share: of all, which add up to 1. content_hash, releases: of that identity. name: of its
    file, empty where it had none.
    """

    share: float
    content_hash: str
    name: str = ""
    releases: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Identity:
    """A source person, prepared for one pack.

    weights: float32 arrays by name, for the pack's network: its predicted weights, or the identity it takes with every
    frame. embedding: (D,), of the recogniser, not normalised. thumbnail: (96, 96, 3), an icon. releases: notes on the
    likeness release, each whole. pictures: it was prepared from, not kept in the file. parts: of a mix, the people.
    """

    weights: Mapping[str, Floats]
    embedding: Floats
    pack_name: str
    pack_hash: str
    thumbnail: npt.NDArray[np.uint8]
    releases: tuple[str, ...] = ()
    pictures: tuple[SourcePicture, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def release(self) -> str:
        """The release notes in one line, for people to read."""
        return "; ".join(self.releases)

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
        """Hash of the record with its thumbnail and release notes, as every version writes and checks it."""
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
        return replace(self, releases=joined_releases(self.releases, (note,)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a safetensors file, whole or not at all. Raises MediaError where the place cannot be written."""
        arrays: dict[str, npt.NDArray[Any]] = {f"weights.{name}": array for name, array in self.weights.items()}
        arrays |= {"embedding": self.embedding, "thumbnail": self.thumbnail}
        details = self._details()
        described = {
            "format": FORMAT,
            "version": VERSION,
            "pack_name": self.pack_name,
            "pack_hash": self.pack_hash,
            "record_hash": self.record_hash,
            "release": self.release,
            "details": details,
            "details_hash": _details_hash(self.record_hash, details),
        }
        place = Path(path)
        try:
            with written_whole(place) as part:
                part.write_bytes(save(arrays, described))
        except OSError as error:
            raise write_failure(str(place), error) from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Identity:
        """Reads what ``save`` wrote, in older versions, too. Raises IdentityFileError on anything else or on a changed
        file.
        """
        try:
            with safe_open(os.fspath(path), framework="numpy") as file:
                described = file.metadata() or {}
                if described.get("format") != FORMAT or described.get("version") != VERSION:
                    raise ValueError(f"format {described.get('format')!r}, version {described.get('version')!r}")
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            identity = cls(
                {name[8:]: array for name, array in arrays.items() if name.startswith("weights.")},
                arrays["embedding"],
                described["pack_name"],
                described["pack_hash"],
                arrays["thumbnail"],
                **_read_details(described),
            )
            _check("content", identity.record_hash, described["record_hash"])
            if _DETAILS & described.keys():
                found = _details_hash(identity.record_hash, described["details"])
                _check("details", found, described["details_hash"])
        except FileNotFoundError as error:
            raise IdentityFileError(
                f"expected an identity file at {path}; there is none. Check the name, or prepare it with "
                "`mobilefaceswap identity`"
            ) from error
        except (*DAMAGED, SafetensorError) as error:
            raise IdentityFileError(
                f"expected {path} to be an identity of version {VERSION} written by `mobilefaceswap identity`; "
                f"found {type(error).__name__}: {error}. Prepare it again from the pictures"
            ) from error
        return identity

    def _details(self) -> str:
        """What ``release`` cannot hold: notes one by one, and the people of a mix. Older versions pass it over."""
        return json.dumps({"releases": self.releases, "parts": [asdict(part) for part in self.parts]})


def _read_details(described: Mapping[str, str]) -> dict[str, Any]:
    """Release notes and parts by field. In a file of an older version the release is one note."""
    if not _DETAILS & described.keys():
        return {"releases": joined_releases((described["release"],))}
    details = json.loads(described["details"])
    parts = (
        Part(float(part["share"]), str(part["content_hash"]), str(part["name"]), tuple(map(str, part["releases"])))
        for part in details["parts"]
    )
    return {"releases": tuple(map(str, details["releases"])), "parts": tuple(parts)}


def _details_hash(record_hash: str, details: str) -> str:
    return hashlib.sha256(f"{record_hash}\0{details}".encode()).hexdigest()


def _check(what: str, found: str, recorded: str) -> None:
    """Raises ValueError where the file was changed."""
    if found != recorded:
        raise ValueError(f"{what} {found[:12]}, recorded {recorded[:12]}")


def joined_releases(*notes: tuple[str, ...]) -> tuple[str, ...]:
    """All release notes, equal ones once. A note is never taken apart: its parts belong together."""
    return tuple(dict.fromkeys(note for several in notes for note in several if note))
