"""Two faces in a picture: every choice swaps the face that it names and leaves the other alone."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from compare import assert_same
from drawn import TEMPLATE, DrawnClip, MarkerDetector, as_frame, draw_chart, drawn_people, textured
from mobilefaceswap import FaceSwapNode, Frame, QualityRecord, RenderCache, Settings
from mobilefaceswap.errors import UserInputError
from mobilefaceswap.faces import Track
from mobilefaceswap.identity import Identity, reference_embedding
from mobilefaceswap.packs import Pack

LARGE, SMALL = (95, 110), (225, 60)
"""Middles of the two charts: the large one to the left and lower, the small one to the right and higher."""


@pytest.fixture
def pair(tiny_pack: Pack, tiny_identity: Identity) -> FaceSwapNode:
    return FaceSwapNode(tiny_identity, pack=tiny_pack, faces=MarkerDetector(), cache=RenderCache(memory=0))


def swapped_at(node: FaceSwapNode, **settings: object) -> list[tuple[int, int]]:
    """The middles of the charts under the matte, checked against the faces that the result names."""
    result = node.render(0, Settings(**settings), plate=drawn_people())
    assert len(result.faces) == 2
    places = [place for place in (LARGE, SMALL) if result.matte[place[1], place[0]] > 0.9]
    for place in {LARGE, SMALL} - set(places):
        x, y = place
        assert not result.matte[y - 8 : y + 8, x - 8 : x + 8].any()
        around = np.s_[y - 8 : y + 8, x - 8 : x + 8]
        assert_same(result.composite[around], result.plate.pixels[around], name=f"the face at {place}")
    named = sorted(place for face in result.swapped for place in (LARGE, SMALL) if abs(face.centre[0] - place[0]) < 20)
    assert sorted(places) == named
    assert result.quality.faces_swapped == len(places)
    return places


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"face_choice": "largest"}, [LARGE]),
        ({"face_choice": "index", "face_index": 0}, [LARGE]),
        ({"face_choice": "index", "face_index": 1}, [SMALL]),
        ({"face_choice": "index", "face_index": 2}, []),
        ({"face_choice": "nearest", "face_point_x": 0.9, "face_point_y": 0.5}, [SMALL]),
        ({"face_choice": "nearest", "face_point_x": 0.1, "face_point_y": 0.5}, [LARGE]),
        # Between the two in x, so that the height decides: 1 is the top of the picture.
        ({"face_choice": "nearest", "face_point_x": 0.5, "face_point_y": 1.0}, [SMALL]),
        ({"face_choice": "nearest", "face_point_x": 0.5, "face_point_y": 0.0}, [LARGE]),
        ({"face_choice": "all"}, [LARGE, SMALL]),
    ],
)
def test_a_choice_swaps_the_face_that_it_names(pair, settings, expected):
    assert swapped_at(pair, **settings) == expected


def points_of(person: int, place: tuple[float, float]) -> np.ndarray:
    return (1.0 - 0.25 * person) * (TEMPLATE - 56) + place


def reference_of(folder: Path, person: int) -> str:
    """A file of eight bits with one chart alone on grey, which holds nothing else of the chart's colours."""
    pixels = np.full_like(textured(), 0.5)
    draw_chart(pixels, points_of(person, (LARGE, SMALL)[person]), person)
    cv2.imwrite(str(folder / f"{person}.png"), np.rint(pixels[..., ::-1] * 255).astype(np.uint8))
    return str(folder / f"{person}.png")


@pytest.mark.parametrize(("person", "expected"), [(0, [LARGE]), (1, [SMALL])])
def test_the_face_like_the_reference_is_swapped(pair, tmp_path, person, expected):
    assert swapped_at(pair, face_choice="reference", reference=reference_of(tmp_path, person)) == expected


def test_a_reference_that_nobody_is_like_swaps_nobody(pair, tmp_path):
    settings = Settings(face_choice="reference", reference=reference_of(tmp_path, 1), reference_threshold=1.0)
    result = pair.render(0, settings, plate=drawn_people())
    assert not result.matte.any()
    assert 0.3 < result.quality.likeness < 1


def test_a_changed_reference_file_counts_from_the_next_frame_on(pair, tmp_path):
    place = Path(reference_of(tmp_path, 0))
    assert swapped_at(pair, face_choice="reference", reference=str(place)) == [LARGE]
    place.write_bytes(Path(reference_of(tmp_path, 1)).read_bytes() + b"\0")
    assert swapped_at(pair, face_choice="reference", reference=str(place)) == [SMALL]


