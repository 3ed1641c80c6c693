"""Faces that overlap: the nearer one, the larger in the plate, is in front, whether it is swapped or not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drawn import drawn_people
from mobilefaceswap import Settings

NEAR = ((110, 95), (150, 90))
"""Middles of the large and the small chart, close enough for their hulls to overlap."""
HULLS = Settings(face_choice="all", matte_source="hull", matte_feather=0, matte_smooth=0, plate_detail=0)


@pytest.fixture
def people():
    return drawn_people(NEAR)


def index_of(result, large: bool) -> int:
    sizes = [face.box[2] for face in result.faces]
    return int(np.argmax(sizes) if large else np.argmin(sizes))


def alone(node, plate, large: bool):
    found = node.render(0, plate=plate)
    return node.render(0, HULLS.replaced(face_choice="index", face_index=index_of(found, large)), plate=plate)


def front_of(result) -> np.ndarray:
    """Where a face is solid, some pixels away from its edge."""
    return cv2.erode((result.matte == 1).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0


def test_the_larger_face_wins_where_two_swaps_overlap(node, people):
    both, large = node.render(0, HULLS, plate=people), alone(node, people, large=True)
    assert len(both.swapped) == 2
    solid = large.matte == 1
    assert solid.sum() > 500
    np.testing.assert_array_equal(both.composite[solid], large.composite[solid])


def test_a_farther_face_stays_behind_a_nearer_one_that_is_not_swapped(node, people):
    large, small = alone(node, people, large=True), alone(node, people, large=False)
    front = front_of(large)
    assert front.sum() > 500
    assert small.matte.max() > 0.9
    assert not small.matte[front].any()
    assert small.composite[front].tobytes() == people.pixels[front].tobytes()
    apart = alone(node, drawn_people(), large=False)
    assert small.matte.sum() < 0.95 * apart.matte.sum()


def test_the_same_where_the_nearer_face_stands_on_the_other_side(node):
    turned = drawn_people(((210, 95), (170, 90)))
    front = front_of(alone(node, turned, large=True))
    assert front.sum() > 500
    assert alone(node, turned, large=False).matte[front].max() < 1e-3


def test_an_inside_matte_still_brings_the_farther_face_forward(node, people):
    inside = np.ones(people.pixels.shape[:2], np.float32)
    settings = HULLS.replaced(face_choice="index", face_index=index_of(node.render(0, plate=people), large=False))
    assert node.render(0, settings, plate=people, inside=inside).matte[95, 125] > 0.9
