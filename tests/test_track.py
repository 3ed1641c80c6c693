"""Tracks: faces followed over time, steadied without lag, gaps, fades, storing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from drawn import TEMPLATE
from mobilefaceswap.errors import TrackError
from mobilefaceswap.faces import Face, Timeline, Track, followed

SIDE = 80.5
"""Of the box of a face of scale 1: the root of its area."""


def face_at(x: float, y: float = 100.0, scale: float = 1.0, shake: np.ndarray | None = None) -> Face:
    landmarks = TEMPLATE * scale + (x, y) + (0 if shake is None else shake)
    return Face(landmarks, (x + 20 * scale, y + 10 * scale, 72 * scale, 90 * scale), 0.9)


def timeline(frames: Mapping[int, Sequence[Face]], cuts: Sequence[int] = ()) -> Timeline:
    return Timeline(
        lambda time: frames.get(time, ()), lambda time: time in cuts or time not in frames or time - 1 not in frames
    )


def smoothed(frames: Mapping[int, Sequence[Face]], time: int, smoothing: int, **more) -> tuple[Face, ...]:
    return followed(timeline(frames, **more), time, smoothing=smoothing, gap=smoothing, fade=0)


def test_a_steady_movement_has_no_lag():
    faces = {time: (face_at(0.7 * time),) for time in range(20)}
    for time in (0, 1, 9, 19):
        (face,) = smoothed(faces, time, 4)
        np.testing.assert_allclose(face.landmarks, faces[time][0].landmarks, atol=1e-9)


def handheld(time: float) -> np.ndarray:
    """Five points that sway, nod and turn as people do, in pixels: 6 % of the face's side at 1 Hz and 25 frames/s."""
    sway = SIDE * np.array([0.06 * np.sin(0.25 * time), 0.03 * np.sin(0.37 * time + 1)])
    angle = 0.05 * np.sin(0.21 * time + 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (TEMPLATE - 56) @ turn.T + sway + (150, 150)


def noisy(points: Callable[[float], np.ndarray], deviation: float, count: int = 200) -> dict[int, tuple[Face, ...]]:
    noise = np.random.default_rng(3).normal(0, deviation, (count, 5, 2))
    return {time: (Face(points(time) + noise[time], (110, 100, 72, 90), 0.9),) for time in range(count)}


def jitter(points: np.ndarray) -> float:
    """Root mean square of the second difference over time."""
    return float(np.sqrt(((points[2:] - 2 * points[1:-1] + points[:-2]) ** 2).sum(axis=2).mean()))


def lag(points: np.ndarray, truth: Callable[[float], np.ndarray]) -> float:
    """Frames by which ``points`` are late: where the truth fits best."""
    shifts = np.arange(-2, 2.01, 0.02)
    errors = [
        np.mean((points - np.array([truth(time - shift) for time in range(len(points))])) ** 2) for shift in shifts
    ]
    return float(shifts[int(np.argmin(errors))])


def test_natural_motion_is_steadied_without_lag():
    """Noise as the detector's: 0.3 % of the side."""
    faces = noisy(handheld, 0.003 * SIDE)
    raw = np.array([faces[time][0].landmarks for time in faces])
    steady = np.array([smoothed(faces, time, 3)[0].landmarks for time in faces])
    truth = np.array([handheld(time) for time in faces])
    assert jitter(steady) <= 0.45 * jitter(raw)
    assert jitter(steady) <= 1.05 * jitter(truth)
    assert np.std(steady - truth) < 0.8 * np.std(raw - truth)
    assert abs(lag(steady, handheld)) <= 0.02


def test_the_check_of_lag_notices_a_lag():
    late = np.array([handheld(time - 0.5) for time in range(100)])
    assert lag(late, handheld) == pytest.approx(0.5)


def test_a_face_at_rest_is_steadied_firmly_and_a_fast_one_hardly():
    def still(time: float) -> np.ndarray:
        return handheld(0)

    def dashing(time: float) -> np.ndarray:
        return TEMPLATE + (300 + 3 * SIDE * np.sin(0.25 * time), 100)

    rest = np.array([smoothed(noisy(still, 0.25), time, 3)[0].landmarks for time in range(20, 60)])
    assert np.std(rest - still(0)) < 0.55 * 0.25
    fast = {time: (Face(dashing(time), (*dashing(time)[0], 72, 90), 0.9),) for time in range(100)}
    moved = [np.abs(smoothed(fast, time, 3)[0].landmarks - dashing(time)).max() for time in fast]
    assert max(moved) < 0.03 * SIDE


@pytest.mark.parametrize("there", [900, 52], ids=["elsewhere", "nearby"])
def test_nothing_reaches_across_a_cut(there):
    faces = {time: (face_at(50 if time < 10 else there),) for time in range(20)}
    for time in (9, 10):
        (face,) = smoothed(faces, time, 5, cuts=[10])
        np.testing.assert_allclose(face.landmarks, faces[time][0].landmarks, atol=1e-9)
    if there == 52:
        (blurred,) = smoothed(faces, 9, 5)
        assert np.abs(blurred.landmarks - faces[9][0].landmarks).max() > 0.1, "without the cut it would"


def test_every_neighbour_is_looked_at_once_however_many_faces_there_are():
    asked = []

    def faces_at(time):
        asked.append(time)
        return (face_at(0), face_at(300), face_at(600.0 + time))

    followed(Timeline(faces_at, lambda time: False), 9, smoothing=3, gap=6, fade=3)
    assert sorted(asked) == list(range(3, 13)), "three on either side to steady, six before for lost faces"


@pytest.mark.parametrize("smoothing", [0, 2])
def test_a_lost_face_is_filled_in_between_its_neighbours(smoothing):
    faces = {time: (face_at(4.0 * time),) for time in range(10)} | {5: ()}
    (face,) = followed(timeline(faces), 5, smoothing=smoothing, gap=1, fade=0)
    assert face.filled
    np.testing.assert_allclose(face.landmarks, face_at(20.0).landmarks, atol=1e-9)
    assert followed(timeline(faces), 5, smoothing=smoothing, gap=0, fade=0) == ()


@pytest.mark.parametrize("length", [3, 4])
def test_gaps_are_filled_up_to_the_set_length_and_not_beyond(length):
    faces = {time: () if 6 <= time < 6 + length else (face_at(2.0 * time),) for time in range(20)}
    found = [len(followed(timeline(faces), time, smoothing=0, gap=3, fade=0)) for time in range(20)]
    assert sum(found) == (20 if length == 3 else 16)
    assert all(found[:6])


def test_a_person_lost_beside_another_is_filled_in_too():
    faces = {time: (face_at(0), face_at(300)) for time in range(10)} | {4: (face_at(0),), 5: (face_at(300),)}
    for time, lost in ((4, 300), (5, 0)):
        filled = [face for face in followed(timeline(faces), time, smoothing=2, gap=3, fade=0) if face.filled]
        assert len(filled) == 1
        np.testing.assert_allclose(filled[0].landmarks, face_at(lost).landmarks, atol=1e-9)


def test_the_swap_fades_where_a_face_is_lost_for_long():
    faces = {time: () if 10 <= time < 20 else (face_at(50),) for time in range(30)}
    presence = {
        time: face.presence for time in faces for face in followed(timeline(faces), time, smoothing=3, gap=4, fade=3)
    }
    expected = {time: 1.0 for time in faces if faces[time]}
    expected |= {9: 0.25, 8: 0.5, 7: 0.75, 20: 0.25, 21: 0.5, 22: 0.75}
    assert presence == pytest.approx(expected)


def test_there_is_no_fade_at_the_ends_of_a_shot_nor_over_a_gap_that_is_filled():
    faces = {time: () if 10 <= time < 13 else (face_at(50),) for time in range(30)}
    for time in faces:
        (face,) = followed(timeline(faces, cuts=[20]), time, smoothing=3, gap=4, fade=3)
        assert face.presence == 1


def test_a_face_lost_just_before_a_cut_fades_out():
    faces = {time: () if time in (18, 19) else (face_at(50),) for time in range(30)}
    found = followed(timeline(faces, cuts=[20]), 17, smoothing=0, gap=4, fade=3)
    assert [face.presence for face in found] == [0.25]
    assert followed(timeline(faces, cuts=[20]), 18, smoothing=0, gap=4, fade=3) == ()


def test_nothing_is_filled_in_across_two_different_people():
    faces = {4: (face_at(0),), 5: (), 6: (face_at(700),)}
    assert smoothed(faces, 5, 3) == ()


def test_two_people_are_not_mixed():
    faces = {time: (face_at(0), face_at(300 + 0.5 * time)) for time in range(9)}
    left, right = smoothed(faces, 4, 3)
    np.testing.assert_allclose(left.landmarks, face_at(0).landmarks, atol=1e-9)
    np.testing.assert_allclose(right.landmarks, face_at(302).landmarks, atol=1e-9)


def test_a_clip_of_one_frame_is_left_as_it_is():
    (face,) = followed(timeline({0: (face_at(3),)}), 0, smoothing=12, gap=48, fade=24)
    np.testing.assert_array_equal(face.landmarks, face_at(3).landmarks)
    assert face.presence == 1


def test_a_track_comes_back_as_it_was_written(tmp_path):
    someone = replace(face_at(1 / 3), person=2, likeness=0.7, filled=True, edited=True)
    mean = np.array([0.6, -0.8], np.float32)
    details = {"cuts": frozenset([8]), "people": {2: mean}, "recogniser": "abc", "hashes": {7: "f00"}}
    track = Track((1920, 1080), {7: (someone,), 8: ()}, "shot.mov", "yunet", **details)
    track.save(tmp_path / "track.json")
    read = Track.load(tmp_path / "track.json")
    np.testing.assert_array_equal(read.frames[7][0].landmarks, track.frames[7][0].landmarks)
    np.testing.assert_array_equal(read.frames[7][0].row(), someone.row())
    np.testing.assert_array_equal(read.people[2], mean)
    for name in ("size", "clip", "detector", "cuts", "recogniser", "hashes"):
        assert getattr(read, name) == getattr(track, name)
    assert read.frames[8] == ()
    (row,) = json.loads((tmp_path / "track.json").read_text())["frames"]["7"]
    assert (row["roll"], row["plausibility"]) == (pytest.approx(0, abs=3), 1)


def test_a_track_of_the_first_version_is_read(tmp_path):
    face = {"landmarks": TEMPLATE.tolist(), "box": [1, 2, 3, 4], "confidence": 0.5, "filled": False}
    old = {"format": "mobilefaceswap-track", "version": 1, "clip": "a.mov", "detector": "yunet", "size": [640, 360]}
    (tmp_path / "old.json").write_text(json.dumps(old | {"frames": {"3": [face]}}))
    read = Track.load(tmp_path / "old.json")
    assert (read.size, read.cuts, dict(read.people), dict(read.hashes)) == ((640, 360), frozenset(), {}, {})
    (found,) = read.frames[3]
    np.testing.assert_array_equal(found.landmarks, TEMPLATE)
    assert (found.person, found.presence) == (0, 1)


def test_a_proxy_plate_gets_scaled_faces():
    track = Track((200, 100), {0: (face_at(40),)})
    (small,) = track.faces(0, (100, 50))
    np.testing.assert_allclose((small.landmarks + 0.5) * 2, face_at(40).landmarks + 0.5)


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document | {"format": "something"},
        lambda document: document | {"version": 99},
        lambda document: document | {"size": [0, 10]},
        lambda document: document | {"frames": {"0": [{"landmarks": [[1, 2]], "box": [0, 0, 1, 1]}]}},
        lambda document: document | {"frames": []},
        lambda document: document | {"frames": {}},
        lambda document: document | {"frames": {"0": [document["frames"]["0"][0] | {"landmarks": [[3, 4]] * 5}]}},
        lambda document: document | {"people": {"1": [0.1, 0.2]}},
        lambda document: document | {"people": {"1": [0.6, 0.8], "2": [1.0]}},
        lambda document: document | {"people": {"1": 1.0}},
        lambda document: document | {"people": {"1": []}},
    ],
    ids=[
        *("format", "version", "size", "landmarks", "frames", "no frames"),
        *("one place", "no unit", "other size", "number", "no numbers"),
    ],
)
def test_a_damaged_track_is_refused(tmp_path, damage):
    path = tmp_path / "track.json"
    Track((20, 10), {0: (face_at(0),)}).save(path)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(TrackError, match=r"track\.json"):
        Track.load(path)


@pytest.mark.parametrize(("version", "said"), [(3, "Update the program"), (0, "Analyse the clip again")])
def test_what_to_do_about_a_track_of_another_version(tmp_path, version, said):
    path = tmp_path / "track.json"
    path.write_text(json.dumps({"format": "mobilefaceswap-track", "version": version}))
    with pytest.raises(TrackError, match=f"version 1 to 2 .*found .*version {version}. {said}"):
        Track.load(path)


def test_a_frame_that_was_not_analysed_is_an_error_that_says_so():
    with pytest.raises(TrackError, match="frame 12"):
        Track((20, 10), {0: (), 5: ()}).faces(12, (20, 10))
