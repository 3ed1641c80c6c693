"""Image sequences and stills in and out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import OpenImageIO as oiio
import pytest

from media_made import little_room, make_clip
from mobilefaceswap.colour import to_display
from mobilefaceswap.errors import MediaError
from mobilefaceswap.frame import ColourSpace, Floats, unpremultiplied
from mobilefaceswap.media import Layers, MediaClip, create_output, open_clip, read_picture
from mobilefaceswap.media.pictures.smpte import timecode_of, words_of


def save(path: Path, pixels: np.ndarray, kind: str = "uint8", **attributes: object) -> Path:
    """A picture written by OpenImageIO alone."""
    header = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    for name, value in attributes.items():
        header.attribute(name.replace("__", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), header)
    assert output.write_image(np.ascontiguousarray(pixels, np.float32))
    output.close()
    return path


def chart(channels: int = 3, width: int = 12, height: int = 8) -> Floats:
    """Every value differs; all of them are whole 16-bit codes."""
    values = np.arange(width * height * channels, dtype=np.float64) * 211 % 65536
    return (values.reshape(height, width, channels) / 65535).astype(np.float32)


def sequence(folder: Path, ending: str, numbers: list[int], kind: str, channels: int = 3, **more: object) -> str:
    """Numbered frames; frame n is the chart moved by n."""
    for number in numbers:
        save(folder / f"shot.{number:04d}.{ending}", np.roll(chart(channels), number, axis=1), kind, **more)
    return str(folder / f"shot.%04d.{ending}")


@pytest.mark.parametrize("name", ["shot.%04d.png", "shot.####.png"])
def test_frame_numbers_are_the_files_own(tmp_path: Path, name: str) -> None:
    sequence(tmp_path, "png", [1001, 1002, 1003], "uint16")
    with open_clip(tmp_path / name) as clip:
        assert (clip.first, clip.last, clip.missing) == (1001, 1003, ())
        assert clip.frame(1002).pixels == pytest.approx(np.roll(chart(), 1002, axis=1), abs=1e-6)


def test_gaps_are_reported(tmp_path: Path) -> None:
    with open_clip(sequence(tmp_path, "png", [1, 2, 5], "uint8")) as clip:
        assert clip.missing == (3, 4)
        with pytest.raises(MediaError, match=r"gap: shot\.0003\.png"):
            clip.frame(3)
        with pytest.raises(MediaError, match="from 1 to 5"):
            clip.frame(6)


@pytest.mark.parametrize(
    ("ending", "kind", "space"),
    [
        ("exr", "half", ColourSpace.LINEAR),
        ("exr", "float", ColourSpace.LINEAR),
        ("png", "uint8", ColourSpace.SRGB),
        ("png", "uint16", ColourSpace.SRGB),
        ("tif", "uint16", ColourSpace.SRGB),
    ],
)
@pytest.mark.parametrize("channels", [3, 4])
def test_copies_are_exact_and_keep_depth(tmp_path: Path, ending: str, kind: str, space: str, channels: int) -> None:
    with open_clip(sequence(tmp_path, ending, [7, 8], kind, channels, Artist="A. Nobody")) as clip:
        assert clip.colour_space is space
        with create_output(tmp_path / f"out.####.{ending}", clip) as writer:
            for time in (7, 8):
                writer.write(time, clip.frame(time).pixels)
        with open_clip(tmp_path / f"out.####.{ending}") as copy:
            assert (copy.first, copy.last, copy.bit_depth) == (7, 8, clip.bit_depth)
            assert copy.frame(8).premultiplied == clip.frame(8).premultiplied
            assert np.array_equal(copy.frame(8).pixels, clip.frame(8).pixels)
            assert copy.metadata(8).get("Artist") == "A. Nobody"


def test_float_exr_keeps_values_beyond_black_and_white(tmp_path: Path) -> None:
    pixels = chart() * 40 - 5
    path = save(tmp_path / "in.exr", pixels, "float")
    with open_clip(path) as clip, create_output(tmp_path / "out.exr", clip) as writer:
        writer.write(0, clip.frame(0).pixels)
    assert np.array_equal(read_picture(tmp_path / "out.exr").pixels, pixels)


def test_exr_is_premultiplied_and_png_is_not(tmp_path: Path) -> None:
    assert read_picture(save(tmp_path / "a.exr", chart(4), "half")).premultiplied
    straight = read_picture(save(tmp_path / "a.png", chart(4), "uint16", oiio__UnassociatedAlpha=1))
    assert not straight.premultiplied
    assert straight.pixels == pytest.approx(chart(4), abs=1e-5)


def test_layers_stand_beside_the_composite(tmp_path: Path) -> None:
    rgb, face, matte = chart(), chart(4) / 2, chart(1)[..., 0]
    path = save(tmp_path / "in.exr", rgb, "float")
    with open_clip(path) as clip, create_output(tmp_path / "out.%04d.exr", clip) as writer:
        writer.write(1001, rgb, Layers({"face": face, "matte": matte}))
    with open_clip(tmp_path / "out.%04d.exr") as clip:
        assert np.array_equal(clip.frame(1001).pixels, rgb)
    file = oiio.ImageInput.open(str(tmp_path / "out.1001.exr"))
    names, stored = file.spec().channelnames, file.read_image("float")
    assert set(names) == {"R", "G", "B", "face.R", "face.G", "face.B", "face.A", "matte.A"}
    assert np.array_equal(stored[..., names.index("matte.A")], matte)
    assert np.array_equal(stored[..., names.index("face.G")], face[..., 1])


def soft_video(folder: Path) -> tuple[MediaClip, Floats, Floats]:
    """A clip of display-referred video, straight colour and alpha for its frames."""
    alpha = np.linspace(0, 1, 64 * 48, dtype=np.float32).reshape(48, 64)
    return open_clip(make_clip(folder / "in.mp4", frames=2)), np.full((48, 64, 3), 0.5, np.float32), alpha


def test_a_premultiplied_layer_is_converted_as_it_is_seen(tmp_path: Path) -> None:
    """The edge of a face layer from video in a linear EXR: the colour is the core's, times the matte."""
    clip, rgb, alpha = soft_video(tmp_path)
    face = np.dstack([rgb * alpha[..., None], alpha])
    create_output(tmp_path / "own.exr", clip, premultiplied=True).write(0, face)
    create_output(tmp_path / "beside.exr", clip).write(0, rgb, Layers({"face": face}))
    expected = np.dstack([np.float32(0.5**2.4) * alpha] * 3)
    assert read_picture(tmp_path / "own.exr").rgb == pytest.approx(expected, abs=1e-3)
    file = oiio.ImageInput.open(str(tmp_path / "beside.exr"))
    stored = file.read_image("float")
    assert stored[..., file.spec().channelnames.index("face.R")] == pytest.approx(expected[..., 0], abs=1e-3)


