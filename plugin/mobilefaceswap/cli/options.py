"""The table of settings as command-line options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ..settings import Setting, Settings, table

__all__ = ["with_settings"]

_NAMES = {"output_mode": ("--output-mode", "--layer")}
"""Options with a second, shorter name; all others are called as their setting is."""
_TYPES: dict[str, type] = {"boolean": bool, "integer": int, "double": float, "file": str}


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose ``settings`` argument is made from one option for every row of the table."""
    rows = table()

    @functools.wraps(command)
    def wrapper(**arguments: Any) -> Any:
        given = {row.name: value for row in rows if (value := arguments.pop(row.name)) is not None}
        return command(**arguments, settings=Settings.from_mapping(given))

    own = [item for item in inspect.signature(command, eval_str=True).parameters.values() if item.name != "settings"]
    added = [_parameter(row) for row in rows]
    wrapper.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {item.name: item.annotation for item in [*own, *added]}
    return wrapper


def _parameter(row: Setting) -> inspect.Parameter:
    kind = type(row.default) if row.kind == "choice" else _TYPES[row.kind]
    names = _NAMES.get(row.name, ())
    option = typer.Option(*names, help=_help(row), rich_help_panel=row.group, show_default=_shown(row))
    return inspect.Parameter(
        row.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _help(row: Setting) -> str:
    span = "" if row.minimum is None else f" [{row.minimum:g} to {row.maximum:g}{row.unit and ' ' + row.unit}]"
    return row.hint + span


def _shown(row: Setting) -> str | bool:
    if row.kind == "boolean":
        return "on" if row.default else "off"
    return str(row.default) or False
