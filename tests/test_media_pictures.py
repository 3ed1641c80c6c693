"""What picture files hold besides one RGB picture: frames, parts, windows, profiles."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from PIL import Image, ImageCms

from media_made import copied, make_clip
from mobilefaceswap.errors import MediaError
from mobilefaceswap.media import Layers, create_output, open_clip, open_matte, read_picture
from mobilefaceswap.media.pictures import exr as exr_module
from mobilefaceswap.media.pictures.icc import Profile

RANDOM = np.random.default_rng(0)


# Animations


def animation(path: Path, *, transparent: bool = False, count: int = 6) -> list[int]:
    """Frame n has a bar at 8 n; every frame shows for another time. Returns these times, in milliseconds."""
    durations = [40, 120, 80, 200, 60, 100][:count]
    pictures = []
    for number in range(count):
        codes = np.zeros((32, 64, 4), np.uint8)
        codes[..., 3] = 0 if transparent else 255
        codes[:, 8 * number : 8 * number + 8] = (250, 120, 10, 255)
        pictures.append(Image.fromarray(codes).convert("RGBA" if transparent else "RGB"))
    more = (
        {"disposal": 2}
        if path.suffix == ".gif"
        else {"lossless": True, "kmin": 1, "kmax": 1}
        if path.suffix == ".webp"
        else {}
    )
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, **more)
    return durations


def bars(path: Path) -> list[int]:
    """Where the bar stands in every frame, in 8 pixels."""
    with open_clip(path) as clip:
        frames = [clip.frame(time).pixels[16, :, 0] for time in (*range(clip.last, -1, -1),)][::-1]
    return [int(np.argmax(row > 0.6)) // 8 for row in frames]


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "apng", "avif"])
@pytest.mark.parametrize("transparent", [False, True])
def test_animations_keep_frames_durations_and_transparency(tmp_path: Path, ending: str, transparent: bool) -> None:
    if ending == "apng":
        animation(tmp_path / "in.png", transparent=transparent)
        (tmp_path / "in.png").rename(tmp_path / "in.apng")
        durations = [40, 120, 80, 200, 60, 100]
    else:
        durations = animation(tmp_path / f"in.{ending}", transparent=transparent)
    source = tmp_path / f"in.{ending}"
    with open_clip(source) as clip:
        assert clip.format.timing is not None
        assert list(clip.format.timing.durations) == durations
        assert clip.has_alpha is transparent
    copy = copied(source, tmp_path / f"out.{ending}")
    for path in (source, copy):
        assert bars(path) == [0, 1, 2, 3, 4, 5]
    with open_clip(copy) as clip:
        assert list(clip.format.timing.durations) == durations
        if transparent:
            assert clip.frame(3).alpha[16, 28] > 0.9
            assert clip.frame(3).alpha[16, 50] < 0.1


def test_an_animation_becomes_a_video_with_its_times_and_a_sequence(tmp_path: Path) -> None:
    durations = animation(tmp_path / "in.gif")
    copied(tmp_path / "in.gif", tmp_path / "out.mp4")
    copied(tmp_path / "in.gif", tmp_path / "out.%02d.png")
    with open_clip(tmp_path / "out.mp4") as clip:
        shown = [round(duration * clip.format.timing.base * 1000) for duration in clip.format.timing.durations]
    assert shown == durations
    assert len(list(tmp_path.glob("out.*.png"))) == 6


def test_a_step_through_an_animation_keeps_its_time(tmp_path: Path) -> None:
    durations = animation(tmp_path / "in.gif")
    with open_clip(tmp_path / "in.gif") as clip, create_output(tmp_path / "out.gif", clip) as writer:
        for time in range(0, len(durations), 2):
            writer.write(time, clip.frame(time).pixels)
    with open_clip(tmp_path / "out.gif") as clip:
        shown = [round(duration * clip.format.timing.base * 1000) for duration in clip.format.timing.durations]
    assert shown == [durations[0] + durations[1], durations[2] + durations[3], durations[4]]


def test_a_video_becomes_an_animation(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", rate=Fraction(25))
    with open_clip(source) as clip, create_output(tmp_path / "out.gif", clip) as writer:
        for time in range(12):
            writer.write(time, clip.frame(time).pixels)
    assert any("256 colours" in note for note in writer.notes)
    with open_clip(tmp_path / "out.gif") as clip:
        assert (clip.last + 1, clip.frame_rate) == (12, 25)


@pytest.mark.parametrize(
    ("ending", "rate", "shown"),
    [
        ("gif", Fraction(24000, 1001), [40, 40, 50, 40, 40, 40, 40, 40, 50, 40, 40, 40]),
        ("gif", Fraction(30000, 1001), [30, 40, 30, 30, 40, 30, 30, 40, 30, 30, 40, 30]),
        ("gif", Fraction(60), [20] * 12),
        ("png", Fraction(24000, 1001), [42, 41, 42, 42, 42, 41, 42, 42, 41, 42, 42, 41]),
        ("webp", Fraction(60), [17, 16, 17] * 4),
    ],
)
def test_an_animation_runs_at_the_speed_of_the_video(tmp_path: Path, ending: str, rate: Fraction, shown: list) -> None:
    source = make_clip(tmp_path / "in.mp4", rate=rate)
    target = tmp_path / f"out.{ending}"
    target = target.with_suffix(".apng") if ending == "png" else target
    with open_clip(source) as clip, create_output(target, clip) as writer:
        for time in range(12):
            writer.write(time, clip.frame(time).pixels)
    with open_clip(target) as clip:
        assert list(clip.format.timing.durations) == shown
    too_fast = "browsers show GIF at 50 frames/s at most: written slower than the clip"
    assert (too_fast in writer.notes) is (ending == "gif" and rate == 60)


def test_an_interrupted_animation_is_kept_as_partial(tmp_path: Path) -> None:
    def interrupted() -> None:
        animation(tmp_path / "in.gif")
        with open_clip(tmp_path / "in.gif") as clip, create_output(tmp_path / "out.gif", clip) as writer:
            for time in range(3):
                writer.write(time, clip.frame(time).pixels)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert bars(tmp_path / "out.partial.gif") == [0, 1, 2]
    assert not (tmp_path / "out.gif").exists()


def test_an_animation_cannot_be_resumed(tmp_path: Path) -> None:
    animation(tmp_path / "in.gif")
    with open_clip(tmp_path / "in.gif") as clip, pytest.raises(MediaError, match="resume"):
        create_output(tmp_path / "out.gif", clip, resume=True)


def test_twelve_frames_of_a_gif(media: Path) -> None:
    with open_clip(media / "faults" / "animated_12_frames.gif") as clip:
        assert clip.last + 1 == 12
        assert clip.duration == pytest.approx(1.01, abs=0.02)


# OpenEXR


def exr(path: Path, parts: list[tuple[oiio.ImageSpec, np.ndarray]]) -> Path:
    output = oiio.ImageOutput.create(str(path))
    specs = [spec for spec, _ in parts]
    assert output.open(str(path), specs if len(parts) > 1 else specs[0]), output.geterror()
    for place, (spec, pixels) in enumerate(parts):
        if place:
            assert output.open(str(path), spec, "AppendSubimage")
        assert output.write_image(np.ascontiguousarray(pixels))
    output.close()
    return path


def part(
    name: str, channels: str, size: tuple[int, int] = (12, 8), kind: str = "half", window: tuple[int, ...] = ()
) -> tuple[oiio.ImageSpec, np.ndarray]:
    """window: x, y of the data; x, y, width, height of the display."""
    names = tuple(channels.split(","))
    spec = oiio.ImageSpec(*size, len(names), kind)
    spec.channelnames = names
    spec.attribute("oiio:subimagename", name)
    spec.attribute("Artist", "A. Nobody")
    if window:
        spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height = window
    return spec, RANDOM.random((size[1], size[0], len(names)), np.float32).astype(np.float16).astype(np.float32)


def read_parts(path: Path) -> dict[str, tuple[oiio.ImageSpec, np.ndarray]]:
    file = oiio.ImageInput.open(str(path))
    found = {}
    while file.seek_subimage(len(found), 0):
        spec = file.spec()
        found[spec.get_string_attribute("oiio:subimagename", str(len(found)))] = (spec, file.read_image("float"))
    return found


@pytest.mark.parametrize("order", [("depth", "beauty"), ("beauty", "depth")])
def test_the_rgb_part_of_a_multipart_exr_is_the_picture(tmp_path: Path, order: tuple[str, str]) -> None:
    made = {"depth": part("depth", "Z", kind="float"), "beauty": part("beauty", "R,G,B,A")}
    source = exr(tmp_path / "in.exr", [made[name] for name in order])
    assert np.array_equal(read_picture(source).pixels, made["beauty"][1])
    with open_clip(source) as clip, create_output(tmp_path / "out.exr", clip) as writer:
        writer.write(0, clip.frame(0).pixels / 2, Layers({"matte": np.ones((8, 12), np.float32)}))
    found = read_parts(tmp_path / "out.exr")
    assert list(found) == list(order)
    assert found["depth"][0].channelnames == ("Z",)
    assert str(found["depth"][0].format) == "float"
    assert np.array_equal(found["depth"][1], made["depth"][1])
    spec, pixels = found["beauty"]
    assert spec.get_string_attribute("Artist") == "A. Nobody"
    channel = {name: pixels[..., place] for place, name in enumerate(spec.channelnames)}
    assert np.array_equal(channel["G"], (made["beauty"][1][..., 1] / 2).astype(np.float16))
    assert channel["matte.A"].min() == 1


def test_layers_beside_the_picture_are_kept(tmp_path: Path) -> None:
    spec, pixels = part("", "R,G,B,Z,diffuse.R,diffuse.G,diffuse.B")
    spec.channelformats = tuple(oiio.TypeDesc("float" if name == "Z" else "half") for name in spec.channelnames)
    source = exr(tmp_path / "in.exr", [(spec, pixels)])
    copy = copied(source, tmp_path / "out.exr")
    ((_, (spec_out, out)),) = read_parts(copy).items()
    for place, name in enumerate(spec.channelnames):
        assert np.array_equal(out[..., spec_out.channelnames.index(name)], pixels[..., place]), name
    assert str(spec_out.channelformats[spec_out.channelnames.index("Z")]) == "float"
    with open_clip(source) as clip:
        assert any("layers" in note for note in create_output(tmp_path / "out.png", clip).notes)


def mixed_exr(path: Path, channels: dict[str, np.ndarray]) -> Path:
    """Uncompressed, of channels of any type side by side, which OpenImageIO's Python does not write."""
    names, kinds = sorted(channels), {"uint32": 0, "float16": 1, "float32": 2}
    height, width = channels["R"].shape

    def attribute(name: str, kind: str, value: bytes) -> bytes:
        return f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value

    rows = (struct.pack("<i4B2i", kinds[str(channels[name].dtype)], 0, 0, 0, 0, 1, 1) for name in names)
    listed = b"".join(name.encode() + b"\0" + row for name, row in zip(names, rows, strict=True)) + b"\0"
    box = struct.pack("<4i", 0, 0, width - 1, height - 1)
    header = struct.pack("<ii", 20000630, 2) + attribute("channels", "chlist", listed)
    header += attribute("compression", "compression", b"\0") + attribute("lineOrder", "lineOrder", b"\0")
    header += attribute("dataWindow", "box2i", box) + attribute("displayWindow", "box2i", box)
    header += attribute("pixelAspectRatio", "float", struct.pack("<f", 1))
    header += attribute("screenWindowCenter", "v2f", bytes(8))
    header += attribute("screenWindowWidth", "float", struct.pack("<f", 1)) + b"\0"
    lines = [b"".join(channels[name][y].tobytes() for name in names) for y in range(height)]
    starts = (len(header) + 8 * height + y * (8 + len(lines[0])) for y in range(height))
    body = b"".join(struct.pack("<ii", y, len(line)) + line for y, line in enumerate(lines))
    path.write_bytes(header + struct.pack(f"<{height}Q", *starts) + body)
    return path