@pytest.mark.parametrize("ending", ["exr", "png", "tif"])
def test_straight_colour_becomes_what_the_format_expects(tmp_path: Path, ending: str) -> None:
    clip, rgb, alpha = soft_video(tmp_path)
    create_output(tmp_path / f"out.{ending}", clip, bit_depth=16).write(0, np.dstack([rgb, alpha]))
    frame = read_picture(tmp_path / f"out.{ending}")
    assert frame.premultiplied is (ending == "exr")
    seen = (unpremultiplied(frame.pixels) if frame.premultiplied else frame.pixels)[alpha > 0.1, :3]
    assert seen == pytest.approx(np.full_like(seen, 0.5**2.4 if ending == "exr" else 0.5), abs=2e-3)


def test_premultiplied_colour_is_not_declared_straight(tmp_path: Path) -> None:
    clip, rgb, alpha = soft_video(tmp_path)
    create_output(tmp_path / "out.png", clip, premultiplied=True, bit_depth=16).write(
        0, np.dstack([rgb * alpha[..., None], alpha])
    )
    frame = read_picture(tmp_path / "out.png")
    assert not frame.premultiplied
    seen = frame.rgb[alpha > 0.1]
    assert seen == pytest.approx(np.full_like(seen, 0.5), abs=2e-3)


def light_over_nothing(folder: Path) -> MediaClip:
    """Linear light of 0.2, premultiplied: by an alpha of 1 and of 0.5, and covering nothing."""
    pixels = np.full((48, 96, 4), 0.2, np.float32)
    pixels[..., 3] = np.repeat(np.float32([1, 0.5, 0]), 32)
    return open_clip(save(folder / "in.exr", pixels, "float"))


