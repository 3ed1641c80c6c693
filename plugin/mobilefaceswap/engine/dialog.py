"""Dialogs for files and for entries of a list, shown by the engine for hosts that have none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import EngineError

__all__ = ["LOOK", "SAVED_LOOK", "SAVED_TRACK", "SOURCE", "Dialog", "ask_entry", "ask_path", "has_screen"]


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

_BETWEEN = " | "
"""Between an entry and what is said of it, where a dialog has no columns."""

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

_WINDOWS_LIST = """
[Console]::OutputEncoding = [Text.Encoding]::UTF8
$rows = $env:MFS_ENTRIES -split "`n" | ForEach-Object {
    $name, $about = $_ -split "`t"
    [pscustomobject]@{ Name = $name; Licence = $about }
}
$chosen = $rows | Out-GridView -Title $env:MFS_TITLE -OutputMode Single
if (-not $chosen) { exit 1 }
[Console]::Out.Write($chosen.Name)
"""


def ask_entry(title: str, entries: Mapping[str, str]) -> str | None:
    """Asks for one of ``entries``, shown with what is said of each; None if the user closes the dialog.

    Raises EngineError, which tells the entries, where no dialog can be shown.
    """
    command = _list_command(title, entries)
    if command is None:
        known = "; ".join(f"{name} ({about})" for name, about in entries.items())
        raise EngineError(f"expected a screen and zenity or kdialog for a list; found none. Type one of: {known}")
    lines = "\n".join(f"{name}\t{about}" for name, about in entries.items())
    chosen = _answer(command, {"MFS_TITLE": title, "MFS_ENTRIES": lines}).partition(_BETWEEN)[0]
    return chosen if chosen in entries else None


def ask_path(dialog: Dialog, current: str) -> Path | None:
    """Asks for a path, starting at ``current``; None if the user closes the dialog. Raises EngineError."""
    folder = str(Path(current).parent if current else Path.home())
    command = _command(dialog, folder)
    if command is None:
        raise EngineError(f"expected a screen and zenity or kdialog for a file dialog; found none. {dialog.instead}")
    # Handed over in the environment, a path needs no quoting.
    chosen = _answer(command, {"MFS_TITLE": dialog.title, "MFS_NAME": dialog.name, "MFS_FOLDER": folder})
    return Path(chosen) if chosen else None


def _answer(command: Sequence[str], words: Mapping[str, str]) -> str:
    """What a dialog prints; "" where the user closes it."""
    told = {**os.environ, **words}
    asked = subprocess.run(command, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL, env=told)
    return asked.stdout.strip() if asked.returncode == 0 else ""


def _list_command(title: str, entries: Mapping[str, str]) -> list[str] | None:
    if sys.platform == "win32":
        return ["powershell", "-NoProfile", "-STA", "-Command", _WINDOWS_LIST]
    if sys.platform == "darwin":
        shown = ", ".join(_quoted(f"{name}{_BETWEEN}{about}") for name, about in entries.items())
        return ["osascript", "-e", f"choose from list {{{shown}}} with prompt {_quoted(title)}"]
    if not has_screen():
        return None
    rows = [text for entry in entries.items() for text in entry]
    if shutil.which("zenity"):
        return ["zenity", "--list", f"--title={title}", "--width=700", "--column=Name", "--column=Licence", *rows]
    return ["kdialog", "--menu", title, *rows] if shutil.which("kdialog") else None


def _quoted(text: str) -> str:
    """As AppleScript writes text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def has_screen() -> bool:
    """Whether X or Wayland has one for us."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _command(dialog: Dialog, folder: str) -> list[str] | None:
    if sys.platform == "darwin":
        verb = f'file name with prompt "{dialog.title}" default name "{dialog.name}"'
        return ["osascript", "-e", f"POSIX path of (choose {verb if dialog.name else _choice(dialog)})"]
    if sys.platform == "win32":
        return ["powershell", "-NoProfile", "-STA", "-Command", _WINDOWS]
    if not has_screen():
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
