"""Pictures through OpenImageIO: PNG, TIFF, DPX, Radiance HDR; and reading of JPEG, WebP, BMP, Targa and GIF."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterable, Sequence
from itertools import chain, product
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from ...colour import ColourSpace
from ...errors import MediaError
from ...frame import Floats, Window
from ..declared import Orientation
from ..headers import dpx_space, said
from .icc import Profile
from .smpte import TIMECODE, words_of
from .still import Metadata, Still, Stored, unreadable

__all__ = [
    "MAIN",
    "attributes_of",
    "carry",
    "colour_channels",
    "header_of",
    "opened",
    "read",
    "sample_format",
    "stamp",
    "write",
    "write_error",
]

MAIN = ("", "rgba", "rgb", "beauty", "combined", "main", "color", "colour", "left")
"""What parts and layers with the picture itself are called, in lower case, by the last word of their names."""
_STRAIGHT = "oiio:UnassociatedAlpha"
_LINEAR_ENDINGS = (".exr", ".hdr")
_PADDING = re.compile(r"\b\d{1,2} extraneous bytes before marker 0xd9")
"""Some cameras fill up a JPEG before its end marker, which does no harm."""
_OWN = re.compile(
    r"(?i)(oiio:|orientation|compression|nchannels|channels$|name$|type$|openexr:|tiff:|png:|jpeg:|gif:|webp:|"
    r"exif:pixel|oiio|multiview|subimages|iccprofile|pixelaspectratio|framespersecond$|view$|mobilefaceswap/)"
)
"""Attributes that describe the file, or the swap in it, rather than the picture: the output has its own."""
_RATE, _PROJECTION = re.compile("(?i)framespersecond$"), re.compile("(?i)(screenwindow|worldto|jpeg:|datetime$)")
_COMPRESSION = {".tif": "zip", ".tiff": "zip", ".png": "zip"}


def opened(path: Path) -> Any:
    """An open ImageInput that does not multiply colour by alpha. Raises MediaError."""
    asked = oiio.ImageSpec()
    asked.attribute(_STRAIGHT, 1)
    file = oiio.ImageInput.open(str(path), asked)
    if file is None:
        raise unreadable(path, oiio.geterror())
    return file


def read(path: Path) -> Still:
    """The first picture of the file. Grey becomes RGB, a palette is resolved, EXIF's orientation is applied.

    Scene-linear formats are declared linear Rec.709, DPX what its header names, all others sRGB. Raises
    MediaError where it cannot be read.
    """
    file = opened(path)
    try:
        header = file.spec()
        stored = file.read_image(oiio.FLOAT)
        complaint = file.geterror()
        # The JPEG reader fills up what is missing with grey, and only says so.
        if stored is None or (complaint and not _PADDING.search(complaint)):
            raise unreadable(path, complaint)
        more = file.seek_subimage(1, 0)
    finally:
        file.close()
    pixels = np.asarray(stored, np.float32).reshape(header.height, header.width, header.nchannels)
    pixels = np.ascontiguousarray(pixels[..., colour_channels(header.channelnames, path)])
    upright = Orientation.from_exif(header.get_int_attribute("Orientation", 1)).upright(pixels)
    window = Window(0, 0, upright.shape[1], upright.shape[0])
    profile = header.getattribute("ICCProfile")
    space = _space(header, path)
    return Still(
        upright,
        space,
        pixels.shape[2] == 4 and not header.get_int_attribute(_STRAIGHT, 0),
        header.get_int_attribute("oiio:BitsPerSample", 0) or 8 * int(header.format.basesize()),
        str(header.format) in ("half", "float", "double"),
        Metadata(
            path,
            window,
            window,
            attributes_of(header),
            Profile(np.asarray(profile, np.uint8).tobytes()) if profile is not None else None,
        ),
        float(header.get_float_attribute("PixelAspectRatio", 1.0)) or 1.0,
        said(space) + (("holds further pictures besides the first, which are not read",) if more else ()),
    )


def _space(header: Any, path: Path) -> ColourSpace:
    ending = path.suffix.lower()
    if ending == ".dpx":
        return dpx_space((item.name, item.value) for item in header.extra_attribs)
    return ColourSpace.LINEAR if ending in _LINEAR_ENDINGS else ColourSpace.SRGB


def attributes_of(header: Any) -> tuple[tuple[str, Any, Any], ...]:
    """The header's attributes as (name, type, value)."""
    return tuple((item.name, item.type, item.value) for item in header.extra_attribs)


def carried(attributes: Iterable[tuple[str, Any, Any]]) -> list[str]:
    """The names of ``attributes`` that say something of the picture, and not of the file or of OpenEXR's projection."""
    names = [name for name, _, _ in attributes]
    return [name for name in names if _RATE.match(name) or not (_OWN.match(name) or _PROJECTION.match(name))]


