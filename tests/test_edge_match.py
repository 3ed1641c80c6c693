"""Edge match: no seam along the edge of the matte that is composited, whatever made that edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drawn import HEIGHT, WIDTH, DrawnClip, MarkerDetector, drawn_people
from mobilefaceswap.cache import RenderCache
from mobilefaceswap.demo.measure.pictures import seam
from mobilefaceswap.frame import Floats
from mobilefaceswap.look import OPERATIONS, Swapped
from mobilefaceswap.look.edge_match import edge_match
from mobilefaceswap.node import FaceSwapNode, PeopleNode, PersonNode
from mobilefaceswap.settings import Settings
from test_look_controls import SIDE, on_plate
from test_matte_overlap import NEAR

ON = Settings(edge_match=1)


def disc(radius: float) -> Floats:
    """A hard disc in the middle of the crop."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return np.clip(radius - np.hypot(rows - 128, columns - 128) + 0.5, 0, 1).astype(np.float32)


def cut() -> Floats:
    """The disc of the network's mask, cut off by a garbage matte."""
    return np.asarray(disc(90) * (np.mgrid[:SIDE, :SIDE][1] < 170), np.float32)


def edged_case() -> Swapped:
    """A face with features that is darker to the right and browner than the plate around it."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    crop = np.full((SIDE, SIDE, 3), (0.6, 0.5, 0.45), np.float32)
    light = 0.15 * np.clip((columns - 128) / 90, -0.2, 1)
    colour = (
        crop
        - light[..., None] * (0.8, 1, 1.2)
        + 0.1 * np.sin(rows / 6)[..., None] * (np.abs(columns - 128) < 30)[..., None]
    )
    return replace(on_plate(crop), crop=crop, colour=np.asarray(colour, np.float32), mask=disc(90), matte=disc(90))


def seam_of(face: Swapped, colour: Floats) -> float:
    """Of ``colour`` composited over the crop by the face's matte."""
    assert face.matte is not None
    return seam(face.crop, colour * face.matte[..., None] + face.crop * (1 - face.matte[..., None]), face.matte)


def test_edge_match_takes_the_seam_away_and_leaves_the_middle():
    face = edged_case()
    matched = edge_match(face, face.colour, ON)
    assert seam_of(face, face.colour) > 4
    assert seam_of(face, matched) < 1
    middle = np.s_[110:146, 110:146]
    assert np.abs(matched - face.colour)[middle].max() < 0.02
    assert np.ptp(matched[100:156, 128], axis=0).min() > 0.15
    half = edge_match(face, face.colour, Settings(edge_match=0.5))
    np.testing.assert_allclose(half, (face.colour + matched) / 2, atol=1e-5)


@pytest.mark.parametrize(("matte", "edge"), [(disc(60), np.s_[120:136, 180:186]), (cut(), np.s_[100:156, 163:169])])
def test_the_edge_is_that_of_the_matte_and_not_of_the_network_s_mask(matte, edge):
    face = replace(edged_case(), matte=matte)
    before, matched, at_the_mask_s = (
        float(np.abs((colour - face.crop)[edge].mean(axis=(0, 1))).max())
        for colour in (
            face.colour,
            edge_match(face, face.colour, ON),
            edge_match(replace(face, matte=face.mask), face.colour, ON),
        )
    )
    assert before > 0.06
    assert matched < 0.01
    assert at_the_mask_s > 3 * matched


def test_edge_match_is_off_by_default_and_needs_an_edge():
    face = edged_case()
    assert not OPERATIONS["edge match"].applies(Settings())
    for matte in (np.zeros_like(face.mask), np.ones_like(face.mask)):
        assert edge_match(replace(face, matte=matte), face.colour, ON) is face.colour


def test_where_the_plate_ends_there_is_no_edge():
    """A matte that goes on to the crop's right side: there the plate ends, and the face's own shading stays."""
    face = replace(edged_case(), matte=np.asarray(np.mgrid[:SIDE, :SIDE][1] > 60, np.float32))
    moved = np.abs(edge_match(face, face.colour, ON) - face.colour).max(axis=(0, 2))
    assert moved[62] > 0.01
    assert moved[200:].max() == 0


def test_a_face_that_is_moved_matches_the_plate_that_it_covers():
    face, shift = edged_case(), np.array([[1.0, 0, 40], [0, 1, 0]])
    plate = np.asarray(0.2 + 0.6 * np.mgrid[:SIDE, :SIDE][1] / SIDE, np.float32)[..., None] * np.ones(3, np.float32)
    face = replace(face, plate=plate, crop=plate, drawn=(shift,))
    np.testing.assert_allclose(face.under[:, 60:], plate[:, 20:-40], atol=1e-3)
    assert replace(face, drawn=()).under is face.crop
    against = replace(face, crop=face.under, drawn=())
    np.testing.assert_array_equal(edge_match(face, face.colour, ON), edge_match(against, face.colour, ON))


