"""The user's folders that this package writes to, by each system's custom. Nothing else is written unasked."""

from __future__ import annotations

from pathlib import Path

import platformdirs

__all__ = ["pack_folder", "render_cache_folder", "track_folder"]

_NAME = "mobilefaceswap"


def pack_folder() -> Path:
    """Where the user's own model packs lie."""
    return _data() / "packs"


def track_folder() -> Path:
    """Where a host's node stores the tracks of Analyse Range."""
    return _data() / "tracks"


def render_cache_folder() -> Path:
    """Where the command line keeps analysis and swaps for the next run; may be deleted at any time."""
    return platformdirs.user_cache_path(_NAME, appauthor=False) / "render"


def _data() -> Path:
    # Without appauthor=False Windows gets a second folder of the same name inside the first.
    return platformdirs.user_data_path(_NAME, appauthor=False)
