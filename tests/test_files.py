"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mobilefaceswap.cache import RenderCache
from mobilefaceswap.errors import MediaError
from mobilefaceswap.faces import Track
from mobilefaceswap.files import take_name, written_whole
from mobilefaceswap.identity import Identity


def test_a_file_appears_at_the_end(tmp_path: Path) -> None:
    with written_whole(tmp_path / "a.bin") as part:
        part.write_bytes(b"new")
        assert not (tmp_path / "a.bin").exists()
    assert (tmp_path / "a.bin").read_bytes() == b"new"
    assert [item.name for item in tmp_path.iterdir()] == ["a.bin"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"old")

    def interrupted() -> None:
        with written_whole(tmp_path / "a.bin") as part:
            part.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_was_taken_meanwhile_is_left_to_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refused(place: Path, target: Path) -> None:
        raise OSError(95, "Operation not supported")

    if not links:
        monkeypatch.setattr(os, "link", refused)
    for place in ("one", "other"):
        (tmp_path / place).write_bytes(place.encode())
    take_name(tmp_path / "one", tmp_path / "a.bin", overwrite=False)
    with pytest.raises(MediaError, match=r"one has appeared there since.* lies in .*a\.partial\.bin"):
        take_name(tmp_path / "other", tmp_path / "a.bin", overwrite=False)
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == {
        "a.bin": b"one",
        "a.partial.bin": b"other",
    }


def test_what_is_written_can_be_read_by_those_whom_the_user_lets(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    Track((4, 4), {0: ()}).save(tmp_path / "track.json")
    assert (tmp_path / "track.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, tiny_identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MediaError, match="disk is full"):
        tiny_identity.save(tmp_path / "actor.idn")
    cache = RenderCache(memory=0, folder=tmp_path)
    assert cache.get("swap", "a", lambda: {"pixels": np.ones(4)})["pixels"].sum() == 4
    assert not os.listdir(tmp_path)