def test_integers_beside_the_picture_keep_every_bit(tmp_path: Path) -> None:
    """Ids of objects: no float32 holds them."""
    half, depth = RANDOM.random((8, 12)).astype(np.float16), RANDOM.random((8, 12)).astype(np.float32)
    ids = RANDOM.integers(0, 2**32, (2, 8, 12), np.uint32)
    ids[0, 0, :4] = 123456789, 4000000001, 2**32 - 1, 16777217
    channels = {"R": half, "G": half, "B": half, "objectId": ids[0], "Z": depth, "crypto.id": ids[1]}
    source = mixed_exr(tmp_path / "in.exr", channels)
    first = copied(source, tmp_path / "first.exr")
    for path in (first, copied(first, tmp_path / "second.exr")):
        found = {}
        for number, (spec, pixels) in enumerate(read_parts(path).values()):
            whole = oiio.ImageInput.open(str(path)).read_image(number, 0, 0, spec.nchannels, oiio.UINT)
            for place, name in enumerate(spec.channelnames):
                found[name] = (whole if name in ("objectId", "crypto.id") else pixels)[..., place]
        assert set(found) == set(channels)
        for name, values in channels.items():
            assert np.array_equal(found[name], values), name
        for name in ("R", "objectId"):
            assert exr_module.read_channel(path, name)[0].shape == (8, 12), "it is called as it was"


