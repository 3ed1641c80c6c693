"""The engine's end of the connection: one thread for each lane, and one that ends the process with its host."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import NoReturn

from .. import __version__
from ..errors import EngineError, FaceSwapError
from ..faces import Face
from ..frame import Floats, Hashed
from ..ofx.generate import FINGERPRINT
from .channel import Link, Memory
from .dialog import choose_source
from .session import Inputs, Rendered, Session, shared_array
from .wire import (
    Changed,
    Flags,
    Kind,
    Message,
    Outside,
    Picture,
    Values,
    greeting,
    read_greeting,
)

__all__ = ["serve"]

_IDLE_SECONDS = 600.0


def serve(control: Link, session: Session | None = None) -> NoReturn:
    """Serves lanes until the host closes ``control`` or nobody asked for anything for a while; ends the process."""
    engine = _Engine(Session() if session is None else session)
    idle_seconds = float(os.environ.get("MOBILEFACESWAP_ENGINE_IDLE", _IDLE_SECONDS))
    try:
        while True:
            try:
                message, handle = control.receive(idle_seconds)
            except TimeoutError:
                if engine.idle_for() < idle_seconds:
                    continue
                break
            if message.kind is Kind.LANE and handle is not None:
                engine.open(control.further(handle))
    except (ConnectionError, EngineError, OSError):
        pass
    # Threads may be inside a network; nobody waits for what they make.
    sys.stderr.flush()
    os._exit(0)


class _Engine:
    def __init__(self, session: Session) -> None:
        self.session = session
        self._busy = 0
        self._last_used = time.monotonic()
        self._lock = threading.Lock()

    def open(self, lane: Link) -> None:
        threading.Thread(target=_Lane(self, lane).run, name="lane", daemon=True).start()

    def begin(self) -> None:
        with self._lock:
            self._busy += 1

    def end(self) -> None:
        with self._lock:
            self._busy -= 1
            self._last_used = time.monotonic()

    def idle_for(self) -> float:
        """Seconds since the last answer; 0 while one is being made."""
        with self._lock:
            return 0.0 if self._busy else time.monotonic() - self._last_used


@dataclass
class _Lane:
    """One connection with the memory that its pixels travel in. found: the faces of a range under analysis.

    hashed: the plate that lies in the memory, as long as the bridge does not write there.
    """

    engine: _Engine
    connection: Link
    memory: Memory | None = None
    hashed: Hashed | None = None
    found: dict[int, tuple[Face, ...]] = field(default_factory=dict)
    found_size: tuple[int, int] = (0, 0)

    def run(self) -> None:
        try:
            while True:
                message, handle = self.connection.receive()
                if handle is not None:
                    self._take(handle)
                self.engine.begin()
                try:
                    answer = self._answered(message)
                finally:
                    self.engine.end()
                self.connection.send(answer)
        except (ConnectionError, EngineError, OSError):
            pass
        finally:
            self.connection.close()
            self._drop()

    def _answered(self, message: Message) -> Message:
        try:
            return self._answer(message)
        except FaceSwapError as error:
            return _failed(str(error))
        except MemoryError:
            return _failed("the engine is out of memory; close other programs or render a smaller frame")
        except Exception as error:
            return _failed(f"the engine found a fault of its own ({type(error).__name__}: {error}); please report it")

    def _answer(self, message: Message) -> Message:
        session = self.engine.session
        if message.kind is Kind.HELLO:
            return self._welcome(message)
        if message.kind is Kind.RENDER:
            return self._render(message)
        if message.kind is Kind.ANALYSE:
            return self._analyse(message)
        if message.kind is Kind.SAVE_TRACK:
            return _done(session.save_track(self.found_size, self.found))
        if message.kind is Kind.PREPARE:
            return _done(session.prepare(Values.unpacked(message.body)))
        if message.kind is Kind.CHOOSE_SOURCE:
            return _done(choose_source(message.text))
        if message.kind is Kind.CLEAR_CACHE:
            return _done(session.clear())
        raise EngineError(f"expected a request; found {message.kind.name}. Run `mobilefaceswap ofx install`")

    def _welcome(self, message: Message) -> Message:
        fingerprint, version = read_greeting(message.body)
        if fingerprint != FINGERPRINT:
            raise EngineError(
                f"expected a bundle of version {__version__}, the engine's; found {version}. "
                "Run `mobilefaceswap ofx install` and start the host again"
            )
        return Message(Kind.WELCOME, greeting(FINGERPRINT, self.engine.session.describe()))

    def _render(self, message: Message) -> Message:
        picture, rest = Picture.unpacked(message.body)
        rendered = self.engine.session.render(picture, Values.unpacked(rest), self._inputs(picture))
        return Message(Kind.RENDERED, self._stored(picture, rendered).packed())

    def _analyse(self, message: Message) -> Message:
        picture, rest = Picture.unpacked(message.body)
        faces = self.engine.session.analyse(picture, Values.unpacked(rest), self._inputs(picture))
        if Flags.FIRST_OF_RANGE in picture.flags:
            self.found, self.found_size = {}, (picture.width, picture.height)
        self.found[picture.time] = faces
        empty = Changed(picture.result_offset, (0, 0, 0, 0), 1, Outside.PLATE, len(faces), 0)
        return Message(Kind.RENDERED, empty.packed())

    def _take(self, handle: int) -> None:
        """Maps a new segment; the old one goes as soon as no picture refers to it."""
        self._drop()
        self.memory = self.connection.memory(handle)

    def _drop(self) -> None:
        if self.memory is not None:
            self.memory.close()
        self.memory = self.hashed = None

    def _inputs(self, picture: Picture) -> Inputs:
        memory = None if self.memory is None else self.memory.view
        if memory is None or len(memory) < picture.segment_bytes:
            raise EngineError("expected the memory that the pixels lie in; found none. Render the frame again")
        size = (picture.height, picture.width)
        readable = memory.toreadonly()
        place = picture.plate_bytes
        mattes = []
        for flag in (Flags.INSIDE_MATTE, Flags.OUTSIDE_MATTE):
            mattes.append(shared_array(readable, place, size) if flag in picture.flags else None)
            place += picture.matte_bytes * (flag in picture.flags)
        shown = (picture.identity_height, picture.identity_width, 3)
        identity = shared_array(readable, place, shown) if picture.identity_bytes else None
        hashed = self._plate(picture, shared_array(readable, 0, (*size, picture.channels)))
        return Inputs(hashed.pixels, mattes[0], mattes[1], identity, hashed)

    def _plate(self, picture: Picture, pixels: Floats) -> Hashed:
        known = self.hashed
        if known is None or Flags.SAME_PLATE not in picture.flags or known.pixels.shape != pixels.shape:
            known = self.hashed = Hashed(pixels)
        return known

    def _stored(self, picture: Picture, rendered: Rendered) -> Changed:
        """Puts the pixels behind the plate, where memory is reserved first: touching what is not there would kill."""
        assert self.memory is not None
        pixels = rendered.pixels
        height, width = pixels.shape[:2]
        if pixels.nbytes:
            self.memory.reserve(picture.result_offset, pixels.nbytes)
            shared_array(self.memory.view, picture.result_offset, pixels.shape)[...] = pixels
        x, y = rendered.corner
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        rectangle = (x, y, x + width, y + height)
        return Changed(picture.result_offset, rectangle, channels, rendered.outside, rendered.found, rendered.swapped)


def _done(text: str) -> Message:
    return Message(Kind.DONE, text.encode())


def _failed(text: str) -> Message:
    return Message(Kind.FAILED, text.encode())
