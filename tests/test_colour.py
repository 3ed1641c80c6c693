"""Working spaces: known values, and there and back."""

from __future__ import annotations

import numpy as np
import pytest

from mobilefaceswap.colour import SPACES, ColourSpace, from_display, to_display


def test_linear_middle_grey_shows_as_srgb_says():
    # IEC 61966-2-1: 1.055 * 0.18 ** (1 / 2.4) - 0.055
    shown = to_display(np.full((1, 3), 0.18, np.float32), ColourSpace.LINEAR)
    np.testing.assert_allclose(shown, 1.055 * 0.18 ** (1 / 2.4) - 0.055, atol=1e-5)


def test_rec709_is_shown_as_bt1886_shows_it():
    # BT.1886 with a black of zero is a pure 2.4 power; then IEC 61966-2-1.
    light = 0.5**2.4
    shown = to_display(np.full((1, 3), 0.5, np.float32), ColourSpace.REC709)
    np.testing.assert_allclose(shown, 1.055 * light ** (1 / 2.4) - 0.055, atol=1e-5)


@pytest.mark.parametrize("space", list(SPACES.values()))
def test_there_and_back_keeps_values_above_one_and_below_zero(space):
    values = np.linspace(-0.3, 6, 300, dtype=np.float32).reshape(-1, 3)
    np.testing.assert_allclose(from_display(to_display(values, space), space), values, rtol=2e-5, atol=2e-6)


def test_srgb_is_untouched_and_copied():
    values = np.random.default_rng(0).random((7, 3), np.float32)
    shown = to_display(values, ColourSpace.SRGB)
    np.testing.assert_array_equal(shown, values)
    assert not np.shares_memory(shown, values)


def test_a_space_is_linear_where_twice_the_light_is_twice_the_value():
    for space in SPACES.values():
        low, high = from_display(np.array([[0.25] * 3, [0.75] * 3], np.float32), space)[:, 0]
        linear = from_display(np.array([[0.25] * 3, [0.75] * 3], np.float32), ColourSpace.LINEAR)[:, 0]
        assert space.linear == bool(np.allclose(high / low, linear[1] / linear[0], rtol=1e-3)), space
    assert [str(space) for space in SPACES.values()] == list(SPACES)
    assert len({space.transfer for space in SPACES.values()}) == len(SPACES)
