"""Geometry: fitting the template, sampling a crop, putting it back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drawn import TEMPLATE, crop_of
from mobilefaceswap.frame import Frame
from mobilefaceswap.geometry import (
    Rectangle,
    apart,
    bounded,
    crop_quad,
    crop_rectangle,
    fit_crop,
    glimpse,
    paste,
    reduced,
    sample_crop,
    sample_frame,
)


def turned(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * points @ rotation.T + shift


@pytest.mark.parametrize("fit", ["similarity", "affine"])
@pytest.mark.parametrize("degrees", [0, 25, -170])
def test_the_fit_undoes_a_similarity(fit, degrees):
    landmarks = turned(TEMPLATE, degrees, 3.7, (410, -35))
    matrix = fit_crop(landmarks, crop_of(224, fit))
    laid = landmarks @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(laid, TEMPLATE * 2, atol=1e-9)


def test_a_similarity_never_shears_or_mirrors():
    landmarks = TEMPLATE + np.random.default_rng(1).normal(0, 6, TEMPLATE.shape)
    linear = fit_crop(landmarks, crop_of(112))[:, :2]
    np.testing.assert_allclose(linear @ linear.T, np.eye(2) * np.linalg.det(linear), atol=1e-9)
    assert np.linalg.det(linear) > 0


def test_anamorphic_pixels_give_the_crop_of_square_ones():
    landmarks = TEMPLATE * 2 + (100, 50)
    squeezed = landmarks / (2.0, 1.0)
    matrix = fit_crop(squeezed, crop_of(224), pixel_aspect=2.0)
    laid = squeezed @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(laid, TEMPLATE * 2, atol=1e-9)


def ramps(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.dstack([x, y, x + y])


@pytest.mark.parametrize("scale", [0.7, 1.0, 2.3, 6.1])
def test_a_crop_of_ramps_holds_plate_coordinates(scale):
    landmarks = turned(TEMPLATE, 11, scale, (120, 90))
    matrix = fit_crop(landmarks, crop_of(112))
    crop = sample_crop(ramps(900, 1000), matrix, 112)
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    for x, y in [(56, 56), (30, 80), (90, 40)]:
        expected = inverse @ [x, y, 1]
        np.testing.assert_allclose(crop[y, x, :2], expected[:2], atol=0.05 * max(1.0, scale))


def test_pasting_back_is_in_register():
    plate = ramps(400, 500) / 500
    matrix = fit_crop(turned(TEMPLATE, -8, 1.9, (130, 60)), crop_of(224))
    region = crop_rectangle(matrix, 224, (500, 400))
    back = paste(sample_crop(plate, matrix, 224), matrix, region)
    middle = tuple(slice(side // 3, 2 * side // 3) for side in back.shape[:2])
    np.testing.assert_allclose(back[middle], plate[region.slices][middle], atol=1e-3)


def test_a_checkerboard_finer_than_the_crop_turns_grey():
    board = (np.indices((800, 800)).sum(axis=0) % 2).astype(np.float32)
    matrix = fit_crop(TEMPLATE * 6.5, crop_of(112))
    crop = sample_crop(np.dstack([board] * 3), matrix, 112)
    assert np.abs(crop[10:-10, 10:-10] - 0.5).max() < 0.1


def test_broken_pixels_do_not_spread_over_the_crop():
    plate = np.full((300, 300, 3), 0.25, np.float32)
    plate[150, 150] = np.nan
    plate[151, 150] = np.inf
    crop = sample_crop(plate, fit_crop(TEMPLATE * 2, crop_of(224)), 224)
    assert np.isfinite(crop).all()
    assert crop.max() <= 0.25 + 1e-6


def test_a_crop_beyond_the_plate_is_empty_and_touches_nothing():
    matrix = fit_crop(TEMPLATE + (5000, 5000), crop_of(112))
    assert crop_rectangle(matrix, 112, (640, 360)).empty
    assert not sample_crop(ramps(360, 640), matrix, 112).any()


def test_the_quad_encloses_the_landmarks():
    landmarks = turned(TEMPLATE, 30, 2, (200, 100))
    quad = crop_quad(fit_crop(landmarks, crop_of(112)), 112)
    assert (quad.min(axis=0) < landmarks.min(axis=0)).all()
    assert (quad.max(axis=0) > landmarks.max(axis=0)).all()


def test_rectangles_that_are_near_become_one():
    one, near, far = Rectangle(0, 0, 10, 10), Rectangle(17, 3, 20, 5), Rectangle(40, 40, 50, 50)
    assert apart([one, far, near], 8) == (far, one.union(near))
    assert apart([one, far, near], 7) == (one, far, near)
    # The one between joins two that are far from each other.
    assert apart([one, Rectangle(20, 0, 30, 10), Rectangle(9, 0, 21, 10)], 4) == (Rectangle(0, 0, 30, 10),)
    assert apart([Rectangle(5, 5, 5, 9)], 8) == ()


def test_an_empty_rectangle_adds_nothing_to_a_union():
    full, empty = Rectangle(2, 3, 10, 12), Rectangle(0, 0, 0, 5)
    assert full.union(empty) == full == empty.union(full)


def test_a_face_smaller_than_its_crop_is_averaged_and_not_sampled():
    y, x = np.mgrid[:112, :112]
    board = (((x + y) % 2) * np.ones((3, 1, 1))).transpose(1, 2, 0).astype(np.float32)
    matrix = fit_crop(turned(TEMPLATE, 7, 0.3, (60, 50)), crop_of(112))
    region = crop_rectangle(matrix, 112, (200, 160))
    middle = paste(board, matrix, region)[8:-8, 8:-8]
    inside = middle[middle[..., 0] > 0.25]
    assert len(inside) > 100
    np.testing.assert_allclose(inside, 0.5, atol=0.06)


def test_beyond_the_crop_there_is_nothing_or_its_edge():
    grey = np.full((64, 64, 3), 0.5, np.float32)
    matrix = fit_crop(turned(TEMPLATE, 0, 1.5, (60, 50)), crop_of(64))
    region = Rectangle(0, 0, 400, 300)
    assert paste(grey, matrix, region)[-1, -1].tolist() == [0, 0, 0]
    np.testing.assert_allclose(paste(grey, matrix, region, extended=True), 0.5, atol=1e-6)


def test_a_crop_over_the_plate_s_edge_repeats_the_edge():
    plate = np.full((90, 120, 3), 0.4, np.float32)
    crop = sample_crop(plate, fit_crop(TEMPLATE * 1.0 + (-40, -30), crop_of(112)), 112)
    np.testing.assert_allclose(crop, 0.4, atol=1e-6)


def test_rectangles_move_join_and_are_empty():
    one, other = Rectangle(2, 3, 7, 9), Rectangle(5, 1, 6, 4)
    assert one.moved(10, -2) == Rectangle(12, 1, 17, 7)
    assert one.union(other) == other.union(one) == Rectangle(2, 1, 7, 9)
    assert one.union(Rectangle(0, 0, 0, 5)) == Rectangle(0, 0, 0, 5).union(one) == one
    assert (one.size, Rectangle(4, 4, 1, 9).size) == ((5, 6), (0, 5))
    assert Rectangle(4, 4, 4, 9).empty
    assert not one.empty
    assert one.slices == (slice(3, 9), slice(2, 7))


def test_colour_is_sampled_as_its_channels_are():
    pixels, matrix = (
        np.random.default_rng(3).random((40, 60, 3), np.float32),
        np.array([[0.8, 0.3, -9], [-0.3, 0.8, 8]]),
    )
    alone = np.dstack([sample_crop(channel, matrix, 32) for channel in np.moveaxis(pixels, 2, 0)])
    np.testing.assert_allclose(sample_crop(pixels, matrix, 32), alone, rtol=0, atol=1e-6)


def test_pixels_that_are_not_finite_count_as_zero_and_none_exceeds_a_half_float():
    pixels = np.array([np.nan, np.inf, -np.inf, 1e6, -1e6, 0.3, -0.2], np.float32)
    np.testing.assert_array_equal(bounded(pixels), np.array([0, 0, 0, 65504, -65504, 0.3, -0.2], np.float32))
    assert np.isnan(pixels[0]), "a copy"


@pytest.mark.parametrize("broken", [0.5, np.nan, np.inf])
@pytest.mark.parametrize("size", [(96, 54), (64, 54), (90, 50), (192, 108)])
def test_a_picture_averaged_in_bands_is_the_one_averaged_whole(size: tuple[int, int], broken: float) -> None:
    pixels = np.random.default_rng(1).random((540, 960, 4), np.float32)
    pixels[300, 500, 1] = broken
    expected = cv2.resize(np.nan_to_num(pixels[..., :3]), size, interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(reduced(Frame(pixels), size, finite=True), expected)


def test_a_crop_of_a_frame_is_the_crop_of_its_colour() -> None:
    pixels = np.random.default_rng(1).random((90, 160, 4), np.float32)
    for matrix in (np.array([[0.5, 0.1, 3], [-0.1, 0.5, 7]]), np.array([[2.0, 0, -250], [0, 2.0, -20]])):
        np.testing.assert_array_equal(
            sample_frame(Frame(pixels), matrix, 64), sample_crop(np.ascontiguousarray(pixels[..., :3]), matrix, 64)
        )


@pytest.mark.parametrize("scale", [0.1, 0.24, 0.31, 0.5, 0.8, 1.7])
def test_a_glimpse_shows_what_a_sample_shows(scale):
    random = np.random.default_rng(4)
    pixels = cv2.GaussianBlur(random.random((600, 800, 3), np.float32), (0, 0), 3 / scale)
    matrix = np.array([[scale, 0.1 * scale, 50 - 400 * scale], [-0.1 * scale, scale, 50 - 250 * scale]])
    found, expected = (show(Frame(pixels), matrix, 96) for show in (glimpse, sample_frame))
    apart = np.abs(found - expected)[20:-20, 20:-20]
    assert apart.max() < 0.25 * expected.std()
    # No shift: the best fit of one picture's slopes to the difference is far below a tenth of a pixel.
    for axis in (0, 1):
        slope = np.gradient(expected, axis=axis)[20:-20, 20:-20]
        assert abs(float(((found - expected)[20:-20, 20:-20] * slope).sum() / (slope**2).sum())) < 0.03


def test_a_glimpse_beyond_the_plate_repeats_its_edge_and_nan_is_black():
    pixels = np.full((40, 60, 3), 0.5, np.float32)
    pixels[0, 0] = np.nan
    beyond = glimpse(Frame(pixels), np.array([[0.5, 0.0, 10.0], [0.0, 0.5, 10.0]]), 64)
    assert np.isfinite(beyond).all()
    assert beyond[-1, -1, 0] == 0.5
    assert not glimpse(Frame(pixels), np.array([[1.0, 0.0, 900.0], [0.0, 1.0, 900.0]]), 64).any()
