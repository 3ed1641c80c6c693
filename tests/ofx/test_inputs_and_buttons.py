"""The further inputs of the General context, and what the buttons do."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bundles import failed, own_copy, python_with, rendered
from mobilefaceswap.faces.detector import open_detector
from mobilefaceswap.frame import ColourSpace, Frame
from mobilefaceswap.identity import prepare_identity
from mobilefaceswap.media import read_picture
from mobilefaceswap.node import FaceSwapNode
from mobilefaceswap.ofx.host import Effect, Host
from mobilefaceswap.ofx.host.abi import Properties
from mobilefaceswap.ofx.install import binary_of
from mobilefaceswap.packs import Pack
from mobilefaceswap.settings import Settings


@pytest.fixture
def general(bundle: Path, environment: pytest.MonkeyPatch) -> Iterator[Effect]:
    swap, matte = Host(binary_of(bundle)).effects("OfxImageEffectContextGeneral")
    yield swap
    swap.unload()
    matte.unload()


def test_the_identity_input(general: Effect, pack: Pack, plate: np.ndarray, grace_hopper: Path) -> None:
    shown = np.ascontiguousarray(read_picture(grace_hopper).rgb)
    node = general.create()
    status, output = node.render(plate, Identity=shown)
    picture = ("input", Frame(shown, ColourSpace.REC709))
    identity = prepare_identity([picture], pack, open_detector(pack, None))
    want = FaceSwapNode(identity, pack=pack, settings=Settings()).render(0, plate=Frame(plate, ColourSpace.REC709))
    assert (status, node.persistent, node.held) == (0, "", 0)
    np.testing.assert_array_equal(output, want.composite)


def test_an_identity_input_without_a_face(general: Effect, plate: np.ndarray) -> None:
    node = general.create()
    status, output = node.render(plate, Identity=np.zeros((64, 64, 4), np.float32))
    assert status == 1
    assert "expected a face" in node.persistent
    assert not np.array_equal(output, plate)


def test_a_matte_of_another_size_is_empty_where_it_ends(general: Effect, identity: Path, expected, plate) -> None:
    small = np.ones((64, 100, 1), np.float32)
    status, output = general.create(source=str(identity)).render(plate, OutM=small)
    garbage = np.zeros((256, 256), np.float32)
    garbage[256 - 64 :, :100] = 1
    assert status == 0
    np.testing.assert_array_equal(output, expected(plate, outside=garbage).composite)


class Connected(Host):
    """Inputs that it calls connected have a picture only where a render gives them one."""

    def clip_properties(self, effect: int, name: str) -> Properties:
        told = super().clip_properties(effect, name)
        return told | {"OfxImageClipPropConnected": [1]} if name in self.connected else told


@pytest.fixture
def connected(bundle: Path, environment: pytest.MonkeyPatch, tmp_path: Path):
    """Face Swap in a host of a name, with inputs that are connected."""
    made: list[Effect] = []

    def swap(*inputs: str, name: str = "org.mobilefaceswap.check") -> Effect:
        host = Connected(binary_of(own_copy(bundle, tmp_path)), name=name)
        host.connected = inputs
        made.extend(host.effects("OfxImageEffectContextGeneral"))
        return made[0]

    yield swap
    assert not any(effect.unload() for effect in made)


LABELS = {"Identity": "Identity", "InM": "Inside Matte", "OutM": "Outside Matte"}


@pytest.mark.parametrize("name", LABELS)
def test_a_connected_input_without_a_picture_fails_the_frame(connected, identity: Path, plate, name: str) -> None:
    """A garbage matte that ends early, or another person than the one that is connected, must not go unseen."""
    node = connected(name).create(source=str(identity))
    told = failed(node, plate)
    assert f"the connected input {LABELS[name]}; the host has none" in told
    assert ("has no alpha" in told) == (name != "Identity")
    assert node.effect.clips[name]["OfxPropLabel"] == [LABELS[name]]
    assert node.held == 0


def test_natron_s_connected_mattes_may_have_no_channel(connected, identity: Path, plate) -> None:
    """It does not tell them from mattes that end early."""
    rendered(connected("InM", "OutM", name="fr.inria.Natron").create(source=str(identity)), plate)


def test_natron_s_connected_identity_has_a_picture(connected, identity: Path, plate) -> None:
    node = connected("Identity", name="fr.inria.Natron").create(source=str(identity))
    assert "the connected input Identity; the host has none" in failed(node, plate)


def test_a_host_whose_inputs_only_look_connected_is_not_believed(connected, identity: Path, expected, plate) -> None:
    node = connected("Identity", "InM", "OutM", name="DaVinciResolve").create(source=str(identity))
    np.testing.assert_array_equal(rendered(node, plate), expected(plate).composite)


@pytest.mark.parametrize("name", ["InM", "OutM"])
def test_a_matte_without_any_area_covers_nothing(general: Effect, identity: Path, expected, plate, name: str) -> None:
    """As a roto without shapes."""
    nothing = np.zeros((0, 0, 1), np.float32)
    status, output = general.create(source=str(identity)).render(plate, **{name: nothing})
    assert status == 0
    np.testing.assert_array_equal(output, expected(plate).composite)


def test_an_identity_without_any_area_is_no_source(general: Effect, identity: Path, plate) -> None:
    status, _ = general.create(source=str(identity)).render(plate, Identity=np.zeros((0, 0, 3), np.float32))
    assert status == 1


def test_prepare_identity_says_what_was_found_and_updates_the_status(effects, identity: Path) -> None:
    node = effects[0].create(source=str(identity))
    assert node.press("prepare_identity") == 0
    assert "an actor.idn" in node.messages[-1]
    assert "MobileFaceSwap" in node.values["engine_status"]


def test_choose_source_without_a_screen(effects, environment: pytest.MonkeyPatch) -> None:
    environment.delenv("DISPLAY", raising=False)
    environment.delenv("WAYLAND_DISPLAY", raising=False)
    node = effects[0].create()
    assert node.press("choose_source") == 0
    assert "Type the path" in node.persistent


def test_analyse_range_where_the_host_may_hand_out_the_same_frame_again(effects) -> None:
    node = effects[0].create()
    assert node.press("analyse_range") == 0
    assert "mobilefaceswap analyse" in node.persistent


def test_a_button_takes_the_error_of_the_one_before_off_the_node(effects) -> None:
    node = effects[0].create()
    node.press("analyse_range")
    assert node.persistent
    node.press("clear_cache")
    assert (node.persistent, len(node.messages)) == ("", 1)


def test_what_the_node_says_of_its_engine_is_no_step_for_undo(effects) -> None:
    node = effects[0].create()
    node.press("clear_cache")
    assert (bool(node.values["engine_status"]), node.undo) == (True, [])


def test_clear_cache(effects) -> None:
    node = effects[0].create()
    assert node.press("clear_cache") == 0
    assert "empty" in node.messages[-1]


def test_a_track_that_is_none(effects, identity: Path, plate: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "track.json").write_text("{}")
    node = effects[0].create(source=str(identity), track_file=str(tmp_path / "track.json"))
    assert node.render(plate)[0] == 1
    assert "track" in node.persistent


# Renders that last until a file says that they are over; each says that it has begun.
HELD = """
import sys, threading, uuid
from pathlib import Path
if "mobilefaceswap.engine" in " ".join(sys.orig_argv):
    from mobilefaceswap.node import node
    render, folder = node.FaceSwapNode.render, Path({folder!r})

    def held(self, *given, **named):
        (folder / f"begun {{uuid.uuid4()}}").touch()
        while not (folder / "over").exists():
            threading.Event().wait(0.01)
        return render(self, *given, **named)

    node.FaceSwapNode.render = held
