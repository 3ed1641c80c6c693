"""Finding faces with the shipped detector on public-domain portraits, and choosing among them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drawn import TEMPLATE
from mobilefaceswap.errors import PackNotFoundError, UserInputError
from mobilefaceswap.faces import Face, choose, insightface
from mobilefaceswap.faces.detector import open_detector
from mobilefaceswap.frame import ColourSpace, Frame
from mobilefaceswap.packs import Pack


@pytest.fixture(scope="module")
def detector(base_pack: Pack):
    return open_detector(base_pack)


def one(detector, frame: Frame) -> Face:
    (face,) = detector.find(frame, 640, 0.7)
    return face


def test_the_astronaut_s_face_lies_where_it_is(detector, astronaut):
    face = one(detector, astronaut)
    expected = np.array([[203, 105], [247, 107], [224, 129], [204, 146], [242, 147]])
    np.testing.assert_allclose(face.landmarks, expected, atol=4)
    assert face.confidence > 0.85


def test_an_empty_plate_has_no_face(detector):
    assert detector.find(Frame(np.full((120, 160, 3), 0.5, np.float32)), 640, 0.7) == ()


def test_landmarks_move_with_the_picture(detector, astronaut):
    shifted = Frame(np.roll(astronaut.pixels, (17, 40), axis=(0, 1)))
    moved = one(detector, shifted).landmarks - one(detector, astronaut).landmarks
    np.testing.assert_allclose(moved, np.tile((40, 17), (5, 1)), atol=1.5)


def test_a_squeezed_plate_gives_the_same_face(detector, astronaut):
    squeezed = cv2.resize(astronaut.pixels, (256, 512), interpolation=cv2.INTER_AREA)
    face = one(detector, Frame(squeezed, pixel_aspect=2.0))
    np.testing.assert_allclose(face.landmarks * (2, 1), one(detector, astronaut).landmarks, atol=4)


def test_a_linear_plate_gives_the_same_face(detector, astronaut):
    linear = Frame(np.power(astronaut.pixels, 2.2).astype(np.float32), ColourSpace.LINEAR)
    np.testing.assert_allclose(one(detector, linear).landmarks, one(detector, astronaut).landmarks, atol=2)


def test_nan_in_the_plate_does_not_hide_a_face(detector, astronaut):
    pixels = astronaut.pixels.copy()
    pixels[400:410, 30:40] = np.nan
    np.testing.assert_allclose(one(detector, Frame(pixels)).landmarks, one(detector, astronaut).landmarks, atol=1)


@pytest.mark.parametrize("name", ["yolo", "insightface:"])
def test_an_unknown_detector_is_refused(base_pack, name):
    with pytest.raises(UserInputError, match="insightface:NAME_OR_FOLDER"):
        open_detector(base_pack, name)


def test_an_insightface_pack_is_told_by_what_is_in_it_and_not_by_its_name(tmp_path):
    (tmp_path / "det.onnx").write_bytes(b"one")
    before = insightface._content(tmp_path)
    (tmp_path / "det.onnx").write_bytes(b"another")
    assert insightface._content(tmp_path) != before


def test_an_absent_insightface_pack_is_never_downloaded(base_pack, tmp_path):
    with pytest.raises(PackNotFoundError, match="non-commercial"):
        open_detector(base_pack, f"insightface:{tmp_path / 'nothing'}")


def at(x: float, width: float) -> Face:
    return Face(TEMPLATE + (x, 0), (x, 10.0, width, width), 0.9)


FACES = (at(0, 30), at(200, 80), at(100, 50))


def test_choices_pick_the_face_they_name():
    assert choose.largest(FACES) == (FACES[1],)
    assert choose.by_index(FACES, 1) == (FACES[2],)
    assert choose.by_index(FACES, 3) == ()
    assert choose.nearest(FACES, 110, 40) == (FACES[2],)
    assert choose.most_like(FACES, [0.1, 0.2, 0.6], 0.5) == (FACES[2],)


def test_nobody_is_chosen_below_the_threshold_or_from_nobody():
    assert choose.most_like(FACES, [0.1, 0.2, 0.29], 0.3) == ()
    assert choose.most_like((), [], 0.3) == choose.largest(()) == choose.nearest((), 0, 0) == ()


def test_the_cosine_of_nothing_is_zero():
    assert choose.cosine(np.zeros(8, np.float32), np.ones(8, np.float32)) == 0
    assert choose.cosine(np.ones(8, np.float32), np.full(8, 3, np.float32)) == pytest.approx(1)


def test_two_faces_cheek_to_cheek_each_keep_their_own_landmarks(detector, astronaut):
    tile = astronaut.pixels[60:210, 172:276]
    pair = Frame(np.hstack([tile, tile[:, ::-1]]).copy())
    left, right = detector.find(pair, 640, 0.6)
    alone = one(detector, astronaut).landmarks - (172, 60)
    np.testing.assert_allclose(left.landmarks, alone, atol=5)
    mirrored = (np.array([2 * 104 - 1, 0]) + (-1, 1) * alone)[[1, 0, 2, 4, 3]]
    np.testing.assert_allclose(right.landmarks, mirrored, atol=5)
    assert left.confidence > 0.6
