"""The engine behind its socket, without a bridge: greetings, refusals, tracks, the buttons' requests."""

from __future__ import annotations

import array
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mobilefaceswap.engine import server
from mobilefaceswap.engine.dialog import choose_source
from mobilefaceswap.engine.session import Inputs, Session, read_settings
from mobilefaceswap.engine.wire import (
    HEADER_SIZE,
    Changed,
    Colour,
    Flags,
    Kind,
    Message,
    Picture,
    Values,
    body_size,
    greeting,
    read_greeting,
)
from mobilefaceswap.errors import EngineError, UserInputError
from mobilefaceswap.faces import Track
from mobilefaceswap.frame import ColourSpace, Frame
from mobilefaceswap.node import FaceSwapNode
from mobilefaceswap.ofx.generate import FINGERPRINT
from mobilefaceswap.settings import HostSettings, Settings, table
from tiny_pack import make_tiny_pack


def values(**changed: object) -> Values:
    """Every setting at its default but for ``changed``, as the bridge sends them."""
    numbers, texts = [], []
    for row in table(host=True):
        value = changed.get(row.name, row.default)
        if row.textual:
            texts.append(str(value))
        else:
            numbers.append(float(list(row.entries).index(value) if row.kind == "choice" else value))
    return Values(numbers, texts)


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose default pack is the one of random numbers."""
    folder = tmp_path_factory.mktemp("packs")
    make_tiny_pack(folder / "base-224")
    return folder


class Lane:
    """A lane as the bridge holds it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def ask(self, kind: Kind, body: bytes = b"", memory: int | None = None) -> Message:
        rights = [] if memory is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [memory]))]
        self.connection.sendmsg([Message(kind, body).packed()], rights)
        answer, size = body_size(self.connection.recv(HEADER_SIZE, socket.MSG_WAITALL))
        return Message(answer, self.connection.recv(size, socket.MSG_WAITALL) if size else b"")


@pytest.fixture
def lane(packs: Path, tmp_path: Path) -> Iterator[Lane]:
    """A lane to an engine of its own, which must end once its control connection closes."""
    ours, theirs = socket.socketpair()
    environment = {**os.environ, "MOBILEFACESWAP_PACKS": str(packs), "XDG_DATA_HOME": str(tmp_path)}
    environment.pop("DISPLAY", None)
    environment.pop("WAYLAND_DISPLAY", None)
    command = [sys.executable, "-m", "mobilefaceswap.engine", str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment) as engine:
        theirs.close()
        lane, far = socket.socketpair()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [far.fileno()]))]
        ours.sendmsg([Message(Kind.LANE).packed()], rights)
        far.close()
        yield Lane(lane)
        ours.close()
        assert engine.wait(timeout=20) == 0


def test_settings_survive_the_wire() -> None:
    host, settings = read_settings(values(source="/a b.png", matte_feather=7.5, face_choice="all", smoothing=3))
    assert host == HostSettings(source="/a b.png")
    assert settings == Settings.from_mapping({"matte_feather": 7.5, "face_choice": "all", "smoothing": 3})


@pytest.mark.parametrize("damaged", [Values((), ()), Values(values().numbers[:-1], values().texts)])
def test_missing_settings_are_refused(damaged: Values) -> None:
    with pytest.raises(UserInputError, match="ofx install"):
        read_settings(damaged)


def test_greeting_says_what_runs(lane: Lane) -> None:
    answer = lane.ask(Kind.HELLO, greeting(FINGERPRINT, "0.1.0"))
    fingerprint, text = read_greeting(answer.body)
    assert (answer.kind, fingerprint) == (Kind.WELCOME, FINGERPRINT)
    assert "pack tiny (No licence is needed" in text


def test_a_bridge_of_another_version_is_refused(lane: Lane) -> None:
    answer = lane.ask(Kind.HELLO, greeting(FINGERPRINT ^ 1, "9.9.9"))
    assert answer.kind is Kind.FAILED
    assert "9.9.9" in answer.text
    assert "ofx install" in answer.text


def test_a_damaged_request_is_refused_and_the_lane_lives_on(lane: Lane) -> None:
    assert lane.ask(Kind.RENDER, b"\0" * 10).kind is Kind.FAILED
    assert lane.ask(Kind.RENDERED).kind is Kind.FAILED
    assert lane.ask(Kind.CLEAR_CACHE).kind is Kind.DONE


def test_a_range_becomes_a_track(lane: Lane, astronaut: Frame) -> None:
    plate = np.ascontiguousarray(astronaut.pixels[:256, 96:352])
    memory = os.memfd_create("segment")
    os.ftruncate(memory, 2 * plate.nbytes)
    os.pwrite(memory, plate.tobytes(), 0)
    for time in (3, 4):
        flags = Flags.FIRST_OF_RANGE | Flags.NEW_SEGMENT if time == 3 else Flags.SAME_PLATE
        picture = Picture(2 * plate.nbytes, time, 1.0, 256, 256, 3, flags, 0, 0, Colour.SRGB, False)
        answer = lane.ask(Kind.ANALYSE, picture.packed() + values().packed(), memory if time == 3 else None)
        assert Changed.unpacked(answer.body).found == 1
    os.close(memory)
    track = Track.load(lane.ask(Kind.SAVE_TRACK).text)
    assert set(track.frames) == {3, 4}
    assert track.size == (256, 256)
    np.testing.assert_array_equal(track.frames[3][0].landmarks, track.frames[4][0].landmarks)