"""


def test_an_edit_does_not_wait_for_renders(bundle: Path, environment, identity: Path, plate, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HELD.format(folder=str(tmp_path)))
    environment.setenv("MOBILEFACESWAP_PYTHON", python_with(tmp_path))
    effects = Host(binary_of(own_copy(bundle, tmp_path))).effects()
    effects[0].create().press("clear_cache")
    node, results = effects[0].create(source=str(identity)), list[int]()
    renders = [threading.Thread(target=lambda: results.append(node.render(plate)[0])) for _ in range(2)]
    for thread in renders:
        thread.start()
    while len([*tmp_path.glob("begun *")]) < len(renders):
        assert all(thread.is_alive() for thread in renders), node.persistent
        os.sched_yield()
    edit = threading.Thread(target=node.edit, kwargs={"mix": 0.5})
    edit.start()
    edit.join(20)
    waited = edit.is_alive()
    (tmp_path / "over").touch()
    for thread in (edit, *renders):
        thread.join()
    assert (waited, results, node.values["engine_status"]) == (False, [0, 0], "")
    node.edit(mix=0.25)
    assert "MobileFaceSwap" in node.values["engine_status"], "the next edit asks again"
    assert [effect.unload() for effect in effects] == [0, 0]


def test_a_host_that_keeps_no_status_is_told_once(effects, identity: Path, plate) -> None:
    node = effects[0].create(source=str(identity))
    rendered(node, plate)
    node.edit(mix=0.5)
    assert node.values["engine_status"]
    node.values["engine_status"] = ""
    node.edit(mix=0.25)
    assert node.values["engine_status"] == ""
    node.edit(device=0)
    assert node.values["engine_status"]
