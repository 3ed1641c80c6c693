"""Adding a picture format takes one module and one row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from PIL import Image

from mobilefaceswap.frame import ColourSpace, Window
from mobilefaceswap.media import PICTURE_ENDINGS, create_output, open_clip, read_picture
from mobilefaceswap.media.pictures import formats
from mobilefaceswap.media.pictures.still import Metadata, Still, Stored


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


def test_attributes_that_a_format_cannot_hold_are_said_once(tmp_path):
    header = oiio.ImageSpec(32, 24, 3, "half")
    header.attribute("shotName", "sc01")
    header.attribute("lensFocal", 35.0)
    for number in (1, 2):
        output = oiio.ImageOutput.create("a.exr")
        output.open(str(tmp_path / f"a.{number:04d}.exr"), header)
        output.write_image(np.full((24, 32, 3), 0.5, np.float32))
        output.close()
    said = {}
    with open_clip(str(tmp_path / "a.%04d.exr")) as clip:
        for ending in ("exr", "png", "jpg", "dpx", "avif"):
            writer = create_output(str(tmp_path / f"b.%04d.{ending}"), like=clip)
            with writer:
                for time in (1, 2):
                    writer.write(time, clip.frame(time).pixels)
            said[ending] = [note for note in writer.notes if note.startswith("attributes")]
    assert said["exr"] == []
    assert said["png"] == ["attributes (lensFocal): left out, PNG cannot hold them"]
    assert said["jpg"] == ["attributes (lensFocal, shotName): left out, JPEG cannot hold them"]
    assert [len(notes) for notes in said.values()] == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("source", ["webp", "png", "avif"])
@pytest.mark.parametrize("ending", ["webp", "avif", "png", "apng", "gif"])
@pytest.mark.parametrize("frames", [1, 3], ids=["one frame", "all frames"])
def test_exif_and_colour_profile_of_an_animation_are_kept_or_said(tmp_path, media, source, ending, frames):
    profile = Image.open(media / "faults" / "icc_display_p3.jpg").info["icc_profile"]
    exif = Image.Exif()
    exif[315] = "somebody"
    pictures = [Image.fromarray(np.full((24, 32, 3), (200, 60 + 30 * number, 40), np.uint8)) for number in range(3)]
    words = {"save_all": True, "append_images": pictures[1:], "duration": 80, "exif": exif.tobytes()}
    pictures[0].save(tmp_path / f"a.{source}", icc_profile=profile, **words)
    place = tmp_path / f"b.{ending}"
    with open_clip(str(tmp_path / f"a.{source}")) as clip:
        assert clip.frame(0).pixels[0, 0, 0] > 210 / 255, "the profile's red lies beyond sRGB's"
        with create_output(str(place), like=clip) as writer:
            for time in range(frames):
                writer.write(time, clip.frame(time).pixels)
    with Image.open(place) as written:
        assert getattr(written, "n_frames", 1) == frames
        if ending == "gif":
            assert [note.split(" (")[0] for note in writer.notes[:2]] == ["ICC profile", "metadata"]
            return
        assert (written.getexif().get(315), written.info["icc_profile"]) == ("somebody", profile)
        np.testing.assert_allclose(np.asarray(written.convert("RGB"))[0, 0], (200, 60, 40), atol=6)
    assert writer.notes == ()
