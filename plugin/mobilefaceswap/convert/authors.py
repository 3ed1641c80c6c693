"""Makes a model pack from the two files that the authors of MobileFaceSwap publish."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PackError
from ..packs import Pack, PackFile, find_pack
from .arcface import encoder_graph
from .graph import OPSET
from .network import CROP, identity_graph, idn_graph, weight_shapes
from .pdparams import read_pdparams

__all__ = ["convert_authors_files"]

NAME = "mobilefaceswap-224"
_LICENCE = (
    "Unclear: the authors' code is Apache-2.0, but they state no licence for these weights, which were trained on "
    "research data. Treat them as research use only and ask the authors before any other use."
)
_PUBLISHED = {
    "idn": ("MobileFaceSwap_224.pdparams", "ee51a18684d2862363deefde14220d7e7eb33b78b5b1840e1a76566a7f3508fb"),
    "encoder": ("arcface.pdparams", "adc5d94075fc2f8ad93ba1040310b97f604843d03c82ecf3a4bdb86af658ca3b"),
}
"""What the authors' files are called and their SHA-256."""


@dataclass(frozen=True)
class _Content:
    """One ONNX file to write, and what ``pack.toml`` says about it."""

    path: str
    content: bytes
    origin: str
    inputs: Sequence[str]
    outputs: Sequence[str]


def convert_authors_files(idn: Path, encoder: Path, folder: Path) -> Pack:
    """Writes a pack with the authors' networks into ``folder`` and returns it, verified.

    idn: MobileFaceSwap_224.pdparams; encoder: arcface.pdparams. Nothing in them is run. The detector is the default
    pack's. Raises PackError where a file holds anything else, or where ``folder`` is not empty or cannot be written.
    """
    _check_empty(folder)
    swapper, recogniser = read_pdparams(idn), read_pdparams(encoder)
    from_idn, from_encoder = _origin(idn, "idn"), _origin(encoder, "encoder")
    weights = list(weight_shapes())
    data = {"licence": _LICENCE}
    files = {
        "encoder": _Content(
            "encoder.onnx", encoder_graph(recogniser, data), from_encoder, ["face"], ["feature_map", "embedding"]
        ),
        "identity": _Content(
            "identity.onnx", identity_graph(swapper, data), from_idn, ["feature_map", "embedding"], weights
        ),
        "idn": _Content("idn.onnx", idn_graph(swapper, data), from_idn, ["image", *weights], ["colour", "mask"]),
    }
    try:
        _write(folder, files, find_pack())
    except OSError as error:
        raise PackError(
            f"expected to write the pack to {folder}; {error.strerror}. Choose a folder that can be written"
        ) from error
    return find_pack(folder)


def _check_empty(folder: Path) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise PackError(f"expected {folder} to be a new or empty folder; found files there. Choose another with -o")


def _origin(path: Path, role: str) -> str:
    """Where a file comes from, and whether it is the one that the authors publish."""
    name, published = _PUBLISHED[role]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    known = "as published by the authors" if found == published else f"not the published {name}"
    return f"converted from {path.name} (sha256 {found}), {known}"


def _write(folder: Path, files: Mapping[str, _Content], default: Pack) -> None:
    """Writes the pack whole or not at all: the folder gets its name once everything is in it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        place = Path(unfinished) / "pack"
        place.mkdir()
        for file in files.values():
            (place / file.path).write_bytes(file.content)
        (place / "LICENCE.txt").write_text(_LICENCE + "\n", "utf-8")
        detector = default.files["detector"]
        for name in (detector.path, detector.licence_file):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(default.folder / name, place / name)
        (place / "pack.toml").write_text(_document(files, detector), "utf-8")
        if folder.is_dir():
            folder.rmdir()
        place.rename(folder)


def _document(files: Mapping[str, _Content], detector: PackFile) -> str:
    head = {
        "schema": 2,
        "name": NAME,
        "version": "1.0.0",
        "title": "MobileFaceSwap 224, the authors' weights",
        "description": "Converted on this machine from the files that the authors of MobileFaceSwap publish.",
        "licence": _LICENCE,
        "commercial_use": False,
        "kind": "idn",
    }
    tables: dict[str, Mapping[str, Any]] = {
        "crop": {"size": CROP, "template": "arcface-112", "fit": "affine"},
        "encoder": {"size": 112, "range": 1.0, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        "files.detector": {name: value for name, value in vars(detector).items() if name != "role"},
    }
    for role, file in files.items():
        tables[f"files.{role}"] = {
            "path": file.path,
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "bytes": len(file.content),
            "opset": OPSET,
            "licence": _LICENCE,
            "licence_file": "LICENCE.txt",
            "origin": file.origin,
            "data": "not stated by the authors",
            "inputs": file.inputs,
            "outputs": file.outputs,
        }
    return "\n".join([_lines(head), *(f"[{name}]\n{_lines(table)}" for name, table in tables.items())])


def _lines(table: Mapping[str, Any]) -> str:
    """TOML lines; strings, numbers and lists are written as in JSON."""
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in table.items())
