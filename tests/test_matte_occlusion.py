"""Occlusion: things of known shape before real and drawn faces, and what is said of a clean face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap.demo.samples import AstronautClip
from mobilefaceswap.faces import open_detector
from mobilefaceswap.geometry import fit_crop, sample_crop, transformed
from mobilefaceswap.look import hull, occlusion, trusted
from mobilefaceswap.packs import Crop
from mobilefaceswap.settings import OUTPUTS

SIDE = 224
WIDTH = Crop(SIDE).template.face_width * SIDE


@pytest.fixture(scope="module")
def face(base_pack) -> tuple[np.ndarray, np.ndarray]:
    """The astronaut's crop and landmarks."""
    plate = AstronautClip((640, 360), 4).frame(1)
    found = max(open_detector(base_pack, None).find(plate, 640, 0.7), key=lambda face: face.area)
    matrix = fit_crop(found.landmarks, Crop(SIDE))
    return np.clip(sample_crop(plate.rgb, matrix, SIDE), 0, 1), transformed(matrix, found.landmarks)


def shapes(points: np.ndarray) -> dict[str, tuple[np.ndarray, tuple[float, float, float]]]:
    """Masks and colours of things before a face with these landmarks."""
    masks = {name: np.zeros((SIDE, SIDE), np.float32) for name in ("microphone", "phone", "glove", "fruit")}
    x, y = (int(value) for value in points[3:].mean(axis=0))
    cv2.circle(masks["microphone"], (x, y + 20), 24, 1, -1)
    cv2.line(masks["microphone"], (x, y + 20), (x + 15, 223), 1, 14)
    phone = cv2.boxPoints(((float(points[1, 0]) + 12, float(points[1, 1]) + 25), (46.0, 84.0), 15.0))
    cv2.fillPoly(masks["phone"], [phone.astype(np.int32)], 1)
    for finger in range(4):
        cv2.line(masks["glove"], (10, 135 + 17 * finger), (112, 112 + 17 * finger), 1, 15)
    cv2.circle(masks["fruit"], (x, y), 24, 1, -1)
    colours = {"microphone": (0.13, 0.13, 0.14), "phone": (0.1, 0.15, 0.35), "glove": (0.25, 0.45, 0.3)}
    colours["fruit"] = (0.75, 0.55, 0.15)
    return {name: (cv2.GaussianBlur(mask, (0, 0), 0.8), colours[name]) for name, mask in masks.items()}


