"""Writes files whole or not at all, explains failures to write, and reads text. Standard library only."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from uuid import uuid4

from .errors import MediaError

__all__ = ["DAMAGED", "partial_path", "take_name", "temporary_path", "text_of", "write_failure", "written_whole"]

DAMAGED = (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What reading a JSON document of ours can raise where somebody or something has changed it."""
_NAME_LENGTH = 64


def text_of(path: Path) -> str:
    """A file in UTF-8, without the byte order mark that some editors put before it. Raises OSError, ValueError."""
    return path.read_text("utf-8-sig")


def temporary_path(path: Path) -> Path:
    """A name beside ``path`` that nobody else uses or can predict; no file has it yet.

    The ending is ``path``'s own, so that libraries which choose a format by name choose the right one. Create the file
    with ``touch(exist_ok=False)`` inside the block that removes it: an interruption in between would leave it behind.
    """
    return path.with_name(f".{path.stem[:_NAME_LENGTH]}-{uuid4().hex}.partial{path.suffix}")


@contextmanager
def written_whole(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """A temporary file beside ``path`` to write to; it takes the name ``path`` at the end of the block.

    After an error the temporary file is removed and ``path`` is what it was. Where ``path`` is a symbolic link, the
    file that it points to is replaced, not the link. It has the permissions of any other new file of the user's, so
    that colleagues can read what is shared. overwrite: whether a file that is there is replaced. Raises OSError, and
    MediaError as ``take_name`` does.
    """
    target = path.resolve()
    place = temporary_path(target)
    try:
        place.touch(exist_ok=False)
        yield place
        take_name(place, target, overwrite=overwrite)
    finally:
        place.unlink(missing_ok=True)


def take_name(place: Path, target: Path, *, overwrite: bool) -> None:
    """Gives the finished file ``place`` the name ``target``, which is no symbolic link.

    Without ``overwrite`` it takes no name that another file has, not even one that appeared a moment ago: it stays
    beside that under a name that says partial, and MediaError says where. Raises OSError.
    """
    if overwrite:
        os.replace(place, target)
        return
    try:
        _take_free_name(place, target)
    except FileExistsError as error:
        kept = partial_path(target)
        os.replace(place, kept)
        raise MediaError(
            f"expected no file at {target}, as when work began; one has appeared there since, and is left as it is. "
            f"What was made is whole, and lies in {kept}: rename it"
        ) from error


def _take_free_name(place: Path, target: Path) -> None:
    """Renaming would replace what is there; a link fails, at the very moment. Raises FileExistsError."""
    try:
        os.link(place, target)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links.
        target.touch(exist_ok=False)
        os.replace(place, target)
    else:
        place.unlink()


def partial_path(path: Path) -> Path:
    """Creates an empty file ``NAME.partial.EXT`` beside ``path`` under a name that no file has. Raises OSError.

    For what is left of an interrupted run, so that a person finds it.
    """
    target = path.resolve()
    for number in count(1):
        place = target.with_name(f"{target.stem}.partial{'' if number == 1 else f'-{number}'}{target.suffix}")
        with suppress(FileExistsError):
            place.touch(exist_ok=False)
            return place
    raise AssertionError("count() does not end")


def write_failure(path: str | os.PathLike[str], error: Exception) -> MediaError:
    """The error for an output that could not be written; chain it: ``raise write_failure(…) from error``."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return MediaError(f"expected room for {path}; the disk is full. Free some space or choose another disk")
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return MediaError(f"expected to write {path}; permission is denied. Change its permissions or its place")
    if not Path(path).absolute().parent.is_dir():
        return MediaError(f"expected the folder of {path}; found none. Create it first")
    reason = getattr(error, "strerror", None) or str(error)
    return MediaError(f"expected to write {path}; {reason}. Choose another codec, quality, kind of file or place")
