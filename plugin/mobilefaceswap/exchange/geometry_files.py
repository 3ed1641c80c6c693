"""Geometry as pictures: ST maps both ways, and aligned crops with their matrices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from ..colour import ColourSpace
from ..files import write_failure, written_whole
from ..frame import Clip, Floats, Window
from ..geometry import Matrix, fit_crop, sample_crop
from ..media.grade import converted
from ..media.headers import chromaticities
from ..packs import Crop
from .motion import Points, shown

__all__ = ["CROPS", "MAPS", "st_map", "write_crops", "write_maps"]

MAPS = ("forward.%04d.exr", "inverse.%04d.exr")
"""Sequences that ``write_maps`` writes."""
CROPS = ("crop.%04d.exr", "matrices.json")
"""What ``write_crops`` writes."""


def st_map(matrix: Matrix, width: int, height: int, source: tuple[int, int], display: Window | None = None) -> Floats:
    """(height, width, 4): for each pixel of a picture, where to sample a source of ``source`` (width, height).

    R and G are x and y from the bottom left, 0 to 1 across the source's display window, at pixel centres, as Nuke's
    STMap reads them. B and A are 1 where the source has pixels: Blender's Map UV takes B for opacity. matrix: from the
    picture's pixels to the source's, ours. display: the source's display window in its pixels; None for all of it.
    """
    window = shown(source, display)
    x, y = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    across = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] + 0.5 - window.x) / window.width
    up = 1 - (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] + 0.5 - window.y) / window.height
    left, right = (edge / window.width for edge in (-window.x, source[0] - window.x))
    bottom, top = (1 - edge / window.height for edge in (source[1] - window.y, -window.y))
    inside = (across >= left) & (across <= right) & (up >= bottom) & (up <= top)
    return np.dstack([across, up, inside, inside]).astype(np.float32)


def write_maps(
    folder: Path,
    points: Mapping[int, Points],
    size: tuple[int, int],
    crop: Crop,
    pixel_aspect: float = 1.0,
    display: Window | None = None,
) -> None:
    """The two float EXR sequences ``MAPS``: forward takes the plate to the aligned crop, inverse the crop back to the
    plate, with its windows. display: the plate's display window in its pixels, None for all of them.

    Raises MediaError where they cannot be written.
    """
    forward, inverse = MAPS
    for time, landmarks in points.items():
        matrix = fit_crop(landmarks, crop, pixel_aspect)
        back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
        _write(folder / (forward % time), st_map(back, crop.size, crop.size, size, display))
        _write(folder / (inverse % time), st_map(matrix, *size, (crop.size, crop.size)), display=display)


def _write(path: Path, pixels: Floats, space: ColourSpace | None = None, display: Window | None = None) -> None:
    """space: a linear one; None for data. display: the display window in ``pixels``; None for all of them."""
    header = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], oiio.FLOAT)
    if display:
        header.x, header.y = -display.x, -display.y
        header.full_x, header.full_y, header.full_width, header.full_height = 0, 0, *display.size
    header.attribute("compression", "zip")
    header.attribute("oiio:ColorSpace", str(space or "data"))
    if space and (corners := chromaticities(space)):
        header.attribute("chromaticities", oiio.TypeDesc("float[8]"), corners)
    try:
        with written_whole(path) as part:
            output: Any = oiio.ImageOutput.create("x.exr")
            if not (output.open(str(part), header) and output.write_image(pixels) and output.close()):
                raise OSError(0, " ".join(output.geterror().split()))
    except OSError as error:
        raise write_failure(str(path), error) from error


def write_crops(
    folder: Path,
    clip: Clip,
    points: Mapping[int, Points],
    crop: Crop,
    frame_offset: int = 0,
    display: Window | None = None,
) -> None:
    """``CROPS``: float EXR in light, which is what programs take an EXR to be, and their matrices.

    The plate's primaries are kept where it is linear, otherwise they are Rec.709. matrices.json names the space, and
    has by frame and row by row the 3x3 matrix from the plate's pixels to the crop's and its inverse, both counted
    from the bottom left with pixel corners on integers, as in Nuke. frame_offset: added to the clip's frame numbers.
    display: the display window in the plate's pixels, from which they are counted; None for the whole plate.

    Raises MediaError where a plate cannot be read or a file cannot be written.
    """
    pictures, table = CROPS
    matrices: dict[str, Any] = {}
    document: dict[str, Any] = {"crop": crop.size, "origin": "bottom left"}
    for time, landmarks in points.items():
        plate = clip.frame(time)
        matrix = fit_crop(landmarks, crop, plate.pixel_aspect)
        space = plate.colour_space if plate.colour_space.linear else ColourSpace.LINEAR
        pixels = sample_crop(plate.pixels, matrix, crop.size)
        pixels = converted(pixels, plate.colour_space, space, plate.premultiplied, wanted_premultiplied=True)
        _write(folder / (pictures % (time + frame_offset)), pixels, space)
        window = shown(plate.size, display)
        full = _from_bottom_left(np.vstack([matrix, [0, 0, 1]]), window, crop.size)
        back = np.linalg.inv(full)
        matrices[str(time + frame_offset)] = {"plate_to_crop": full.tolist(), "crop_to_plate": back.tolist()}
        document |= {"plate": list(window.size), "colour_space": str(space)}
    document["frames"] = matrices
    place = folder / table
    try:
        with written_whole(place) as part:
            part.write_text(json.dumps(document, indent=1), "utf-8")
    except OSError as error:
        raise write_failure(str(place), error) from error


def _from_bottom_left(matrix: Points, display: Window, crop: int) -> Points:
    """A matrix between our pixels as one between Nuke's. display: the plate's display window in its pixels."""
    ours_of_plate = np.array([[1, 0, display.x - 0.5], [0, -1, display.y + display.height - 0.5], [0, 0, 1]])
    theirs_of_crop = np.array([[1, 0, 0.5], [0, -1, crop - 0.5], [0, 0, 1]])
    return np.asarray(theirs_of_crop @ matrix @ ours_of_plate)
