"""A row of the table of settings, and the base class of the records whose fields carry rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache, cached_property
from typing import Any, Literal, Self

from ..errors import SettingsError

__all__ = ["Kind", "Labels", "Setting", "Stage", "Table", "row", "rows_of", "shown"]

Kind = Literal["boolean", "integer", "double", "choice", "text", "file"]
Stage = Literal["plate", "detect", "smooth", "choose", "align", "swap", "outline", "matte", "look", "output"]


@dataclass(frozen=True)
class Setting:
    """One row of the table.

    entries: a choice's values and their labels, in the order shown. stage: the part of a render that the value
    decides, and with it the cache keys that it belongs to. animates: may change from frame to frame. tuned: a model
    pack may set its default. host_only: a host's node alone has it. open: of a choice, other values are taken, too, and
    checked by the record that holds them. only_with: (another setting, its value) without
    which this one has no effect, so that hosts grey it out; "" stands for an empty text.
    """

    name: str
    kind: Kind
    default: Any
    group: str
    label: str
    hint: str
    stage: Stage
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    entries: Mapping[str, str] = field(default_factory=dict)
    animates: bool = True
    tuned: bool = False
    host_only: bool = False
    open: bool = False
    only_with: tuple[str, Any] | None = None

    @property
    def textual(self) -> bool:
        """Whether the value is text rather than a number; a choice counts as the number of its entry."""
        return self.kind in ("text", "file")

    def counts_with(self, others: Table) -> bool:
        """Whether the value has an effect among ``others``, where what it depends on is one of them."""
        needed, value = self.only_with or ("", None)
        return bool(getattr(others, needed, value) == value)

    def check(self, value: Any) -> Any:
        """``value`` in the setting's own type. Raises SettingsError naming what was expected."""
        if self.kind == "choice":
            return self._checked_choice(value)
        if self.kind == "boolean":
            return self._checked_boolean(value)
        if self.textual:
            return self._checked_text(value)
        return self._checked_number(value)

    def _checked_choice(self, value: Any) -> Any:
        if self.open and str(value) not in self.entries:
            return str(value)
        if str(value) not in self.entries:
            raise self._refusal(f"one of {', '.join(self.entries)}", value)
        return type(self.default)(value)

    def _checked_boolean(self, value: Any) -> bool:
        if value in (True, False):
            return bool(value)
        raise self._refusal("true or false", value)

    def _checked_text(self, value: Any) -> str:
        # The system refuses such a path with an error that names neither it nor the setting.
        if "\0" in str(value):
            raise self._refusal("text without null characters", value)
        return str(value)

    def _checked_number(self, value: Any) -> float | int:
        expected = f"a number from {self.minimum:g} to {self.maximum:g}{self.unit and ' ' + self.unit}"
        try:
            number = float(value)
        except (OverflowError, TypeError, ValueError) as error:
            raise self._refusal(expected, value) from error
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
            f"{self.name} ({self.label}): expected {expected}, found {shown(value)}; "
            "`mobilefaceswap settings` lists every setting with its range"
        )


def shown(value: Any) -> str:
    """``value`` for an error."""
    try:
        return repr(value)
    except ValueError:
        # Python refuses to write out a whole number of more than 4300 digits.
        return "a number of thousands of digits"


class Labels(Mapping[str, str]):
    """Entries of a choice from a table of rows with a ``label`` each, as the table stands; ``first`` go before them."""

    def __init__(self, rows: Mapping[str, Any], **first: str) -> None:
        self._rows, self._first = rows, first

    def __getitem__(self, name: str) -> str:
        return self._first[name] if name in self._first else self._rows[name].label

    def __iter__(self) -> Iterator[str]:
        yield from self._first
        yield from self._rows

    def __len__(self) -> int:
        return len(self._first) + len(self._rows)


def row(group: str, label: str, hint: str, default: Any, *, stage: Stage, **more: Any) -> Any:
    """A dataclass field that carries its row of the table; the kind follows from the default where none is given."""
    kind = more.pop("kind", None) or _kind_of(default, "entries" in more)
    return field(
        default=default, metadata={"kind": kind, "group": group, "label": label, "hint": hint, "stage": stage} | more
    )


def _kind_of(default: Any, choice: bool) -> Kind:
    if choice or isinstance(default, StrEnum):
        return "choice"
    if isinstance(default, bool):
        return "boolean"
    if isinstance(default, str):
        return "file"
    return "integer" if isinstance(default, int) else "double"


class Table:
    """What records of settings share: values are checked on construction."""

    def __post_init__(self) -> None:
        for item in rows_of(type(self)):
            object.__setattr__(self, item.name, item.check(getattr(self, item.name)))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Settings from names and values, the rest at their defaults. Raises SettingsError on an unknown name."""
        unknown = sorted(set(values) - {item.name for item in rows_of(cls)})
        if unknown:
            raise SettingsError(f"unknown setting {', '.join(unknown)}; `mobilefaceswap settings` lists the known ones")
        return cls(**values)

    def of(self, *stages: Stage) -> tuple[tuple[str, Any], ...]:
        """Names and values of every setting that decides one of ``stages``: what a cache key is made from."""
        if stages not in self._known:
            rows = (item for item in rows_of(type(self)) if item.stage in stages)
            self._known[stages] = tuple((item.name, getattr(self, item.name)) for item in rows)
        return self._known[stages]

    @cached_property
    def _known(self) -> dict[tuple[Stage, ...], tuple[tuple[str, Any], ...]]:
        """What ``of`` gave: keys are made a hundred times a frame."""
        return {}


def rows_of(record: type) -> tuple[Setting, ...]:
    """The rows that the fields of ``record``, a dataclass, carry."""
    return _rows(record)


@cache
def _rows(record: type) -> tuple[Setting, ...]:
    return tuple(Setting(name=item.name, default=item.default, **item.metadata) for item in fields(record))
