"""The command line as a process of its own, as a user starts it."""

from __future__ import annotations

import subprocess
import sys

MAIN = "from mobilefaceswap.cli import main; main()"


def run(*words: object, **more: object) -> subprocess.CompletedProcess[str]:
    """``mobilefaceswap`` with these words; nobody sits at the terminal."""
    command = [sys.executable, "-c", MAIN, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **more)


def start(*words: object, before: str = "", **more: object) -> subprocess.Popen[str]:
    """The same without waiting for it. before: code that the process runs first."""
    command = [sys.executable, "-c", f"{before}\n{MAIN}", *map(str, words)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen(command, text=True, **pipes)
