"""Mattes that a compositor brings along: a channel of pictures or of a video, matched frame by frame to a plate."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from ..errors import MediaError
from ..frame import Extent, Fit, Floats, Window, fit
from .clip import MediaClip
from .open import open_clip
from .places import Pattern

__all__ = ["MatteClip", "matte_file", "open_matte"]

_CHANNEL = re.compile(r"(?i)(?P<file>.+\.exr):(?P<channel>[^/\\:]+)")

_SAME_RATE = 5e-4
"""Frame rates that differ by less, as a share, are the same: 23.976 and 24 are not."""

_ROUNDING = 1e-5


class _Pictures(Protocol):
    """Where a matte's values come from. times: the frames that are there, ascending."""

    path: str
    extent: Extent

    @property
    def times(self) -> Sequence[int]: ...

    def values(self, time: int) -> tuple[Floats, Window | None]:
        """(H, W), as stored, and the display window in them."""
        ...


class _AlphaOrRed:
    """The alpha of a clip's pictures, or their first channel where they have no alpha; as the OpenFX inputs do."""

    def __init__(self, clip: MediaClip) -> None:
        self.clip, self.path = clip, clip.path
        times, missing = range(clip.first, clip.last + 1), set(clip.missing)
        self.times = [time for time in times if time not in missing] if missing else times
        self.extent = Extent(clip.size, clip.format.display)

    def values(self, time: int) -> tuple[Floats, Window | None]:
        frame = self.clip.frame(time)
        return np.ascontiguousarray(frame.rgb[..., 0] if frame.alpha is None else frame.alpha), frame.display


class _ExrChannel:
    """One channel of EXR files, each in a data window of its own."""

    def __init__(self, path: str, channel: str) -> None:
        from .pictures import exr

        self.path, self._channel, self._read = path, channel, exr.read_channel
        self._files = Pattern(path).files()
        if not all(file.is_file() for file in self._files.values()) or not self._files:
            raise MediaError(f"expected a matte at {path}; found none. Check the name and the number of digits")
        self.times = [*self._files]
        pixels, window = self.values(self.times[0])
        self.extent = Extent((pixels.shape[1], pixels.shape[0]), window)

    def values(self, time: int) -> tuple[Floats, Window | None]:
        pixels, window, display = self._read(self._files[time], self._channel)
        return pixels, display.within(window)


@dataclass(frozen=True)
class MatteClip:
    """A matte for every frame of a plate, its display window on the plate's.

    by_number: frames are matched by their numbers, as two sequences are; otherwise from the first frame of each. speed:
    frames of the matte for one of the plate. fit: a matte of another size is resampled, its ends are held, and so is
    the frame before one that is missing.
    """

    pictures: _Pictures
    plate: MediaClip
    by_number: bool
    speed: float = 1.0
    fit: bool = False

    def at(self, time: int) -> Floats:
        """(H, W) of the plate's size, as stored, at the plate's frame ``time``; 0 where the matte ends.

        Raises MediaError.
        """
        values, display = self.pictures.values(self.held(time))
        onto = self.onto(Extent((values.shape[1], values.shape[0]), display))
        values = _placed(values, onto, self.plate.size)
        # A video's black is 0 to within rounding alone; where a matte is 0 the plate must keep its bits.
        return np.where(np.abs(values) < _ROUNDING, np.float32(0), values)

    def onto(self, picture: Extent) -> Fit:
        """How one of its pictures lies on the plate. Raises MediaError where the two cannot show the same."""
        plate = Extent(self.plate.size, self.plate.format.display)
        found = fit(picture, plate)
        if found is None:
            raise MediaError(
                f"expected a matte of the plate's shape, {plate}; found {picture} in {self.pictures.path}. Render the "
                "matte over all pixels of the plate or over its display window"
            )
        return found

    def moment(self, time: int) -> int:
        """The frame of the matte that belongs to the plate's at ``time``, there or not."""
        start = self.plate.first if self.by_number else self.pictures.times[0]
        return round((time - self.plate.first) * self.speed) + start

    def held(self, time: int) -> int:
        """As ``moment``, or the last frame before it that is there; the first where there is none."""
        times = self.pictures.times
        return times[max(bisect_right(times, self.moment(time)) - 1, 0)]

    @cached_property
    def still(self) -> bool:
        """Whether one picture serves for every frame; one with a number is a sequence that may be unfinished."""
        return len(self.pictures.times) == 1 and not Pattern(self.pictures.path).numbered


