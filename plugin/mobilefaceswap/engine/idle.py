"""How long an engine without work stays."""

from __future__ import annotations

import os

from ..errors import UserInputError

__all__ = ["USUAL_SECONDS", "idle_seconds"]

USUAL_SECONDS = 600.0
_VARIABLE = "MOBILEFACESWAP_ENGINE_IDLE"


def idle_seconds() -> float:
    """MOBILEFACESWAP_ENGINE_IDLE, or ten minutes. Raises UserInputError if it is not a number above 0."""
    text = os.environ.get(_VARIABLE, "")
    if not text:
        return USUAL_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    # Not a number is not above 0, either.
    if not seconds > 0:
        raise UserInputError(
            f"expected {_VARIABLE} to be a number of seconds above 0; found {text!r}. Correct it and start the host "
            "again"
        )
    return seconds