@pytest.mark.parametrize(("ending", "multiplied"), [("png", False), ("tif", True), ("tga", False)])
def test_light_that_covers_nothing_is_kept_beside_its_alpha(tmp_path: Path, ending: str, multiplied: bool) -> None:
    clip = light_over_nothing(tmp_path)
    create_output(tmp_path / f"out.{ending}", clip).write(0, clip.frame(0).pixels)
    frame = read_picture(tmp_path / f"out.{ending}")
    light = np.array([[0.2] * 3, [0.4] * 3, [0.2] * 3], np.float32)
    expected = to_display(light, ColourSpace.LINEAR)[:, 0] * (1, 0.5 if multiplied else 1, 1)
    assert frame.premultiplied is multiplied
    assert frame.rgb[24, 16::32, 0] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("without", ["jpg", "bmp", "png", "mp4"])
def test_without_alpha_premultiplied_light_is_what_it_shows_over_black(tmp_path: Path, without: str) -> None:
    clip = light_over_nothing(tmp_path)
    alpha = False if without == "png" else None
    with create_output(tmp_path / f"out.{without}", clip, alpha=alpha) as out:
        out.write(0, clip.frame(0).pixels)
        assert not any("chroma" in note for note in out.notes)
    with open_clip(tmp_path / f"out.{without}") as written:
        frame = written.frame(0)
    shown = to_display(frame.pixels, frame.colour_space)
    assert frame.channels == 3
    assert shown[24, 16::32, 0] == pytest.approx([0.4845] * 3, abs=0.01)


def test_colour_beside_a_matte_in_the_alpha_is_not_multiplied(tmp_path: Path) -> None:
    clip, rgb, alpha = soft_video(tmp_path)
    create_output(tmp_path / "out.exr", clip, premultiplied=False).write(0, np.dstack([rgb, alpha]))
    assert read_picture(tmp_path / "out.exr").rgb == pytest.approx(np.full_like(rgb, 0.5**2.4), abs=1e-3)


@pytest.mark.parametrize(("ending", "kind"), [("png", "uint16"), ("tif", "uint16"), ("exr", "half")])
def test_a_matte_is_one_deep_channel(tmp_path: Path, ending: str, kind: str) -> None:
    matte = chart(1)[..., 0]
    with (
        open_clip(make_clip(tmp_path / "in.mp4")) as clip,
        create_output(tmp_path / f"m.####.{ending}", clip) as writer,
    ):
        writer.write(3, matte)
    header = oiio.ImageInput.open(str(tmp_path / f"m.0003.{ending}")).spec()
    assert (header.nchannels, str(header.format)) == (1, kind)
    assert read_picture(tmp_path / f"m.0003.{ending}").pixels[..., 1] == pytest.approx(matte, abs=1e-3)


def test_video_becomes_linear_in_exr_and_keeps_its_codes_in_png(tmp_path: Path) -> None:
    with open_clip(make_clip(tmp_path / "in.mp4", frames=2)) as clip:
        pixels = clip.frame(1).pixels
        for ending in ("exr", "png"):
            with create_output(tmp_path / f"out.{ending}", clip) as writer:
                writer.write(1, pixels)
    assert read_picture(tmp_path / "out.png").pixels == pytest.approx(np.clip(pixels, 0, 1), abs=0.002)
    linear = read_picture(tmp_path / "out.exr").pixels
    assert linear == pytest.approx(np.maximum(pixels, 0) ** 2.4, abs=0.002)


def test_resuming_keeps_finished_frames_and_repeats_damaged_ones(tmp_path: Path) -> None:
    with open_clip(sequence(tmp_path, "png", [1, 2, 3], "uint8")) as clip:
        save(tmp_path / "out.0001.png", chart())
        (tmp_path / "out.0002.png").write_bytes((tmp_path / "out.0001.png").read_bytes()[:60])
        writer = create_output(tmp_path / "out.%04d.png", clip, resume=True)
        assert [writer.has(time) for time in (1, 2, 3)] == [True, False, False]
        assert not create_output(tmp_path / "out.%04d.png", clip).has(1)


@pytest.mark.parametrize("ending", ["exr", "png", "tif", "jpg", "webp", "bmp", "tga", "gif", "dpx", "hdr"])
def test_nothing_unfinished_bears_a_frame_name(tmp_path: Path, ending: str) -> None:
    with open_clip(sequence(tmp_path, "png", [1], "uint8")) as clip, little_room():
        writer = create_output(tmp_path / f"out.%04d.{ending}", clip)
        with pytest.raises(MediaError):
            writer.write(1, np.random.default_rng(0).random((400, 400, 3), np.float32))
    assert [item.name for item in tmp_path.iterdir()] == ["shot.0001.png"]


