"""Pixels stay as they are until somebody says that they change: a library's upgrade, too, shows here."""

from __future__ import annotations

import json

import numpy as np
import pytest

from compare import assert_same
from golden.make_pictures import PLACE, TOLERANCES, different, pictures
from mobilefaceswap.node import keys

REMEDY = "raise its version in node/keys.py where it is cached, then run python tests/golden/make_pictures.py"


@pytest.fixture(scope="module")
def known() -> dict[str, np.ndarray]:
    with np.load(PLACE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def found() -> dict[str, np.ndarray]:
    return pictures()


def test_pictures_are_those_of_the_versions_in_the_cache_keys(known, found):
    assert json.loads(str(known["versions"])) == keys.VERSIONS, f"versions have changed: {REMEDY}"
    assert {*found} == {*known} - {"versions"}, REMEDY
    for name, picture in sorted(found.items()):
        assert_same(picture, known[name], atol=TOLERANCES[name.split(".")[0]], name=f"{name} ({REMEDY})")


def test_a_small_change_would_be_noticed(known, found):
    for name in found:
        changed = found | {name: found[name] + 2 * TOLERANCES[name.split(".")[0]]}
        assert different(changed, known) == [name]


def test_the_golden_pictures_stay_small():
    assert PLACE.stat().st_size < 500_000


def test_a_difference_is_named_by_its_place():
    expected = np.zeros((3, 4))
    changed = expected.copy()
    changed[1, 2] = changed[2, 0] = 0.5
    with pytest.raises(AssertionError, match=r"at \(1, 2\) .* 2 of 12 values"):
        assert_same(changed, expected)
    with pytest.raises(AssertionError, match="shape"):
        assert_same(changed[:2], expected)
    with pytest.raises(AssertionError, match=r"at \(0, 0\)"):
        assert_same(np.full((3, 4), np.nan), expected)
