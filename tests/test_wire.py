"""The wire: both sides read the same bytes, and damaged ones are refused politely."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mobilefaceswap.engine.wire import (
    HEADER_SIZE,
    Changed,
    FaceBox,
    Flags,
    Kind,
    Message,
    Picture,
    Values,
    body_size,
    greeting,
    packed_sights,
    packed_times,
    range_number,
    read_greeting,
    read_sights,
)
from mobilefaceswap.errors import EngineError

HERE = Path(__file__).parent
STORED = HERE / "ofx" / "wire.bin"
VALUES = Values((0.0, -25.0, 0.1, 3.0), ("/a b/é.png", "", "track.json"))
PICTURE = Picture(
    segment_bytes=1 << 26,
    time=-7,
    pixel_aspect=1.067,
    identity_aspect=2.0,
    width=1920,
    height=1080,
    channels=4,
    identity_width=64,
    identity_height=48,
    identity_channels=3,
    flags=Flags.SAME_PLATE | Flags.OUTSIDE_MATTE | Flags.MATTE_ONLY,
    range=3,
    x=-96,
    y=-1110,
    display_y=-1080,
    display_width=1728,
    display_height=1080,
    frame=2**40,
    oldest=5,
    space="lin_rec709_srgb",
    identity_space="srgb_tx",
    config="/show/config.ocio",
)
LINES = ((30.0, 40.5, 90.0, 40.5), (90.0, 40.5, 30.0, 40.5))
FACES = (
    FaceBox((10.5, 20.0, 110.0, 140.25), 0.875, True, False, (5.0, 115.0, 4.5, 10.0, 11.5, 150.0), 0.625, LINES, 7),
    FaceBox((0.0, 0.0, 4.0, 4.0), 0.5, False, True),
)
CHANGED = Changed(8192, (10, 20, 300, 400), 4, FACES, "the plate's alpha is 0 under the face")
SIGHTS = {-8: b"faces", 3: b""}
MESSAGES = (
    Message(Kind.HELLO, greeting(0x0123456789ABCDEF, "0.1.0")),
    Message(Kind.WELCOME, greeting(1, "pack base-224")),
    Message(Kind.LANE),
    Message(Kind.RENDER, PICTURE.packed() + VALUES.packed() + packed_sights(SIGHTS)),
    Message(Kind.RENDERED, CHANGED.packed()),
    Message(Kind.FAILED, b"expected a source; none is chosen"),
    Message(Kind.PREPARE, VALUES.packed()),
    Message(Kind.CHOOSE_SOURCE, b"/a b"),
    Message(Kind.ANALYSE, PICTURE.packed() + VALUES.packed()),
    Message(Kind.SAVE_TRACK, bytes([3, 0, 0, 0])),
    Message(Kind.CLEAR_CACHE),
    Message(Kind.DONE, "fertig ü".encode()),
    Message(Kind.WORKING),
    Message(Kind.LOAD_LOOK, VALUES.packed()),
    Message(Kind.LOOK, VALUES.packed()),
    Message(Kind.SAVE_LOOK, VALUES.packed()),
    Message(Kind.EXPORT_TRACK, VALUES.packed()),
    Message(Kind.HELP, b"Matte"),
    Message(Kind.DESCRIBE, VALUES.packed()),
    Message(Kind.CHOOSE, VALUES.packed() + b"pack"),
    Message(Kind.NEED, packed_times((-8, 2**40))),
    Message(Kind.NEIGHBOUR, PICTURE.packed() + VALUES.packed() + packed_sights(SIGHTS)),
    Message(Kind.SIGHT, b"faces"),
)


def store() -> None:
    """Rewrites the stored messages after a change of the wire: python -c 'import test_wire; test_wire.store()'."""
    STORED.write_bytes(b"".join(message.packed() for message in MESSAGES))


def test_every_kind_is_stored() -> None:
    assert {message.kind for message in MESSAGES} == set(Kind)


def test_python_writes_the_stored_bytes() -> None:
    assert b"".join(message.packed() for message in MESSAGES) == STORED.read_bytes()


def test_python_reads_the_stored_bytes() -> None:
    stored = STORED.read_bytes()
    for message in MESSAGES:
        kind, size = body_size(stored[:HEADER_SIZE])
        body, stored = stored[HEADER_SIZE : HEADER_SIZE + size], stored[HEADER_SIZE + size :]
        assert Message(kind, body) == message
    picture, rest = Picture.unpacked(MESSAGES[3].body)
    values, rest = Values.read(rest)
    assert (picture, values, read_sights(rest)) == (PICTURE, VALUES, SIGHTS)
    assert Changed.unpacked(MESSAGES[4].body) == CHANGED
    assert read_greeting(MESSAGES[0].body) == (0x0123456789ABCDEF, "0.1.0")
    assert range_number(MESSAGES[9].body) == 3


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    binary = tmp_path_factory.mktemp("wire") / "wire_probe"
    include = HERE.parent / "ofx_bridge" / "src"
    command = [compiler, "-std=c++17", f"-I{include}", str(HERE / "ofx" / "wire_probe.cpp"), "-o", str(binary)]
    subprocess.run(command, check=True)
    return binary


def test_the_bridge_reads_and_writes_the_stored_bytes(probe: Path) -> None:
    again = subprocess.run([probe, STORED], capture_output=True, check=True).stdout
    assert again == STORED.read_bytes()


@pytest.mark.parametrize("cut", [1, HEADER_SIZE - 1, HEADER_SIZE + 3])
def test_the_bridge_refuses_what_is_cut_off(probe: Path, tmp_path: Path, cut: int) -> None:
    damaged = tmp_path / "damaged.bin"
    damaged.write_bytes(MESSAGES[3].packed()[:cut])
    assert subprocess.run([probe, damaged], capture_output=True).returncode == 1


@pytest.mark.parametrize("place", [0, 4, 11])
def test_a_damaged_header_is_refused(place: int) -> None:
    header = bytearray(MESSAGES[3].packed()[:HEADER_SIZE])
    header[place] ^= 0x80
    with pytest.raises(EngineError, match="ofx install"):
        body_size(bytes(header))


@pytest.mark.parametrize("length", [0, 10, 55, 63, 66, 80])
def test_a_short_picture_is_refused(length: int) -> None:
    with pytest.raises(EngineError, match="bytes"):
        Picture.unpacked(PICTURE.packed()[:length])


@pytest.mark.parametrize("length", [4, 40, 100, 160])
def test_a_short_answer_is_refused(length: int) -> None:
    with pytest.raises(EngineError, match="bytes"):
        Changed.unpacked(CHANGED.packed()[:length])


@pytest.mark.parametrize("body", [VALUES.packed()[:-1], VALUES.packed() + b"x", b"\xff" * 8])
def test_damaged_settings_are_refused(body: bytes) -> None:
    with pytest.raises(EngineError):
        Values.unpacked(body)


def test_a_picture_larger_than_its_memory_is_refused() -> None:
    small = replace(PICTURE, segment_bytes=4096)
    with pytest.raises(EngineError, match="expected a picture"):
        Picture.unpacked(small.packed())
