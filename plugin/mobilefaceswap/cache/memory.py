"""Whether the C library keeps freed memory or gives it back to the system."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Parameters of mallopt(3), by their numbers in glibc's `malloc.h`."""
_KEPT, _LARGEST = 128 << 20, 32 << 20
"""Bytes: of freed memory that is kept at the end of the pool, and of the largest array that comes from it, more than
which glibc refuses.
"""


def keep_freed_memory() -> None:
    """Has glibc keep up to 128 MB of freed memory for the next frame. Other C libraries, and other systems, are left as
    they are.

    Every frame makes and frees some tens of arrays of a few megabytes. By itself glibc gives them back to the system,
    which hands them out again page by page and cleared. One pool serves all threads, since what one frees the next one
    needs. To be called before threads begin.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            mallopt = ctypes.CDLL(None).mallopt
            for name, value in ((_MMAP_THRESHOLD, _LARGEST), (_TRIM_THRESHOLD, _KEPT), (_ARENA_MAX, 1)):
                mallopt(name, value)
