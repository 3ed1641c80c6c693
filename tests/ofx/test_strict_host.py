"""Our own host refuses what the hosts of the trade refuse, so that the other tests mean something."""

from __future__ import annotations

import ctypes
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest

from mobilefaceswap.ofx import kdenlive
from mobilefaceswap.ofx.host.described import faults_of
from mobilefaceswap.ofx.host.sets import PropertySets
from mobilefaceswap.ofx.host.standard import is_property, is_value, rule_of
from mobilefaceswap.settings import table

HOSTS = Path(__file__).parents[2] / "ofx_bridge" / "hosts"
CLIPS = ("Source", "Output")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("OfxImageEffectPropSupportsMultiResolution", True),
        ("OfxImageEffectPropSupportsMultiRes", False),
        ("OfxImageClipPropComponents_Output", True),
        ("OfxImageClipPropComponents_Elsewhere", False),
        ("OfxImageEffectPropSupportsMultipleClipDepths", False),
        ("OfxImageEffectPropMultipleClipDepths", True),
        ("OfxBitDepthFloat", False),
    ],
)
def test_names_of_properties(name: str, known: bool) -> None:
    assert is_property(name, CLIPS) is known


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("OfxFieldDoubled", True),
        ("OfxImageFieldDoubled", False),
        ("OfxImagePreMultiplied", False),
        ("OfxImageAlphaPremultiplied", True),
        ("OfxColourspace_Source", True),
        ("OfxColourspace_Nothing", False),
        ("ofx_scene_linear", True),
        ("ofx_linear", False),
        ("any text of ours", True),
    ],
)
def test_values_that_look_like_the_standard_s(value: str, known: bool) -> None:
    assert is_value(value, CLIPS) is known


def test_what_no_host_need_put_up_with_is_noted() -> None:
    sets = PropertySets()
    setters = sets.suite()
    handle = sets.new({}, ("OfxPropName",))
    set_text = setters[1]
    assert set_text(handle, b"OfxPropName", 0, b"Source") == 0
    assert not sets.violations
    assert set_text(handle, b"OfxPropTime", 0, b"x") == 3
    assert set_text(sets.new({}), b"OfxPropertyThatIsNone", 0, b"x") == 3
    assert set_text(sets.new({}), b"OfxImagePropField", 0, b"OfxImageFieldDoubled") == 3
    out = ctypes.c_char_p()
    assert setters[9](handle, b"OfxPropNames", 0, ctypes.byref(out)) == 3
    assert len(sets.violations) == 4


POINTER, TEXT, NUMBER, INTEGER = range(4)


@pytest.mark.parametrize(
    ("kind", "name", "index", "value", "fault"),
    [
        (INTEGER, "OfxParamPropEnabled", 0, 1, ""),
        (INTEGER, "OfxParamPropEnabled", 0, 2, "cannot be 2"),
        (NUMBER, "OfxParamPropEnabled", 0, 1.0, "is no number"),
        (INTEGER, "OfxParamPropEnabled", 1, 1, "has no value 1"),
        (TEXT, "OfxPropIcon", 1, b"icon.png", ""),
        (TEXT, "OfxPropIcon", 2, b"icon.png", "has no value 2"),
        (TEXT, "OfxParamPropStringMode", 0, b"OfxParamStringIsFilePath", ""),
        (TEXT, "OfxParamPropStringMode", 0, b"a file", "cannot be a file"),
        (TEXT, "OfxImageEffectPropPreMultiplication", 0, b"OfxImageAlphaPreMultiplied", "cannot be"),
        (NUMBER, "OfxImageClipPropRoI_Source", 3, 1.0, ""),
        (NUMBER, "OfxImageClipPropRoI_Source", 4, 1.0, "has no value 4"),
        (INTEGER, "OfxImageClipPropPAR_Output", 0, 1, "is no integer"),
    ],
)
def test_values_have_the_kind_and_number_of_the_standard(kind, name, index, value, fault: str) -> None:
    sets = PropertySets()
    sets.clips.update(CLIPS)
    status = sets.suite()[kind](sets.new({}), name.encode(), index, value)
    assert (status == 0) == (not fault)
    assert [fault in said for said in sets.violations] == ([True] if fault else [])