def layered(path: Path, written: dict[str, float]) -> dict[str, float]:
    """The first value of each channel of an EXR that is not its picture. written: what it is made of, if it is new."""
    if written:
        spec, _ = part("", ",".join(written))
        exr(path, [(spec, np.ones((8, 12, 1), np.float32) * np.array([*written.values()], np.float32))])
    found = {}
    for name, (spec, pixels) in read_parts(path).items():
        label = "" if name in ("", "0", "rgba") else f"{name}:"
        found |= {f"{label}{channel}": float(pixels[0, 0, place]) for place, channel in enumerate(spec.channelnames)}
    return {name: value for name, value in found.items() if name not in "RGB"}


PLATE = {"R": 0.5, "G": 0.5, "B": 0.5}
OURS = {"matte": np.full((8, 12), 0.75, np.float32), "st-map": np.full((8, 12, 3), 0.25, np.float32)}


def test_layers_of_the_plate_are_never_replaced(tmp_path: Path) -> None:
    """Nuke's own name for motion vectors is that of our ST map."""
    own = {"forward.u": 7.25, "forward.v": -3.0, "matte.A": 0.5, "matte_2.A": 0.125}
    assert layered(tmp_path / "in.exr", {**PLATE, **own}) == own
    with open_clip(tmp_path / "in.exr") as clip, create_output(tmp_path / "out.exr", clip) as writer:
        writer.write(0, clip.frame(0).pixels, Layers(OURS))
    ours = {"matte_3.A": 0.75, "forward_2.u": 0.25, "forward_2.v": 0.25, "forward_2.A": 0.25}
    assert layered(tmp_path / "out.exr", {}) == own | ours
    for name, place in (("matte", "matte_3"), ("forward", "forward_2")):
        assert f"the clip has a layer {name} of its own, which is kept: the swap's is {place}" in writer.notes


