"""Which colour space the headers of a file name: chromaticities of EXR, transfer of DPX, a camera's log curve."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..colour import BUILT_IN, SPACES, ColourSpace, space_named
from ..errors import SettingsError

__all__ = ["DECLARATIONS", "camera_log", "chromaticities", "dpx_space", "exr_space", "said", "unknown_interchange"]

_INTERCHANGE = "colorInteropID"
DECLARATIONS = (_INTERCHANGE, "chromaticities", "CICP", "acesImageContainerFlag")
"""Attributes that say in which space a picture's numbers are."""

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
_NAMELESS = ("data", "unknown")
"""Identifiers that name no colour space on purpose."""
_ADOBE = "ocio://studio-config-v4.0.0_aces-v2.0_ocio-v2.5"
"""The first built-in configuration that has Adobe RGB; OpenColorIO before 2.5 has none."""
_INTERCHANGED = {
    "srgb_rec709": ("srgb", BUILT_IN),
    "pq_rec2020": ("pq", BUILT_IN),
    "hlg_rec2020": ("hlg", BUILT_IN),
    "pq_p3d65": ("pq-p3", BUILT_IN),
    "g26_p3d65": ("P3-D65 - Display", BUILT_IN),
    "lin_ciexyzd65": ("CIE-XYZ-D65", BUILT_IN),
    "lin_adobergb": ("lin_adobergb_scene", _ADOBE),
    "g22_adobergb": ("g22_adobergb_scene", _ADOBE),
}
"""Identifiers of the Color Interop Forum that are no names in OpenColorIO's configuration: (name, configuration)."""
_TELLING = re.compile(r"(?i)colou?r|gamma|transfer|curve|inputdevice|imagedescription")
"""Names of attributes that tell a camera's curve."""
_SHORTEST = 4
_LETTER, _NEW_WORD = r"[^\W\d_]", "(?:(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]))"
_BEFORE = rf"(?:(?<!{_LETTER})|{_NEW_WORD}|(?<=(?i:sony)))"
_BEHIND = rf"(?:(?!{_LETTER})|{_NEW_WORD}|(?i:(?=v?\d|ap\d|[sv]?gamut|cine|rwg|log|l\b)))"
"""Where a name may begin and end: with a word, or beside what makers write in one with it: LogCv3, VLogL, SonySLog3."""
_APART = r"[\W_]*"
"""What may stand between the letters of a name."""


def exr_space(named: _Named) -> ColourSpace | None:
    """The space that the attributes of an EXR name, linear Rec.709 where they are silent.

    None for chromaticities that none of the usual spaces has.
    """
    attributes = dict(named)
    if interchanged := _interchanged(attributes.get(_INTERCHANGE)):
        return interchanged
    declared = attributes.get("chromaticities")
    if not isinstance(declared, (tuple, list)) or len(declared) != 8:
        return ColourSpace.LINEAR
    alike = (name for known, name in _CHROMATICITIES.items() if np.allclose(declared, known, atol=2e-3))
    name = next(alike, None)
    return None if name is None else SPACES[name]


def unknown_interchange(named: _Named) -> str:
    """The identifier by which the attributes name a colour space that is not known here; "" where there is none."""
    declared = dict(named).get(_INTERCHANGE)
    named_one = isinstance(declared, str) and declared not in ("", *_NAMELESS)
    return str(declared) if named_one and _interchanged(declared) is None else ""


def _interchanged(identifier: Any) -> ColourSpace | None:
    """The space that an identifier of the Color Interop Forum names."""
    if not isinstance(identifier, str) or identifier in _NAMELESS:
        return None
    # Most are OpenColorIO's names, with a word for whether a scene or a display is meant.
    plain = re.sub("^ocio:|_(scene|display)$", "", identifier)
    for name, config in (_INTERCHANGED.get(plain, (plain, BUILT_IN)), (identifier, "")):
        with suppress(SettingsError):
            return space_named(name, config)
    return None


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
    told = [value for name, value in named if isinstance(value, str) and _TELLING.search(name)]
    if not told:
        return None
    spaces = [space for space in SPACES.values() if space.encoding == "log"]
    names = [(_plain(word), space) for space in spaces for word in (space.name, space.label, *space.aliases)]
    found = [(len(name), space) for name, space in names if len(name) >= _SHORTEST and _names(told, name)]
    space = max(found, key=lambda pair: pair[0])[1] if found else None
    # Sony names curve and primaries apart, and in any order.
    wide = _names(told, "sgamut3") and not _names(told, "sgamut3cine")
    return SPACES["s-log3-s-gamut3"] if wide and space is SPACES["s-log3"] else space


def said(space: ColourSpace) -> tuple[str, ...]:
    """What a user should know of a log space that a header named."""
    if space.encoding != "log":
        return ()
    return (f"taken as {space.label}, which its header names; otherwise set Working Space",)


def _names(told: Sequence[str], name: str) -> bool:
    """Whether a ``_plain`` name stands in a text, however its parts are divided: "Dialog C" is not LogC."""
    pattern = re.compile(f"{_BEFORE}(?i:{_APART.join(name)}){_BEHIND}")
    return any(pattern.search(text) for text in told)


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
