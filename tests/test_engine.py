"""The engine behind its socket, without a bridge: greetings, refusals, tracks, the buttons' requests."""

from __future__ import annotations

import array
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mobilefaceswap import __version__
from mobilefaceswap.analyse_clip import Analysis
from mobilefaceswap.engine import server
from mobilefaceswap.engine.around import Needed
from mobilefaceswap.engine.dialog import SOURCE, ask_path
from mobilefaceswap.engine.looks import load_look, save_look
from mobilefaceswap.engine.ranges import Ranges
from mobilefaceswap.engine.segment import Inputs, Segment
from mobilefaceswap.engine.session import Rendered, Session, read_settings, with_settings
from mobilefaceswap.engine.wire import (
    FINGERPRINT,
    HEADER_SIZE,
    VERSION,
    Changed,
    Flags,
    Kind,
    Message,
    Picture,
    Values,
    body_size,
    greeting,
    read_greeting,
    read_header,
)
from mobilefaceswap.errors import EngineError, PackError, UserInputError
from mobilefaceswap.faces import Sighting, Track
from mobilefaceswap.frame import EMPTY_ALPHA, Frame, Window
from mobilefaceswap.node import AbandonedError, FaceSwapNode, check_wanted, while_wanted
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


def picture_of(plate: np.ndarray) -> Picture:
    """A plate in display-referred sRGB at frame 0, as the bridge describes it."""
    height, width, channels = plate.shape
    sizes = width, height, channels, 0, 0, 0
    return Picture(1 << 30, 0, 1.0, 1.0, *sizes, Flags(0), 0, space="srgb_tx", identity_space="srgb_tx")


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
        while True:
            answer, size = body_size(self.connection.recv(HEADER_SIZE, socket.MSG_WAITALL))
            if answer is not Kind.WORKING:
                return Message(answer, self.connection.recv(size, socket.MSG_WAITALL) if size else b"")


@pytest.fixture
def lane(packs: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lane]:
    """A lane to an engine of its own, which must end once its control connection closes. Its parameter: the version of
    the wire in which the lane was opened.
    """
    ours, theirs = socket.socketpair()
    environment = {**os.environ, "MOBILEFACESWAP_PACKS": str(packs), "XDG_DATA_HOME": str(tmp_path)}
    environment.pop("DISPLAY", None)
    environment.pop("WAYLAND_DISPLAY", None)
    command = [sys.executable, "-m", "mobilefaceswap.engine", str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment) as engine:
        theirs.close()
        lane, far = socket.socketpair()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [far.fileno()]))]
        ours.sendmsg([Message(Kind.LANE, version=getattr(request, "param", VERSION)).packed()], rights)
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


@pytest.mark.parametrize("lane", [VERSION - 1], indirect=True)
def test_a_bridge_of_another_wire_is_refused_in_words_that_it_reads(lane: Lane) -> None:
    """One that a host had loaded before an update; its control connection may be as old."""
    for version in (VERSION - 1, VERSION + 1):
        lane.connection.sendall(Message(Kind.HELLO, greeting(FINGERPRINT, "0.1.0"), version).packed())
        kind, size, spoken = read_header(lane.connection.recv(HEADER_SIZE, socket.MSG_WAITALL))
        said = lane.connection.recv(size, socket.MSG_WAITALL).decode()
        assert (kind, spoken) == (Kind.FAILED, version)
        assert f"speaks version {version}. Run `mobilefaceswap ofx install` and start the host again" in said


def test_a_bridge_of_this_version_built_for_other_settings_is_told_to_build(lane: Lane) -> None:
    answer = lane.ask(Kind.HELLO, greeting(FINGERPRINT ^ 1, __version__))
    assert answer.kind is Kind.FAILED
    assert "with others" in answer.text
    assert "ofx build" in answer.text


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
        flags = Flags.NEW_SEGMENT if time == 3 else Flags.SAME_PLATE
        picture = replace(picture_of(plate), segment_bytes=2 * plate.nbytes, time=time, flags=flags, range=7)
        answer = lane.ask(Kind.ANALYSE, picture.packed() + values().packed(), memory if time == 3 else None)
        assert len(Changed.unpacked(answer.body).faces) == 1
    os.close(memory)
    number = (7).to_bytes(4, "little")
    track = Track.load(lane.ask(Kind.SAVE_TRACK, number).text)
    assert set(track.frames) == {3, 4}
    assert track.size == (256, 256)
    np.testing.assert_array_equal(track.frames[3][0].landmarks, track.frames[4][0].landmarks)


