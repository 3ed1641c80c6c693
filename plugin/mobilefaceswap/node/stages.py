"""The stages of a frame: seconds of each, summed over threads, and where one that nobody waits for any more ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["AbandonedError", "StageTimes", "check_wanted", "while_wanted"]

_wanted: ContextVar[Callable[[], bool]] = ContextVar("wanted", default=lambda: True)


class AbandonedError(Exception):
    """Nobody waits for the frame any more."""


@contextmanager
def while_wanted(wanted: Callable[[], bool]) -> Iterator[None]:
    """Ends what this thread renders in the block, by AbandonedError, at the first stage at which ``wanted`` says no."""
    before = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(before)


def check_wanted() -> None:
    """Raises AbandonedError where nobody waits any more: see `while_wanted`."""
    if not _wanted.get()():
        raise AbandonedError


class StageTimes:
    """Seconds and calls per stage. Thread-safe."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Adds the time that the block takes to ``stage``. Raises as `check_wanted` does."""
        check_wanted()
        start = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            with self._lock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + elapsed
                self.calls[stage] = self.calls.get(stage, 0) + 1