def test_a_layer_in_a_part_of_its_own_is_not_doubled(tmp_path: Path) -> None:
    source = exr(tmp_path / "in.exr", [part("rgba", "R,G,B"), part("matte", "A")])
    with open_clip(source) as clip, create_output(tmp_path / "out.exr", clip) as writer:
        writer.write(0, clip.frame(0).pixels, Layers(OURS))
    assert {"matte:A", "matte_2.A", "forward.u"} <= set(layered(tmp_path / "out.exr", {}))


def test_what_an_earlier_swap_added_is_not_taken_for_the_plate_s(tmp_path: Path) -> None:
    own = {"Z": 2.0, "matte.A": 0.5}
    layered(tmp_path / "in.exr", {**PLATE, **own})
    quality, manifest = "mobilefaceswap/quality", "cryptomatte/5855bc6/manifest"
    first, third = {quality: "the first", manifest: "the first"}, {quality: "the third", manifest: "the third"}
    copies = [tmp_path / f"{number}.exr" for number in range(4)]
    each = [Layers(OURS, first), Layers({"matte": OURS["matte"] / 2}), Layers(OURS, third), None]
    for before, after, layers in zip([tmp_path / "in.exr", *copies[:-1]], copies, each, strict=True):
        with open_clip(before) as clip, create_output(after, clip) as writer:
            writer.write(0, clip.frame(0).pixels, layers)
    assert layered(copies[0], {}).keys() == {*own, "matte_2.A", "forward.u", "forward.v", "forward.A"}
    assert layered(copies[1], {}) == own | {"matte_2.A": 0.375}
    assert layered(copies[3], {}) == own
    headers = [{item.name: item.value for item in read_parts(path)["0"][0].extra_attribs} for path in copies]
    for name in (quality, manifest):
        assert [header.get(name) for header in headers] == ["the first", None, "the third", None]
    with open_clip(copies[2]) as clip:
        assert not [note for note in create_output(tmp_path / "out.png", clip).notes if "forward" in note]