def rendered(lane: Lane, plate: np.ndarray, source: Path, flags: Flags, memory: int | None = None) -> Changed:
    picture = replace(picture_of(plate), segment_bytes=8 * plate.nbytes, flags=flags)
    answer = lane.ask(Kind.RENDER, picture.packed() + values(source=str(source)).packed(), memory)
    assert answer.kind is Kind.RENDERED, answer.text
    return Changed.unpacked(answer.body)


def test_the_plate_is_what_lies_in_the_memory(lane: Lane, astronaut: Frame, grace_hopper: Path) -> None:
    plate = np.ascontiguousarray(astronaut.pixels[:256, 96:352])
    memory = os.memfd_create("segment")
    os.ftruncate(memory, 8 * plate.nbytes)
    assert not rendered(lane, plate, grace_hopper, Flags.NEW_SEGMENT, memory).faces
    os.pwrite(memory, plate.tobytes(), 0)
    assert rendered(lane, plate, grace_hopper, Flags(0)).faces
    assert rendered(lane, plate, grace_hopper, Flags.SAME_PLATE).faces
    # The same memory, but another picture of it.
    assert rendered(lane, plate[:64], grace_hopper, Flags.SAME_PLATE).faces == ()
    os.close(memory)


def test_only_a_plate_that_is_said_to_be_the_same_keeps_its_hash() -> None:
    segment = Segment()
    plate = np.zeros((8, 8, 3), np.float32)

    def known(flags: Flags) -> object:
        return segment.hashed(replace(picture_of(plate), flags=flags), plate)

    first = known(Flags(0))
    assert known(Flags.SAME_PLATE) is first
    assert known(Flags(0)) is not first


def test_a_plate_that_is_not_said_to_be_the_same_is_looked_at_anew_for_colour_without_alpha() -> None:
    segment, pixels = Segment(), np.zeros((8, 8, 4), np.float32)
    picture = picture_of(pixels)
    assert not segment.hashed(picture, pixels).coloured_where_clear
    pixels[2, 3, 0] = 0.5
    assert segment.hashed(picture, pixels).coloured_where_clear
    pixels[2, 3, 3] = 1
    assert not segment.hashed(picture, pixels).coloured_where_clear


def test_without_a_screen_the_button_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "darwin":
        pytest.skip("macOS always has a dialog")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(EngineError, match="Type the path"):
        ask_path(SOURCE, "")


