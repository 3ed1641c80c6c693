"""Planes to float and back."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from media_made import noise_frame, planes_of
from mobilefaceswap.media.video.planes import (
    averaged_from_frame,
    frame_from_pixels,
    frame_over,
    grown,
    layout_in,
    layout_of,
    pixels_from_frame,
    planar,
)

FORMATS = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuva444p10le", "gbrp", "gbrp10le", "gray"]


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("size", [(64, 48), (5, 3), (1, 1)])
def test_untouched_planes_come_back(pixel_format: str, matrix: int, full_range: bool, size: tuple[int, int]) -> None:
    frame = noise_frame(*size, pixel_format)
    before = planes_of(frame)
    pixels = pixels_from_frame(frame, matrix, full_range)
    after = planes_of(frame_from_pixels(pixels, layout_of(pixel_format), matrix, full_range))
    assert np.array_equal(before[0], after[0])
    for one, other in zip(before[1:], after[1:], strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= (0 if size == (64, 48) else 1)


@pytest.mark.parametrize(
    ("matrix", "full_range", "codes", "rgb"),
    [
        (1, False, (235, 128, 128), (1, 1, 1)),
        (1, False, (16, 128, 128), (0, 0, 0)),
        (1, True, (255, 128, 128), (1, 1, 1)),
        (6, False, (81, 90, 240), (1, 0, 0)),
        (1, False, (63, 102, 240), (1, 0, 0)),
        (1, False, (254, 128, 128), (238 / 219,) * 3),
    ],
)
def test_codes_mean_what_the_standard_says(matrix: int, full_range: bool, codes: tuple, rgb: tuple) -> None:
    frame = noise_frame(8, 8, "yuv444p")
    for plane, code in zip(frame.planes, codes, strict=True):
        plane.update(bytes([code]) * plane.buffer_size)
    assert pixels_from_frame(frame, matrix, full_range)[4, 4] == pytest.approx(rgb, abs=0.006)


def test_packed_formats_keep_their_values() -> None:
    frame = noise_frame(16, 8, "yuv420p")
    packed = frame.reformat(format="nv12")
    assert np.array_equal(pixels_from_frame(packed, 1, False), pixels_from_frame(frame, 1, False))


def paletted(alpha: list[int]) -> av.VideoFrame:
    """Six pixels, of as many colours as there are values of ``alpha``; the rest of the palette is not in use."""
    colours = np.zeros((256, 4), np.uint8)
    for number, value in enumerate(alpha):
        colours[number] = (value, 40 * number, 10, 200 - number)
    codes = (np.arange(6, dtype=np.uint8) % len(alpha)).reshape(2, 3)
    return av.VideoFrame.from_ndarray((codes, colours), format="pal8")


@pytest.mark.parametrize(("alpha", "name"), [([255] * 5, "gbrp"), ([255, 255, 0], "gbrap"), ([255, 7, 255], "gbrap")])
def test_a_palette_has_alpha_where_a_colour_is_not_opaque(alpha: list[int], name: str) -> None:
    frame = paletted(alpha)
    assert layout_in(frame).name == name == planar(frame).format.name
    pixels = np.rint(pixels_from_frame(frame, 1, True) * 255).astype(int).reshape(6, -1)
    wanted = [(40 * n, 10, 200 - n, alpha[n])[: pixels.shape[1]] for n in (number % len(alpha) for number in range(6))]
    assert pixels.tolist() == [list(row) for row in wanted]


def test_values_that_no_code_holds_are_clipped() -> None:
    pixels = np.full((4, 4, 3), np.nan, np.float32)
    pixels[1], pixels[2] = np.inf, -np.inf
    codes = planes_of(frame_from_pixels(pixels, layout_of("yuv444p"), 1, False))[0]
    assert codes[0, 0] == 16
    assert codes[1, 0] == 235
    assert codes[2, 0] == 16


BOXES = [(0, 48, 0, 64), (3, 40, 5, 60), (47, 48, 63, 64), (10, 11, 0, 64), (7, 7, 9, 9)]


@pytest.mark.parametrize("pixel_format", [*FORMATS, "nv12", "yuv411p"])
@pytest.mark.parametrize("edges", BOXES)
def test_a_part_holds_the_pixels_of_the_whole(pixel_format: str, edges: tuple[int, ...]) -> None:
    frame = noise_frame(64, 48, "yuv420p" if pixel_format == "nv12" else pixel_format)
    frame = frame.reformat(format=pixel_format)
    box = slice(*edges[:2]), slice(*edges[2:])
    part = pixels_from_frame(frame, 1, False, box)
    assert np.array_equal(part, pixels_from_frame(frame, 1, False)[box])


@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le", "yuv422p", "yuv422p10le", "yuv444p"])
@pytest.mark.parametrize("edges", BOXES[1:])
def test_only_samples_inside_the_box_are_made(pixel_format: str, size: tuple[int, int], edges: tuple[int, ...]) -> None:
    frame, layout = noise_frame(*size, pixel_format), layout_of(pixel_format)
    before, step = planes_of(frame), layout.step
    inside = slice(*edges[:2]), slice(*edges[2:])
    rows, columns = box = grown(inside, step, size)
    pixels = pixels_from_frame(frame, 1, False)
    pixels[inside] = 0.25
    after = planes_of(frame_over(frame, [(box, pixels[box])], layout, 1, False))
    whole = planes_of(frame_from_pixels(pixels, layout, 1, False))
    for number, plane in enumerate(after):
        across, down = (1, 1) if number == 0 else step
        changed = np.zeros(plane.shape, bool)
        changed[rows.start // down : -(-rows.stop // down), columns.start // across : -(-columns.stop // across)] = True
        assert np.array_equal(plane[~changed], before[number][~changed])
        assert np.array_equal(plane[changed], whole[number][changed])
    assert np.array_equal(planes_of(frame)[0], before[0]), "what was decoded may still be needed by the decoder"


@pytest.mark.parametrize("pixel_format", [*FORMATS, "yuv411p", "nv12"])
@pytest.mark.parametrize("size", [(16, 16), (10, 7)])
def test_averaged_planes_show_averaged_pixels(pixel_format: str, size: tuple[int, int]) -> None:
    frame = planar(noise_frame(64, 48, "yuv420p" if pixel_format == "nv12" else pixel_format))
    for matrix, full_range in ((1, False), (9, True)):
        found = averaged_from_frame(frame, matrix, full_range, size)
        pixels = pixels_from_frame(frame, matrix, full_range)[..., :3]
        assert found is not None
        np.testing.assert_allclose(found, cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), atol=2e-6)


@pytest.mark.parametrize("size", [(16, 8), (5, 3), (20, 12)])
def test_a_part_of_the_planes_is_averaged_alike(size: tuple[int, int]) -> None:
    frame, box = noise_frame(640, 480, "yuv420p"), (slice(240, 264), slice(20, 60))
    found = averaged_from_frame(frame, 1, False, size, box)
    pixels = pixels_from_frame(frame, 1, False)[box]
    assert found is not None
    np.testing.assert_allclose(found, cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), atol=2e-6)
    assert averaged_from_frame(frame, 1, False, size, (slice(240, 263), slice(20, 60))) is None


@pytest.mark.parametrize("size", [(640, 360), (96, 54), (100, 77)])
def test_large_planes_are_averaged_in_bands(size: tuple[int, int]) -> None:
    frame = noise_frame(1280, 720, "yuv420p")
    found = averaged_from_frame(frame, 1, False, size)
    pixels = pixels_from_frame(frame, 1, False)
    np.testing.assert_allclose(found, cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), atol=3e-6)


def test_planes_are_not_averaged_where_chroma_is_no_part_of_the_picture() -> None:
    assert averaged_from_frame(noise_frame(63, 48, "yuv420p"), 1, False, (16, 12)) is None
    assert averaged_from_frame(noise_frame(64, 48, "yuv420p"), 1, False, (33, 12)) is None
    assert averaged_from_frame(noise_frame(63, 47, "yuv444p"), 1, False, (16, 12)) is not None
