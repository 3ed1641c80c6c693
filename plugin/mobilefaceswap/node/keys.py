"""Cache keys. Each covers everything its value depends on. Settings enter by stage, so a new setting is in its key by
itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from .. import __version__
from ..cache import key_of
from ..faces import Face, FaceDetector
from ..frame import Floats
from ..geometry import Matrix, Rectangle
from ..look import OPERATIONS
from ..packs import Crop
from ..settings import Settings

__all__ = [
    "VERSIONS",
    "colour_key",
    "covered_key",
    "crop_key",
    "embedding_key",
    "faces_key",
    "ground_key",
    "matte_key",
    "outline_key",
    "plate_key",
    "steady_key",
    "step_key",
    "swap_key",
]

VERSIONS = {
    "faces": 6,
    "crop": 2,
    "swap": 6,
    "step": 2,
    "steadied": 2,
    "colour": 9,
    "covered": 2,
    "outline": 1,
    "matte": 1,
    "ground": 1,
}
"""Versions of the code that makes each kind of value. Whoever changes what comes out raises the number, so that no
cache on disk answers with values of earlier code; the golden pictures of the tests fail until that is done.
"""


@cache
def _libraries() -> tuple[str, ...]:
    """Versions of the libraries that cut and convert a crop."""
    import PyOpenColorIO as ocio  # not needed before the first crop

    return cv2.__version__, ocio.__version__, np.__version__


def plate_key(clip_key: str, settings: Settings, seen_by: str | Sequence[Face] = "") -> str:
    """Of a frame that is known by its clip's own key, which says nothing of how data become pixels.

    A working space enters by the contents of its configuration, which may be edited under the same name. seen_by: the
    name of what searches it, or the faces that a track has there: where alpha is 0 in part of a plate, faces decide
    whether it is taken as opaque.
    """
    if isinstance(seen_by, str):
        faces: object = seen_by, settings.of("detect")
    else:
        faces = [face.row().tobytes() for face in seen_by]
    return key_of(__version__, clip_key, settings.of("plate"), str(settings.space), faces)


def faces_key(plate: str, detector: FaceDetector, settings: Settings, stops: tuple[str, ...] = ()) -> str:
    """Of the faces found in a plate. stops: the keys of the plates that they are followed from."""
    return key_of(VERSIONS["faces"], detector.name, plate, settings.of("detect"), stops)


def crop_key(plate: str, crop: Crop, matrix: Matrix, settings: Settings) -> str:
    """Of an aligned crop."""
    return key_of(VERSIONS["crop"], _libraries(), plate, crop, matrix.tobytes(), settings.of("align"))


def embedding_key(plate: str, landmarks: npt.NDArray[np.float64], pack: str) -> str:
    """Of what the recogniser of a pack says of a face."""
    return key_of(VERSIONS["crop"], _libraries(), pack, plate, landmarks.tobytes())


def swap_key(crop: str, network: tuple[str, ...], settings: Settings) -> str:
    """Of what the network makes of a crop. network: pack, identity and runtime."""
    return key_of(VERSIONS["swap"], network, crop, settings.of("swap"))


def step_key(earlier: str, later: str, direction: int) -> str:
    """Of the motion from one swapped crop to the next, by the direction 1, or back from there, by -1."""
    return key_of(VERSIONS["step"], _libraries(), earlier, later, direction)


def steady_key(swap: str, around: Sequence[Sequence[str]]) -> str:
    """Of a swap that is averaged with those ``around`` it, before and after, the nearest first."""
    return key_of(VERSIONS["steadied"], _libraries(), swap, around)


def colour_key(
    swap: str,
    region: Rectangle,
    time: int,
    settings: Settings,
    motion: npt.NDArray[np.float64] | None = None,
    matte: Floats | None = None,
) -> str:
    """Of a face's colour on the plate, inside ``region``. motion: of its landmarks in one frame, where it is known.
    matte: the one on the crop that the colour follows, if it does.
    """
    timed = any(operation.timed and operation.applies(settings) for operation in OPERATIONS.values())
    moving = None if motion is None or not settings.motion_blur else motion.tobytes()
    look, edge = settings.of("look"), None if matte is None else matte.tobytes()
    return key_of(VERSIONS["colour"], swap, tuple(OPERATIONS), region, time if timed else None, look, moving, edge)


def matte_key(
    swap: str,
    points: npt.NDArray[np.float64],
    matrices: Sequence[Matrix],
    hands: str,
    settings: Settings,
    *,
    everywhere: bool,
) -> str:
    """Of a face's own matte on the plate. matrices: where it is drawn. everywhere: throughout the crop."""
    drawn, shaping = tuple(matrix.tobytes() for matrix in matrices), settings.of("outline", "matte")
    return key_of(VERSIONS["matte"], swap, points.tobytes(), drawn, hands, shaping, everywhere)


def outline_key(swap: str, points: npt.NDArray[np.float64], settings: Settings) -> str:
    """Of the matte on the crop that shaping begins with. points: the face's landmarks there."""
    return key_of(VERSIONS["outline"], swap, points.tobytes(), settings.of("outline"))


def ground_key(swap: str, region: Rectangle) -> str:
    """Of what a face's look starts from, inside ``region`` of the plate."""
    return key_of(VERSIONS["ground"], _libraries(), swap, region)


def covered_key(swap: str, points: npt.NDArray[np.float64], hands: str) -> str:
    """Of what stands before a face with these landmarks on its crop. hands: the name of what finds hands."""
    return key_of(VERSIONS["covered"], swap, points.tobytes(), hands)
