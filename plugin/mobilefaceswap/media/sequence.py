"""Image sequences: ``shot.%04d.exr`` or ``shot.####.exr``, with their own frame numbers; one picture is frame 0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from ..errors import MediaError
from ..frame import ColourSpace, Floats, Frame
from .clip import ClipFormat, MediaClip, Writer
from .grade import converted
from .pictures import LINEAR_ENDINGS, PICTURE_ENDINGS, Picture, load_picture, save_picture

__all__ = ["SequenceClip", "SequenceWriter", "is_sequence"]

_PLACEHOLDER = re.compile(r"%(?:0(\d+))?d|(#+)")
_DEPTHS = {".exr": (16, 32), ".png": (8, 16), ".tif": (8, 16, 32), ".tiff": (8, 16, 32), ".dpx": (8, 10, 12, 16)}
_COMPRESSION = {".exr": "zip", ".jpg": "jpeg:95", ".jpeg": "jpeg:95", ".tif": "zip", ".tiff": "zip", ".png": "zip"}
_REC709_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
_NOT_CARRIED = re.compile(
    r"(?i)(oiio:|orientation|compression|nchannels|channels$|name$|type$|openexr:|tiff:|png:|jpeg:|exif:pixel|"
    r"oiio|multiview|subimages|iccprofile)"
)


@dataclass(frozen=True)
class Pattern:
    """A sequence's name with a placeholder for the number, or the name of one picture."""

    text: str

    @property
    def numbered(self) -> bool:
        """Whether there is a placeholder."""
        return is_sequence(self.text)

    def path(self, time: int) -> Path:
        """The file of frame ``time``."""
        match = self._placeholder()
        if match is None:
            return Path(self.text)
        width = int(match[1] or 0) or len(match[2] or "")
        number = f"{time:0{width}d}" if width else str(time)
        return Path(self.text[: match.start()] + number + self.text[match.end() :])

    def numbers(self) -> list[int]:
        """Frame numbers that have a file, ascending."""
        if not self.numbered:
            return [0]
        folder = Path(self.text).parent
        if not folder.is_dir():
            raise MediaError(f"expected the folder {folder} of {self.text}; found none. Check the path")
        wanted = self._name()
        found = {int(hit[1]) for item in folder.iterdir() if (hit := wanted.fullmatch(item.name))}
        return sorted(number for number in found if self.path(number).is_file())

    def names(self, path: Path) -> bool:
        """Whether ``path``, absolute and resolved, bears the name of one of the frames, there or not."""
        if not self.numbered:
            return Path(self.text).resolve() == path
        return Path(self.text).parent.resolve() == path.parent and bool(self._name().fullmatch(path.name))

    def _name(self) -> re.Pattern[str]:
        """File names of a numbered sequence; the number is the first group."""
        match, name = self._placeholder(), Path(self.text).name
        assert match is not None
        before = len(self.text) - len(name)
        start, end = match.start() - before, match.end() - before
        return re.compile(re.escape(name[:start]) + r"(-?\d+)" + re.escape(name[end:]))

    def _placeholder(self) -> re.Match[str] | None:
        name = len(self.text) - len(Path(self.text).name)
        matches = list(_PLACEHOLDER.finditer(self.text, name))
        return matches[-1] if matches else None


def is_sequence(text: str) -> bool:
    """Whether ``text`` names an image sequence. A file that really bears the name, with its mark, is a picture."""
    path = Path(text)
    return path.suffix.lower() in PICTURE_ENDINGS and bool(_PLACEHOLDER.search(path.name)) and not path.is_file()


