"""Display-referred bytes read from a table are those that conversion gives."""

from __future__ import annotations

import numpy as np
import pytest

from mobilefaceswap.colour import SPACES, ColourSpace
from mobilefaceswap.faces import display
from mobilefaceswap.faces.display import display_bytes


@pytest.mark.parametrize("space", SPACES.values(), ids=str)
def test_the_table_gives_what_conversion_gives(space: ColourSpace) -> None:
    random = np.random.default_rng(3)
    picture = random.uniform(-0.2, 1.3, (256, 256, 3)).astype(np.float32)
    # Values around every change of a byte, where a table could be wrong.
    edges = np.linspace(0, 1, 256 * 256, dtype=np.float32).reshape(256, 256)
    picture[..., 1] = np.nextafter(edges, random.choice([-1, 2], edges.shape).astype(np.float32))
    picture[0, :6, 0] = [1, 0, 2**-24, 1 - 2**-24, 70000, -70000]
    assert np.array_equal(display_bytes(picture, space)[..., ::-1], display._converted(picture, space))


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_broken_pixels_are_black_or_white(broken: float) -> None:
    picture = np.full((4, 4, 3), 0.5, np.float32)
    picture[1, 2, 0] = broken
    found = display_bytes(picture, ColourSpace.REC709)
    assert found[1, 2, 2] == (255 if broken > 0 else 0)
    assert found[1, 2, 1] == found[0, 0, 0]
    assert np.array_equal(found[0], display_bytes(np.full((1, 4, 3), 0.5, np.float32), ColourSpace.REC709)[0])


def test_a_space_that_mixes_channels_is_converted_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def mixing(rgb: np.ndarray, _: ColourSpace) -> np.ndarray:
        return rgb @ np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]], np.float32)

    space = ColourSpace("mixed", "Mixed", "none")
    monkeypatch.setattr(display, "to_display", mixing)
    picture = np.random.default_rng(0).random((8, 8, 3), np.float32)
    expected = np.rint(mixing(picture, space) * 255).astype(np.uint8)
    assert np.array_equal(display_bytes(picture, space)[..., ::-1], expected)
