"""Faces followed between searched plates: the same in any order, and searched wherever that is not enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from drawn import DrawnClip, MarkerDetector, drawn_people
from mobilefaceswap import FaceSwapNode, Frame, RenderCache, Settings
from mobilefaceswap.analyse_clip import analyse_clip
from mobilefaceswap.demo.samples import AstronautClip
from mobilefaceswap.faces import Face, find_faces, open_detector, stops_of
from mobilefaceswap.media import create_output, open_clip

PLAIN = Settings(smoothing=0, gap=0, fade=0)


class Following(MarkerDetector):
    """A detector that can follow, a little beside where it finds; ``sure`` False makes it search."""

    def __init__(self, sure: bool = True) -> None:
        super().__init__()
        self.sure, self.met = sure, 0

    def meet(self, plate: Frame, expected: Sequence[Face], threshold: float) -> tuple[Face, ...] | None:
        self.met += 1
        found = [self._person(plate, person) for person in range(2)]
        near = [min((one for one in found if one), key=lambda one: float(np.hypot(*(one.centre - face.centre))))
                for face in expected]  # fmt: skip
        return tuple(replace(one, landmarks=one.landmarks + 0.25) for one in near) if self.sure else None


class Keyed(DrawnClip):
    """Frames that are known by their numbers. second: those that show another person, too; cut: a black first part."""

    def __init__(self, second: Sequence[int] = (), cut: int = 0) -> None:
        super().__init__()
        self.second, self.cut = second, cut

    def key(self, time: int) -> str | None:
        return f"{self.second} {self.cut} {time}"

    def frame(self, time: int) -> Frame:
        if time not in self.second:
            return super().frame(time) if time >= self.cut else drawn_people([(95 + time, 110)])
        return drawn_people([(95 + time, 110), (225, 60)])


def nodes(pack, identity, clip, detector, cache=None) -> FaceSwapNode:
    return FaceSwapNode(identity, clip, pack=pack, faces=detector, settings=PLAIN, cache=cache or RenderCache(1 << 24))


def rows(faces: Sequence[Face]) -> list[list[float]]:
    return [face.row().tolist() for face in faces]


@pytest.mark.parametrize(
    ("time", "first", "last", "expected"),
    [(0, 0, 23, ()), (1, 0, 23, (0, 8, 4, 2)), (4, 0, 23, (0, 8)), (8, 0, 23, ()), (15, 0, 23, (8, 16, 12, 14)),
     (22, 0, 23, (16, 23, 19, 21)), (23, 0, 23, ()), (1003, 1001, 1100, (1001, 1008, 1004, 1002)),
     (-3, -8, 8, (-8, 0, -4, -2)), (5, 4, 5, ()), (3, 3, 3, ())],
)  # fmt: skip
def test_searched_frames_lie_at_multiples_of_eight_at_the_ends_and_halfway(time, first, last, expected):
    assert stops_of(Following(), time, first, last) == expected
    assert stops_of(MarkerDetector(), time, first, last) == ()


def test_any_order_finds_the_same_with_a_third_of_the_searches(tiny_pack, tiny_identity):
    detector = Following()
    straight = nodes(tiny_pack, tiny_identity, Keyed(), detector)
    found = {time: rows(straight.analyse(time)) for time in range(24)}
    assert (detector.calls, detector.met) == (4, 20), "0, 8, 16 and 23, the last"
    others = nodes(tiny_pack, tiny_identity, Keyed(), Following())
    alone = {time: rows(nodes(tiny_pack, tiny_identity, Keyed(), Following(), RenderCache(0)).analyse(time))
             for time in (3, 17)}  # fmt: skip
    for time in np.random.default_rng(1).permutation(24).tolist():
        assert rows(others.analyse(time)) == found[time] == alone.get(time, found[time])


def test_a_clip_and_its_track_hold_the_same_faces(tiny_pack, tiny_identity):
    detector = Following()
    whole, part = (analyse_clip(Keyed(), tiny_pack, detector, PLAIN, times) for times in (None, range(3, 20)))
    node = nodes(tiny_pack, tiny_identity, Keyed(), Following())
    for time, faces in whole.frames.items():
        landmarks = [face.landmarks.tolist() for face in node.analyse(time)]
        assert [face.landmarks.tolist() for face in faces] == landmarks
        if time in part.frames:
            assert [face.landmarks.tolist() for face in part.frames[time]] == landmarks
    assert detector.calls == 4 + 4
    assert {face.person for faces in whole.frames.values() for face in faces} == {1}
    assert min(face.likeness for faces in whole.frames.values() for face in faces) > 0.5


@pytest.mark.parametrize(
    ("clip", "detector", "searched"),
    [
        (Keyed(second=range(11, 24)), Following(), (10, 11, 12)),
        (Keyed(cut=12), Following(sure=False), range(9, 16)),
        (DrawnClip(), Following(), range(24)),
        (Keyed(), MarkerDetector(), range(24)),
    ],
    ids=["somebody comes", "not sure", "a clip without keys", "a detector that cannot follow"],
)
def test_what_cannot_be_followed_is_searched(tiny_pack, tiny_identity, clip, detector, searched):
    node, plain = (nodes(tiny_pack, tiny_identity, clip, one) for one in (detector, MarkerDetector()))
    for time in searched:
        assert rows(node.analyse(time)) == rows(find_faces(MarkerDetector(), clip.frame(time), PLAIN)), time
        assert len(node.analyse(time)) == len(plain.analyse(time))


def test_where_somebody_comes_the_search_closes_in(tiny_pack, tiny_identity):
    """Somebody else comes with frame 11: 12, 10 and 11 are searched, and the others are followed."""
    detector, clip = Following(), Keyed(second=range(11, 24))
    node = nodes(tiny_pack, tiny_identity, clip, detector)
    found = {time: rows(node.analyse(time)) for time in np.random.default_rng(2).permutation(24).tolist()}
    assert [len(found[time]) for time in range(24)] == [1] * 11 + [2] * 13
    assert (detector.calls, detector.met) == (4 + 3, 24 - 7)
    tracked = Following()
    track = analyse_clip(clip, tiny_pack, tracked, PLAIN)
    assert tracked.calls == 4 + 3
    for time, faces in track.frames.items():
        landmarks = [Face.from_row(np.array(row)).landmarks.tolist() for row in found[time]]
        assert [face.landmarks.tolist() for face in faces] == landmarks


def test_nothing_is_followed_across_a_cut(tiny_pack, tiny_identity, monkeypatch):
    monkeypatch.setattr("mobilefaceswap.faces.between.is_cut", lambda before, after: True)
    detector = Following()
    assert nodes(tiny_pack, tiny_identity, Keyed(), detector).analyse(3)
    assert detector.met == 0


def test_a_real_face_is_followed_to_where_a_search_finds_it(tmp_path, base_pack):
    place = tmp_path / "shot.mp4"
    plates = AstronautClip((640, 360), 17)
    with create_output(place) as writer:
        for time in range(17):
            writer.write(time, plates.frame(time).pixels)
    detector = open_detector(base_pack)
    with open_clip(place) as clip:
        track = analyse_clip(clip, base_pack, detector, PLAIN)
        apart = []
        for time in (1, 2, 5, 7, 9, 12, 15):
            found, expected = (
                max(faces, key=lambda face: face.area)
                for faces in (track.frames[time], find_faces(detector, clip.frame(time), PLAIN))
            )
            eyes = float(np.hypot(*(expected.landmarks[1] - expected.landmarks[0])))
            apart.append(float(np.hypot(*(found.landmarks - expected.landmarks).T).mean()) / eyes)
    assert np.median(apart) < 0.03
    assert max(apart) < 0.06
