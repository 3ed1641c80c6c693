"""What the viewer shows over the picture, and what clicking into it does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_batch import BATCH

from bundles import own_copy, rendered
from mobilefaceswap.ofx.host import Effect, Host, Layout
from mobilefaceswap.ofx.host.images import Image, allocated
from mobilefaceswap.ofx.install import binary_of
from mobilefaceswap.packs.crop import TEMPLATES
from mobilefaceswap.settings import Settings

NEAREST = 2
SIDES = ("left", "right", "top", "bottom")
# Of the tiny pack's template.
FACE_WIDTH = TEMPLATES["arcface-112"].face_width
Drawn = list[tuple[str, tuple[float, ...]]]


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
    assert [kind for kind, _ in drawn[:3]] == ["colour", "lines", f"0  {face.confidence:.2f}"]
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
    # The click must miss the handles, which come first.
    node.values |= {f"matte_{side}": 0.0 for side in SIDES}
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


def handles(drawn: Drawn) -> dict[str, np.ndarray]:
    """The middle of each side's handle, from what was drawn of a frame with one face."""
    squares = [np.reshape(numbers, (-1, 2)) for kind, numbers in drawn if kind == "lines"][2:6]
    return dict(zip(SIDES, (square.mean(axis=0) for square in squares), strict=True))


def outline(drawn: Drawn) -> np.ndarray:
    """The ends of the lines of the matte's outline."""
    *_, (_, numbers) = [item for item in drawn if item[0] == "lines"]
    return np.reshape(numbers, (-1, 2))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("zoom", [1.0, 0.25], ids=["all of it", "far away"])
def test_a_dragged_side_crops_the_matte_where_it_lies(
    effects, identity: Path, expected, plate, side: str, zoom: float
) -> None:
    node = effects[0].create(source=str(identity))
    rendered(node, plate)
    clip = viewed(plate)
    found = handles(node.overlay("Draw", clip=clip, zoom=zoom)[1])
    middle = sum(found.values()) / 4
    taken, to = found[side], found[side] + 0.4 * (middle - found[side])
    assert node.overlay("PenDown", tuple(taken), clip=clip, zoom=zoom)[0] == 0
    assert node.overlay("PenMotion", tuple(to), clip=clip, zoom=zoom)[0] == 0
    assert node.overlay("PenUp", tuple(to), clip=clip, zoom=zoom)[0] == 0
    assert [node.values[f"matte_{other}"] > 0 for other in SIDES] == [other == side for other in SIDES]
    np.testing.assert_allclose(handles(node.overlay("Draw", clip=clip, zoom=zoom)[1])[side], to, atol=1e-2)
    cropped = {f"matte_{side}": node.values[f"matte_{side}"]}
    settings = Settings().replaced(matte_feather=0.0, matte_expand=0.0, **cropped)
    matte = expected(plate, settings).matte
    rows, columns = np.nonzero(matte >= 0.5)
    points = np.column_stack([columns + 0.5, 256 - rows - 0.5])
    # Of the way from the middle to the dragged side, nothing of the matte lies further out.
    direction = (to - middle) / np.linalg.norm(to - middle)
    reached = ((points - middle) @ direction).max()
    assert abs(reached - np.linalg.norm(to - middle)) < 2.5


