"""The command line: words in, the node's calls, files and exit codes out. The one place that prints an error.

Exit codes: 0 done, 2 bad input, 3 no face in the source, 4 pack problem, 1 anything else.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .. import __version__
from ..errors import FaceSwapError
from . import bench, doctor, engine, ofx, packs, render, settings, source

__all__ = ["app", "main"]

app = typer.Typer(
    name="mobilefaceswap",
    help="A face-swap node for compositing hosts. Use it only with the consent of the people shown.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(render.swap)
app.command()(render.frame)
app.command()(source.identity)
app.command()(source.analyse)
app.command()(settings.settings)
app.command()(doctor.doctor)
app.command()(bench.bench)
app.command()(engine.engine)
app.add_typer(packs.app, name="packs")
app.add_typer(ofx.app, name="ofx")

_INTERRUPTED = 130


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """The command ``mobilefaceswap``."""
    debug = "--debug" in sys.argv
    if debug:
        # The flag counts wherever it stands, since it is typed after a command has failed.
        sys.argv.remove("--debug")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except Exception as error:
        if debug:
            raise
        _explain(error)
        sys.exit(error.exit_code if isinstance(error, FaceSwapError) else 1)


def _explain(error: Exception) -> None:
    if isinstance(error, FaceSwapError):
        typer.echo(f"mobilefaceswap: {error}", err=True)
        return
    typer.echo(
        f"mobilefaceswap: unexpected {type(error).__name__}: {error}. This is a fault of the program; "
        "run the command again with --debug and report what it prints",
        err=True,
    )
