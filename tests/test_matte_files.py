"""Mattes from files: which frame and channel counts, and what is refused."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import OpenImageIO as oiio
import pytest

from commands import run
from media_made import make_clip
from mobilefaceswap import FaceSwapNode
from mobilefaceswap.errors import MediaError
from mobilefaceswap.media import create_output, matte_file, open_clip, open_matte

SIZE = (48, 32)


def video(path, frames=6, size=SIZE, rate=25, codec="ffv1"):
    """Grey frames; the left half of frame n has the value n / 10."""
    with create_output(path, frame_rate=Fraction(rate), codec=codec) as writer:
        for time in range(frames):
            pixels = np.zeros((size[1], size[0], 3), np.float32)
            pixels[:, : size[0] // 2] = time / 10
            writer.write(time, pixels)
    return path


def exr(path, channels, size=SIZE):
    """A picture whose channels hold these values throughout."""
    header = oiio.ImageSpec(*size, len(channels), "float")
    header.channelnames = tuple(channels)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), header)
    assert output.write_image(np.ones((size[1], size[0], 1), np.float32) * np.array([*channels.values()], np.float32))
    output.close()
    return path


def sequence(folder, numbers, value=lambda number: number / 100):
    folder.mkdir()
    for number in numbers:
        exr(folder / f"m.{number:04d}.exr", {"Y": value(number)})
    return folder / "m.%04d.exr"


def test_a_video_s_frames_are_matched_from_the_first(tmp_path):
    with open_clip(video(tmp_path / "plate.mkv")) as plate:
        matte = open_matte(str(video(tmp_path / "matte.mkv")), plate, range(6))
        for time in (4, 0, 5):
            values = matte.at(time)
            assert values.shape == (32, 48)
            assert values[:, :20].mean() == pytest.approx(time / 10, abs=0.01)
            assert not values[:, 28:].any()


def test_sequences_are_matched_by_number(tmp_path):
    plate_files, mattes = sequence(tmp_path / "plate", range(1001, 1007)), sequence(tmp_path / "m", range(1003, 1011))
    with open_clip(plate_files) as plate:
        assert open_matte(str(mattes), plate, range(1003, 1007)).at(1004).max() == pytest.approx(10.04)
        with pytest.raises(MediaError, match=r"1001 to 1006 of 1001-1006; found frames 1003 to 1010"):
            open_matte(str(mattes), plate, range(1001, 1007))
        assert open_matte(str(mattes), plate, range(1001, 1007), fit=True).at(1001).max() == pytest.approx(10.03)


def test_a_sequence_beside_a_video_is_matched_from_its_first_frame(tmp_path):
    with open_clip(video(tmp_path / "plate.mkv")) as plate:
        matte = open_matte(str(sequence(tmp_path / "m", range(1001, 1007))), plate, range(6))
        assert matte.at(2).max() == pytest.approx(10.03)
        with pytest.raises(MediaError, match=r"length, 6 frames; found 5 frames"):
            open_matte(str(sequence(tmp_path / "short", range(1001, 1006))), plate, range(6))


@pytest.mark.parametrize("channel", ["", ":Y"])
def test_a_sequence_of_one_frame_is_no_picture(tmp_path, channel):
    """A farm may have written no more of it yet."""
    plate_files = sequence(tmp_path / "plate", range(1001, 1007))
    first = f"{sequence(tmp_path / 'm', [1001])}{channel}"
    with open_clip(plate_files) as plate:
        with pytest.raises(
            MediaError, match=r"length, frames 1001 to 1006 .*; found frames 1001 to 1001 .*--matte-fit"
        ):
            open_matte(first, plate, range(1001, 1007))
        assert open_matte(first, plate, [1001]).at(1001).max() == pytest.approx(10.01)
        assert open_matte(first, plate, range(1001, 1007), fit=True).at(1006).max() == pytest.approx(10.01)


def test_one_picture_serves_for_every_frame(tmp_path):
    still = exr(tmp_path / "garbage.exr", {"Y": 0.25})
    with open_clip(video(tmp_path / "plate.mkv")) as plate:
        matte = open_matte(str(still), plate, range(6))
        assert {float(matte.at(time).max()) for time in range(6)} == {0.25}


@pytest.mark.parametrize(
    ("channels", "name", "expected"),
    [
        ({"Y": 0.3}, "", 0.3),
        ({"R": 0.2, "G": 0.5, "B": 0.6}, "", 0.2),
        ({"R": 0.2, "G": 0.2, "B": 0.2, "A": 0.7}, "", 0.7),
        ({"R": 0.2, "G": 0.5, "B": 0.6}, ":G", 0.5),
        ({"R": 0.2, "G": 0.2, "B": 0.2, "roto.A": 0.9}, ":roto.A", 0.9),
        ({"a.left": 0.1, "a.right": 0.4, "b.left": 0.8}, ":b.left", 0.8),
    ],
)
def test_the_alpha_counts_or_the_first_channel_or_the_one_named(tmp_path, channels, name, expected):
    place = exr(tmp_path / "it.exr", channels)
    with open_clip(video(tmp_path / "plate.mkv")) as plate:
        assert open_matte(f"{place}{name}", plate, range(6)).at(3).max() == pytest.approx(expected)
    assert matte_file(f"{place}{name}") == str(place)


def test_the_greys_of_an_animation_are_a_matte(tmp_path):
    """QuickTime gives the palette once, with the first packet that is read: neither looking nor seeking loses it."""
    make_clip(
        tmp_path / "matte.mov", codec="qtrle", pixel_format="gray", options={"g": "4"}, frames=9, rate=Fraction(25)
    )
    plate = make_clip(tmp_path / "plate.mp4", frames=9, rate=Fraction(25))
    with open_clip(plate) as clip:
        matte = open_matte(str(tmp_path / "matte.mov"), clip, range(9))
        for time in (8, 2, 0):
            values = np.rint(matte.at(time) * 255)
            assert [values[10, 5], values[10, 60]] == [20 + 8 * time, 40 + 8 * time]


def test_a_channel_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    place = exr(tmp_path / "it.exr", {"R": 0, "G": 0, "B": 0, "roto.A": 1})
    with (
        open_clip(video(tmp_path / "plate.mkv")) as plate,
        pytest.raises(MediaError, match=r"channel roto\.B in .*found R, G, B, roto\.A"),
    ):
        open_matte(f"{place}:roto.B", plate, range(6))


def test_another_size_is_refused_with_both_sizes_or_fitted(tmp_path):
    small = video(tmp_path / "small.mkv", size=(24, 16))
    with open_clip(video(tmp_path / "plate.mkv")) as plate:
        with pytest.raises(MediaError, match=r"size, 48 x 32; found 24 x 16 .*--matte-fit"):
            open_matte(str(small), plate, range(6))
        values = open_matte(str(small), plate, range(6), fit=True).at(5)
        assert values.shape == (32, 48)
        # The edge in the middle stays there, to half a pixel of the small one.
        assert values[16].sum() / 0.5 == pytest.approx(24, abs=1)


def test_another_rate_is_refused_or_retimed(tmp_path):
    double = video(tmp_path / "double.mkv", frames=12, rate=50)
    with open_clip(video(tmp_path / "plate.mkv")) as plate:
        with pytest.raises(MediaError, match=r"rate, 25\.000 frames/s; found 50\.000 frames/s"):
            open_matte(str(double), plate, range(6))
        assert open_matte(str(double), plate, range(6), fit=True).at(4).max() == pytest.approx(0.8, abs=0.01)


def test_the_command_line_takes_both_and_outside_wins(shot, grace_hopper, tmp_path):
    """The frame that ``frame`` writes is the one of a node that is handed the mattes."""
    inside, outside = np.zeros((180, 320), np.float32), np.zeros((180, 320), np.float32)
    inside[:, :160], outside[:90] = 1, 1
    for name, values in (("inside", inside), ("outside", outside)):
        create_output(tmp_path / f"{name}.exr").write(0, np.dstack([values] * 3))
    words = ("-s", grace_hopper, "--inside", tmp_path / "inside.exr", "--outside", f"{tmp_path / 'outside.exr'}:R")
    done = run("frame", shot, *words, "-f", "3", "-o", tmp_path / "one.exr", "--output-mode", "matte")
    assert done.returncode == 0, done.stderr
    with open_clip(shot) as clip:
        result = FaceSwapNode(grace_hopper, clip).render(3, inside=inside, outside=outside)
    with open_clip(tmp_path / "one.exr") as written:
        np.testing.assert_allclose(written.frame(0).rgb[..., 0], result.matte, atol=1e-3)
    assert not result.matte[:90].any()
    assert result.matte[90:].any()

    shots = run("swap", shot, *words, "-r", "3", "-o", tmp_path / "all.%d.exr", "--output-mode", "matte")
    assert shots.returncode == 0, shots.stderr
    with open_clip(tmp_path / "all.%d.exr") as written:
        np.testing.assert_allclose(written.frame(3).rgb[..., 0], result.matte, atol=1e-3)


def test_the_command_line_refuses_a_matte_that_does_not_fit_before_it_writes(shot, grace_hopper, tmp_path):
    small = exr(tmp_path / "small.exr", {"Y": 1.0}, (160, 90))
    words = ("swap", shot, "-s", grace_hopper, "-o", tmp_path / "out.mp4", "--outside", small)
    refused = run(*words)
    assert refused.returncode == 2
    assert "320 x 180; found 160 x 90" in refused.stderr
    assert not (tmp_path / "out.mp4").exists()
    planned = run(*words, "--matte-fit", "--dry-run", "--json")
    assert planned.returncode == 0, planned.stderr
    assert len(json.loads(planned.stdout)["sampled"]) == 6
    same = run("swap", shot, "-s", grace_hopper, "-o", small, "--outside", small, "--matte-fit", "-y")
    assert same.returncode == 2
    assert "are the same" in same.stderr


@pytest.mark.parametrize("channel", ["", ":Y"])
def test_a_matte_that_lacks_a_frame_is_refused_before_the_work_or_held(tmp_path, channel):
    plate_files = sequence(tmp_path / "plate", range(1001, 1006))
    mattes = f"{sequence(tmp_path / 'm', (1001, 1002, 1004, 1005))}{channel}"
    with open_clip(plate_files) as plate:
        with pytest.raises(MediaError, match=r"expected frame 1003 of the matte .* a gap there\. .*--matte-fit"):
            open_matte(mattes, plate, range(1001, 1006))
        held = open_matte(mattes, plate, range(1001, 1006), fit=True)
        assert [held.at(time).max() for time in (1002, 1003, 1004)] == pytest.approx([10.02, 10.02, 10.04])
        assert open_matte(mattes, plate, [1001, 1002, 1004]).at(1004).max() == pytest.approx(10.04)
