"""One row of the table of settings, and the records that carry such rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Literal, Self

from ..errors import SettingsError

__all__ = ["Kind", "Setting", "Table", "row", "rows_of"]

Kind = Literal["boolean", "integer", "double", "choice", "file"]


@dataclass(frozen=True)
class Setting:
    """One row of the table. ``entries`` maps a choice's value to its label, in the order shown."""

    name: str
    kind: Kind
    default: Any
    group: str
    label: str
    hint: str
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    entries: Mapping[str, str] = field(default_factory=dict)
    animates: bool = True
    host_only: bool = False

    def check(self, value: Any) -> Any:
        """``value`` in the setting's own type. Raises SettingsError naming what was expected."""
        if self.kind == "choice":
            return self._checked_choice(value)
        if self.kind == "boolean":
            return self._checked_boolean(value)
        if self.kind == "file":
            return str(value)
        return self._checked_number(value)

    def _checked_choice(self, value: Any) -> Any:
        try:
            return type(self.default)(value)
        except ValueError:
            raise self._refusal(f"one of {', '.join(self.entries)}", value) from None

    def _checked_boolean(self, value: Any) -> bool:
        if value in (True, False):
            return bool(value)
        raise self._refusal("true or false", value)

    def _checked_number(self, value: Any) -> float | int:
        expected = f"a number from {self.minimum:g} to {self.maximum:g}{self.unit and ' ' + self.unit}"
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self._refusal(expected, value) from None
        assert self.minimum is not None
        assert self.maximum is not None
        if not math.isfinite(number) or not self.minimum <= number <= self.maximum:
            raise self._refusal(expected, value)
        if self.kind == "double":
            return number
        if number != int(number):
            raise self._refusal(expected.replace("a number", "a whole number"), value)
        return int(number)

    def _refusal(self, expected: str, value: Any) -> SettingsError:
        return SettingsError(
            f"{self.name} ({self.label}): expected {expected}, found {value!r}; "
            "`mobilefaceswap settings` lists every setting with its range"
        )


def row(group: str, label: str, hint: str, default: Any, **more: Any) -> Any:
    """A dataclass field that carries its row of the table."""
    if isinstance(default, StrEnum):
        kind = "choice"
    elif isinstance(default, bool):
        kind = "boolean"
    elif isinstance(default, str):
        kind = "file"
    else:
        kind = "integer" if isinstance(default, int) else "double"
    row = {"kind": kind, "group": group, "label": label, "hint": hint, **more}
    return field(default=default, metadata=row)


class Table:
    """What both records share: checked on construction, made from plain mappings."""

    def __post_init__(self) -> None:
        for row in rows_of(type(self)):
            object.__setattr__(self, row.name, row.check(getattr(self, row.name)))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Settings from names and values, the rest at their defaults. Raises SettingsError on an unknown name."""
        known = {row.name for row in rows_of(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise SettingsError(f"unknown setting {', '.join(unknown)}; `mobilefaceswap settings` lists the known ones")
        return cls(**values)


def rows_of(record: type) -> tuple[Setting, ...]:
    return tuple(Setting(name=item.name, default=item.default, **item.metadata) for item in fields(record))
