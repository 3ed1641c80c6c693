"""Terminal output: progress, questions and JSON; keeps libraries quiet."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any

import typer

from ..errors import FaceSwapError

if TYPE_CHECKING:
    from ..render_shot import ShotProgress

__all__ = [
    "explain",
    "may_replace",
    "print_json",
    "print_json_line",
    "progress_of",
    "quiet_libraries",
    "show_library_logs",
]

_SHOWN_LINES = 3
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+\]")
_show_logs = False


def show_library_logs() -> None:
    """Lets libraries log to the terminal, for ``--debug``."""
    global _show_logs
    _show_logs = True


def print_json(document: Any) -> None:
    """One document for machines, indented for people."""
    typer.echo(json.dumps(document, indent=2))


def print_json_line(document: Any) -> None:
    """One of several documents, a line each."""
    typer.echo(json.dumps(document))


def may_replace(place: str) -> bool:
    """Asks at the terminal; False if there is none."""
    return sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(f"{place} exists. Replace it?", err=True)


def explain(error: Exception) -> None:
    """Prints an error, and what FFmpeg said of it."""
    if isinstance(error, FaceSwapError):
        for line in (f"mobilefaceswap: {error}", *(f"  FFmpeg: {note}" for note in getattr(error, "__notes__", ()))):
            typer.echo(line, err=True)
        return
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        typer.echo("mobilefaceswap: expected room to write; the disk is full. Make room and try again", err=True)
        return
    typer.echo(
        f"mobilefaceswap: unexpected {type(error).__name__}: {error}. This is a fault of the program; "
        "run the command again with --debug and report what it prints",
        err=True,
    )


@contextmanager
def progress_of(title: str, *, as_json: bool) -> Iterator[Callable[[ShotProgress], None]]:
    """A progress bar on standard error with frames per second and time left, or one JSON line per frame."""
    if as_json:
        yield lambda step: print_json_line(asdict(step))
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, rate="")
        yield lambda step: bar.update(
            task, total=step.total, completed=step.done, rate=f"{step.frames_per_second:.1f} frames/s"
        )


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keeps off the terminal what libraries print to standard error, such as SVT-AV1's banner.

    An error that FFmpeg caused carries the last lines of its log as notes. FFmpeg writes its log itself: going through
    Python's logging, PyAV's way, can block for ever where a decoder's thread reports a fault.
    """
    import av.logging

    av.logging.restore_default_callback()
    av.logging.set_libav_level(av.logging.VERBOSE if _show_logs else av.logging.ERROR)
    if _show_logs:
        yield
        return
    own, kept = os.dup(2), sys.stderr
    encoding = kept.encoding or "utf-8"
    with tempfile.TemporaryFile() as log, open(own, "w", 1, encoding, errors="replace") as terminal:
        sys.stderr.flush()
        os.dup2(log.fileno(), 2)
        sys.stderr = terminal
        try:
            yield
        except FaceSwapError as error:
            for line in _last_lines(log) if _is_ffmpegs(error) else ():
                error.add_note(line)
            raise
        finally:
            terminal.flush()
            sys.stderr = kept
            os.dup2(own, 2)


def _is_ffmpegs(error: BaseException | None) -> bool:
    """Whether an error of FFmpeg's is among the causes."""
    while error is not None:
        if type(error).__module__.startswith("av."):
            return True
        error = error.__cause__ or error.__context__
    return False


def _last_lines(log: IO[bytes]) -> list[str]:
    log.seek(0)
    text = _ADDRESS.sub("]", log.read().decode("utf-8", "replace"))
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line][-_SHOWN_LINES:]
