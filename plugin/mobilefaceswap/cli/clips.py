"""Opens a command's target, and reports what of it is not honoured before work begins."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING

import typer

from ..errors import UserInputError

if TYPE_CHECKING:
    from ..media import MediaClip

__all__ = ["exact_rate", "open_target"]

_FASTEST = 1000
_ROUNDED = Fraction(1, 100)
"""Frames per second: 29.97 and 23.98 stand for rates that they differ from by less."""


def open_target(target: str, allow_interlaced: bool, frame_rate: str | None = None) -> MediaClip:
    """The clip, a context manager; its notes go to standard error. frame_rate: of a sequence, as typed.

    Raises MediaError, UserInputError.
    """
    from ..media import open_clip

    clip = open_clip(target, allow_interlaced=allow_interlaced, frame_rate=exact_rate(frame_rate))
    for note in clip.notes:
        typer.echo(f"{target}: {note}", err=True)
    return clip


def exact_rate(typed: str | None) -> Fraction | None:
    """Frames per second from ``24``, ``24000/1001``, or ``23.976`` and its kind, which stand for n * 1000/1001.

    Raises UserInputError.
    """
    if typed is None:
        return None
    found = re.fullmatch(r"(\d{1,6})(?:\.(\d{1,6})|/(\d{1,6}))?", typed.strip())
    rate = Fraction(typed.strip()) if found and int(found[3] or 1) else Fraction(0)
    if not 0 < rate <= _FASTEST:
        raise UserInputError(
            f"expected frames per second, such as 25, 23.976 or 24000/1001, and at most {_FASTEST}; found {typed!r}. "
            "Write them so"
        )
    video = math.ceil(rate) * Fraction(1000, 1001)
    return video if found and found[2] and rate.denominator > 1 and abs(rate - video) < _ROUNDED else rate
