"""Which colour space the headers of a file name: chromaticities of EXR, transfer of DPX, a camera's log curve."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..colour import SPACES, ColourSpace, space_named
from ..errors import SettingsError

__all__ = ["camera_log", "chromaticities", "dpx_space", "exr_space", "said"]

_Named = Iterable[tuple[str, Any]]

_TRANSFERS = {
    "Printing density": ColourSpace.CINEON,
    "Logarithmic": ColourSpace.CINEON,
    "Linear": ColourSpace.LINEAR,
    "ITU-R 709-4": ColourSpace.REC709,
    "SMPTE 274M": ColourSpace.REC709,
}
"""Transfer characteristics of SMPTE 268M, as OpenImageIO calls them."""
_CHROMATICITIES = {
    (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290): "linear-rec709",
    (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767): "acescg",
    (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767): "aces2065-1",
    (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290): "linear-rec2020",
    (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290): "linear-p3-d65",
}
"""Red, green, blue and white (x, y)."""
_TELLING = re.compile(r"(?i)colou?r|gamma|transfer|curve|inputdevice|imagedescription")
"""Names of attributes that tell a camera's curve."""
_SHORTEST = 4


def exr_space(named: _Named) -> ColourSpace | None:
    """The linear space that the attributes of an EXR name, linear Rec.709 where they are silent.

    None for chromaticities that none of the usual spaces has.
    """
    attributes = dict(named)
    interchange = attributes.get("colorInteropID")
    if isinstance(interchange, str):
        try:
            # The names of the Color Interop Forum are OpenColorIO's, and say whether a scene or a display is meant.
            return space_named(re.sub("_(scene|display)$", "", interchange))
        except SettingsError:
            pass
    declared = attributes.get("chromaticities")
    if not isinstance(declared, (tuple, list)) or len(declared) != 8:
        return ColourSpace.LINEAR
    alike = (name for known, name in _CHROMATICITIES.items() if np.allclose(declared, known, atol=2e-3))
    name = next(alike, None)
    return None if name is None else SPACES[name]


def chromaticities(space: ColourSpace) -> tuple[float, ...] | None:
    """Red, green, blue and white (x, y) of a linear space, as an EXR declares them; None for those with no row here."""
    return next((corners for corners, name in _CHROMATICITIES.items() if name == space.name), None)


def dpx_space(named: _Named) -> ColourSpace:
    """The space that the header of a DPX names: a camera's curve, or its transfer; sRGB where it is silent."""
    attributes = list(named)
    transfer = str(dict(attributes).get("dpx:Transfer"))
    return camera_log(attributes) or _TRANSFERS.get(transfer, ColourSpace.SRGB)


def camera_log(named: _Named) -> ColourSpace | None:
    """The camera's log curve that an attribute names, such as ``LOG-C`` or ``S-Log3``; the longest name counts."""
    told = " ".join(_plain(value) for name, value in named if isinstance(value, str) and _TELLING.search(name))
    spaces = [space for space in SPACES.values() if space.encoding == "log"]
    words = [(_plain(word), space) for space in spaces for word in (space.name, space.label, *space.aliases)]
    found = [(len(word), space) for word, space in words if len(word) >= _SHORTEST and word in told]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def said(space: ColourSpace) -> tuple[str, ...]:
    """What a user should know of a log space that a header named."""
    if space.encoding != "log":
        return ()
    return (f"taken as {space.label}, which its header names; otherwise set Working Space",)


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
