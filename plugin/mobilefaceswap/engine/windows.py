"""Which part of a host's picture is its display window, from which tracks count."""

from __future__ import annotations

from ..frame import Window
from .wire import Flags, Picture

__all__ = ["display_of"]

_UNKNOWN = (
    "this host does not tell the display window: points count from the corner of its picture. For a plate with "
    "overscan run `mobilefaceswap analyse`"
)
_PROJECT = (
    "this host does not tell the clip's display window: points count from the project's, {} x {}. Where the clip's is "
    "another, run `mobilefaceswap analyse`"
)


def display_of(picture: Picture) -> tuple[Window | None, str]:
    """(the display window in the host's plane, None where it is the plate or unknown; what the user should know).

    OpenFX knows the project's window, whose size need not be the clip's. But both begin at the same corner, so that a
    plate that begins elsewhere reaches beyond its own window or does not fill it.
    """
    told = picture.display
    if told is None:
        return None, "" if _corner(picture.window) == (0, 0) else _UNKNOWN
    if Flags.PROJECT not in picture.flags:
        return told, ""
    if _corner(told) == _corner(picture.window):
        return None, ""
    return told, _PROJECT.format(told.width, told.height)


def _corner(window: Window) -> tuple[int, int]:
    """The lower left one, where hosts count from."""
    return window.x, window.bottom
