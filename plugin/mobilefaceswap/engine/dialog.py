"""The file dialog that the engine shows where a host has no Browse button."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ..errors import EngineError

__all__ = ["choose_source"]

_TITLE = "Source picture or prepared identity"
_INSTEAD = "Type the path of a picture, a folder or an .idn file into Source instead"


def choose_source(current: str) -> str:
    """Asks for a file, beginning where ``current`` lies; "" where the user chose none. Raises EngineError."""
    command = _command(str(Path(current).parent if current else Path.home()))
    if command is None:
        raise EngineError(f"expected a screen and zenity or kdialog for a file dialog; found none. {_INSTEAD}")
    asked = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return asked.stdout.strip() if asked.returncode == 0 else ""


def _command(folder: str) -> list[str] | None:
    if sys.platform == "darwin":
        return ["osascript", "-e", f'POSIX path of (choose file with prompt "{_TITLE}")']
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None
    if shutil.which("zenity"):
        return ["zenity", "--file-selection", f"--title={_TITLE}", f"--filename={folder}/"]
    if shutil.which("kdialog"):
        return ["kdialog", "--title", _TITLE, "--getopenfilename", folder]
    return None
