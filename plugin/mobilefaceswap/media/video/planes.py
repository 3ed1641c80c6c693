"""Video planes to float RGB and back, with matrix and range stated.

libswscale clips at black and white on its way to planar float, which would change super-white luma; the arithmetic
here does not. Chroma is repeated on the way in and averaged on the way out, so that an untouched picture gives the
planes that it came from. Matrices: ITU-T H.273, equations 38 to 45 and table 4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import av
import cv2
import numpy as np

from ...frame import Box, Floats, Part, all_finite
from ..declared import PlaneLayout

__all__ = [
    "LUMA_WEIGHTS",
    "averaged_from_frame",
    "frame_from_pixels",
    "frame_over",
    "grown",
    "layout_in",
    "layout_of",
    "parse_layout",
    "pixels_from_frame",
    "planar",
    "sampling",
    "within",
    "writable_layout",
]

LUMA_WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087)}
LUMA_WEIGHTS |= {9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
_STEPS = {"420": (2, 2), "422": (2, 1), "444": (1, 1), "440": (1, 2), "411": (4, 1), "410": (4, 4)}
_YUV = re.compile(r"yuv(a?)j?(4\d\d)p(\d*)(?:le)?")
_GBR = re.compile(r"gbr(a?)p(\d*)(?:le)?")
_PACKED = ("rgb24", "bgr24", "bgr0", "rgb0", "rgba", "bgra", "argb")
_PALETTE = "pal8"
"""Indices, and 256 colours of 32 bits with alpha uppermost; those behind the last in use are 0."""
_BAND = 32
"""Rows that are averaged down at once, at least: few enough to stay in a processor's cache."""
_VECTOR = 32
"""No processor computes more pixels than these at once."""
_GREY = re.compile(r"gray(\d*)(?:le)?")


@cache
def parse_layout(name: str) -> PlaneLayout | None:
    """The layout of FFmpeg's pixel format ``name``, or None where it is not planar or of a kind not handled here."""
    if match := _YUV.fullmatch(name):
        return PlaneLayout(name, "yuv", int(match[3] or 8), bool(match[1]), _STEPS[match[2]])
    if match := _GBR.fullmatch(name):
        return PlaneLayout(name, "gbr", int(match[2] or 8), bool(match[1]))
    if match := _GREY.fullmatch(name):
        return PlaneLayout(name, "grey", int(match[1] or 8))
    return None


@cache
def writable_layout(name: str) -> PlaneLayout | None:
    """The layout of a pixel format that ``frame_from_pixels`` makes: planar, or RGB in one plane of 8 bits."""
    if name in _PACKED:
        return PlaneLayout(name, "gbr", 8, "a" in name)
    return None if "j4" in name else parse_layout(name)


@cache
def layout_of(name: str) -> PlaneLayout:
    """The planar layout that holds FFmpeg's pixel format ``name`` without loss: its own, or the nearest."""
    return parse_layout(name) or _nearest_planar(av.VideoFormat(name, 16, 16))


def layout_in(frame: av.VideoFrame) -> PlaneLayout:
    """``layout_of`` the frame's format, without alpha where that is a palette's and every colour in it is opaque."""
    layout = layout_of(frame.format.name)
    if frame.format.name != _PALETTE:
        return layout
    colours = np.trim_zeros(np.frombuffer(bytes(frame.planes[1]), np.uint32), "b")
    return layout if (colours >> 24 < 255).any() else layout_of("gbrp")


def sampling(layout: PlaneLayout) -> str:
    """The layout's chroma as it is called: 4:2:0 and so on, or RGB."""
    return ":".join(_sampling(layout.step)) if layout.kind == "yuv" else "RGB"


def _sampling(step: tuple[int, int]) -> str:
    return next(name for name, known in _STEPS.items() if known == step)


