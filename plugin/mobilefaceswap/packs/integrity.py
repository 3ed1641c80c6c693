"""Compares a pack's files with the hashes in ``pack.toml``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..cache import opened
from ..errors import PackIntegrityError, PackNotFoundError
from .records import Pack, PackFile

__all__ = ["REINSTALL", "FileState", "damage", "examine", "sha256_of", "verify"]

REINSTALL = "reinstall with `pip install --force-reinstall mobilefaceswap-ofx`"


@dataclass(frozen=True)
class FileState:
    """One file of a pack as it was found. found: its SHA-256, or None where there is no file."""

    file: PackFile
    path: Path
    found: str | None

    @property
    def intact(self) -> bool:
        """Whether the content is the recorded one."""
        return self.found == self.file.sha256


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content.

    Computed once per process while inode, size and modification time stay the same: every node asks for its pack, and
    hashing 60 MB takes longer than a frame.
    """
    status = path.stat()
    return opened.get("sha256", (path, status.st_ino, status.st_size, status.st_mtime_ns), lambda: _digest(path))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def examine(pack: Pack, *, afresh: bool = False) -> list[FileState]:
    """The state of every file. afresh: ignores hashes computed earlier in this process."""
    if afresh:
        opened.forget("sha256")
    return [_state(file, pack.path(file.role)) for file in pack.files.values()]


def _state(file: PackFile, path: Path) -> FileState:
    try:
        return FileState(file, path, sha256_of(path))
    except OSError:
        return FileState(file, path, None)


def verify(pack: Pack) -> None:
    """Raises PackNotFoundError or PackIntegrityError for the first file that is not the recorded one."""
    for state in examine(pack):
        if not state.intact:
            raise damage(pack, state, f"Run `mobilefaceswap packs pull {pack.folder}`, or {REINSTALL}")


def damage(pack: Pack, state: FileState, remedy: str) -> PackNotFoundError | PackIntegrityError:
    """The error that says what is wrong with a file, and with ``remedy`` what to do about it."""
    described = f"expected {state.path} ({state.file.role} of pack {pack.name}) to have SHA-256 {state.file.sha256}"
    if state.found is None:
        return PackNotFoundError(f"{described}; it is missing or cannot be read. {remedy}")
    return PackIntegrityError(f"{described}; found {state.found}. {remedy}")
