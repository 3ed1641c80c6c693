"""Several people in one frame: the node that swaps them together, and the table that names them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from commands import run
from compare import assert_same
from drawn import MarkerDetector, drawn_people
from mobilefaceswap import FaceSwapNode, Frame, PeopleNode, PersonNode, RenderCache, Settings
from mobilefaceswap.cli.people import People, people_of, read_people
from mobilefaceswap.errors import SettingsError, UserInputError
from mobilefaceswap.identity import Identity
from mobilefaceswap.media import read_picture
from mobilefaceswap.packs import Pack
from test_matte_overlap import NEAR

LEFT = {"face_choice": "index", "face_index": 0, "mix": 0.5}
RIGHT = {"face_choice": "index", "face_index": 1, "matte_source": "hull", "face_exposure": 1.0}
HALVES = np.s_[:, :160], np.s_[:, 160:]


@pytest.fixture
def single(tiny_pack: Pack, tiny_identity: Identity) -> FaceSwapNode:
    return FaceSwapNode(tiny_identity, pack=tiny_pack, faces=MarkerDetector(), cache=RenderCache(memory=0))


def together(node: FaceSwapNode, *people: dict[str, object], **run_settings: object) -> PeopleNode:
    return PeopleNode([PersonNode(node, one) for one in people], Settings(**run_settings))


def test_each_has_a_face_and_settings_of_their_own(single):
    plate = drawn_people()
    both = together(single, LEFT, RIGHT, plate_detail=0.25).render(0, plate=plate)
    assert (both.quality.faces_found, both.quality.faces_swapped) == (2, 2)
    for own, half in zip((LEFT, RIGHT), HALVES, strict=True):
        alone = single.render(0, Settings(plate_detail=0.25, **own), plate=plate)
        for output in ("composite", "matte", "face", "trust"):
            assert_same(both.layer(output)[half], alone.layer(output)[half], name=output)
    assert both.matte[HALVES[0]].max() == 0.5
    assert both.matte[HALVES[1]].max() == 1


def test_the_order_of_people_does_not_matter_and_the_nearer_is_in_front(single):
    hulls = {"matte_source": "hull", "matte_feather": 0, "matte_smooth": 0}
    plate = drawn_people(NEAR)
    near, far = ({"face_choice": "index", "face_index": number, **hulls} for number in (0, 1))
    renders = [together(single, *order).render(0, plate=plate) for order in ((near, far), (far, near))]
    assert_same(renders[0].composite, renders[1].composite, name="composite")
    every = single.render(0, Settings(face_choice="all", **hulls), plate=plate)
    assert_same(renders[0].composite, every.composite, name="as all faces of one node")


def test_a_person_may_be_off_and_the_run_s_settings_of_the_frame_count(single):
    plate = drawn_people()
    node = together(single, LEFT, {**RIGHT, "enable": False})
    assert not node.render(0, plate=plate).matte[HALVES[1]].any()
    assert len(node.render(0, plate=plate).faces) == 2
    off = node.render(0, node.settings.replaced(enable=False), plate=plate)
    assert off.composite.tobytes() == plate.pixels.tobytes()


def test_two_who_choose_alike_are_refused(single):
    with pytest.raises(UserInputError, match="person 1 and person 2 choosing in the same way"):
        together(single, {"mix": 0.5}, {"likeness": 0.5})
    with pytest.raises(UserInputError, match="at least one person"):
        together(single)


def test_a_value_without_effect_tells_two_people_apart_no_more_than_none(single):
    largest, nearest = {"face_choice": "largest"}, {"face_choice": "nearest", "face_point_x": 0.2}
    for alike in ((largest, {**largest, "face_index": 3}), (nearest, {**nearest, "reference": "a.jpg"})):
        with pytest.raises(UserInputError, match="choosing in the same way"):
            together(single, *alike)
    assert together(single, nearest, {**nearest, "face_point_x": 0.8})
    assert together(single, largest, nearest)


def table(folder: Path, text: str) -> Path:
    place = folder / "people.toml"
    place.write_text(text, "utf-8")
    return place


def test_a_table_is_read_with_places_beside_it_and_implied_choices(tmp_path):
    place = table(
        tmp_path,
        """
        [[person]]
        source = "anna.idn"
        reference = "actress.jpg"
        color-match = 0.5

        [[person]]
        source = ["one.jpg", "/elsewhere/two.jpg"]
        source_face = 1
        source-age = 48
        face_person = 2
        occlusion = 1
        """,
    )
    anna, other = read_people(place)
    assert [*anna.source] == [tmp_path / "anna.idn"]
    reference = str(tmp_path / "actress.jpg")
    assert anna.settings == {"reference": reference, "colour_match": 0.5, "face_choice": "reference"}
    assert [*other.source] == [tmp_path / "one.jpg", Path("/elsewhere/two.jpg")]
    assert (other.source_face, other.source_age) == (1, 48)
    assert (anna.source_face, anna.source_age) == (0, 0)
    assert other.settings == {"face_person": 2, "occlusion": 1.0, "face_choice": "person"}
    assert {place, reference} <= {*People([anna, other], table=place).files()}


def test_a_table_of_a_windows_editor_is_read(tmp_path):
    place = tmp_path / "people.toml"
    place.write_text('[[person]]\nsource = "anna.idn"', "utf-8-sig")
    assert [*read_people(place)[0].source] == [tmp_path / "anna.idn"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[person]]\nsource = 'a.idn'\nmatte_fether = 3", "person 1 of people.toml.*matte_fether.*matte_feather"),
        ("[[person]]\nsource = 'a.idn'\ncolour_space = 'acescg'", "whole run's. Give it as --colour-space"),
        ("[[person]]\nsource = 'a.idn'\nlikeness = 2", "person 1 .*expected a number from 0 to 1.3, found 2"),
        ("[[person]]\nsource = 'a.idn'\nreference = 'b.jpg'\nface_index = 1", "one way of choosing.*index, reference"),
        ("[[person]]\nsource = 'a.idn'\n[[person]]\nlikeness = 1", "person 2 .*expected source = .*found None"),
        ("[[person]]\nsource = ['a.idn', 3]", "expected source = .*found \\['a.idn', 3\\]"),
        ("[[person]]\nsource = 'a.idn'\nsource_face = -1", "person 1 .*source_face .*from 0 to 99, found -1"),
        ("[[person]]\nsource = 'a.idn'\nsource_age = 'old'", "person 1 .*source_age .*from 0 to 9999, found 'old'"),
        (
            f"[[person]]\nsource = 'a.idn'\nface_index = 1{'0' * 400}",
            "person 1 .*face_index .*from 0 to 99, found 1000",
        ),
        (
            f"[[person]]\nsource = 'a.idn'\nlikeness = 0x{'f' * 9000}",
            "likeness .*found a number of thousands of digits",
        ),
        (f"[[person]]\nsource = 0x{'f' * 9000}", "expected source = .*found a number of thousands of digits"),
        ('[[person]]\nsource = "a\\u0000.idn"', "person 1 .*expected source = .*found 'a\\\\x00.idn'"),
        ('[[person]]\nsource = "a.idn"\nreference = "\\u0000"', "person 1 .*reference .*text without null characters"),
        ("[person]\nsource = 'a.idn'", "a \\[\\[person\\]\\] for everybody.*found no \\[\\[person\\]\\]"),
        ("[[people]]\nsource = 'a.idn'", "nothing else; found people"),
        ("source = \n", "table of people in TOML.*line 1"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path, text, message):
    with pytest.raises(UserInputError, match=message) as caught:
        read_people(table(tmp_path, text))
    assert isinstance(caught.value, SettingsError) or "Give it as" not in message


def test_a_source_or_a_table_but_not_both(tmp_path):
    place = table(tmp_path, "[[person]]\nsource = 'a.idn'")
    for source, file, found in ((None, None, "neither"), ([place], place, "both")):
        with pytest.raises(UserInputError, match=f"found {found}"):
            people_of(source, file, None, None)
    for name in ("source_face", "source_age"):
        with pytest.raises(UserInputError, match=f"{name} in the row"):
            people_of(None, place, None, None, **{name: 1})
    with pytest.raises(UserInputError, match=r"table of people at .*nowhere\.toml"):
        read_people(tmp_path / "nowhere.toml")


def test_a_person_of_a_table_is_swapped_as_by_options(shot, grace_hopper, tmp_path):
    place = table(tmp_path, f"[[person]]\nsource = {str(grace_hopper)!r}\nlikeness = 0.5")
    words = ("frame", shot, "-f", 2, "--plate-detail", "0.25")
    pictures = tmp_path / "table.exr", tmp_path / "options.exr"
    one = run(*words, "--people", place, "-o", pictures[0])
    other = run(*words, "--source", grace_hopper, "--likeness", 0.5, "-o", pictures[1])
    assert (one.returncode, other.returncode) == (0, 0), one.stderr + other.stderr
    by_table, by_options = (read_picture(picture) for picture in pictures)
    assert isinstance(by_table, Frame)
    assert_same(by_table.pixels, by_options.pixels, name="pixels")
    refused = run("swap", shot, "--people", place, "-o", place)
    assert refused.returncode == 2
    assert "people.toml" in refused.stderr
