"""A changed part over a plate: a video file keeps every decoded sample around it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import xxhash

from media_made import make_clip, noise_frame, planes_of
from mobilefaceswap.analyse_clip import _hash
from mobilefaceswap.frame import ColourSpace, Frame
from mobilefaceswap.media import create_output, open_clip
from mobilefaceswap.media.video.stored import StoredFrame

SIZE = (64, 48)
BOX = slice(11, 30), slice(20, 41)
OUTER = {(2, 2): (slice(10, 30), slice(20, 42)), (2, 1): (slice(11, 30), slice(20, 42))}
"""The box, as far as it reaches in whole samples of chroma."""


@pytest.fixture
def noise(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Six lossless frames of noise over every code, many of which are no colour at all."""
    place = tmp_path / "noise.mkv"
    with av.open(str(place), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, request.param
        for number in range(6):
            frame = noise_frame(*SIZE, request.param, number)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return place


def stored_planes(place: Path) -> list[list[np.ndarray]]:
    with av.open(str(place)) as container:
        return [planes_of(frame) for frame in container.decode(video=0)]


@pytest.mark.parametrize("noise", ["yuv420p", "yuv420p10le", "yuv422p", "yuv422p10le"], indirect=True)
def test_samples_around_the_part_stay_as_decoded(noise: Path, tmp_path: Path) -> None:
    with open_clip(noise) as clip, create_output(tmp_path / "over.mkv", clip, codec="ffv1") as writer:
        for time in range(6):
            plate = clip.frame(time)
            writer.write_over(time, plate, [(BOX, np.full((19, 21, 3), 0.5, np.float32))])
            assert "pixels" not in plate.__dict__, "the whole plate went to float"
        step = clip.format.planes.step
    before, after = stored_planes(noise), stored_planes(tmp_path / "over.mkv")
    assert len(after) == 6
    rows, columns = OUTER[step]
    for one, other in zip(before, after, strict=True):
        for number, (decoded, written) in enumerate(zip(one, other, strict=True)):
            across, down = (1, 1) if number == 0 else step
            changed = np.zeros(decoded.shape, bool)
            changed[rows.start // down : -(-rows.stop // down), columns.start // across : columns.stop // across] = True
            assert np.array_equal(decoded[~changed], written[~changed])
            assert (decoded[changed] != written[changed]).mean() > 0.75


@pytest.mark.parametrize("noise", ["yuv420p"], indirect=True)
@pytest.mark.parametrize("ending", [{}, {"bit_depth": 10}, {"alpha": True}])
def test_a_part_over_a_plate_is_the_picture_written_whole(noise: Path, tmp_path: Path, ending: dict) -> None:
    part = np.random.default_rng(0).random((19, 21, 3), np.float32)
    with open_clip(noise) as clip:
        with create_output(tmp_path / "over.mkv", clip, codec="ffv1", **ending) as writer:
            writer.write_over(0, clip.frame(0), [(BOX, part)])
        whole = clip.frame(0).pixels.copy()
        whole[BOX] = part
        with create_output(tmp_path / "whole.mkv", clip, codec="ffv1", **ending) as writer:
            writer.write(0, whole)
    over, (written,) = stored_planes(tmp_path / "over.mkv")[0], stored_planes(tmp_path / "whole.mkv")
    assert all(np.array_equal(one, other) for one, other in zip(over, written, strict=True))


@pytest.mark.parametrize("noise", ["yuv420p"], indirect=True)
def test_two_parts_over_a_plate_are_the_picture_written_whole(noise: Path, tmp_path: Path) -> None:
    boxes = (BOX, (slice(39, 48), slice(1, 6)))
    random = np.random.default_rng(1)
    parts = [
        (box, random.random((box[0].stop - box[0].start, box[1].stop - box[1].start, 3), np.float32)) for box in boxes
    ]
    with open_clip(noise) as clip:
        with create_output(tmp_path / "over.mkv", clip, codec="ffv1") as writer:
            writer.write_over(0, clip.frame(0), parts)
        with create_output(tmp_path / "whole.mkv", clip, codec="ffv1") as writer:
            writer.write(0, clip.frame(0).over(parts))
    over, (written,) = stored_planes(tmp_path / "over.mkv")[0], stored_planes(tmp_path / "whole.mkv")
    assert all(np.array_equal(one, other) for one, other in zip(over, written, strict=True))


@pytest.mark.parametrize("noise", ["yuv420p"], indirect=True)
def test_other_kinds_of_output_take_a_part_over_a_plate(noise: Path, tmp_path: Path) -> None:
    with open_clip(noise) as clip:
        plate = clip.frame(0)
        whole = plate.pixels.copy()
        whole[BOX] = 0.5
        with create_output(tmp_path / "over.exr", clip) as writer:
            writer.write_over(0, plate, [(BOX, whole[BOX])])
        with create_output(tmp_path / "whole.exr", clip) as writer:
            writer.write(0, whole)
    with open_clip(tmp_path / "over.exr") as over, open_clip(tmp_path / "whole.exr") as written:
        assert np.array_equal(over.frame(0).pixels, written.frame(0).pixels)


def test_a_turned_clip_takes_a_part_over_an_upright_plate(tmp_path: Path) -> None:
    place = make_clip(tmp_path / "turned.mp4", rotation=90, frames=2)
    with open_clip(place) as clip:
        plate = clip.frame(0)
        assert plate.size == (48, 64)
        with create_output(tmp_path / "over.mp4", clip) as writer:
            writer.write_over(0, plate, [((slice(0, 20), slice(0, 20)), np.ones((20, 20, 3), np.float32))])
    with open_clip(tmp_path / "over.mp4") as written:
        assert written.frame(0).pixels[:16, :16].mean() > 0.95
        assert np.abs(written.frame(0).pixels[40:] - plate.pixels[40:]).mean() < 0.02


@pytest.mark.parametrize("noise", ["yuv422p10le"], indirect=True)
def test_a_frame_of_a_file_is_a_frame_like_any_other(noise: Path) -> None:
    with open_clip(noise) as clip:
        stored, other = clip.frame(2), clip.frame(2)
        assert isinstance(stored, StoredFrame)
        assert (stored.size, stored.channels, stored.alpha) == (SIZE, 3, None)
        boxes = [(slice(a, a + 20), slice(b, b + 9)) for a, b in ((0, 0), (3, 7), (5, 8), (28, 55), (0, 0))]
        parts = [stored.part(box) for box in boxes]
        assert "pixels" not in stored.__dict__
    held = Frame(other.pixels, other.colour_space, other.premultiplied, other.pixel_aspect)
    assert stored.content_hash() == held.content_hash()
    for part, box in zip(parts, boxes, strict=True):
        assert np.array_equal(part, held.part(box))
    assert stored.declared(ColourSpace.LINEAR).colour_space is ColourSpace.LINEAR
    assert np.array_equal(stored.declared(ColourSpace.LINEAR).pixels, held.pixels)
    assert stored.declared(ColourSpace.LINEAR).pixels is stored.pixels
    assert stored.straight() is stored


def test_a_track_tells_its_clip_by_pixels_that_are_never_made_as_a_whole(tmp_path: Path) -> None:
    with open_clip(make_clip(tmp_path / "tall.mp4", size=(64, 150), frames=1)) as clip:
        plate, pixels = clip.frame(0), clip.frame(0).pixels
        assert _hash(plate) == xxhash.xxh3_128_hexdigest(pixels.tobytes() + b"(150, 64, 3)")
        assert "pixels" not in plate.__dict__
    changed = pixels.copy()
    changed[-1, -1, 0] += 0.1
    assert _hash(Frame(pixels)) == _hash(plate) != _hash(Frame(changed))
