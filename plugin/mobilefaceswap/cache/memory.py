"""What the C library does with memory that is freed."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Names of mallopt(3), from `malloc.h`."""
_KEPT, _LARGEST = 128 << 20, 32 << 20


def keep_freed_memory() -> None:
    """Has glibc keep up to 128 MB of freed memory for the next frame; other C libraries are left as they are.

    Every frame makes and frees some tens of arrays of a few megabytes. By itself glibc gives them back to the system,
    which hands them out again page by page and cleared. One pool serves all threads, since what one frees the next one
    needs. To be called before threads begin.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            mallopt = ctypes.CDLL(None).mallopt
            for name, value in ((_MMAP_THRESHOLD, _LARGEST), (_TRIM_THRESHOLD, _KEPT), (_ARENA_MAX, 1)):
                mallopt(name, value)
