"""Writes a new pack, whole or not at all: networks, licence, the default pack's detector and ``pack.toml``."""

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
from ..packs import Pack, find_pack

__all__ = ["NetworkFile", "check_empty", "write_pack"]

_LICENCE_FILE = "LICENCE.txt"


@dataclass(frozen=True)
class NetworkFile:
    """One ONNX file to write, and what ``pack.toml`` says about it. origin: where the content comes from."""

    path: str
    content: bytes
    opset: int
    origin: str
    data: str
    inputs: Sequence[str]
    outputs: Sequence[str]


def check_empty(folder: Path) -> None:
    """Raises PackError unless ``folder`` is empty or does not exist. Checked before the work begins."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise PackError(f"expected {folder} to be a new or empty folder; found files there. Choose another with -o")


def write_pack(
    folder: Path,
    head: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
    files: Mapping[str, NetworkFile],
    licence: str,
) -> Pack:
    """Writes the pack into ``folder`` and returns it, verified. The detector is the default pack's.

    head: the fields of ``pack.toml`` besides schema and licence. tables: its tables besides those of the files.
    files: by role. licence: the text; its first line stands in ``pack.toml``. Raises PackError where it cannot be
    written.
    """
    title = licence.strip().splitlines()[0]
    default = find_pack()
    detector = default.files["detector"]
    entries = {role: _entry(file, title) for role, file in files.items()}
    entries["detector"] = {name: value for name, value in vars(detector).items() if name != "role"}
    named = {**tables, **{f"files.{role}": entry for role, entry in entries.items()}}
    text = [
        _lines({"schema": 2, **head, "licence": title}),
        *(f"[{name}]\n{_lines(row)}" for name, row in named.items()),
    ]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
            place = Path(unfinished) / "pack"
            place.mkdir()
            for file in files.values():
                (place / file.path).write_bytes(file.content)
            (place / _LICENCE_FILE).write_text(licence.strip() + "\n", "utf-8")
            for name in (detector.path, detector.licence_file):
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(default.folder / name, place / name)
            (place / "pack.toml").write_text("\n".join(text), "utf-8")
            if folder.is_dir():
                folder.rmdir()
            place.rename(folder)
    except OSError as error:
        raise PackError(
            f"expected to write the pack to {folder}; {error.strerror}. Choose a folder that can be written"
        ) from error
    return find_pack(folder)


def _entry(file: NetworkFile, licence: str) -> dict[str, Any]:
    return {
        "path": file.path,
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "bytes": len(file.content),
        "opset": file.opset,
        "licence": licence,
        "licence_file": _LICENCE_FILE,
        "origin": file.origin,
        "data": file.data,
        "inputs": file.inputs,
        "outputs": file.outputs,
    }


def _lines(table: Mapping[str, Any]) -> str:
    """TOML lines; strings, numbers and lists are written as in JSON, tables inline."""
    return "".join(f"{name} = {_value(value)}\n" for name, value in table.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_value(item)}" for name, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