def test_a_cryptomatte_of_the_plate_s_keeps_its_manifest(tmp_path: Path) -> None:
    spec, pixels = part("", "R,G,B,CryptoPerson00.R")
    spec.attribute("cryptomatte/5855bc6/manifest", "the render's")
    source = exr(tmp_path / "in.exr", [(spec, pixels)])
    for before, after in ((source, tmp_path / "once.exr"), (tmp_path / "once.exr", tmp_path / "twice.exr")):
        with open_clip(before) as clip, create_output(after, clip) as writer:
            writer.write(0, clip.frame(0).pixels, Layers(OURS, {"cryptomatte/5855bc6/manifest": "ours"}))
        ((found, _),) = read_parts(after).values()
        assert found.getattribute("cryptomatte/5855bc6/manifest") == "the render's"
        assert "manifest" not in found.getattribute("mobilefaceswap/added")


@pytest.mark.parametrize("parts", [1, 2])
def test_a_matte_and_a_picture_alone_have_no_layers_of_the_plate(tmp_path: Path, parts: int) -> None:
    source = exr(tmp_path / "in.exr", [part("rgba", "R,G,B,Z,matte.A"), part("depth", "Z")][:parts])
    with open_clip(source) as clip:
        pixels = clip.frame(0).pixels
        create_output(tmp_path / "matte.exr", clip).write(0, pixels[..., 0])
        create_output(tmp_path / "alone.exr", clip).write(0, pixels, Layers({}))
        create_output(tmp_path / "copy.exr", clip).write(0, pixels)
    assert [*layered(tmp_path / "matte.exr", {})] == ["Y"]
    assert not layered(tmp_path / "alone.exr", {})
    assert len(layered(tmp_path / "copy.exr", {})) == 1 + parts


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ({"beauty.R": 0.25, "beauty.G": 0.25, "beauty.B": 0.25}, 0.25),
        ({"face.R": 0.25, "face.G": 0.25, "face.B": 0.25}, 0.75),
        ({"beauty.Y": 0.25}, 0.75),
    ],
)
def test_the_main_picture_s_colour_goes_before_a_grey_channel(
    tmp_path: Path, others: dict[str, float], chosen: float
) -> None:
    layered(tmp_path / "in.exr", {"Y": 0.75, **others})
    assert read_picture(tmp_path / "in.exr").rgb[0, 0].tolist() == [chosen] * 3


@pytest.mark.parametrize(
    "window",
    [
        (-100, -50, -100, -50, 12, 8),
        (5, 7, 0, 0, 40, 30),
        (-2, -3, 0, 0, 8, 4),
        (3, 1, 2, 2, 30, 20),
        (0, 0, 0, 0, 12, 8),
    ],
    ids=["negative origin", "cropped", "overscan", "cut by the display", "plain"],
)
def test_windows_of_any_origin_come_back(tmp_path: Path, window: tuple[int, ...]) -> None:
    spec, pixels = part("", "R,G,B", window=window)
    copy = copied(exr(tmp_path / "in.exr", [(spec, pixels)]), tmp_path / "out.exr")
    ((_, (found, out)),) = read_parts(copy).items()
    for name in ("x", "y", "width", "height", "full_x", "full_y", "full_width", "full_height"):
        assert getattr(found, name) == getattr(spec, name), name
    assert np.array_equal(out, pixels)


