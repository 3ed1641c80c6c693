"""Tracks: linking, smoothing without lag, gaps, storing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from drawn import TEMPLATE
from mobilefaceswap.errors import TrackError
from mobilefaceswap.faces import Face, Track, smoothed


def face_at(x: float, y: float = 100.0, scale: float = 1.0, shake: np.ndarray | None = None) -> Face:
    landmarks = TEMPLATE * scale + (x, y) + (0 if shake is None else shake)
    return Face(landmarks, (x + 20 * scale, y + 10 * scale, 72 * scale, 90 * scale), 0.9)


def test_a_steady_movement_has_no_lag():
    faces = {time: (face_at(10.0 * time),) for time in range(20)}
    (face,) = smoothed(lambda time: faces.get(time, ()), 9, 4)
    np.testing.assert_allclose(face.landmarks, faces[9][0].landmarks, atol=1e-9)


def test_jitter_gets_smaller():
    noise = np.random.default_rng(0).normal(0, 1.5, (40, 5, 2))
    faces = {time: (face_at(50, shake=noise[time]),) for time in range(40)}
    plain = [faces[time][0].landmarks - face_at(50).landmarks for time in range(10, 30)]
    quiet = [
        smoothed(lambda t: faces.get(t, ()), time, 4)[0].landmarks - face_at(50).landmarks for time in range(10, 30)
    ]
    assert np.std(quiet) < 0.6 * np.std(plain)


def test_the_window_ends_at_a_cut():
    faces = {time: (face_at(50 if time < 10 else 900),) for time in range(20)}
    (face,) = smoothed(lambda time: faces.get(time, ()), 9, 5)
    np.testing.assert_array_equal(face.landmarks, faces[9][0].landmarks)


def test_every_neighbour_is_looked_at_once_however_many_faces_there_are():
    asked = []

    def faces_at(time):
        asked.append(time)
        return (face_at(0), face_at(300), face_at(600.0 + time))

    smoothed(faces_at, 9, 3)
    assert sorted(asked) == list(range(6, 13))


def test_a_lost_face_is_filled_in_between_its_neighbours():
    faces = {time: (face_at(4.0 * time),) for time in range(10)} | {5: ()}
    (face,) = smoothed(lambda time: faces.get(time, ()), 5, 2)
    assert face.filled
    np.testing.assert_allclose(face.landmarks, face_at(20.0).landmarks, atol=1e-9)
    assert smoothed(lambda time: faces.get(time, ()), 5, 0) == ()


def test_nothing_is_filled_in_across_two_different_people():
    faces = {4: (face_at(0),), 5: (), 6: (face_at(700),)}
    assert smoothed(lambda time: faces.get(time, ()), 5, 3) == ()


def test_two_people_are_not_mixed():
    faces = {time: (face_at(0), face_at(300 + 3.0 * time)) for time in range(9)}
    left, right = smoothed(lambda time: faces.get(time, ()), 4, 3)
    np.testing.assert_allclose(left.landmarks, face_at(0).landmarks, atol=1e-9)
    np.testing.assert_allclose(right.landmarks, face_at(312).landmarks, atol=1e-9)


def test_a_track_comes_back_as_it_was_written(tmp_path):
    track = Track((1920, 1080), {7: (face_at(1 / 3),), 8: ()}, "shot.mov", "yunet")
    track.save(tmp_path / "track.json")
    read = Track.load(tmp_path / "track.json")
    np.testing.assert_array_equal(read.frames[7][0].landmarks, track.frames[7][0].landmarks)
    assert (read.size, read.clip, read.detector, read.frames[8]) == (track.size, "shot.mov", "yunet", ())


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
    ],
    ids=["format", "version", "size", "landmarks", "frames"],
)
def test_a_damaged_track_is_refused(tmp_path, damage):
    path = tmp_path / "track.json"
    Track((20, 10), {0: (face_at(0),)}).save(path)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(TrackError, match=r"track\.json"):
        Track.load(path)


def test_a_frame_that_was_not_analysed_is_an_error_that_says_so():
    with pytest.raises(TrackError, match="frame 12"):
        Track((20, 10), {0: (), 5: ()}).faces(12, (20, 10))


def test_smoothing_weighs_pairs_of_frames_by_a_gaussian_of_half_the_radius():
    def curved(time: int):
        return (face_at(0.5 * time**2),)

    (found,) = smoothed(curved, 10, 4)
    weights = np.exp(-0.5 * (np.arange(-4, 5) / 2.0) ** 2)
    positions = 0.5 * (10.0 + np.arange(-4, 5)) ** 2
    expected = face_at(float((weights * positions).sum() / weights.sum()))
    np.testing.assert_allclose(found.landmarks, expected.landmarks, atol=1e-9)
