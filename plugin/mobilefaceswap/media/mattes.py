"""Mattes that a compositor brings along: a channel of pictures or of a video, matched frame by frame to a plate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from ..errors import MediaError
from ..frame import Floats
from .clip import MediaClip
from .open import open_clip
from .places import Pattern

__all__ = ["MatteClip", "matte_file", "open_matte"]

_CHANNEL = re.compile(r"(?i)(?P<file>.+\.exr):(?P<channel>[^/\\:]+)")

_SAME_RATE = 5e-4
"""Frame rates that differ by less, as a share, are the same: 23.976 and 24 are not."""

_ROUNDING = 1e-5


class _Pictures(Protocol):
    """Where a matte's values come from."""

    path: str
    first: int
    last: int
    size: tuple[int, int]

    def values(self, time: int) -> Floats:
        """(H, W), as stored."""
        ...


class _AlphaOrRed:
    """The alpha of a clip's pictures, or their first channel where they have no alpha; as the OpenFX inputs do."""

    def __init__(self, clip: MediaClip) -> None:
        self.clip, self.path = clip, clip.path
        self.first, self.last, self.size = clip.first, clip.last, clip.size

    def values(self, time: int) -> Floats:
        frame = self.clip.frame(time)
        return np.ascontiguousarray(frame.rgb[..., 0] if frame.alpha is None else frame.alpha)


class _ExrChannel:
    """One channel of EXR files, in the display window of the first."""

    def __init__(self, path: str, channel: str) -> None:
        from .pictures import exr

        self.path, self._channel, self._read = path, channel, exr.read_channel
        self._files = Pattern(path).files()
        if not all(file.is_file() for file in self._files.values()) or not self._files:
            raise MediaError(f"expected a matte at {path}; found none. Check the name and the number of digits")
        self.first, self.last = min(self._files), max(self._files)
        _, _, self._display = exr.read_channel(self._files[self.first], channel)
        self.size = self._display.width, self._display.height

    def values(self, time: int) -> Floats:
        if time not in self._files:
            raise MediaError(
                f"expected frame {time} of the matte {self.path}; the sequence has a gap there. Supply the frame, or "
                "render the ranges before and after it"
            )
        pixels, window, _ = self._read(self._files[time], self._channel)
        return window.moved(pixels, self._display)


@dataclass(frozen=True)
class MatteClip:
    """A matte for every frame of a plate.

    by_number: frames are matched by their numbers, as two sequences are; otherwise from the first frame of each. speed:
    frames of the matte for one of the plate. fit: a matte of another size is resampled, and its ends are held.
    """

    pictures: _Pictures
    plate: MediaClip
    by_number: bool
    speed: float = 1.0
    fit: bool = False

    def at(self, time: int) -> Floats:
        """(H, W) of the plate's size, as stored, at the plate's frame ``time``. Raises MediaError."""
        moment = round((time - self.plate.first) * self.speed) + self._start
        values = self.pictures.values(min(max(moment, self.pictures.first), self.pictures.last))
        if self.fit and values.shape[::-1] != self.plate.size:
            smaller = values.shape[0] > self.plate.size[1]
            way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
            values = np.asarray(cv2.resize(values, self.plate.size, interpolation=way), np.float32)
        # A video's black is 0 to within rounding alone; where a matte is 0 the plate must keep its bits.
        return np.where(np.abs(values) < _ROUNDING, np.float32(0), values)

    @cached_property
    def still(self) -> bool:
        """Whether one picture serves for every frame."""
        return self.pictures.first == self.pictures.last

    @property
    def _start(self) -> int:
        return self.plate.first if self.by_number else self.pictures.first


def matte_file(text: str) -> str:
    """The file or sequence in ``text``, which may name a channel behind it."""
    found = _CHANNEL.fullmatch(text)
    return found["file"] if found else text


def open_matte(text: str, plate: MediaClip, times: range, *, fit: bool = False) -> MatteClip:
    """Opens a matte for the frames ``times`` of ``plate``.

    text: a picture, a sequence or a video, whose alpha counts, or its first channel where it has none; or
    ``FILE.exr:CHANNEL``. A single picture serves for every frame. Raises MediaError where it cannot be read, and,
    unless ``fit``, where its size, frame rate or length differ from the plate's.
    """
    found = _CHANNEL.fullmatch(text)
    if found and not Path(text).is_file():
        pictures: _Pictures = _ExrChannel(found["file"], found["channel"])
        matte = MatteClip(pictures, plate, _numbered(plate), fit=fit)
    else:
        clip = open_clip(text)
        rates = clip.frame_rate, plate.frame_rate
        speed = float(rates[0] / rates[1]) if rates[0] and rates[1] else 1.0
        speed = 1.0 if abs(speed - 1) < _SAME_RATE else speed
        matte = MatteClip(_AlphaOrRed(clip), plate, _numbered(clip) and _numbered(plate), speed, fit)
    if not fit:
        _check(matte, text, times)
    return matte


def _numbered(clip: MediaClip) -> bool:
    """Whether frames have numbers of their own, as those of a sequence do."""
    return clip.format.timing is None


def _check(matte: MatteClip, text: str, times: range) -> None:
    plate, there = matte.plate, matte.pictures
    differences: Mapping[str, tuple[str, str, bool]] = {
        "size": (_size(plate.size), _size(there.size), plate.size == there.size),
        "frame rate": (_rate(plate), _rate(plate, matte.speed), matte.still or matte.speed == 1),
        "length": (
            f"frames {times[0]} to {times[-1]} of {plate.first}-{plate.last}"
            if matte.by_number
            else f"{plate.last - plate.first + 1} frames",
            f"frames {there.first} to {there.last}" if matte.by_number else f"{there.last - there.first + 1} frames",
            matte.still or _covers(matte, times),
        ),
    }
    for name, (wanted, found, same) in differences.items():
        if not same:
            raise MediaError(
                f"expected a matte of the plate's {name}, {wanted}; found {found} in {text}. Reformat or retime the "
                "matte, or let it be fitted with --matte-fit"
            )


def _covers(matte: MatteClip, times: range) -> bool:
    there, plate = matte.pictures, matte.plate
    if matte.by_number:
        return there.first <= times[0] and times[-1] <= there.last
    return there.last - there.first == plate.last - plate.first


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _rate(clip: MediaClip, speed: float = 1.0) -> str:
    return f"{float(clip.frame_rate or 0) * speed:.3f} frames/s"
