"""Finding faces with the shipped detector on public-domain portraits, and choosing among them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from drawn import TEMPLATE
from mobilefaceswap.errors import PackError, PackNotFoundError, UserInputError
from mobilefaceswap.faces import Face, choose, insightface, yunet
from mobilefaceswap.faces.detector import open_detector
from mobilefaceswap.faces.display import display_bytes
from mobilefaceswap.faces.yunet import YuNetDetector
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


class Scripted(YuNetDetector):
    """The detector with scripted answers: to the search of the plate, then to each closer look; then it sees nobody."""

    def __init__(self, model: Path, *answers: list[Face]) -> None:
        super().__init__(model)
        self.answers, self.seen = list(answers), []

    def _detect(self, picture: np.ndarray, threshold: float) -> list[Face]:
        self.seen.append((picture.shape[:2], threshold))
        return self.answers.pop(0) if self.answers else []


def at(x: float, y: float, width: float, height: float, confidence: float = 0.9) -> Face:
    """A face in the box around (x, y)."""
    points = (TEMPLATE - 56) * (width / 70, height / 70) + (x, y)
    return Face(points, (x - width / 2, y - height / 2, width, height), confidence)


@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_a_close_up_s_answer_comes_back_to_the_plate(base_pack, aspect):
    """The close-up shows the face's box at 0.45 of 224 pixels, its middle in the middle; pixels are made square."""
    plate = Frame(np.full((400, 600, 3), 0.5, np.float32), pixel_aspect=aspect)
    coarse = at(150 / aspect * 0.5, 60, 30 / aspect, 40, 0.8)
    scale = min(1.0, 300 / max(600 * aspect, 400))
    small = round(600 * aspect * scale), round(400 * scale)
    middle = 111.5
    seen = at(middle + 6, middle - 4, 90, 100, 0.99)
    far = at(middle + 60, middle, 90, 100, 0.99)
    detector = Scripted(base_pack.path("detector"), [coarse], [far, seen])
    (found,) = detector.find(plate, 300, 0.7)
    on_plate = coarse.scaled(600 / small[0], 400 / small[1])
    zoom = 224 * 0.45 / max(on_plate.box[2] * aspect, on_plate.box[3])
    np.testing.assert_allclose(found.box, on_plate.box, atol=1e-6, err_msg="faces are followed by the search's own box")
    np.testing.assert_allclose((found.landmarks - on_plate.centre) * (aspect, 1) * zoom, seen.landmarks - middle)
    assert found.confidence == 0.8
    assert [shape for shape, _ in detector.seen] == [small[::-1], (224, 224)]
    assert [threshold for _, threshold in detector.seen] == [0.7, 0.7]


@pytest.mark.parametrize("away", [49, 52])
def test_a_close_up_that_finds_somebody_else_changes_nothing(base_pack, away):
    """Further from the middle than half the box: another face."""
    plate = Frame(np.full((400, 600, 3), 0.5, np.float32))
    coarse = at(150, 160, 60, 80)
    detector = Scripted(base_pack.path("detector"), [coarse], [at(111.5 + away, 111.5, 90, 100)])
    (found,) = detector.find(plate, 640, 0.7)
    assert np.array_equal(found.landmarks, coarse.landmarks) == (away > 224 * 0.45 / 2)
    nothing = Scripted(base_pack.path("detector"), [coarse], [])
    (kept,) = nothing.find(plate, 640, 0.7)
    np.testing.assert_array_equal(kept.landmarks, coarse.landmarks)


def test_a_weak_face_is_looked_at_again_with_its_own_threshold(base_pack):
    plate = Frame(np.full((400, 600, 3), 0.5, np.float32))
    detector = Scripted(base_pack.path("detector"), [at(150, 160, 60, 80, 0.6)], [])
    detector.find(plate, 640, 0.7)
    assert [threshold for _, threshold in detector.seen[:2]] == [0.7, 0.6]


def test_faces_come_from_left_to_right(base_pack):
    plate = Frame(np.full((400, 600, 3), 0.5, np.float32))
    detector = Scripted(base_pack.path("detector"), [at(450, 160, 60, 80), at(150, 160, 60, 80)], [], [])
    assert [face.centre[0] for face in detector.find(plate, 640, 0.7)] == [150, 450]


def test_candidates_of_one_face_become_their_mean():
    """The surest one alone is another from frame to frame, and its points jump with it."""
    from mobilefaceswap.faces.yunet import _merged

    def row(x: float, sure: float) -> np.ndarray:
        return np.array([x, 10, 100, 100, *np.arange(10) + x, sure], np.float64)

    (face,) = _merged(np.array([row(10, 0.8), row(20, 0.9), row(14, 0.7)]))
    assert face[0] == pytest.approx((10 * 0.8 + 20 * 0.9 + 14 * 0.7) / 2.4)
    assert face[14] == 0.9
    swapped = _merged(np.array([row(20, 0.9), row(14, 0.7), row(10, 0.8)]))
    np.testing.assert_allclose(swapped[0], face)
    assert [one[14] for one in _merged(np.array([row(10, 0.8), row(300, 0.9)]))] == [0.9, 0.8]


def test_values_that_add_up_to_infinity_make_a_thumbnail_without_a_warning(recwarn):
    from mobilefaceswap.colour import space_named
    from mobilefaceswap.faces import thumbnail
    from mobilefaceswap.frame import Frame

    pixels = np.full((108, 192, 3), 3e38, np.float32)
    assert thumbnail(Frame(pixels, space_named("acescg"))).shape == (54, 96)
    assert not [str(one.message) for one in recwarn if "cast" in str(one.message)]


@pytest.mark.parametrize("size", [(224, 224), (360, 640), (97, 161)])
def test_the_network_answers_as_in_opencv(base_pack, detector, astronaut, size):
    """The same candidates from the same file, by another runtime."""
    picture = display_bytes(cv2.resize(astronaut.pixels, size[::-1], interpolation=cv2.INTER_AREA), ColourSpace.SRGB)
    model = np.frombuffer(base_pack.path("detector").read_bytes(), np.uint8)
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        theirs = cv2.FaceDetectorYN.create("onnx", model, np.empty(0, np.uint8), size[::-1], 0.5, 1.0, 500)
    finally:
        cv2.utils.logging.setLogLevel(level)
    _, rows = theirs.detect(picture)
    (ours,) = detector._detect(picture, 0.5)
    (merged,) = yunet._merged(rows.astype(np.float64))
    np.testing.assert_allclose(ours.row()[:14], yunet._face(merged).row()[:14], atol=0.02)
    assert ours.confidence == pytest.approx(merged[14], abs=1e-4)


def test_what_is_no_yunet_is_refused(tmp_path, base_pack):
    broken = tmp_path / "detector.onnx"
    broken.write_bytes(b"nothing of the kind")
    for place in (broken, base_pack.path("encoder")):
        with pytest.raises(PackError, match="expected the detector to be a YuNet"):
            YuNetDetector(place)
