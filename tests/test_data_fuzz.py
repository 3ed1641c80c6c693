"""Damaged tracks, corrections, looks and identities: read, or refused in a sentence, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fuzz_media import CHANGES, Change, changed
from mobilefaceswap import Settings
from mobilefaceswap.engine.looks import load_look, save_look
from mobilefaceswap.errors import FaceSwapError
from mobilefaceswap.faces.edits import load_track, sidecar
from mobilefaceswap.faces.track import Track
from mobilefaceswap.identity import Identity
from test_track import face_at

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
MANY = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
DEEP = "[" * 100_000
Load = Callable[[Path], object]


@pytest.fixture(params=["track", "edits", "look"])
def document(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Load]:
    """What a sound file holds, and what reads it."""
    track, look = tmp_path / "track.json", tmp_path / "look.json"
    Track((200, 100), {0: (face_at(40),), 1: ()}, cuts=frozenset({1}), hashes={0: "ab"}).save(track)
    save_look(look, Settings())
    one = {"first": 0, "last": 1, "person": 0, "off": True}
    edits = {"format": "mobilefaceswap-track-edits", "version": 1, "track": "", "edits": [one]}

    def load_edits(path: Path) -> object:
        path.rename(sidecar(track))
        return load_track(track, force=True)

    return {
        "track": (json.loads(track.read_text("utf-8")), Track.load),
        "edits": (edits, load_edits),
        "look": (json.loads(look.read_text("utf-8")), lambda path: load_look(path, Settings())),
    }[request.param]


def put(held: Any, way: list[float], value: object) -> Any:
    """``held`` with ``value`` in one place, which the shares in ``way`` lead to."""
    if not way or not isinstance(held, dict | list) or not held:
        return value
    keys = list(held) if isinstance(held, dict) else list(range(len(held)))
    at = keys[int(way[0] * (len(keys) - 1))]
    made = dict(held) if isinstance(held, dict) else list(held)
    made[at] = put(held[at], way[1:], value)
    return made


def attempt(path: Path, load: Load) -> None:
    with suppress(FaceSwapError):
        load(path)


@MANY
@given(way=st.lists(st.floats(0, 1), max_size=5), value=VALUES)
@example(way=[0.6, 0.0], value=float("inf"))
@example(way=[0.6, 0.0], value=float("nan"))
def test_a_wrong_value_anywhere_is_refused(document, tmp_path: Path, way: list[float], value: object) -> None:
    sound, load = document
    path = tmp_path / "case.json"
    path.write_text(json.dumps(put(sound, way, value)), "utf-8")
    attempt(path, load)


def test_nesting_without_end_is_refused(document, tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text(DEEP, "utf-8")
    with pytest.raises(FaceSwapError):
        document[1](tmp_path / "deep.json")


@MANY
@given(changes=CHANGES)
def test_damaged_bytes_are_refused(document, tmp_path: Path, changes: list[Change]) -> None:
    sound, load = document
    path = tmp_path / "case.json"
    path.write_bytes(changed(json.dumps(sound).encode(), changes, b"\xff\x00{}" * 200))
    attempt(path, load)


@MANY
@given(changes=CHANGES)
def test_a_damaged_identity_is_refused(tiny_identity: Identity, tmp_path: Path, changes: list[Change]) -> None:
    whole = tmp_path / "whole.idn"
    tiny_identity.save(whole)
    content = whole.read_bytes()
    damaged = changed(content, changes, content[::-1])
    (tmp_path / "case.idn").write_bytes(damaged)
    if damaged == content:
        return
    with pytest.raises(FaceSwapError):
        Identity.load(tmp_path / "case.idn")
