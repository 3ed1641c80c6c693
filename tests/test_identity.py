"""Preparing an identity: which face, which pictures, what a user is told, and the record's file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from compare import assert_same
from drawn import MarkerDetector, as_frame, drawn_frame, drawn_people, textured
from mobilefaceswap import read_picture
from mobilefaceswap.errors import IdentityFileError, NoFaceInSourceError, UserInputError
from mobilefaceswap.faces import found_in, open_detector
from mobilefaceswap.faces.choose import cosine
from mobilefaceswap.frame import Frame
from mobilefaceswap.identity import AGES, Identity, ages_of, prepare_identity, weights_at_age
from mobilefaceswap.identity.recognise import display_crop, encode_face, encode_person


def prepared(pack, *pictures: Frame, **more) -> Identity:
    return prepare_identity([(f"{at}.png", one) for at, one in enumerate(pictures)], pack, MarkerDetector(), **more)


def face_in(picture: Frame, number: int = 0):
    return sorted(MarkerDetector().find(picture, 640, 0.5), key=lambda face: -face.area)[number]


def test_the_largest_of_several_faces_is_taken_and_said(tiny_pack):
    both = drawn_people()
    first, second = prepared(tiny_pack, both), prepared(tiny_pack, both, source_face=1)
    for identity, number in ((first, 0), (second, 1)):
        expected = encode_person(both, face_in(both, number), tiny_pack)["embedding"]
        assert_same(identity.embedding, expected[0])
    assert "2 faces found: took the largest" in first.pictures[0].note
    assert "took number 1, counted from the largest" in second.pictures[0].note
    assert first.pictures[0].used


def test_one_face_needs_no_word(tiny_pack):
    assert prepared(tiny_pack, drawn_frame(0)).pictures[0].note == ""


def test_a_picture_without_the_face_asked_for_is_left_out_and_noted(tiny_pack):
    identity = prepared(tiny_pack, as_frame(textured()), drawn_frame(0), release="contract 3")
    assert [(note.used, note.note) for note in identity.pictures] == [(False, "no face found"), (True, "")]
    assert identity.release == "contract 3"
    with pytest.raises(NoFaceInSourceError, match=r"0\.png: no face number 1, .*: 1 found"):
        prepared(tiny_pack, drawn_frame(0), source_face=1)


def test_several_pictures_are_joined_by_the_mean_of_what_the_recogniser_says(tiny_pack):
    pictures = [drawn_frame(0), drawn_frame(1), drawn_frame(2)]
    encoded = [encode_person(one, face_in(one), tiny_pack)["embedding"] for one in pictures]
    identity = prepared(tiny_pack, *pictures)
    assert all(note.used for note in identity.pictures)
    np.testing.assert_allclose(identity.embedding, np.mean(encoded, axis=0)[0], atol=1e-5)
    assert identity.weights.keys() == prepared(tiny_pack, drawn_frame(0)).weights.keys()
    alone = prepared(tiny_pack, drawn_frame(0))
    assert max(np.abs(identity.weights[name] - alone.weights[name]).max() for name in alone.weights) > 1e-4


def test_a_framing_moves_and_widens_the_crop(tiny_pack):
    across, down = np.meshgrid(np.linspace(0, 1, 320), np.linspace(0, 1, 180))
    ramps = Frame(np.dstack([across, down, down]).astype(np.float32))
    face, crop = face_in(drawn_frame(0)), tiny_pack.crop
    fitted = display_crop(ramps, face, crop)
    moved = display_crop(ramps, face, crop, (1.0, 4 / crop.size, -6 / crop.size))
    np.testing.assert_allclose(moved[6:, :-4], fitted[:-6, 4:], atol=1e-4)
    wider = display_crop(ramps, face, crop, (1.25, 0.0, 0.0))
    middle = fitted.mean(axis=(0, 1))
    np.testing.assert_allclose(wider - middle, 1.25 * (fitted - middle), atol=1e-3)


def test_who_a_person_is_sways_little_with_the_framing(base_pack, media):
    """By the mean over framings less than by one answer of the recogniser."""
    picture = read_picture(sorted((media / "portraits").glob("*.jpg"))[0])
    face = found_in(open_detector(base_pack), picture, 640, 0.5)[0]
    width = np.linalg.norm(face.landmarks[1] - face.landmarks[0])
    nudged = [replace(face, landmarks=face.landmarks + width * np.array(by)) for by in ((0.05, 0), (0, -0.05))]

    def sway(encode):
        return [
            1 - cosine(*(encode(picture, one, base_pack)["embedding"] for one in (face, other))) for other in nudged
        ]

    assert np.mean(sway(encode_person)) < 0.8 * np.mean(sway(encode_face))


def test_weighted_pictures_count_by_their_weights_whatever_they_look_like(tiny_pack):
    """Portraits taken years apart; one of weight 0 is left out, and the heaviest is the icon."""
    pictures = [drawn_frame(0), drawn_frame(8), drawn_frame(2)]
    encoded = [encode_person(one, face_in(one), tiny_pack)["embedding"][0] for one in pictures]
    identity = prepared(tiny_pack, *pictures, weights=[1, 3, 0])
    np.testing.assert_allclose(identity.embedding, 0.25 * encoded[0] + 0.75 * encoded[1], atol=1e-5)
    said = [(note.used, note.note) for note in identity.pictures]
    assert said == [(True, "weight 0.25"), (True, "weight 0.75"), (False, "its weight is 0")]
    assert_same(identity.thumbnail, prepared(tiny_pack, drawn_frame(8)).thumbnail)
    with pytest.raises(UserInputError, match=r"for each of 3 pictures.*found 1, 2"):
        prepared(tiny_pack, *pictures, weights=[1, 2])


def test_weights_are_shared_out_among_pictures_with_a_face(tiny_pack):
    nobody, *pictures = as_frame(textured()), drawn_frame(0), drawn_frame(8)
    identity = prepared(tiny_pack, nobody, *pictures, weights=[1, 2, 3])
    assert [note.note for note in identity.pictures] == ["no face found", "weight 0.40", "weight 0.60"]
    assert identity.content_hash == prepared(tiny_pack, *pictures, weights=[2, 3]).content_hash


def test_the_nearest_ages_with_a_face_count(tiny_pack):
    young, old, nobody = drawn_frame(0), drawn_frame(8), as_frame(textured())
    between = prepared(tiny_pack, young, nobody, old, ages=[20, 40, 60], age=45)
    said = [(note.used, note.note) for note in between.pictures]
    assert said == [(True, "weight 0.38"), (False, "no face found"), (True, "weight 0.62")]
    assert between.content_hash == prepared(tiny_pack, young, old, ages=[20, 60], age=45).content_hash
    assert prepared(tiny_pack, young, nobody, old, ages=[20, 40, 60], age=40).pictures[0].note == "weight 0.50"
    unread = prepared(tiny_pack, young, old, nobody, ages=[20, 60, 80], age=30).pictures[2]
    assert (unread.used, unread.note) == (False, "its weight is 0")
    with pytest.raises(UserInputError, match=r"from 20 to 60, .* found 70.*Left out: 2\.png: no face found"):
        prepared(tiny_pack, young, old, nobody, ages=[20, 60, 80], age=70)
    with pytest.raises(NoFaceInSourceError, match="at least 100 pixels wide"):
        prepared(tiny_pack, nobody, nobody, ages=[20, 60], age=30)


def test_a_face_of_few_pixels_is_said(tiny_pack):
    small = Frame(np.ascontiguousarray(drawn_frame(0).pixels[::4, ::4]))
    width = face_in(small).box[2]
    assert prepared(tiny_pack, small).pictures[0].note == (
        f"the face is only {width:.0f} pixels wide: the likeness suffers, 100 or more are wanted"
    )


def test_a_face_number_beyond_those_found_names_the_others(tiny_pack):
    with pytest.raises(NoFaceInSourceError, match=r"no face number 5, .*: 2 found\. Choose 0 to 1, or another picture"):
        prepared(tiny_pack, drawn_people(), source_face=5)


def test_weights_follow_from_ages():
    assert weights_at_age([25, 40, 60], 40) == [0, 1, 0]
    assert weights_at_age([60, 25, 40, 25], 34) == pytest.approx([0, 0.2, 0.6, 0.2])
    for age in (24, 61):
        with pytest.raises(UserInputError, match=f"from 25 to 60, the ages of the portraits; found {age}"):
            weights_at_age([25, 40, 60], age)


def test_ages_stand_in_a_table_beside_the_portraits(tmp_path):
    one, other = tmp_path / "one" / "a.jpg", tmp_path / "two" / "b.jpg"
    for place, text in ((one, '"a.jpg" = 25'), (other, '"b.jpg" = 40.5\n"a.jpg" = 90')):
        place.parent.mkdir()
        (place.parent / AGES).write_text(text)
    assert ages_of([one, other, one]) == [25, 40.5, 25]
    (one.parent / AGES).write_text('"a.jpg" = 26', "utf-8-sig")
    assert ages_of([one]) == [26]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"ages of the portraits in .*ages\.toml.*No such file"),
        ('"b.jpg" = 30', r"age of a\.jpg in .*found none\. Add the line \"a\.jpg\" = 25"),
        ('"a.jpg" = "forty"', "found 'forty'"),
        ('"a.jpg" = true', "found True"),
        ("a.jpg = 30", "found {'jpg': 30}|found none"),
        ("a.jpg", r"table of ages in TOML; found .*ages\.toml"),
        ("\xff", "table of ages in TOML"),
    ],
)
def test_a_table_of_ages_that_does_not_say_it_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / AGES).write_bytes(text.encode("latin-1"))
    with pytest.raises(UserInputError, match=message):
        ages_of([tmp_path / "a.jpg"])


def test_the_icon_is_the_most_typical_face(tiny_pack):
    identity = prepared(tiny_pack, drawn_frame(0))
    crop = display_crop(drawn_frame(0), face_in(drawn_frame(0)), tiny_pack.crop)
    assert identity.thumbnail.shape == (96, 96, 3)
    assert identity.thumbnail.dtype == np.uint8
    np.testing.assert_allclose(identity.thumbnail.mean(axis=(0, 1)), crop.mean(axis=(0, 1)) * 255, atol=1.5)


def test_a_premultiplied_picture_is_read_as_the_straight_one(tiny_pack):
    frame = drawn_frame(0)
    alpha = np.full((180, 320, 1), 0.5, np.float32)
    thin = Frame(np.dstack([frame.pixels * alpha, alpha]), frame.colour_space, premultiplied=True)
    np.testing.assert_allclose(prepared(tiny_pack, thin).embedding, prepared(tiny_pack, frame).embedding, atol=1e-5)


def test_broken_pixels_are_black_and_values_out_of_range_are_clipped(tiny_pack):
    frame = drawn_frame(0)
    face = face_in(frame)
    broken = frame.pixels.copy()
    y, x = np.rint(face.landmarks.mean(axis=0)[::-1]).astype(int)
    broken[y, x] = np.nan
    crop = display_crop(Frame(broken), face, tiny_pack.crop)
    assert np.isfinite(crop).all()
    assert crop.min() == 0
    assert crop.max() == 1
    away = np.abs(crop - display_crop(frame, face, tiny_pack.crop)).max(axis=2) > 1e-4
    assert 0 < away.sum() < 16


def test_the_hash_is_over_what_pixels_depend_on(tiny_pack, tiny_identity):
    def with_(**changed) -> Identity:
        fields = {
            "weights": tiny_identity.weights,
            "embedding": tiny_identity.embedding,
            "pack_name": tiny_identity.pack_name,
            "pack_hash": tiny_identity.pack_hash,
            "thumbnail": tiny_identity.thumbnail,
        }
        return Identity(**fields | changed)

    name = min(tiny_identity.weights)
    other = tiny_identity.weights | {name: tiny_identity.weights[name] + np.float32(1e-3)}
    same = with_(thumbnail=tiny_identity.thumbnail[::-1], releases=("x",))
    assert same.content_hash == tiny_identity.content_hash
    assert same.record_hash != tiny_identity.record_hash
    for changed in ({"weights": other}, {"embedding": tiny_identity.embedding + 1}, {"pack_hash": "0" * 64}):
        assert with_(**changed).content_hash != tiny_identity.content_hash
    assert with_(releases=("y",)).record_hash != tiny_identity.record_hash
    with pytest.raises(IdentityFileError, match="Prepare it again"):
        with_(pack_hash="0" * 64).check_pack(tiny_pack)
    tiny_identity.check_pack(tiny_pack)


def test_a_saved_identity_comes_back_whole(tiny_identity, tmp_path):
    tiny_identity.with_release("r").save(tmp_path / "a.idn")
    read = Identity.load(tmp_path / "a.idn")
    assert_same(read.thumbnail, tiny_identity.thumbnail)
    assert_same(read.embedding, tiny_identity.embedding)
    assert (read.pack_name, read.pack_hash, read.release) == (tiny_identity.pack_name, tiny_identity.pack_hash, "r")


def changed_metadata(path, change) -> None:
    """Writes the file again with what ``change`` makes of its text."""
    with safe_open(path, framework="numpy") as file:
        described, arrays = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    path.write_bytes(save(arrays, change(described)))


def test_what_older_versions_wrote_is_read_and_they_read_what_this_one_writes(tiny_identity, tmp_path):
    """Older versions know the release as one text, and pass over what they do not know."""
    place = tmp_path / "a.idn"
    replace(tiny_identity, releases=("contract 12; film only", "contract 13")).save(place)
    known = ("format", "version", "pack_name", "pack_hash", "record_hash", "release")
    changed_metadata(place, lambda described: {name: described[name] for name in known})
    assert Identity.load(place).releases == ("contract 12; film only; contract 13",)
    tiny_identity.save(place)
    changed_metadata(place, lambda described: {name: described[name] for name in known})
    assert Identity.load(place).releases == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda described: described | {"details": described["details"].replace("13", "14")},
        lambda described: described | {"details_hash": "0" * 64},
        lambda described: {name: text for name, text in described.items() if name != "details"},
        lambda described: {name: text for name, text in described.items() if name != "details_hash"},
        lambda described: described | {"details": "[]"},
    ],
)
def test_changed_details_of_an_identity_are_refused(tiny_identity, tmp_path, change):
    place = tmp_path / "a.idn"
    replace(tiny_identity, releases=("contract 12", "contract 13")).save(place)
    changed_metadata(place, change)
    with pytest.raises(IdentityFileError, match="Prepare it again"):
        Identity.load(place)


def test_an_identity_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(
        IdentityFileError, match=r"identity file at .*none\.idn; there is none\. Check the name"
    ) as refused:
        Identity.load(tmp_path / "none.idn")
    assert "FileNotFoundError" not in str(refused.value)
