"""The property suite: sets of named lists behind handles, and what an effect does to them that it must not."""

from __future__ import annotations

import ctypes as c
import threading
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from .abi import OK, UNKNOWN, Properties, callback, double, integer, place, text
from .standard import is_property, is_value, rule_of

__all__ = ["PropertySets"]

_KINDS = {"pointer": place, "text": text, "number": double, "integer": integer}
"""The kinds of values, in the order of the suite."""


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
        setters = [callback(self._setter(name), place, text, integer, kind) for name, kind in _KINDS.items()]
        getters = [callback(self._getter(name), place, text, integer, c.POINTER(kind)) for name, kind in _KINDS.items()]
        absent = [None] * 4
        dimension = callback(self._dimension, place, text, c.POINTER(integer))
        return [*setters, *absent, *getters, *absent, None, dimension]

    def _setter(self, kind: str) -> Callable[..., int]:
        def set_value(handle: int, name: bytes, index: int, value: Any) -> int:
            return self._set(kind, handle, name.decode(), index, value)

        return set_value

    def _set(self, kind: str, handle: int, key: str, index: int, value: Any) -> int:
        value = value.decode() if isinstance(value, bytes) else value
        allowed = self._allowed.get(handle)
        if allowed is not None and not any(fnmatchcase(key, pattern) for pattern in allowed):
            self.violations.append(f"{key} is no answer of this action")
            return UNKNOWN
        if not is_property(key, self.clips):
            self.violations.append(f"there is no property {key} to set")
            return UNKNOWN
        if fault := self._fault(key, kind, index, value):
            self.violations.append(fault)
            return UNKNOWN
        if isinstance(value, str) and not is_value(value, self.clips):
            self.violations.append(f"{key} cannot be {value}")
        values = self.sets[handle].setdefault(key, [])
        values.extend([None] * (index + 1 - len(values)))
        values[index] = value
        return OK

    def _fault(self, key: str, kind: str, index: int, value: Any = None) -> str:
        rule = rule_of(key)
        fault = "" if rule is None else rule.fault(kind, index, value)
        return f"{key} {fault}" if fault else ""

    def _getter(self, kind: str) -> Callable[..., int]:
        def get(handle: int, name: bytes, index: int, out: Any) -> int:
            key = name.decode()
            if not is_property(key, self.clips):
                self.violations.append(f"there is no property {key} to read")
            elif fault := self._fault(key, kind, index):
                self.violations.append(fault)
            values = self.sets.get(handle, {}).get(key, [])
            if not 0 <= index < len(values):
                return UNKNOWN
            out[0] = self.kept(values[index]) if kind == "text" else values[index]
            return OK

        return get

    def _dimension(self, handle: int, name: bytes, out: Any) -> int:
        out[0] = len(self.sets[handle].get(name.decode(), []))
        return OK
