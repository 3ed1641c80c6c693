"""Copies of the built bundle, and interpreters for their engines."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from mobilefaceswap.ofx.install import BUNDLE


def own_copy(bundle: Path, folder: Path) -> Path:
    """A copy has an engine of its own, which starts with this test's environment."""
    copy = folder / "a host" / BUNDLE
    shutil.copytree(bundle, copy)
    return copy


def python_with(folder: Path) -> str:
    """An interpreter like this one that looks for modules in ``folder`` first."""
    place = folder / "python"
    place.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n')
    place.chmod(0o755)
    return str(place)
