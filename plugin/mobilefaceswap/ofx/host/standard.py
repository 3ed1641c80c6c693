"""The strings that OpenFX 1.5 knows: names of properties, of their values, actions, suites and colour spaces.

standard.txt lists the names alone, one a line. properties.txt has a line for each property: its name, the kinds that
its values may have, how many there are (N: any number), and the values that it may take where the standard lists them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["RESULTS", "Rule", "is_property", "is_value", "rule_of"]

# Properties that one host alone knows.
_VENDORS = {"OfxImageClipPropFormat", "kOfxImageClipPropThumbnail", "MltOfxParamValue"}
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


_CLIP_RULES = {
    "OfxImageClipPropComponents": "text 1",
    "OfxImageClipPropDepth": "text 1",
    "OfxImageClipPropPAR": "number 1",
    "OfxImageClipPropRoI": "number 4",
    "OfxImageClipPropFrameRange": "number N",
    "OfxImageClipPropPreferredColourspaces": "text N",
}


@dataclass(frozen=True)
class Rule:
    """What the values of a property may be. kinds: of ``integer``, ``number``, ``text`` and ``pointer``."""

    kinds: frozenset[str]
    most: float
    values: frozenset[str] = frozenset()

    def fault(self, kind: str, index: int, value: object) -> str:
        """What is wrong with setting or reading a value, or ""."""
        if kind not in self.kinds:
            return f"is no {kind}"
        if not 0 <= index < self.most:
            return f"has no value {index}"
        return f"cannot be {value}" if value is not None and self.values and str(value) not in self.values else ""


@cache
def _rules() -> dict[str, Rule]:
    lines = (files(__package__) / "properties.txt").read_text("ascii").splitlines()
    listed = [line.split() for line in lines] + [[name, *rule.split()] for name, rule in _CLIP_RULES.items()]
    return {name: _rule(*words) for name, *words in listed}


def _rule(kinds: str, dimension: str, *values: str) -> Rule:
    most = float("inf") if dimension == "N" else int(dimension)
    return Rule(frozenset(kinds.split("|")), most, frozenset(values))


def rule_of(name: str) -> Rule | None:
    """The rule of a property, one for each clip included; None where the standard's list has none."""
    rules, stem = _rules(), name.partition("_")[0]
    return rules.get(stem) if stem in _OF_CLIPS else rules.get(name)


@cache
def _names() -> frozenset[str]:
    return frozenset((files(__package__) / "standard.txt").read_text("ascii").split())


def is_property(name: str, clips: Iterable[str]) -> bool:
    """Whether a property of that name exists, for one of ``clips`` where it belongs to a clip."""
    stem, _, clip = name.partition("_")
    if stem in _OF_CLIPS:
        return clip in set(clips)
    return name in _rules() or name in _VENDORS


def is_value(value: str, clips: Iterable[str]) -> bool:
    """Whether a text means something to the standard, where it looks as if it did."""
    if value.startswith("OfxColourspace_"):
        return value.removeprefix("OfxColourspace_") in set(clips)
    return not value.startswith(("Ofx", "kOfx", "ofx_")) or value in _names()
