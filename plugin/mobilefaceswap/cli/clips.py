"""Opening the target as a command does: what of the clip is not honoured is said before work begins."""

from __future__ import annotations

from typing import Annotated

import typer

from ..media import MediaClip, open_clip

__all__ = ["InterlacedOption", "opened"]

InterlacedOption = Annotated[bool, typer.Option("--allow-interlaced", help="Take interlaced video as if progressive.")]


def opened(target: str, allow_interlaced: bool) -> MediaClip:
    """The clip, a context manager; its notes go to standard error. Raises MediaError."""
    clip = open_clip(target, allow_interlaced=allow_interlaced)
    for note in clip.notes:
        typer.echo(f"{target}: {note}", err=True)
    return clip
