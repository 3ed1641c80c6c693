"""Heads on their side and upside down: the points follow the head, and what is no face is not swapped."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from drawn import TEMPLATE, DrawnClip, MarkerDetector, drawn_frame
from mobilefaceswap import FaceSwapNode, Settings
from mobilefaceswap.errors import NoFaceInSourceError
from mobilefaceswap.faces import Face, finding, found_in, insightface, open_detector, plausibility, roll_of
from mobilefaceswap.faces.choose import cosine
from mobilefaceswap.frame import Frame
from mobilefaceswap.identity import encode_face, prepare_identity
from mobilefaceswap.media import open_clip, read_picture

MEDIA = Path(os.environ.get("MOBILEFACESWAP_MEDIA", ""))
needs_media = pytest.mark.skipif(not (MEDIA / "portraits").is_dir(), reason="MOBILEFACESWAP_MEDIA names no footage")
PICTURES = ("faker_03.jpg", "london_126.jpg", "stylegan2_01.jpg", "lp_d0.mp4", "london_two.mp4")
ANGLES = (30, 60, 90, 120, 180, -45, -90, -150)
WIDEST = 480


def picture(name: str) -> Frame:
    if name.endswith(".mp4"):
        with open_clip(MEDIA / "clips" / name) as clip:
            whole = clip.frame(clip.first)
    else:
        whole = read_picture(MEDIA / "portraits" / name)
    scale = min(1.0, WIDEST / max(whole.size))
    return whole.with_pixels(cv2.resize(whole.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def rolled(frame: Frame, degrees: float) -> tuple[Frame, np.ndarray]:
    """The picture turned clockwise about its middle on a larger canvas, and the matrix that did it."""
    width, height = frame.size
    side = int(np.ceil(np.hypot(width, height)))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1.0)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    turned = cv2.warpAffine(frame.rgb, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return frame.with_pixels(turned), matrix


def largest(frame: Frame, detector, pack=None) -> Face:
    return max(found_in(detector, frame, 640, 0.7), key=lambda face: face.area)


def error(face: Face, upright: Face, matrix: np.ndarray) -> float:
    """Largest distance of a point from where the upright one went, in distances between the eyes."""
    expected = upright.landmarks @ matrix[:, :2].T + matrix[:, 2]
    eyes = np.hypot(*(upright.landmarks[1] - upright.landmarks[0]))
    return float(np.hypot(*(face.landmarks - expected).T).max() / eyes)


@needs_media
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("degrees", ANGLES)
def test_points_follow_a_rolled_head(base_pack, name, degrees):
    detector, upright = open_detector(base_pack), picture(name)
    turned, matrix = rolled(upright, degrees)
    faces = found_in(detector, turned, 640, 0.7)
    for expected in found_in(detector, upright, 640, 0.7):
        face = min(faces, key=lambda one: error(one, expected, matrix))
        assert error(face, expected, matrix) < 0.25
        assert abs((roll_of(face.landmarks) - roll_of(expected.landmarks) - degrees + 180) % 360 - 180) < 12
        assert plausibility(face.landmarks) == 1
        said = [encode_face(*one, base_pack)["embedding"] for one in ((turned, face), (upright, expected))]
        assert cosine(*said) > 0.85


@needs_media
def test_without_the_turns_the_points_do_not_follow(base_pack, monkeypatch):
    """The test above can fail."""
    detector, upright = open_detector(base_pack), picture(PICTURES[0])
    expected = largest(upright, detector)
    monkeypatch.setattr(finding, "_TURNS", (0,))
    turned, matrix = rolled(upright, 180)
    assert error(largest(turned, detector), expected, matrix) > 1


@needs_media
def test_an_upright_face_costs_one_closer_look_and_at_most_one_more(base_pack):
    detector, upright = open_detector(base_pack), picture("stylegan2_01.jpg")
    looks: list[tuple[int, ...]] = []

    def counted(seen: np.ndarray, threshold: float):
        looks.append(seen.shape[:2])
        return detector._detect(seen, threshold)

    (face,) = finding.search(counted, upright, 640, 0.7, 0.91)
    assert abs(roll_of(face.landmarks)) < 5
    assert len(looks) <= 3
    plain = finding._View(upright, detector_face(detector, upright))
    np.testing.assert_array_equal(face.landmarks, plain.on_plate(plain.seen(detector._detect, 0.7)).landmarks)


def detector_face(detector, plate: Frame) -> Face:
    shrunk = finding._shrunk(plate, 640)
    return finding._in_plate(plate, shrunk, detector._detect(shrunk, 0.7))[0]


@needs_media
def test_a_head_that_tilts_does_not_jump(base_pack):
    """Between the plain look and the look at the face's own roll the points are blended."""
    detector, upright = open_detector(base_pack), picture("faker_03.jpg")
    expected, errors = largest(upright, detector), []
    for degrees in range(0, 34, 2):
        turned, matrix = rolled(upright, degrees)
        errors.append(error(largest(turned, detector), expected, matrix))
    assert max(errors) < 0.3
    assert max(np.abs(np.diff(errors))) < 0.15


