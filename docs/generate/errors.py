"""Exit codes and error classes, from the tree of errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mobilefaceswap.cli.app import EXIT_CODES
from mobilefaceswap.errors import FaceSwapError


def exit_codes() -> str:
    """A table of every exit code, from the sentence that the command line's help ends with."""
    rows = [f"| {code} | {meaning.strip()} |" for code, meaning in re.findall(r"(\d+) ([^,.]+)", EXIT_CODES)]
    return "\n".join(["| Exit code | Meaning |", "|---|---|", *rows])


def tree() -> str:
    """A table of every error class: its base, its exit code, what it means."""
    lines = ["| Error | Kind of | Exit code | Meaning |", "|---|---|---|---|"]
    for error in _classes(FaceSwapError):
        bases = ", ".join(f"`{base.__name__}`" for base in error.__bases__)
        lines.append(f"| `{error.__name__}` | {bases} | {error.exit_code} | {_summary(error)} |")
    return "\n".join(lines)


def _classes(error: type[FaceSwapError]) -> Iterator[type[FaceSwapError]]:
    yield error
    for kind in error.__subclasses__():
        yield from _classes(kind)


def _summary(error: type[FaceSwapError]) -> str:
    return (error.__doc__ or "").split("\n")[0].rstrip(".")
