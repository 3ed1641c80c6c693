"""Compositing: the plate's bits, premultiplication, layers."""

from __future__ import annotations

import numpy as np
import pytest

from mobilefaceswap.frame import ColourSpace, Frame, straight
from mobilefaceswap.geometry import TEMPLATE, Rectangle, crop_rectangle, fit_crop, sample_crop
from mobilefaceswap.look import over, views
from mobilefaceswap.look.detail import face_layer
from mobilefaceswap.look.match import matched
from mobilefaceswap.look.over import Layer

REGION = Rectangle(3, 2, 9, 8)


def plate(channels: int = 3, premultiplied: bool = False) -> Frame:
    pixels = np.random.default_rng(4).normal(0.5, 2.0, (10, 12, channels)).astype(np.float32)
    if channels == 4:
        pixels[..., 3] = np.random.default_rng(5).random((10, 12))
    return Frame(pixels, premultiplied=premultiplied)


def layer(matte: np.ndarray | None = None) -> Layer:
    values = np.random.default_rng(6).random((6, 6), np.float32)
    values[0], values[:, 0], values[-1, -1] = 0, 0, 1
    values = values if matte is None else matte
    colour = np.random.default_rng(7).normal(0.5, 1, (6, 6, 3)).astype(np.float32)
    return Layer(REGION, colour, values, values)


@pytest.mark.parametrize(("channels", "premultiplied"), [(3, False), (4, False), (4, True)])
def test_where_the_matte_is_zero_the_plate_keeps_its_bits(channels, premultiplied):
    source = plate(channels, premultiplied)
    source.pixels[0, 0, 0] = np.nan
    joined = over.composite(source, [layer()], matte_to_alpha=False)
    untouched = over.matte_picture(source.size, [layer()]) == 0
    assert joined[untouched].tobytes() == source.pixels[untouched].tobytes()
    assert untouched.mean() > 0.5


def test_where_the_matte_is_one_only_the_face_is_seen():
    full = layer(np.ones((6, 6), np.float32))
    joined = over.composite(plate(), [full], matte_to_alpha=False)
    np.testing.assert_array_equal(joined[REGION.slices], full.colour)


def test_the_composite_is_the_face_layer_over_the_plate():
    source = plate()
    joined = over.composite(source, [layer()], matte_to_alpha=False)
    face = over.face_picture(source, [layer()])
    np.testing.assert_allclose(joined, face[..., :3] + source.pixels * (1 - face[..., 3:]), atol=1e-5)


def test_premultiplied_and_straight_plates_give_the_same_picture():
    straight = plate(4)
    alpha = straight.pixels[..., 3:]
    multiplied = Frame(np.dstack([straight.pixels[..., :3] * alpha, alpha]), premultiplied=True)
    of_straight = over.composite(straight, [layer()], matte_to_alpha=False)
    of_multiplied = over.composite(multiplied, [layer()], matte_to_alpha=False)
    np.testing.assert_allclose(of_multiplied[..., :3], of_straight[..., :3] * alpha, atol=1e-5)
    np.testing.assert_array_equal(of_multiplied[..., 3], of_straight[..., 3])


def test_alpha_passes_through_unless_the_matte_is_asked_for():
    source = plate(4)
    kept = over.composite(source, [layer()], matte_to_alpha=False)
    np.testing.assert_array_equal(kept[..., 3], source.pixels[..., 3])
    written = over.composite(plate(3), [layer()], matte_to_alpha=True)
    np.testing.assert_array_equal(written[..., 3], over.matte_picture((12, 10), [layer()]))


def test_a_broken_plate_pixel_under_the_matte_is_covered_by_the_face():
    source = plate()
    source.pixels[5, 6] = np.inf
    half = layer(np.full((6, 6), 0.5, np.float32))
    joined = over.composite(source, [half], matte_to_alpha=False)
    np.testing.assert_array_equal(joined[5, 6], half.colour[3, 3])


def test_without_a_face_every_layer_is_empty():
    source = plate()
    assert over.composite(source, [], matte_to_alpha=False).tobytes() == source.pixels.tobytes()
    assert not over.matte_picture(source.size, []).any()
    assert not over.face_picture(source, []).any()


