"""What every clip declares and every output offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Self

from ..errors import MediaError
from ..frame import ColourSpace, Floats, Frame

__all__ = ["ClipFormat", "ColourTags", "MediaClip", "Unmade", "Writer"]


@dataclass(frozen=True)
class ColourTags:
    """Numbers of ITU-T H.273 as the file carries them; 2 stands for untagged. full_range: None where not tagged."""

    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    full_range: bool | None = None


@dataclass(frozen=True)
class ClipFormat:
    """What a clip declares.

    size: (width, height) of the frames as delivered. bit_depth: per channel; 16 and 32 with ``floating``. rotation:
    degrees counter-clockwise that were applied to the stored picture to show it upright. duration: seconds, None for
    a sequence without a frame rate.
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
    field_order: str = "progressive"
    timecode: str | None = None
    rotation: int = 0
    duration: Fraction | None = None
    pixel_aspect: Fraction = Fraction(1)
    missing: tuple[int, ...] = ()


class MediaClip(ABC):
    """A clip on disk; implements ``Clip``. A context manager; safe to read from several threads.

    format: what it declares. path: as the user named it. notes: what of it is not honoured, a sentence each.
    """

    path: str
    format: ClipFormat
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> int:
        """First frame number."""
        return self.format.first

    @property
    def last(self) -> int:
        """Last frame number, inclusive."""
        return self.format.last

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.format.size

    @property
    def frame_rate(self) -> Fraction | None:
        """Frames per second, exact; of variable timing the average; None for a sequence that declares none."""
        return self.format.frame_rate

    @property
    def has_alpha(self) -> bool:
        """Whether frames have four channels."""
        return self.format.has_alpha

    @property
    def bit_depth(self) -> int:
        """Bits of a channel in the file."""
        return self.format.bit_depth

    @property
    def colour_space(self) -> ColourSpace:
        """What the frames are declared to be."""
        return self.format.colour_space

    @property
    def colour_tags(self) -> ColourTags:
        """The file's colour tags."""
        return self.format.tags

    @property
    def field_order(self) -> str:
        """``progressive``, or the interlacing."""
        return self.format.field_order

    @property
    def timecode(self) -> str | None:
        """Start timecode, or None."""
        return self.format.timecode

    @property
    def rotation(self) -> int:
        """Degrees counter-clockwise applied to the stored picture; outputs store and declare the same."""
        return self.format.rotation

    @property
    def duration(self) -> Fraction | None:
        """Seconds, or None."""
        return self.format.duration

    @property
    def missing(self) -> tuple[int, ...]:
        """Frame numbers between first and last that have no file."""
        return self.format.missing

    @abstractmethod
    def frame(self, time: int) -> Frame:
        """The frame at ``time``. Raises MediaError outside the clip and where it cannot be decoded."""

    def close(self) -> None:
        """Releases the file, where one is held open."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def check_time(self, time: int) -> None:
        """Raises MediaError outside the clip."""
        if not self.first <= time <= self.last:
            raise MediaError(
                f"expected a frame from {self.first} to {self.last} of {self.path}; found {time}. "
                "Choose a range within the clip"
            )


class Unmade(MediaClip):
    """Stands in for the clip of an output that is made from nothing: Rec.709, 8 bits, without sound."""

    def __init__(self, frame_rate: Fraction | None = None) -> None:
        self.path = ""
        self.format = ClipFormat((0, 0), 0, 0, ColourSpace.REC709, frame_rate or Fraction(25))

    def frame(self, time: int) -> Frame:
        """There is none."""
        raise MediaError(f"expected a clip to read frame {time} from; found none. Open one")


class Writer(ABC):
    """An open output; a context manager. notes: what could not be kept, a sentence each."""

    path: str
    notes: tuple[str, ...] = ()

    @abstractmethod
    def write(self, time: int, pixels: Floats, layers: Mapping[str, Floats] | None = None) -> None:
        """Writes the frame at ``time``; times ascend.

        pixels: float32 (H, W, 3|4), or (H, W) of a matte. layers: further pictures by name, stored beside the frame
        where the format holds several (EXR) and not looked at elsewhere. Raises MediaError where the file cannot be
        written.
        """

    def has(self, time: int) -> bool:
        """Whether a finished, readable frame stands there already; only ever true for a sequence being resumed."""
        return False

    @abstractmethod
    def close(self) -> None:
        """Finishes the output and gives it its own name."""

    @abstractmethod
    def abandon(self) -> None:
        """Closes after an error or interruption: what was written plays, and stays named partial."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()