@pytest.mark.parametrize("ending", ["exr", "png", "tif", "dpx", "hdr"])
def test_a_full_disk_is_said_and_how_to_go_on(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries do not tell a full disk from other troubles; only what is left on it does."""
    noise = np.random.default_rng(0).random((400, 400, 3), np.float32)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    writer = create_output(tmp_path / f"out.%04d.{ending}")
    with little_room(), pytest.raises(MediaError, match="the disk is full") as first:
        writer.write(1, noise)
    assert "are written" not in str(first.value)
    for time in (1, 2):
        writer.write(time, noise)
    with little_room(), pytest.raises(MediaError, match=r"is full.*Frames 1 to 2 are written: go on with --resume"):
        writer.write(3, noise)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1 << 40))
    with little_room(), pytest.raises(MediaError, match="expected to write"):
        writer.write(3, noise)


def test_variable_frame_timing_is_no_rate_of_pictures(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", frames=4, stamps=[0, 40, 120, 160], base=Fraction(1, 1000))
    with open_clip(source) as clip, create_output(tmp_path / "out.%04d.exr", clip) as writer:
        writer.write(0, clip.frame(0).pixels)
    assert "variable frame timing: left out; make the clip constant first, or write .mov" in writer.notes
    with open_clip(tmp_path / "out.%04d.exr") as copy:
        assert copy.frame_rate is None


def test_a_constant_rate_is_a_sequence_s_own(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", frames=4)
    with open_clip(source) as clip, create_output(tmp_path / "out.%04d.exr", clip) as writer:
        writer.write(0, clip.frame(0).pixels)
    assert not [note for note in writer.notes if "timing" in note]
    with open_clip(tmp_path / "out.%04d.exr") as copy:
        assert copy.frame_rate == Fraction(24000, 1001)


@pytest.mark.parametrize(("name", "rate"), [("out.mov", 24), ("out.gif", 25)])
def test_a_rate_that_is_made_up_is_said(tmp_path: Path, name: str, rate: int) -> None:
    size = {"width": 64, "height": 48}
    for number in (1, 2):
        save(tmp_path / f"none.{number:04d}.png", chart(**size))
        save(tmp_path / f"some.{number:04d}.exr", chart(**size), "half", FramesPerSecond=23.976)
    for source, notes in (
        (
            "none.%04d.png",
            [f"the clip declares no frame rate: written at {rate} frames/s; another is set with --frame-rate"],
        ),
        ("none.0001.png", []),
        ("some.%04d.exr", []),
    ):
        with open_clip(tmp_path / source) as clip, create_output(tmp_path / name, clip) as writer:
            for time in range(clip.first, clip.last + 1):
                writer.write(time, clip.frame(time).pixels)
        assert [note for note in writer.notes if "rate" in note] == notes, source


@pytest.mark.parametrize("name", ["out.mov", "out.gif", "out.%04d.exr"])
def test_a_rate_that_is_given_counts_whatever_the_files_declare(tmp_path: Path, name: str) -> None:
    for number in (1, 2):
        picture = chart(width=64, height=48) / number
        save(tmp_path / f"none.{number:04d}.png", picture)
        save(tmp_path / f"some.{number:04d}.exr", picture, "half", FramesPerSecond=24.0)
    for source, said in (("none", []), ("some", ["its files declare 24 frames/s: taken as 50"])):
        ending = "png" if source == "none" else "exr"
        with open_clip(tmp_path / f"{source}.%04d.{ending}", frame_rate=Fraction(50)) as clip:
            assert (clip.frame_rate, clip.format.duration) == (50, Fraction(1, 25))
            assert [note for note in clip.notes if "frames/s" in note] == said
            with create_output(tmp_path / name, clip) as writer:
                for time in (1, 2):
                    writer.write(time, clip.frame(time).pixels)
        assert not [note for note in writer.notes if "rate" in note]
        with open_clip(tmp_path / name) as written:
            assert written.frame_rate == 50


def test_a_rate_is_not_given_to_frames_with_times_of_their_own(tmp_path: Path) -> None:
    with create_output(tmp_path / "out.mov") as writer:
        writer.write(0, chart(width=64, height=48))
    with pytest.raises(MediaError, match=r"sequence alone; found 23\.976 frames/s"):
        open_clip(tmp_path / "out.mov", frame_rate=Fraction(24000, 1001))


def test_an_exr_of_another_display_window_is_refused(tmp_path: Path) -> None:
    for number, side in ((1, 32), (2, 30)):
        save(tmp_path / f"shot.{number:04d}.exr", chart(3, side, side), "half")
    with open_clip(tmp_path / "shot.%04d.exr") as clip:
        assert clip.frame(1).size == (32, 32)
        with pytest.raises(MediaError, match=r"32 x 32 pixels, as in shot\.0001\.exr; found 30 x 30 pixels in .*0002"):
            clip.frame(2)


@pytest.mark.parametrize(
    ("ending", "channels", "kind", "notes"),
    [
        ("png", 3, "uint16", ["frame 3 has 16 bits, the first 8: all are written with 8"]),
        ("mp4", 3, "uint16", ["frame 3 has 16 bits, the first 8: all are written with 8"]),
        ("jpg", 4, "uint8", ["frame 3 has alpha: left out, JPEG has none"]),
        ("mp4", 4, "uint8", ["frame 3 has alpha, the first has none: left out from there on"]),
        ("png", 4, "uint8", []),
        ("exr", 4, "uint16", []),
    ],
)
def test_what_later_files_have_more_than_the_first_is_said_once(
    tmp_path: Path, ending: str, channels: int, kind: str, notes: list[str]
) -> None:
    sequence(tmp_path, "png", [1, 2], "uint8")
    sequence(tmp_path, "png", [3, 4], kind, channels)
    name = "out.mp4" if ending == "mp4" else f"out.%04d.{ending}"
    with open_clip(tmp_path / "shot.%04d.png") as clip, create_output(tmp_path / name, clip) as writer:
        for time in range(1, 5):
            writer.write(time, clip.frame(time).pixels)
    assert [note for note in writer.notes if note.startswith("frame ")] == notes


def test_a_depth_that_was_asked_for_is_no_loss(tmp_path: Path) -> None:
    sequence(tmp_path, "png", [1], "uint8")
    sequence(tmp_path, "png", [2], "uint16")
    with open_clip(tmp_path / "shot.%04d.png") as clip:
        for depth in (8, 16):
            with create_output(tmp_path / f"out{depth}.%04d.png", clip, bit_depth=depth) as writer:
                for time in (1, 2):
                    writer.write(time, clip.frame(time).pixels)
            assert not writer.notes


def test_output_names_are_checked(tmp_path: Path) -> None:
    with open_clip(sequence(tmp_path, "png", [1, 2], "uint8")) as clip:
        with pytest.raises(MediaError, match="other than the input"):
            create_output(tmp_path / "shot.####.png", clip)
        for name in ("shot.0002.png", "shot.0009.png", "shot.%d.png"):
            with pytest.raises(MediaError, match="other than the input"):
                create_output(tmp_path / name, clip)
        with pytest.raises(MediaError, match="8 or 16"):
            create_output(tmp_path / "out.%04d.png", clip, bit_depth=12)
        with create_output(tmp_path / "out.png", clip) as writer:
            writer.write(1, clip.frame(1).pixels)
            with pytest.raises(MediaError, match=r"out\.%04d\.png"):
                writer.write(2, clip.frame(2).pixels)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8192, 4)])
def test_any_size_is_read_and_written(tmp_path: Path, size: tuple[int, int]) -> None:
    path = save(tmp_path / "in.png", chart(3, *size), "uint16")
    with open_clip(path) as clip, create_output(tmp_path / "out.png", clip) as writer:
        assert clip.size == size
        writer.write(0, clip.frame(0).pixels)
    assert np.array_equal(read_picture(tmp_path / "out.png").pixels, read_picture(path).pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_stills_of_any_kind_become_frames(tmp_path: Path, channels: int, kind: str) -> None:
    frame = read_picture(save(tmp_path / "in.png", chart(channels), kind, oiio__UnassociatedAlpha=1))
    assert frame.pixels.shape == (8, 12, 3 if channels in (1, 3) else 4)
    expected = chart(channels)[..., :1] if channels < 3 else chart(channels)[..., :3]
    assert frame.rgb == pytest.approx(np.broadcast_to(expected, frame.rgb.shape), abs=0.003)


def test_a_palette_is_resolved(tmp_path: Path) -> None:
    from PIL import Image

    colours = Image.new("P", (4, 2), 1)
    colours.putpalette([0, 0, 0, 255, 128, 0])
    colours.save(tmp_path / "in.png")
    assert read_picture(tmp_path / "in.png").pixels[1, 2] == pytest.approx((1, 128 / 255, 0), abs=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path: Path, orientation: int) -> None:
    from PIL import Image, ImageOps

    corner = np.zeros((16, 32, 3), np.uint8)
    corner[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(corner).save(tmp_path / "in.jpg", exif=exif, quality=100)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "in.jpg")), np.float32) / 255
    assert read_picture(tmp_path / "in.jpg").pixels == pytest.approx(upright, abs=0.02)


def test_data_windows_are_placed_in_the_display_window(tmp_path: Path) -> None:
    header = oiio.ImageSpec(4, 2, 3, "half")
    header.x, header.y, header.full_width, header.full_height = 3, 1, 12, 8
    output = oiio.ImageOutput.create("a.exr")
    output.open(str(tmp_path / "a.exr"), header)
    output.write_image(np.ones((2, 4, 3), np.float32))
    output.close()
    frame = read_picture(tmp_path / "a.exr")
    assert frame.size == (12, 8)
    assert frame.pixels[1:3, 3:7].min() == 1
    assert frame.pixels.sum() == 24


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "exr", "webp", "bmp", "dpx", "hdr", "gif"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.98])
def test_a_picture_cut_short_is_refused(tmp_path: Path, ending: str, share: float) -> None:
    noise = np.random.default_rng(0).random((60, 80, 3)).astype(np.float32)
    whole = save(tmp_path / f"whole.{ending}", noise, "half" if ending == "exr" else "uint8").read_bytes()
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(MediaError, match="cut short"):
        read_picture(cut)
    with pytest.raises(MediaError, match="cut short"):
        open_clip(cut)


def test_a_jpeg_with_broken_data_is_refused_and_a_padded_one_is_not(tmp_path: Path) -> None:
    whole = save(tmp_path / "in.jpg", np.random.default_rng(0).random((60, 80, 3)).astype(np.float32)).read_bytes()
    middle = len(whole) // 2
    (tmp_path / "in.jpg").write_bytes(whole[:middle] + b"\xff\xd9" + whole[middle:])
    with pytest.raises(MediaError, match="damaged"):
        read_picture(tmp_path / "in.jpg")
    (tmp_path / "in.jpg").write_bytes(whole[:-2] + bytes(6) + whole[-2:])
    assert read_picture(tmp_path / "in.jpg").size == (80, 60)


def test_bad_pictures_are_refused(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.png", chart(3, 64, 64)).read_bytes()
    for name, content in {"empty.png": b"", "text.png": b"no picture", "cut.png": whole[: len(whole) // 3]}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MediaError, match="again"):
            read_picture(tmp_path / name)
    with pytest.raises(MediaError, match="found none"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(MediaError, match="found none"):
        open_clip(tmp_path / "missing.%04d.png")


def test_a_frame_has_a_key_without_decoding(tmp_path: Path) -> None:
    with open_clip(sequence(tmp_path, "exr", [1, 2], "half")) as clip:
        before = clip.key(1)
        assert before == clip.key(1) != clip.key(2)
        save(tmp_path / "shot.0001.exr", chart() / 2, "float")
        assert clip.key(1) != before


WORDS = (0x01020304, 0)  # 01:02:03:04


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (WORDS, "01:02:03:04"),
        ((0x10595929 | 1 << 6, 0), "10:59:59;29"),
        ((0x01020304 | 1 << 7 | 1 << 15, 7), "01:02:03:04"),  # flags and user bits
        ((0x0102030A, 0), None),
        ((0x25020304, 0), None),
        ((0xFFFFFFFF, 0xFFFFFFFF), None),
        ("01:02:03:04", None),
        (None, None),
    ],
)
def test_timecode_is_read_from_its_digits(words: object, said: str | None) -> None:
    assert timecode_of(words) == said
    if said:
        assert timecode_of(words_of(said)) == said


@pytest.mark.parametrize("ending", ["exr", "dpx"])
def test_the_timecode_of_pictures_goes_into_a_video_and_back(tmp_path: Path, ending: str) -> None:
    kind = "half" if ending == "exr" else "uint16"
    more = {"FramesPerSecond": 24.0} if ending == "dpx" else {}
    for number in (1, 2, 3):
        header = oiio.ImageSpec(64, 48, 3, kind)
        header.attribute("smpte:TimeCode", oiio.TypeTimeCode, (WORDS[0] + number - 1, 0))
        header.attribute("FramesPerSecond", oiio.TypeRational, (24, 1))
        for name, value in more.items():
            header.attribute(name, value)
        output = oiio.ImageOutput.create(f"x.{ending}")
        assert output.open(str(tmp_path / f"shot.{number:04d}.{ending}"), header)
        assert output.write_image(np.full((48, 64, 3), 0.5, np.float32))
        output.close()
    with open_clip(tmp_path / f"shot.%04d.{ending}") as clip:
        assert clip.timecode == "01:02:03:04"
        with create_output(tmp_path / "out.mov", clip) as writer:
            for time in (2, 3):
                writer.write(time, clip.frame(time).pixels)
    with open_clip(tmp_path / "out.mov") as clip:
        assert clip.timecode == "01:02:03:05"
        with create_output(tmp_path / f"back.%04d.{ending}", clip) as writer:
            writer.write(1, clip.frame(1).pixels)
        assert not [note for note in writer.notes if "timecode" in note]
    with open_clip(tmp_path / f"back.%04d.{ending}") as back:
        assert back.timecode == "01:02:03:06"


def test_a_timecode_that_cannot_be_kept_is_said_once(tmp_path: Path) -> None:
    clip = open_clip(make_clip(tmp_path / "in.mov", frames=2, timecode="01:00:00:00"))
    with clip, create_output(tmp_path / "out.%04d.png", clip) as writer:
        writer.write(0, clip.frame(0).pixels)
    assert [note for note in writer.notes if "timecode" in note.lower()] == [
        "timecode (01:00:00:00): left out, PNG cannot hold it"
    ]


@pytest.mark.parametrize(("rate", "held"), [(30, True), (50, False)])
def test_a_timecode_of_more_frames_than_its_digits_hold_is_said(tmp_path: Path, rate: int, held: bool) -> None:
    source = make_clip(tmp_path / "in.mov", frames=2, rate=Fraction(rate), timecode=f"01:00:00:{rate - 2}")
    with open_clip(source) as clip, create_output(tmp_path / "out.%04d.exr", clip) as writer:
        assert clip.timecode == f"01:00:00:{rate - 2}"
        for time in range(2):
            writer.write(time, clip.frame(time).pixels)
    said = f"timecode (01:00:00:{rate - 2}): left out, OpenEXR cannot hold it"
    assert (said in writer.notes) is not held
    with open_clip(tmp_path / "out.%04d.exr") as copy:
        assert copy.timecode == (f"01:00:00:{rate - 2}" if held else None)


def test_a_held_frame_has_what_belongs_to_its_picture(tmp_path: Path) -> None:
    for number in (1, 2, 4):
        save(tmp_path / f"shot.{number:04d}.exr", chart(), "half", Comment=f"frame {number}")
    with open_clip(tmp_path / "shot.%04d.exr") as clip:
        assert clip.metadata(3).get("Comment") == "frame 2"
        assert clip.metadata(4).get("Comment") == "frame 4"


def test_a_held_frame_has_a_timecode_of_its_own(tmp_path: Path) -> None:
    for number in (1, 2, 4):
        header = oiio.ImageSpec(12, 8, 3, "half")
        header.attribute("smpte:TimeCode", oiio.TypeTimeCode, (WORDS[0] + number - 1, 0))
        header.attribute("FramesPerSecond", oiio.TypeRational, (24, 1))
        output = oiio.ImageOutput.create("x.exr")
        assert output.open(str(tmp_path / f"shot.{number:04d}.exr"), header)
        assert output.write_image(chart())
        output.close()
    with open_clip(tmp_path / "shot.%04d.exr") as clip, create_output(tmp_path / "out.%04d.exr", clip) as writer:
        for time in (3, 4):
            writer.write(time, chart())
    for time, said in ((3, "01:02:03:06"), (4, "01:02:03:07")):
        with open_clip(tmp_path / f"out.{time:04d}.exr") as copy:
            assert copy.timecode == said


def test_all_parts_of_a_held_frame_have_its_timecode(tmp_path: Path) -> None:
    for number in (1, 3):
        headers = [oiio.ImageSpec(12, 8, channels, "half") for channels in (3, 1)]
        for place, header in enumerate(headers):
            header.attribute("oiio:subimagename", ("rgb", "depth")[place])
            header.attribute("smpte:TimeCode", oiio.TypeTimeCode, (WORDS[0] + number - 1, 0))
            header.attribute("FramesPerSecond", oiio.TypeRational, (24, 1))
        output = oiio.ImageOutput.create("x.exr")
        assert output.open(str(tmp_path / f"shot.{number:04d}.exr"), headers)
        assert output.write_image(chart())
        assert output.open(str(tmp_path / f"shot.{number:04d}.exr"), headers[1], "AppendSubimage")
        assert output.write_image(chart(1))
        output.close()
    with open_clip(tmp_path / "shot.%04d.exr") as clip, create_output(tmp_path / "out.%04d.exr", clip) as writer:
        writer.write(2, chart())
    file = oiio.ImageInput.open(str(tmp_path / "out.0002.exr"))
    for part in range(2):
        assert file.seek_subimage(part, 0)
        assert tuple(file.spec().getattribute("smpte:TimeCode")) == (WORDS[0] + 1, 0)


def test_a_picture_of_another_size_is_refused_with_both(tmp_path: Path) -> None:
    save(tmp_path / "shot.0001.png", chart(), "uint8")
    save(tmp_path / "shot.0002.png", chart(width=6, height=4), "uint8")
    with open_clip(tmp_path / "shot.%04d.png") as clip:
        assert clip.frame(1).size == (12, 8)
        with pytest.raises(MediaError, match=r"12 x 8 pixels, as in shot\.0001\.png; found 6 x 4"):
            clip.frame(2)


@pytest.mark.parametrize(
    ("names", "chosen", "told"),
    [
        (["View.AO", "View.Combined"], "View.Combined", "layer View.Combined is taken for the picture, not View.AO"),
        (["ambient", "diffuse"], "ambient", "layer ambient is taken for the picture, not diffuse"),
        (["only"], "only", ""),
    ],
)
def test_of_several_layers_the_main_picture_is_taken_and_said(
    tmp_path: Path, names: list[str], chosen: str, told: str
) -> None:
    header = oiio.ImageSpec(12, 8, 3 * len(names), "half")
    header.channelnames = tuple(f"{name}.{channel}" for name in names for channel in "RGB")
    values = np.concatenate([np.full((8, 12, 3), 0.25 * (1 + place), np.float32) for place in range(len(names))], 2)
    output = oiio.ImageOutput.create("x.exr")
    assert output.open(str(tmp_path / "a.exr"), header)
    assert output.write_image(values)
    output.close()
    with open_clip(tmp_path / "a.exr") as clip:
        assert float(clip.frame(0).rgb.mean()) == 0.25 * (1 + names.index(chosen))
        assert told in " ".join(clip.notes)
        assert bool(told) == any("taken for the picture" in note for note in clip.notes)


def test_a_composite_layer_of_a_straight_plate_equals_the_picture(tmp_path: Path) -> None:
    clip = open_clip(save(tmp_path / "in.png", chart(4), "uint16", oiio__UnassociatedAlpha=1))
    straight = clip.frame(0).pixels
    with clip, create_output(tmp_path / "out.exr", clip, bit_depth=32) as writer:
        writer.write(0, straight, Layers({"composite": straight}, premultiplied=False))
    file = oiio.ImageInput.open(str(tmp_path / "out.exr"))
    names, stored = file.spec().channelnames, file.read_image("float")
    for channel in "RGBA":
        layer = stored[..., names.index(f"composite.{channel}")]
        assert np.array_equal(layer, stored[..., names.index(channel)])


@pytest.mark.parametrize("asked", [{"codec": "h264"}, {"quality": "20"}])
def test_pictures_have_no_codec(tmp_path: Path, asked: dict[str, str]) -> None:
    with pytest.raises(MediaError, match="codec or quality for a video alone"):
        create_output(tmp_path / "out.%04d.png", **asked)


@pytest.mark.parametrize("bits", [7, -3, 0])
def test_a_depth_that_no_video_has_is_refused(tmp_path: Path, bits: int) -> None:
    clip = open_clip(make_clip(tmp_path / "in.mp4", frames=1))
    with (
        clip,
        pytest.raises(MediaError, match="8, 10, 12, 16 or 32 bits"),
        create_output(tmp_path / "out.mp4", clip, bit_depth=bits) as writer,
    ):
        writer.write(0, clip.frame(0).pixels)