@pytest.fixture
def session(packs: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("MOBILEFACESWAP_PACKS", str(packs))
    return Session()


def test_prepare_tells_what_was_found(session: Session, grace_hopper: Path) -> None:
    assert "grace_hopper.jpg" in session.prepare(values(source=str(grace_hopper)))


Shown = Callable[[int], tuple[np.ndarray, Window]]
"""The plate of a frame as a host hands it out, and where it lies in the host's plane."""


def shot_of(astronaut: Frame) -> Shown:
    """A face that drifts, on a plate of one size."""
    return lambda time: (np.ascontiguousarray(astronaut.pixels[:256, 96 - time : 352 - time]), Window(0, 0, 256, 256))


class Bridge:
    """Renders frames of a shot as the bridge does: hands over the frames that the engine asks for.

    between: what happens in the engine before each of its answers.
    """

    def __init__(self, session: Session, shown: Shown, between: Callable[[], object] = lambda: None) -> None:
        self.session, self.shown, self.between = session, shown, between
        self.sights, self.rounds = {}, 0

    def given(self, time: int) -> tuple[Picture, Inputs]:
        plate, window = self.shown(time)
        placed = {"x": window.x, "y": window.y, "display_width": 256, "display_height": 256}
        picture = replace(picture_of(plate), time=time, flags=Flags.TEMPORAL, **placed)
        return picture, Inputs(plate)

    def render(self, time: int, chosen: Values) -> Rendered:
        self.sights = {}
        while True:
            answer = self.asked(time, chosen)
            if isinstance(answer, Rendered):
                return answer
            self.rounds += 1
            assert self.rounds < 20, "it asks for ever more"
            for other in answer.times:
                self.between()
                picture, inputs = self.given(other)
                self.sights[other] = self.session.sight(picture, chosen, inputs, self.sights)

    def asked(self, time: int, chosen: Values) -> Rendered | Needed:
        self.between()
        picture, inputs = self.given(time)
        return self.session.render(picture, chosen, inputs, self.sights)


def test_frames_around_count_whatever_the_cache_drops(session: Session, astronaut: Frame, grace_hopper: Path) -> None:
    """Somebody presses Clear Cache on another node, or other frames need the room."""
    chosen, unsteadied = (values(source=str(grace_hopper), pixel_boost="2x", deflicker=reach) for reach in (2, 0))
    usual = Bridge(session, shot_of(astronaut)).render(4, chosen)
    bare = Bridge(session, shot_of(astronaut)).render(4, unsteadied)
    forgetful = Bridge(session, shot_of(astronaut), session.cache.clear).render(4, chosen)
    np.testing.assert_array_equal(forgetful.pixels, usual.pixels)
    assert forgetful.note == ""
    assert not np.array_equal(bare.pixels, usual.pixels)


def test_without_memory_frames_around_count_all_the_same(
    session: Session, astronaut: Frame, grace_hopper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    like = {"face_choice": "reference", "reference": str(grace_hopper), "reference_threshold": 0}
    chosen = values(source=str(grace_hopper), **like)
    usual = Bridge(session, shot_of(astronaut)).render(4, chosen)
    monkeypatch.setenv("MOBILEFACESWAP_MEMORY", "0")
    np.testing.assert_array_equal(Bridge(Session(), shot_of(astronaut)).render(4, chosen).pixels, usual.pixels)


def test_an_engine_that_took_over_asks_for_the_frames_around_again(
    session: Session, astronaut: Frame, grace_hopper: Path
) -> None:
    chosen, bridge = values(source=str(grace_hopper)), Bridge(session, shot_of(astronaut))
    usual = bridge.render(4, chosen)
    second = Bridge(Session(), shot_of(astronaut))
    second.sights = bridge.sights
    again = second.asked(4, chosen)
    assert isinstance(again, Needed)
    assert set(again.times) == {2, 3, 5, 6}
    np.testing.assert_array_equal(second.render(4, chosen).pixels, usual.pixels)


def test_a_frame_whose_neighbours_cannot_steady_it_is_rendered_and_says_so(
    session: Session, astronaut: Frame, grace_hopper: Path
) -> None:
    chosen, bridge = values(source=str(grace_hopper)), Bridge(session, shot_of(astronaut))
    bridge.render(4, chosen)
    session.underway.frame(0, 0).made.update({time: {} for time in bridge.sights})
    session.cache.clear()
    answer = bridge.asked(4, chosen)
    bare = Bridge(session, shot_of(astronaut)).render(4, values(source=str(grace_hopper), deflicker=0))
    assert isinstance(answer, Rendered)
    assert "Deflicker does nothing" in answer.note
    np.testing.assert_array_equal(answer.pixels, bare.pixels)


def autocropped(shown: Shown) -> Shown:
    """As pictures come that a host crops to what is in them, or stabilises."""

    def cropped(time: int) -> tuple[np.ndarray, Window]:
        plate, window = shown(time)
        left, top, right = 1 + time % 3, time % 2, 256 - time % 4
        part = np.ascontiguousarray(plate[top:, left:right])
        return part, Window(window.x + left, window.y + top, right - left, 256 - top)

    return cropped


def test_what_is_kept_for_a_frame_goes_with_it_or_once_it_is_abandoned(
    session: Session, astronaut: Frame, grace_hopper: Path
) -> None:
    bridge = Bridge(session, shot_of(astronaut))
    bridge.render(4, values(source=str(grace_hopper)))
    assert not session.underway._frames
    abandoned, slow = (session.underway.frame(number, 3) for number in (7, 3))
    assert session.underway.frame(7, 3) is abandoned
    assert session.underway.frame(8, 8) is not slow
    assert set(session.underway._frames) == {8}


def test_a_plate_whose_window_varies_is_steadied_too(session: Session, astronaut: Frame, grace_hopper: Path) -> None:
    shown = autocropped(shot_of(astronaut))
    for more in ({}, {"face_choice": "nearest", "face_point_x": 0.5, "face_point_y": 0.5}):
        chosen = [values(source=str(grace_hopper), **more, deflicker=reach) for reach in (0, 2)]
        alone, steadied = (Bridge(session, shown).render(4, each) for each in chosen)
        assert not np.array_equal(steadied.pixels, alone.pixels)
        assert steadied.note == ""


def test_a_track_s_faces_are_steadied_where_the_window_varies_as_where_it_does_not(
    session: Session, astronaut: Frame, grace_hopper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    whole = shot_of(astronaut)
    for time in range(10):
        plate, _ = whole(time)
        session.analyse(replace(picture_of(plate), time=time, range=1), values(), Inputs(plate))
    chosen = values(source=str(grace_hopper), track_file=session.ranges.save(1), colour_match=0.0, plate_detail=0.0)
    pictures = []
    for shown in (whole, autocropped(whole)):
        plate, window = shown(4)
        answer = Bridge(session, shown).render(4, chosen)
        (x, y), (height, width) = answer.corner, answer.pixels.shape[:2]
        plate[y : y + height, x : x + width] = answer.pixels
        pictures.append(window.moved(plate, Window(4, 4, 248, 248)))
    np.testing.assert_allclose(pictures[1], pictures[0], atol=1e-4)


class Peer:
    """The bridge's end of a lane that asks for one picture, and is gone when it likes."""

    def __init__(self) -> None:
        self.questions, self.gone, self.answers = [Message(Kind.RENDER)], False, []

    def receive(self, seconds: float | None = None) -> tuple[Message, None]:
        if not self.questions:
            raise ConnectionError
        return self.questions.pop(), None

    def send(self, message: Message) -> None:
        if self.gone:
            raise BrokenPipeError
        self.answers.append(message)

    def close(self) -> None:
        self.gone = True


def test_a_frame_that_its_host_abandons_ends_at_the_next_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    peer, begun, gone = Peer(), threading.Event(), threading.Event()
    engine = server._Engine(Session())
    lane, ended = server._Lane(engine, peer), []

    def answered(*_: object) -> Message:
        check_wanted()
        begun.set()
        assert gone.wait(20)
        with pytest.raises(AbandonedError):
            check_wanted()
        ended.append(True)
        return Message(Kind.FAILED)

    monkeypatch.setattr(server, "answered", answered)
    thread = threading.Thread(target=lane.run)
    thread.start()
    assert begun.wait(20)
    lane.beat()
    assert [message.kind for message in peer.answers] == [Kind.WORKING]
    peer.gone = True
    lane.beat()
    gone.set()
    thread.join(20)
    assert ended
    check_wanted()


def test_no_more_frames_are_rendered_at_once_than_a_bridge_has_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that it abandoned go on for a moment."""
    engine, peers = server._Engine(Session()), [Peer() for _ in range(6)]
    all_asked, lock, active, most = threading.Event(), threading.Lock(), 0, 0

    def answered(*_: object) -> Message:
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        assert all_asked.wait(20)
        with lock:
            active -= 1
        return Message(Kind.RENDERED)

    begin = engine.begin

    def counted(lane: server._Lane) -> None:
        begin(lane)
        if len(engine._busy) == len(peers):
            all_asked.set()

    monkeypatch.setattr(server, "answered", answered)
    monkeypatch.setattr(engine, "begin", counted)
    threads = [threading.Thread(target=server._Lane(engine, peer).run) for peer in peers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == 2
    assert [[message.kind for message in peer.answers] for peer in peers] == [[Kind.RENDERED]] * len(peers)


def test_an_abandoned_frame_leaves_nothing_that_the_next_one_stumbles_over(
    session: Session, astronaut: Frame, grace_hopper: Path
) -> None:
    bridge, chosen = Bridge(session, shot_of(astronaut)), values(source=str(grace_hopper))
    stages = iter([True] * 3)
    with pytest.raises(AbandonedError), while_wanted(lambda: next(stages, False)):
        bridge.render(4, chosen)
    assert not session.underway._frames
    usual = Bridge(Session(), shot_of(astronaut)).render(4, chosen)
    np.testing.assert_array_equal(bridge.render(4, chosen).pixels, usual.pixels)


def test_an_identity_clip_shows_the_source(session: Session, astronaut: Frame, grace_hopper: Path) -> None:
    from mobilefaceswap.media import read_picture

    shown = np.ascontiguousarray(read_picture(grace_hopper).rgb)
    plate = astronaut.pixels[:256, 96:352]
    height, width, channels = shown.shape
    picture = replace(picture_of(plate), identity_width=width, identity_height=height, identity_channels=channels)
    rendered = session.render(picture, values(), Inputs(plate, identity=shown))
    by_file = session.render(picture_of(plate), values(source=str(grace_hopper)), Inputs(plate))
    assert [face.swapped for face in rendered.faces] == [True]
    np.testing.assert_array_equal(rendered.pixels, by_file.pixels)


def test_an_identity_clip_without_a_face_is_refused(session: Session, astronaut: Frame) -> None:
    from mobilefaceswap.errors import NoFaceInSourceError

    plate = astronaut.pixels[:256, 96:352]
    with pytest.raises(NoFaceInSourceError, match="Identity input"):
        session.render(picture_of(plate), values(), Inputs(plate, identity=np.zeros((64, 64, 3), np.float32)))


def test_instances_share_one_node(session: Session, astronaut: Frame, grace_hopper: Path) -> None:
    plate = astronaut.pixels[:256, 96:352]
    made: list[object] = []
    make = session.nodes._made
    session.nodes._made = lambda *given: made.append(given) or make(*given)  # type: ignore[method-assign]
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
    node = session.nodes.node(HostSettings(source=str(grace_hopper)), None)
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


def test_a_batch_keeps_little_and_an_artist_much(
    session: Session, astronaut: Frame, grace_hopper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBILEFACESWAP_MEMORY", "2")
    chosen = values(source=str(grace_hopper))

    def render(shift: int, flags: Flags) -> None:
        plate = np.ascontiguousarray(np.roll(astronaut.pixels[:256, 96:352], shift, axis=1))
        session.render(replace(picture_of(plate), flags=flags), chosen, Inputs(plate))

    for shift in range(6):
        render(shift, Flags(0))
    session.cache.counts.computed.clear()
    render(0, Flags(0))
    assert "swap" not in session.cache.counts.computed, "an artist goes back"
    for shift in range(6):
        render(shift, Flags.BATCH)
    session.cache.counts.computed.clear()
    render(0, Flags(0))
    assert session.cache.counts.computed["swap"] == 1, "a batch does not"


def test_a_host_chooses_pack_and_detector(
    session: Session, packs: Path, astronaut: Frame, grace_hopper: Path, tmp_path: Path
) -> None:
    make_tiny_pack(tmp_path / "another", seed=1)
    plate = np.ascontiguousarray(astronaut.pixels[:256, 96:352])
    source = str(grace_hopper)
    usual = session.nodes.node(HostSettings(source=source), None)
    other = session.nodes.node(HostSettings(source=source, pack=str(tmp_path / "another")), None)
    assert (usual.pack.folder, other.pack.folder) == (packs / "base-224", tmp_path / "another")
    with pytest.raises(UserInputError, match="detector"):
        session.render(picture_of(plate), values(source=source, detector="nobody"), Inputs(plate))
    with pytest.raises(PackError, match="nowhere"):
        session.render(picture_of(plate), values(source=source, pack="nowhere"), Inputs(plate))


def test_analysis_sees_what_the_node_sees(session: Session, astronaut: Frame, tmp_path: Path) -> None:
    # Premultiplied by an alpha that is nearly nothing.
    alpha = np.full((256, 256, 1), 0.12, np.float32)
    plate = np.ascontiguousarray(np.dstack([astronaut.pixels[:256, 96:352] * alpha, alpha]))
    flags = Flags.PREMULTIPLIED
    found = session.analyse(replace(picture_of(plate), flags=flags, range=1), values(), Inputs(plate))
    straight = np.ascontiguousarray(astronaut.pixels[:256, 96:352])
    plain = session.analyse(replace(picture_of(straight), range=2), values(), Inputs(straight))
    np.testing.assert_allclose(found.faces[0].box, plain.faces[0].box, atol=0.5)


def test_a_premultiplied_plate_with_an_empty_alpha_is_taken_as_opaque(
    session: Session, astronaut: Frame, grace_hopper: Path
) -> None:
    plate = np.ascontiguousarray(astronaut.pixels[:256, 96:352])
    clear = np.ascontiguousarray(np.dstack([plate, np.zeros((256, 256), np.float32)]))
    chosen, picture = values(source=str(grace_hopper)), replace(picture_of(clear), flags=Flags.PREMULTIPLIED, range=1)
    found = session.render(picture, chosen, Inputs(clear))
    want = session.render(picture_of(plate), chosen, Inputs(plate))
    np.testing.assert_array_equal(found.pixels[..., :3], want.pixels)
    assert not found.pixels[..., 3].any()
    assert (found.note, want.note) == (EMPTY_ALPHA, "")
    face = values(source=str(grace_hopper), output_mode="face")
    shown = session.render(picture, face, Inputs(clear))
    np.testing.assert_array_equal(shown.pixels, session.render(picture_of(plate), face, Inputs(plate)).pixels)
    assert shown.pixels.max() > 0.5
    bare = np.full_like(clear, 0.3) * np.array((1, 1, 1, 0), np.float32)
    for note in (
        session.render(picture, chosen, Inputs(bare)).note,
        session.analyse(picture, values(), Inputs(bare)).note,
    ):
        assert EMPTY_ALPHA not in note, "there is no face"
    analysed = session.analyse(picture, values(), Inputs(clear))
    assert EMPTY_ALPHA in analysed.note
    assert len(analysed.faces) == 1


def test_every_outline_lies_in_the_crop_of_its_own_face(session: Session, astronaut: Frame, grace_hopper: Path) -> None:
    near = astronaut.pixels[:256, 96:352]
    # The nearer face, which lies on top, comes first from the left.
    plate = np.zeros((256, 420, 3), np.float32)
    plate[:, :256], plate[60:188, 280:408] = near, cv2.resize(near, (128, 128), interpolation=cv2.INTER_AREA)
    for moved in ({}, {"face_offset_x": 20.0, "face_scale": 0.8}):
        chosen = values(source=str(grace_hopper), face_choice="all", **moved)
        picture = replace(picture_of(plate), flags=Flags.OUTLINES)
        faces = session.render(picture, chosen, Inputs(plate)).faces
        assert [face.swapped for face in faces] == [True, True]
        for face in faces:
            (x1, x2, x3), (y1, y2, y3) = face.corners[:3], face.corners[3:]
            points = np.array(face.lines).reshape(-1, 2) - (x1, y1)
            inside = np.linalg.solve([[x2 - x1, x3 - x1], [y2 - y1, y3 - y1]], points.T)
            assert len(points) > 20
            assert inside.min() > 0
            assert inside.max() < 1
            assert inside.max(axis=1).min() - inside.min(axis=1).max() > 0.4, "it goes around the face"


def test_a_look_carries_matte_and_colour_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "look.json"
    save_look(place, Settings(matte_feather=7.5, plate_detail=0.25, analysis_size=320, face_index=3))
    loaded = load_look(place, Settings(matte_feather=1.0, face_index=5))
    assert (loaded.matte_feather, loaded.plate_detail) == (7.5, 0.25)
    assert (loaded.analysis_size, loaded.face_index) == (Settings().analysis_size, 5)
    for damage in ("{}", "[]", "nothing", place.read_text().replace("matte_feather", "source")):
        place.write_text(damage)
        with pytest.raises(UserInputError):
            load_look(place, Settings())


def test_a_look_that_an_editor_has_marked_is_read(tmp_path: Path) -> None:
    """Windows' Notepad puts a byte order mark before it."""
    place = tmp_path / "look.json"
    save_look(place, Settings(matte_feather=7.5))
    place.write_text(place.read_text("utf-8"), "utf-8-sig")
    assert load_look(place, Settings()).matte_feather == 7.5


def test_a_loaded_look_changes_its_own_values_on_the_wire() -> None:
    before = values(source="/a.png", matte_feather=1.0, face_choice="all")
    after = with_settings(before, read_settings(before)[1].replaced(matte_feather=9.0))
    assert after.texts == before.texts
    changed = [
        place for place, pair in enumerate(zip(before.numbers, after.numbers, strict=True)) if pair[0] != pair[1]
    ]
    assert [after.numbers[place] for place in changed] == [9.0]


def analysed(size: tuple[int, int]) -> Analysis:
    return Analysis(Sighting((), ()), np.zeros((54, 96), np.uint8), size, "hash", "detector", "recogniser")


def test_ranges_are_kept_apart_and_forgotten_once_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    ranges = Ranges()
    for number in (1, 2):
        ranges.add(number, 10 * number, analysed((64, 48)), Window(0, -48, 64, 48), None)
    assert set(Track.load(ranges.save(2)).frames) == {20}
    assert set(Track.load(ranges.save(1)).frames) == {10}
    with pytest.raises(EngineError, match="again"):
        ranges.save(1)
    ranges.add(3, 0, analysed((64, 48)), Window(0, -48, 64, 48), None)
    with pytest.raises(UserInputError, match="32 x 48"):
        ranges.add(3, 1, analysed((32, 48)), Window(0, -48, 32, 48), None)
