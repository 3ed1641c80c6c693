"""What a clip declares, as plain records: its size and range, how its colour is coded, when its frames show."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..frame import ColourSpace, Floats, Window

__all__ = [
    "BT709",
    "ClipFormat",
    "Coding",
    "ColourTags",
    "Content",
    "HDRMetadata",
    "Orientation",
    "PlaneLayout",
    "Timing",
    "left_out",
]


@dataclass(frozen=True)
class ColourTags:
    """Code points of ITU-T H.273 as the file carries them; 2 means untagged. full_range: None where not tagged."""

    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    full_range: bool | None = None


BT709 = ColourTags(1, 1, 1, False)


@dataclass(frozen=True)
class PlaneLayout:
    """The planes of a video picture. kind: yuv, gbr or grey. step: luma samples per chroma sample, (x, y)."""

    name: str
    kind: str
    bits: int
    alpha: bool = False
    step: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Coding:
    """How a video file made from the clip stores colour.

    matrix, full_range: the conversion between RGB and the planes; where the file has no tags, what is assumed.
    colour_space: what the RGB values are. tags: what is written into the file.
    """

    matrix: int = 1
    full_range: bool = False
    colour_space: ColourSpace = ColourSpace.REC709
    tags: ColourTags = BT709


@dataclass(frozen=True)
class HDRMetadata:
    """Static HDR metadata (SMPTE ST 2086, CTA-861.3).

    mastering: red, green, blue and white point (x, y), then least and greatest luminance in cd/m²; None where the
    file does not declare them. light: MaxCLL and MaxFALL in cd/m², likewise.
    """

    mastering: tuple[Fraction, ...] | None = None
    light: tuple[int, int] | None = None


@dataclass(frozen=True)
class Timing:
    """When frames show. stamps: presentation times, ascending, in ``base`` seconds. durations: likewise.

    keys: (presentation time, time to seek to) of the key frames, ascending. shifts: where the file's own timestamps
    start again, as in joined transport streams: what is added to them from there on, once for each restart.
    """

    base: Fraction
    stamps: tuple[int, ...]
    durations: tuple[int, ...]
    keys: tuple[tuple[int, int], ...] = ()
    shifts: tuple[int, ...] = ()

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame to the end of the last."""
        return (self.stamps[-1] + self.durations[-1] - self.stamps[0]) * self.base

    def constant(self, rate: Fraction) -> bool:
        """Whether every frame stands where ``rate`` puts it, to the rounding of the file's clock."""
        origin, tick = self.stamps[0], self.base * rate
        return all(abs((stamp - origin) * tick - number) <= tick for number, stamp in enumerate(self.stamps))


@dataclass(frozen=True)
class Orientation:
    """How the stored picture is turned to be shown: transposed first, then mirrored.

    mirrored: left and right exchanged. flipped: top and bottom exchanged.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def upright(self, pixels: Floats) -> Floats:
        """The stored (H, W, …) picture as it is shown."""
        pixels = pixels.swapaxes(0, 1) if self.transposed else pixels
        return np.ascontiguousarray(self._mirrored(pixels))

    def stored(self, pixels: Floats) -> Floats:
        """The picture that ``upright`` shows as ``pixels``."""
        pixels = self._mirrored(pixels)
        return np.ascontiguousarray(pixels.swapaxes(0, 1) if self.transposed else pixels)

    def _mirrored(self, pixels: Floats) -> Floats:
        return pixels[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1]

    @classmethod
    def from_exif(cls, value: int) -> Orientation:
        """From EXIF's Orientation, 1 to 8 (EXIF 2.32, table 4); anything else is upright."""
        return cls(value in (5, 6, 7, 8), value in (2, 3, 6, 7), value in (3, 4, 7, 8))

    @classmethod
    def from_matrix(cls, matrix: tuple[int, ...]) -> Orientation | None:
        """From a display matrix of a video (ISO/IEC 14496-12, 8.2.2); None where it turns by other than 90 degrees."""
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        if a and d and not b and not c:
            return cls(False, a < 0, d < 0)
        if b and c and not a and not d:
            return cls(True, c < 0, b < 0)
        return None

    @property
    def matrix(self) -> tuple[int, ...]:
        """As a display matrix, in 16.16 and 2.30 fixed point."""
        x, y = (-1 if self.mirrored else 1) << 16, (-1 if self.flipped else 1) << 16
        return (0, y, 0, x, 0, 0, 0, 0, 1 << 30) if self.transposed else (x, 0, 0, 0, y, 0, 0, 0, 1 << 30)


@dataclass(frozen=True)
class Content:
    """Something besides pictures that a file holds, such as a sound track. kind: ``sound``, ``subtitles`` …"""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} ({self.name})" if self.name else self.kind


@dataclass(frozen=True)
class ClipFormat:
    """What a clip declares.

    size: (width, height) of the frames as delivered, upright. bit_depth: per channel; 16 and 32 with ``floating``.
    tags: as the file has them. coding: how a video made from the clip stores colour. planes: of the video's pictures,
    timing: when they show; None for picture files. duration: seconds, None without a frame rate. missing: frame
    numbers between first and last that have no file. contents: what else the file holds. metadata: a video
    file's words by key, such as its title and date. display: the display window in the frames' pixels, where they reach
    beyond it (overscan).
    """

    size: tuple[int, int]
    first: int
    last: int
    colour_space: ColourSpace
    frame_rate: Fraction | None = None
    has_alpha: bool = False
    premultiplied: bool = False
    bit_depth: int = 8
    floating: bool = False
    tags: ColourTags = ColourTags()
    coding: Coding = Coding()
    planes: PlaneLayout | None = None
    timing: Timing | None = None
    field_order: str = "progressive"
    timecode: str | None = None
    orientation: Orientation = Orientation()
    duration: Fraction | None = None
    pixel_aspect: Fraction = Fraction(1)
    missing: tuple[int, ...] = ()
    hdr: HDRMetadata = HDRMetadata()
    contents: tuple[Content, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    display: Window | None = None

    @property
    def besides(self) -> tuple[Content, ...]:
        """``contents`` and the timecode: what a file of pictures may not be able to hold."""
        return (*self.contents, Content("timecode", self.timecode)) if self.timecode else self.contents


def left_out(contents: Iterable[Content], kept: Collection[str], holder: str) -> tuple[str, ...]:
    """A sentence for each of the clip's ``contents`` of a kind that is not ``kept`` by ``holder``, the output."""
    return tuple(f"{content}: left out, {holder} cannot hold it" for content in contents if content.kind not in kept)
