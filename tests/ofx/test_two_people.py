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

BY_NUMBER, OTHER_WEIGHTS = 1, 0.9


@pytest.fixture
def group_shot(plate: np.ndarray) -> np.ndarray:
    """(256, 512, 4): two people, one the other's mirror image."""
    opaque = np.dstack([plate[..., :3], np.ones_like(plate[..., :1])])
    return np.ascontiguousarray(np.hstack([opaque, opaque[:, ::-1]]), np.float32)


def test_a_chain_swaps_each_person_and_leaves_the_other_alone(
    effects, identity: Path, pack, group_shot: np.ndarray, tmp_path: Path
) -> None:
    prepared = Identity.load(identity)
    faces = FaceSwapNode(prepared, pack=pack).analyse(0, plate=Frame(group_shot, ColourSpace.REC709))
    assert len(faces) == 2
    track, other = tmp_path / "track.json", tmp_path / "other.idn"
    Track((512, 256), {0: faces}).save(track)
    weights = {name: OTHER_WEIGHTS * array for name, array in prepared.weights.items()}
    replace(prepared, weights=weights).save(other)
    settings = {"face_choice": BY_NUMBER, "track_file": str(track), "smoothing": 0}
    first = effects[0].create(source=str(identity), face_index=0, **settings)
    second = effects[0].create(source=str(other), face_index=1, **settings)
    halfway = rendered(first, group_shot)
    done = rendered(second, halfway)
    alone = rendered(second, group_shot)
    left, right = np.s_[:, :256], np.s_[:, 256:]
    assert not np.array_equal(halfway[left], group_shot[left])
    np.testing.assert_array_equal(halfway[right], group_shot[right])
    np.testing.assert_array_equal(done[left], halfway[left])
    np.testing.assert_array_equal(done[right], alone[right])
    assert not np.array_equal(done[right], group_shot[right])
    mirrored = rendered(effects[0].create(source=str(identity), face_index=1, **settings), group_shot)
    assert not np.array_equal(done[right], mirrored[right]), "each node has a source of its own"
