"""Look files: the controls of matte and look, saved for other shots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import SettingsError, UserInputError
from ..files import DAMAGED, text_of, write_failure, written_whole
from ..settings import Setting, Settings, table

__all__ = ["load_look", "save_look"]

_FORMAT = "mobilefaceswap-look"
_VERSION = 1
_STAGES = ("outline", "matte", "look")


def rows() -> tuple[Setting, ...]:
    """The settings of a look: how the swapped face sits in the plate, not which face it is."""
    return tuple(row for row in table() if row.stage in _STAGES and not row.textual)


def save_look(path: Path, settings: Settings) -> None:
    """Writes JSON, whole or not at all. Raises MediaError where the place cannot be written."""
    values = {row.name: getattr(settings, row.name) for row in rows()}
    document = {"format": _FORMAT, "version": _VERSION, "made_with": __version__, "settings": values}
    try:
        with written_whole(path) as part:
            part.write_text(json.dumps(document, indent=1), encoding="utf-8")
    except OSError as error:
        raise write_failure(path, error) from error


def load_look(path: Path, settings: Settings) -> Settings:
    """``settings`` with the look's values. Settings that the look lacks keep their values. Raises UserInputError if the
    file is not a look, SettingsError on values out of range.
    """
    held = _read(path)
    known = {row.name for row in rows()}
    unknown = sorted(set(held) - known)
    if unknown:
        raise SettingsError(
            f"expected the look {path} to hold controls of matte and look; found {', '.join(unknown)} as well. "
            "Save it again with this version"
        )
    return settings.replaced(**held)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(text_of(path))
    except DAMAGED as error:
        raise UserInputError(f"expected a look file at {path}; {error}. Choose one that Save Look wrote") from error
    held = document.get("settings") if isinstance(document, dict) and document.get("format") == _FORMAT else None
    if not isinstance(held, dict) or document.get("version") != _VERSION:
        raise UserInputError(
            f"expected a look file of version {_VERSION} at {path}; found something else. "
            "Choose one that Save Look wrote"
        )
    return held
