"""Layers and matte tracks: one EXR with everything, ids as Cryptomatte has them, data that stay data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from compare import assert_same
from drawn import DrawnClip, EmptyAlpha, MarkerDetector, drawn_frame, drawn_people
from media_made import make_clip
from mobilefaceswap import FaceSwapNode, Frame, RenderCache, Settings
from mobilefaceswap.analyse_clip import analyse_clip
from mobilefaceswap.frame import EMPTY_ALPHA
from mobilefaceswap.look import cryptomatte
from mobilefaceswap.media import create_output, open_clip
from mobilefaceswap.render_shot import layers_of, render_shot
from mobilefaceswap.settings import OUTPUTS


@pytest.fixture
def node(tiny_pack, tiny_identity) -> FaceSwapNode:
    return FaceSwapNode(tiny_identity, DrawnClip(), pack=tiny_pack, faces=MarkerDetector(), cache=RenderCache(memory=0))


def channels(path: Path) -> dict[str, np.ndarray]:
    file = oiio.ImageInput.open(str(path))
    pixels = file.read_image("float")
    return {name: pixels[..., place] for place, name in enumerate(file.spec().channelnames)}


def kinds(path: Path) -> dict[str, str]:
    header = oiio.ImageInput.open(str(path)).spec()
    found = [str(kind) for kind in header.channelformats] or [str(header.format)] * header.nchannels
    return dict(zip(header.channelnames, found, strict=True))


def attributes(path: Path) -> dict[str, object]:
    return {item.name: item.value for item in oiio.ImageInput.open(str(path)).spec().extra_attribs}


def written(node: FaceSwapNode, folder: Path, **more: object) -> Path:
    with create_output(folder / "a.%04d.exr", None) as output:
        render_shot(node, output, range(2, 5), settings=Settings(smoothing=0), **more)
    return folder / "a.0003.exr"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", 0x00000000),
        ("hello", 0x248BFA47),
        ("hello, world", 0x149BBB7F),
        ("The quick brown fox jumps over the lazy dog", 0x2E4FF723),
        # The example manifest of the specification.
        ("bunny", 0x13851A76),
        ("default", 0x42C9679F),
    ],
)
def test_ids_are_murmur_hashes(name: str, code: int):
    assert cryptomatte.hashed(name) == code


def test_ids_are_ordinary_floats():
    ids = [cryptomatte.id_of(f"person_{number}") for number in range(3000)]
    assert np.isfinite(ids).all()
    assert (np.abs(ids) >= np.finfo(np.float32).tiny).all()
    assert len(set(ids)) == len(ids)
    # Zero would be a denormal, and is moved out of the way.
    assert cryptomatte.id_of("").view(np.uint32) == 1 << 23


def test_ranks_hold_the_two_greatest_coverages():
    shares = {"a": np.array([[0.2, 1.0, 0.0]], np.float32), "b": np.array([[0.5, 0.0, 0.0]], np.float32)}
    shares["c"] = np.array([[0.3, 0.0, 0.0]], np.float32)
    found = cryptomatte.ranked(shares, (1, 3))[0]
    np.testing.assert_array_equal(found[0], [cryptomatte.id_of("b"), 0.5, cryptomatte.id_of("c"), np.float32(0.3)])
    np.testing.assert_array_equal(found[1], [cryptomatte.id_of("a"), 1, 0, 0])
    np.testing.assert_array_equal(found[2], 0)


def test_one_exr_holds_everything(node, tmp_path):
    path = written(node, tmp_path, layers="all")
    found, stored = channels(path), kinds(path)
    names = {"R", "G", "B", "face.R", "face.G", "face.B", "face.A", "matte.A", "learned.A"}
    names |= {f"forward.{letter}" for letter in "uvA"}
    names |= {"occlusion.A", "trust.A"}
    names |= {f"difference.{letter}" for letter in "RGB"} | {f"CryptoPerson00.{letter}" for letter in "RGBA"}
    assert set(found) == names
    assert {stored[name] for name in names if name.startswith(("Crypto", "forward"))} == {"float"}
    assert stored["matte.A"] == "half"
    result = node.render(3, Settings(smoothing=0))
    assert_same(found["matte.A"], result.matte, atol=1e-3)
    assert_same(found["learned.A"], result.layer("learned-matte"), atol=1e-3)
    # Blender reads no layers of two channels; its Map UV takes the third for opacity.
    assert_same(found["forward.A"], result.layer("st-map")[..., 2], atol=0)
    said = attributes(path)
    quality = json.loads(said["mobilefaceswap/quality"])
    assert quality["faces_swapped"] == 1
    key = next(name for name in said if name.endswith("/manifest"))
    assert said[key.replace("manifest", "name")] == "CryptoPerson"
    ((_, code),) = json.loads(said[key]).items()
    person = np.array([int(code, 16)], np.uint32).view(np.float32)[0]
    covered = found["CryptoPerson00.R"] == person
    assert_same(np.where(covered, found["CryptoPerson00.G"], 0), result.matte, atol=1e-6)


def test_usual_layers_are_face_and_matte_and_none_is_none(node, tmp_path):
    (tmp_path / "none").mkdir()
    usual = set(channels(written(node, tmp_path)))
    assert usual == {"R", "G", "B", "face.R", "face.G", "face.B", "face.A", "matte.A"}
    assert set(channels(written(node, tmp_path / "none", layers="none"))) == {"R", "G", "B"}


def test_a_second_swap_has_the_layers_of_its_own_alone(node, tmp_path):
    """Several people take chained swaps: what the first one says is not true of the second's picture."""
    first = written(node, tmp_path, layers="all")
    with open_clip(first) as clip:
        node.target = clip
        for choice in ("usual", "all"):
            result = node.render(0, Settings(smoothing=0))
            with create_output(tmp_path / f"{choice}.exr", clip) as output:
                output.write(0, result.composite, layers_of(result, choice, "composite"))
    usual = {"R", "G", "B", "face.R", "face.G", "face.B", "face.A", "matte.A"}
    assert set(channels(tmp_path / "usual.exr")) == usual
    assert not [name for name in attributes(tmp_path / "usual.exr") if "quality" in name or "cryptomatte" in name]
    plate, found = channels(first), channels(tmp_path / "all.exr")
    assert set(found) == set(plate)
    for letter in "RGB":
        assert_same(plate[letter] + found[f"difference.{letter}"], found[letter], atol=2e-3)
    kept = attributes(tmp_path / "all.exr")["mobilefaceswap/quality"]
    assert json.loads(kept) == json.loads(result.header["mobilefaceswap/quality"])


