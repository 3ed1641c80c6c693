"""Operations on the matte's edge and regions of the face: drawn shapes whose answers are known, at any proxy scale."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap import FaceSwapNode
from mobilefaceswap.geometry import Rectangle, fit_crop, sample_crop
from mobilefaceswap.look import hull, matte
from mobilefaceswap.packs import Crop
from mobilefaceswap.settings import Settings
from test_matte import FACE, PLAIN, SIDE, disc

MIDDLE = (SIDE - 1) / 2
WIDTH = FACE.face_width * SIDE
POINTS = FACE.on(SIDE)


def shaped(mask, crop=None, points=None, **values) -> np.ndarray:
    return matte.shape(np.asarray(mask, np.float32), PLAIN.replaced(**values), FACE, crop=crop, points=points)


def to_the_right(values: np.ndarray) -> np.ndarray:
    """From the middle of a picture along its middle row."""
    return values[SIDE // 2, SIDE // 2 :]


def crossing(profile: np.ndarray, level: float) -> float:
    """Where a falling profile first passes ``level``, in pixels from its start."""
    after = int(np.argmax(profile < level))
    before = after - 1
    return before + (profile[before] - level) / (profile[before] - profile[after])


def test_gamma_is_a_power_of_the_greys():
    ramp = np.tile(np.linspace(0, 1, SIDE, dtype=np.float32), (SIDE, 1))
    inner = np.s_[40:-40, 40:-40]
    np.testing.assert_allclose(shaped(ramp, matte_gamma=2.0)[inner], ramp[inner] ** 0.5, atol=1e-5)
    np.testing.assert_allclose(shaped(ramp, matte_gamma=0.5)[inner], ramp[inner] ** 2, atol=1e-5)
    assert set(np.unique(shaped(disc(60), matte_gamma=3.0))) == {0.0, 1.0}


def test_invert_is_the_rest_of_the_crop_and_the_border_stays_empty():
    straight, turned = shaped(disc(60)), shaped(disc(60), matte_invert=True)
    inner = np.s_[30:-30, 30:-30]
    np.testing.assert_allclose((straight + turned)[inner], 1)
    assert not np.concatenate([turned[0], turned[-1], turned[:, 0], turned[:, -1]]).any()


@pytest.mark.parametrize("per_cent", [4.0, 12.0])
def test_softness_of_one_side_leaves_the_other_alone(per_cent):
    hard, width = shaped(disc(60)), per_cent / 100 * WIDTH
    inside, outside = shaped(disc(60), matte_soft_inside=per_cent), shaped(disc(60), matte_soft_outside=per_cent)
    assert not inside[hard == 0].any()
    assert (outside[hard == 1] == 1).all()
    # The fade runs over the asked width, so that its middle lies half of it away from the edge.
    place = crossing(to_the_right(hard), 0.5)
    assert crossing(to_the_right(inside), 0.5) == pytest.approx(place - width / 2, abs=0.75)
    assert crossing(to_the_right(outside), 0.5) == pytest.approx(place + width / 2, abs=0.75)
    for soft, ends in ((inside, (place - width, place)), (outside, (place, place + width))):
        profile = to_the_right(soft)
        assert profile[round(ends[0])] > 0.93
        assert profile[round(ends[1]) + 1] < 0.07
        assert (np.diff(profile[: round(ends[1]) + 2]) <= 1e-6).all()


def test_soften_edge_only_is_feather_at_the_outline_and_nothing_inside():
    greys = disc(70) * (0.7 + 0.3 * np.random.default_rng(0).random((SIDE, SIDE), np.float32))
    edge, feather = shaped(greys, matte_soft_edge=6.0), shaped(greys, matte_feather=6.0)
    core = disc(70 - 4 * 0.06 * WIDTH) > 0
    np.testing.assert_array_equal(edge[core], greys[core])
    assert np.abs(feather[core] - greys[core]).max() > 0.1
    rim = (disc(71) - disc(69)) > 0
    np.testing.assert_allclose(edge[rim], feather[rim], atol=0.06)


def halves(dark: float, bright: float) -> np.ndarray:
    """A plate of middle grey whose left rim of a disc of 60 pixels is ``dark`` and whose right rim is ``bright``."""
    x = np.mgrid[:SIDE, :SIDE][1] - MIDDLE
    plate = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    plate[x < -35], plate[x > 35] = dark, bright
    return plate


@pytest.mark.parametrize(("name", "moved"), [("matte_erode_dark", (1, 0)), ("matte_erode_bright", (0, 1))])
def test_the_edge_is_drawn_in_on_the_side_whose_tone_asks_for_it(name, moved):
    hard = shaped(disc(60))
    found = shaped(disc(60), halves(0.05, 0.95), **{name: 10.0})
    expected = 0.1 * WIDTH
    profiles = (found[SIDE // 2, : SIDE // 2][::-1], found[SIDE // 2, SIDE // 2 :])
    places = (hard[SIDE // 2, : SIDE // 2][::-1], hard[SIDE // 2, SIDE // 2 :])
    for profile, before, share in zip(profiles, places, moved, strict=True):
        assert crossing(before, 0.5) - crossing(profile, 0.5) == pytest.approx(share * expected, abs=1.0)


def test_an_even_plate_draws_no_edge_in():
    plate = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    np.testing.assert_array_equal(shaped(disc(60), plate, matte_erode_dark=10, matte_erode_bright=10), shaped(disc(60)))


SHAPES = [
    {"matte_gamma": 2.2, "matte_feather": 8.0},
    {"matte_invert": True, "matte_feather": 5.0},
    {"matte_soft_inside": 8.0},
    {"matte_soft_outside": 8.0},
    {"matte_soft_edge": 6.0},
    {"matte_erode_dark": 10.0},
    {"matte_erode_bright": 10.0},
    {"matte_expand": 6.0},
    {"matte_expand": -6.0},
    {"matte_feather": 8.0},
    {"matte_left": 50.0},
    {"matte_smooth": 8.0, "matte_black_clip": 0.25, "matte_white_clip": 0.8},
    {"matte_holes": 10.0},
    {"matte_islands": True},
    {"matte_source": "hull"},
    {"matte_source": "both"},
    {"matte_source": "either"},
    {"keep_mouth": 1.0},
    {"keep_eyes": 1.0},
    {"keep_brows": 1.0},
    {"keep_skin": 1.0},
]
"""Every operation by itself."""


@pytest.mark.parametrize("values", SHAPES, ids=lambda values: next(iter(values)) + str(next(iter(values.values()))))
@pytest.mark.parametrize("proxy", [2, 4])
def test_a_proxy_shows_every_operation_where_the_full_picture_does(values, proxy):
    """Edges lie within half a pixel of the proxy."""
    size, crop = 480, Crop(SIDE)
    places = POINTS * 1.5 + (70, 60)
    x = np.mgrid[:size, :size][1]
    plate = np.full((size, size, 3), 0.5, np.float32)
    plate[x < places[0, 0] - 30], plate[x > places[1, 0] + 30] = 0.05, 0.95

    def drawn(scale: int) -> np.ndarray:
        small = cv2.resize(plate, (size // scale, size // scale), interpolation=cv2.INTER_AREA)
        matrix = fit_crop((places + 0.5) / scale - 0.5, crop)
        mask = cv2.GaussianBlur(disc(55), (0, 0), 1.5)
        own = shaped(mask, sample_crop(small, matrix, SIDE), POINTS, **values)
        return matte.on_plate(own, [matrix], Rectangle(0, 0, size // scale, size // scale))

    full, small = drawn(1), drawn(proxy)
    averaged = cv2.resize(full, small.shape[::-1], interpolation=cv2.INTER_AREA)
    # How far an edge has moved: the difference of values over the slope across it.
    slope = np.hypot(*np.gradient(averaged))
    edge = (averaged > 0.25) & (averaged < 0.75) & (slope > 0.03)
    assert edge.sum() > 20
    away = np.abs(small - averaged)[edge] / slope[edge]
    assert np.quantile(away, 0.99) <= 0.5


def test_the_hull_holds_the_five_points_and_follows_them():
    drawn = hull(POINTS, SIDE, 2.0)
    rows, columns = np.rint(POINTS).astype(int)[:, ::-1].T
    assert (drawn[rows, columns] > 0.99).all()
    assert drawn[5, 5] == 0
    assert 0.25 < drawn.mean() < 0.55
    np.testing.assert_allclose(
        hull(POINTS + (12, -7), SIDE, 2.0)[20:-40, 30:-30], np.roll(drawn, (-7, 12), (0, 1))[20:-40, 30:-30], atol=0.02
    )


def test_the_hull_narrows_on_the_side_that_the_head_turns_to():
    turned = POINTS.copy()
    turned[2, 0] += 0.25 * (POINTS[1, 0] - POINTS[0, 0])
    straight, away = (hull(points, SIDE, 2.0)[SIDE // 2] for points in (POINTS, turned))
    middle = SIDE // 2
    assert away[middle:].sum() < 0.85 * straight[middle:].sum()
    assert away[:middle].sum() == pytest.approx(straight[:middle].sum(), rel=0.02)


@pytest.mark.parametrize(("source", "joined"), [("both", np.minimum), ("either", np.maximum)])
def test_learned_mask_and_hull_are_joined(source, joined):
    mask = np.roll(disc(60), 40, axis=1)
    soft = 4.0 / 100 * WIDTH
    expected = joined(mask, hull(POINTS, SIDE, soft)) * matte.border_falloff(SIDE)
    np.testing.assert_allclose(shaped(mask, matte_source=source), expected, atol=1e-6)
    np.testing.assert_allclose(shaped(mask, matte_source="hull"), shaped(np.zeros_like(mask), matte_source="either"))


FEATURES = {
    "keep_mouth": (POINTS[3:].mean(axis=0) + (0, 4)).tolist(),
    "keep_eyes": POINTS[0].tolist(),
    "keep_brows": (POINTS[1] - (0, 0.42 * (POINTS[3, 1] - POINTS[0, 1]))).tolist(),
    "keep_skin": ((POINTS[0] + POINTS[3]) / 2 - (14, 0)).tolist(),
}


@pytest.mark.parametrize("name", FEATURES)
def test_a_kept_feature_is_the_plate_s_and_the_rest_is_not(name):
    whole, half = (shaped(disc(90), **{name: amount}) for amount in (1.0, 0.5))
    for other, (column, row) in FEATURES.items():
        place = round(row), round(column)
        assert whole[place] == pytest.approx(float(other != name), abs=0.02), other
    x, y = FEATURES[name]
    assert half[round(y), round(x)] == pytest.approx(0.5, abs=0.02)
    assert ((whole > 0.05) & (whole < 0.95)).mean() > 0.003


def test_kept_features_follow_the_landmarks_and_not_the_template():
    moved = POINTS.copy()
    moved[3:] += (0, 14)
    kept = shaped(disc(100), points=moved, keep_mouth=1.0)
    x, y = np.rint(moved[3:].mean(axis=0)).astype(int)
    assert kept[y + 3, x] < 0.02


def test_neutral_values_change_no_bit(node: FaceSwapNode):
    """Every new control at rest, beside one that is not: the golden pictures hold the defaults."""
    plain = node.render(3)
    rows = ("matte_gamma", "matte_invert", "matte_soft_inside", "keep_mouth", "matte_erode_dark", "matte_source")
    values = {name: getattr(Settings(), name) for name in rows}
    assert node.render(3, Settings(**values)).composite.tobytes() == plain.composite.tobytes()
    for name, value in {"matte_gamma": 2.0, "matte_source": "hull", "keep_eyes": 1.0, "matte_erode_dark": 20.0}.items():
        assert node.render(3, Settings(**{name: value})).matte.tobytes() != plain.matte.tobytes(), name
