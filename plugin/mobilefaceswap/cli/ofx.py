"""``mobilefaceswap ofx``: build, install and check the plug-in for OpenFX hosts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UserInputError
from ..ofx import install as places

if TYPE_CHECKING:
    from ..frame import Floats

__all__ = ["app"]

app = typer.Typer(help="Build, install and check the plug-in for OpenFX hosts.", no_args_is_help=True)

User = Annotated[bool, typer.Option("--user", help="Your own folder; hosts find it through OFX_PLUGIN_PATH.")]
System = Annotated[bool, typer.Option("--system", help="The system's folder, which every host searches (default).")]
Folder = Annotated[Path | None, typer.Option("--dir", help="Another folder.")]


@app.command()
def build(
    release: Annotated[bool, typer.Option("--release", help="For Linux, Windows and macOS, with zig.")] = False,
) -> None:
    """Compile the bundle from a checkout."""
    typer.echo(places.build(release=release))


@app.command()
def install(user: User = False, system: System = False, folder: Folder = None) -> None:
    """Install the bundle where hosts look for it, and record this Python as its engine."""
    chosen = _chosen(user, system, folder)
    installed = places.install(chosen)
    typer.echo(f"installed {installed}")
    if chosen == places.user_folder():
        typer.echo(f"Hosts find it once OFX_PLUGIN_PATH contains {chosen}")
    for other in places.installed_bundles():
        if not other.samefile(installed):
            typer.echo(
                f"found another at {other}, version {places.bundle_version(other)}, which hosts may load instead. "
                f"Remove it with `{places.command_for('uninstall', other)}`"
            )
    typer.echo("Start the host again; `mobilefaceswap ofx check` tells whether it can load")


@app.command()
def uninstall(user: User = False, system: System = False, folder: Folder = None) -> None:
    """Remove the bundle."""
    typer.echo(f"removed {places.uninstall(_chosen(user, system, folder))}")


@app.command()
def path() -> None:
    """Print the path of the installed bundle."""
    typer.echo(places.find_installed())


@app.command()
def check(
    source: Annotated[Path | None, typer.Option(help="A picture of a person or an .idn file, to render with.")] = None,
    plate: Annotated[Path | None, typer.Option(help="A picture to render on; by default a drawn one.")] = None,
    folder: Folder = None,
) -> None:
    """Load the installed bundle as a host does, render a frame and compare it with the Python node."""
    from ..ofx.check import check as checked

    bundle = folder / places.BUNDLE if folder else places.find_installed()
    for line in checked(bundle, source, None if plate is None else _rgba(plate)):
        typer.echo(line)


def _rgba(path: Path) -> Floats:
    import numpy as np

    from ..media import read_picture

    pixels = read_picture(path).pixels
    opaque = np.ones((*pixels.shape[:2], 1), np.float32)
    return pixels if pixels.shape[2] == 4 else np.ascontiguousarray(np.dstack([pixels, opaque]))


def _chosen(user: bool, system: bool, folder: Path | None) -> Path:
    if user + system + (folder is not None) > 1:
        raise UserInputError("expected one of --user, --system and --dir; found several. Choose one")
    if folder is not None:
        return Path(os.path.abspath(folder))
    return places.user_folder() if user else places.system_folder()
