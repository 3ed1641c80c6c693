"""Measures of a swap: each on pictures or points whose answer is known, and the command over a drawn clip."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest

from commands import run
from drawn import DrawnClip, MarkerDetector
from mobilefaceswap.demo.measure import MARKS, Measured, Together, measure_clip, measured_together
from mobilefaceswap.demo.measure.motion import jitter, lag, steps
from mobilefaceswap.demo.measure.pictures import (
    changed_outside,
    edge_shift,
    flicker,
    grain,
    highlight_error,
    seam,
    tint,
)
from mobilefaceswap.errors import UserInputError
from mobilefaceswap.media import create_output, open_clip

RANDOM = np.random.default_rng(0)


def disc(side: int = 128, radius: float = 40.0, x: float = 64.0) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return np.clip(radius - np.hypot(rows - 64, columns - x) + 0.5, 0, 1).astype(np.float32)


def plate(side: int = 128) -> np.ndarray:
    return np.clip(0.5 + RANDOM.normal(0, 0.02, (side, side, 3)), 0, 1).astype(np.float32)


def test_one_bit_outside_the_matte_is_counted_and_nan_is_equal_to_itself():
    before, matte = plate(), disc()
    before[0, 0] = np.nan
    after = np.where(matte[..., None] > 0, np.float32(0.1), before)
    assert changed_outside(before, after, matte) == 0
    after[3, 3, 1] = np.nextafter(after[3, 3, 1], np.float32(1))
    assert changed_outside(before, after, matte) == 1


def test_highlights_count_under_a_full_matte_alone():
    before, matte = plate(), disc()
    assert highlight_error(before, before, matte, before[..., 1]) is None
    before[60:68, 60:68] = 4
    before[50:58, 50:58] = 1.2  # skin that shines, not a light
    before[0, 0] = 9
    after = np.where(before > 2, before * np.float32(0.98), 0)
    assert highlight_error(before, after, matte, before[..., 1]) == pytest.approx(0.02, abs=1e-4)


def test_a_seam_is_the_step_that_the_plate_does_not_have():
    before, matte = plate(), disc()
    darker = before - np.float32(0.05) * matte[..., None]
    assert seam(before, before, matte) == 0
    assert 3 < seam(before, darker, matte) < 7
    assert seam(darker, before, matte) == 0
    assert seam(before, darker, np.zeros_like(matte)) is None


def test_flicker_is_the_change_that_motion_does_not_explain():
    texture = cv2.GaussianBlur(RANDOM.uniform(0, 1, (128, 128, 3)).astype(np.float32), (0, 0), 2)
    texture = (texture - texture.min()) / np.ptp(texture)
    pair = texture, np.roll(texture, 2, axis=1) + RANDOM.normal(0, 0.01, texture.shape).astype(np.float32)
    assert flicker(pair, pair, disc()) == pytest.approx(1)
    assert flicker(pair, (pair[0], pair[1] + np.float32(0.1)), disc()) > 2
    assert flicker(pair, pair, np.zeros((128, 128), np.float32)) is None


def test_a_tint_is_the_face_s_own_and_not_the_light_s():
    before, matte = plate(), disc()
    assert tint(before, before, matte) == pytest.approx([0, 0, 0])
    darker = before - np.float32(0.05) * matte[..., None]
    assert 4 < -tint(before, darker, matte)[0] < 6
    assert (
        np.abs(tint(before * np.float32(0.8), darker * np.float32(0.8), matte) - tint(before, darker, matte)).max()
        < 1.5
    )
    assert tint(before, before, np.zeros_like(matte)) is None


def test_grain_is_compared_band_by_band():
    before, matte = plate(), disc(radius=60)
    assert grain(before, before, matte) == pytest.approx([1, 1, 1])
    assert grain(before, 0.5 + 1.5 * (before - 0.5), matte) == pytest.approx([1.5] * 3, rel=0.01)
    soft = cv2.GaussianBlur(before, (0, 0), 0.8)
    bands = grain(before, soft, matte)
    assert bands[0] > bands[1] > bands[2]
    assert bands[2] < 0.5
    assert grain(before, before, disc(radius=5)) is None


def test_grain_below_the_rounding_of_eight_bits_is_none():
    noise = np.random.default_rng(3).normal(0, 1 / 255, (128, 128, 1)).astype(np.float32)
    faint, still, seen, twice = (np.repeat(0.5 + codes * noise, 3, axis=2) for codes in (0.1, 0.4, 2, 4))
    assert grain(faint, still, disc(radius=60)) == [1, 1, 1]
    assert grain(seen, twice, disc(radius=60)) == pytest.approx([2] * 3, rel=0.01)
    assert min(grain(faint, seen, disc(radius=60))) > 1.1


def test_features_that_the_swap_draws_where_the_plate_is_flat_are_no_grain():
    before, matte = plate(), disc(radius=60)
    x = np.arange(128)
    drawn = before + np.float32(0.05) * (np.sign(np.sin(0.4 * x)) * (x < 70)).astype(np.float32)[:, None]
    assert grain(before, drawn, matte) == pytest.approx([1, 1, 1], abs=0.2)


def test_an_edge_that_is_off_by_a_pixel_of_the_proxy_is_told():
    matte, half = disc(), cv2.resize(disc(), (64, 64), interpolation=cv2.INTER_AREA)
    assert edge_shift(matte, half) == 0
    grown = cv2.resize(disc(radius=42), (64, 64), interpolation=cv2.INTER_AREA)
    assert edge_shift(matte, grown) == pytest.approx(1, abs=0.1)


EYES = np.array([(50, 52), (78, 52), (64, 66), (54, 80), (74, 80)], np.float64)
TEXTURE = np.clip(0.5 + 2 * cv2.GaussianBlur(RANDOM.normal(0, 1, (128, 128, 3)), (0, 0), 3), 0, 1).astype(np.float32)


def shifted(x: float, y: float, grain: float = 0.0) -> np.ndarray:
    moved = cv2.warpAffine(
        TEXTURE, np.array([[1, 0, x], [0, 1, y]], np.float64), (128, 128), borderMode=cv2.BORDER_REFLECT
    )
    return np.clip(moved + RANDOM.normal(0, grain, moved.shape), 0, 1).astype(np.float32)


def test_steps_are_told_in_parts_of_a_pixel_in_grain():
    own, other = steps((TEXTURE, shifted(2.3, -0.6, 0.01)), (TEXTURE, shifted(2.6, -0.4, 0.01)), EYES)
    assert own == pytest.approx(np.tile((2.3, -0.6), (5, 1)), abs=0.15)
    assert (other - own).mean(axis=0) == pytest.approx((0.3, 0.2), abs=0.05)


def test_what_cannot_be_followed_in_one_picture_counts_in_neither():
    blinked = shifted(1, 0)
    blinked[44:60, 42:58] = 0.5
    own, other = steps((TEXTURE, shifted(1, 0)), (TEXTURE, blinked), EYES)
    assert np.isnan(own[0]).all()
    assert np.isnan(other[0]).all()
    assert own[1:] == pytest.approx(np.tile((1, 0), (4, 1)), abs=0.1)


def swaying(late: float = 0.0, noise: float = 0.0) -> dict[int, np.ndarray]:
    """The steps to frames 1 to 39 of five points that sway and shake."""
    random = np.random.default_rng(1)
    places = [
        20 * np.sin((time - late) / 4 + np.arange(10).reshape(5, 2) / 9) + random.normal(0, noise, (5, 2))
        for time in range(40)
    ]
    return {time: places[time] - places[time - 1] for time in range(1, 40)}


@pytest.mark.parametrize("late", [-1.0, 0.0, 0.4, 2.0])
def test_lag_is_told_in_parts_of_a_frame(late):
    assert lag(swaying(), swaying(late)) == pytest.approx(late, abs=0.06)


def test_a_face_that_stands_still_or_shakes_has_no_lag_and_shaking_is_told():
    still, shaking = ({time: RANDOM.normal(0, 0.3, (5, 2)) for time in range(40)} for _ in range(2))
    assert lag(still, shaking) is None
    assert lag(swaying(), swaying(noise=6)) is None
    assert jitter(swaying(), swaying()) == pytest.approx(1)
    assert jitter(swaying(), swaying(noise=3)) > 2
    assert jitter({1: still[1]}, still) is None
    lost = {time: np.full((5, 2), np.nan) for time in range(1, 40)}
    assert jitter(lost, lost) is None
    assert lag(lost, lost) is None


def test_a_mouth_that_flies_open_is_no_shaking_and_a_swap_that_jumps_by_itself_is():
    shaking = {time: RANDOM.normal(0, 0.3, (5, 2)) for time in range(40)}
    opening, wider, jumping = ({time: step.copy() for time, step in shaking.items()} for _ in range(3))
    opening[20][4] += 6
    wider[20][4] += 8
    jumping[20][4] += 6
    assert jitter(opening, wider) == pytest.approx(1)
    assert jitter(shaking, jumping) > 1.5


def test_shaking_in_the_few_frames_in_which_a_plate_moves_at_all_counts():
    moving = {time: np.zeros((5, 2)) if time < 30 else RANDOM.normal(0, 0.3, (5, 2)) for time in range(40)}
    twice = {time: 2 * step for time, step in moving.items()}
    twice[5] = twice[5] + 0.01
    assert jitter(moving, twice) == pytest.approx(2, abs=0.01)


def test_a_clip_is_measured_whole_and_its_marks_say_whether_they_hold(node):
    found = measure_clip(node, range(6))
    assert [one.name for one in found] == [*MARKS]
    figures = {one.name: one for one in found}
    assert figures["outside"].value == 0
    assert figures["outside"].holds
    assert figures["highlights"].value is None or figures["highlights"].holds
    assert figures["proxy"].value < 0.5
    assert not Measured("lag", "", -0.5, 0.1).holds


def test_several_swaps_are_summed_up_by_their_distance_from_the_mark():
    def figures(jitter, lag):
        values = {"jitter": jitter, "lag": lag}
        return [Measured(name, "", values.get(name, 0.0), most) for name, (_, most) in MARKS.items()]

    swaps = {"a": figures(1.0, None), "b": figures(1.2, -0.3), "c": figures(0.9, 0.05)}
    found = {one.name: one for one in measured_together(swaps)}
    assert [*found] == [*MARKS]
    assert found["jitter"] == Together("jitter", 1.05, 1.0, 1.2, "b", 1)
    assert found["lag"] == Together("lag", 0.1, pytest.approx(0.175), 0.3, "b", 1)
    assert found["seam"].missed == 0
    assert measured_together({"a": figures(None, None)})[2] == Together("jitter", 1.05, None, None, "", 0)


def test_every_clip_is_measured_with_every_source_and_one_that_fails_stops_no_other(shot, grace_hopper, tmp_path):
    other, missing = tmp_path / "other.jpg", tmp_path / "missing.mp4"
    shutil.copy(grace_hopper, other)
    done = run("measure", shot, missing, "-s", grace_hopper, "-s", other, "--each-source", "-r", "0-1")
    assert done.returncode
    assert "2 of 4 swaps failed" in done.stderr
    headings = [line for line in done.stdout.splitlines() if " from " in line and not line.startswith(tuple(MARKS))]
    assert headings == [f"{shot} from {source}" for source in (grace_hopper, other)]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("outside") and "median" in line]
    assert "holds" in line
    assert "2 swaps" in done.stdout


def test_frames_that_a_sequence_lacks_can_be_skipped(shot, grace_hopper, tmp_path):
    place = tmp_path / "shot.%03d.png"
    with open_clip(shot) as clip, create_output(place, clip) as writer:
        for time in range(4):
            writer.write(time, clip.frame(time).pixels)
    (tmp_path / "shot.002.png").unlink()
    words = ("measure", place, "-s", grace_hopper, "--json")
    done = run(*words, "--missing-frames", "skip")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["value"] == 0
    assert run(*words).returncode == 2


def test_a_range_without_a_face_is_refused(tiny_pack, tiny_identity):
    from mobilefaceswap import FaceSwapNode

    class Nobody(MarkerDetector):
        def find(self, *_):
            return ()

    node = FaceSwapNode(tiny_identity, DrawnClip(), pack=tiny_pack, faces=Nobody())
    with pytest.raises(UserInputError, match="found none"):
        measure_clip(node, range(2))


@pytest.mark.media
def test_the_command_prints_all_figures(media):
    words = (
        "measure",
        media / "clips" / "lp_d0.mp4",
        "-s",
        media / "portraits" / "faker_00.jpg",
        "-r",
        "0-5",
        "--json",
    )
    figures = {row["name"]: row for row in json.loads(run(*words).stdout)}
    assert {*figures} == {*MARKS}
    assert figures["outside"]["holds"]
    assert 0 < figures["jitter"]["value"] < 3