@pytest.mark.parametrize(
    ("layout", "unit", "aspect"),
    [
        (Layout(origin=(100, 50)), (1, 1), 1.0),
        (Layout(scale=(0.5, 0.5)), (2, 2), 1.0),
        (Layout(scale=(0.25, 0.25), origin=(8, 8)), (4, 4), 1.0),
    ],
    ids=["another origin", "half size", "a quarter"],
)
def test_the_outline_lies_on_the_edge_of_the_matte(
    effects, identity: Path, expected, plate, layout: Layout, unit: tuple[float, float], aspect: float
) -> None:
    node = effects[0].create(source=str(identity))
    assert node.render(plate, layout=layout)[0] == 0
    ends = outline(node.overlay("Draw", clip=viewed(plate, layout))[1])
    assert len(ends) > 20
    columns = ends[:, 0] / unit[0] - layout.origin[0] - 0.5
    rows = 256 - (ends[:, 1] / unit[1] - layout.origin[1]) - 0.5
    at = np.rint(np.column_stack([rows, columns])).astype(int)
    within = expected(plate).matte >= 0.5
    around = np.lib.stride_tricks.sliding_window_view(np.pad(within, 1, mode="edge"), (3, 3)).mean(axis=(2, 3))
    assert (within[at[:, 0], at[:, 1]]).all()
    assert (around[at[:, 0], at[:, 1]] < 1).all(), "neighbours lie outside"


def test_the_outline_is_dragged_outwards_and_inwards(effects, identity: Path, plate) -> None:
    node = effects[0].create(source=str(identity))
    rendered(node, plate)
    clip = viewed(plate)
    drawn = node.overlay("Draw", clip=clip)[1]
    ends, middle = outline(drawn), sum(handles(drawn).values()) / 4
    taken = ends[np.argmax(ends[:, 0] - ends[:, 1])]
    width = np.linalg.norm(handles(drawn)["right"] - handles(drawn)["left"]) * FACE_WIDTH
    for distance in (6.0, -6.0):
        before = node.values["matte_expand"]
        to = taken + distance * (taken - middle) / np.linalg.norm(taken - middle)
        assert node.overlay("PenDown", tuple(taken), clip=clip)[0] == 0
        assert node.overlay("PenMotion", tuple(to), clip=clip)[0] == 0
        assert node.overlay("PenUp", tuple(to), clip=clip)[0] == 0
        assert node.values["matte_expand"] - before == pytest.approx(100 * distance / width, rel=1e-3)


def test_a_batch_computes_no_outline(effects, identity: Path, plate) -> None:
    node = effects[0].create(source=str(identity))
    assert node.render(plate, more=BATCH)[0] == 0
    drawn = node.overlay("Draw", clip=viewed(plate))[1]
    assert len([kind for kind, _ in drawn if kind == "lines"]) == 6, "box, crop and handles"


def test_the_viewer_draws_again_where_a_control_of_the_overlay_changes(effects) -> None:
    node = effects[0].create()
    assert node.overlay("OfxActionCreateInstance")[0] == 0
    slaves = effects[0].host.sets.sets[node.interact]["OfxInteractPropSlaveToParam"]
    assert {"face_choice", "face_point_x", "matte_left", "matte_bottom"} <= set(slaves)
    assert set(slaves) <= set(effects[0].parameters)


def test_a_drag_is_one_step_for_undo(effects, identity: Path, plate) -> None:
    node = effects[0].create(source=str(identity))
    rendered(node, plate)
    clip = viewed(plate)
    taken = handles(node.overlay("Draw", clip=clip)[1])["left"]
    for way in ("PenUp", "LoseFocus"):
        node.undo.clear()
        assert node.overlay("PenDown", tuple(taken), clip=clip)[0] == 0
        for step in (3, 6, 0):
            assert node.overlay("PenMotion", (taken[0] + step, taken[1]), clip=clip)[0] == 0
        assert node.editing
        assert node.overlay(way, tuple(taken), clip=clip)[0] == 0
        assert (node.editing, node.undo) == (False, [("Crop Matte", ["matte_left"] * 3)])
        assert node.overlay(way, tuple(taken), clip=clip)[0] == 14, "nothing is held any more"


def test_a_pen_that_comes_down_twice_holds_one_handle(effects, plate) -> None:
    node = effects[0].create(face_choice=NEAREST)
    for _ in range(2):
        assert node.overlay("PenDown", (128, 128), clip=viewed(plate))[0] == 0
    assert node.overlay("PenUp", (128, 128), clip=viewed(plate))[0] == 0
    assert [label for label, _ in node.undo] == ["Move Point"] * 2


