"""Works ahead: items in several threads, results in the items' order, and a bound on how many are under way."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from .errors import UserInputError

__all__ = ["asked_threads", "cores", "in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_VARIABLE = "MOBILEFACESWAP_THREADS"
_AHEAD = 2


def cores() -> int:
    """Threads that the process works with: those asked for, or one for each processor core that it may use.

    Raises as ``asked_threads``.
    """
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return asked_threads() or mine or 1


def asked_threads() -> int:
    """MOBILEFACESWAP_THREADS; 0, which leaves the choice to a library, where it is not set.

    Raises UserInputError if it is not a whole number from 1.
    """
    text = os.environ.get(_VARIABLE, "")
    if not text:
        return 0
    if not text.isdecimal() or int(text) < 1:
        raise UserInputError(f"expected {_VARIABLE} to be a whole number from 1; found {text!r}. Correct it")
    return int(text)


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[tuple[Item, Callable[[], Result]]]:
    """Each item with a function that waits for its result, and raises what ``work`` raised.

    At most ``threads`` + 2 items are under way or wait to be taken. Items that were not begun when the iteration ends,
    by an error, too, are never begun; those that were are waited for.
    """
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) > threads + _AHEAD - 1:
                item, future = waiting.popleft()
                yield item, future.result
        while waiting:
            item, future = waiting.popleft()
            yield item, future.result
    finally:
        pool.shutdown(cancel_futures=True)
