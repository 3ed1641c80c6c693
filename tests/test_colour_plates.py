"""Plates of every encoding and exposure on their way through the node: what the network sees, and what comes back."""

from __future__ import annotations

import numpy as np
import pytest

from drawn import landmarks_at
from mobilefaceswap import FaceSwapNode, Frame, RenderCache, Settings
from mobilefaceswap.colour import SPACES, ColourSpace, exposure_for, from_display, shouldered, to_display, white_of
from mobilefaceswap.faces import Face

TIME = 5
AS_SEEN = Settings(matte_feather=2)


class KnownFace:
    """A detector that knows where the face of frame 5 is, whatever the plate looks like."""

    name = "known"

    def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
        points = landmarks_at(TIME)
        low, high = points.min(axis=0) - 20, points.max(axis=0) + 20
        return (Face(points, (*low.tolist(), *(high - low).tolist()), 0.9),)


def scene() -> np.ndarray:
    """Scene-linear Rec.709: a lit face with soft features before a gradient, all between 2 % and 80 %."""
    y, x = np.mgrid[:180, :320].astype(np.float32)
    light = 0.15 + 0.12 * np.sin(x / 29) * np.cos(y / 23)
    pixels = np.dstack([light, light * 0.9, light * 1.1])
    middle = landmarks_at(TIME).mean(axis=0)
    face = np.exp(-(((x - middle[0]) / 30) ** 4) - ((y - middle[1]) / 36) ** 4)[..., None]
    skin = np.array([0.55, 0.36, 0.27], np.float32) * (0.75 + 0.25 * np.sin(x / 11 + y / 17))[..., None]
    return np.ascontiguousarray(pixels * (1 - face) + skin * face, np.float32)


def in_space(light: np.ndarray, name: str) -> Frame:
    return Frame(from_display(to_display(light, ColourSpace.LINEAR), SPACES[name]), SPACES[name])


@pytest.fixture
def node(tiny_pack, tiny_identity) -> FaceSwapNode:
    return FaceSwapNode(tiny_identity, pack=tiny_pack, faces=KnownFace(), cache=RenderCache(memory=0))


@pytest.mark.parametrize("name", [name for name in SPACES if name != "srgb"])
def test_the_same_shot_gives_the_same_picture_in_every_space(node, name: str):
    light = scene()
    want = node.render(TIME, AS_SEEN, in_space(light, "srgb"))
    found = node.render(TIME, AS_SEEN, in_space(light, name))
    shown = to_display(found.composite, SPACES[name])
    inside = want.matte > 0
    assert np.abs(want.composite - want.plate.pixels)[inside].max() > 0.05, "the swap changes something"
    assert np.median(np.abs(shown - want.composite)[inside]) < 1 / 255
    assert np.abs(shown - want.composite)[inside].max() < 4 / 255


@pytest.mark.parametrize("amount", [0, 0.5, 1])
def test_a_face_under_coloured_light_holds_no_negative_light(node, amount: float):
    """Unless the plate does: there it is no darker than that."""
    plate = in_space(scene() * np.array([0.05, 0.2, 1], np.float32), "linear-rec709")
    plate.pixels[95:100, 125:130, 2] = -0.01
    found = node.render(TIME, Settings(plate_detail=amount, colour_match=1), plate)
    under = found.matte > 0
    assert (found.composite[under] >= np.minimum(plate.pixels[under], 0)).all()
    assert under[95:100, 125:130].all()


@pytest.mark.parametrize("name", SPACES)
def test_outside_the_matte_every_bit_is_kept(node, name: str):
    plate = in_space(scene(), name)
    plate.pixels[3, 4] = (np.nan, np.inf, -np.inf)
    plate.pixels[170, 300] = (-0.25, 70000, 1e-8)
    result = node.render(TIME, AS_SEEN, plate)
    outside = result.matte == 0
    assert outside.any()
    assert result.composite[outside].tobytes() == plate.pixels[outside].tobytes()


