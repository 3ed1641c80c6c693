"""Runs every measure over a clip, frame by frame, and keeps the figures alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from ...colour import luma_of, to_display
from ...errors import UserInputError
from ...faces import Track
from ...faces.face import Points
from ...frame import Floats
from ...geometry import Rectangle
from ...node import FaceSwapNode, RenderResult
from . import motion, pictures

__all__ = ["MARKS", "Measured", "measure_clip"]

MARKS: Mapping[str, tuple[str, float]] = {
    "outside": ("values changed where the matte is 0", 0),
    "highlights": ("error of highlights under a full matte", 0.01),
    "jitter": ("shaking of the five points, of the plate's own", 1.05),
    "lag": ("frames that the swap is late", 0.1),
    "flicker": ("flicker, of the plate's own", 1.1),
    "pumping": ("change of the face's colour against the plate's in a frame, CIELAB", 0.1),
    "seam": ("colour step along the matte's edge, CIELAB", 1.0),
    "grain": ("grain's amplitude, largest difference in three bands", 0.1),
    "proxy": ("shift of the matte's edge at half size, proxy pixels", 0.5),
}
"""Every measure by name: what it is, and the most that it may be; ``lag`` in either direction."""

_PROXY_EVERY = 8
_MARGIN = 16
"""Pixels around what the swap changed that are looked at, too."""


@dataclass(frozen=True)
class Measured:
    """One figure. value: None where the clip cannot tell, for instance without highlights."""

    name: str
    label: str
    value: float | None
    most: float

    @property
    def holds(self) -> bool | None:
        """Whether the mark is kept."""
        return None if self.value is None else abs(self.value) <= self.most


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame with a swapped face. plate, composite: (H, W, 3), display-referred sRGB, 0..1. points: (5, 2), the
    face's. tint: how the colours of the two differ; None where the matte is empty.
    """

    time: int
    plate: Floats
    composite: Floats
    points: Points
    tint: Floats | None


_Steps = dict[int, Points]
"""How far a picture moved at the five points of the face, to a frame from the one before."""


def measure_clip(node: FaceSwapNode, times: Iterable[int]) -> list[Measured]:
    """All of ``MARKS`` for the node's clip, over the frames ``times``, ascending. Of several faces the first counts.

    Raises UserInputError where no frame has a swapped face, and as ``node.render`` does.
    """
    figures: dict[str, list[float]] = defaultdict(list)
    moved: tuple[_Steps, _Steps] = {}, {}
    before: _Seen | None = None
    swapped = False
    for count, time in enumerate(times):
        result = node.render(time)
        figures["outside"].append(pictures.changed_outside(result.plate.pixels, result.composite, result.matte))
        if not result.swapped:
            before = None
            continue
        swapped = True
        before = _measured(figures, moved, result, time, before)
        if count % _PROXY_EVERY == 0:
            figures["proxy"].append(_proxy_shift(node, result, time))
    if not swapped:
        raise UserInputError("expected a swapped face in the range; found none. Choose other frames, or another face")
    whole = {"outside": sum(figures["outside"]), "grain": _worst_band(figures)}
    whole |= {name: _median(figures[name]) for name in ("highlights", "flicker", "pumping", "seam", "proxy")}
    whole |= {"jitter": motion.jitter(*moved), "lag": motion.lag(*moved)}
    return [Measured(name, label, whole[name], most) for name, (label, most) in MARKS.items()]


def _measured(
    figures: dict[str, list[float]],
    moved: tuple[_Steps, _Steps],
    result: RenderResult,
    time: int,
    before: _Seen | None,
) -> _Seen:
    """Adds what one frame, and the step to it, show."""
    plate, composite, box = result.plate, result.composite[..., :3], _wider(result.changed, result.plate.size).slices
    matte = result.matte[box]
    display = to_display(plate.rgb, plate.colour_space)
    held = _held(display), _held(to_display(composite, plate.colour_space))
    shown = held[0][box], held[1][box]
    now = _Seen(time, *held, result.swapped[0].landmarks, pictures.tint(*shown, matte))
    highlights = pictures.highlight_error(plate.rgb[box], composite[box], matte, luma_of(display[box]))
    _add(figures["highlights"], highlights)
    _add(figures["seam"], pictures.seam(*shown, matte))
    for number, ratio in enumerate(pictures.grain(*shown, matte) or ()):
        figures[f"grain {number}"].append(ratio)
    if before is not None and before.time == time - 1:
        plates, composites = (before.plate[box], shown[0]), (before.composite[box], shown[1])
        _add(figures["flicker"], pictures.flicker(plates, composites, matte))
        if before.tint is not None and now.tint is not None:
            figures["pumping"].append(float(np.linalg.norm(now.tint - before.tint)))
        whole = (before.plate, now.plate), (before.composite, now.composite)
        moved[0][time], moved[1][time] = motion.steps(*whole, before.points)
    return now


def _add(figures: list[float], figure: float | None) -> None:
    if figure is not None:
        figures.append(figure)


def _proxy_shift(node: FaceSwapNode, result: RenderResult, time: int) -> float:
    """Between the matte and that of the same faces, found once, on a plate of half the size."""
    width, height = result.plate.size
    half = (width // 2, height // 2)
    even = Rectangle(0, 0, 2 * half[0], 2 * half[1]).slices
    pixels = np.ascontiguousarray(result.plate.pixels[even])
    small = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
    proxy = result.plate.with_pixels(np.asarray(small, np.float32))
    settings = node.settings.replaced(smoothing=0, gap=0, fade=0, face_choice="all")
    track = Track((width, height), {time: result.swapped})
    drawn = FaceSwapNode(node.identity, pack=node.pack, settings=settings, track=track)
    return pictures.edge_shift(result.matte[even], drawn.render(time, plate=proxy).matte)


def _held(display: Floats) -> Floats:
    """Within 0..1; NaN is black."""
    return np.asarray(np.clip(np.nan_to_num(display), 0, 1), np.float32)


def _wider(box: Rectangle, size: tuple[int, int]) -> Rectangle:
    around = Rectangle(box.x1 - _MARGIN, box.y1 - _MARGIN, box.x2 + _MARGIN, box.y2 + _MARGIN)
    return around.intersection(Rectangle(0, 0, *size))


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def _worst_band(figures: Mapping[str, list[float]]) -> float | None:
    off = [
        abs(float(np.median(values)) - 1) for name, values in figures.items() if name.startswith("grain ") and values
    ]
    return max(off, default=None)