def test_an_unchanged_crop_leaves_the_plate_with_full_detail():
    rng = np.random.default_rng(8)
    pixels = rng.random((200, 220, 3), np.float32)
    matrix = fit_crop(TEMPLATE * 1.4 + (20, 10), 112, "similarity")
    region = crop_rectangle(matrix, 112, (220, 200))
    crop = sample_crop(pixels, matrix, 112)
    mask = np.ones((112, 112), np.float32)
    kept = face_layer(pixels[region.slices], crop, crop, mask, matrix, region, ColourSpace.SRGB, detail=1.0)
    np.testing.assert_allclose(kept, pixels[region.slices], atol=1e-5)


def test_highlights_beyond_white_survive_with_full_detail():
    pixels = np.full((200, 220, 3), 0.4, np.float32)
    pixels[90:95, 90:95] = 12.0
    matrix = fit_crop(TEMPLATE * 1.4 + (20, 10), 112, "similarity")
    region = crop_rectangle(matrix, 112, (220, 200))
    crop = np.clip(sample_crop(pixels, matrix, 112), 0, 1)
    mask = np.ones((112, 112), np.float32)
    kept = face_layer(pixels[region.slices], crop, crop, mask, matrix, region, ColourSpace.LINEAR, detail=1.0)
    assert kept.max() == pytest.approx(12.0, rel=1e-4)


def test_status_shows_core_edge_and_what_external_mattes_did():
    shaped = np.zeros((6, 6), np.float32)
    shaped[1:5, 1:5], shaped[2, 2] = 1, 0.5
    final = shaped.copy()
    final[1, 1:5], final[5, 5] = 0, 1
    matte = np.zeros((10, 12), np.float32)
    matte[REGION.slices] = final
    status = views.status_picture((12, 10), [Layer(REGION, np.zeros((6, 6, 3), np.float32), final, shaped)], matte)
    view = status[REGION.slices]
    assert view[0, 0].tolist() == [0, 0, 0]
    assert view[2, 2].tolist() == [0.5, 0.5, 0.5]
    assert view[3, 3].tolist() == [1, 1, 1]
    assert view[1, 2].tolist() == [1, 0, 0]
    assert view[5, 5].tolist() == [0, 0, 1]


def test_straight_colour_of_transparent_pixels_is_zero_and_finite():
    rgb = np.full((1, 2, 3), 0.3, np.float32)
    alpha = np.array([[0.0, 0.5]], np.float32)
    np.testing.assert_allclose(straight(rgb, alpha, premultiplied=True)[0], [[0, 0, 0], [0.6, 0.6, 0.6]])


def match_case(side: int = 64):
    """A crop, what a network with a cast and a feature makes of it, and a soft mask."""
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    crop = np.dstack([0.6 - 0.2 * x, 0.45 - 0.1 * y, 0.4 + 0 * x]).astype(np.float32)
    mask = np.clip(4 - 10 * np.hypot(x - 0.5, y - 0.5), 0, 1).astype(np.float32)
    feature = 0.2 * ((np.abs(x - 0.5) < 0.03) & (np.abs(y - 0.5) < 0.1)).astype(np.float32)
    cast = np.array([-0.1, 0.02, 0.15], np.float32)
    swapped = crop + mask[..., None] * (cast + feature[..., None])
    return crop, swapped.astype(np.float32), mask


def test_colour_match_takes_a_cast_away_and_keeps_what_is_fine():
    crop, swapped, mask = match_case()
    found = matched(crop, swapped, mask, 1.0)
    core = mask == 1
    assert np.abs((found - crop)[core].mean(axis=0)).max() < 0.02
    before, after = (picture[32, 32] - picture[32, 40] for picture in (swapped, found))
    np.testing.assert_allclose(after, before, atol=0.02)


def test_colour_match_is_neutral_at_zero_and_changes_nothing_outside_the_mask():
    crop, swapped, mask = match_case()
    assert matched(crop, swapped, mask, 0.0) is swapped
    found = matched(crop, swapped, mask, 1.0)
    np.testing.assert_array_equal(found[mask == 0], swapped[mask == 0])
    half = matched(crop, swapped, mask, 0.5)
    np.testing.assert_allclose(half, (swapped + found) / 2, atol=1e-6)


def test_colour_match_leaves_an_unchanged_face_alone():
    crop, _, mask = match_case()
    np.testing.assert_array_equal(matched(crop, crop, mask, 1.0), crop)


def test_colour_match_of_an_empty_mask_is_finite():
    crop, swapped, mask = match_case()
    assert np.isfinite(matched(crop, swapped, 0 * mask, 1.0)).all()
