"""Starts an engine as the bridge in a host does, and greets it: what `mobilefaceswap doctor` tests of a host's node."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO

from .. import __version__
from ..engine.wire import FINGERPRINT, HEADER_SIZE, Kind, Message, body_size, greeting, read_greeting
from ..errors import EngineError, UserInputError
from ..ofx.install import find_installed, record_places
from ..packs import REINSTALL

__all__ = ["EngineCommand", "engine_command", "greet_engine"]

_TIMEOUT_SECONDS = 60.0
_FOREIGN = ("PYTHON", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_", "QT_", "__PYVENV_LAUNCHER__")
"""How the variables begin that the bridge keeps from the engine: its process.cpp says the same."""
_ASK_VERSION = "import mobilefaceswap.engine.server, mobilefaceswap; print(mobilefaceswap.__version__)"


@dataclass(frozen=True)
class EngineCommand:
    """How a host would start its engine. package: the folder of the package; "" if the interpreter finds it by itself.

    named: who names the interpreter. advice: what to do if it does not serve.
    """

    interpreter: str
    package: str
    named: str
    advice: str


def engine_command() -> EngineCommand:
    """What the bridge would start: the interpreter of MOBILEFACESWAP_PYTHON, or the installed bundle's; without a
    bundle this one, which ``ofx install`` would record. Raises EngineError where a bundle has no record.
    """
    chosen = os.environ.get("MOBILEFACESWAP_PYTHON", "")
    if chosen:
        advice = "Set it to the Python interpreter that has mobilefaceswap, or unset it"
        return EngineCommand(chosen, "", "which MOBILEFACESWAP_PYTHON names", advice)
    try:
        return _recorded(find_installed())
    except UserInputError:
        package = str(Path(__file__).resolve().parents[2])
        advice = f"To mend it, {REINSTALL}"
        return EngineCommand(sys.executable, package, "which runs this command", advice)


def _recorded(bundle: Path) -> EngineCommand:
    places = record_places(bundle)
    for place in filter(Path.is_file, places):
        lines = place.read_text("utf-8", "replace").splitlines()
        said = {name: value for name, _, value in (line.partition("=") for line in lines)}
        if said.get("python"):
            advice = "Run `mobilefaceswap ofx install` again"
            return EngineCommand(said["python"], said.get("package", ""), f"which {place} names", advice)
    raise EngineError(
        f"expected a record of where the engine is installed at {places[-1]}; found none. "
        "Run `mobilefaceswap ofx install`, or set MOBILEFACESWAP_PYTHON to the interpreter that has mobilefaceswap"
    )


def greet_engine(command: EngineCommand) -> str:
    """What an engine that ``command`` starts says of itself; on Windows its version alone. Raises EngineError.

    The engine is ended again.
    """
    seconds = _timeout_seconds()
    with tempfile.TemporaryFile() as log:
        try:
            return _greeted(command, log, seconds)
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            found = f"no answer within {seconds:g} s (MOBILEFACESWAP_TIMEOUT allows more)"
            raise _refusal(command, found) from error
        except OSError as error:
            raise _refusal(command, _last_words(log) or error.strerror or str(error)) from error


def _timeout_seconds() -> float:
    """How long a host would wait."""
    try:
        seconds = float(os.environ.get("MOBILEFACESWAP_TIMEOUT", _TIMEOUT_SECONDS))
    except ValueError:
        return _TIMEOUT_SECONDS
    return seconds if 0 < seconds < float("inf") else _TIMEOUT_SECONDS


def _refusal(command: EngineCommand, found: str) -> EngineError:
    return EngineError(
        f"expected an engine to start with {command.interpreter}, {command.named}; found {found}. {command.advice}"
    )


def _last_words(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _ended(code: int) -> str:
    return f"a program that ended with {code}, and no engine of version {__version__}"


def _words(command: EngineCommand, *arguments: str) -> list[str]:
    # The bridge does not search PATH either.
    return [os.path.abspath(command.interpreter), "-P", *arguments]


def _environment(command: EngineCommand) -> Mapping[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.upper().startswith(_FOREIGN)}
    return {**own, "PYTHONPATH": command.package} if command.package else own


def _asked_version(command: EngineCommand, log: IO[bytes], seconds: float) -> str:
    """The version that the interpreter imports: the bridge's pipes of Windows have no twin in Python."""
    words, known = _words(command, "-c", _ASK_VERSION), _environment(command)
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=known, timeout=seconds, check=False
    )
    if done.returncode or not done.stdout.strip():
        raise ConnectionError(_ended(done.returncode))
    return f"MobileFaceSwap {done.stdout.decode('utf-8', 'replace').strip()}"


def _greeted(command: EngineCommand, log: IO[bytes], seconds: float) -> str:
    """Opens a lane to an engine and greets it. Raises OSError where it is silent, EngineError where it refuses."""
    if sys.platform == "win32":
        return _asked_version(command, log, seconds)
    (ours, theirs), (lane, far), deadline = socket.socketpair(), socket.socketpair(), monotonic() + seconds
    words = _words(command, "-m", "mobilefaceswap.engine", str(theirs.fileno()))
    with ours, lane:
        # Our copies of its ends are closed before we listen, so that its end is ours, too.
        with theirs, far:
            engine = _started(words, theirs.fileno(), log, _environment(command))
            socket.send_fds(ours, [Message(Kind.LANE).packed()], [far.fileno()])
        try:
            lane.settimeout(seconds)
            lane.sendall(Message(Kind.HELLO, greeting(FINGERPRINT, __version__)).packed())
            answer = _answer(lane, deadline)
        except ConnectionError as error:
            raise ConnectionError(_ended(engine.wait(seconds))) from error
        finally:
            engine.kill()
            engine.wait()
    if answer.kind is not Kind.WELCOME:
        # An error of the engine's, which says what to do.
        raise EngineError(answer.text)
    return read_greeting(answer.body)[1]


def _started(
    words: Sequence[str], channel: int, log: IO[bytes], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    nothing = subprocess.DEVNULL
    return subprocess.Popen(words, stdin=nothing, stdout=nothing, stderr=log, pass_fds=[channel], env=environment)


def _answer(lane: socket.socket, deadline: float) -> Message:
    """What comes before ``deadline`` and is not that the engine is at work. Raises OSError, EngineError."""
    with lane.makefile("rb") as stream:
        while True:
            lane.settimeout(max(deadline - monotonic(), 1e-3))
            head = stream.read(HEADER_SIZE)
            if len(head) < HEADER_SIZE:
                raise ConnectionError("the engine closed the connection")
            kind, size = body_size(head)
            body = stream.read(size)
            if kind is not Kind.WORKING:
                return Message(kind, body)
