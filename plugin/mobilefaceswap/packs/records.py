"""What a model pack is, as frozen records. `document` reads them from ``pack.toml``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from .contracts import BESIDES
from .crop import Crop, FaceInput, Normalisation

__all__ = ["Network", "Pack", "PackFile"]


@dataclass(frozen=True)
class PackFile:
    """One ONNX file as ``pack.toml`` records it. path, licence_file: relative to the pack's folder, with slashes."""

    role: str
    path: str
    sha256: str
    bytes: int
    opset: int
    licence: str
    licence_file: str
    origin: str
    data: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Network:
    """How the swapping network is fed and read.

    input, output: its numbers for crops and for colour. The rest matters to the kind ``embedding`` alone. image,
    identity, colour, mask: the names of inputs and outputs; no mask where it is empty. source: whether the identity is
    an embedding or the source's picture, then cropped as ``picture`` says. unit_length: the embedding is divided by
    its length.
    """

    input: Normalisation = Normalisation()
    output: Normalisation = Normalisation()
    image: str = "image"
    identity: str = "identity"
    colour: str = "colour"
    mask: str = ""
    source: Literal["embedding", "picture"] = "embedding"
    picture: FaceInput | None = None
    unit_length: bool = True


@dataclass(frozen=True, eq=False)
class Pack:
    """A model pack. kind: a name of ``CONTRACTS``. crop: what the swapping network sees. encoder: what the recogniser
    sees. defaults: values of settings that suit the network better than the table's own. document: all of
    ``pack.toml``, so also how the pack was trained and what was measured.
    """

    folder: Path
    name: str
    version: str
    title: str
    description: str
    licence: str
    commercial_use: bool
    kind: str
    crop: Crop
    encoder: FaceInput
    network: Network
    defaults: Mapping[str, Any]
    files: Mapping[str, PackFile]
    document: Mapping[str, Any] = field(repr=False)

    def path(self, role: str) -> Path:
        """Where the file of ``role`` lies. ``find_pack`` has verified its content."""
        return self.folder / self.files[role].path

    @cached_property
    def content_hash(self) -> str:
        """Over what swaps depend on: the files, and how they are fed and read. Not over descriptions."""
        parts = [f"{role}:{file.sha256}" for role, file in sorted(self.files.items()) if role not in BESIDES]
        text = "\n".join([self.kind, *parts, repr(self.crop), repr(self.encoder), repr(self.network)])
        return hashlib.sha256(text.encode()).hexdigest()
