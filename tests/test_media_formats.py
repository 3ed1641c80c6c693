"""Adding a picture format takes one module and one row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mobilefaceswap.frame import ColourSpace
from mobilefaceswap.media import PICTURE_ENDINGS, create_output, open_clip, read_picture
from mobilefaceswap.media.pictures import formats
from mobilefaceswap.media.pictures.still import Metadata, Still, Stored, Window


def read_toy(path: Path) -> Still:
    pixels = np.load(path)
    window = Window(0, 0, pixels.shape[1], pixels.shape[0])
    return Still(pixels, ColourSpace.LINEAR, False, 32, True, Metadata(path, window, window))


def write_toy(path: Path, stored: Stored) -> None:
    with path.open("wb") as file:
        np.save(file, stored.pixels)


@pytest.fixture
def toy() -> Iterator[None]:
    formats.add_format(
        formats.StillFormat("Toy", (".toy",), read_toy, write_toy, depths=(32,), colour_space=ColourSpace.LINEAR)
    )
    yield
    del formats.FORMATS[".toy"]


def test_one_row_makes_a_format_known_everywhere(tmp_path: Path, toy: None) -> None:
    pixels = np.random.default_rng(0).normal(size=(4, 6, 3)).astype(np.float32)
    assert ".toy" in PICTURE_ENDINGS
    with create_output(tmp_path / "shot.%04d.toy") as writer:
        writer.write(7, pixels)
    with open_clip(tmp_path / "shot.####.toy") as clip, create_output(tmp_path / "copy.%04d.toy", clip) as writer:
        assert (clip.first, clip.size, clip.bit_depth) == (7, (6, 4), 32)
        writer.write(7, clip.frame(7).pixels)
    copy = read_picture(tmp_path / "copy.0007.toy")
    assert copy.colour_space is ColourSpace.LINEAR
    assert (tmp_path / "copy.0007.toy").read_bytes() == (tmp_path / "shot.0007.toy").read_bytes()
