"""Files that are written whole or not at all, for every room that keeps something on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

__all__ = ["written_whole"]


@contextmanager
def written_whole(path: Path, part: Path | None = None) -> Iterator[Path]:
    """A place beside ``path`` to write to; it becomes ``path`` at the end of the block, and is gone after an error.

    part: that place; where left out a name that no other process uses. Made with the user's own permissions, unlike
    a temporary file, so that colleagues can read what is shared. Raises OSError.
    """
    place = part or path.with_name(f".{path.name[:64]}-{uuid4().hex}.part")
    try:
        yield place
        os.replace(place, path)
    finally:
        place.unlink(missing_ok=True)
