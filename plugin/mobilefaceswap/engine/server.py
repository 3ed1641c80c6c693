"""The engine's end of the connection: one thread for each lane, and one that ends the process with its host.

It only moves bytes; `requests` interprets them.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from typing import NoReturn

from ..errors import EngineError, UserInputError
from ..node import while_wanted
from .channel import Link
from .idle import USUAL_SECONDS, idle_seconds
from .requests import answered
from .segment import Segment
from .session import Session
from .wire import Kind, Message

__all__ = ["serve"]

_BEAT_SECONDS = 0.5
_LONGEST_WAIT = 3600.0
"""Systems refuse to wait for weeks at a time."""
_AT_ONCE = 2
"""Pictures: as many as the bridge has lanes, in its engine.cpp. Those that it abandons are still here for a moment."""
_PICTURES = (Kind.RENDER, Kind.NEIGHBOUR, Kind.ANALYSE)


def serve(control: Link, session: Session | None = None) -> NoReturn:
    """Serves lanes until the host closes ``control`` or the engine has been idle for a while; ends the process."""
    engine = _Engine(Session() if session is None else session)
    patience = _patience()
    threading.Thread(target=engine.beat, name="beat", daemon=True).start()
    try:
        while True:
            try:
                message, handle = control.receive(min(patience, _LONGEST_WAIT))
            except TimeoutError:
                if engine.idle_for() < patience:
                    continue
                break
            if message.kind is Kind.LANE and handle is not None:
                engine.open(control.further(handle))
    except (ConnectionError, EngineError, OSError):
        pass
    # Threads may be inside a network; nobody waits for what they make.
    sys.stderr.flush()
    os._exit(0)


def _patience() -> float:
    """Seconds without work after which the engine ends."""
    try:
        return idle_seconds()
    except UserInputError:
        # The greeting tells it, in the host: a process that ended over it would be started again and again.
        return USUAL_SECONDS


class _Engine:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.turns = threading.BoundedSemaphore(_AT_ONCE)
        self._busy: set[_Lane] = set()
        self._last_used = time.monotonic()
        self._lock = threading.Lock()

    def open(self, link: Link) -> None:
        threading.Thread(target=_Lane(self, link).run, name="lane", daemon=True).start()

    def begin(self, lane: _Lane) -> None:
        with self._lock:
            self._busy.add(lane)

    def end(self, lane: _Lane) -> None:
        with self._lock:
            self._busy.discard(lane)
            self._last_used = time.monotonic()

    def idle_for(self) -> float:
        """Seconds since the last answer; 0 while one is being made."""
        with self._lock:
            return 0.0 if self._busy else time.monotonic() - self._last_used

    def beat(self) -> None:
        """Tells waiting bridges that their requests are in progress, so that slow is not taken for dead."""
        while True:
            time.sleep(_BEAT_SECONDS)
            with self._lock:
                busy = list(self._busy)
            for lane in busy:
                lane.beat()


class _Lane:
    """One connection with the memory that its pixels travel in."""

    def __init__(self, engine: _Engine, link: Link) -> None:
        self._engine, self._link = engine, link
        self._segment = Segment()
        self._speaking = threading.Lock()
        self._working = self._gone = False

    def run(self) -> None:
        try:
            while True:
                message, handle = self._link.receive()
                if handle is not None:
                    self._segment.replace(self._link.memory(handle))
                self._answer(message)
        except (ConnectionError, EngineError, OSError):
            pass
        finally:
            self._link.close()
            self._segment.replace(None)

    def beat(self) -> None:
        """Between question and answer alone: the bridge does not listen at other times."""
        with self._speaking:
            try:
                if self._working:
                    self._link.send(Message(Kind.WORKING))
            except OSError:
                self._gone = True

    def _answer(self, message: Message) -> None:
        self._working = True
        self._engine.begin(self)
        try:
            with while_wanted(lambda: not self._gone), self._turn(message):
                answer = answered(self._engine.session, self._segment, message)
        finally:
            self._engine.end(self)
        with self._speaking:
            self._working = False
            self._link.send(answer)

    def _turn(self, message: Message) -> AbstractContextManager[object]:
        """What a request waits for: pictures take turns, dialogs do not."""
        return self._engine.turns if message.kind in _PICTURES else nullcontext()