def test_a_reference_without_a_face_is_refused(pair, tmp_path):
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((40, 40, 3), 90, np.uint8))
    with pytest.raises(UserInputError, match="a face in the reference picture"):
        pair.render(0, Settings(face_choice="reference", reference=str(tmp_path / "wall.png")), plate=drawn_people())
    with pytest.raises(UserInputError, match="nowhere"):
        pair.render(0, Settings(face_choice="reference", reference="nowhere.png"), plate=drawn_people())


def test_overlapping_faces_do_not_wipe_each_other(pair):
    near = (LARGE, (155, 95))
    plate = drawn_people(near)
    both = pair.render(0, Settings(face_choice="all"), plate=plate)
    alone = [pair.render(0, Settings(face_choice="index", face_index=index), plate=plate) for index in (0, 1)]
    assert len(both.swapped) == 2
    assert (alone[0].matte * alone[1].matte).any(), "the two do not overlap"
    covered = 1 - (1 - alone[0].matte) * (1 - alone[1].matte)
    assert_same(both.matte, covered, atol=1e-6, name="matte")
    for one, other in ((0, 1), (1, 0)):
        mine = (alone[one].matte > 0) & (alone[other].matte == 0)
        assert mine.sum() > 500
        assert_same(both.composite[mine], alone[one].composite[mine], name=f"face {one}")
    # Where both are solid, the larger one, which is the left one, lies above the other.
    shared = (alone[0].matte == 1) & (alone[1].matte == 1)
    assert shared.any()
    assert_same(both.composite[shared], alone[0].composite[shared], name="overlap")


def test_a_batch_of_frames_with_several_faces_gives_each_its_own(tiny_pack, tiny_identity):
    class Two:
        first, last = 0, 2

        def frame(self, time: int) -> Frame:
            return drawn_people([(LARGE, SMALL), ((95, 110), (210, 70)), ((100, 100), (225, 60))][time])

    make = lambda: FaceSwapNode(  # noqa: E731
        tiny_identity, Two(), pack=tiny_pack, faces=MarkerDetector(), settings=Settings(face_choice="all")
    )
    node, again = make(), make()
    expected = [node.render(time).composite for time in range(3)]
    for time, result in enumerate(again.render_batch([0, 1, 2])):
        assert_same(result.composite, expected[time], name=f"frame {time}")
    assert again.cache.counts.computed["swap"] == 6
    again.render_batch([0, 1, 2])
    assert again.cache.counts.computed["swap"] == 6


def test_what_is_not_known_yet_goes_through_the_network_in_one_run(tiny_pack, tiny_identity):
    node = FaceSwapNode(tiny_identity, DrawnClip(), pack=tiny_pack, faces=MarkerDetector())
    sizes, network = [], node._kit.network

    class Counting:
        nbytes, runtime = 0, network.runtime

        def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            sizes.append(len(crops))
            return network(crops)

    node._kit, alone = replace(node._kit, network=Counting()), Settings(deflicker=0)
    node.render(4, alone)
    results = node.render_batch([2, 3, 4, 5], alone)
    assert sizes == [1, 3]
    for time, result in zip((2, 3, 4, 5), results, strict=True):
        assert_same(result.composite, node.render(time, alone).composite, name=f"frame {time}")
    assert sizes == [1, 3]


def test_quality_says_what_to_look_at_twice(pair):
    result = pair.render(0, Settings(face_choice="all"), plate=drawn_people())
    quality = result.quality
    large, small = sorted(result.faces, key=lambda face: -face.area)
    assert (quality.faces_found, quality.faces_swapped) == (2, 2)
    assert quality.confidence == pytest.approx(small.confidence)
    assert quality.face_width == pytest.approx(large.box[2])
    # A crop of 64 pixels shows 112 units of the template: of the large face, 1.75 pixels of the plate each.
    assert quality.magnification == pytest.approx(112 / 64, rel=0.03)
    assert quality.outside == pytest.approx(0, abs=1e-6)
    assert quality.matte == pytest.approx(np.count_nonzero(result.matte) / result.matte.size, rel=1e-6)
    assert quality.likeness is None
    assert not quality.filled