def test_data_windows_that_vary_make_frames_of_one_size(tmp_path: Path) -> None:
    """As Nuke writes with autocrop: the display window is the same, the overscan is not."""
    for number, window in enumerate([(0, 0, 0, 0, 20, 10), (-4, 2, 0, 0, 20, 10), (14, 5, 0, 0, 20, 10)]):
        exr(tmp_path / f"in.{number}.exr", [part("", "R,G,B", window=window)])
    with open_clip(tmp_path / "in.%d.exr") as clip:
        assert clip.size == (30, 13)
        assert {clip.frame(time).size for time in range(3)} == {(30, 13)}
    copied(tmp_path / "in.%d.exr", tmp_path / "out.%d.exr")
    for number in range(3):
        before, after = (read_parts(tmp_path / f"{name}.{number}.exr")["0"] for name in ("in", "out"))
        assert (before[0].x, before[0].y) == (after[0].x, after[0].y)
        assert np.array_equal(before[1], after[1])


def test_exr_of_other_origin(tmp_path: Path, media: Path) -> None:
    for name in ("exr_negative_origin.1001.exr", "multipart_depth_first.1001.exr"):
        source = media / "faults" / name
        before, after = read_parts(source), read_parts(copied(source, tmp_path / name))
        assert list(before) == list(after)
        for key in before:
            assert (before[key][0].x, before[key][0].full_y) == (after[key][0].x, after[key][0].full_y)
            assert np.array_equal(before[key][1], after[key][1])


# ICC profiles


def profile(name: str) -> bytes:
    """A profile made of a matrix and curves, as cameras and phones embed."""
    red, green, blue, gamma = {
        "Display P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), None),
        "Adobe RGB": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), 2.19921875),
    }[name]
    return made_profile(red, green, blue, gamma)


