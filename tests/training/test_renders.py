"""Planted truths of what is rendered and looked at for protocol 2: crops, clips, squares, signals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation import judges as j
from evaluation import renders as r
from mobilefaceswap import Face, Frame
from mobilefaceswap.packs.crop import TEMPLATES

POINTS = TEMPLATES["arcface-112"].on(j.CROP)

Batch = tuple[r.Floats, r.Floats]


def unchanged(sources: r.Floats, targets: r.Floats) -> Batch:
    return targets, np.ones(targets.shape[:3], np.float32)


def source_everywhere(sources: r.Floats, targets: r.Floats) -> Batch:
    mask = np.zeros(targets.shape[:3], np.float32)
    mask[:, 56:168, 56:168] = 0.5
    return sources[:, : targets.shape[1], : targets.shape[2]], mask


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A red picture of a crop's size."""
    import cv2

    cv2.imwrite(str(tmp_path / "red.png"), np.full((j.CROP, j.CROP, 3), (0, 0, 200), np.uint8))
    return tmp_path / "red.png"


def ramp(height: int, width: int) -> j.Picture:
    yy, xx = np.mgrid[:height, :width]
    return np.stack([40 + xx * 150 // width, 40 + yy * 150 // height, np.full_like(xx, 90)], 2).astype(np.uint8)


def face_at(x: float, y: float, scale: float, roll: float = 0.0) -> Face:
    """A face whose aligned crop of 256 pixels is `scale` times as large on the plate, round (x, y)."""
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    points = (POINTS - POINTS.mean(0)) * scale @ turn.T + (x, y)
    return Face(points, (x - 50, y - 50, 100, 100), 0.9)


def test_a_swapper_that_changes_nothing_gives_the_target_back(source: Path) -> None:
    target = ramp(j.CROP, j.CROP)
    ((swap, matte),) = r.CropRenderer(unchanged).stills([(source, target)])
    assert np.abs(swap.astype(int) - target)[4:-4, 4:-4].max() <= 1
    assert matte.min() == pytest.approx(1)


def test_colour_counts_by_the_mask_once_and_nothing_outside(source: Path) -> None:
    target = ramp(j.CROP, j.CROP)
    ((swap, matte),) = r.CropRenderer(source_everywhere).stills([(source, target)])
    middle = (target[128, 128] + np.array([200, 0, 0])) / 2
    assert np.abs(swap[128, 128] - middle).max() <= 1.5
    assert matte[128, 128] == pytest.approx(0.5, abs=1e-3)
    assert np.array_equal(swap[:50], target[:50])


def test_pairs_keep_their_order_over_batches(source: Path) -> None:
    targets = [np.full((j.CROP, j.CROP, 3), value, np.uint8) for value in range(10, 60, 10)]
    swaps = list(r.CropRenderer(unchanged, batch=2).stills([(source, target) for target in targets]))
    assert [int(swap[0, 0, 0]) for swap, _ in swaps] == [10, 20, 30, 40, 50]


def test_on_a_clip_the_swap_lies_where_the_face_is_and_the_rest_is_the_plate(source: Path) -> None:
    plate = Frame(ramp(300, 400).astype(np.float32) / 255)
    face = face_at(250, 160, 0.5)
    ((picture, matte),) = r.CropRenderer(source_everywhere).clip(source, [(plate, face)])
    assert picture[150, 250] == pytest.approx((plate.rgb[150, 250] + np.array([200 / 255, 0, 0])) / 2, abs=0.01)
    assert matte[150, 250] == pytest.approx(0.5, abs=0.01)
    assert np.array_equal(picture[:, :150], plate.rgb[:, :150])


def test_an_upright_crop_keeps_the_roll_and_shows_the_face_where_the_template_has_it() -> None:
    for roll in (0.0, 0.3):
        face = face_at(250, 160, 0.5, roll)
        matrix = r.upright(face)
        assert matrix[:, :2] == pytest.approx(2 * np.eye(2), abs=1e-6)
        shown = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
        assert shown.mean(0) == pytest.approx(POINTS.mean(0) + r.MARGIN, abs=1e-6)


def test_the_followed_face_is_the_largest_and_then_the_nearest() -> None:
    class Detector:
        name = "a list"

        def __init__(self, *answers: tuple[Face, ...]) -> None:
            self.answers = list(answers)

        def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
            return self.answers.pop(0)

    def sized(x: float, width: float) -> Face:
        return Face(face_at(x, 100, 0.5).landmarks, (x - width / 2, 50, width, width), 0.9)

    plate = Frame(np.zeros((200, 400, 3), np.float32))
    follow = r.FollowedFace(Detector((sized(100, 90), sized(300, 80)), (), (sized(110, 60), sized(300, 95))))
    found = [follow(plate) for _ in range(3)]
    assert [None if face is None else round(face.centre[0]) for face in found] == [100, None, 110]


class Lists:
    """A detector that answers with faces given beforehand."""

    name = "lists"

    def __init__(self, *faces: Face) -> None:
        self.faces = faces

    def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
        return self.faces


def test_faces_of_aligned_crops_lie_where_they_were_cut_and_those_of_plates_where_they_are_found() -> None:
    small, large = face_at(120, 130, 0.5), replace(face_at(125, 120, 1.08), box=(20, 20, 200, 220))
    detector = r.AsCut(Lists(small, large), TEMPLATES["arcface-112"])
    for side in (j.CROP, 224):
        (found,) = detector.find(Frame(np.zeros((side, side, 3), np.float32)), 640, 0.5)
        assert found.landmarks == pytest.approx(TEMPLATES["arcface-112"].on(side))
        assert found.box == large.box
    for shape in ((300, 300, 3), (200, 256, 3)):
        assert detector.find(Frame(np.zeros(shape, np.float32)), 640, 0.5) == (small, large)
    assert r.AsCut(Lists(), TEMPLATES["arcface-112"]).find(Frame(np.zeros((256, 256, 3), np.float32)), 640, 0.5) == ()
    assert detector.name != Lists.name


@pytest.mark.parametrize("margin", [0, 64])
def test_a_square_shows_the_same_place_with_and_without_a_margin(margin: int) -> None:
    picture = np.zeros((j.CROP + 2 * margin,) * 2 + (3,), np.uint8)
    picture[margin + 90 : margin + 111, margin + 150 : margin + 171] = 255
    seen = j.square(picture, (160, 100), 84, 42)
    yy, xx = np.nonzero(seen[:, :, 0] > 127)
    assert (xx.mean(), yy.mean()) == pytest.approx((20.5, 20.5), abs=0.6)
    assert len(xx) == pytest.approx(21 * 21 / 4, rel=0.25)


def test_a_square_turned_by_the_tilt_of_the_eyes_has_them_level() -> None:
    picture = np.zeros((j.CROP, j.CROP, 3), np.uint8)
    for x, y in ((108, 118), (148, 138)):
        picture[y - 3 : y + 4, x - 3 : x + 4] = 255
    seen = j.square(picture, (128, 128), 80, 80, float(np.degrees(np.arctan2(20, 40))))[:, :, 0] > 127
    left, right = (np.nonzero(part)[0].mean() for part in (seen[:, :40], seen[:, 40:]))
    assert left == pytest.approx(right, abs=1)


def test_signals_of_points_are_parts_of_the_crop_and_not_of_the_face() -> None:
    points = np.zeros((68, 2))
    points[[61, 62, 63]], points[[67, 66, 65]] = (128, 180), (128, 192.8)
    points[48], points[54] = (100, 185), (151.2, 185)
    points[[37, 38, 43, 44]], points[[41, 40, 47, 46]] = (128, 100), (128, 105.12)
    points[17:27], points[36:48] = (128, 80), points[36:48] + 0
    points[27], points[30] = (128, 110), (128, 140)
    said = j.face_signals(points)
    assert said["mouth opening"] == pytest.approx(5)
    assert said["smile width"] == pytest.approx(20)
    assert said["eye opening"] == pytest.approx(2)
    raised = points.copy()
    raised[17:27, 1] -= 5.12
    assert j.face_signals(raised)["brow height"] - said["brow height"] == pytest.approx(2)


def test_looks_to_the_picture_s_right_and_up_are_positive() -> None:
    said = dict.fromkeys(j.BLENDSHAPES, 0.0)
    assert j.shape_signals({**said, "eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8})["look x"] == pytest.approx(0.8)
    assert j.shape_signals({**said, "eyeLookUpLeft": 0.6, "eyeLookUpRight": 0.4})["look y"] == pytest.approx(0.5)
    assert j.shape_signals({**said, "mouthSmileLeft": 1.0})["mouthSmile"] == pytest.approx(0.5)