def test_quality_says_how_much_of_the_crop_lies_outside_and_is_out_of_range(pair):
    pixels = np.full_like(textured(), 1.5)
    draw_chart(pixels, points_of(0, (36, 90)))
    result = pair.render(0, plate=as_frame(pixels))
    # The crop reaches from -20 to 92: 19.5 of its 112 pixels lie beyond the left edge.
    assert result.quality.outside == pytest.approx(19.5 / 112, abs=0.03)
    disc = np.pi * 34**2 / 112**2
    assert result.quality.clipped == pytest.approx(1 - disc, abs=0.06)
    assert pair.render(0, plate=drawn_people()).quality.outside == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("value", "clipped"), [(-0.0005, False), (-0.002, True), (1.0005, False), (1.002, True)])
def test_what_display_referred_srgb_cannot_hold_counts_as_clipped(pair, value, clipped):
    pixels = np.full_like(textured(), value)
    draw_chart(pixels, points_of(0, (160, 90)))
    found = pair.render(0, plate=as_frame(pixels)).quality.clipped
    assert (found > 0.5) if clipped else (found == 0)


def test_without_a_swap_every_figure_is_zero(pair):
    nothing = pair.render(0, plate=as_frame(textured())).quality
    assert nothing == QualityRecord()
    assert {value or 0 for value in asdict(nothing).values()} == {0}
    found = pair.render(0, Settings(face_choice="index", face_index=5), plate=drawn_people()).quality
    assert found == QualityRecord(faces_found=2)


def test_a_face_supplied_by_neighbours_is_marked(tiny_pack, tiny_identity):
    from drawn import drawn_frame

    class Blinking:
        first, last = 0, 8

        def frame(self, time: int) -> Frame:
            return drawn_frame(4 + time) if time != 4 else as_frame(textured())

    node = FaceSwapNode(tiny_identity, Blinking(), pack=tiny_pack, faces=MarkerDetector())
    filled, found = (node.render(time, Settings(smoothing=2)) for time in (4, 3))
    assert filled.quality.filled
    assert filled.matte.any()
    assert not found.quality.filled


def two_people_track(**more) -> Track:
    """Both drawn people, by id; the order in which they stand changes after frame 0."""
    places = [((95, 110), (225, 60)), ((225, 60), (95, 110))]
    frames = {}
    for time, there in enumerate(places):
        found = MarkerDetector().find(drawn_people(there), 640, 0.5)
        big = max(found, key=lambda face: face.area)
        frames[time] = tuple(replace(face, person=1 if face is big else 2) for face in found)
    return Track((320, 180), frames, **more)


def test_a_person_of_the_track_is_followed_wherever_they_stand(tiny_pack, tiny_identity):
    node = FaceSwapNode(tiny_identity, pack=tiny_pack, faces=MarkerDetector(), track=two_people_track())
    for time, places in enumerate([((95, 110), (225, 60)), ((225, 60), (95, 110))]):
        for person in (1, 2):
            settings = Settings(face_choice="person", face_person=person, smoothing=0, fade=0)
            (face,) = node.render(time, settings, drawn_people(places)).swapped
            np.testing.assert_allclose(face.landmarks.mean(axis=0), places[person - 1], atol=20)
    assert node.render(0, Settings(face_choice="person", face_person=3), drawn_people()).swapped == ()
    plain = FaceSwapNode(tiny_identity, pack=tiny_pack, faces=MarkerDetector())
    with pytest.raises(UserInputError, match="expected a track"):
        plain.render(0, Settings(face_choice="person"), drawn_people())


def test_a_track_that_knows_people_decides_by_their_mean_who_is_like_the_reference(tiny_pack, tiny_identity, tmp_path):
    reference = reference_of(tmp_path, 0)
    wanted = reference_embedding(reference, tiny_pack, MarkerDetector()).ravel()
    encoder = tiny_pack.files["encoder"].sha256
    for like, unlike in ((1, 2), (2, 1)):
        people = {like: wanted, unlike: -wanted}
        settings = Settings(face_choice="reference", reference=reference, smoothing=0, fade=0)
        for recogniser, expected in ((encoder, like), ("another", None)):
            track = two_people_track(people=people, recogniser=recogniser)
            node = FaceSwapNode(tiny_identity, pack=tiny_pack, faces=MarkerDetector(), track=track)
            result = node.render(0, settings, drawn_people())
            if expected:
                assert [face.person for face in result.swapped] == [expected]
                assert result.quality.likeness == pytest.approx(1)
            else:
                assert result.quality.likeness < 0.999, "of the faces themselves, since the means are another's"
