"""The commands, and the one place that turns an error into a message and an exit code."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pkgutil import resolve_name
from typing import Annotated

import typer

from .. import __version__
from ..errors import FaceSwapError
from .terminal import explain, show_library_logs

__all__ = ["application", "british", "run"]

EXIT_CODES = (
    "Exit codes: 0 done, 2 bad input, 3 no face in the source, 4 pack problem, 1 anything else, "
    "130 interrupted, 143 terminated."
)
_AMERICAN = {"color": "colour", "analyze": "analyse", "license": "licence", "gray": "grey"}


def british(word: str) -> str:
    """Accepts American spelling in options, commands and choices."""
    for american, british in _AMERICAN.items():
        word = word.replace(american, british)
    return word


_COMMANDS = {
    "swap": "swap:swap",
    "frame": "swap:frame",
    "identity": "source:identity",
    "analyse": "source:analyse",
    "measure": "measure:measure",
    "settings": "settings:settings",
    "doctor": "doctor:doctor",
    "bench": "bench:bench",
    "engine": "engine:engine",
    "track": "track:app",
    "packs": "packs:app",
    "ofx": "ofx:app",
}
"""Every command, in the order shown, and where it is."""
_WITH_SETTINGS = ("swap", "frame", "analyse", "measure")
_HIDDEN = ("engine",)


def application(words: Sequence[str] = ()) -> typer.Typer:
    """The command line; where ``words`` begin with a command, with that one alone, since each takes time to load."""
    app = typer.Typer(
        name="mobilefaceswap",
        help="A face-swap node for compositing hosts. Use it only with the consent of the people shown.",
        epilog=EXIT_CODES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": british},
        callback=_options,
    )
    first = british(words[0]) if words else ""
    for name in [first] if first in _COMMANDS else _COMMANDS:
        _add(app, name)
    return app


def _add(app: typer.Typer, name: str) -> None:
    made = resolve_name(f"{__package__}.{_COMMANDS[name]}")
    if isinstance(made, typer.Typer):
        app.add_typer(made, name=name)
    elif name in _WITH_SETTINGS:
        from .help import SettingsCommand

        app.command(name, cls=SettingsCommand)(made)
    else:
        app.command(name, hidden=name in _HIDDEN)(made)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mobilefaceswap {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the cause of an error, and every library's log.")
    ] = False,
) -> None: ...


def run(words: Sequence[str]) -> int:
    """Runs the command line ``words``, prints any error and returns the exit code."""
    debug = "--debug" in words
    # The flag counts anywhere on the line, since it is added after a command has failed.
    words = [word for word in words if word != "--debug"]
    if debug:
        show_library_logs()
    try:
        application(words)(words, prog_name="mobilefaceswap")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        if debug:
            traceback.print_exc()
        else:
            explain(error)
        return error.exit_code if isinstance(error, FaceSwapError) else 1
    return 0
