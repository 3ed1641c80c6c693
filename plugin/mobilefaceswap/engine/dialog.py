"""Dialogs for files and for entries of a list, shown by the engine for hosts that have none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
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
_CLOSED = 1
_NO_SCREEN = re.compile("open display|connect to display|wl_display|user interaction", re.IGNORECASE)
"""What GTK, Qt and AppleScript say where they have no screen. Two of them end as if the user had closed the dialog."""

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
    lines = "\n".join(f"{name}\t{about}" for name, about in entries.items())
    known = "; ".join(f"{name} ({about})" for name, about in entries.items())
    words = {"MFS_TITLE": title, "MFS_ENTRIES": lines}
    answer = _answer(_list_commands(title, entries), words, "a list", f"Type one of: {known}")
    chosen = answer.partition(_BETWEEN)[0]
    return chosen if chosen in entries else None


def ask_path(dialog: Dialog, current: str) -> Path | None:
    """Asks for a path, starting at ``current``; None if the user closes the dialog.

    The name proposed for a file to be written is one that no file has there. Raises EngineError where no dialog can be
    shown.
    """
    folder = str(Path(current).parent if current else Path.home())
    if dialog.name:
        dialog = replace(dialog, name=_free_name(folder, dialog.name))
    # Handed over in the environment, a path needs no quoting.
    words = {"MFS_TITLE": dialog.title, "MFS_NAME": dialog.name, "MFS_FOLDER": folder}
    chosen = _answer(_commands(dialog, folder), words, "a file dialog", dialog.instead)
    return Path(chosen) if chosen else None


def _free_name(folder: str, name: str) -> str:
    """``name``, numbered where the folder has a file of that name."""
    stem, suffix = os.path.splitext(name)
    names = chain([name], (f"{stem}_{number}{suffix}" for number in count(2)))
    return next(one for one in names if not os.path.lexists(os.path.join(folder, one)))


def _answer(commands: Sequence[Sequence[str]], words: Mapping[str, str], shown: str, instead: str) -> str:
    """What the first of ``commands`` that can show its dialog prints; "" where the user closes it.

    shown: what they show. instead: what the user can do without. Raises EngineError where none of them can.
    """
    if not commands:
        raise EngineError(f"expected a screen and zenity or kdialog for {shown}; found none. {instead}")
    told = {**os.environ, **words}
    failures = []
    for command in commands:
        asked = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, env=told)
        if asked.returncode == 0:
            return asked.stdout.decode().strip()
        said = asked.stderr.decode(errors="replace").strip()
        if asked.returncode == _CLOSED and not _NO_SCREEN.search(said):
            return ""
        failures.append(f"{command[0]} ended with code {asked.returncode}: {_reason(said)}")
    raise EngineError(f"expected a program that can show {shown} here; {'; '.join(failures)}. {instead}")


def _reason(said: str) -> str:
    """The line that tells why there is no dialog."""
    lines = said.splitlines() or ["no word of why"]
    return next((line for line in lines if _NO_SCREEN.search(line)), lines[-1])


def _list_commands(title: str, entries: Mapping[str, str]) -> list[list[str]]:
    if sys.platform == "win32":
        return [["powershell", "-NoProfile", "-STA", "-Command", _WINDOWS_LIST]]
    if sys.platform == "darwin":
        shown = ", ".join(_quoted(f"{name}{_BETWEEN}{about}") for name, about in entries.items())
        return [["osascript", "-e", f"choose from list {{{shown}}} with prompt {_quoted(title)}"]]
    rows = [text for entry in entries.items() for text in entry]
    return _at_hand(
        ["zenity", "--list", f"--title={title}", "--width=700", "--column=Name", "--column=Licence", *rows],
        ["kdialog", "--menu", title, *rows],
    )


def _at_hand(*commands: list[str]) -> list[list[str]]:
    """Those of the programs that this machine has, if it has a screen for them."""
    return [command for command in commands if has_screen() and shutil.which(command[0])]


def _quoted(text: str) -> str:
    """As AppleScript writes text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def has_screen() -> bool:
    """Whether X or Wayland has one for us."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _commands(dialog: Dialog, folder: str) -> list[list[str]]:
    if sys.platform == "darwin":
        verb = f'file name with prompt "{dialog.title}" default name "{dialog.name}"'
        return [["osascript", "-e", f"POSIX path of (choose {verb if dialog.name else _choice(dialog)})"]]
    if sys.platform == "win32":
        return [["powershell", "-NoProfile", "-STA", "-Command", _WINDOWS]]
    # Without being told, zenity before version 4 replaces a file unasked; all other dialogs ask by themselves.
    saving = ["--save", "--confirm-overwrite"] if dialog.name else []
    verb = "--getsavefilename" if dialog.name else "--getopenfilename"
    return _at_hand(
        ["zenity", "--file-selection", *saving, f"--title={dialog.title}", f"--filename={folder}/{dialog.name}"],
        ["kdialog", "--title", dialog.title, verb, f"{folder}/{dialog.name}"],
    )


def _choice(dialog: Dialog) -> str:
    return f'file with prompt "{dialog.title}"'
