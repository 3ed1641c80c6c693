"""Checks input and output files before any work begins."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import MediaError

__all__ = ["Pattern", "check_free", "check_input", "check_output", "file_key"]

_PLACEHOLDER = re.compile(r"%(?:0(\d+))?d|(#+)")
_SAMPLES = (0, -1, *(10**power for power in range(7)))
"""Frame numbers of every length: two patterns that agree on none of them share no file."""


@dataclass(frozen=True)
class Pattern:
    """A sequence's name with a placeholder for the number (``%04d`` or ``####``), or the name of one file.

    A file that really bears the name, placeholder included, is one file.
    """

    text: str

    @property
    def numbered(self) -> bool:
        """Whether there is a placeholder."""
        return self._placeholder() is not None and not Path(self.text).is_file()

    def path(self, time: int) -> Path:
        """The file of frame ``time``; the sign of a negative number stands before its padded digits."""
        if not self.numbered:
            return Path(self.text)
        before, width, after = self._parts()
        return Path(before + ("-" if time < 0 else "") + f"{abs(time):0{width}d}" + after)

    def files(self) -> dict[int, Path]:
        """The files that are there by frame number, ascending."""
        if not self.numbered:
            return {0: Path(self.text)}
        folder = Path(self.text).parent
        if not folder.is_dir():
            raise MediaError(f"expected the folder {folder} of {self.text}; found none. Check the path")
        _, width, _ = self._parts()
        wanted, found = self._name(), {}
        for item in folder.iterdir():
            hit = wanted.fullmatch(item.name)
            # Besides -0005, some programs write -005, where the sign is one of the padded characters.
            if hit and hit[2] in {hit[2].lstrip("0").zfill(max(size, 1)) for size in (width, width - len(hit[1]))}:
                found[int(hit[1] + hit[2])] = folder / hit[0]
        return {number: found[number] for number in sorted(found) if found[number].is_file()}

    def names(self, path: Path) -> bool:
        """Whether ``path``, absolute and resolved, bears the name of one of the frames, there or not."""
        if not self.numbered:
            return Path(self.text).resolve() == path
        return Path(self.text).parent.resolve() == path.parent and bool(self._name().fullmatch(path.name))

    def collides(self, other: Pattern) -> bool:
        """Whether the two name the same file for any frame number."""
        if not self.numbered:
            return other.names(Path(self.text).resolve())
        if not other.numbered:
            return self.names(Path(other.text).resolve())
        return any(self.path(number).resolve() == other.path(number).resolve() for number in _SAMPLES)

    def _name(self) -> re.Pattern[str]:
        """File names of a numbered sequence, of any padding; the groups are sign and digits."""
        before, _, after = self._parts()
        return re.compile(
            re.escape(before[len(before) - len(Path(before + "|").name) + 1 :]) + r"(-?)(\d+)" + re.escape(after)
        )

    def _parts(self) -> tuple[str, int, str]:
        match = self._placeholder()
        assert match is not None
        return self.text[: match.start()], int(match[1] or 0) or len(match[2] or ""), self.text[match.end() :]

    def _placeholder(self) -> re.Match[str] | None:
        name = len(self.text) - len(Path(self.text).name)
        matches = list(_PLACEHOLDER.finditer(self.text, name))
        return matches[-1] if matches else None


def file_key(path: Path) -> str | None:
    """The file's identity, size and time of change; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"


def check_input(path: Path) -> None:
    """Raises MediaError unless ``path`` is a readable file that is not empty."""
    if path.is_dir():
        raise MediaError(
            f"expected a video file, found the folder {path}. Name a file, or a sequence such as {path}/shot.%04d.exr"
        )
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise MediaError(f"expected a file at {path}; found none. Check the path") from error
    except OSError as error:
        raise MediaError(f"expected to read {path}; {error.strerror}. Check its permissions") from error
    if empty:
        raise MediaError(f"expected media in {path}; found an empty file (0 bytes). Copy or export it again")


def check_output(text: str, *others: str | os.PathLike[str]) -> None:
    """Raises MediaError where ``text`` is one of the ``others``, or its folder is missing or cannot be written.

    others: inputs and other outputs, files or sequences. Compared by name and, where they exist, by identity, so that
    symbolic and hard links to an input are found. Checked before work begins, so that hours of work are not lost over a
    name.
    """
    path, pattern = Path(text), Pattern(text)
    written = _identities(pattern)
    for place in [os.fspath(place) for place in others if os.fspath(place)]:
        other = Pattern(place)
        if pattern.collides(other) or written & _identities(other):
            raise MediaError(
                f"expected an output other than the input; {text} and {place} are the same. Choose another name"
            )
    folder = path.absolute().parent
    if not folder.is_dir():
        raise MediaError(f"expected the folder {folder}; found none. Create it: mkdir -p '{folder}'")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MediaError(f"expected to write in {folder}; it is not writable. Change its permissions or choose another")
    if path.is_dir():
        raise MediaError(f"expected a file name for the output; {text} is a folder. Add a name to it")


def check_free(text: str, times: Iterable[int] | None = None) -> None:
    """Raises MediaError where the output ``text`` exists; of a sequence, where a frame of ``times`` does."""
    pattern = Pattern(text)
    there = pattern.files() if Path(text).absolute().parent.is_dir() else {}
    wanted = there.keys() if times is None or not pattern.numbered else there.keys() & set(times)
    taken = [there[time] for time in sorted(wanted) if there[time].exists()]
    if taken:
        others = len(taken) - 1
        found = f"{taken[0]} and {others} more frame{'s' * (others > 1)} exist" if others else f"{taken[0]} exists"
        raise MediaError(f"expected a new output; {found} already. Choose another name, or replace it (--overwrite)")


def _identities(pattern: Pattern) -> set[tuple[int, int]]:
    """(device, inode) of every file that is there."""
    if not Path(pattern.text).absolute().parent.is_dir():
        return set()
    found = set()
    for path in pattern.files().values():
        if path.exists():
            status = path.stat()
            found.add((status.st_dev, status.st_ino))
    return found
