"""The wire: both sides read the same bytes, and damaged ones are refused politely."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mobilefaceswap.engine.wire import (
    HEADER_SIZE,
    Changed,
    Colour,
    Flags,
    Kind,
    Message,
    Outside,
    Picture,
    Values,
    body_size,
    greeting,
    read_greeting,
)
from mobilefaceswap.errors import EngineError

HERE = Path(__file__).parent
STORED = HERE / "ofx" / "wire.bin"
VALUES = Values((0.0, -25.0, 0.1, 3.0), ("/a b/é.png", "", "track.json"))
PICTURE = Picture(
    1 << 26, -7, 1.067, 1920, 1080, 4, Flags.SAME_PLATE | Flags.OUTSIDE_MATTE, 64, 48, Colour.REC709, True
)
CHANGED = Changed(8192, (10, 20, 300, 400), 4, Outside.ZERO, 2, 1)
MESSAGES = (
    Message(Kind.HELLO, greeting(0x0123456789ABCDEF, "0.1.0")),
    Message(Kind.WELCOME, greeting(1, "pack base-224")),
    Message(Kind.LANE),
    Message(Kind.RENDER, PICTURE.packed() + VALUES.packed()),
    Message(Kind.RENDERED, CHANGED.packed()),
    Message(Kind.FAILED, b"expected a source; none is chosen"),
    Message(Kind.PREPARE, VALUES.packed()),
    Message(Kind.CHOOSE_SOURCE, b"/a b"),
    Message(Kind.ANALYSE, PICTURE.packed() + VALUES.packed()),
    Message(Kind.SAVE_TRACK),
    Message(Kind.CLEAR_CACHE),
    Message(Kind.DONE, "fertig ü".encode()),
)


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
    assert (picture, Values.unpacked(rest)) == (PICTURE, VALUES)
    assert Changed.unpacked(MESSAGES[4].body) == CHANGED
    assert read_greeting(MESSAGES[0].body) == (0x0123456789ABCDEF, "0.1.0")


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


@pytest.mark.parametrize("length", [0, 10, 55])
def test_a_short_picture_is_refused(length: int) -> None:
    with pytest.raises(EngineError, match="bytes"):
        Picture.unpacked(PICTURE.packed()[:length])


@pytest.mark.parametrize("body", [VALUES.packed()[:-1], VALUES.packed() + b"x", b"\xff" * 8])
def test_damaged_settings_are_refused(body: bytes) -> None:
    with pytest.raises(EngineError):
        Values.unpacked(body)


def test_a_picture_larger_than_its_memory_is_refused() -> None:
    small = Picture(4096, 0, 1.0, 1920, 1080, 4, Flags(0), 0, 0, Colour.SRGB, False)
    with pytest.raises(EngineError, match="expected a picture"):
        Picture.unpacked(small.packed())
