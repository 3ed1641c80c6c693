"""Translates between the bridge's messages and the session: one row for each kind of request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .. import __version__
from ..errors import EngineError, FaceSwapError, UserInputError
from ..faces import Edits, Track
from ..faces.edits import sidecar
from ..files import write_failure, written_whole
from ..folders import track_folder
from ..media import check_output
from ..node import AbandonedError, check_wanted
from ..settings import table
from .around import Needed
from .choices import offered
from .dialog import LOOK, SAVED_LOOK, SAVED_TRACK, SOURCE, ask_entry, ask_path
from .documentation import open_page
from .idle import idle_seconds
from .looks import load_look, save_look
from .nodes import pack_of
from .segment import Segment
from .session import Session, read_settings, with_settings
from .wire import (
    FINGERPRINT,
    VERSION,
    Kind,
    Message,
    Picture,
    Values,
    greeting,
    range_number,
    read_greeting,
    read_sights,
)

__all__ = ["answered"]

_Request = Callable[[Session, Segment, Message], Message]
_FOREIGN = (
    f"expected the bundle of MobileFaceSwap {__version__}, which speaks version {VERSION} with its engine; found one "
    "that speaks version {}. Run `mobilefaceswap ofx install` and start the host again"
)


def answered(session: Session, segment: Segment, message: Message) -> Message:
    """The answer to a request; FAILED, with a message for the user, if it cannot be met."""
    if message.version != VERSION:
        # In the words of whoever asked: a bridge that hosts have had loaded since before an update.
        return replace(_failed(_FOREIGN.format(message.version)), version=message.version)
    try:
        if message.kind not in _REQUESTS:
            raise EngineError(f"expected a request; found {message.kind.name}. Run `mobilefaceswap ofx install`")
        check_wanted()
        return _REQUESTS[message.kind](session, segment, message)
    except FaceSwapError as error:
        return _failed(str(error))
    except AbandonedError:
        return _failed("the host abandoned the frame")
    except MemoryError:
        return _failed("the engine is out of memory; close other programs or render a smaller frame")
    except Exception as error:
        return _failed(f"the engine found a fault of its own ({type(error).__name__}: {error}); please report it")


def _welcome(session: Session, segment: Segment, message: Message) -> Message:
    fingerprint, version = read_greeting(message.body)
    if fingerprint != FINGERPRINT:
        raise EngineError(
            f"expected a bundle of version {__version__} with the engine's settings; found {version}"
            f"{' with others' if version == __version__ else ''}. Run `mobilefaceswap ofx install`, in a checkout "
            "`mobilefaceswap ofx build` first, and start the host again"
        )
    # Where it is wrong, this is the first place from which a host can tell its user.
    idle_seconds()
    return Message(Kind.WELCOME, greeting(FINGERPRINT, session.describe()))


def _render(session: Session, segment: Segment, message: Message) -> Message:
    picture, rest = Picture.unpacked(message.body)
    values, rest = Values.read(rest)
    rendered = session.render(picture, values, segment.inputs(picture), read_sights(rest))
    if isinstance(rendered, Needed):
        return Message(Kind.NEED, rendered.packed())
    segment.store(picture.result_offset, rendered.pixels)
    return Message(Kind.RENDERED, rendered.changed(picture.result_offset).packed())


def _neighbour(session: Session, segment: Segment, message: Message) -> Message:
    picture, rest = Picture.unpacked(message.body)
    values, rest = Values.read(rest)
    return Message(Kind.SIGHT, session.sight(picture, values, segment.inputs(picture), read_sights(rest)))


def _analyse(session: Session, segment: Segment, message: Message) -> Message:
    picture, rest = Picture.unpacked(message.body)
    found = session.analyse(picture, Values.unpacked(rest), segment.inputs(picture))
    return Message(Kind.RENDERED, found.changed(picture.result_offset).packed())


def _choose_source(session: Session, segment: Segment, message: Message) -> Message:
    chosen = ask_path(SOURCE, message.text)
    return _done("" if chosen is None else str(chosen))


def _choose(session: Session, segment: Segment, message: Message) -> Message:
    values, setting = Values.read(message.body)
    host, _ = read_settings(values)
    name = setting.decode("utf-8", "replace")
    entries = {entry.value: entry.licence for entry in offered(name, pack_of(host))}
    label = next(row.label for row in table(host=True) if row.name == name)
    return _done(ask_entry(f"{label} and its licence", entries) or "")


def _load_look(session: Session, segment: Segment, message: Message) -> Message:
    values = Values.unpacked(message.body)
    host, settings = read_settings(values)
    chosen = ask_path(LOOK, host.source)
    if chosen is None:
        return _done("")
    return Message(Kind.LOOK, with_settings(values, load_look(chosen, settings)).packed())


def _save_look(session: Session, segment: Segment, message: Message) -> Message:
    host, settings = read_settings(Values.unpacked(message.body))
    chosen = ask_path(SAVED_LOOK, host.source)
    if chosen is None:
        return _done("")
    save_look(chosen, settings)
    return _done(f"Look saved as {chosen}")


def _export_track(session: Session, segment: Segment, message: Message) -> Message:
    host, _ = read_settings(Values.unpacked(message.body))
    if not host.track_file:
        raise UserInputError("expected a track to export; Track File is empty. Press Analyse Range first")
    Track.load(host.track_file)
    corrections = Edits.beside(host.track_file)
    # Where Analyse Range stores tracks, nobody else would find the copy.
    private = Path(host.track_file).parent == track_folder()
    chosen = ask_path(SAVED_TRACK, host.source if private else host.track_file)
    if chosen is None:
        return _done("")
    done = _copied_track(Path(host.track_file), corrections, chosen)
    return _done(f"{done}. Choose it as Track File: other machines do not see {track_folder()}" if private else done)


def _copied_track(track: Path, corrections: Edits, chosen: Path) -> str:
    """Copies a track, and its corrections beside it; says where they are. Raises MediaError, UserInputError."""
    beside = sidecar(chosen)
    check_output(str(chosen), track, sidecar(track))
    # To the byte: corrections belong to the very file that they were made for.
    content = track.read_bytes()
    try:
        if beside.exists() and not (chosen.exists() and chosen.read_bytes() == content):
            raise UserInputError(
                f"expected no corrections beside {chosen}; found {beside}, which are another track's. Choose another "
                "name, or remove them"
            )
        with written_whole(chosen) as part:
            part.write_bytes(content)
    except OSError as error:
        raise write_failure(str(chosen), error) from error
    if not corrections.edits and not beside.exists():
        return f"Track saved as {chosen}"
    return f"Track saved as {chosen}, its corrections as {corrections.save(chosen)}"


def _done(text: str) -> Message:
    return Message(Kind.DONE, text.encode())


def _failed(text: str) -> Message:
    return Message(Kind.FAILED, text.encode())


_REQUESTS: dict[Kind, _Request] = {
    Kind.HELLO: _welcome,
    Kind.RENDER: _render,
    Kind.ANALYSE: _analyse,
    Kind.NEIGHBOUR: _neighbour,
    Kind.SAVE_TRACK: lambda session, _, message: _done(session.ranges.save(range_number(message.body))),
    Kind.PREPARE: lambda session, _, message: _done(session.prepare(Values.unpacked(message.body))),
    Kind.CHOOSE_SOURCE: _choose_source,
    Kind.LOAD_LOOK: _load_look,
    Kind.SAVE_LOOK: _save_look,
    Kind.EXPORT_TRACK: _export_track,
    Kind.HELP: lambda session, _, message: _done(open_page(message.text)),
    Kind.DESCRIBE: lambda session, _, message: _done(session.describe(Values.unpacked(message.body))),
    Kind.CHOOSE: _choose,
    Kind.CLEAR_CACHE: lambda session, _, message: _done(session.clear()),
}
