"""The commands, and the one place that turns an error into a message and an exit code."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from .. import __version__
from ..errors import FaceSwapError
from . import bench, doctor, engine, ofx, packs, settings, source, swap, track
from .help import SettingsCommand
from .terminal import show_library_logs

__all__ = ["app", "run"]

EXIT_CODES = (
    "Exit codes: 0 done, 2 bad input, 3 no face in the source, 4 pack problem, 1 anything else, "
    "130 interrupted, 143 terminated."
)
_AMERICAN = {"color": "colour", "analyze": "analyse", "license": "licence", "gray": "grey"}


def _british(word: str) -> str:
    """Accepts American spelling in options, commands and choices."""
    for american, british in _AMERICAN.items():
        word = word.replace(american, british)
    return word


app = typer.Typer(
    name="mobilefaceswap",
    help="A face-swap node for compositing hosts. Use it only with the consent of the people shown.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": _british},
)
app.command(cls=SettingsCommand)(swap.swap)
app.command(cls=SettingsCommand)(swap.frame)
app.command()(source.identity)
app.command(cls=SettingsCommand)(source.analyse)
app.command()(settings.settings)
app.command()(doctor.doctor)
app.command()(bench.bench)
app.command(hidden=True)(engine.engine)
app.add_typer(track.app, name="track")
app.add_typer(packs.app, name="packs")
app.add_typer(ofx.app, name="ofx")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mobilefaceswap {__version__}")
        raise typer.Exit


@app.callback()
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
        app(words, prog_name="mobilefaceswap")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        if debug:
            traceback.print_exc()
        else:
            _explain(error)
        return error.exit_code if isinstance(error, FaceSwapError) else 1
    return 0


def _explain(error: Exception) -> None:
    if isinstance(error, FaceSwapError):
        for line in (f"mobilefaceswap: {error}", *(f"  FFmpeg: {note}" for note in getattr(error, "__notes__", ()))):
            typer.echo(line, err=True)
        return
    typer.echo(
        f"mobilefaceswap: unexpected {type(error).__name__}: {error}. This is a fault of the program; "
        "run the command again with --debug and report what it prints",
        err=True,
    )