def test_a_frame_without_a_face_has_the_same_channels(node, tmp_path):
    clip = DrawnClip()
    empty = Frame(np.full((180, 320, 3), 0.4, np.float32))
    clip.frame = lambda time: empty if time == 3 else drawn_frame(time)
    node.target = clip
    path = written(node, tmp_path, layers="all")
    assert kinds(path) == kinds(tmp_path / "a.0002.exr") == kinds(tmp_path / "a.0004.exr")
    assert all(not pixels.any() for name, pixels in channels(path).items() if "." in name)


def test_composite_is_a_layer_where_it_is_not_the_picture(node):
    result = node.render(3)
    assert "composite" in [*layers_of(result, "all", "matte").pictures]
    assert "composite" not in [*layers_of(result, "all", "composite").pictures]


@pytest.mark.parametrize(("mode", "layer"), [("st-map", "forward"), ("people", "CryptoPerson00")])
def test_data_are_stored_as_they_are_where_they_are_the_picture(node, tmp_path, mode: str, layer: str):
    """A video's colour would be made linear; ids do not survive that, nor half floats."""
    with create_output(tmp_path / "a.%04d.exr", shows=mode) as output:
        render_shot(node, output, [3], settings=Settings(smoothing=0), layers="all", mode=mode)
    found, stored = channels(tmp_path / "a.0003.exr"), kinds(tmp_path / "a.0003.exr")
    letters = [letter for letter in "RGBA" if letter in found]
    assert {stored[letter] for letter in letters} == {"float"}
    for letter, channel in zip(letters, OUTPUTS[mode].channels or "RGBA", strict=True):
        np.testing.assert_array_equal(found[letter], found[f"{layer}.{channel}"])
    assert found["R"].any()


@pytest.mark.parametrize("mode", ["composite", "difference"])
def test_a_stored_difference_added_to_the_stored_plate_is_the_stored_composite(node, tmp_path, mode: str):
    """As a compositor adds them: in an EXR all of them are light, though the plate is video."""
    with create_output(tmp_path / "plate.exr") as output:
        output.write(3, node.target.frame(3).pixels)
    with create_output(tmp_path / "a.%04d.exr", shows=mode) as output:
        render_shot(node, output, [3], settings=Settings(smoothing=0), layers="all", mode=mode)
    plate, found = channels(tmp_path / "plate.exr"), channels(tmp_path / "a.0003.exr")
    changed, after = ("difference.", "") if mode == "composite" else ("", "composite.")
    for letter in "RGB":
        assert np.abs(found[changed + letter]).max() > 0.1
        assert_same(plate[letter] + found[changed + letter], found[after + letter], atol=2e-3)


def test_difference_added_to_the_plate_is_the_composite(node):
    result = node.render(3)
    np.testing.assert_allclose(result.plate.pixels + result.layer("difference"), result.composite, atol=1e-6)
    assert not result.layer("difference")[result.matte == 0].any()


def test_the_st_map_puts_the_crop_back(node, tiny_pack):
    result = node.render(3)
    found = result.layer("st-map")
    x, y = np.rint(result.swapped[0].landmarks[2]).astype(int)
    s, t, inside = found[y, x]
    side = tiny_pack.crop.size
    nose = tiny_pack.crop.template.on(side)[2]
    # Half a pixel of the plate, and the template's fit.
    np.testing.assert_allclose((s * side - 0.5, (1 - t) * side - 0.5), nose, atol=1.2)
    assert inside == 1
    assert found[..., :2].min() >= 0
    assert found[..., :2].max() <= 1
    assert found[y + 6, x, 1] < t, "t rises upwards"


