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
    """Where a matte's values come from."""

    path: str
    first: int
    last: int
    extent: Extent

    def values(self, time: int) -> tuple[Floats, Window | None]:
        """(H, W), as stored, and the display window in them."""
        ...


class _AlphaOrRed:
    """The alpha of a clip's pictures, or their first channel where they have no alpha; as the OpenFX inputs do."""

    def __init__(self, clip: MediaClip) -> None:
        self.clip, self.path = clip, clip.path
        self.first, self.last, self.extent = clip.first, clip.last, Extent(clip.size, clip.format.display)

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
        self.first, self.last = min(self._files), max(self._files)
        pixels, window = self.values(self.first)
        self.extent = Extent((pixels.shape[1], pixels.shape[0]), window)

    def values(self, time: int) -> tuple[Floats, Window | None]:
        if time not in self._files:
            raise MediaError(
                f"expected frame {time} of the matte {self.path}; the sequence has a gap there. Supply the frame, or "
                "render the ranges before and after it"
            )
        pixels, window, display = self._read(self._files[time], self._channel)
        return pixels, display.within(window)


@dataclass(frozen=True)
class MatteClip:
    """A matte for every frame of a plate, its display window on the plate's.

    by_number: frames are matched by their numbers, as two sequences are; otherwise from the first frame of each. speed:
    frames of the matte for one of the plate. fit: a matte of another size is resampled, and its ends are held.
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
        moment = round((time - self.plate.first) * self.speed) + self._start
        values, display = self.pictures.values(min(max(moment, self.pictures.first), self.pictures.last))
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
    unless ``fit``, where its size, frame rate or length differ from the plate's. With overscan the display windows'
    sizes count.
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
    if not fit:
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


def _check(matte: MatteClip, text: str, times: range, *, same_size: bool) -> None:
    plate, there = matte.plate, matte.pictures
    differences: Mapping[str, tuple[str, str, bool]] = {
        "size": (str(Extent(plate.size, plate.format.display)), str(there.extent), same_size),
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


def _rate(clip: MediaClip, speed: float = 1.0) -> str:
    return f"{float(clip.frame_rate or 0) * speed:.3f} frames/s"