def test_every_property_of_the_list_is_one_and_has_a_rule() -> None:
    for name in ("OfxImagePropBounds", "OfxParamPropDefault", "OfxImageClipPropFrameRange_Source"):
        rule = rule_of(name)
        assert rule is not None, name
        assert rule.kinds <= {"integer", "number", "text", "pointer"}
    assert rule_of("MltOfxParamValue") is None, "of one host alone"


PARAMETERS = {
    "controls": ("OfxParamTypeGroup", {}),
    "tab": ("OfxParamTypePage", {"OfxParamPropPageChild": ["controls"]}),
    "mode": ("OfxParamTypeChoice", {"OfxParamPropChoiceOption": ["a", "b"], "OfxParamPropDefault": [1]}),
    "mix": ("OfxParamTypeDouble", {"OfxParamPropMin": [0.0], "OfxParamPropMax": [1.0], "OfxParamPropDefault": [1.0]}),
}
EFFECT = {
    "OfxImageEffectPropSupportedContexts": ["OfxImageEffectContextFilter"],
    "OfxImageEffectPropSupportedPixelDepths": ["OfxBitDepthFloat"],
    "OfxPluginPropParamPageOrder": ["tab"],
}


def described(context: str = "OfxImageEffectContextFilter", **changes: dict[str, list[object]]) -> list[str]:
    """The faults of a small effect, some properties changed; ``effect`` and ``clips`` by those names."""
    parameters = {
        name: {"OfxPropLabel": [name], **told, **changes.get(name, {})} for name, (_, told) in PARAMETERS.items()
    }
    clips = changes.get("clips") or {name: ["OfxImageComponentRGBA"] for name in CLIPS}
    told = {name: {"OfxImageEffectPropSupportedComponents": held} for name, held in clips.items()}
    types = {name: kind for name, (kind, _) in PARAMETERS.items()}
    return faults_of(context, {**EFFECT, **changes.get("effect", {})}, told, types, parameters)


def test_a_sound_description_has_no_fault() -> None:
    assert described() == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"mode": {"OfxParamPropDefault": [2]}}, "mode: 2 is not within 0 and 1"),
        ({"mode": {"OfxParamPropDefault": ["a"]}}, "is no value of OfxParamTypeChoice"),
        ({"mix": {"OfxParamPropDefault": [1.5]}}, "mix: 1.5 is not within 0.0 and 1.0"),
        (
            {"mix": {"OfxParamPropDisplayMin": [2.0], "OfxParamPropDisplayMax": [1.0]}},
            "OfxParamPropDisplayMin is above",
        ),
        ({"mix": {"OfxParamPropParent": ["mode"]}}, "its parent mode is no group"),
        ({"mix": {"OfxPropLabel": [""]}}, "mix: has no label"),
        ({"tab": {"OfxParamPropPageChild": ["nothing"]}}, "holds nothing"),
        ({"effect": {"OfxPluginPropParamPageOrder": ["other"]}}, "names other"),
        ({"effect": {"OfxImageEffectPropSupportedPixelDepths": []}}, "SupportedPixelDepths is empty"),
        ({"clips": {"Output": ["OfxImageComponentRGBA"]}}, "needs a clip Source"),
        ({"clips": {"Source": [], "Output": ["OfxImageComponentRGBA"]}}, "the clip Source supports no components"),
    ],
)
def test_what_hosts_refuse_of_a_description(changes, fault: str) -> None:
    (found,) = described(**changes)
    assert fault in found


def test_an_undeclared_context_is_refused() -> None:
    assert described("OfxImageEffectContextGeneral") == ["OfxImageEffectContextGeneral is described and not declared"]


def test_kdenlive_s_description_is_fresh_and_names_every_setting() -> None:
    stored = (HOSTS / "mlt" / "kdenlive_face_swap.xml").read_text("utf-8")
    assert stored == kdenlive.description(), "run `python -m mobilefaceswap.ofx.kdenlive`"
    parameters = {item.get("name"): item for item in xml.fromstring(stored).iter("parameter")}
    assert list(parameters) == [row.name for row in table(host=True)]
    assert parameters["output_mode"].get("paramlist", "").split(";")[0] == parameters["output_mode"].get("default")