class SequenceClip(MediaClip):
    """An image sequence, or a single picture as frame 0."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.pattern = Pattern(path)
        numbers = self.pattern.numbers()
        if not numbers:
            raise MediaError(
                f"expected frames such as {self.pattern.path(1)}; found none. Check the name and the number of digits"
            )
        picture = load_picture(self.pattern.path(numbers[0]))
        frame, header = picture.frame, picture.header
        rate = _frame_rate(header)
        self.notes = _not_honoured(header)
        first, last = numbers[0], numbers[-1]
        present = set(numbers)
        self.format = ClipFormat(
            size=frame.size,
            first=first,
            last=last,
            colour_space=frame.colour_space,
            frame_rate=rate,
            has_alpha=frame.alpha is not None,
            premultiplied=frame.premultiplied,
            bit_depth=picture.bit_depth,
            floating=picture.floating,
            timecode=header.get_string_attribute("smpte:TimeCode", "") or None,
            duration=(last - first + 1) / rate if rate else None,
            pixel_aspect=Fraction(frame.pixel_aspect).limit_denominator(10000),
            missing=tuple(number for number in range(first, last + 1) if number not in present)
            if last - first < 1_000_000
            else (),
        )

    def frame(self, time: int) -> Frame:
        """See ``MediaClip``."""
        return self.picture(time).frame

    def picture(self, time: int) -> Picture:
        """The frame at ``time`` with its file's header."""
        self.check_time(time)
        file = self.pattern.path(time)
        if not file.is_file():
            raise MediaError(
                f"expected frame {time} of {self.path}; the sequence has a gap: {file.name} is missing. "
                "Supply the frame, or render the ranges before and after it"
            )
        return load_picture(file)

    def header(self, time: int) -> Any:
        """The header of frame ``time``, or None where it cannot be read."""
        file = oiio.ImageInput.open(str(self.pattern.path(time if self.pattern.path(time).is_file() else self.first)))
        if file is None:
            return None
        try:
            return file.spec()
        finally:
            file.close()


def _not_honoured(header: Any) -> tuple[str, ...]:
    """Primaries that an EXR declares and that are not those of Rec.709, such as ACES'."""
    declared = header.getattribute("chromaticities")
    if not isinstance(declared, (tuple, list)) or np.allclose(declared, _REC709_PRIMARIES, atol=2e-3):
        return ()
    return (
        "declares primaries other than Rec.709's, which are taken as Rec.709: the plate is kept, but the swapped "
        "face's colour will be off. Convert the sequence to linear Rec.709 first for a face that matches",
    )


def _frame_rate(header: Any) -> Fraction | None:
    declared = header.getattribute("FramesPerSecond")
    if isinstance(declared, (tuple, list)) and len(declared) == 2 and declared[1]:
        return Fraction(int(declared[0]), int(declared[1]))
    return Fraction(float(declared)).limit_denominator(1001) if isinstance(declared, float) and declared > 0 else None


