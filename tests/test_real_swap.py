"""A real face swapped with the pack that ships. Nothing here may be skipped on a machine that has the test extra."""

from __future__ import annotations

import numpy as np
import pytest

from mobilefaceswap import FaceSwapNode, Frame, Settings
from mobilefaceswap.cache import RenderCache
from mobilefaceswap.demo.samples import AstronautClip
from mobilefaceswap.errors import NoFaceInSourceError, UserInputError
from mobilefaceswap.media import create_output


@pytest.fixture(scope="module")
def shot() -> AstronautClip:
    return AstronautClip((640, 360), frames=12)


@pytest.fixture(scope="module")
def real(grace_hopper, shot) -> FaceSwapNode:
    return FaceSwapNode(grace_hopper, shot)


def test_every_frame_of_the_moving_astronaut_is_swapped(real, shot):
    for time in (0, 4, 9):
        result = real.render(time)
        assert len(result.swapped) == 1
        assert np.abs(result.composite - shot.frame(time).pixels).max() > 0.1


def test_the_matte_is_solid_at_the_nose_and_empty_at_the_border(real):
    result = real.render(3)
    x, y = np.rint(result.swapped[0].landmarks[2]).astype(int)
    assert result.matte[y, x] > 0.95
    region = result.matte[result.changed.slices]
    assert np.mean(region == 0) > 0.15
    assert not np.concatenate([region[0], region[-1], region[:, 0], region[:, -1]]).any()


def test_the_source_enters_the_picture(real, shot, astronaut, tmp_path):
    """Two sources give two pictures. How like the source they are is measured in the model card, not here."""
    portrait = tmp_path / "astronaut.png"
    create_output(portrait).write(0, astronaut.pixels)
    other = FaceSwapNode(portrait, shot)
    assert np.abs(other.render(5).composite - real.render(5).composite).max() > 0.02


def test_order_and_caches_change_no_bit_on_a_real_face(real, grace_hopper, shot):
    bare = FaceSwapNode(real.identity, shot, cache=RenderCache(memory=0))
    backwards = {time: bare.render(time).composite.tobytes() for time in (9, 4, 0)}
    batch = [result.composite.tobytes() for result in bare.render_batch([0, 4, 9])]
    assert batch == [backwards[time] for time in (0, 4, 9)]
    assert backwards[4] == real.render(4).composite.tobytes()


def test_a_reference_keeps_other_people_untouched(real, grace_hopper):
    settings = Settings(face_choice="reference", reference=str(grace_hopper))
    result = real.render(2, settings)
    assert len(result.faces) == 1
    assert result.swapped == ()
    assert result.quality.likeness < 0.3


def test_a_reference_without_a_face_is_named_as_such(real, tmp_path):
    wall = tmp_path / "wall.png"
    create_output(wall).write(0, np.full((60, 80, 3), 0.5, np.float32))
    with pytest.raises(UserInputError, match=r"reference picture .*wall\.png"):
        real.render(2, Settings(face_choice="reference", reference=str(wall)))


def test_a_source_without_a_face_is_refused(tmp_path):
    import cv2

    path = tmp_path / "wall.png"
    cv2.imwrite(str(path), np.full((200, 300, 3), 128, np.uint8))
    with pytest.raises(NoFaceInSourceError, match=r"wall\.png"):
        FaceSwapNode(path)


def test_a_black_and_white_plate_stays_black_and_white(astronaut, grace_hopper, base_pack):
    """The face takes the plate's lack of colour; a plate with colour is not touched by it."""
    luma = astronaut.rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    grey = Frame(np.repeat(luma[..., None], 3, axis=2))
    node = FaceSwapNode(grace_hopper, pack=base_pack)
    result = node.render(0, plate=grey)
    assert result.quality.faces_swapped == 1
    assert np.abs(result.composite - grey.pixels).max() > 0.05
    assert np.ptp(result.composite, axis=2).max() < 1 / 1023
    coloured = node.render(0, plate=astronaut).composite
    assert np.ptp(coloured, axis=2)[result.matte > 0.9].mean() > 0.1