@pytest.mark.parametrize("detail", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", ["linear-rec709", "acescg", "arri-logc3", "pq", "srgb"])
def test_highlights_survive_under_a_full_matte(node, name: str, detail: float):
    light = scene()
    y, x = np.rint(landmarks_at(TIME).mean(axis=0)).astype(int)[::-1]
    spots = [(y, x, 2.5), (y + 9, x + 8, 8.0), (y - 12, x - 6, 40.0)]
    for row, column, level in spots:
        light[row - 1 : row + 2, column - 1 : column + 2] = level
    plate = in_space(light, name)
    result = node.render(TIME, AS_SEEN.replaced(plate_detail=detail), plate, inside=np.ones((180, 320), np.float32))
    for row, column, level in spots:
        assert result.matte[row, column] == 1
        found = from_display(to_display(result.composite[row, column][None], SPACES[name]), ColourSpace.LINEAR)
        np.testing.assert_allclose(found, level, rtol=0.01)


def test_negative_values_come_back_with_the_difference(node):
    light = scene()
    y, x = np.rint(landmarks_at(TIME).mean(axis=0)).astype(int)[::-1]
    found = []
    for blue in (0.0, -0.04):
        plate = in_space(light, "linear-rec709")
        plate.pixels[y, x, 2] = blue
        found.append(node.render(TIME, AS_SEEN.replaced(plate_detail=0.0), plate).composite[y, x, 2])
    assert found[1] - found[0] == pytest.approx(-0.04, abs=0.008)


@pytest.mark.parametrize("stops", [-6, -3, 2])
def test_automatic_exposure_makes_the_swap_independent_of_the_plate_s_exposure(node, stops: int):
    settings = AS_SEEN.replaced(auto_exposure=True)
    normal = node.render(TIME, settings, in_space(scene(), "acescg")).composite
    plate = in_space(scene() * np.float32(2.0**stops), "acescg")
    found = node.render(TIME, settings, plate).composite
    np.testing.assert_allclose(found / 2.0**stops, normal, atol=2e-3)
    fixed = node.render(TIME, AS_SEEN, plate).composite
    assert np.abs(fixed / 2.0**stops - normal).max() > 0.02, "without it the network sees another picture"


def test_a_fixed_exposure_is_what_the_plate_lacks(node):
    normal = node.render(TIME, AS_SEEN, in_space(scene(), "acescg")).composite
    found = node.render(TIME, AS_SEEN.replaced(view_exposure=3), in_space(scene() / 8, "acescg")).composite
    np.testing.assert_allclose(found * 8, normal, atol=1e-3)


TINTS = {
    "day for night": (np.array([0.02, 0.035, 0.09], np.float32), 0.15),
    "sodium light": (np.array([1.0, 0.35, 0.03], np.float32), 0.15),
    "green screen spill": (np.array([0.5, 1.0, 0.5], np.float32), 0.15),
}


@pytest.mark.parametrize(("tint", "most"), TINTS.values(), ids=TINTS)
def test_strongly_tinted_plates_keep_their_light(node, tint: np.ndarray, most: float):
    light = scene() * tint
    result = node.render(TIME, AS_SEEN.replaced(auto_exposure=True), in_space(light, "acescg"))
    inside = result.matte > 0.99
    shown = from_display(to_display(result.composite, SPACES["acescg"]), ColourSpace.LINEAR)[inside].mean(axis=0)
    plate = light[inside].mean(axis=0)
    np.testing.assert_allclose(shown / shown.sum(), plate / plate.sum(), atol=most / 3)
    assert shown.sum() == pytest.approx(plate.sum(), rel=most)


@pytest.mark.parametrize("exposed", [False, True])
@pytest.mark.parametrize("name", ["srgb", "acescg", "arri-logc4", "pq"])
def test_a_neutral_plate_stays_neutral(node, name: str, exposed: bool):
    grey = np.repeat(scene().mean(axis=2, keepdims=True), 3, axis=2) / 4
    result = node.render(TIME, AS_SEEN.replaced(auto_exposure=exposed), in_space(grey, name))
    shown = to_display(result.composite, SPACES[name])
    assert np.ptp(shown, axis=2).max() < 1e-3
    assert np.abs(shown - to_display(result.plate.pixels, SPACES[name])).max() > 0.02


def test_the_shoulder_is_the_identity_where_nothing_exceeds_white():
    values = np.linspace(-0.1, 1, 200, dtype=np.float32)[:, None].repeat(3, axis=1)
    np.testing.assert_array_equal(shouldered(values, white_of(values, SPACES["acescg"])), np.clip(values, 0, 1))


def test_the_shoulder_is_smooth_rises_and_ends_at_white():
    values = np.linspace(0, 2.5, 2000, dtype=np.float32)
    seen = shouldered(values, 2.5)
    assert (np.diff(seen) > 0).all()
    assert seen[-1] == pytest.approx(1)
    assert np.abs(np.diff(seen, 2)).max() < 1e-4, "no corner"
    np.testing.assert_array_equal(seen[values <= 0.9], values[values <= 0.9])


def test_a_little_light_above_white_changes_little():
    values = np.linspace(0, 1, 100, dtype=np.float32)
    assert np.abs(shouldered(values, 1.02) - values).max() < 0.021


def test_white_is_measured_in_scenes_and_hdr_alone_and_without_sparks():
    crop = np.full((50, 50, 3), 0.5, np.float32)
    crop[3, 3] = 9
    assert white_of(crop, SPACES["acescg"]) == 1
    crop[:10] = 1.7
    assert white_of(crop, SPACES["acescg"]) == pytest.approx(1.7)
    assert white_of(crop, SPACES["pq"]) == pytest.approx(1.7)
    assert white_of(crop, SPACES["srgb"]) == 1


def test_twice_the_light_is_one_stop_less():
    light = np.random.default_rng(0).uniform(0.05, 0.4, (500, 3)).astype(np.float32)
    stops = [exposure_for(to_display(light * scale, ColourSpace.LINEAR)) for scale in (1, 2, 0.125)]
    assert stops[0] - stops[1] == pytest.approx(1, abs=1e-3)
    assert stops[2] - stops[0] == pytest.approx(3, abs=1e-3)
    assert exposure_for(np.full((4, 3), np.nan, np.float32)) == 0
    assert exposure_for(np.zeros((4, 3), np.float32)) == 10