def test_choosing_a_face_is_one_step_for_undo(effects, identity: Path, expected, plate) -> None:
    node = effects[0].create(source=str(identity), **{f"matte_{side}": 0.0 for side in SIDES})
    rendered(node, plate)
    (face,) = expected(plate).faces
    x, y, width, height = face.box
    assert node.overlay("PenDown", (x + width / 2 + 5, 256 - y - height / 2), clip=viewed(plate))[0] == 0
    assert node.undo == [("Choose Face", ["face_choice", "face_point_x", "face_point_y"])]


@pytest.fixture
def crosshair(bundle: Path, environment: pytest.MonkeyPatch, tmp_path: Path):
    """Face Swap in a host whose viewer has a crosshair of its own."""
    folder = tmp_path / "crosshair"
    folder.mkdir()
    loaded = Host(binary_of(own_copy(bundle, folder)), crosshairs=True).effects()
    yield loaded[0]
    assert [effect.unload() for effect in loaded] == [0, 0]


def test_the_host_s_crosshair_is_hidden_where_it_has_none(effects, crosshair: Effect) -> None:
    told = [effect.parameters["face_point"] for effect in (effects[0], crosshair)]
    assert [one["OfxParamPropSecret"] for one in told] == [[1], [0]]
    assert [one["kOfxParamPropUseHostOverlayHandle"] for one in told] == [[0], [1]]
    assert not crosshair.create().enabled("face_point")
    assert crosshair.create(face_choice=NEAREST).enabled("face_point")


def test_the_host_s_crosshair_and_the_settings_agree(crosshair: Effect, plate) -> None:
    node = crosshair.create(face_choice=NEAREST)
    clip = viewed(plate, Layout(origin=(100, 50)))
    with crosshair.host.showing({"Source": clip}):
        node.edit(face_point=(164.0, 242.0))
        assert (node.values["face_point_x"], node.values["face_point_y"]) == (0.25, 0.75)
        assert node.undo == [("Move Point", ["face_point_x", "face_point_y"])]
        node.edit(face_point=(0.0, 1000.0))
        assert (node.values["face_point_x"], node.values["face_point_y"]) == (0.0, 1.0)
        assert node.values["face_point"] == (100.0, 306.0), "it stays inside the picture"
        node.edit(face_point_x=0.5)
        assert node.values["face_point"] == (228.0, 306.0)
        # Keyframes of the settings, seen at another frame.
        node.values["face_point_y"] = 0.25
        node.press("face_point_y", "OfxChangeTime")
        assert node.values["face_point"] == (228.0, 114.0)
        assert {name for _, names in node.undo for name in names} == {"face_point_x", "face_point_y"}, "it only follows"
        node.undo.clear()
        node.press("face_point_y", "OfxChangeTime")
    assert node.undo == [], "a host may render again for anything that is set"


def test_a_point_that_the_host_shows_is_not_drawn_by_us(crosshair: Effect, plate) -> None:
    node = crosshair.create(face_choice=NEAREST)
    assert node.overlay("Draw", clip=viewed(plate)) == (0, [])
    assert node.overlay("PenDown", (128, 128), clip=viewed(plate))[0] == 14


def test_a_click_moves_the_host_s_crosshair(crosshair: Effect, identity: Path, expected, plate) -> None:
    node = crosshair.create(source=str(identity), **{f"matte_{side}": 0.0 for side in SIDES})
    rendered(node, plate)
    (face,) = expected(plate).faces
    x, y, width, height = face.box
    centre = (x + width / 2, 256 - y - height / 2)
    assert node.overlay("PenDown", (centre[0] + 5, centre[1] - 5), clip=viewed(plate))[0] == 0
    np.testing.assert_allclose(node.values["face_point"], centre, atol=1e-2)
