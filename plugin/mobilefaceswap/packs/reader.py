"""Typed access to ``pack.toml``; a wrong field is refused by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, cast

from ..errors import PackError

__all__ = ["Reader"]


class Reader:
    """One table of ``pack.toml``. Every method raises PackError naming the field at fault."""

    def __init__(self, place: Path, table: Mapping[str, Any], prefix: str = "") -> None:
        self._place = place
        self._table = table
        self._prefix = prefix
        self.names = tuple(table)

    def value(self, name: str) -> Any:
        """The value as it is, or None."""
        return self._table.get(name)

    def field(self, name: str, kind: type) -> Any:
        """The value, of exactly that type; a whole number also serves as a float."""
        value = self._table.get(name)
        if type(value) is int and kind is float:
            return float(value)
        if type(value) is not kind:
            raise self.refusal(name, f"a value of type {kind.__name__}", value)
        return value

    def table(self, name: str) -> Reader:
        """A table in this one; required."""
        return Reader(self._place, self.field(name, dict), f"{self._prefix}{name}.")

    def optional(self, name: str) -> Reader | None:
        """A table in this one, or None."""
        return self.table(name) if name in self._table else None

    def text(self, name: str, default: str | None = None) -> str:
        """A string that is not empty."""
        if default is not None and name not in self._table:
            return default
        value = self.field(name, str)
        if not value.strip():
            raise self.refusal(name, "a string that is not empty", value)
        return cast(str, value)

    def one_of(self, name: str, allowed: Collection[str], default: str | None = None) -> str:
        """One of the strings in ``allowed``."""
        value = self.text(name, default)
        if value not in allowed:
            raise self.refusal(name, " or ".join(allowed), value)
        return value

    def number(self, name: str, least: int, most: int) -> int:
        """A whole number."""
        value = self.field(name, int)
        if not least <= value <= most:
            raise self.refusal(name, f"{least}" if least == most else f"a number from {least} to {most}", value)
        return cast(int, value)

    def triple(self, name: str) -> tuple[float, float, float]:
        """Three numbers."""
        value = self.field(name, list)
        if len(value) != 3 or not all(type(item) in (int, float) for item in value):
            raise self.refusal(name, "three numbers", value)
        return float(value[0]), float(value[1]), float(value[2])

    def names_list(self, name: str) -> tuple[str, ...]:
        """A list of one or more strings."""
        value = self.field(name, list)
        if not value or not all(type(item) is str for item in value):
            raise self.refusal(name, "a list of names", value)
        return tuple(value)

    def inner_path(self, name: str) -> str:
        """A relative path that stays inside the pack on every system."""
        value = self.text(name)
        path = PurePosixPath(value)
        foreign = "\\" in value or PureWindowsPath(value).drive
        if foreign or path.is_absolute() or ".." in path.parts or path == PurePosixPath("."):
            raise self.refusal(name, "a path inside the pack's folder", value)
        return value

    def refusal(self, name: str, expected: str, found: object) -> PackError:
        """The error for one field."""
        return PackError(
            f"expected {self._prefix}{name} in {self._place} to be {expected}; found {found!r}. "
            "Reinstall the pack, or correct the file and run `mobilefaceswap packs verify`"
        )
