"""A range of frames as an editor types it."""

from __future__ import annotations

import re

from ..errors import UserInputError
from ..frame import Clip

__all__ = ["frame_range"]

_RANGE = re.compile(r"(-?\d+)(?:-(-?\d+))?")


def frame_range(text: str | None, clip: Clip) -> tuple[int, int]:
    """(first, last) frame of ``clip``, inclusive, from IN-OUT, one frame number, or None for the whole clip.

    Raises UserInputError on anything else and outside the clip.
    """
    if text is None:
        return clip.first, clip.last
    match = _RANGE.fullmatch(text.strip())
    first = int(match[1]) if match else 0
    last = int(match[2] or match[1]) if match else -1
    if match is None or not clip.first <= first <= last <= clip.last:
        raise UserInputError(
            f"expected a range IN-OUT within {clip.first}-{clip.last}, the frames of the clip; found {text!r}"
        )
    return first, last
