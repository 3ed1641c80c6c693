"""Help for commands with settings, on two screens: common options, the rest, the settings by group."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from ..settings import Setting, table

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MORE", "SettingsCommand"]

MORE = "More options"
_FIRST = "Options"
_SETTINGS = "Settings, explained by `mobilefaceswap settings`"
_GLUE = "\u00a0"
_WIDEST = 70
"""Characters beyond which the entries of a choice are not listed."""


class SettingsCommand(TyperCommand):
    """A command that has the settings as options; its help gives them names, ranges and defaults."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """See ``TyperCommand``."""
        parameters: list[Any] = self.get_params(ctx)
        offered = {item.name for item in parameters}
        settings = [row for row in table() if row.name in offered]
        names = {row.name for row in settings}
        sections: dict[str, list[tuple[str, str]]] = {_FIRST: [], MORE: []}
        for item in parameters:
            if item.name not in names:
                panel = getattr(item, "rich_help_panel", None) or (MORE if item.name == "help" else _FIRST)
                sections[panel].append((_left(item), item.help or ""))
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows, col_max=28)
        with formatter.section(_SETTINGS):
            for group in dict.fromkeys(row.group for row in settings):
                formatter.write(_paragraph(group, (_cell(row) for row in settings if row.group == group)))


def _left(item: Any) -> str:
    if item.param_type_name == "argument":
        return str(item.metavar or item.name.upper())
    words = ", ".join(item.secondary_opts if item.default is True else item.opts)
    return words if item.is_flag or item.name == "help" else f"{words} {item.metavar}"


def _cell(row: Setting) -> str:
    """Option, values and default: ``--mix 0..1 [1]``."""
    name = row.name.replace("_", "-")
    if row.kind == "boolean":
        return f"--[no-]{name} [{'on' if row.default else 'off'}]"
    if row.kind == "choice":
        listed = f"--{name} {'|'.join(row.entries)}"
        return f"--{name} NAME" if row.open or len(listed) > _WIDEST else listed
    if row.minimum is None:
        return f"--{name} PATH"
    return f"--{name} {row.minimum:g}..{row.maximum:g} [{row.default:g}]"


def _paragraph(group: str, cells: Iterable[str]) -> str:
    """A group's name and its settings, wrapped between settings and never inside one."""
    text = " ".join([f"{group}:".replace(" ", _GLUE), *(cell.replace(" ", _GLUE) for cell in cells)])
    lines = textwrap.wrap(text, 78, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(lines).replace(_GLUE, " ") + "\n"
