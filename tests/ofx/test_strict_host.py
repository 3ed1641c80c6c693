"""Our own host refuses what the hosts of the trade refuse, so that the other tests mean something."""

from __future__ import annotations

import ctypes
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest

from mobilefaceswap.ofx import kdenlive
from mobilefaceswap.ofx.host.sets import PropertySets
from mobilefaceswap.ofx.host.standard import is_property, is_value
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
    assert set_text(sets.new({}), b"OfxImagePropField", 0, b"OfxImageFieldDoubled") == 0
    out = ctypes.c_char_p()
    assert setters[9](handle, b"OfxPropNames", 0, ctypes.byref(out)) == 3
    assert len(sets.violations) == 4


def test_kdenlive_s_description_is_fresh_and_names_every_setting() -> None:
    stored = (HOSTS / "mlt" / "kdenlive_face_swap.xml").read_text("utf-8")
    assert stored == kdenlive.description(), "run `python -m mobilefaceswap.ofx.kdenlive`"
    parameters = {item.get("name"): item for item in xml.fromstring(stored).iter("parameter")}
    assert list(parameters) == [row.name for row in table(host=True)]
    assert parameters["output_mode"].get("paramlist", "").split(";")[0] == parameters["output_mode"].get("default")
