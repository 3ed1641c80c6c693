"""What hosts and machines do to a plug-in: declared fields and colours, poor suites, full memory, other versions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_faults import engines, script

from bundles import failed, is_failure_picture, own_copy, python_with, rendered
from mobilefaceswap.colour import SPACES, space_named
from mobilefaceswap.faces import Track
from mobilefaceswap.faces.detector import open_detector
from mobilefaceswap.frame import ColourSpace, Frame
from mobilefaceswap.identity import Identity
from mobilefaceswap.node import FaceSwapNode
from mobilefaceswap.ofx.host import Host, Layout
from mobilefaceswap.ofx.install import BUNDLE, binary_of
from mobilefaceswap.packs import Pack
from mobilefaceswap.settings import Settings

BRIDGE = Path(__file__).parents[2] / "ofx_bridge"
TEMPORAL_HOST = "fr.inria.Natron"


@pytest.fixture
def temporal(bundle: Path, environment: pytest.MonkeyPatch, tmp_path: Path):
    """Face Swap in a host that hands out other frames, whose pictures are linear unless it says otherwise."""
    environment.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    swap, matte = Host(binary_of(own_copy(bundle, tmp_path)), name=TEMPORAL_HOST).effects()
    yield swap
    swap.unload()
    matte.unload()


@pytest.mark.parametrize("field", ["OfxFieldLower", "OfxFieldUpper"])
def test_a_field_is_half_as_high_as_its_frame(effects, identity, expected, plate, field: str) -> None:
    lines = np.ascontiguousarray(plate[::2])
    status, output = effects[0].create(source=str(identity)).render(lines, layout=Layout(field=field))
    want = expected(lines, pixel_aspect=0.5)
    assert status == 0
    assert len(want.swapped) == 1
    np.testing.assert_array_equal(output, want.composite)


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("lin_rec709_srgb", ColourSpace.LINEAR),
        ("srgb_display", ColourSpace.SRGB),
        ("g24_rec709_tx", ColourSpace.REC709),
        ("arri_logc4", SPACES["arri-logc4"]),
        ("lin_ap1", SPACES["acescg"]),
        ("p3d65_display", space_named("p3d65_display")),
        ("", ColourSpace.REC709),
    ],
)
def test_the_declared_colour_space_counts(effects, identity, pack: Pack, plate, name: str, space: ColourSpace) -> None:
    status, output = effects[0].create(source=str(identity)).render(plate, layout=Layout(colour_space=name))
    want = (
        FaceSwapNode(Identity.load(identity), pack=pack, settings=Settings())
        .render(0, plate=Frame(plate, space))
        .composite
    )
    assert status == 0
    np.testing.assert_array_equal(output, want)


def test_a_family_of_spaces_is_taken_and_said(effects, identity, pack: Pack, plate) -> None:
    node = effects[0].create(source=str(identity))
    status, output = node.render(plate, layout=Layout(colour_space="ofx_scene_linear"))
    want = (
        FaceSwapNode(Identity.load(identity), pack=pack, settings=Settings())
        .render(0, plate=Frame(plate, ColourSpace.LINEAR))
        .composite
    )
    assert (status, node.notice) == (0, "OfxMessageWarning")
    assert "ofx_scene_linear" in node.persistent
    np.testing.assert_array_equal(output, want)


def test_an_unknown_space_is_refused_until_the_user_says_what_it_is(effects, identity, expected, plate) -> None:
    node, odd = effects[0].create(source=str(identity)), Layout(colour_space="house_log")
    status, output = node.render(plate, layout=odd)
    assert status == 1
    assert "house_log" in node.persistent
    assert "Working Space" in node.persistent
    assert is_failure_picture(output)
    node.values["colour_space"] = 2
    status, output = node.render(plate, layout=odd)
    assert (status, node.persistent) == (0, "")
    np.testing.assert_array_equal(output, expected(plate).composite)


def test_analyse_range_makes_a_track(temporal, pack: Pack, plate) -> None:
    shots = {moment: np.ascontiguousarray(np.roll(plate, 4 * int(moment), axis=1)) for moment in (3.0, 4.0, 5.0)}
    node = temporal.create()
    node.footage, node.bounds = shots.get, (3.0, 5.0)
    assert node.press("analyse_range") == 0
    assert (node.persistent, node.held) == ("", 0)
    assert node.progress[-1] == 1
    track = Track.load(node.values["track_file"])
    analyser = open_detector(pack, None)
    for moment, pixels in shots.items():
        (face,) = analyser.find(Frame(pixels, ColourSpace.LINEAR), 640, 0.7)
        np.testing.assert_allclose(track.frames[int(moment)][0].landmarks, face.landmarks, atol=0.01)


@pytest.mark.parametrize(
    ("clip", "timeline", "analysed"),
    [
        ((3.0, 5.0), (0.0, 9.0), [3, 4, 5]),
        ((3.0, 5.0), (4.0, 9.0), [4, 5]),
        ((3.0, 5.0), (20.0, 30.0), [3, 4, 5]),
    ],
    ids=["project beyond the clip", "clip beyond the project", "apart"],
)
def test_analyse_range_takes_what_the_clip_has(temporal, plate, clip, timeline, analysed: list[int]) -> None:
    node = temporal.create()
    node.footage = lambda moment: plate if clip[0] <= moment <= clip[1] else None
    node.frames, node.bounds = clip, timeline
    assert node.press("analyse_range") == 0
    assert (node.persistent, node.held) == ("", 0)
    assert sorted(Track.load(node.values["track_file"]).frames) == analysed


def test_a_cancelled_range_changes_nothing(temporal, plate) -> None:
    node = temporal.create()
    node.footage, node.bounds, node.patience = (lambda _: plate), (0.0, 50.0), 2
    assert node.press("analyse_range") == 0
    assert len(node.progress) == 2
    assert (node.values["track_file"], node.persistent, node.held) == ("", "", 0)


def test_a_range_is_cancelled_while_the_engine_is_silent(temporal, environment, plate, tmp_path: Path) -> None:
    environment.setenv("MOBILEFACESWAP_PYTHON", script(tmp_path, "import time; time.sleep(60)"))
    environment.setenv("MOBILEFACESWAP_TIMEOUT", "5")
    node = temporal.create()
    node.footage, node.bounds, node.patience = (lambda _: plate), (0.0, 50.0), 3
    assert node.press("analyse_range") == 0
    assert (node.progress, node.persistent, node.values["track_file"]) == ([0, 0, 0], "", "")


@pytest.mark.parametrize("missing_frames", [0, 1, 2])
def test_a_range_leaves_out_what_the_host_has_no_picture_of(temporal, plate, missing_frames: int) -> None:
    node = temporal.create(missing_frames=missing_frames)
    holes = (1, 6, 7, 8)
    node.footage, node.bounds = (lambda moment: None if moment in holes else plate), (0.0, 9.0)
    node.press("analyse_range")
    assert (node.persistent, node.held, node.progress[-1]) == ("", 0, 1)
    assert node.messages == ["the track lacks frames that the host has no picture of: 1, 6-8"]
    assert sorted(Track.load(node.values["track_file"]).frames) == [0, 2, 3, 4, 5, 9]


def test_a_range_without_a_picture_says_where(temporal) -> None:
    node = temporal.create()
    node.footage, node.bounds = (lambda _: None), (0.0, 2.0)
    node.press("analyse_range")
    assert "the host has none of frames 0-2" in node.persistent
    assert node.values["track_file"] == ""


def test_a_host_with_the_three_required_suites_alone(
    bundle, environment, identity, expected, plate, tmp_path: Path
) -> None:
    environment.delenv("DISPLAY", raising=False)
    environment.delenv("WAYLAND_DISPLAY", raising=False)
    poor = Host(
        binary_of(own_copy(bundle, tmp_path)), without=["OfxMessageSuite", "OfxProgressSuite", "OfxTimeLineSuite"]
    )
    swap, _ = poor.effects()
    node = swap.create(source=str(identity))
    for button in ("choose_source", "prepare_identity", "analyse_range", "clear_cache"):
        assert node.press(button) == 0
    status, output = node.render(plate)
    assert status == 0
    np.testing.assert_array_equal(output, expected(plate).composite)
    swap.unload()


@pytest.mark.parametrize("content", [b"", b"\0" * 8], ids=["empty", "a few bytes"])
@pytest.mark.parametrize("name", ["nobody.idn", "nobody.png"])
def test_an_empty_identity(effects, plate, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    node = effects[0].create(source=str(tmp_path / name))
    status, output = node.render(plate)
    assert status == 1
    assert name in node.persistent
    assert is_failure_picture(output)


@pytest.mark.parametrize("premultiplied", [False, True])
def test_what_is_not_finite_on_the_face_is_replaced_and_elsewhere_kept(
    effects, identity, expected, plate, premultiplied: bool
) -> None:
    pixels = plate.copy()
    # Lines across the whole picture: through the face, its edge and what lies around it.
    for first, value in ((90, np.nan), (110, np.inf), (130, -np.inf)):
        pixels[first : first + 3, :, :3] = value
    pixels[150:153, :, 1] = np.nan
    status, output = effects[0].create(source=str(identity)).render(pixels, layout=Layout(premultiplied=premultiplied))
    want = expected(pixels, premultiplied=premultiplied)
    covered, broken = want.matte > 0, ~np.isfinite(pixels).all(axis=2)
    assert (status, len(want.swapped)) == (0, 1)
    assert (covered & broken).sum() > 100
    assert (broken & ~covered).sum() > 100
    assert np.isfinite(output[covered]).all()
    np.testing.assert_array_equal(output[~covered].view(np.uint32), pixels[~covered].view(np.uint32))
    np.testing.assert_array_equal(output.view(np.uint32), want.composite.view(np.uint32))


@pytest.mark.parametrize("channels", [1, 4])
def test_a_matte_is_finite_whatever_the_plate_is(effects, identity, expected, plate, channels: int) -> None:
    pixels = plate.copy()
    pixels[90:93] = np.nan
    pixels[130:133] = -np.inf
    status, output = effects[1].create(source=str(identity)).render(pixels, channels=channels)
    want = expected(pixels).matte
    assert (status, want.max()) == (0, 1)
    assert np.isfinite(output).all()
    np.testing.assert_array_equal(output, np.repeat(want[..., None], channels, axis=2))


def test_a_home_that_cannot_be_written(bundle, environment, identity, expected, plate, tmp_path: Path) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        environment.delenv(name, raising=False)
    # Nobody writes there, the administrator included.
    environment.setenv("HOME", "/proc/nobody")
    swap, _ = Host(binary_of(own_copy(bundle, tmp_path)), name=TEMPORAL_HOST).effects()
    node = swap.create(source=str(identity), colour_space=2)
    status, output = node.render(plate)
    assert (status, node.persistent) == (0, "")
    np.testing.assert_array_equal(output, expected(plate).composite)
    node.footage = lambda _: plate
    node.press("analyse_range")
    assert "expected to write the track" in node.persistent
    assert node.values["track_file"] == ""
    swap.unload()


SHIM = """
#include <errno.h>
#include <sys/types.h>
int posix_fallocate(int fd, off_t from, off_t count) {
  (void)fd; (void)from; (void)count;
  return ENOSPC;
}
"""
FULL = """
import json, os, sys
import numpy as np
from pathlib import Path
from mobilefaceswap.ofx.host import Host
from mobilefaceswap.settings import Settings
swap, _ = Host(Path(sys.argv[1])).effects()
node = swap.create(source=sys.argv[2])
status, output = node.render(np.zeros((64, 64, 4), np.float32))
colours = np.unique(output.reshape(-1, 4), axis=0).tolist()
print(json.dumps([status, node.persistent, colours]), flush=True)
"""


def test_full_shared_memory_fails_the_frame(bundle, environment, identity, tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler and Linux")
    (tmp_path / "full.c").write_text(SHIM)
    shim = tmp_path / "full.so"
    subprocess.run([compiler, "-shared", "-fPIC", str(tmp_path / "full.c"), "-o", str(shim)], check=True)
    command = [sys.executable, "-c", FULL, str(binary_of(bundle)), str(identity)]
    host = subprocess.run(command, env={**os.environ, "LD_PRELOAD": str(shim)}, capture_output=True, text=True)
    assert host.returncode == 0, host.stderr
    status, message, colours = json.loads(host.stdout)
    assert status == 1
    assert "shared memory" in message
    assert "/dev/shm" in message
    assert [1.0, 0.0, 1.0, 1.0] in colours
    assert len(colours) == 2


FULL_HERE = """
import errno, os
from pathlib import Path

