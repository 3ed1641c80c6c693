"""What the viewer shows over the picture, and what clicking into it does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bundles import rendered
from mobilefaceswap.ofx.host import Layout
from mobilefaceswap.ofx.host.images import Image, allocated

NEAREST = 2


def viewed(plate: np.ndarray, layout: Layout | None = None) -> Image:
    return allocated(plate.shape, plate.dtype, layout or Layout(), plate)


@pytest.mark.parametrize(
    ("layout", "unit"),
    [(Layout(), (1, 1)), (Layout(origin=(100, 50)), (1, 1)), (Layout(scale=(0.5, 0.5)), (2, 2))],
    ids=["the frame", "another origin", "half size"],
)
def test_the_faces_of_the_frame_are_drawn_where_they_are(
    effects, identity: Path, expected, plate, layout: Layout, unit: tuple[float, float]
) -> None:
    node = effects[0].create(source=str(identity))
    assert node.render(plate, layout=layout)[0] == 0
    (face,) = expected(plate).faces
    status, drawn = node.overlay("Draw", clip=viewed(plate, layout))
    assert status == 0
    x, y, width, height = face.box
    left, top = (x + layout.origin[0]) * unit[0], (256 - y + layout.origin[1]) * unit[1]
    assert [kind for kind, _ in drawn] == ["colour", "lines", f"0  {face.confidence:.2f}"]
    corners = np.reshape(drawn[1][1], (-1, 2))
    np.testing.assert_allclose(corners.min(axis=0), (left, top - height * unit[1]), atol=1e-2)
    np.testing.assert_allclose(corners.max(axis=0), (left + width * unit[0], top), atol=1e-2)


def test_nothing_is_drawn_at_other_frames_and_after_the_node_is_gone(effects, identity: Path, plate) -> None:
    node = effects[0].create(source=str(identity))
    rendered(node, plate)
    assert node.overlay("Draw", time=1, clip=viewed(plate)) == (0, [])


def test_a_click_chooses_the_face(effects, identity: Path, expected, plate) -> None:
    node = effects[0].create(source=str(identity))
    rendered(node, plate)
    (face,) = expected(plate).faces
    x, y, width, height = face.box
    centre = (x + width / 2, 256 - y - height / 2)
    clip = viewed(plate)
    assert node.overlay("PenDown", (1, 1), clip=clip)[0] == 14, "nobody is there"
    assert node.values["face_choice"] == 0
    assert node.overlay("PenDown", (centre[0] + 5, centre[1] - 5), clip=clip)[0] == 0
    assert node.values["face_choice"] == NEAREST
    point = (256 * node.values["face_point_x"], 256 * node.values["face_point_y"])
    np.testing.assert_allclose(point, centre, atol=1e-2)
    assert node.overlay("Draw", clip=clip)[1][-1][0] == "lines", "the point itself"


def test_the_point_is_dragged(effects, plate) -> None:
    node = effects[0].create(face_choice=NEAREST)
    clip = viewed(plate)
    assert node.overlay("PenMotion", (10, 10), clip=clip)[0] == 14
    assert node.overlay("PenDown", (130, 126), clip=clip)[0] == 0
    assert node.overlay("PenMotion", (64, 300), clip=clip)[0] == 0
    assert (node.values["face_point_x"], node.values["face_point_y"]) == (0.25, 1.0)
    assert node.overlay("PenUp", (64, 300), clip=clip)[0] == 0
    assert node.overlay("PenMotion", (10, 10), clip=clip)[0] == 14
