"""File dialogs, shown by the engine for hosts that have none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import EngineError

__all__ = ["LOOK", "SAVED_LOOK", "SAVED_TRACK", "SOURCE", "Dialog", "ask_path"]


@dataclass(frozen=True)
class Dialog:
    """One question for a path. name: proposed for a file to be written, "" to choose one that is there.

    instead: what the user can do where no dialog can be shown.
    """

    title: str
    name: str = ""
    instead: str = "Use the command line instead"


SOURCE = Dialog(
    "Source picture or prepared identity",
    instead="Type the path of a picture, a folder or an .idn file into Source instead",
)
LOOK = Dialog("Load a look", instead="Set the controls by hand instead")
SAVED_LOOK = Dialog("Save the look", "look.json", "Save the project instead, which holds every control")
SAVED_TRACK = Dialog("Save a copy of the track", "track.json", "Copy the file that Track File names instead")

_WINDOWS = """
Add-Type -AssemblyName System.Windows.Forms
[Console]::OutputEncoding = [Text.Encoding]::UTF8
$kind = if ($env:MFS_NAME) { "SaveFileDialog" } else { "OpenFileDialog" }
$dialog = New-Object "System.Windows.Forms.$kind"
$dialog.Title = $env:MFS_TITLE
$dialog.FileName = $env:MFS_NAME
$dialog.InitialDirectory = $env:MFS_FOLDER
if ($dialog.ShowDialog() -ne "OK") { exit 1 }
[Console]::Out.Write($dialog.FileName)
"""


def ask_path(dialog: Dialog, current: str) -> Path | None:
    """Asks for a path, starting at ``current``; None if the user closes the dialog. Raises EngineError."""
    folder = str(Path(current).parent if current else Path.home())
    command = _command(dialog, folder)
    if command is None:
        raise EngineError(f"expected a screen and zenity or kdialog for a file dialog; found none. {dialog.instead}")
    # Handed over in the environment, a path needs no quoting.
    words = {**os.environ, "MFS_TITLE": dialog.title, "MFS_NAME": dialog.name, "MFS_FOLDER": folder}
    asked = subprocess.run(command, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL, env=words)
    chosen = asked.stdout.strip()
    return Path(chosen) if asked.returncode == 0 and chosen else None


def _command(dialog: Dialog, folder: str) -> list[str] | None:
    if sys.platform == "darwin":
        verb = f'file name with prompt "{dialog.title}" default name "{dialog.name}"'
        return ["osascript", "-e", f"POSIX path of (choose {verb if dialog.name else _choice(dialog)})"]
    if sys.platform == "win32":
        return ["powershell", "-NoProfile", "-STA", "-Command", _WINDOWS]
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None
    if shutil.which("zenity"):
        saving = ["--save"] if dialog.name else []
        return ["zenity", "--file-selection", *saving, f"--title={dialog.title}", f"--filename={folder}/{dialog.name}"]
    if shutil.which("kdialog"):
        verb = "--getsavefilename" if dialog.name else "--getopenfilename"
        return ["kdialog", "--title", dialog.title, verb, f"{folder}/{dialog.name}"]
    return None


def _choice(dialog: Dialog) -> str:
    return f'file with prompt "{dialog.title}"'
