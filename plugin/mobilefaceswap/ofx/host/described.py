"""What hosts refuse of an effect once it has described itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from .abi import Properties

__all__ = ["POINT", "faults_of", "value_fault"]

_CLIPS = {"OfxImageEffectContextFilter": {"Source", "Output"}, "OfxImageEffectContextGeneral": {"Output"}}
_DEFAULTS: Mapping[str, type] = {
    "OfxParamTypeDouble": float,
    "OfxParamTypeInteger": int,
    "OfxParamTypeBoolean": int,
    "OfxParamTypeChoice": int,
    "OfxParamTypeString": str,
}
POINT = "OfxParamTypeDouble2D"
_GROUP, _PAGE = "OfxParamTypeGroup", "OfxParamTypePage"


def faults_of(
    context: str,
    effect: Properties,
    clips: Mapping[str, Properties],
    types: Mapping[str, str],
    parameters: Mapping[str, Properties],
) -> list[str]:
    """Every fault of an effect described in ``context``. types, parameters: by name."""
    faults = [f"{context} needs a clip {name}" for name in _CLIPS.get(context, set()) - clips.keys()]
    for name in ("OfxImageEffectPropSupportedContexts", "OfxImageEffectPropSupportedPixelDepths"):
        if not effect.get(name):
            faults.append(f"{name} is empty")
    if context not in effect.get("OfxImageEffectPropSupportedContexts", []):
        faults.append(f"{context} is described and not declared")
    for clip, told in clips.items():
        if not told.get("OfxImageEffectPropSupportedComponents"):
            faults.append(f"the clip {clip} supports no components")
    for name in ("OfxImageEffectPropClipPreferencesSlaveParam", "OfxPluginPropParamPageOrder"):
        faults += [
            f"{name} names {other}, which is no parameter" for other in effect.get(name, []) if other not in types
        ]
    for name, kind in types.items():
        faults += [f"{name}: {fault}" for fault in _faults(kind, parameters[name], types)]
    return faults


def _faults(kind: str, told: Properties, types: Mapping[str, str]) -> Iterator[str]:
    if not told.get("OfxPropLabel", [""])[0]:
        yield "has no label"
    parent = told.get("OfxParamPropParent", [""])[0]
    if parent and types.get(parent) != _GROUP:
        yield f"its parent {parent} is no group"
    for child in told.get("OfxParamPropPageChild", []):
        if types.get(child, _PAGE) == _PAGE:
            yield f"holds {child}, which belongs on no page"
    if kind not in _DEFAULTS:
        return
    for low, high in (("OfxParamPropMin", "OfxParamPropMax"), ("OfxParamPropDisplayMin", "OfxParamPropDisplayMax")):
        if low in told and told[low][0] > told[high][0]:
            yield f"{low} is above {high}"
    default = told.get("OfxParamPropDefault", [None])[0]
    if default is not None:
        yield from value_fault(kind, told, default)


def value_fault(kind: str, told: Properties, value: object) -> Iterator[str]:
    """What is wrong with a value of a parameter of ``kind``, as its properties ``told`` it."""
    if not isinstance(value, _DEFAULTS.get(kind, object)):
        yield f"{value!r} is no value of {kind}"
    elif isinstance(value, (int, float)) and kind in _RANGES:
        low, high = _RANGES[kind](told)
        if not low <= value <= high:
            yield f"{value} is not within {low} and {high}"


def _limits(told: Properties) -> tuple[float, float]:
    return (told.get("OfxParamPropMin", [float("-inf")])[0], told.get("OfxParamPropMax", [float("inf")])[0])


_RANGES: Mapping[str, Callable[[Properties], tuple[float, float]]] = {
    "OfxParamTypeDouble": _limits,
    "OfxParamTypeInteger": _limits,
    "OfxParamTypeBoolean": lambda _: (0, 1),
    "OfxParamTypeChoice": lambda told: (0, len(told.get("OfxParamPropChoiceOption", [])) - 1),
}
