"""Single pictures in and out, through OpenImageIO."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from ..errors import MediaError
from ..files import write_failure, written_whole
from ..frame import ColourSpace, Floats, Frame
from .places import check_input

__all__ = ["LINEAR_ENDINGS", "PICTURE_ENDINGS", "Picture", "load_picture", "read_picture", "save_picture"]

PICTURE_ENDINGS = (".exr", ".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".webp", ".dpx", ".tga", ".hdr", ".gif")
LINEAR_ENDINGS = (".exr", ".hdr")
_ORIENTATION = "Orientation"
_STRAIGHT = "oiio:UnassociatedAlpha"
_PADDING = re.compile(r"\b\d{1,2} extraneous bytes before marker 0xd9")
"""Some cameras fill up a JPEG before its end marker, which does no harm."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame and the OpenImageIO header that it was read with."""

    frame: Frame
    header: Any

    @property
    def floating(self) -> bool:
        """Whether the file holds floating-point values."""
        return str(self.header.format) in ("half", "float", "double")

    @property
    def bit_depth(self) -> int:
        """Bits of a channel in the file."""
        declared = self.header.get_int_attribute("oiio:BitsPerSample", 0)
        return declared or 8 * int(self.header.format.basesize())


def read_picture(path: str | os.PathLike[str]) -> Frame:
    """A still as a frame: grey becomes RGB, a palette is resolved, 16 bits are kept, EXIF rotation is applied.

    Scene-linear formats are declared linear Rec.709, all others sRGB. Raises MediaError where it cannot be read.
    """
    return load_picture(Path(path)).frame


def load_picture(path: Path) -> Picture:
    """The picture at ``path`` with its header. Raises as ``read_picture`` does."""
    check_input(path)
    asked = oiio.ImageSpec()
    asked.attribute(_STRAIGHT, 1)
    file = oiio.ImageInput.open(str(path), asked)
    if file is None:
        raise _unreadable(path, oiio.geterror())
    try:
        header = file.spec()
        stored = file.read_image(oiio.FLOAT)
        complaint = file.geterror()
        # The JPEG reader fills up what is missing with grey, and only says so.
        if stored is None or (complaint and not _PADDING.search(complaint)):
            raise _unreadable(path, complaint)
    finally:
        file.close()
    pixels = np.asarray(stored, np.float32).reshape(header.height, header.width, header.nchannels)
    return Picture(_frame(pixels, header, path), header)


def _unreadable(path: Path, reason: str) -> MediaError:
    return MediaError(
        f"expected a picture; {path} cannot be read as one ({' '.join(reason.split()) or 'unknown format'}). "
        "It is damaged, cut short or of another kind: save it again, for instance as PNG"
    )


def _frame(pixels: Floats, header: Any, path: Path) -> Frame:
    pixels = np.ascontiguousarray(pixels[..., _channels(header, path)])
    pixels = _in_display_window(pixels, header)
    pixels = np.ascontiguousarray(_upright(pixels, header.get_int_attribute(_ORIENTATION, 1)))
    space = ColourSpace.LINEAR if path.suffix.lower() in LINEAR_ENDINGS else ColourSpace.SRGB
    premultiplied = pixels.shape[2] == 4 and not header.get_int_attribute(_STRAIGHT, 0)
    aspect = float(header.get_float_attribute("PixelAspectRatio", 1.0)) or 1.0
    return Frame(pixels, space, premultiplied, aspect)


def _channels(header: Any, path: Path) -> list[int]:
    """Places of R, G, B and, where there is one, A; a grey channel serves three times."""
    names = {name: place for place, name in reversed(list(enumerate(header.channelnames)))}
    for prefix in ("", *sorted({name.rpartition(".")[0] + "." for name in names if "." in name})):
        colour = [names.get(prefix + channel) for channel in "RGB"]
        alpha = [names[prefix + "A"]] if prefix + "A" in names else []
        if None not in colour:
            return [place for place in colour if place is not None] + alpha
        grey = names.get(prefix + "Y")
        if grey is not None:
            return [grey] * 3 + alpha
    if header.nchannels < 3:
        return [0] * 3 + ([1] if header.nchannels == 2 else [])
    if header.nchannels <= 4 and not any("." in name for name in names):
        return list(range(header.nchannels))
    raise MediaError(
        f"expected channels R, G and B in {path}; found {', '.join(header.channelnames)}. Write out an RGB layer"
    )


def _in_display_window(pixels: Floats, header: Any) -> Floats:
    """The display window's pixels: black where the file has no data; overscan beyond it is left out."""
    window = (header.full_x, header.full_y, header.full_width, header.full_height)
    if window == (header.x, header.y, header.width, header.height) or not header.full_width:
        return pixels
    canvas = np.zeros((header.full_height, header.full_width, pixels.shape[2]), np.float32)
    x, y = header.x - header.full_x, header.y - header.full_y
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + header.width, header.full_width), min(y + header.height, header.full_height)
    if left < right and top < bottom:
        canvas[top:bottom, left:right] = pixels[top - y : bottom - y, left - x : right - x]
    return canvas


def _upright(pixels: Floats, orientation: int) -> Floats:
    """The picture as shown; ``orientation`` 1 to 8 as in EXIF 2.32, table 4."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def save_picture(path: Path, pixels: Floats, header: Any) -> None:
    """Writes (H, W, channels) float32 ``pixels`` under a temporary name and renames it. Raises MediaError."""
    output = oiio.ImageOutput.create(str(path))
    if output is None:
        raise MediaError(
            f"expected a picture format that can be written; found {path.suffix}. Choose .exr, .png, .tif or .jpg"
        )
    try:
        with written_whole(path) as partial:
            _write(output, partial, np.ascontiguousarray(pixels, np.float32), header, path)
    except OSError as error:
        raise write_failure(str(path), error) from None


def _write(output: Any, partial: Path, pixels: Floats, header: Any, path: Path) -> None:
    try:
        if not (output.open(str(partial), header) and output.write_image(pixels) and output.close()):
            raise _write_failure(path, output.geterror())
    finally:
        output.close()
    if not _ends_well(partial):
        raise _write_failure(path, "what was written cannot be read back")


def _ends_well(path: Path) -> bool:
    """Whether the last row reads back: libraries for some formats do not notice a disk that runs full."""
    file = oiio.ImageInput.open(str(path))
    if file is None:
        oiio.geterror()
        return False
    header = file.spec()
    end = header.y + header.height
    read = file.read_scanlines(end - 1, end, header.z, 0, header.nchannels, oiio.UNKNOWN) is not None
    file.close()
    return read


def _write_failure(path: Path, reason: str) -> MediaError:
    free = os.statvfs(path.absolute().parent).f_bavail if hasattr(os, "statvfs") else 1
    if not free or "space" in reason.lower():
        return MediaError(f"expected room for {path}; the disk is full. Free some space or choose another disk")
    return MediaError(f"expected to write {path}; {' '.join(reason.split())}. Check the disk and the folder")