class SequenceWriter(Writer):
    """Writes one picture a frame, each under a temporary name first."""

    def __init__(
        self,
        path: str,
        like: MediaClip,
        *,
        bit_depth: int | None = None,
        alpha: bool | None = None,
        premultiplied: bool | None = None,
        resume: bool = False,
    ) -> None:
        self.path = path
        self._pattern, self._like = Pattern(path), like
        self._ending = Path(path).suffix.lower()
        self._depth, self._alpha, self._resume = bit_depth, alpha, resume
        self._space = ColourSpace.LINEAR if self._ending in LINEAR_ENDINGS else ColourSpace.SRGB
        self._premultiplied = like.format.premultiplied if premultiplied is None else premultiplied
        # Other formats say which it is, and OpenImageIO turns it into what they hold.
        self._stored_premultiplied = self._premultiplied or (premultiplied is None and self._ending == ".exr")
        self._written: int | None = None
        depths = _DEPTHS.get(self._ending, (8,))
        if bit_depth is not None and bit_depth not in depths:
            raise MediaError(
                f"expected {' or '.join(map(str, depths))} bits for {self._ending}; found {bit_depth}. Choose one"
            )
        if isinstance(like, SequenceClip) and like.pattern.names(self._file(like.first)):
            raise MediaError(f"expected an output other than the input; both are {path}. Choose another name")

    def _file(self, time: int) -> Path:
        return self._pattern.path(time).absolute().resolve()

    def write(self, time: int, pixels: Floats, layers: Mapping[str, Floats] | None = None) -> None:
        """See ``Writer``."""
        if not self._pattern.numbered and self._written not in (None, time):
            raise MediaError(
                f"expected a place for the frame number in {self.path}, since several frames are written; found none. "
                f"Name it {Path(self.path).stem}.%04d{self._ending}"
            )
        picture = self._graded(pixels, self._premultiplied, self._stored_premultiplied)
        if picture.shape[2] == 4 and self._alpha is False:
            picture = picture[..., :3]
        planes, names = [picture], _names(picture)
        for name, layer in layers.items() if layers and self._ending == ".exr" else ():
            added = self._graded(layer, premultiplied=True, stored=True)
            planes.append(added)
            names += [f"{name}.{channel}" for channel in ("A" if added.shape[2] == 1 else _names(added))]
        stacked = np.concatenate(planes, axis=2) if len(planes) > 1 else planes[0]
        save_picture(self._pattern.path(time), stacked, self._header(time, stacked, names))
        self._written = time

    def _graded(self, pixels: Floats, premultiplied: bool, stored: bool) -> Floats:
        """(H, W, channels) in the output's kind of colour space; mattes are data."""
        if pixels.ndim == 2:
            return pixels[..., None]
        return converted(pixels, self._like.colour_space, self._space, premultiplied, stored)

    def _header(self, time: int, pixels: Floats, names: list[str]) -> Any:
        height, width, channels = pixels.shape
        header = oiio.ImageSpec(width, height, channels, self._sample_format(is_matte=channels == 1))
        source = self._like.header(time) if isinstance(self._like, SequenceClip) else None
        for item in source.extra_attribs if source is not None else ():
            if not _NOT_CARRIED.match(item.name):
                header.attribute(item.name, item.type, item.value)
        if source is None and self._like.frame_rate:
            rate = self._like.frame_rate
            header.attribute("FramesPerSecond", oiio.TypeRational, (rate.numerator, rate.denominator))
        if self._like.format.pixel_aspect != 1:
            header.attribute("PixelAspectRatio", float(self._like.format.pixel_aspect))
        header.channelnames = tuple(names)
        header.alpha_channel = names.index("A") if "A" in names else -1
        if "A" in names and self._ending != ".exr" and not self._stored_premultiplied:
            header.attribute("oiio:UnassociatedAlpha", 1)
        if self._ending == ".dpx":
            header.attribute("oiio:BitsPerSample", max(10, min(16, self._like.bit_depth)))
        header.attribute("compression", _COMPRESSION.get(self._ending, ""))
        return header

    def _sample_format(self, *, is_matte: bool) -> str:
        """EXR is half, or float where the clip is; others keep the clip's depth, and mattes have 16 bits."""
        if self._ending == ".exr":
            is_float = self._like.format.floating and self._like.bit_depth == 32
            return "float" if self._depth == 32 or (is_float and self._depth is None) else "half"
        depths = _DEPTHS.get(self._ending, (8,))
        wanted = self._depth or (16 if is_matte else self._like.bit_depth)
        depth = next((depth for depth in depths if depth >= wanted), depths[-1])
        return {8: "uint8", 32: "float"}.get(depth, "uint16")

    def has(self, time: int) -> bool:
        """See ``Writer``."""
        if not self._resume or not self._pattern.path(time).is_file():
            return False
        try:
            load_picture(self._pattern.path(time))
        except MediaError:
            return False
        return True

    def close(self) -> None:
        """See ``Writer``: every frame is finished already."""

    def abandon(self) -> None:
        """See ``Writer``: finished frames stay."""


def _names(picture: Floats) -> list[str]:
    return ["Y"] if picture.shape[2] == 1 else list("RGBA"[: picture.shape[2]])