def with_thing(crop: np.ndarray, mask: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    """The thing before the face, shaded towards its edge, grainy."""
    depth = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    shaded = np.array(colour) * (0.6 + 0.4 * np.clip(depth / 12, 0, 1)[..., None])
    grain = np.random.default_rng(0).normal(0, 0.01, crop.shape)
    return np.clip(crop * (1 - mask[..., None]) + shaded * mask[..., None] + grain, 0, 1).astype(np.float32)


def overlap(crop: np.ndarray, points: np.ndarray, mask: np.ndarray, colour: tuple[float, float, float]) -> float:
    """Intersection over union inside the face's outline, but for what stands before it anyway, such as hair."""
    before = cv2.dilate((occlusion(crop, points, WIDTH) > 0.5).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    counted = (hull(points, SIDE, 2.0) > 0.5) & ~before
    found, wanted = (occlusion(with_thing(crop, mask, colour), points, WIDTH) > 0.5) & counted, (mask > 0.5) & counted
    return float((found & wanted).sum() / (found | wanted).sum())


@pytest.mark.parametrize("name", ["microphone", "phone", "glove", "fruit"])
def test_a_thing_before_the_face_is_found_in_its_shape(face, name):
    crop, points = face
    assert overlap(crop, points, *shapes(points)[name]) >= 0.75


@pytest.mark.parametrize("angle", range(0, 360, 60))
def test_a_thing_that_crosses_the_face_is_found_wherever_it_is(face, angle):
    crop, points = face
    mask = np.zeros((SIDE, SIDE), np.float32)
    middle = points.mean(axis=0) + 38 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    cv2.ellipse(mask, tuple(int(value) for value in middle), (34, 13), angle, 0, 360, 1, -1)
    assert overlap(crop, points, mask, (0.15, 0.4, 0.45)) >= 0.75


def hair_over(crop: np.ndarray, points: np.ndarray, kind: str, colour: tuple[float, ...]) -> tuple[np.ndarray, ...]:
    """The crop with hair before it, drawn strand by strand, each a little darker or lighter; and where it is."""
    random = np.random.default_rng(3)
    eyes, apart = points[:2].mean(axis=0), np.linalg.norm(points[1] - points[0])
    # From where to where, in distances between the eyes from their middle; its breadth, and how many strands.
    roots, tips, breadth, count = {
        "fringe": ((0.1, -1.7), (-0.1, -0.3), 0.7, 170),
        "lock": ((0.6, -1.6), (0.35, 1.4), 0.2, 110),
        "strands": ((0.3, -1.6), (-0.4, 1.2), 0.7, 9),
    }[kind]
    large = cv2.resize(crop, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_CUBIC)
    there = np.zeros((2 * SIDE, 2 * SIDE), np.float32)
    for place in random.uniform(-1, 1, count) * breadth:
        ends = np.array([roots, tips]) + (place, 0) + random.normal(0, 0.04, (2, 2))
        way = np.linspace(*ends, 12)
        way[:, 0] += 0.1 * np.sin(np.linspace(0, np.pi, 12))
        line = np.rint((eyes + way * apart) * 16).astype(np.int32)
        thick = 5 if kind == "strands" else int(random.integers(1, 4))
        cv2.polylines(large, [line], False, (np.array(colour) * random.uniform(0.65, 1.35)).tolist(), thick, 8, 3)
        cv2.polylines(there, [line], False, 1.0, thick, 8, 3)
    small = [
        cv2.resize(cv2.GaussianBlur(one, (0, 0), 1), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        for one in (large, there)
    ]
    return np.clip(small[0], 0, 1), small[1]


BROWN, BLACK = (0.22, 0.14, 0.09), (0.07, 0.06, 0.06)


@pytest.mark.parametrize(
    ("kind", "colour", "least"),
    [("fringe", BROWN, 0.75), ("fringe", BLACK, 0.75), ("lock", BROWN, 0.6), ("lock", BLACK, 0.75)]
    + [("strands", BLACK, 0.3)],
)
def test_hair_before_the_face_is_found(face, kind, colour, least):
    """A fringe bends no model of the skin to its own colour, and single strands are no specks."""
    crop, points = face
    with_hair, mask = hair_over(crop, points, kind, colour)
    before = cv2.dilate((occlusion(crop, points, WIDTH) > 0.5).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    counted = (hull(points, SIDE, 2.0) > 0.5) & ~before
    found, wanted = (occlusion(with_hair, points, WIDTH) > 0.5) & counted, (mask > 0.5) & counted
    assert (found & wanted).sum() / (found | wanted).sum() >= least


def test_a_clean_face_is_not_covered(face):
    crop, points = face
    found = occlusion(crop, points, WIDTH)
    inner = hull(points, SIDE, 2.0) > 0.5
    inner &= np.hypot(*(np.mgrid[:SIDE, :SIDE][::-1] - points.mean(axis=0)[:, None, None])) < 0.4 * WIDTH
    assert (found[inner] > 0.5).mean() < 0.02
    assert not occlusion(np.full((SIDE, SIDE, 3), 0.5, np.float32), points, WIDTH).any()


@pytest.mark.parametrize("side", [8, 896])
def test_a_crop_of_any_size_that_is_all_noise_gives_a_matte_from_0_to_1(face, side):
    points = (face[1] + 0.5) * side / SIDE - 0.5
    noise = np.random.default_rng(0).random((side, side, 3), np.float32)
    found = occlusion(noise, points, WIDTH * side / SIDE)
    assert found.shape == (side, side)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1


def test_the_exposure_and_a_slope_of_light_change_little(face):
    crop, points = face
    mask, colour = shapes(points)["glove"]
    slope = np.linspace(0.6, 1.0, SIDE, dtype=np.float32)[None, :, None]
    assert overlap(np.asarray(crop * slope, np.float32), points, mask, colour) >= 0.75


def test_the_setting_takes_what_is_found_from_the_matte_and_the_outputs_show_it(grace_hopper):
    from mobilefaceswap import FaceSwapNode

    clip = AstronautClip((640, 360), 4)
    node = FaceSwapNode(grace_hopper, clip)
    (chosen,) = node.render(1).swapped
    x, y = np.rint((chosen.landmarks[0] + chosen.landmarks[3]) / 2).astype(int)
    plate = clip.frame(1).pixels.copy()
    cv2.circle(plate, (int(x), int(y)), 14, (0.6, 0.1, 0.4), -1)
    frame = clip.frame(1).with_pixels(plate)
    ball = np.hypot(*(np.mgrid[:360, :640][::-1] - np.array([x, y])[:, None, None])) < 11
    plain, kept, half = (
        node.render(1, node.settings.replaced(occlusion=amount, matte_feather=0.0), frame) for amount in (0, 1, 0.5)
    )
    # A ball of this colour the network's own mask takes for face; a teal one it leaves alone.
    assert plain.matte[ball].mean() > 0.1
    assert kept.matte[ball].mean() < 0.1 * plain.matte[ball].mean()
    assert half.matte[ball].mean() == pytest.approx(0.5 * plain.matte[ball].mean(), abs=0.05)
    assert plain.layer("occlusion")[ball].mean() > 0.9
    assert plain.layer("learned-matte").max() > 0.9
    sure = np.median(plain.layer("trust")[(plain.matte == 1) & (plain.layer("occlusion") == 0)])
    assert sure > 0.75
    assert plain.layer("trust")[ball].mean() < sure - 0.1
    for name in ("occlusion", "learned-matte", "trust"):
        outside = np.ones((360, 640), bool)
        outside[plain.layers[0].touched.slices] = False
        assert not plain.layer(name)[outside].any()
        np.testing.assert_array_equal(plain.changed_part(name), plain.layer(name)[plain.changed.slices])
        # They show the whole crop, of which the matte reaches a part: hosts must ask for the whole picture.
        assert OUTPUTS[name].whole


def test_trust_is_low_where_mask_and_outline_disagree(face):
    crop, points = face
    outline = hull(points, SIDE, 0.04 * WIDTH)
    mask = outline.copy()
    mask[:, : SIDE // 2] = 0
    sure = trusted(mask, occlusion(crop, points, WIDTH), points, WIDTH)
    place = np.rint(points.mean(axis=0)).astype(int)
    assert sure[place[1], place[0] + 25] > 0.9
    assert sure[place[1], place[0] - 25] < 0.1