reserve = os.posix_fallocate

def refused(descriptor, offset, count):
    if Path({full!r}).exists():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    reserve(descriptor, offset, count)

os.posix_fallocate = refused
"""


def test_full_shared_memory_on_the_engine_s_side_fails_the_frame_alone(
    bundle, environment, identity, expected, plate, tmp_path: Path
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux reserves")
    full = tmp_path / "full"
    (tmp_path / "sitecustomize.py").write_text(FULL_HERE.format(full=str(full)))
    environment.setenv("MOBILEFACESWAP_PYTHON", python_with(tmp_path))
    before = set(engines(os.getpid()))
    swap, _ = Host(binary_of(own_copy(bundle, tmp_path))).effects()
    node = swap.create(source=str(identity))
    rendered(node, plate)
    running = set(engines(os.getpid())) - before
    full.touch()
    for _ in range(2):
        message = failed(node, plate)
        assert "shared memory" in message
        assert "/dev/shm" in message
    full.unlink()
    np.testing.assert_array_equal(rendered(node, plate), expected(plate).composite)
    assert set(engines(os.getpid())) - before == running, "nothing died of it"
    swap.unload()


@pytest.fixture(scope="module")
def other_version(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a version with other settings."""
    folder = tmp_path_factory.mktemp("other")
    shutil.copytree(BRIDGE, folder / "bridge", ignore=shutil.ignore_patterns("build"))
    header = folder / "bridge" / "src" / "settings.gen.h"
    text = (
        header.read_text()
        .replace('kVersion[] = "', 'kVersion[] = "9.')
        .replace("kFingerprint = 0x", "kFingerprint = ~0x")
    )
    header.write_text(text)
    subprocess.run([sys.executable, folder / "bridge" / "build.py", "-o", folder / "built"], check=True)
    return folder / "built" / BUNDLE


