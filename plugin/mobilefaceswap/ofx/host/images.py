"""Images as hosts lay them out in memory. Pixels are numpy arrays (rows, columns, channels), top row first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .abi import Properties

__all__ = ["Array", "Image", "Layout", "allocated", "image_properties", "region"]

Array = np.ndarray[Any, Any]

_DEPTHS = {
    "uint8": "OfxBitDepthByte",
    "uint16": "OfxBitDepthShort",
    "float16": "OfxBitDepthHalf",
    "float32": "OfxBitDepthFloat",
}
COMPONENTS = {1: "OfxImageComponentAlpha", 3: "OfxImageComponentRGB", 4: "OfxImageComponentRGBA"}


@dataclass(frozen=True)
class Layout:
    """How an image lies in memory, and what the host says of it.

    origin: (x, y) of the lower left corner; padding: bytes after each row. field: OfxFieldLower and OfxFieldUpper mean
    that the image holds every other line. colour_space: OpenFX 1.5's name of it, "" for a host that says nothing.
    thumbnail: the image is an icon's, as one host says it.
    """

    bottom_up: bool = True
    padding: int = 0
    origin: tuple[int, int] = (0, 0)
    premultiplied: bool = False
    scale: tuple[float, float] = (1.0, 1.0)
    pixel_aspect: float = 1.0
    field: str = "OfxFieldNone"
    colour_space: str = ""
    thumbnail: bool = False

    @property
    def premultiplication(self) -> str:
        return "OfxImageAlphaPremultiplied" if self.premultiplied else "OfxImageAlphaUnPremultiplied"


@dataclass
class Image:
    """An image in its own memory. ``array`` is a view, top row first."""

    memory: Array
    array: Array
    first: int
    row_bytes: int
    layout: Layout

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        height, width, _ = self.array.shape
        x, y = self.layout.origin
        return (x, y, x + width, y + height)


def allocated(shape: tuple[int, int, int], dtype: Any, layout: Layout, pixels: Array | None = None) -> Image:
    """An image filled with junk, or with ``pixels``."""
    height, width, channels = shape
    pitch = width * channels * np.dtype(dtype).itemsize + layout.padding
    memory = np.full(height * pitch, 0xA5, np.uint8)
    rows = memory.reshape(height, pitch)[:, : pitch - layout.padding].view(dtype).reshape(shape)
    start = memory.ctypes.data
    image = (
        Image(memory, rows[::-1], start, pitch, layout)
        if layout.bottom_up
        else Image(memory, rows, start + (height - 1) * pitch, -pitch, layout)
    )
    if pixels is not None:
        image.array[...] = pixels
    return image


def image_properties(image: Image) -> Properties:
    """The properties of an image that the host hands out."""
    layout = image.layout
    told: Properties = {
        "OfxImagePropData": [image.first],
        "OfxImagePropRowBytes": [image.row_bytes],
        "OfxImagePropBounds": list(image.bounds),
        "OfxImageEffectPropPixelDepth": [_DEPTHS[image.array.dtype.name]],
        "OfxImageEffectPropComponents": [COMPONENTS[image.array.shape[2]]],
        "OfxImageEffectPropPreMultiplication": [layout.premultiplication],
        "OfxImageEffectPropRenderScale": list(layout.scale),
        "OfxImagePropPixelAspectRatio": [layout.pixel_aspect],
        "OfxImagePropField": [layout.field],
    }
    if layout.thumbnail:
        told["kOfxImageClipPropThumbnail"] = [1]
    return told


def region(image: Image) -> tuple[float, float, float, float]:
    """The image's rectangle in canonical coordinates."""
    layout = image.layout
    lines = 2 if layout.field in ("OfxFieldLower", "OfxFieldUpper") else 1
    x_unit, y_unit = layout.pixel_aspect / layout.scale[0], lines / layout.scale[1]
    x1, y1, x2, y2 = image.bounds
    return (x1 * x_unit, y1 * y_unit, x2 * x_unit, y2 * y_unit)
