"""Pictures through Pillow, encoded in memory: JPEG, WebP, BMP, Targa, GIF, AVIF; HEIF is read.

The writers of these formats in other libraries do not report a full disk: JPEG's ends the process, WebP's never
returns. Bytes in memory are written by Python, which does.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from numbers import Rational
from pathlib import Path
from typing import Any

import numpy as np

from ...frame import ColourSpace, Floats, Window
from .icc import Profile
from .still import Metadata, Still, Stored

__all__ = [
    "animation_options",
    "as_frame",
    "encoded",
    "kind_of",
    "metadata_of",
    "metadata_options",
    "read",
    "read_heif",
    "write",
]

_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95, "method": 4, "exact": True},
    "AVIF": {"quality": 90},
}
_EXIF = {"ImageDescription": 270, "Make": 271, "Model": 272, "Software": 305, "DateTime": 306, "Artist": 315}
_EXIF |= {"Copyright": 33432}
_ORIENTATION, _EXIF_IFD, _GPS_IFD = 274, 0x8769, 0x8825


def read(path: Path) -> Still:
    """The first picture of the file. Raises as Pillow does."""
    from PIL import Image, ImageOps

    with Image.open(path) as file:
        file.load()
        found = metadata_of(path, file)
        still = _made(as_frame(ImageOps.exif_transpose(file)), path, file.info, 8)
        return replace(still, metadata=replace(still.metadata, attributes=found.attributes))


def metadata_of(path: Path, file: Any) -> Metadata:
    """What an opened Pillow file says of its picture: EXIF under OpenImageIO's names, ICC profile."""
    from PIL import ExifTags

    exif = file.getexif()
    own = {_ORIENTATION, _EXIF_IFD, _GPS_IFD}
    words = {ExifTags.TAGS.get(number, ""): value for number, value in exif.items() if number not in own}
    words |= {f"Exif:{ExifTags.TAGS.get(number, '')}": value for number, value in exif.get_ifd(_EXIF_IFD).items()}
    texts = [(name, "string", value) for name, value in words.items() if isinstance(value, str)]
    numbers = [(name, "float", float(value)) for name, value in words.items() if isinstance(value, Rational | float)]
    window, profile = Window(0, 0, *file.size), file.info.get("icc_profile")
    return Metadata(path, window, window, (*texts, *numbers), Profile(profile) if profile else None)


def read_heif(path: Path) -> Still:
    """HEIC and HEIF, as phones write them, with their 8 or 10 bits. Raises as the library does."""
    import pillow_heif

    file = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
    pixels, info = np.asarray(file), file.info
    white = np.float32(65535 if pixels.dtype == np.uint16 else 255)
    return _made(pixels.astype(np.float32) / white, path, info, int(info.get("bit_depth") or 8))


def animation_options(path: Path) -> dict[str, Any]:
    """The encoder's options for the format that ``path`` ends in."""
    return dict(_OPTIONS.get(kind_of(path), {}))


def kind_of(path: Path) -> str:
    """Pillow's name of the format that ``path`` ends in."""
    from PIL import Image

    Image.init()
    return str(Image.EXTENSION[path.suffix.lower()])


def as_frame(picture: Any, *, alpha: bool | None = None) -> Floats:
    """A Pillow picture of any mode as float32 (H, W, 3|4). alpha: whether with it; where left out, as the picture."""
    has_alpha = picture.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in picture.info
    has_alpha = has_alpha if alpha is None else alpha
    return np.asarray(picture.convert("RGBA" if has_alpha else "RGB"), np.float32) / np.float32(255)


def _made(pixels: Floats, path: Path, info: Mapping[Any, Any], depth: int) -> Still:
    if pixels.ndim == 2:
        pixels = np.dstack([pixels] * 3)
    window = Window(0, 0, pixels.shape[1], pixels.shape[0])
    profile = info.get("icc_profile")
    return Still(
        np.ascontiguousarray(pixels, np.float32),
        ColourSpace.SRGB,
        False,
        depth,
        False,
        Metadata(path, window, window, (), Profile(profile) if profile else None),
    )


def write(path: Path, stored: Stored) -> None:
    """Writes the picture in the format that ``path`` ends in. Raises OSError."""
    kind = kind_of(path)
    picture = encoded(stored.pixels)
    content = io.BytesIO()
    try:
        picture.save(
            content,
            kind,
            **_OPTIONS.get(kind, {}),
            **metadata_options(stored.metadata, kind, grey=stored.pixels.shape[2] == 1),
        )
    except ValueError as error:
        raise OSError(0, str(error)) from error
    path.write_bytes(content.getvalue())


def encoded(pixels: Floats) -> Any:
    """Float32 (H, W, 1|3|4) as a Pillow picture of 8 bits; what a code cannot hold is clipped."""
    from PIL import Image

    codes = np.rint(np.clip(np.nan_to_num(pixels, posinf=1, neginf=0), 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(codes[..., 0] if codes.shape[2] == 1 else codes))


def metadata_options(source: Metadata | None, kind: str, *, grey: bool) -> dict[str, Any]:
    """The encoder's options for EXIF and XMP of the clip's file, upright, and its ICC profile. kind: Pillow's name of
    the format.
    """
    if source is None or kind not in ("JPEG", "WEBP", "AVIF", "PNG"):
        return {}
    exif, xmp = _read_metadata(source.path)
    for name, number in _EXIF.items():
        value = source.get(name)
        if isinstance(value, str) and number not in exif:
            exif[number] = value
    exif.pop(_ORIENTATION, None)
    found: dict[str, Any] = {"exif": exif.tobytes()} if len(exif) else {}
    if xmp and kind != "PNG":
        found["xmp"] = xmp
    if source.profile is not None and not grey:
        found["icc_profile"] = source.profile.data
    return found


def _read_metadata(path: Path) -> tuple[Any, bytes]:
    from PIL import Image

    try:
        with Image.open(path) as file:
            xmp = file.info.get("xmp", b"")
            return file.getexif(), xmp if isinstance(xmp, bytes) else str(xmp).encode()
    except (OSError, ValueError, SyntaxError):
        return Image.Exif(), b""