def colour_channels(names: Sequence[str], path: Path) -> list[int]:
    """Places of R, G, B and, where there is one, A; a grey channel serves three times. Raises MediaError.

    Channels without a layer go first, then layers that are named as main pictures are, then the others by their names;
    but the colour of a main picture goes before a grey channel without a layer.
    """
    places = {name: place for place, name in reversed(list(enumerate(names)))}
    ranked = sorted(
        {name.rpartition(".")[0] for name in places}, key=lambda layer: (bool(layer), not _is_main(layer), layer)
    )
    main = filter(_is_main, ranked)
    for layer, letters in chain(product(main, ["RGB"]), product(ranked, ["RGB", "YYY"])):
        prefix = f"{layer}." if layer else ""
        if all(prefix + letter in places for letter in letters):
            alpha = [places[prefix + "A"]] if prefix + "A" in places else []
            return [places[prefix + letter] for letter in letters] + alpha
    if len(names) < 3:
        return [0] * 3 + ([1] if len(names) == 2 else [])
    if len(names) <= 4 and not any("." in name for name in places):
        return list(range(len(names)))
    raise MediaError(f"expected channels R, G and B in {path}; found {', '.join(names)}. Write out an RGB layer")


def _is_main(layer: str) -> bool:
    return layer.lower().rpartition(".")[2] in MAIN


def write(path: Path, stored: Stored) -> None:
    """Writes a PNG, TIFF, DPX or HDR. Raises OSError: these writers notice a disk that runs full."""
    header = header_of(stored, stored.pixels, path)
    output: Any = oiio.ImageOutput.create(str(path))
    try:
        if not (output.open(str(path), header) and output.write_image(stored.pixels) and output.close()):
            raise write_error(path, stored.pixels.size * stored.bit_depth // 8, output.geterror())
    finally:
        output.close()
    if not _ends_well(path):
        raise write_error(path, stored.pixels.size * stored.bit_depth // 8, "what was written cannot be read back")


def write_error(path: Path, size: int, said: str) -> OSError:
    """Why a picture of ``size`` bytes was not written: of a full disk libraries do not always say so."""
    full = "No space left" in said or shutil.disk_usage(path.parent).free < size
    return OSError(errno.ENOSPC if full else 0, " ".join(said.split()))


def header_of(stored: Stored, pixels: Floats, path: Path) -> Any:
    """The header that carries over what the clip's file says of the picture."""
    height, width, channels = pixels.shape
    header = oiio.ImageSpec(width, height, channels, sample_format(stored))
    carry(stored, header)
    header.channelnames = ("Y",) if channels == 1 else tuple("RGBA"[:channels])
    header.alpha_channel = 3 if channels == 4 else -1
    if channels == 4 and not stored.premultiplied:
        header.attribute(_STRAIGHT, 1)
    ending = path.suffix.lower()
    if ending == ".dpx":
        header.attribute("oiio:BitsPerSample", max(10, stored.bit_depth))
    header.attribute("compression", _COMPRESSION.get(ending, ""))
    profile = stored.metadata.profile if stored.metadata else None
    if profile is not None and ending in _COMPRESSION and channels > 1:
        data = np.frombuffer(profile.data, np.uint8)
        header.attribute("ICCProfile", oiio.TypeDesc(f"uint8[{len(data)}]"), data)
    return header


def carry(stored: Stored, header: Any) -> None:
    """Copies what the clip's file says of the picture, and what the clip declares, into ``header``."""
    for name, kind, value in stored.metadata.attributes if stored.metadata else ():
        if not _OWN.match(name):
            header.attribute(name, kind, value)
    if stored.frame_rate:
        rate = stored.frame_rate
        header.attribute("FramesPerSecond", oiio.TypeRational, (rate.numerator, rate.denominator))
    stamp(stored, header)
    if stored.pixel_aspect != 1:
        header.attribute("PixelAspectRatio", float(stored.pixel_aspect))


def stamp(stored: Stored, header: Any) -> None:
    """Writes the picture's own timecode, if it has one, into ``header``."""
    if stored.timecode:
        header.attribute(TIMECODE, oiio.TypeTimeCode, words_of(stored.timecode))


def sample_format(stored: Stored) -> str:
    """OpenImageIO's name of the sample type."""
    if stored.floating:
        return "half" if stored.bit_depth == 16 else "float"
    return "uint8" if stored.bit_depth == 8 else "uint16"


def _ends_well(path: Path) -> bool:
    """Whether the last row reads back: libraries for some formats do not notice a disk that runs full."""
    file = oiio.ImageInput.open(str(path))
    if file is None:
        oiio.geterror()
        return False
    header = file.spec()
    end = header.y + header.height
    read_back = file.read_scanlines(end - 1, end, header.z, 0, header.nchannels, oiio.UNKNOWN) is not None
    file.close()
    return read_back