def made_profile(red: tuple, green: tuple, blue: tuple, gamma: float | None) -> bytes:
    white = np.array([0.9642, 1.0, 0.8249])
    d65 = np.array([0.95047, 1.0, 1.08883])
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (red, green, blue)]).T
    rgb_to_xyz = columns * np.linalg.solve(columns, d65)
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    adapted = np.linalg.inv(bradford) @ np.diag((bradford @ white) / (bradford @ d65)) @ bradford @ rgb_to_xyz

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    if gamma is None:
        curve = b"para\0\0\0\0\0\3\0\0" + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    else:
        curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"desc\0\0\0\0\0\0\0\5Test\0" + bytes(78)
    tags = {b"desc": text, b"wtpt": b"XYZ \0\0\0\0" + fixed(*white), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    tags |= {name: b"XYZ \0\0\0\0" + fixed(*adapted[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    start, table, body = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    size = start + len(body)
    header = struct.pack(">I4sI", size, b"lcms", 0x02400000) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    header += fixed(*white) + bytes(48)
    return header[:128] + struct.pack(">I", len(tags)) + table + body


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB"])
def test_profiles_convert_as_littlecms_does(name: str) -> None:
    codes = RANDOM.integers(60, 190, (16, 16, 3), np.uint8)
    data = profile(name)
    found = Profile(data).to_srgb(codes.astype(np.float32) / 255)
    expected = ImageCms.profileToProfile(
        Image.fromarray(codes), ImageCms.ImageCmsProfile(io.BytesIO(data)), ImageCms.createProfile("sRGB")
    )
    inside = ((found > 0.01) & (found < 0.99)).all(axis=2)
    assert inside.mean() > 0.5
    assert found[inside] * 255 == pytest.approx(np.asarray(expected, np.float32)[inside], abs=1.6)


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB"])
def test_a_colour_comes_out_as_it_is_seen(tmp_path: Path, name: str) -> None:
    """Full red of Display P3 lies outside sRGB, and is kept there."""
    codes = np.zeros((8, 8, 3), np.uint8)
    codes[..., 0] = 255
    Image.fromarray(codes).save(tmp_path / "in.png", icc_profile=profile(name))
    red = read_picture(tmp_path / "in.png").pixels[4, 4]
    assert red[0] > 1.05
    assert read_picture(tmp_path / "in.png").pixels[4, 4] != pytest.approx((1, 0, 0), abs=0.01)


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB"])
@pytest.mark.parametrize("ending", ["png", "tif", "jpg", "webp"])
def test_profiles_are_kept_and_codes_come_back(tmp_path: Path, name: str, ending: str) -> None:
    codes = RANDOM.integers(0, 256, (8, 8, 3), np.uint8)
    codes = codes if ending in ("png", "tif") else np.full_like(codes, 77)
    more = {"quality": 100, "subsampling": 0} if ending == "jpg" else {"lossless": True} if ending == "webp" else {}
    Image.fromarray(codes).save(tmp_path / f"in.{ending}", icc_profile=profile(name), **more)
    copy = copied(tmp_path / f"in.{ending}", tmp_path / f"out.{ending}")
    with Image.open(copy) as file:
        assert file.info["icc_profile"] == profile(name)
        assert np.abs(np.asarray(file).astype(int) - codes).max() <= (0 if ending in ("png", "tif") else 2)


def test_a_profile_says_nothing_of_a_matte(tmp_path: Path) -> None:
    codes = np.full((8, 8, 3), 20, np.uint8)
    Image.fromarray(codes).save(tmp_path / "matte.png", icc_profile=profile("Adobe RGB"))
    Image.fromarray(codes).save(tmp_path / "plate.png")
    assert read_picture(tmp_path / "matte.png").pixels.mean() != pytest.approx(20 / 255, abs=0.005)
    with open_clip(tmp_path / "plate.png") as plate:
        values = open_matte(str(tmp_path / "matte.png"), plate, range(1)).at(0)
    assert values == pytest.approx(np.full((8, 8), 20 / 255), abs=1e-6)


def test_16_bits_under_a_profile_come_back(tmp_path: Path) -> None:
    header = oiio.ImageSpec(16, 16, 3, "uint16")
    data = np.frombuffer(profile("Display P3"), np.uint8)
    header.attribute("ICCProfile", oiio.TypeDesc(f"uint8[{len(data)}]"), data)
    codes = RANDOM.integers(0, 65536, (16, 16, 3), np.uint16)
    output = oiio.ImageOutput.create(str(tmp_path / "in.png"))
    output.open(str(tmp_path / "in.png"), header)
    output.write_image(codes)
    output.close()
    copied(tmp_path / "in.png", tmp_path / "out.png")
    found = oiio.ImageInput.open(str(tmp_path / "out.png")).read_image("uint16")
    assert np.abs(found.astype(int) - codes).max() <= 1


def test_an_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    codes = RANDOM.integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(codes).save(tmp_path / "in.png", icc_profile=data)
    assert read_picture(tmp_path / "in.png").pixels == pytest.approx(codes.astype(np.float32) / 255, abs=1e-6)


def test_a_profile_is_said_where_it_cannot_be_kept(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "in.png", icc_profile=profile("Display P3"))
    with open_clip(tmp_path / "in.png") as clip:
        assert any("ICC" in note for note in create_output(tmp_path / "out.bmp", clip).notes)
        assert not create_output(tmp_path / "out.jpg", clip).notes


def test_a_profile_that_is_not_understood_is_said(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (9, 99, 199)).save(
        tmp_path / "in.png", icc_profile=profile("Adobe RGB").replace(b"rTRC", b"none")
    )
    with open_clip(tmp_path / "in.png") as clip:
        assert any("ICC" in note for note in clip.notes)
        assert clip.frame(0).pixels[0, 0] * 255 == pytest.approx((9, 99, 199))


def test_a_phones_picture(tmp_path: Path, media: Path) -> None:
    source = media / "faults" / "icc_display_p3.jpg"
    with Image.open(source) as file:
        data, stored = file.info["icc_profile"], np.asarray(file, np.float32) / 255
    seen = read_picture(source).pixels
    assert np.abs(seen - stored).max() > 0.02
    with Image.open(copied(source, tmp_path / "out.jpg")) as file:
        assert file.info["icc_profile"] == data
        assert np.abs(np.asarray(file, np.float32) / 255 - stored).mean() < 0.006


# Other formats and names


@pytest.mark.parametrize("ending", ["avif", "heic"])
def test_pictures_of_phones_are_read(tmp_path: Path, ending: str) -> None:
    import pillow_heif

    codes = np.full((32, 48, 3), (200, 120, 40), np.uint8)
    if ending == "avif":
        Image.fromarray(codes).save(tmp_path / "in.avif", quality=95)
    else:
        pillow_heif.from_pillow(Image.fromarray(codes)).save(tmp_path / "in.heic", quality=95)
    frame = read_picture(tmp_path / f"in.{ending}")
    assert frame.size == (48, 32)
    assert frame.pixels * 255 == pytest.approx(codes.astype(np.float32), abs=4)


def test_heic_is_not_written_and_says_what_is(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"\.png"):
        create_output(tmp_path / "out.heic")


@pytest.mark.parametrize("ending", ["jpg", "webp", "avif"])
def test_exif_is_kept_and_upright(tmp_path: Path, ending: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x013B] = 6, "A maker", "A. Nobody"
    Image.new("RGB", (32, 16), (90, 90, 90)).save(tmp_path / "in.jpg", exif=exif)
    with Image.open(copied(tmp_path / "in.jpg", tmp_path / f"out.{ending}")) as file:
        assert file.size == (16, 32)
        found = file.getexif()
    assert (found[0x010F], found[0x013B], found.get(0x0112, 1)) == ("A maker", "A. Nobody", 1)


@pytest.mark.parametrize("name", ["shot.-0005.png", "shot.-005.png"])
def test_negative_frame_numbers(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / name)
    Image.new("RGB", (8, 8)).save(tmp_path / "shot.0003.png")
    with open_clip(tmp_path / "shot.%04d.png") as clip:
        assert (clip.first, clip.last) == (-5, 3)
        assert clip.frame(-5).size == (8, 8)
        with create_output(tmp_path / "out.%04d.png", clip) as writer:
            writer.write(-5, clip.frame(-5).pixels)
    with open_clip(tmp_path / "out.%04d.png") as clip:
        assert clip.first == -5


@pytest.mark.parametrize(
    ("numbers", "said"), [((1, 2, 5), "2 frames are missing (3, 4)"), ((1, 2, 4), "1 frame is missing (3)")]
)
def test_gaps_are_said_at_the_start(numbers: tuple[int, ...], said: str, tmp_path: Path) -> None:
    for number in numbers:
        Image.new("RGB", (8, 8)).save(tmp_path / f"shot.{number:04d}.png")
    with open_clip(tmp_path / "shot.####.png") as clip:
        assert any(said in note for note in clip.notes)


def test_what_a_video_holds_and_pictures_do_not_is_said(tmp_path: Path) -> None:
    with open_clip(make_clip(tmp_path / "in.mp4", sound=True, language="eng")) as clip:
        assert "sound (aac, eng): left out, PNG cannot hold it" in create_output(tmp_path / "out.%d.png", clip).notes
    with open_clip(make_clip(tmp_path / "deep.mov", codec="prores_ks", pixel_format="yuv422p10le")) as clip:
        assert "JPEG holds 8 bits of the clip's 10" in create_output(tmp_path / "out.%d.jpg", clip).notes


FLAT_AND_DEEP = zlib.decompress(base64.b64decode(
    "eNq9Uj1vwjAQvSQdOrQSEgt/oHNVFrpVwNCxEgtSNxMf4VTnbNkmha0/vc5XGxIkxMJF57ucL+9enl08v0TxBCDdCWZULiSKnIcZACwg"
    "gtqixt8HldWgEhD2/LXUe/ZAwe+aeqpzY9E50nySl3uJFF6siaX+ho0+TAlG8G8tsiRnlDhe7FPE+GEl2k5WMWORIzhviTNIwrvNNoYO"
    "qObOYOpXwpOGrdKiJg3w8+ZSi8j1xCWyD0jFdAv3nandljVJv+tB+KP5G/pY9QsueVEuMhzo/hQ65hD3/uhzUDmncnxB5fj2Kpe0JKK5"
    "rcwPzdRW6gJtJUL3OgKMkxp51kSdwIlNyuX1/NNe+pbhqBej5jhKZl1vxbv2u1+cNblE"
))  # fmt: skip
"""An EXR of 2 x 2 pixels with a flat part and a deep one, as OpenEXR 3.5 writes it; OpenImageIO reads such alone."""


def test_deep_parts_beside_a_flat_picture_are_said_to_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "in.exr").write_bytes(FLAT_AND_DEEP)
    with open_clip(tmp_path / "in.exr") as clip:
        assert "a deep part is left out of what is written" in clip.notes
        np.testing.assert_array_equal(clip.frame(0).pixels, np.float32(0.5))
        with create_output(tmp_path / "out.exr", clip) as writer:
            writer.write(0, clip.frame(0).pixels)
    with open_clip(tmp_path / "out.exr") as copy:
        assert not [note for note in copy.notes if "deep" in note]
