"""Checks of the places that are read and written."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import MediaError

__all__ = ["check_input", "check_output", "partial_path"]


def check_input(path: Path) -> None:
    """Raises MediaError unless ``path`` is a readable file that is not empty."""
    if path.is_dir():
        raise MediaError(
            f"expected a video file, found the folder {path}. Name a file, or a sequence such as {path}/shot.%04d.exr"
        )
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        raise MediaError(f"expected a file at {path}; found none. Check the path") from None
    except OSError as error:
        raise MediaError(f"expected to read {path}; {error.strerror}. Check its permissions") from None
    if empty:
        raise MediaError(f"expected media in {path}; found an empty file (0 bytes). Copy or export it again")


def check_output(text: str, *inputs: str | os.PathLike[str]) -> None:
    """Raises MediaError where ``text`` is one of the ``inputs``, or its folder is missing or cannot be written.

    Asked before work begins: what took hours must not be lost for a name.
    """
    path = Path(text)
    for place in inputs:
        if os.fspath(place) and _is_same(path, Path(place)):
            raise MediaError(f"expected an output other than the input; both are {text}. Choose another name")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise MediaError(f"expected the folder {folder}; found none. Create it: mkdir -p '{folder}'")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MediaError(f"expected to write in {folder}; it is not writable. Change its permissions or choose another")
    if path.is_dir():
        raise MediaError(f"expected a file name for the output; {text} is a folder. Add a name to it")


def _is_same(path: Path, source: Path) -> bool:
    try:
        return path.samefile(source)
    except OSError:
        return path.absolute().resolve() == source.absolute().resolve()


def partial_path(path: Path) -> Path:
    """``NAME.partial.EXT`` beside ``path``."""
    return path.with_name(f"{path.stem}.partial{path.suffix}")