# In the node


def rendered(pack, identity, settings: Settings, cache: RenderCache | None = None, **mattes):
    """Frame 5 by a node whose face is the plate's, but for a hue."""
    cache = RenderCache(memory=0) if cache is None else cache
    return FaceSwapNode(identity, DrawnClip(), pack=pack, faces=MarkerDetector(), cache=cache).render(
        5, settings, **mattes
    )


def drawn_colour(result) -> Floats:
    (layer,) = result.layers
    whole = np.full((HEIGHT, WIDTH, 3), np.nan, np.float32)
    whole[layer.region.slices] = layer.colour
    return whole


@pytest.mark.parametrize("change", [{"matte_source": "hull"}, {"matte_expand": -15}, {"keep_mouth": 1}, "outside"])
def test_colour_follows_every_change_of_the_matte_and_of_nothing_else(tiny_pack, tiny_identity, change):
    cache, external = RenderCache(), {}
    if change == "outside":
        external = {"outside": np.zeros((HEIGHT, WIDTH), np.float32)}
        external["outside"][:, 132:] = 1
    settings = ON if change == "outside" else ON.replaced(**change)
    before, after = (
        rendered(tiny_pack, tiny_identity, ON, cache),
        rendered(tiny_pack, tiny_identity, settings, cache, **external),
    )
    fresh = rendered(tiny_pack, tiny_identity, settings, **external)
    np.testing.assert_array_equal(after.composite, fresh.composite)
    moved = np.abs(drawn_colour(after) - drawn_colour(before))
    assert np.nanmax(moved) > 0.02
    off = [
        drawn_colour(rendered(tiny_pack, tiny_identity, one.replaced(edge_match=0), **more))
        for one, more in ((ON, {}), (settings, external))
    ]
    assert np.nanmax(np.abs(off[0] - off[1])) < 1e-5


def test_mix_moves_no_edge(tiny_pack, tiny_identity):
    full, faint = (rendered(tiny_pack, tiny_identity, ON.replaced(mix=mix)) for mix in (1.0, 0.3))
    np.testing.assert_array_equal(drawn_colour(full), drawn_colour(faint))
    np.testing.assert_allclose(faint.matte, 0.3 * full.matte, atol=1e-6)


def test_a_garbage_matte_across_the_face_leaves_no_seam(tiny_pack, tiny_identity):
    outside = np.zeros((HEIGHT, WIDTH), np.float32)
    outside[:, 132:] = 1
    plate = DrawnClip().frame(5).pixels
    rim = np.s_[85:101, 128:132]
    settings = Settings(colour_match=0, plate_detail=0)
    off, on = (
        np.abs((rendered(tiny_pack, tiny_identity, one, outside=outside).composite - plate)[rim].mean())
        for one in (settings, settings.replaced(edge_match=1))
    )
    assert on < off / 3


@pytest.mark.parametrize("mix", [1.0, 0.5])
def test_the_edge_behind_another_person_s_swap_is_where_that_one_covers_it(tiny_pack, tiny_identity, mix):
    """As if the nearer swap's matte were a garbage matte of the farther: with hulls alone it reaches farther."""
    plate, node = drawn_people(NEAR), FaceSwapNode(tiny_identity, pack=tiny_pack, faces=MarkerDetector())
    near, far = ({"face_choice": "index", "face_index": number, "edge_match": 1.0} for number in (0, 1))
    near["matte_expand"] = 15.0
    front = node.render(0, Settings(**near), plate=plate)
    wanted = node.render(0, Settings(**far), plate=plate, outside=front.matte).layers[0]
    alone = node.render(0, Settings(**far), plate=plate).layers[0]
    assert np.abs(wanted.colour - alone.colour).max() > 0.02
    for order in ((near, far), (far, near)):
        people = [PersonNode(node, {**one, "mix": mix} if one is near else one) for one in order]
        behind = PeopleNode(people, Settings()).render(0, plate=plate).layers[0]
        np.testing.assert_array_equal(behind.colour, wanted.colour)
    same = Settings(face_choice="all", edge_match=1.0, matte_expand=15.0)
    first, second = node.render(0, same, plate=plate).layers
    both = node.render(0, Settings(**{**far, "matte_expand": 15.0}), plate=plate, outside=front.matte).layers[0]
    np.testing.assert_array_equal(first.colour, both.colour)
    np.testing.assert_array_equal(second.colour, front.layers[0].colour)
