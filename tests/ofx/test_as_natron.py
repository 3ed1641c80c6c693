"""What Natron does to a node, in our own host: it goes by Natron's name, hands out premultiplied scene-linear float
pictures and other frames, offers the General context, and keeps of a message nothing but its format.

These are the ten checks that a run in Natron itself would make.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from test_faults import engines

from bundles import own_copy
from mobilefaceswap.faces import Track
from mobilefaceswap.faces.detector import open_detector
from mobilefaceswap.frame import ColourSpace, Frame
from mobilefaceswap.identity import Identity, prepare_identity
from mobilefaceswap.media import read_picture
from mobilefaceswap.node import FaceSwapNode, RenderResult
from mobilefaceswap.ofx.host import Effect, Host, Layout
from mobilefaceswap.ofx.install import binary_of
from mobilefaceswap.packs import Pack
from mobilefaceswap.settings import OUTPUTS, Settings

MODES = list(OUTPUTS)
STRAIGHT, PREMULTIPLIED = Layout(), Layout(premultiplied=True)
Expected = Callable[..., RenderResult]


@pytest.fixture
def natron(bundle: Path, environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Effect]:
    """Face Swap in a background render."""
    told = {"OfxImageEffectHostPropIsBackground": [1]}
    host = Host(binary_of(own_copy(bundle, tmp_path)), name="fr.inria.Natron", properties=told)
    loaded = host.effects("OfxImageEffectContextGeneral")
    yield loaded[0]
    assert [effect.unload() for effect in loaded] == [0, 0]


@pytest.fixture(scope="module")
def linear(identity: Path, pack: Pack) -> Expected:
    """What the Python node makes of a scene-linear plate."""
    node = FaceSwapNode(Identity.load(identity), pack=pack, settings=Settings())

    def render(plate: np.ndarray, *, premultiplied: bool = False, **mattes: np.ndarray) -> RenderResult:
        return node.render(0, plate=Frame(plate, ColourSpace.LINEAR, premultiplied), **mattes)

    return render


def premultiplied(plate: np.ndarray) -> np.ndarray:
    return np.dstack([plate[..., :3] * plate[..., 3:], plate[..., 3]])


def test_1_float_frames_are_the_node_s(natron: Effect, identity: Path, linear: Expected, plate) -> None:
    pixels = premultiplied(plate)
    status, output = natron.create(source=str(identity)).render(pixels, layout=PREMULTIPLIED)
    assert status == 0
    np.testing.assert_array_equal(output, linear(pixels, premultiplied=True).composite)


def test_2_an_identity_clip_of_another_size(natron: Effect, pack: Pack, plate, grace_hopper: Path) -> None:
    # As Natron's reader hands a photograph out, in light.
    shown = np.ascontiguousarray(read_picture(grace_hopper).rgb ** np.float32(2.2))
    hosted = natron.create()
    status, output = hosted.render(plate, Identity=(shown, STRAIGHT))
    source = prepare_identity([("input", Frame(shown, ColourSpace.LINEAR))], pack, open_detector(pack, None))
    node = FaceSwapNode(source, pack=pack, settings=Settings())
    assert (status, hosted.persistent) == (0, "")
    assert shown.shape[:2] != plate.shape[:2]
    np.testing.assert_array_equal(output, node.render(0, plate=Frame(plate, ColourSpace.LINEAR)).composite)


def test_3_a_matte_of_another_size(natron: Effect, identity: Path, linear: Expected, plate) -> None:
    matte = np.ones((300, 120, 1), np.float32)
    status, output = natron.create(source=str(identity)).render(plate, OutM=(matte, STRAIGHT))
    outside = np.zeros((256, 256), np.float32)
    outside[:, :120] = 1
    assert status == 0
    assert not np.array_equal(output, linear(plate).composite)
    np.testing.assert_array_equal(output, linear(plate, outside=outside).composite)


def test_4_a_plate_that_begins_elsewhere(natron: Effect, identity: Path, linear: Expected, plate) -> None:
    node = natron.create(source=str(identity))
    status, output = node.render(plate, layout=Layout(origin=(60, 40)), window=(60, 40, 316, 296))
    assert status == 0
    np.testing.assert_array_equal(output, linear(plate).composite)


def test_5_a_crop_after_the_node(natron: Effect, identity: Path, linear: Expected, plate) -> None:
    node = natron.create(source=str(identity))
    status, output = node.render(plate, window=(100, 90, 180, 200))
    want = linear(plate).composite
    assert status == 0
    np.testing.assert_array_equal(output[256 - 200 : 256 - 90, 100:180], want[256 - 200 : 256 - 90, 100:180])
    wanted = node.ask("GetRegionsOfInterest", OfxImageEffectPropRegionOfInterest=[100.0, 90.0, 180.0, 200.0])
    assert not wanted or wanted["OfxImageClipPropRoI_Source"] != [100.0, 90.0, 180.0, 200.0], "faces need all of it"


def test_6_messages_arrive_whole(natron: Effect, plate, tmp_path: Path) -> None:
    node = natron.create(source=str(tmp_path / "50% grey %d.png"))
    assert node.render(plate)[0] == 1
    assert "50% grey %d.png" in node.persistent


def test_7_a_premultiplied_plate_without_alpha_is_swapped(natron: Effect, identity: Path, linear, plate) -> None:
    pixels = np.dstack([plate[..., :3], np.zeros_like(plate[..., 3])])
    node = natron.create(source=str(identity))
    status, output = node.render(pixels, layout=PREMULTIPLIED)
    assert (status, node.notice) == (0, "OfxMessageWarning")
    np.testing.assert_array_equal(output, linear(pixels).composite)


def test_8_each_layer_declares_its_premultiplication(natron: Effect, identity: Path, linear: Expected, plate) -> None:
    """A host that multiplies or divides by what is declared gets the same layer from either mode."""
    layers = {}
    for mode in ("face", "face-unpremultiplied"):
        node = natron.create(source=str(identity), output_mode=MODES.index(mode))
        status, output = node.render(premultiplied(plate), layout=PREMULTIPLIED)
        assert status == 0
        (declared,) = node.preferences["OfxImageEffectPropPreMultiplication"]
        layers[declared] = output
    straight, ready = layers["OfxImageAlphaUnPremultiplied"], layers["OfxImageAlphaPremultiplied"]
    np.testing.assert_allclose(premultiplied(straight), ready, atol=1e-6)
    soft = ready[..., 3][(ready[..., 3] > 0.1) & (ready[..., 3] < 0.9)]
    assert soft.size > 100, "the edge of the matte is soft"


@pytest.mark.parametrize("values", [{"output_mode": 1}, {"matte_to_alpha": 1}], ids=["a layer", "matte to alpha"])
def test_9_a_plate_without_alpha_gets_one(natron: Effect, identity: Path, linear: Expected, plate, values) -> None:
    rgb = np.ascontiguousarray(plate[..., :3])
    status, output = natron.create(source=str(identity), **values).render(rgb)
    assert (status, output.shape[2]) == (0, 4)
    np.testing.assert_array_equal(output[..., 3], linear(rgb).matte)


def test_10_a_killed_engine_spoils_no_frame_and_no_track(natron: Effect, identity: Path, linear, plate) -> None:
    node = natron.create(source=str(identity))
    before = set(engines(os.getpid()))
    for _ in range(3):
        status, output = node.render(plate)
        assert (status, node.persistent) == (0, "")
        np.testing.assert_array_equal(output, linear(plate).composite)
        for engine in set(engines(os.getpid())) - before:
            os.kill(engine, signal.SIGKILL)
    node.footage, node.bounds = (lambda _: plate), (1.0, 2.0)
    assert node.press("analyse_range") == 0
    assert sorted(Track.load(node.values["track_file"]).frames) == [1, 2]
