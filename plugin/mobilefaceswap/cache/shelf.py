"""An LRU store with a bound in bytes, and the one variable that sets every bound."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ..errors import UserInputError

__all__ = ["MEGABYTE", "Shelf", "memory_bound"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

MEGABYTE = 1 << 20
_VARIABLE = "MOBILEFACESWAP_MEMORY"
_MEGABYTES = 768


def memory_bound() -> int:
    """Bytes that one process may keep for later: MOBILEFACESWAP_MEMORY, in megabytes, or 768 of them.

    Two thirds go to renders and one third to opened networks and the like. Raises UserInputError if it is not a whole
    number.
    """
    text = os.environ.get(_VARIABLE, str(_MEGABYTES))
    if not text.isdecimal():
        raise UserInputError(f"expected {_VARIABLE} to be a whole number of megabytes; found {text!r}. Correct it")
    return int(text) * MEGABYTE


class Shelf(Generic[Key, Value]):
    """Holds values of ``bound`` bytes at most; the least recently used go first. Not thread-safe."""

    def __init__(self, bound: int, size: Callable[[Value], int]) -> None:
        self.bound = bound
        self._size = size
        self._entries: OrderedDict[Key, Value] = OrderedDict()
        self._held = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def find(self, key: Key) -> Value | None:
        """The value, or None. Counts as a use."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def keep(self, key: Key, value: Value) -> None:
        """Keeps ``value`` unless it alone exceeds the bound."""
        size = self._size(value)
        if size > self.bound or key in self._entries:
            return
        self._entries[key] = value
        self._held += size
        self.resize(self.bound)

    def resize(self, bound: int) -> None:
        """Changes the bound; what is beyond it goes at once."""
        self.bound = bound
        while self._held > self.bound:
            _, oldest = self._entries.popitem(last=False)
            self._held -= self._size(oldest)

    def drop(self, unwanted: Callable[[Key], bool]) -> None:
        """Forgets the values whose key is ``unwanted``."""
        for key in [key for key in self._entries if unwanted(key)]:
            self._held -= self._size(self._entries.pop(key))