def test_a_plate_without_a_face_is_searched_in_four_quarter_turns():
    looks: list[tuple[int, ...]] = []
    assert finding.search(lambda seen, _: looks.append(seen.shape[:2]) or [], drawn_frame(0), 640, 0.7, 0.9) == ()
    assert looks == [looks[0], looks[0][::-1], looks[0], looks[0][::-1]]


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_what_a_turned_plate_shows_comes_back_to_the_plate(quarters):
    """Pixels that are unlike all others stand for the five points."""
    points = np.array([[5, 4], [12, 6], [9, 9], [6, 13], [11, 14]], float)
    marked = np.zeros((30, 20, 3), np.uint8)
    for number, (x, y) in enumerate(points.astype(int)):
        marked[y, x] = number + 1
    turned = np.rot90(marked, quarters)
    seen = np.array([np.argwhere(turned[..., 0] == number + 1)[0][::-1] for number in range(5)], float)
    low, high = seen.min(0), seen.max(0)
    back = finding._turned_back(Face(seen, (*low, *(high - low)), 0.9), quarters, marked.shape)
    np.testing.assert_array_equal(back.landmarks, points)
    np.testing.assert_allclose(back.box, (*points.min(0), *(points.max(0) - points.min(0))))


@pytest.mark.parametrize("follows", [0.2, 0.35, 1.0])
@pytest.mark.parametrize("roll", [-28.0, -5.0, 0.0, 14.0, 30.0])
def test_a_face_s_own_roll_is_told_however_far_its_points_follow(follows, roll):
    looks = [(turn, follows * (roll - turn)) for turn in (0.0, float(np.copysign(20, roll)))]
    assert finding._own_roll(looks) == pytest.approx(roll)


def test_every_row_of_detectors_searches_alike(tmp_path, monkeypatch):
    """The InsightFace row with a network of our own in the place of its packs."""
    plate, asked = drawn_frame(0), []
    monkeypatch.setattr(insightface, "search", lambda look, *rest: asked.append(rest) or ())
    detector = object.__new__(insightface.InsightFaceDetector)
    assert detector.find(plate, 320, 0.6) == ()
    assert asked == [(plate, 320, 0.6, float("inf"))]


def test_plausible_are_points_as_faces_have_them_in_any_roll_and_size():
    assert plausibility(TEMPLATE) == 1
    for degrees in (0, 77, 180, -120):
        turn = np.radians(degrees)
        matrix = 3 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        assert plausibility(TEMPLATE @ matrix.T + 40) == 1
        assert roll_of(TEMPLATE @ matrix.T) == pytest.approx(degrees, abs=0.5)
    assert plausibility(TEMPLATE * (2, 1), 0.5) == 1


