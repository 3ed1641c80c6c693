"""The table of picture formats: one row each. To add one, write a module that reads and writes it, and add its row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from ...errors import MediaError
from ...files import write_failure, written_whole
from ...frame import ColourSpace, Window
from ..places import check_input
from . import pillow
from .icc import Profile
from .still import Still, Stored, decoder_failures, unreadable

__all__ = ["FORMATS", "StillFormat", "add_format", "check_writable", "format_of", "load_still", "save_still"]


@dataclass(frozen=True)
class StillFormat:
    """A format of picture files.

    read: from a file; raises MediaError, or one of ``decoder_failures``. write: to a file that exists and is empty;
    raises OSError with the reason; None where the format can only be read. depths: bits per channel when written,
    ascending; half: whether 16 bits are floating-point. colour_space: what values are. premultiplied: what the format
    expects of colour with alpha. keeps: kinds of ``Content`` that can be written. windows: reads data and display
    window, where the format has them. animated: whether a file can hold frames with durations.
    """

    name: str
    endings: tuple[str, ...]
    read: Callable[[Path], Still]
    write: Callable[[Path, Stored], None] | None = None
    depths: tuple[int, ...] = (8,)
    half: bool = False
    colour_space: ColourSpace = ColourSpace.SRGB
    alpha: bool = True
    premultiplied: bool = False
    keeps: frozenset[str] = frozenset()
    windows: Callable[[Path], tuple[Window, Window]] | None = None
    animated: bool = False


def _later(name: str) -> Callable[..., Any]:
    """The function called ``MODULE.FUNCTION``, imported when it is first called: a video file needs no OpenImageIO."""
    return lambda *given: resolve_name(f"{__package__}.{name}")(*given)


_OIIO = (_later("openimageio.read"), _later("openimageio.write"))
_PILLOW = (_later("openimageio.read"), pillow.write)
_EXR = (_later("exr.read"), _later("exr.write"))
_ICC = frozenset({"ICC profile", "metadata"})
_LAYERS = frozenset({"layers", "overscan", "metadata", "timecode"})
_LINEAR = ColourSpace.LINEAR

FORMATS: dict[str, StillFormat] = {}
"""By ending, in lower case; reads as the list of picture endings, too."""


def add_format(row: StillFormat) -> None:
    """Makes a format known everywhere: to ``open_clip``, ``create_output`` and ``read_picture``."""
    FORMATS.update(dict.fromkeys(row.endings, row))


for _row in (
    StillFormat("OpenEXR", (".exr",), *_EXR, (16, 32), True, _LINEAR, True, True, _LAYERS, _later("exr.windows")),
    StillFormat("PNG", (".png",), *_OIIO, depths=(8, 16), keeps=_ICC, animated=True),
    StillFormat("Animated PNG", (".apng",), pillow.read, pillow.write, keeps=_ICC, animated=True),
    StillFormat("TIFF", (".tif", ".tiff"), *_OIIO, depths=(8, 16, 32), keeps=_ICC),
    StillFormat("JPEG", (".jpg", ".jpeg"), *_PILLOW, alpha=False, keeps=_ICC),
    StillFormat("WebP", (".webp",), *_PILLOW, keeps=_ICC, animated=True),
    StillFormat("BMP", (".bmp",), *_PILLOW, alpha=False),
    StillFormat("DPX", (".dpx",), *_OIIO, depths=(8, 10, 12, 16), keeps=frozenset({"timecode"})),
    StillFormat("Targa", (".tga",), *_PILLOW),
    StillFormat("Radiance HDR", (".hdr",), *_OIIO, depths=(32,), colour_space=_LINEAR, alpha=False),
    StillFormat("GIF", (".gif",), *_PILLOW, animated=True),
    StillFormat("AVIF", (".avif",), pillow.read, pillow.write, keeps=_ICC, animated=True),
    StillFormat("HEIF", (".heic", ".heif"), pillow.read_heif),
):
    add_format(_row)


def format_of(path: str | Path) -> StillFormat | None:
    """The format that ``path`` names by its ending, or None."""
    return FORMATS.get(Path(path).suffix.lower())


def load_still(path: Path, *, as_data: bool = False) -> Still:
    """The picture at ``path``; its ICC profile is honoured unless values are data. Raises MediaError where it cannot be
    read.
    """
    check_input(path)
    found = format_of(path)
    try:
        still = (found.read if found else _OIIO[0])(path)
    except MediaError:
        raise
    except decoder_failures() as error:
        raise unreadable(path, str(error)) from error
    profile = still.metadata.profile
    if profile is None or still.floating or as_data:
        return still
    if not profile.known:
        note = f"its ICC profile ({profile.name}) is not of a kind that is honoured here; taken as sRGB, and kept"
        return replace(still, notes=(*still.notes, note))
    return replace(still, pixels=profile.to_srgb(still.pixels))


def check_writable(path: str | Path) -> tuple[StillFormat, Callable[[Path, Stored], None]]:
    """The format that ``path`` ends in, and its ``write``. Raises MediaError where it can only be read."""
    found = format_of(path)
    if found is None or found.write is None:
        known = ", ".join(ending for ending, row in FORMATS.items() if row.write)
        raise MediaError(f"expected a picture format that can be written: {known}; found {path}. Choose one")
    return found, found.write


def save_still(path: Path, stored: Stored, *, overwrite: bool = True) -> None:
    """Writes the picture whole or not at all. Raises MediaError, also where one is there that must not be replaced."""
    found, write = check_writable(path)
    profile = stored.metadata.profile if stored.metadata and "ICC profile" in found.keeps else None
    if isinstance(profile, Profile) and profile.known and stored.pixels.shape[2] > 1:
        stored = replace(stored, pixels=profile.from_srgb(stored.pixels))
    try:
        with written_whole(path, overwrite=overwrite) as place:
            write(place, stored)
    except OSError as error:
        raise write_failure(path, error) from error