def rendered(lane: Lane, plate: np.ndarray, source: Path, flags: Flags, memory: int | None = None) -> Changed:
    height, width, _ = plate.shape
    picture = Picture(8 * plate.nbytes, 0, 1.0, width, height, 3, flags, 0, 0, Colour.SRGB, False)
    answer = lane.ask(Kind.RENDER, picture.packed() + values(source=str(source)).packed(), memory)
    assert answer.kind is Kind.RENDERED, answer.text
    return Changed.unpacked(answer.body)


def test_the_plate_is_what_lies_in_the_memory(lane: Lane, astronaut: Frame, grace_hopper: Path) -> None:
    plate = np.ascontiguousarray(astronaut.pixels[:256, 96:352])
    memory = os.memfd_create("segment")
    os.ftruncate(memory, 8 * plate.nbytes)
    assert rendered(lane, plate, grace_hopper, Flags.NEW_SEGMENT, memory).found == 0
    os.pwrite(memory, plate.tobytes(), 0)
    assert rendered(lane, plate, grace_hopper, Flags(0)).found == 1
    assert rendered(lane, plate, grace_hopper, Flags.SAME_PLATE).found == 1
    # The same memory, but another picture of it.
    assert rendered(lane, plate[:64], grace_hopper, Flags.SAME_PLATE).found == 0
    os.close(memory)


def test_only_a_plate_that_is_said_to_be_the_same_keeps_its_hash() -> None:
    lane = server._Lane(None, None)  # type: ignore[arg-type]
    plate = np.zeros((8, 8, 3), np.float32)

    def known(flags: Flags) -> object:
        return lane._plate(replace(picture_of(plate), flags=flags), plate)

    first = known(Flags(0))
    assert known(Flags.SAME_PLATE) is first
    assert known(Flags(0)) is not first


def test_without_a_screen_the_button_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "darwin":
        pytest.skip("macOS always has a dialog")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(EngineError, match="Type the path"):
        choose_source("")


@pytest.fixture
def session(packs: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("MOBILEFACESWAP_PACKS", str(packs))
    return Session()


def picture_of(plate: np.ndarray) -> Picture:
    height, width, channels = plate.shape
    return Picture(1 << 30, 0, 1.0, width, height, channels, Flags(0), 0, 0, Colour.SRGB, False)


def test_prepare_tells_what_was_found(session: Session, grace_hopper: Path) -> None:
    assert "grace_hopper.jpg" in session.prepare(values(source=str(grace_hopper)))


def test_an_identity_clip_shows_the_source(session: Session, astronaut: Frame, grace_hopper: Path) -> None:
    from mobilefaceswap.media import read_picture

    shown = np.ascontiguousarray(read_picture(grace_hopper).rgb)
    plate = astronaut.pixels[:256, 96:352]
    rendered = session.render(picture_of(plate), values(), Inputs(plate, identity=shown))
    by_file = session.render(picture_of(plate), values(source=str(grace_hopper)), Inputs(plate))
    assert rendered.swapped == 1
    np.testing.assert_array_equal(rendered.pixels, by_file.pixels)


def test_an_identity_clip_without_a_face_is_refused(session: Session, astronaut: Frame) -> None:
    from mobilefaceswap.errors import NoFaceInSourceError

    plate = astronaut.pixels[:256, 96:352]
    with pytest.raises(NoFaceInSourceError, match="Identity input"):
        session.render(picture_of(plate), values(), Inputs(plate, identity=np.zeros((64, 64, 3), np.float32)))


def test_instances_share_one_node(session: Session, astronaut: Frame, grace_hopper: Path) -> None:
    plate = astronaut.pixels[:256, 96:352]
    made: list[object] = []
    make = session._made
    session._made = lambda *given: made.append(given) or make(*given)  # type: ignore[method-assign]
    for feather in range(10):
        chosen = values(source=str(grace_hopper), matte_feather=float(feather))
        session.render(picture_of(plate), chosen, Inputs(plate))
    assert len(made) == 1
    assert session.cache.counts.computed["swap"] == 1, "a matte change runs no network"


def test_going_back_to_earlier_values_runs_nothing_again(
    session: Session, astronaut: Frame, grace_hopper: Path, tmp_path: Path
) -> None:
    plate = np.ascontiguousarray(astronaut.pixels[:256, 96:352])
    other = tmp_path / "other.idn"
    node = session._node(HostSettings(source=str(grace_hopper)), ColourSpace.SRGB, None)
    weights = {name: 0.9 * array for name, array in node.identity.weights.items()}
    replace(node.identity, weights=weights).save(other)
    chosen = [values(source=str(source)) for source in (grace_hopper, other, grace_hopper)]
    first, second, third = (session.render(picture_of(plate), each, Inputs(plate)).pixels for each in chosen)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(third, first)
    assert session.cache.counts.computed["swap"] == 2
    assert session.cache.counts.computed["faces"] == 1


def test_only_the_changed_rectangle_travels(session: Session, astronaut: Frame, grace_hopper: Path) -> None:
    plate = np.zeros((600, 900, 3), np.float32)
    plate[50:306, 400:656] = astronaut.pixels[:256, 96:352]
    rendered = session.render(picture_of(plate), values(source=str(grace_hopper)), Inputs(plate))
    assert rendered.pixels.shape[0] * rendered.pixels.shape[1] < 600 * 900 / 2
    whole = plate.copy()
    x, y = rendered.corner
    whole[y : y + rendered.pixels.shape[0], x : x + rendered.pixels.shape[1]] = rendered.pixels
    from mobilefaceswap.packs import find_pack

    direct = FaceSwapNode(grace_hopper, pack=find_pack()).render(0, plate=Frame(plate)).composite
    np.testing.assert_array_equal(whole, direct)
