"""The base classes of clips and outputs on disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..errors import MediaError
from ..frame import ColourSpace, Floats, Frame, Part
from .declared import ClipFormat, ColourTags, Orientation

__all__ = ["Layers", "MediaClip", "NoClip", "Writer"]


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
        """Frames per second, exact; the average of variable timing; None for a sequence that declares none."""
        return self.format.frame_rate

    @property
    def has_alpha(self) -> bool:
        """Whether frames have four channels."""
        return self.format.has_alpha

    @property
    def bit_depth(self) -> int:
        """Bits per channel in the file."""
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
    def orientation(self) -> Orientation:
        """How stored pictures are turned to be shown upright; outputs store and declare the same."""
        return self.format.orientation

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

    def key(self, time: int) -> str | None:
        """A content key of the frame at ``time`` that needs no decoding; None where there is none.

        Made from the file's identity, size and time of change, the stream and the frame's number: two frames with
        the same key hold the same data. How data become pixels is not part of it: add the program's version.
        """
        return None

    def bit_depth_of(self, time: int) -> int:
        """Bits per channel of frame ``time``, which has been read: a sequence may hold files of several kinds."""
        return self.bit_depth

    def decoded_from(self, time: int) -> int:
        """The frame that decoding begins with to get at ``time``: itself, unless pictures are coded as changes."""
        return time

    def owns(self, path: Path) -> bool:
        """Whether ``path``, absolute and resolved, is one of the clip's files or bears the name of one."""
        return bool(self.path) and Path(self.path).resolve() == path

    def metadata(self, time: int) -> Any:
        """What the picture file of frame ``time`` holds besides pixels, or None."""
        return None

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


class NoClip(MediaClip):
    """Defaults for an output that is not derived from a clip: Rec.709, 8 bits, no sound."""

    def __init__(self, frame_rate: Fraction | None = None) -> None:
        self.path = ""
        self.format = ClipFormat((0, 0), 0, 0, ColourSpace.REC709, frame_rate or Fraction(25))

    def frame(self, time: int) -> Frame:
        """Raises MediaError."""
        raise MediaError(f"expected a clip to read frame {time} from; found none. Open one")


@dataclass(frozen=True)
class Layers:
    """What a frame has besides its picture. pictures: by the names of ``OUTPUTS``, made when they are asked for.

    header: attributes for the file's header, by name. premultiplied: whether the colour of those that have the plate's
    alpha is multiplied by it.
    """

    pictures: Mapping[str, Floats]
    header: Mapping[str, str] = field(default_factory=dict)
    premultiplied: bool = True


class Writer(ABC):
    """An open output; a context manager. notes: what of the clip is not carried over, a sentence each. single: whether
    it is one picture.
    """

    path: str
    notes: tuple[str, ...] = ()
    single: bool = False
    _noted: frozenset[str] = frozenset()

    def begin(self, times: Sequence[int]) -> None:
        """Told which frames are wanted, before the first. Raises MediaError where they do not all have a place."""
        if self.single and len(times) > 1:
            raise MediaError(
                f"expected a place for the frame number in {self.path}, since several frames are written; found none. "
                f"Name it {Path(self.path).stem}.%04d{Path(self.path).suffix}"
            )

    @abstractmethod
    def write(self, time: int, pixels: Floats, layers: Layers | None = None) -> None:
        """Writes the frame at ``time``; times ascend.

        pixels: float32 (H, W, 3|4), or a matte (H, W). layers: stored beside the frame where the
        format holds several (EXR), ignored elsewhere. Raises MediaError where the file cannot be written.
        """

    def write_over(self, time: int, plate: Frame, parts: Sequence[Part], layers: Layers | None = None) -> None:
        """Writes ``plate`` with ``parts`` in place of what is inside their boxes. See ``write``.

        A video file that stores what the plate's does takes everything outside the boxes as it was decoded: they must
        not share a sample of chroma.
        """
        self.write(time, plate.over(parts), layers)

    def note_depth(self, like: MediaClip, time: int, bits: int, most: int) -> None:
        """Notes that frame ``time`` of ``like`` has more bits than the first, by which the output was chosen: it holds
        ``bits``. most: that an output could have.
        """
        depth = min(like.bit_depth_of(time), most)
        if depth > max(bits, like.bit_depth):
            self.note_once(
                "depth", f"frame {time} has {depth} bits, the first {like.bit_depth}: all are written with {bits}"
            )

    def note_once(self, what: str, note: str) -> None:
        """Notes what is said of the first frame alone that it holds for."""
        if what not in self._noted:
            self.notes += (note,)
            self._noted |= {what}

    def has(self, time: int) -> bool:
        """Whether a finished, readable frame is there already; only ever true for a sequence being resumed."""
        return False

    @abstractmethod
    def close(self) -> None:
        """Finishes the output and gives it its own name."""

    @abstractmethod
    def abandon(self) -> None:
        """Closes after an error or interruption; what was written plays, under a name that says ``partial``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()
