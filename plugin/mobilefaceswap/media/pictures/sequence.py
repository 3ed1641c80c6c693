"""Image sequences: ``shot.%04d.exr`` or ``shot.####.exr``, with their own frame numbers; one picture is frame 0."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from pathlib import Path
from typing import Any

from ...errors import MediaError
from ...frame import Frame, Window
from ..clip import MediaClip
from ..declared import ClipFormat, Content
from ..places import Pattern, file_key
from .formats import format_of, load_still
from .smpte import TIMECODE, timecode_of
from .still import Metadata, Still, decoder_failures

__all__ = ["SequenceClip", "read_picture"]

_MOST_LISTED = 1_000_000
_MOST_REMEMBERED = 64
_MOST_SHOWN = 6
_WORDS = re.compile(r"(?i)(artist|copyright|imagedescription|datetime$|make$|model$|keywords|gps:|iptc:|exif:date)")
"""Attributes that people miss: who made the picture of what, when and where."""


def read_picture(path: str | Path) -> Frame:
    """A still as a frame: grey becomes RGB, a palette is resolved, 16 bits are kept, EXIF rotation is applied.

    Scene-linear formats are declared linear Rec.709, all others sRGB; colour under an ICC profile is converted to
    sRGB. Raises MediaError where it cannot be read.
    """
    still = load_still(Path(path))
    return _frame(still, still.metadata.display)


class SequenceClip(MediaClip):
    """An image sequence, or a single picture as frame 0.

    Every frame is the display window, grown by what any frame's data window holds beyond it (overscan). frame_rate: by
    default the one that the first file declares.
    """

    def __init__(self, path: str, *, as_data: bool = False, frame_rate: Fraction | None = None) -> None:
        self.path, self._as_data = path, as_data
        self.pattern = Pattern(path)
        self._files = self.pattern.files()
        if not self._files:
            raise MediaError(
                f"expected frames such as {self.pattern.path(1)}; found none. Check the name and the number of digits"
            )
        first, last = min(self._files), max(self._files)
        still = self._loaded(first)
        self._display = still.metadata.display
        self._depths: dict[int, int] = {}
        self._metadata: OrderedDict[int, Metadata] = OrderedDict()
        self.canvas = reduce(Window.union, self._windows(still), still.metadata.display)
        declared = _frame_rate(still.metadata)
        rate = frame_rate or declared
        self.format = ClipFormat(
            size=self.canvas.size,
            first=first,
            last=last,
            colour_space=still.colour_space,
            frame_rate=rate,
            has_alpha=still.pixels.shape[2] == 4,
            premultiplied=still.premultiplied,
            bit_depth=still.bit_depth,
            floating=still.floating,
            timecode=timecode_of(still.metadata.get(TIMECODE)),
            duration=(last - first + 1) / rate if rate else None,
            pixel_aspect=Fraction(still.pixel_aspect).limit_denominator(10000),
            missing=self._gaps(first, last),
            contents=tuple(_contents(still.metadata, self.canvas)),
            display=still.metadata.display.within(self.canvas),
        )
        self.notes = still.notes + _gap_notes(self.format.missing) + _rate_notes(declared, rate)

    def _windows(self, still: Still) -> Iterator[Window]:
        """Data windows of all frames, from their headers alone; a damaged one is reported when it is rendered."""
        found = format_of(still.metadata.path)
        yield still.metadata.window
        read_windows = found.windows if found else None
        for file in list(self._files.values())[1:] if read_windows else ():
            try:
                assert read_windows is not None
                yield read_windows(file)[0]
            except decoder_failures():
                # MediaError is one of them.
                continue

    def _gaps(self, first: int, last: int) -> tuple[int, ...]:
        if last - first >= _MOST_LISTED:
            return ()
        return tuple(number for number in range(first, last + 1) if number not in self._files)

    def frame(self, time: int) -> Frame:
        """See ``MediaClip``."""
        file = self._file(time)
        still = self._loaded(time)
        self._check_size(still, file)
        self._remember(time, still.metadata)
        if still.bit_depth != self.bit_depth:
            self._depths[time] = still.bit_depth
        return replace(_frame(still, self.canvas), display=self.format.display)

    def _loaded(self, time: int) -> Still:
        return load_still(self._files[time], as_data=self._as_data)

    def _check_size(self, still: Still, file: Path) -> None:
        """Only data windows may differ from frame to frame."""
        if still.metadata.display != self._display:
            raise MediaError(
                f"expected {_words(self._display)}, as in {self._files[self.first].name}; found "
                f"{_words(still.metadata.display)} in {file}. Render it at the size of the others, or leave it out of "
                "the range"
            )

    def bit_depth_of(self, time: int) -> int:
        """See ``MediaClip``."""
        return self._depths.get(time, self.bit_depth)

    def key(self, time: int) -> str | None:
        """See ``MediaClip``."""
        found = file_key(self._file(time))
        return f"picture {found} {self.canvas}" if found else None

    def owns(self, path: Path) -> bool:
        """See ``MediaClip``."""
        return self.pattern.names(path)

    def metadata(self, time: int) -> Metadata | None:
        """See ``MediaClip``."""
        if time not in self._metadata:
            held = max((number for number in self._files if number <= time), default=self.first)
            try:
                metadata = self._loaded(held).metadata
            except MediaError:
                return None
            self._remember(time, metadata if held == time else metadata.without(TIMECODE))
        return self._metadata[time]

    def _remember(self, time: int, metadata: Metadata) -> None:
        """Keeps it for the writer, which asks soon after the frame was read."""
        self._metadata[time] = replace(metadata, canvas=self.canvas)
        while len(self._metadata) > _MOST_REMEMBERED:
            self._metadata.popitem(last=False)

    def _file(self, time: int) -> Path:
        self.check_time(time)
        if time not in self._files:
            raise MediaError(
                f"expected frame {time} of {self.path}; the sequence has a gap: {self.pattern.path(time).name} is "
                "missing. Supply the frame, or set Missing Frames to hold"
            )
        return self._files[time]


def _frame(still: Still, canvas: Window) -> Frame:
    pixels = still.metadata.window.moved(still.pixels, canvas)
    return Frame(pixels, still.colour_space, still.premultiplied, still.pixel_aspect)


def _words(display: Window) -> str:
    place = f" from ({display.x}, {display.y}) on" if display.x or display.y else ""
    return f"{display.width} x {display.height} pixels{place}"


def _contents(metadata: Metadata, canvas: Window) -> Iterator[Content]:
    if metadata.channels:
        yield Content("layers", ", ".join(metadata.channels))
    if metadata.parts > 1:
        yield Content("layers", f"{metadata.parts - 1} further parts")
    if canvas != metadata.display:
        yield Content(
            "overscan", f"{canvas.width} x {canvas.height} around {metadata.display.width} x {metadata.display.height}"
        )
    if words := [name for name, _, _ in metadata.attributes if _WORDS.match(name)]:
        shown = ", ".join(words[:_MOST_SHOWN]) + (" …" if len(words) > _MOST_SHOWN else "")
        yield Content("metadata", shown)
    if metadata.profile is not None:
        yield Content("ICC profile", metadata.profile.name)


def _gap_notes(missing: tuple[int, ...]) -> tuple[str, ...]:
    if not missing:
        return ()
    shown = ", ".join(map(str, missing[:10])) + (" …" if len(missing) > 10 else "")
    return (f"the sequence has gaps: {len(missing)} frame{'s are' if len(missing) > 1 else ' is'} missing ({shown})",)


def _rate_notes(declared: Fraction | None, rate: Fraction | None) -> tuple[str, ...]:
    if declared is None or rate is None or round(declared, 2) == round(rate, 2):
        return ()
    return (f"its files declare {float(declared):.5g} frames/s: taken as {float(rate):.5g}",)


def _frame_rate(metadata: Metadata) -> Fraction | None:
    declared: Any = metadata.get("FramesPerSecond")
    if isinstance(declared, (tuple, list)) and len(declared) == 2 and declared[1]:
        return Fraction(int(declared[0]), int(declared[1]))
    return Fraction(float(declared)).limit_denominator(1001) if isinstance(declared, float) and declared > 0 else None