def test_two_people_have_ids_of_their_own(node):
    result = node.render(0, Settings(face_choice="all", smoothing=0), drawn_people())
    ids = result.layer("people")
    assert len(set(np.unique(ids[..., 0])) - {0}) == 2
    assert_same(ids[..., 1] + ids[..., 3], result.matte, atol=0.3)
    assert (ids[..., 1] + ids[..., 3]).max() <= 1 + 1e-6


@pytest.mark.parametrize("output", [name for name, row in OUTPUTS.items() if row.layer])
def test_the_changed_part_of_a_layer_is_that_part(node, output: str):
    settings = Settings(output_mode=output)
    result = node.render(3, settings)
    assert_same(result.changed_part(output), result.layer(output)[result.changed.slices], atol=1e-5)


def test_what_is_not_finite_counts_as_black_under_the_matte_and_is_counted(node):
    plate = drawn_frame(3)
    x, y = np.rint(node.analyse(3)[0].landmarks.mean(axis=0)).astype(int)
    black = plate.with_pixels(plate.pixels.copy())
    black.pixels[y - 1 : y + 2, x] = 0
    broken = plate.with_pixels(plate.pixels.copy())
    broken.pixels[y - 1 : y + 2, x] = (np.nan, np.inf, 0)
    broken.pixels[0, 0] = np.nan
    broken.pixels[170, 300, 1] = -np.inf
    inside = np.full(plate.pixels.shape[:2], 0.5, np.float32)
    settings = Settings(smoothing=0)
    want = node.render(3, settings, replace(black), inside=inside)
    found = node.render(3, settings, broken, inside=inside)
    assert (found.quality.not_finite, want.quality.not_finite) == (3, 0)
    assert np.isnan(found.composite[0, 0]).all()
    assert found.composite[170, 300, 1] == -np.inf
    under = found.matte > 0
    assert np.isfinite(found.composite[under]).all()
    # A neighbour's infinity is black to the crop, too.
    assert_same(found.composite[under], want.composite[under], atol=1e-5)
    assert np.isfinite(found.layer("difference")).all()


@pytest.mark.parametrize("name", ["a.%04d.exr", "a.mp4"])
def test_that_an_empty_alpha_is_not_believed_is_said_once(tmp_path, tiny_pack, tiny_identity, name: str):
    node = FaceSwapNode(tiny_identity, EmptyAlpha(), pack=tiny_pack, faces=MarkerDetector())
    with create_output(tmp_path / name) as output:
        render_shot(node, output, range(2, 4), settings=Settings(smoothing=0))
    assert output.notes.count(EMPTY_ALPHA) == 1


def test_a_clip_with_an_empty_alpha_has_a_track(tiny_pack):
    track = analyse_clip(EmptyAlpha(), tiny_pack, MarkerDetector(), Settings(), range(3))
    assert [len(faces) for faces in track.frames.values()] == [1, 1, 1]


def test_a_broken_alpha_under_the_matte_is_counted(node):
    plate = drawn_frame(3, channels=4, premultiplied=True)
    x, y = np.rint(node.analyse(3)[0].landmarks.mean(axis=0)).astype(int)
    for place, alpha in enumerate((np.nan, np.inf, -0.5)):
        plate.pixels[y, x + place, 3] = alpha
    plate.pixels[0, 0, 3] = np.nan
    found = node.render(3, Settings(smoothing=0), plate, inside=np.full((180, 320), 0.5, np.float32))
    assert found.quality.not_finite == 3
    assert np.isfinite(found.composite[found.matte > 0]).all()
    assert np.isfinite(found.face).all()


@pytest.mark.parametrize(("ending", "codec", "alpha"), [("mkv", "ffv1", False), ("mov", "prores", True)])
def test_matte_tracks_keep_their_depth(tmp_path, ending: str, codec: str, alpha: bool):
    source = make_clip(tmp_path / "in.mp4", frames=2, size=(64, 48))
    matte = np.linspace(0, 1, 64 * 48, dtype=np.float32).reshape(48, 64)
    place = tmp_path / f"matte.{ending}"
    with open_clip(source) as clip, create_output(place, clip, codec=codec, alpha=alpha, audio=False) as output:
        output.write(0, matte)
        output.write(1, 1 - matte)
    with open_clip(place) as track:
        assert track.format.planes.kind == ("grey" if ending == "mkv" else "yuv")
        assert track.bit_depth == (16 if ending == "mkv" else track.bit_depth)
        first = track.frame(0).pixels
        held = first[..., 3] if alpha else first[..., 0]
        assert_same(held, matte, atol=1 / 65535 if ending == "mkv" else 1 / 1023)
        assert_same(track.frame(1).pixels[..., -1], 1 - matte, atol=1 / 65535 if ending == "mkv" else 1 / 1023)
