"""Exit codes and error classes, from the tree of errors."""

from __future__ import annotations

from collections.abc import Iterator

from mobilefaceswap.errors import FaceSwapError


def exit_codes() -> str:
    """A table of every exit code of the command line."""
    meanings = {0: ["done"], 1: ["anything else: the engine failed, or a fault of the program"], 130: ["interrupted"]}
    for error in _classes(FaceSwapError):
        if error.exit_code != 1 and "exit_code" in vars(error):
            meanings.setdefault(error.exit_code, []).append(_summary(error))
    rows = [f"| {code} | {'; '.join(found)} |" for code, found in sorted(meanings.items())]
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