def _nearest_planar(found: Any) -> PlaneLayout:
    bits = max(component.bits for component in found.components)
    alpha = "a" if any(component.is_alpha for component in found.components) or found.name == _PALETTE else ""
    depth = next(depth for depth in (8, 10, 12, 16) if bits <= depth or depth == 16)
    suffix = "" if depth == 8 else f"{depth}le"
    if found.is_rgb or found.has_palette or len(found.components) < 3:
        planar = f"gbr{alpha}p{suffix}"
    else:
        step = (16 // found.chroma_width(16), 16 // found.chroma_height(16))
        planar = f"yuv{alpha}{_sampling(step)}p{suffix}"
    layout = parse_layout(planar)
    assert layout is not None
    return layout


@cache
def _to_rgb(matrix: int, full_range: bool, layout: PlaneLayout) -> np.ndarray:
    """3x4: codes (Y, U, V) to R, G, B."""
    red, blue = LUMA_WEIGHTS[matrix]
    green = 1 - red - blue
    colour = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    unit = 2 ** (layout.bits - 8)
    top = 2**layout.bits - 1
    luma, chroma = (top, top) if full_range else (219 * unit, 224 * unit)
    scale = np.diag([1 / luma, 1 / chroma, 1 / chroma])
    offset = np.array([0 if full_range else 16 * unit, 128 * unit, 128 * unit])
    linear = colour @ scale
    return np.column_stack([linear, -linear @ offset])


@cache
def _from_rgb(matrix: int, full_range: bool, layout: PlaneLayout) -> np.ndarray:
    """3x4: the inverse of ``_to_rgb``."""
    square = np.vstack([_to_rgb(matrix, full_range, layout), [0, 0, 0, 1]])
    return np.asarray(np.linalg.inv(square)[:3])


def planar(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame in a planar format, which is its own wherever that is one."""
    name = frame.format.name
    return frame if parse_layout(name) is not None else frame.reformat(format=layout_in(frame).name)


def grown(box: Box, step: tuple[int, int], size: tuple[int, int]) -> Box:
    """``box`` in a picture of ``size`` (width, height), made larger so that it holds whole samples of chroma."""
    (rows, columns), (across, down), (width, height) = box, step, size
    return (
        slice(rows.start // down * down, min(height, -(-rows.stop // down) * down)),
        slice(columns.start // across * across, min(width, -(-columns.stop // across) * across)),
    )


def pixels_from_frame(frame: av.VideoFrame, matrix: int, full_range: bool, box: Box | None = None) -> Floats:
    """(H, W, 3|4) float32 code values, 0 for black and 1 for white, unclipped; of those inside ``box`` alone if given.

    A pixel's value does not depend on the box.
    """
    frame = planar(frame)
    layout = layout_of(frame.format.name)
    rows, columns = box or (slice(0, frame.height), slice(0, frame.width))
    if rows.start == rows.stop or columns.start == columns.stop:
        return np.empty((rows.stop - rows.start, columns.stop - columns.start, 4 if layout.alpha else 3), np.float32)
    outer = grown((rows, columns), layout.step, (frame.width, frame.height))
    planes = _inside(frame, layout, outer)
    rgb = _rgb(planes, layout, matrix, full_range)
    inner = within((rows, columns), outer)
    if not layout.alpha:
        return rgb[inner]
    alpha = planes[3].astype(np.float32) / (2**layout.bits - 1)
    return np.asarray(cv2.merge([*cv2.split(rgb), alpha]))[inner]


def averaged_from_frame(
    frame: av.VideoFrame, matrix: int, full_range: bool, size: tuple[int, int], box: Box | None = None
) -> Floats | None:
    """(h, w, 3) float32 colour of the planar ``frame``, inside ``box`` if given, averaged down to ``size`` (width,
    height), as the mean of ``pixels_from_frame``: plane by plane. None where chroma reaches beyond the picture or the
    box, or ``size`` is larger.
    """
    layout = layout_of(frame.format.name)
    rows, columns = box or (slice(0, frame.height), slice(0, frame.width))
    across, down = layout.step
    whole = not any(side % step for ends, step in ((columns, across), (rows, down)) for side in (ends.start, ends.stop))
    width, height = columns.stop - columns.start, rows.stop - rows.start
    if not whole or size[0] > width // across or size[1] > height // down:
        return None
    small = [_shrunk(plane, size) for plane in _inside(frame, layout, (rows, columns))[:3]]
    return _rgb(small, replace(layout, step=(1, 1)), matrix, full_range)


def _shrunk(plane: np.ndarray, size: tuple[int, int]) -> Floats:
    """Samples averaged down to ``size``, in bands of whole rows of both: floats of a full plane cost more than sums."""
    (height, width), common = plane.shape, math.gcd(plane.shape[0], size[1])
    if (width, height) == size:
        return plane.astype(np.float32)
    small = np.empty(size[::-1], np.float32)
    # As many bands as rows divide into; each at least as high as _BAND.
    bands = max(
        (count for count in range(1, common + 1) if common % count == 0 and height // count >= _BAND), default=1
    )
    for band in range(bands):
        rows = plane[band * height // bands : (band + 1) * height // bands].astype(np.float32)
        part = small[band * size[1] // bands : (band + 1) * size[1] // bands]
        cv2.resize(rows, (size[0], len(part)), part, interpolation=cv2.INTER_AREA)
    return small


def within(box: Box, outer: Box) -> Box:
    """``box`` counted from the corner of ``outer``."""
    rows, columns = ((one.start - other.start, one.stop - other.start) for one, other in zip(box, outer, strict=True))
    return slice(*rows), slice(*columns)


def _inside(frame: av.VideoFrame, layout: PlaneLayout, box: Box) -> list[np.ndarray]:
    """The samples of every plane inside ``box``, whose corners lie between samples of chroma."""
    planes = [_samples(plane, layout) for plane in frame.planes]
    return [plane[_coarser(box, layout.step if _is_chroma(layout, number) else (1, 1))]
            for number, plane in enumerate(planes)]  # fmt: skip


def _is_chroma(layout: PlaneLayout, number: int) -> bool:
    return layout.kind == "yuv" and number in (1, 2)


def _coarser(box: Box, step: tuple[int, int]) -> Box:
    rows, columns = box
    return slice(rows.start // step[1], -(-rows.stop // step[1])), slice(
        columns.start // step[0], -(-columns.stop // step[0])
    )


def _rgb(planes: list[np.ndarray], layout: PlaneLayout, matrix: int, full_range: bool) -> Floats:
    if layout.kind == "gbr":
        green, blue, red = planes[:3]
        return np.asarray(cv2.merge([red, green, blue]), np.float32) / np.float32(2**layout.bits - 1)
    if layout.kind == "grey":
        neutral = np.full_like(planes[0], 2 ** (layout.bits - 1))
        codes = cv2.merge([planes[0], neutral, neutral])
    else:
        height, width = planes[0].shape
        codes = cv2.merge([planes[0], *(_repeated(plane, layout.step, width, height) for plane in planes[1:3])])
    # OpenCV rounds the last few pixels of an array otherwise than the rest: rows are added that nobody looks at.
    height, width = codes.shape[:2]
    padded = np.empty((height + -(-_VECTOR // width), width, 3), np.float32)
    padded[:height] = codes
    return np.asarray(cv2.transform(padded, _to_rgb(matrix, full_range, layout)))[:height]


def _repeated(plane: np.ndarray, step: tuple[int, int], width: int, height: int) -> np.ndarray:
    if step == (1, 1):
        return plane
    size = (plane.shape[1] * step[0], plane.shape[0] * step[1])
    return np.ascontiguousarray(cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST)[:height, :width])


def _samples(plane: Any, layout: PlaneLayout) -> np.ndarray:
    kind = np.dtype(np.uint8 if layout.bits == 8 else "<u2")
    rows = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
    return rows[:, : plane.width]


def frame_from_pixels(pixels: Floats, layout: PlaneLayout, matrix: int, full_range: bool) -> av.VideoFrame:
    """A video frame of the (H, W, 3|4) float32 ``pixels``. What a code cannot hold is clipped; NaN becomes 0."""
    height, width = pixels.shape[:2]
    rgb = _finite(pixels[..., :3])
    packed = layout.name in _PACKED
    frame = av.VideoFrame(width, height, ("gbrap" if layout.alpha else "gbrp") if packed else layout.name)
    planes = _planes(rgb, layout, matrix, full_range)
    if layout.alpha:
        alpha = pixels[..., 3] if pixels.shape[2] == 4 else np.ones((height, width), np.float32)
        planes.append(np.nan_to_num(alpha) * np.float32(2**layout.bits - 1))
    for target, plane in zip(frame.planes, planes, strict=True):
        _store(plane, _samples(target, layout), layout)
    return frame.reformat(format=layout.name) if packed else frame


def frame_over(
    frame: av.VideoFrame, parts: Sequence[Part], layout: PlaneLayout, matrix: int, full_range: bool
) -> av.VideoFrame:
    """A copy of the planar ``frame`` in ``layout``, without alpha, with ``parts`` (h, w, 3) in their places.

    Their boxes hold whole samples of chroma (see ``grown``). All other samples are those of ``frame``.
    """
    copy = av.VideoFrame(frame.width, frame.height, layout.name)
    for target, source in zip(copy.planes, frame.planes, strict=True):
        _samples(target, layout)[:] = _samples(source, layout)
    for box, pixels in parts:
        made = _planes(_finite(pixels), layout, matrix, full_range) if pixels.size else []
        for samples, codes in zip(_inside(copy, layout, box) if made else [], made, strict=True):
            _store(codes, samples, layout)
    return copy


def _finite(rgb: Floats) -> Floats:
    rgb = np.ascontiguousarray(rgb)
    return rgb if all_finite(rgb) else np.nan_to_num(rgb, posinf=1.0, neginf=0.0)


def _planes(rgb: Floats, layout: PlaneLayout, matrix: int, full_range: bool) -> list[Any]:
    if layout.kind == "gbr":
        red, green, blue = cv2.split(rgb * np.float32(2**layout.bits - 1))
        return [green, blue, red]
    luma, *chroma = cv2.split(cv2.transform(rgb, _from_rgb(matrix, full_range, layout)))
    return [luma] if layout.kind == "grey" else [luma, *(_averaged(plane, layout.step) for plane in chroma)]


def _averaged(plane: np.ndarray, step: tuple[int, int]) -> np.ndarray:
    if step == (1, 1):
        return plane
    height, width = plane.shape
    right, below = -width % step[0], -height % step[1]
    if right or below:
        plane = cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REPLICATE)
    size = ((width + right) // step[0], (height + below) // step[1])
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))


def _store(plane: np.ndarray, samples: np.ndarray, layout: PlaneLayout) -> None:
    """Rounds and clips ``plane`` where it is, and puts it into ``samples``."""
    np.rint(plane, out=plane)
    np.clip(plane, 0, 2**layout.bits - 1, out=plane)
    samples[:] = plane
