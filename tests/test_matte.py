"""The matte: zero at the border, sizes in percent of the face, outside wins."""

from __future__ import annotations

import numpy as np
import pytest

from mobilefaceswap.look import matte
from mobilefaceswap.packs import TEMPLATES
from mobilefaceswap.settings import Settings

SIDE = 224
FACE = TEMPLATES["arcface-112"]
PLAIN = Settings(
    matte_feather=0,
    matte_black_clip=0,
    matte_white_clip=1,
    matte_islands=False,
    matte_holes=0,
    matte_smooth=0,
)


def disc(radius: float, side: int = SIDE) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return (np.hypot(x, y) <= radius).astype(np.float32)


def test_the_border_is_exactly_zero_even_where_the_mask_is_not():
    shaped = matte.shape(np.ones((SIDE, SIDE), np.float32), PLAIN, FACE)
    frame = np.concatenate([shaped[0], shaped[-1], shaped[:, 0], shaped[:, -1]])
    assert not frame.any()
    assert shaped[SIDE // 2, SIDE // 2] == 1


def test_a_sigmoid_s_tail_is_clipped_to_zero():
    shaped = matte.shape(np.full((SIDE, SIDE), 0.04, np.float32), Settings(), FACE)
    assert not shaped.any()


def test_white_clip_below_black_clip_is_a_hard_edge_and_not_an_error():
    shaped = matte.shape(disc(60), PLAIN.replaced(matte_black_clip=0.5, matte_white_clip=0.2), FACE)
    assert set(np.unique(shaped)) == {0.0, 1.0}


def disc_at(x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return (np.hypot(columns - x, rows - y) <= radius).astype(np.float32)


def test_neutral_settings_leave_the_mask_s_bits():
    mask = np.random.default_rng(0).random((SIDE, SIDE)).astype(np.float32)
    inner = np.s_[30:-30, 30:-30]
    np.testing.assert_array_equal(matte.shape(mask, PLAIN, FACE)[inner], mask[inner])


def test_an_island_goes_and_the_face_keeps_its_bits():
    face, island = disc(60), disc_at(60, 24, 6)
    kept = matte.shape(face + island, PLAIN.replaced(matte_islands=True), FACE)
    clean = matte.shape(face, PLAIN, FACE)
    np.testing.assert_array_equal(kept[face > 0], clean[face > 0])
    np.testing.assert_allclose(kept, clean, atol=0.03)
    assert matte.shape(face + island, PLAIN, FACE)[24, 60] == 1


@pytest.mark.parametrize("bridge", [0.0, 0.3, 0.8])
def test_an_island_counts_as_much_as_its_bridge_so_that_nothing_jumps(bridge):
    mask = np.maximum(disc(50), disc_at(112, 34, 8))
    mask[42:66, 106:118] = np.maximum(mask[42:66, 106:118], bridge)
    assert matte.shape(mask, PLAIN.replaced(matte_islands=True), FACE)[34, 112] == pytest.approx(bridge, abs=0.03)


def test_holes_narrower_than_the_setting_are_filled_and_wide_ones_and_inlets_stay():
    narrow, wide = disc_at(112, 90, 4), disc_at(112, 140, 16)
    inlet = np.zeros((SIDE, SIDE), np.float32)
    inlet[110:116, :90] = 1
    mask = np.clip(disc(80) - narrow - wide - inlet, 0, 1)
    filled = matte.shape(mask, PLAIN.replaced(matte_holes=10.0), FACE)
    assert filled[90, 112] > 0.9
    assert filled[140, 112] < 0.1
    assert filled[113, 60] < 0.1


def test_smoothing_takes_the_wobble_and_keeps_the_place():
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    angle, radius = np.arctan2(y, x), np.hypot(x, y)
    wobbly = (radius < 60 + 3 * np.sin(24 * angle)).astype(np.float32)
    tight = PLAIN.replaced(matte_black_clip=0.25, matte_white_clip=0.75)

    def outline(smooth):
        """How much of the matte's edge differs from the circle's, and its area."""
        shaped = matte.shape(wobbly, tight.replaced(matte_smooth=smooth), FACE)
        return np.abs(shaped - matte.shape(disc(60), tight.replaced(matte_smooth=smooth), FACE)).sum(), shaped.sum()

    assert outline(8.0)[0] < 0.4 * outline(0.0)[0]
    assert outline(8.0)[1] == pytest.approx(outline(0.0)[1], rel=0.01)


@pytest.mark.parametrize("name", ["matte_islands", "matte_holes", "matte_smooth"])
def test_a_crop_of_another_size_gives_the_same_shape(name):
    """Sizes are in percent: a pack with larger crops must not ask for other settings."""
    import cv2

    settings = PLAIN.replaced(**{name: {"matte_islands": True, "matte_holes": 10.0, "matte_smooth": 8.0}[name]})
    mask = cv2.GaussianBlur(np.maximum(disc(60), disc_at(60, 24, 6)) - disc_at(112, 112, 4), (0, 0), 2)
    double = cv2.resize(mask, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).clip(0, 1)
    halved = cv2.resize(matte.shape(double, settings, FACE), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    assert np.abs(halved - matte.shape(mask, settings, FACE)).mean() < 0.004


@pytest.mark.parametrize("percent", [-10.0, -3.3, 2.5, 9.0])
def test_expand_moves_the_edge_by_its_percentage_of_the_face(percent):
    before = matte.shape(disc(60), PLAIN, FACE)
    after = matte.shape(disc(60), PLAIN.replaced(matte_expand=percent), FACE)
    row = SIDE // 2
    moved = (after[row].sum() - before[row].sum()) / 2
    assert moved == pytest.approx(percent / 100 * FACE.face_width * SIDE, abs=0.75)


def test_expand_is_smooth_in_its_setting():
    widths = [
        float(matte.shape(disc(60), PLAIN.replaced(matte_expand=value), FACE).sum()) for value in np.linspace(0, 3, 13)
    ]
    assert (np.diff(widths) > 0).all()


def test_feather_softens_without_moving_the_middle_of_the_edge():
    soft = matte.shape(disc(60), PLAIN.replaced(matte_feather=10.0), FACE)
    edge = round((SIDE - 1) / 2 + 60)
    assert soft[SIDE // 2, edge] == pytest.approx(0.5, abs=0.1)
    assert 0 < soft[SIDE // 2, edge + 6] < 0.5 < soft[SIDE // 2, edge - 6] < 1


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("matte_left", np.s_[:, :60]),
        ("matte_right", np.s_[:, -60:]),
        ("matte_top", np.s_[:60]),
        ("matte_bottom", np.s_[-60:]),
    ],
)
def test_a_side_crop_takes_its_own_side_only(name, lost):
    full = matte.shape(disc(90), PLAIN, FACE)
    cut = matte.shape(disc(90), PLAIN.replaced(**{name: 50.0}), FACE)
    assert full[lost].any()
    assert not cut[lost].any()
    assert cut.sum() > 0.5 * full.sum()


def test_the_matte_follows_the_mask():
    moved = np.roll(disc(40), (15, -20), axis=(0, 1))
    expected = np.roll(matte.shape(disc(40), Settings(), FACE), (15, -20), axis=(0, 1))
    np.testing.assert_allclose(matte.shape(moved, Settings(), FACE), expected, atol=1e-5)


def test_outside_wins_over_inside():
    shaped, ones = np.full((4, 4), 0.5, np.float32), np.ones((4, 4), np.float32)
    inside, outside = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32)
    inside[:, :2], outside[:2] = 1, 1
    final = matte.combine(shaped, ones, inside, outside)
    assert not final[:2].any()
    assert (final[2:, :2] == 1).all()
    assert (final[2:, 2:] == 0.5).all()


def test_inside_reaches_no_further_than_the_crop():
    reach = np.zeros((4, 4), np.float32)
    final = matte.combine(reach, reach, np.ones((4, 4), np.float32), None)
    assert not final.any()


def test_broken_external_mattes_count_as_nothing():
    half = np.full((2, 2), 0.5, np.float32)
    broken = np.array([[np.nan, -3], [0, 0]], np.float32)
    np.testing.assert_array_equal(matte.combine(half, half, broken, broken), half)
