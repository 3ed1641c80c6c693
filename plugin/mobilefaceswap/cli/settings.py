"""``mobilefaceswap settings``: prints the table of settings, or writes it as JSON."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..settings import Setting, table
from .options import JsonOption
from .terminal import print_json

__all__ = ["settings"]


def settings(
    as_json: JsonOption = False,
    host: Annotated[bool, typer.Option(help="Also the settings only a host's node has.")] = False,
) -> None:
    """List every setting with its range, default and meaning."""
    rows = table(host=host)
    if as_json:
        print_json([_document(row) for row in rows])
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table("Setting", "Label", "Values", "Default", "Meaning")
    for index, row in enumerate(rows):
        shown.add_row(row.name, row.label, values(row), _default(row), row.hint, end_section=_ends_group(rows, index))
    Console().print(shown)


def values(row: Setting) -> str:
    """The values that a setting can take, in a few words."""
    if row.kind == "choice":
        return ", ".join(row.entries) + (" or another" if row.open else "")
    if row.kind == "boolean":
        return "on, off"
    if row.textual:
        return "a path" if row.kind == "file" else "text"
    return f"{row.minimum:g} to {row.maximum:g} {row.unit}".strip()


def _default(row: Setting) -> str:
    if row.kind == "boolean":
        return "on" if row.default else "off"
    return str(row.default)


def _ends_group(rows: tuple[Setting, ...], index: int) -> bool:
    return index + 1 < len(rows) and rows[index + 1].group != rows[index].group


def _document(row: Setting) -> dict[str, Any]:
    document = {
        "name": row.name,
        "kind": row.kind,
        "default": row.default,
        "group": row.group,
        "label": row.label,
        "hint": row.hint,
    }
    if row.minimum is not None:
        document |= {"minimum": row.minimum, "maximum": row.maximum, "unit": row.unit}
    if row.entries:
        document["entries"] = dict(row.entries)
    return document