@pytest.mark.parametrize(
    "order",
    [[3, 4, 2, 0, 1], [1, 0, 2, 3, 4], [0, 1, 3, 2, 4], [0, 2, 1, 3, 4]],
    ids=["mouth above the eyes", "eyes exchanged", "nose in the corner", "nose at the eye"],
)
def test_implausible_are_points_in_other_places(order):
    assert plausibility(TEMPLATE[order]) < 0.5


class _Misled(MarkerDetector):
    """Takes the nose for an eye."""

    def find(self, plate, size, threshold):
        return tuple(
            replace(face, landmarks=face.landmarks[[3, 2, 0, 1, 4]]) for face in super().find(plate, size, threshold)
        )


def test_what_is_no_face_is_found_and_not_swapped(tiny_pack, tiny_identity):
    result = FaceSwapNode(tiny_identity, DrawnClip(), pack=tiny_pack, faces=_Misled()).render(0, Settings())
    assert (result.quality.faces_found, result.quality.faces_swapped) == (1, 0)
    np.testing.assert_array_equal(result.composite, result.plate.pixels)


class _Phantom(MarkerDetector):
    """Finds besides each chart, further left and larger, what has no face's proportions."""

    name = "phantom"

    def find(self, plate, size, threshold):
        found = super().find(plate, size, threshold)
        points = (2.5 * (face.landmarks - face.landmarks.mean(axis=0)) + face.landmarks.mean(axis=0) for face in found)
        phantoms = (
            replace(face, landmarks=at[[3, 2, 0, 1, 4]], box=(0, 0, 60, 60))
            for face, at in zip(found, points, strict=True)
        )
        return (*phantoms, *found)


@pytest.mark.parametrize("choice", ["largest", "all"])
def test_what_is_no_face_covers_none(tiny_pack, tiny_identity, choice):
    settings = Settings(face_choice=choice)
    nodes = [FaceSwapNode(tiny_identity, DrawnClip(), pack=tiny_pack, faces=f()) for f in (_Phantom, MarkerDetector)]
    misled, clear = (node.render(0, settings) for node in nodes)
    assert (misled.quality.faces_found, clear.quality.faces_found) == (2, 1)
    assert clear.matte.max() > 0.9
    np.testing.assert_array_equal(misled.matte, clear.matte)


def test_faces_are_numbered_as_they_are_found(tiny_pack, tiny_identity):
    node = FaceSwapNode(tiny_identity, DrawnClip(), pack=tiny_pack, faces=_Phantom())
    swapped = [node.render(0, Settings(face_choice="index", face_index=number)).swapped for number in (0, 1)]
    assert [len(faces) for faces in swapped] == [0, 1]


def test_the_quality_record_holds_roll_and_plausibility(node):
    figures = node.render(0).quality
    face = node.render(0).swapped[0]
    assert figures.roll == pytest.approx(roll_of(face.landmarks))
    assert figures.plausibility == plausibility(face.landmarks) == 1


@needs_media
@pytest.mark.parametrize("degrees", [90, 180, -60])
def test_a_turned_portrait_is_turned_upright_and_noted(base_pack, degrees):
    detector, upright = open_detector(base_pack), picture("faker_03.jpg")
    turned = prepare_identity([("turned.jpg", rolled(upright, degrees)[0])], base_pack, detector)
    plain = prepare_identity([("plain.jpg", upright)], base_pack, detector)
    assert cosine(turned.embedding, plain.embedding) > 0.85
    assert "turned upright" in turned.pictures[0].note
    assert plain.pictures[0].note == ""


@needs_media
def test_a_portrait_whose_points_are_wrong_is_refused(base_pack):
    upright = picture("faker_03.jpg")
    right = largest(upright, open_detector(base_pack))

    class UpsideDown:
        name = "upside down"

        def find(self, plate, size, threshold):
            middle = right.landmarks.mean(axis=0)
            return (replace(right, landmarks=2 * middle - right.landmarks),)

    with pytest.raises(NoFaceInSourceError, match="turn the picture upright"):
        prepare_identity([("a.jpg", upright)], base_pack, UpsideDown())
