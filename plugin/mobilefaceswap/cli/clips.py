"""Opens a command's target, and reports what of it is not honoured before work begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..media import MediaClip

__all__ = ["open_target"]


def open_target(target: str, allow_interlaced: bool) -> MediaClip:
    """The clip, a context manager; its notes go to standard error. Raises MediaError."""
    from ..media import open_clip

    clip = open_clip(target, allow_interlaced=allow_interlaced)
    for note in clip.notes:
        typer.echo(f"{target}: {note}", err=True)
    return clip