def matte_file(text: str) -> str:
    """The file or sequence in ``text``, which may name a channel behind it."""
    found = _CHANNEL.fullmatch(text)
    return found["file"] if found else text


def open_matte(text: str, plate: MediaClip, times: Sequence[int], *, fit: bool = False) -> MatteClip:
    """Opens a matte for the frames ``times`` of ``plate``.

    text: a picture, a sequence or a video, whose alpha counts, or its first channel where it has none; or
    ``FILE.exr:CHANNEL``. A picture whose name has no place for a number serves for every frame. Raises MediaError where
    it cannot be read, and, unless ``fit``, where its size, frame rate or length differ from the plate's, or it lacks
    one of these frames. With overscan the display windows' sizes count.
    """
    found = _CHANNEL.fullmatch(text)
    if found and not Path(text).is_file():
        pictures: _Pictures = _ExrChannel(found["file"], found["channel"])
        matte = MatteClip(pictures, plate, _numbered(plate), fit=fit)
    else:
        clip = open_clip(text, as_data=True)
        rates = clip.frame_rate, plate.frame_rate
        speed = float(rates[0] / rates[1]) if rates[0] and rates[1] else 1.0
        speed = 1.0 if abs(speed - 1) < _SAME_RATE else speed
        matte = MatteClip(_AlphaOrRed(clip), plate, _numbered(clip) and _numbered(plate), speed, fit)
    onto = matte.onto(matte.pictures.extent)
    if not fit and times:
        _check(matte, text, times, same_size=onto.x == 1 == onto.y)
    return matte


def _placed(values: Floats, onto: Fit, size: tuple[int, int]) -> Floats:
    """(H, W) of ``size``: resampled, by area where it shrinks, and 0 where ``values`` end."""
    height, width = values.shape
    if onto.x == 1 == onto.y:
        return Window(round(onto.right), round(onto.down), width, height).moved(values, Window(0, 0, *size))
    target = max(1, round(width * onto.x)), max(1, round(height * onto.y))
    way = cv2.INTER_AREA if onto.y < 1 else cv2.INTER_LINEAR
    if target == size and onto.right == 0 == onto.down:
        return np.asarray(cv2.resize(values, size, interpolation=way), np.float32)
    if onto.y < 1:
        values = cv2.resize(values, target, interpolation=way)
    x, y = onto.x * width / values.shape[1], onto.y * height / values.shape[0]
    matrix = np.array([[x, 0, (x - 1) / 2 + onto.right], [0, y, (y - 1) / 2 + onto.down]])
    return np.asarray(cv2.warpAffine(values, matrix, size, flags=cv2.INTER_LINEAR), np.float32)


def _numbered(clip: MediaClip) -> bool:
    """Whether frames have numbers of their own, as those of a sequence do."""
    return clip.format.timing is None


def _check(matte: MatteClip, text: str, times: Sequence[int], *, same_size: bool) -> None:
    plate, there = matte.plate, matte.pictures
    first, last = there.times[0], there.times[-1]
    differences: Mapping[str, tuple[str, str, bool]] = {
        "size": (str(Extent(plate.size, plate.format.display)), str(there.extent), same_size),
        "frame rate": (_rate(plate), _rate(plate, matte.speed), matte.still or matte.speed == 1),
        "length": (
            f"frames {times[0]} to {times[-1]} of {plate.first}-{plate.last}"
            if matte.by_number
            else f"{plate.last - plate.first + 1} frames",
            f"frames {first} to {last}" if matte.by_number else f"{last - first + 1} frames",
            matte.still or _covers(matte, times),
        ),
    }
    for name, (wanted, found, same) in differences.items():
        if not same:
            raise MediaError(
                f"expected a matte of the plate's {name}, {wanted}; found {found} in {text}. Reformat or retime the "
                "matte, or let it be fitted with --matte-fit"
            )
    missing = [] if matte.still else [time for time in times if matte.held(time) != matte.moment(time)]
    if missing:
        raise MediaError(
            f"expected frame {matte.moment(missing[0])} of the matte {there.path}; the sequence has a gap there. "
            "Supply the frame, or let the one before be held with --matte-fit"
        )


def _covers(matte: MatteClip, times: Sequence[int]) -> bool:
    there, plate = matte.pictures.times, matte.plate
    if matte.by_number:
        return there[0] <= times[0] and times[-1] <= there[-1]
    return there[-1] - there[0] == plate.last - plate.first


def _rate(clip: MediaClip, speed: float = 1.0) -> str:
    return f"{float(clip.frame_rate or 0) * speed:.3f} frames/s"
