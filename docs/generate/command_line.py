"""The page of every command and option, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from mobilefaceswap.cli.app import application
from mobilefaceswap.settings import table

_HEAD = """# Command line

`mobilefaceswap COMMAND --help` prints the same. `--debug`, anywhere on the line, shows the full traceback of an error;
`--json` prints what a program can read.

<!-- generated: exit-codes -->
"""


def commands() -> Iterator[tuple[str, Any]]:
    """(full name, command) of every command, groups before what is in them."""
    yield from _walk("mobilefaceswap", typer.main.get_command(application()))


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *(_section(name, command) for name, command in commands())])


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    # Typer may bring a click of its own, so classes are not asked for.
    yield name, command
    if hasattr(command, "list_commands"):
        context = command.make_context(name, [], resilient_parsing=True)
        for part in command.list_commands(context):
            yield from _walk(f"{name} {part}", command.get_command(context, part))


def _section(name: str, command: Any) -> str:
    usage = command.collect_usage_pieces(command.make_context(name, [], resilient_parsing=True))
    parts = [f"## {name}\n", f"{(command.help or '').strip()}\n", f"```text\n{name} {' '.join(usage)}\n```\n"]
    known = {row.name for row in table()}
    own = [item for item in command.params if item.name not in known and not getattr(item, "hidden", False)]
    rows = [_row(item) for item in own if item.name != "help"]
    if rows:
        parts.append("\n".join(["| | |", "|---|---|", *rows]) + "\n")
    offered = {item.name for item in command.params} & known
    if offered == known:
        parts.append("Further options: one for each [setting](settings.md).\n")
    elif offered:
        links = [f"[{row.label}](settings.md#{row.name})" for row in table() if row.name in offered]
        parts.append(f"Further options: one for each of these settings: {', '.join(links)}.\n")
    return "\n".join(parts)


def _row(item: Any) -> str:
    option = item.param_type_name == "option"
    # Of a switch that is on, the help is about turning it off.
    switched = item.secondary_opts if option and item.default is True else item.opts
    names = switched if option else [(item.name or "").upper()]
    text = (getattr(item, "help", "") or "").replace("|", "\\|")
    needed = " Required." if item.required else ""
    return f"| {', '.join(f'`{name}`' for name in names)} | {text}{needed} |"
