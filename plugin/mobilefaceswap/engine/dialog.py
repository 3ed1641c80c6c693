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
_WINDOWS = """
Add-Type -AssemblyName System.Windows.Forms
[Console]::OutputEncoding = [Text.Encoding]::UTF8
$dialog = New-Object System.Windows.Forms.OpenFileDialog
$dialog.Title = $env:MFS_TITLE
$dialog.InitialDirectory = $env:MFS_FOLDER
if ($dialog.ShowDialog() -ne "OK") { exit 1 }
[Console]::Out.Write($dialog.FileName)
"""
_INSTEAD = "Type the path of a picture, a folder or an .idn file into Source instead"


def choose_source(current: str) -> str:
    """Asks for a file, beginning where ``current`` lies; "" where the user chose none. Raises EngineError."""
    folder = str(Path(current).parent if current else Path.home())
    command = _command(folder)
    if command is None:
        raise EngineError(f"expected a screen and zenity or kdialog for a file dialog; found none. {_INSTEAD}")
    # Handed over in the environment, a path needs no quoting.
    words = {**os.environ, "MFS_TITLE": _TITLE, "MFS_FOLDER": folder}
    asked = subprocess.run(command, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL, env=words)
    return asked.stdout.strip() if asked.returncode == 0 else ""


def _command(folder: str) -> list[str] | None:
    if sys.platform == "darwin":
        return ["osascript", "-e", f'POSIX path of (choose file with prompt "{_TITLE}")']
    if sys.platform == "win32":
        return ["powershell", "-NoProfile", "-STA", "-Command", _WINDOWS]
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None
    if shutil.which("zenity"):
        return ["zenity", "--file-selection", f"--title={_TITLE}", f"--filename={folder}/"]
    if shutil.which("kdialog"):
        return ["kdialog", "--title", _TITLE, "--getopenfilename", folder]
    return None
