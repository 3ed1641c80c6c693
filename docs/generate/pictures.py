"""Pictures of what settings do, rendered by the look room itself from a drawn plate and a drawn answer of a network.

Nobody's photograph is swapped to illustrate a control.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pkgutil import resolve_name
from typing import Any

import cv2
import drawing
import numpy as np

from mobilefaceswap.colour import ColourSpace
from mobilefaceswap.faces import Face
from mobilefaceswap.frame import Floats, Frame
from mobilefaceswap.geometry import crop_quad, crop_rectangle, fit_crop, sample_crop
from mobilefaceswap.look import Composition, Layer, Swapped, face_colour, matte, occlusion, trusted
from mobilefaceswap.packs.crop import TEMPLATES, Crop
from mobilefaceswap.settings import OUTPUTS, Settings

SHOWN: Mapping[str, tuple[Any, ...]] = {
    "mix": (0.0, 0.5, 1.0),
    "matte_islands": (False, True),
    "matte_holes": (0.0, 10.0),
    "matte_smooth": (0.0, 8.0, 20.0),
    "matte_black_clip": (0.05, 0.25, 0.6),
    "matte_white_clip": (0.3, 0.8, 1.0),
    "matte_expand": (-15.0, 0.0, 15.0),
    "matte_feather": (0.0, 4.0, 20.0),
    "matte_source": ("learned", "hull"),
    "matte_gamma": (0.4, 1.0, 2.5),
    "matte_soft_inside": (0.0, 12.0),
    "matte_soft_outside": (0.0, 12.0),
    "matte_soft_edge": (0.0, 12.0),
    "matte_erode_dark": (0.0, 20.0),
    "matte_erode_bright": (0.0, 20.0),
    "matte_invert": (False, True),
    "keep_mouth": (0.0, 1.0),
    "keep_eyes": (0.0, 1.0),
    "keep_brows": (0.0, 1.0),
    "keep_skin": (0.0, 1.0),
    "matte_left": (0.0, 40.0),
    "matte_right": (0.0, 40.0),
    "matte_top": (0.0, 60.0),
    "matte_bottom": (0.0, 60.0),
    "colour_match": (0.0, 0.5, 1.0),
    "likeness": (0.0, 0.5, 1.0, 1.3),
    "face_exposure": (-1.0, 0.0, 1.0),
    "face_saturation": (0.0, 1.0, 2.0),
    "face_warmth": (-1.0, 0.0, 1.0),
    "plate_detail": (0.0, 0.5, 1.0),
    "output_mode": tuple(OUTPUTS),
}
"""The values that each setting is shown at. A setting whose picture would show nothing has none."""

_MATTES = ("matte_", "keep_", "mix")
CROP = Crop(224, TEMPLATES["arcface-112"], "similarity")
_PLATE, _SIDE = 420, 344
_LANDMARKS = CROP.template.on(_PLATE) * 0.8 + (0.1 * _PLATE, 0.02 * _PLATE)
_VIEW = (slice(0, 344), slice(38, 382))
_CLOSE = {"plate_detail": (slice(60, 232), slice(110, 282))}
"""What of the plate is shown where the whole is too much."""


@dataclass(frozen=True)
class Picture:
    """One picture of a page. name: its address below the page's folder; caption: the value shown."""

    name: str
    caption: str
    content: bytes


@cache
def of(setting: str) -> list[Picture]:
    """The pictures of one setting, in order."""
    output = "matte" if setting.startswith(_MATTES) else "composite"
    pictures = []
    for number, value in enumerate(SHOWN.get(setting, ())):
        shown = str(value) if setting == "output_mode" else output
        rendered = _rendered(Settings(**{setting: value}), shown)[_CLOSE.get(setting, _VIEW)]
        pictures.append(Picture(f"pictures/{setting}-{number}.webp", _caption(value), encoded(rendered)))
    return pictures


def _caption(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return (OUTPUTS[value].label if value in OUTPUTS else value) if isinstance(value, str) else f"{value:g}"


def _rendered(settings: Settings, output: str) -> Floats:
    face, region = _face()
    own = matte.on_plate(matte.shape(face.mask, settings, CROP.template, crop=face.crop), [face.matrix], region)
    final = own * np.float32(settings.mix)
    layer = Layer(
        region,
        face_colour(face, settings),
        final,
        own,
        touched=region,
        maps=lambda name: _map(name, face, region),
        side=CROP.size,
        matrices=face.paths,
        name="person_1",
    )
    quad = crop_quad(face.matrix, CROP.size)
    left, top = _LANDMARKS.min(axis=0) - 45
    found = Face(_LANDMARKS, (float(left), float(top), 210.0, 245.0), 0.93)
    composition = Composition(_plate(), (layer,), (found,), (quad,))
    return np.asarray(resolve_name(OUTPUTS[output].draw)(composition), np.float32)


def _map(name: str, face: Swapped, region: Any) -> Floats:
    points, width = CROP.template.on(CROP.size), CROP.template.face_width * CROP.size
    drawn = {
        "learned": lambda: face.mask,
        "occlusion": lambda: occlusion(face.crop, points, width),
        "trust": lambda: trusted(face.mask, occlusion(face.crop, points, width), points, width),
    }[name]()
    return matte.on_plate(drawn, [face.matrix], region)


@cache
def _plate() -> Frame:
    return Frame(drawing.plate(_PLATE, _LANDMARKS), ColourSpace.SRGB)


@cache
def _face() -> tuple[Swapped, Any]:
    return swapped_face(_plate(), _LANDMARKS)


def swapped_face(plate: Frame, landmarks: drawing.Points, source: int = 0) -> tuple[Swapped, Any]:
    """(a face of ``plate`` with the drawn answer of a network, the rectangle that its crop touches)."""
    matrix = fit_crop(landmarks, CROP)
    region = crop_rectangle(matrix, CROP.size, plate.size)
    crop = np.clip(sample_crop(plate.rgb, matrix, CROP.size), 0, 1)
    colour, mask = drawing.answer(CROP.size, CROP.template.on(CROP.size), source)
    inside = np.ascontiguousarray(plate.rgb[region.slices])
    swapped = Swapped(0, inside, plate.colour_space, 1.0, crop, colour, mask, matrix, region, CROP.template)
    return swapped, region


def encoded(picture: Floats) -> bytes:
    """WebP of an sRGB picture; a small square one is enlarged."""
    if picture.ndim == 3 and picture.shape[2] == 4:
        picture = picture[..., :3]
    if picture.ndim == 2:
        picture = np.dstack([picture] * 3)
    if picture.shape[0] < _SIDE and picture.shape[0] == picture.shape[1]:
        picture = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST)
    codes = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    coded, content = cv2.imencode(".webp", cv2.cvtColor(codes, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 85])
    assert coded
    return content.tobytes()
