"""The strings that OpenFX 1.5 knows: names of properties, of their values, actions, suites and colour spaces.

standard.txt lists the names alone, one a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

__all__ = ["RESULTS", "is_property", "is_value"]

# Properties that one host alone knows.
_VENDORS = {"kOfxImageClipPropThumbnail", "MltOfxParamValue"}
# These end in the name of a clip.
_OF_CLIPS = (
    "OfxImageClipPropComponents",
    "OfxImageClipPropDepth",
    "OfxImageClipPropPAR",
    "OfxImageClipPropRoI",
    "OfxImageClipPropFrameRange",
    "OfxImageClipPropPreferredColourspaces",
)

RESULTS = {
    "OfxImageEffectActionGetRegionOfDefinition": ("OfxImageEffectPropRegionOfDefinition",),
    "OfxImageEffectActionGetRegionsOfInterest": ("OfxImageClipPropRoI_*",),
    "OfxImageEffectActionGetFramesNeeded": ("OfxImageClipPropFrameRange_*",),
    "OfxImageEffectActionIsIdentity": ("OfxPropName", "OfxPropTime"),
    "OfxImageEffectActionGetOutputColourspace": ("OfxImageClipPropColourspace",),
    "OfxImageEffectActionGetClipPreferences": (
        "OfxImageClipPropComponents_*",
        "OfxImageClipPropDepth_*",
        "OfxImageClipPropPAR_*",
        "OfxImageClipPropPreferredColourspaces_*",
        "OfxImageEffectPropFrameRate",
        "OfxImageEffectPropPreMultiplication",
        "OfxImageClipPropFieldOrder",
        "OfxImageClipPropContinuousSamples",
        "OfxImageEffectFrameVarying",
    ),
}
"""What each action may answer; * stands for a clip of the effect."""


@cache
def _names() -> frozenset[str]:
    return frozenset((files(__package__) / "standard.txt").read_text("ascii").split())


def is_property(name: str, clips: Iterable[str]) -> bool:
    """Whether a property of that name exists, for one of ``clips`` where it belongs to a clip."""
    stem, _, clip = name.partition("_")
    if stem in _OF_CLIPS:
        return clip in set(clips)
    return name in _names() or name in _VENDORS


def is_value(value: str, clips: Iterable[str]) -> bool:
    """Whether a text means something to the standard, where it looks as if it did."""
    if value.startswith("OfxColourspace_"):
        return value.removeprefix("OfxColourspace_") in set(clips)
    return not value.startswith(("Ofx", "kOfx", "ofx_")) or value in _names()
