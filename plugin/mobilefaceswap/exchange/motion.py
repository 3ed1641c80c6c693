"""What is exchanged: five points and the corners of the crop, frame by frame, and where other programs put pixels.

Here a pixel's centre is on its integer coordinate, counted from the top left. Nuke and PFTrack count from the bottom
left, After Effects from the top left, both in pixels whose corners are integers; Fusion counts from the bottom left in
shares of the picture's width and height. All of them count from the display window, whose size is the format's, and
ours from the corner of the plate's pixels, which reach beyond it where there is overscan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from ..errors import TrackError
from ..faces import Track, followed
from ..frame import Extent, Window
from ..geometry import crop_quad, fit_crop
from ..packs import Crop
from ..settings import Settings

__all__ = [
    "CORNERS",
    "NAMES",
    "Motion",
    "Points",
    "frame_number",
    "from_fusion",
    "from_nuke",
    "fusion",
    "motion_of",
    "nuke",
    "points_of",
    "shown",
]

Points = npt.NDArray[np.float64]

NAMES = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
"""Of the five points, as the viewer sees them."""
CORNERS = ("top_left", "top_right", "bottom_right", "bottom_left")


@dataclass(frozen=True)
class Motion:
    """Points by name, each by frame (x, y), in pixels of a plate of ``size`` (width, height), ours.

    rate: frames per second. crop: side of the crop whose corners are among the points, in pixels; 0 for none.
    pixel_aspect: width of a pixel of the plate over its height. display: the display window in the plate's pixels; None
    for the whole plate. left_out: frames of the file that was read in which a point has no numbers.
    """

    size: tuple[int, int]
    points: Mapping[str, Mapping[int, Sequence[float]]] = field(default_factory=dict)
    rate: float = 24.0
    crop: int = 0
    pixel_aspect: float = 1.0
    display: Window | None = None
    left_out: int = 0

    def shifted(self, frames: int) -> Motion:
        """The same ``frames`` frames later."""
        moved = {name: {time + frames: at for time, at in keys.items()} for name, keys in self.points.items()}
        return replace(self, points=moved)

    def outside(self) -> Motion:
        """As other programs see it: in pixels of the display window."""
        window = shown(self.size, self.display)
        return replace(self, size=window.size, points=self._by(1, 1, -window.x, -window.y), display=None)

    def inside(self, size: tuple[int, int], display: Window | None) -> Motion:
        """The inverse of ``outside``, for a plate of ``size`` with its ``display`` window."""
        window = shown(size, display)
        return replace(self, size=size, points=self._by(1, 1, window.x, window.y), display=display)

    def onto(self, track: Track) -> Motion:
        """From a proxy's pixels to those of the plate that was analysed.

        Raises TrackError where the two cannot show the same.
        """
        back = track.fit(self.size, self.display).inverse()
        points = self._by(back.x, back.y, (back.x - 1) / 2 + back.right, (back.y - 1) / 2 + back.down)
        return replace(self, size=track.size, points=points, display=track.display)

    def _by(self, across: float, down: float, right: float, below: float) -> dict[str, dict[int, list[float]]]:
        return {
            name: {time: [x * across + right, y * down + below] for time, (x, y) in keys.items()}
            for name, keys in self.points.items()
        }


def shown(size: tuple[int, int], display: Window | None) -> Window:
    """The display window of a plate of ``size``, in its pixels."""
    return Extent(size, display).shown


def motion_of(
    track: Track,
    person: int,
    crop: Crop,
    settings: Settings,
    rate: float = 24.0,
    pixel_aspect: float = 1.0,
    size: tuple[int, int] | None = None,
    display: Window | None = None,
) -> Motion:
    """A person's face as it is swapped: steadied, filled and corrected. Raises TrackError where it is never seen.

    size, display: (width, height) and display window of the plate that it is wanted for, such as a proxy; by default
    those of the one that was analysed.
    """
    size, display = (size, display) if size else (track.size, track.display)
    points: dict[str, dict[int, list[float]]] = {name: {} for name in (*NAMES, *CORNERS)}
    timeline = track.timeline(size, display)
    for time in track.frames:
        found = followed(timeline, time, smoothing=settings.smoothing, gap=settings.gap, fade=settings.fade)
        for face in [face for face in found if face.person == person][:1]:
            corners = crop_quad(fit_crop(face.landmarks, crop, pixel_aspect), crop.size)
            for name, at in zip((*NAMES, *CORNERS), (*face.landmarks, *corners), strict=True):
                points[name][time] = at.tolist()
    if not points[NAMES[0]]:
        known = sorted({face.person for faces in track.frames.values() for face in faces})
        raise TrackError(
            f"expected a face of person {person} in the track; it has {known or 'none'}. Choose one of them"
        )
    return Motion(size, points, rate, crop.size, pixel_aspect, display)


def points_of(motion: Motion, crop: Crop) -> dict[int, Points]:
    """The five points (5, 2) by frame: as they are named, or where the crop's corners put the template's.

    Raises TrackError where the motion has neither five points nor four corners.
    """
    for names, make in ((NAMES, np.asarray), (CORNERS, lambda corners: _in_quad(corners, crop))):
        if all(motion.points.get(name) for name in names):
            times = set.intersection(*(set(motion.points[name]) for name in names))
            return {time: make(np.array([motion.points[name][time] for name in names])) for time in sorted(times)}
    raise TrackError(
        f"expected five tracks ({', '.join(NAMES)}) or the four corners of a pin; found "
        f"{', '.join(motion.points) or 'none'}. Name the tracks so, or track five points in this order"
    )


def _in_quad(corners: Points, crop: Crop) -> Points:
    low, high = -0.5, crop.size - 0.5
    square = np.array([[low, low], [high, low], [high, high], [low, high]], np.float32)
    matrix = cv2.getPerspectiveTransform(square, corners.astype(np.float32))
    template = crop.template.on(crop.size).astype(np.float64)
    return np.asarray(cv2.perspectiveTransform(template[None], matrix)[0], np.float64)


def frame_number(text: str) -> int:
    """A frame as other programs write it, 12 or 12.0. Raises ValueError where it is between frames or no number."""
    try:
        number = float(text)
    except ValueError as error:
        raise ValueError(f"expected a frame number; found {text!r}") from error
    if not number.is_integer():
        raise ValueError(f"a key at frame {text}, between frames; bake the animation first")
    return int(number)


def nuke(at: Sequence[float], size: tuple[int, int]) -> tuple[float, float]:
    """A point of ours as Nuke and PFTrack count."""
    return at[0] + 0.5, size[1] - 0.5 - at[1]


def from_nuke(at: Sequence[float], size: tuple[int, int]) -> tuple[float, float]:
    """The inverse of ``nuke``."""
    return at[0] - 0.5, size[1] - 0.5 - at[1]


def fusion(at: Sequence[float], size: tuple[int, int]) -> tuple[float, float]:
    """A point of ours as Fusion counts."""
    x, y = nuke(at, size)
    return x / size[0], y / size[1]


def from_fusion(at: Sequence[float], size: tuple[int, int]) -> tuple[float, float]:
    """The inverse of ``fusion``."""
    return from_nuke((at[0] * size[0], at[1] * size[1]), size)
