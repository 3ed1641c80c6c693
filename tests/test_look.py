"""Compositing: the plate's bits, premultiplication, layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drawn import TEMPLATE, crop_of
from mobilefaceswap.colour import ColourSpace, to_display
from mobilefaceswap.frame import Frame, unpremultiplied
from mobilefaceswap.geometry import Rectangle, crop_rectangle, fit_crop, sample_crop
from mobilefaceswap.look import Composition, Layer, Swapped, face_colour, over, views
from mobilefaceswap.look.layers import difference
from mobilefaceswap.look.match import colour_match
from mobilefaceswap.packs import TEMPLATES
from mobilefaceswap.settings import Settings

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
    joined = over.composite(Composition(source, (layer(),)))
    untouched = over.matte(Composition(source, (layer(),))) == 0
    assert joined[untouched].tobytes() == source.pixels[untouched].tobytes()
    assert untouched.mean() > 0.5


def test_where_the_matte_is_one_only_the_face_is_seen():
    full = layer(np.ones((6, 6), np.float32))
    joined = over.composite(Composition(plate(), (full,)))
    np.testing.assert_array_equal(joined[REGION.slices], full.colour)


def test_the_composite_is_the_face_layer_over_the_plate():
    source = plate()
    joined = over.composite(Composition(source, (layer(),)))
    face = over.face(Composition(source, (layer(),)))
    np.testing.assert_allclose(joined, face[..., :3] + source.pixels * (1 - face[..., 3:]), atol=1e-5)


def test_premultiplied_and_straight_plates_give_the_same_picture():
    straight = plate(4)
    alpha = straight.pixels[..., 3:]
    multiplied = Frame(np.dstack([straight.pixels[..., :3] * alpha, alpha]), premultiplied=True)
    of_straight = over.composite(Composition(straight, (layer(),)))
    of_multiplied = over.composite(Composition(multiplied, (layer(),)))
    np.testing.assert_allclose(of_multiplied[..., :3], of_straight[..., :3] * alpha, atol=1e-5)
    np.testing.assert_array_equal(of_multiplied[..., 3], of_straight[..., 3])


def test_alpha_passes_through_unless_the_matte_is_asked_for():
    source = plate(4)
    kept = over.composite(Composition(source, (layer(),)))
    np.testing.assert_array_equal(kept[..., 3], source.pixels[..., 3])
    written = over.composite(Composition(plate(3), (layer(),), matte_to_alpha=True))
    np.testing.assert_array_equal(written[..., 3], over.matte(Composition(plate(3), (layer(),))))


def test_an_alpha_below_0_leaves_the_plate_its_light():
    source = plate(4, premultiplied=True)
    source.pixels[5, 6, 3] = -0.5
    drawn = Composition(source, (layer(np.ones((6, 6), np.float32)),))
    np.testing.assert_array_equal(over.composite(drawn)[5, 6], source.pixels[5, 6])
    assert not over.face(drawn)[5, 6].any()


@pytest.mark.parametrize("alpha", [np.nan, np.inf, -np.inf])
def test_a_broken_alpha_spoils_no_colour(alpha: float):
    whole, broken = (Frame(plate(4).pixels.copy(), premultiplied=True) for _ in range(2))
    whole.pixels[5:7, 6, 3], broken.pixels[5:7, 6, 3] = 1, alpha
    full = layer(np.ones((6, 6), np.float32))
    for drawn in (over.composite, over.face):
        found, want = (drawn(Composition(source, (full,))) for source in (broken, whole))
        np.testing.assert_array_equal(found, want)
    untouched = Composition(broken, (layer(np.zeros((6, 6), np.float32)),))
    assert over.composite(untouched).tobytes() == broken.pixels.tobytes()


def test_with_the_matte_as_alpha_colour_is_no_longer_multiplied_by_the_plate_s():
    straight = plate(4)
    straight.pixels[..., 3] = 0.5
    multiplied = Frame(straight.pixels * np.array([0.5, 0.5, 0.5, 1], np.float32), premultiplied=True)
    found, want = (over.composite(Composition(one, (layer(),), matte_to_alpha=True)) for one in (multiplied, straight))
    np.testing.assert_allclose(found, want, atol=1e-6)
    changed = difference(Composition(multiplied, (layer(),), matte_to_alpha=True))
    np.testing.assert_allclose(changed, difference(Composition(straight, (layer(),))), atol=1e-6)


def test_a_broken_plate_pixel_under_the_matte_counts_as_black():
    source = plate()
    source.pixels[5, 6] = np.inf
    half = layer(np.full((6, 6), 0.5, np.float32))
    joined = over.composite(Composition(source, (half,)))
    np.testing.assert_array_equal(joined[5, 6], half.colour[3, 3] / 2)


def test_without_a_face_every_layer_is_empty():
    source = plate()
    assert over.composite(Composition(source, ())).tobytes() == source.pixels.tobytes()
    assert not over.matte(Composition(source, ())).any()
    assert not over.face(Composition(source, ())).any()
    assert Composition(source, ()).changed == Rectangle(0, 0, 0, 0)


def placed(pixels: np.ndarray, colour: np.ndarray | None = None, space: ColourSpace = ColourSpace.SRGB) -> Swapped:
    """A face on ``pixels`` (200, 220, 3); the network draws ``colour``, by default just what it sees."""
    matrix = fit_crop(TEMPLATE * 1.4 + (20, 10), crop_of(112))
    region = crop_rectangle(matrix, 112, (220, 200))
    crop = np.clip(to_display(sample_crop(pixels, matrix, 112), space), 0, 1)
    mask = np.ones((112, 112), np.float32)
    drawn = crop if colour is None else colour
    return Swapped(0, pixels[region.slices], space, 1.0, crop, drawn, mask, matrix, region, TEMPLATES["arcface-112"])


PLAIN = Settings(colour_match=0.0, plate_detail=0.0)


def test_an_unchanged_crop_leaves_the_plate_with_full_detail():
    face = placed(np.random.default_rng(8).random((200, 220, 3), np.float32))
    kept = face_colour(face, Settings(colour_match=0.0, plate_detail=1.0))
    np.testing.assert_array_equal(kept, face.plate)


def test_detail_is_the_same_whether_the_plate_s_crop_is_pasted_with_the_network_s_colour_or_alone():
    random = np.random.default_rng(8)
    face = placed(random.random((200, 220, 3), np.float32), random.random((112, 112, 3), np.float32))
    at_once, singly = (face_colour(one, Settings()) for one in (face, replace(face, drawn=(face.matrix, face.matrix))))
    np.testing.assert_allclose(at_once, singly, atol=1e-5)
    elsewhere = face_colour(replace(face, drawn=(face.matrix + [[0, 0, 3], [0, 0, 0]],)), Settings())
    assert abs(elsewhere - at_once).max() > 0.1


def test_without_plate_detail_the_face_is_the_network_s_colour_alone():
    random = np.random.default_rng(8)
    grey = np.full((112, 112, 3), 0.3, np.float32)
    face = placed(random.random((200, 220, 3), np.float32), grey)
    np.testing.assert_allclose(face_colour(face, PLAIN), 0.3, atol=1e-5)


def test_half_of_the_plate_s_detail_is_half_of_its_grain():
    random = np.random.default_rng(8)
    grain = random.normal(0.5, 0.1, (200, 220, 3)).astype(np.float32)
    face = placed(grain)
    none, half, whole = (face_colour(face, PLAIN.replaced(plate_detail=amount)) for amount in (0, 0.5, 1))
    np.testing.assert_allclose(half, (none + whole) / 2, atol=1e-5)
    assert none.std() < half.std() < whole.std()


def test_highlights_beyond_white_survive_with_full_detail():
    pixels = np.full((200, 220, 3), 0.4, np.float32)
    pixels[90:95, 90:95] = 12.0
    kept = face_colour(placed(pixels, space=ColourSpace.LINEAR), Settings(colour_match=0.0, plate_detail=1.0))
    assert kept.max() == pytest.approx(12.0, rel=1e-4)


def test_status_shows_core_edge_and_what_external_mattes_did():
    shaped = np.zeros((6, 6), np.float32)
    shaped[1:5, 1:5], shaped[2, 2] = 1, 0.5
    final = shaped.copy()
    final[1, 1:5], final[5, 5] = 0, 1
    lowest = Layer(REGION, np.zeros((6, 6, 3), np.float32), final, shaped)
    status = views.status(Composition(plate(), (lowest,)))
    view = status[REGION.slices]
    assert view[0, 0].tolist() == [0, 0, 0]
    assert view[2, 2].tolist() == [0.5, 0.5, 0.5]
    assert view[3, 3].tolist() == [1, 1, 1]
    assert view[1, 2].tolist() == [1, 0, 0]
    assert view[5, 5].tolist() == [0, 0, 1]


@pytest.mark.parametrize("mix", [0.5, 0.9])
def test_status_is_the_same_whatever_mix_is(mix):
    shaped, whole = np.zeros((2, 6, 6), np.float32)
    shaped[1:5, 1:5], whole[1:4, 1:5], whole[2, 2], whole[5, 5] = 1, 1, 0.7, 1
    colour = np.zeros((6, 6, 3), np.float32)
    full, part = (Layer(REGION, colour, whole * np.float32(m), shaped, whole=whole) for m in (1, mix))
    expected = views.status(Composition(plate(), (full,)))
    np.testing.assert_array_equal(views.status(Composition(plate(), (part,))), expected)
    assert len(np.unique(expected.reshape(-1, 3), axis=0)) == 5


def test_the_matte_is_what_the_layers_cover_together():
    source = plate(4)
    source.pixels[..., 3] = 1
    two = tuple(layer(np.full((6, 6), share, np.float32)) for share in (0.5, 0.25))
    drawn = Composition(source, two)
    assert over.matte(drawn)[REGION.slices] == pytest.approx(np.full((6, 6), 0.625))
    np.testing.assert_allclose(over.face(drawn)[..., 3], over.matte(drawn), atol=1e-6)
    laid = source.rgb * (1 - over.matte(drawn)[..., None]) + over.face(drawn)[..., :3]
    np.testing.assert_allclose(laid, over.composite(drawn)[..., :3], atol=1e-5)


def test_straight_colour_of_transparent_pixels_is_zero_and_finite():
    pixels = np.array([[[0.3, 0.3, 0.3, alpha] for alpha in (0.0, 0.5, np.nan)]], np.float32)
    straight = unpremultiplied(pixels)
    np.testing.assert_allclose(straight[0, :, :3], [[0] * 3, [0.6] * 3, [0.3] * 3])
    np.testing.assert_array_equal(straight[..., 3], pixels[..., 3])
    np.testing.assert_allclose(unpremultiplied(pixels, keep_light=True)[0, :, :3], [[0.3] * 3, [0.6] * 3, [0.3] * 3])


def test_colour_without_alpha_keeps_every_bit():
    pixels = plate(4).pixels
    pixels[2, 3] = [np.nan, np.inf, -np.inf, 0.5]
    for frame in (Frame(pixels), Frame(pixels[..., :3])):
        np.testing.assert_array_equal(frame.colour(np.s_[1:7, 2:9]), pixels[1:7, 2:9, :3])
        assert frame.colour(np.s_[4:4, 2:9]).shape == (0, 7, 3)


def test_an_opaque_premultiplied_plate_is_straight_as_it_is():
    multiplied = Frame(np.dstack([plate().pixels, np.ones(plate().pixels.shape[:2], np.float32)]), premultiplied=True)
    assert multiplied.straight().pixels is multiplied.pixels
    pixels = multiplied.pixels.copy()
    pixels[3, 5, 3] = 0.5
    straight = Frame(pixels, premultiplied=True).straight().pixels
    np.testing.assert_allclose(straight[3, 5, :3], 2 * pixels[3, 5, :3])
    assert (straight != pixels).any(axis=2).sum() == 1


def match_case(side: int = 64) -> Swapped:
    """A crop, what a network with a cast and a feature makes of it, and a soft mask."""
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    crop = np.dstack([0.6 - 0.2 * x, 0.45 - 0.1 * y, 0.4 + 0 * x]).astype(np.float32)
    mask = np.clip(4 - 10 * np.hypot(x - 0.5, y - 0.5), 0, 1).astype(np.float32)
    feature = 0.2 * ((np.abs(x - 0.5) < 0.03) & (np.abs(y - 0.5) < 0.1)).astype(np.float32)
    cast = np.array([-0.1, 0.02, 0.15], np.float32)
    colour = (crop + cast + feature[..., None]).astype(np.float32)
    matrix, region = np.eye(2, 3), Rectangle(0, 0, side, side)
    return Swapped(0, crop, ColourSpace.SRGB, 1.0, crop, colour, mask, matrix, region, TEMPLATES["arcface-112"])


def matched(face: Swapped, amount: float) -> np.ndarray:
    return colour_match(face, face.colour, Settings(colour_match=amount))


def test_colour_match_takes_a_cast_away_and_keeps_what_is_fine():
    face = match_case()
    found = matched(face, 1.0)
    core = face.mask == 1
    assert np.abs((face.colour - face.crop)[core].mean(axis=0)).max() > 0.1
    assert np.abs((found - face.crop)[core].mean(axis=0)).max() < 0.02
    before, after = (picture[32, 32] - picture[32, 40] for picture in (face.colour, found))
    np.testing.assert_allclose(after, before, atol=0.02)


def test_colour_match_goes_on_where_the_matte_may_be_expanded():
    face = match_case()
    rim = (face.mask == 0) & (np.hypot(*(np.mgrid[:64, :64] / 64 - 0.5)) < 0.45)
    assert np.abs((matched(face, 1.0) - face.crop)[rim].mean(axis=0)).max() < 0.03


def test_colour_match_is_neutral_at_zero_and_halves_at_a_half():
    face = match_case()
    assert matched(face, 0.0) is face.colour
    np.testing.assert_allclose(matched(face, 0.5), (face.colour + matched(face, 1.0)) / 2, atol=1e-6)


def test_colour_match_leaves_an_unchanged_face_alone():
    face = match_case()
    same = replace(face, colour=face.crop)
    np.testing.assert_array_equal(matched(same, 1.0), face.crop)


def test_colour_match_of_an_empty_mask_changes_nothing():
    face = replace(match_case(), mask=np.zeros((64, 64), np.float32))
    np.testing.assert_array_equal(matched(face, 1.0), face.colour)
