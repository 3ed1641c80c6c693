"""MLT, the engine of Kdenlive and Shotcut: every value that melt writes is the node's.

MOBILEFACESWAP_MELT names a melt of 7.36 or newer that has the openfx module; without it nothing here runs. What melt
writes without the filter is the plate, since it decodes in its own way.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import av
import cv2
import numpy as np
import pytest

from bundles import own_copy
from mobilefaceswap.frame import ColourSpace, Frame
from mobilefaceswap.node import FaceSwapNode
from mobilefaceswap.packs import Pack
from mobilefaceswap.settings import OUTPUTS, Settings

EFFECT = "openfx.org.mobilefaceswap.FaceSwap"
FRAMES, SIZE = 3, 256
HOSTS = Path(__file__).parents[3] / "ofx_bridge" / "hosts"
PROFILE = """description=test
frame_rate_num=25
frame_rate_den=1
width={size}
height={size}
progressive=1
sample_aspect_num=1
sample_aspect_den=1
display_aspect_num=1
display_aspect_den=1
colorspace=709
"""
Melt = Callable[..., list[np.ndarray]]


@pytest.fixture
def melt(bundle: Path, environment: pytest.MonkeyPatch, astronaut: Frame, tmp_path: Path) -> Melt:
    """Runs melt over a short clip with a face; returns its frames, RGBA as stored, top row first."""
    program = os.environ.get("MOBILEFACESWAP_MELT") or ""
    if not shutil.which(program):
        pytest.skip("MOBILEFACESWAP_MELT names no melt")
    environment.setenv("OFX_PLUGIN_PATH", str(own_copy(bundle, tmp_path).parent))
    (tmp_path / "test.profile").write_text(PROFILE.format(size=SIZE))
    clip = tmp_path / "shot.mkv"
    with av.open(clip, "w") as container:
        stream = container.add_stream("ffv1", 25, width=SIZE, height=SIZE, pix_fmt="bgra")
        for shift in range(FRAMES):
            pixels = np.rint(255 * np.roll(astronaut.pixels[:SIZE, 96 : 96 + SIZE], 4 * shift, axis=1))
            frame = np.dstack([pixels, np.full((SIZE, SIZE), 255)]).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgba")))
        container.mux(stream.encode())
    log = tmp_path / "melt.log"

    def run(*attached: str, depth: int = 8, threads: int = 1, shot: Path = clip) -> list[np.ndarray]:
        written = tmp_path / f"out{len(list(tmp_path.glob('out*')))}"
        written.mkdir()
        coding = {8: ("rgba", "rgba"), 16: ("rgba64", "rgba64be")}[depth]
        consumer = f"mlt_image_format={coding[0]} pix_fmt={coding[1]} vcodec=png f=image2 an=1 real_time=-{threads}"
        command = [
            program,
            "-silent",
            "-profile",
            str(tmp_path / "test.profile"),
            str(shot),
            "in=0",
            f"out={FRAMES - 1}",
        ]
        command += [*attached, "-consumer", f"avformat:{written}/%03d.png", *consumer.split()]
        with log.open("ab") as output:
            _run(command, output, tmp_path)
        frames = [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in sorted(written.iterdir())]
        assert len(frames) == FRAMES
        return [cv2.cvtColor(frame, cv2.COLOR_BGRA2RGBA) for frame in frames]

    return run


def _run(command: list[str], output: BinaryIO, folder: Path) -> None:
    """Runs melt in ``folder``, three times at most: its avformat consumer has a race, without any plug-in, too."""
    for left in (2, 1, 0):
        try:
            subprocess.run(command, check=True, timeout=60, cwd=folder, stdout=output, stderr=output)
            return
        except subprocess.TimeoutExpired:
            if not left:
                raise


def attached(identity: Path, **values: str) -> list[str]:
    return ["-attach-clip", EFFECT, f"source={identity}", *(f"{name}={value}" for name, value in values.items())]


def as_stored(picture: np.ndarray, largest: int) -> np.ndarray:
    """What a host of whole numbers keeps of a picture of the node."""
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 4, axis=2)
    if picture.shape[2] == 3:
        picture = np.dstack([picture, np.ones(picture.shape[:2], np.float32)])
    kind = np.uint8 if largest == 255 else np.uint16
    return np.rint(np.clip(picture, 0, 1) * np.float32(largest)).astype(kind)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_composite(melt: Melt, identity: Path, expected, depth: int, threads: int) -> None:
    largest = 255 if depth == 8 else 65535
    plates = melt(depth=depth)
    for plate, frame in zip(plates, melt(*attached(identity), depth=depth, threads=threads), strict=True):
        want = as_stored(expected(plate.astype(np.float32) / np.float32(largest)).composite, largest)
        assert not np.array_equal(want, plate)
        np.testing.assert_array_equal(frame, want)


DEEPER = ("difference", "st-map", "people")


@pytest.mark.parametrize("mode", [mode for mode in OUTPUTS if mode not in DEEPER])
def test_every_output_mode_that_8_bits_hold(melt: Melt, identity: Path, expected, mode: str) -> None:
    for plate, frame in zip(melt(), melt(*attached(identity, output_mode=OUTPUTS[mode].label)), strict=True):
        want = expected(plate.astype(np.float32) / np.float32(255)).layer(mode)
        np.testing.assert_array_equal(frame, as_stored(want, 255))


def test_keyframes(melt: Melt, identity: Path, expected) -> None:
    frames = melt(*attached(identity, matte_feather="0=0;2=20"))
    for time, (plate, frame) in enumerate(zip(melt(), frames, strict=True)):
        settings = Settings().replaced(matte_feather=10.0 * time)
        want = expected(plate.astype(np.float32) / np.float32(255), settings).composite
        np.testing.assert_array_equal(frame, as_stored(want, 255))


def test_the_example_project(melt: Melt, grace_hopper: Path, pack: Pack, tmp_path: Path) -> None:
    project = tmp_path / "face_swap.mlt"
    shutil.copy(HOSTS / "mlt" / project.name, project)
    # What the project says of names and formats is what its user does: a clip and a picture beside it.
    (tmp_path / "shot.mkv").rename(tmp_path / "shot.mov")
    shutil.copy(grace_hopper, tmp_path / "actor.png")
    node = FaceSwapNode(grace_hopper, pack=pack)
    for time, (plate, frame) in enumerate(zip(melt(shot=tmp_path / "shot.mov"), melt(shot=project), strict=True)):
        settings = Settings().replaced(matte_feather=4 * time / 24)
        rgba = Frame(plate.astype(np.float32) / np.float32(255), ColourSpace.REC709)
        want = as_stored(node.render(0, settings, rgba).composite, 255)
        assert not np.array_equal(want, plate)
        np.testing.assert_array_equal(frame, want)


REFUSED = {mode: (OUTPUTS[mode].label, "expected pixels of at least") for mode in DEEPER}
REFUSED["unknown"] = ("Mate", "expected Output Mode to be one of")


@pytest.mark.parametrize(("label", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_an_output_that_it_cannot_have_shows_stripes_and_no_swap(
    melt: Melt, identity: Path, tmp_path: Path, label: str, reason: str
) -> None:
    plates, frames = melt(), melt(*attached(identity, output_mode=label))
    # MLT ignores that the render failed; what the effect left behind is shown.
    for plate, frame in zip(plates, frames, strict=True):
        assert not np.array_equal(frame, plate)
        assert {tuple(pixel) for pixel in frame.reshape(-1, 4)} == {(255, 0, 255, 255), (0, 0, 0, 255)}
    assert reason in (tmp_path / "melt.log").read_text("utf-8", "replace")