def test_two_versions_side_by_side(effects, other_version, identity, expected, plate) -> None:
    newer, _ = Host(binary_of(other_version)).effects()
    mine, other = effects[0].create(source=str(identity)), newer.create(source=str(identity))
    for _ in range(2):
        message = failed(other, plate)
        assert "found 9." in message
        assert "ofx install" in message
        np.testing.assert_array_equal(rendered(mine, plate), expected(plate).composite)
    newer.unload()


def shared_maps(process: int | str) -> int:
    return Path(f"/proc/{process}/maps").read_text().count("memfd:mobilefaceswap")


def test_shared_memory_goes_when_nobody_uses_it(effects, environment, identity, expected, plate) -> None:
    if sys.platform != "linux":
        pytest.skip("looks into /proc")
    environment.setenv("MOBILEFACESWAP_MEMORY_IDLE", "0.05")
    before = shared_maps("self")
    node = effects[0].create(source=str(identity))
    assert node.render(plate)[0] == 0
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    # The host does nothing from here on.
    patience = time.monotonic() + 60
    while shared_maps("self") > before or any(map(shared_maps, children)):
        assert time.monotonic() < patience, "both sides must let go"
        os.sched_yield()
    status, output = node.render(plate)
    assert status == 0
    np.testing.assert_array_equal(output, expected(plate).composite)
