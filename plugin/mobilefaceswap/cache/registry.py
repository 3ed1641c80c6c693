"""What a process opens once: sessions, networks, detectors, packs, in one store with one bound."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from .shelf import Shelf, memory_bound

__all__ = ["Registry", "opened"]

T = TypeVar("T")
_Key = tuple[str, Hashable]
_OVERHEAD = 4096
"""Assumed size in bytes of a value that does not state its own."""


class Registry:
    """Values that are slow to create, shared by the whole process. Thread-safe.

    bound: bytes; a value's ``nbytes`` is its size. A dropped value lives on for whoever still uses it.
    """

    def __init__(self, bound: Callable[[], int]) -> None:
        self._bound = bound
        self._kept: Shelf[_Key, Any] | None = None
        self._making: dict[_Key, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, kind: str, key: Hashable, make: Callable[[], T]) -> T:
        """The value under ``key``, created once, even if several threads ask for it. Raises as ``make`` does."""
        name = (kind, key)
        with self._lock:
            making = self._making.setdefault(name, threading.Lock())
        with making:
            try:
                found: T | None = self._find(name)
                if found is None:
                    found = make()
                    self._keep(name, found)
                return found
            finally:
                with self._lock:
                    self._making.pop(name, None)

    def forget(self, *kinds: str) -> None:
        """Drops every value of ``kinds``, or of all kinds where none is named."""
        with self._lock:
            self._shelf().drop(lambda name: not kinds or name[0] in kinds)

    def _find(self, name: _Key) -> Any:
        with self._lock:
            return self._shelf().find(name)

    def _keep(self, name: _Key, value: Any) -> None:
        with self._lock:
            self._shelf().keep(name, value)

    def _shelf(self) -> Shelf[_Key, Any]:
        if self._kept is None:
            self._kept = Shelf(self._bound(), lambda value: _OVERHEAD + int(getattr(value, "nbytes", 0)))
        return self._kept


opened = Registry(lambda: memory_bound() // 3)
"""The one store of this process."""
