"""Two nodes in a row: a source of its own for each of two people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bundles import rendered
from mobilefaceswap.faces import Track
from mobilefaceswap.frame import ColourSpace, Frame
from mobilefaceswap.identity import Identity
from mobilefaceswap.node import FaceSwapNode
from mobilefaceswap.ofx.host import Layout
from mobilefaceswap.ofx.host.images import allocated

BY_NUMBER, BY_TRACK_ID = 1, 5
OTHER_WEIGHTS = 0.9
LEFT, RIGHT = np.s_[:, :256], np.s_[:, 256:]


@pytest.fixture
def group_shot(plate: np.ndarray) -> np.ndarray:
    """(256, 512, 4): two people, one the other's mirror image."""
    opaque = np.dstack([plate[..., :3], np.ones_like(plate[..., :1])])
    return np.ascontiguousarray(np.hstack([opaque, opaque[:, ::-1]]), np.float32)


@pytest.fixture
def track(identity: Path, pack, group_shot: np.ndarray, tmp_path: Path) -> Path:
    """Both people of the shot; the left one has the id 4, the right one 2."""
    node = FaceSwapNode(Identity.load(identity), pack=pack)
    left, right = node.analyse(0, plate=Frame(group_shot, ColourSpace.REC709))
    place = tmp_path / "track.json"
    Track((512, 256), {0: (replace(left, person=4), replace(right, person=2))}).save(place)
    return place


@pytest.mark.parametrize(
    ("choice", "setting", "first_person", "second_person"),
    [(BY_NUMBER, "face_index", 0, 1), (BY_TRACK_ID, "face_person", 4, 2)],
    ids=["by number", "by track id"],
)
def test_a_chain_swaps_each_person_and_leaves_the_other_alone(
    effects, identity: Path, track: Path, group_shot, tmp_path: Path, choice, setting, first_person, second_person
) -> None:
    prepared = Identity.load(identity)
    other = tmp_path / "other.idn"
    weights = {name: OTHER_WEIGHTS * array for name, array in prepared.weights.items()}
    replace(prepared, weights=weights).save(other)
    settings = {"face_choice": choice, "track_file": str(track), "smoothing": 0}
    first = effects[0].create(source=str(identity), **{setting: first_person}, **settings)
    second = effects[0].create(source=str(other), **{setting: second_person}, **settings)
    halfway = rendered(first, group_shot)
    done = rendered(second, halfway)
    alone = rendered(second, group_shot)
    assert not np.array_equal(halfway[LEFT], group_shot[LEFT])
    np.testing.assert_array_equal(halfway[RIGHT], group_shot[RIGHT])
    np.testing.assert_array_equal(done[LEFT], halfway[LEFT])
    np.testing.assert_array_equal(done[RIGHT], alone[RIGHT])
    assert not np.array_equal(done[RIGHT], group_shot[RIGHT])
    mirrored = rendered(effects[0].create(source=str(identity), **{setting: second_person}, **settings), group_shot)
    assert not np.array_equal(done[RIGHT], mirrored[RIGHT]), "each node has a source of its own"


def test_the_viewer_tells_ids_and_a_click_chooses_by_them(effects, identity: Path, track: Path, group_shot) -> None:
    node = effects[0].create(source=str(identity), track_file=str(track), face_choice=BY_TRACK_ID, face_person=2)
    halfway = rendered(node, group_shot)
    np.testing.assert_array_equal(halfway[LEFT], group_shot[LEFT])
    clip = allocated(group_shot.shape, group_shot.dtype, Layout(), group_shot)
    drawn = node.overlay("Draw", clip=clip)[1]
    words = [kind for kind, _ in drawn if kind not in ("colour", "lines")]
    assert [text.rpartition("  ")[0] for text in words] == ["0  id 4", "1  id 2"]
    box = np.reshape(next(numbers for kind, numbers in drawn if kind == "lines"), (-1, 2))
    assert node.overlay("PenDown", tuple(box.mean(axis=0)), clip=clip)[0] == 0
    assert (node.values["face_choice"], node.values["face_person"]) == (BY_TRACK_ID, 4)
