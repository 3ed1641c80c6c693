"""Who is who: ids through gaps, crossings and cuts."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from drawn import TEMPLATE
from mobilefaceswap import Frame, read_picture
from mobilefaceswap.analyse_clip import analyse_clip
from mobilefaceswap.cache import opened
from mobilefaceswap.faces import Face, Sighting, cuts, identified, is_cut, open_detector, thumbnail
from mobilefaceswap.settings import Settings

WHO = np.eye(3, 16, dtype=np.float32)
"""Embeddings of three people who are not at all alike."""


def face_at(x: float, y: float = 100.0) -> Face:
    return Face(TEMPLATE + (x, y), (x + 20, y + 10, 72, 90), 0.9)


def sighting(time: int, **people: float) -> Sighting:
    """People by name, a to c, at their x, with a slightly noisy embedding each; from left to right, as detectors do."""
    random = np.random.default_rng(time)
    found = sorted((x, "abc".index(name)) for name, x in people.items())
    noise = random.normal(0, 0.1, (3, 16)).astype(np.float32)
    return Sighting(tuple(face_at(x) for x, _ in found), tuple(WHO[who] + noise[who] for _, who in found))


def ids(frames: dict[int, Sighting], cuts=()) -> list[dict[int, int]]:
    """For every frame, the id by who it is."""
    faces, _ = identified(frames, frozenset(cuts))
    return [
        {
            int(np.argmax(WHO @ embedding)): face.person
            for face, embedding in zip(faces[time], frames[time].embeddings, strict=True)
        }
        for time in sorted(frames)
    ]


def test_people_who_cross_keep_their_ids():
    frames = {time: sighting(time, a=20.0 * time, b=600 - 20.0 * time) for time in range(31)}
    assert all(found == {0: ids(frames)[0][0], 1: ids(frames)[0][1]} for found in ids(frames))


def test_who_is_hidden_while_they_cross_is_known_again():
    frames = {}
    for time in range(40):
        both = {"a": 15.0 * time, "b": 600 - 15.0 * time}
        if 16 <= time < 25:
            both.pop("b")
        frames[time] = sighting(time, **both)
    first = ids(frames)[0]
    assert all(found[who] == first[who] for found in ids(frames) for who in found)


def test_without_appearance_the_crossing_would_be_decided_by_motion():
    """People who turn back where they meet: only who they are tells."""
    frames = {
        time: sighting(time, a=20.0 * min(time, 30 - time), b=600 - 20.0 * min(time, 30 - time)) for time in range(31)
    }
    assert len({tuple(sorted(found.items())) for found in ids(frames)}) == 1
    blind = {time: replace(seen, embeddings=(WHO[0],) * 2) for time, seen in frames.items()}
    faces, _ = identified(blind, frozenset())
    assert {face.person for faces_then in faces.values() for face in faces_then} == {1, 2}


def test_somebody_who_comes_back_after_a_cut_has_the_same_id_and_a_stranger_another():
    frames = {time: sighting(time, a=100) if time < 10 or time >= 20 else sighting(time, c=100) for time in range(30)}
    found = ids(frames, cuts=(10, 20))
    assert {item[0] for item in found if 0 in item} == {1}
    assert {item[2] for item in found if 2 in item} == {2}


def test_people_are_counted_by_how_much_of_the_shot_they_fill():
    frames = {time: sighting(time, b=300, **({"a": 20} if time < 5 else {})) for time in range(20)}
    assert ids(frames)[0] == {1: 1, 0: 2}


def test_likeness_is_to_the_person_s_own_mean():
    frames = {time: sighting(time, a=100) for time in range(10)}
    faces, people = identified(frames, frozenset())
    assert set(people) == {1}
    assert np.linalg.norm(people[1]) == pytest.approx(1, abs=1e-6)
    likeness = [face.likeness for there in faces.values() for face in there]
    assert 0.8 < min(likeness) <= max(likeness) <= 1


class Crossing:
    """Two portraits that pass each other, the astronaut in front: the other is hidden for a few frames."""

    first, last = 0, 24

    def __init__(self, portraits: list[np.ndarray]) -> None:
        self.portraits = portraits

    def places(self, time: int) -> list[float]:
        return [30 + 17.0 * time, 450 - 17.0 * time]

    def frame(self, time: int) -> Frame:
        y, x = np.mgrid[:240, :640].astype(np.float32)
        pixels = np.dstack([0.4 + 0.2 * np.sin(x / 23) * np.cos(y / 17)] * 3).astype(np.float32)
        for portrait, place in reversed(list(zip(self.portraits, self.places(time), strict=True))):
            left = round(place)
            pixels[20 : 20 + portrait.shape[0], left : left + portrait.shape[1]] = portrait
        return Frame(pixels)


def test_two_real_faces_that_cross_keep_their_ids(base_pack, astronaut, grace_hopper):
    hopper = read_picture(grace_hopper).rgb
    cuts = [astronaut.rgb[0:210, 130:310], cv2.resize(hopper, None, fx=0.45, fy=0.45)[20:230, 30:210]]
    clip = Crossing([np.ascontiguousarray(cut) for cut in cuts])
    track = analyse_clip(clip, base_pack, open_detector(base_pack), Settings())
    assert track.cuts == frozenset()
    assert len(track.people) == 2
    for time in (0, 3, 22, 24):
        by_place = {face.person: face.centre[0] for face in track.frames[time]}
        astronaut_left = clip.places(time)[0] < clip.places(time)[1]
        assert (by_place[1] < by_place[2]) == (astronaut_left == (track.frames[0][0].person == 1))
    assert any(len(faces) == 1 for faces in track.frames.values()), "one hides the other"


def test_flashes_pans_and_motion_are_no_cuts(astronaut):
    whole = astronaut.rgb
    at = [thumbnail(Frame(np.ascontiguousarray(whole[40:290, x : x + 400]))) for x in (0, 12, 24)]
    assert not is_cut(at[0], at[1])
    assert not is_cut(at[0], at[2])
    flash = thumbnail(Frame(np.ascontiguousarray(whole[40:290, 0:400] * 1.5 + 0.1)))
    assert not is_cut(at[0], flash)
    other = thumbnail(Frame(np.ascontiguousarray(whole[512:250:-1, 100:500])))
    assert is_cut(at[0], other)
    black, grey = (thumbnail(Frame(np.full((90, 160, 3), level, np.float32))) for level in (0, 0.5))
    assert is_cut(black, grey)
    assert not is_cut(grey, grey)


def test_the_frames_of_a_window_are_compared_once(monkeypatch):
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (54, 96)).astype(np.uint8) for _ in range(3)]
    compared = []
    original = cuts._lost
    monkeypatch.setattr(cuts, "_lost", lambda one, other: compared.append(1) or original(one, other))
    opened.forget("cut")
    first = [is_cut(one, other) for one in pictures for other in pictures]
    again = [is_cut(one.copy(), other.copy()) for one in pictures for other in pictures]
    assert first == again == [one is not other for one in pictures for other in pictures]
    assert len(compared) == 2 * 9


def test_blocks_that_stay_where_they_are_are_found_without_a_search(monkeypatch):
    random = np.random.default_rng(2)
    still = random.integers(0, 256, (54, 96)).astype(np.uint8)
    noisy = np.clip(still + random.normal(0, 20, still.shape), 0, 255).astype(np.uint8)
    moved = np.roll(still, (4, 7), axis=(0, 1))
    other = random.integers(0, 256, still.shape).astype(np.uint8)
    searched = []
    whole = cv2.matchTemplate
    monkeypatch.setattr(cuts.cv2, "matchTemplate", lambda *given: (searched.append(1), whole(*given))[1])
    found = [cuts._differ(still, one) for one in (noisy, moved, other)]
    assert found == [False, False, True]
    assert len(searched) == 2 * 2 * 18, "all blocks of the two that differ in place, none of the one that does not"
