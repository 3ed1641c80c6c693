"""The property suite: sets of named lists behind handles, and what an effect does to them that it must not."""

from __future__ import annotations

import ctypes as c
import threading
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from .abi import OK, UNKNOWN, Properties, callback, double, integer, place, text
from .standard import is_property, is_value

__all__ = ["PropertySets"]


class PropertySets:
    """Thread-safe. ``violations`` is what no host need put up with; ``clips`` are the effect's so far."""

    def __init__(self) -> None:
        self.sets: dict[int, Properties] = {}
        self.violations: list[str] = []
        self.clips: set[str] = set()
        self._allowed: dict[int, tuple[str, ...]] = {}
        self._texts = threading.local()
        self._lock = threading.Lock()
        self._next = 0x1000

    def new(self, properties: Properties, allowed: tuple[str, ...] | None = None) -> int:
        """A handle of ``properties``. allowed: the only names that the effect may set."""
        with self._lock:
            self._next += 16
            self.sets[self._next] = properties
            if allowed is not None:
                self._allowed[self._next] = allowed
            return self._next

    def drop(self, handle: int) -> Properties | None:
        self._allowed.pop(handle, None)
        return self.sets.pop(handle, None)

    def kept(self, content: str) -> bytes:
        """Text stays valid until the thread's next few calls only: an effect must copy it."""
        kept: list[bytes] = getattr(self._texts, "kept", [])
        self._texts.kept = [*kept[-8:], content.encode()]
        last: bytes = self._texts.kept[-1]
        return last

    def suite(self) -> list[Any]:
        """The functions of the property suite, in order."""
        kinds = (place, text, double, integer)
        setters = [callback(self._set, place, text, integer, kind) for kind in kinds]
        getters = [callback(self._getter(kind), place, text, integer, c.POINTER(kind)) for kind in kinds]
        absent = [None] * 4
        dimension = callback(self._dimension, place, text, c.POINTER(integer))
        return [*setters, *absent, *getters, *absent, None, dimension]

    def _set(self, handle: int, name: bytes, index: int, value: Any) -> int:
        key = name.decode()
        value = value.decode() if isinstance(value, bytes) else value
        allowed = self._allowed.get(handle)
        if allowed is not None and not any(fnmatchcase(key, pattern) for pattern in allowed):
            self.violations.append(f"{key} is no answer of this action")
            return UNKNOWN
        if not is_property(key, self.clips):
            self.violations.append(f"there is no property {key} to set")
            return UNKNOWN
        if isinstance(value, str) and not is_value(value, self.clips):
            self.violations.append(f"{key} cannot be {value}")
        values = self.sets[handle].setdefault(key, [])
        values.extend([None] * (index + 1 - len(values)))
        values[index] = value
        return OK

    def _getter(self, kind: Any) -> Callable[..., int]:
        def get(handle: int, name: bytes, index: int, out: Any) -> int:
            key = name.decode()
            if not is_property(key, self.clips):
                self.violations.append(f"there is no property {key} to read")
            values = self.sets.get(handle, {}).get(key, [])
            if not 0 <= index < len(values):
                return UNKNOWN
            out[0] = self.kept(values[index]) if kind is text else values[index]
            return OK

        return get

    def _dimension(self, handle: int, name: bytes, out: Any) -> int:
        out[0] = len(self.sets[handle].get(name.decode(), []))
        return OK
