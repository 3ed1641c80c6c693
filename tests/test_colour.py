"""Colour spaces by name, with known answers, and there and back."""

from __future__ import annotations

import numpy as np
import pytest

from mobilefaceswap import Settings
from mobilefaceswap.colour import (
    BUILT_IN,
    SPACES,
    ColourSpace,
    coded_space,
    from_display,
    safe_codes,
    space_named,
    to_display,
)
from mobilefaceswap.colour.config import processor
from mobilefaceswap.colour.curve import curve_between
from mobilefaceswap.errors import SettingsError
from mobilefaceswap.node.keys import plate_key

CONFIG = """ocio_profile_version: 2
search_path: luts
strictparsing: true
roles: {scene_linear: Stage, aces_interchange: ap0, cie_xyz_d65_interchange: xyz, data: depth}
file_rules:
  - !<Rule> {name: Default, colorspace: Stage}
displays:
  sRGB:
    - !<View> {name: Film, colorspace: tv}
active_displays: []
active_views: []
display_colorspaces:
  - !<ColorSpace> {name: xyz, isdata: false}
view_transforms:
  - !<ViewTransform>
    name: plain
    from_scene_reference: !<MatrixTransform> {matrix: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}
colorspaces:
  - !<ColorSpace> {name: ap0, isdata: false, encoding: scene-linear}
  - !<ColorSpace>
    name: Stage
    aliases: [house lin]
    to_scene_reference: !<MatrixTransform> {matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]}
  - !<ColorSpace>
    name: curve
    to_scene_reference: !<LogTransform> {base: 10, direction: inverse}
  - !<ColorSpace>
    name: tv
    to_scene_reference: !<ExponentTransform> {value: 2}
  - !<ColorSpace> {name: depth, isdata: true}
"""


@pytest.fixture(autouse=True)
def without_ocio(monkeypatch):
    monkeypatch.delenv("OCIO", raising=False)


@pytest.fixture
def config(tmp_path) -> str:
    place = tmp_path / "show.ocio"
    place.write_text(CONFIG)
    return str(place)


def grey(value: float) -> np.ndarray:
    return np.full((1, 3), value, np.float32)


def test_linear_middle_grey_shows_as_srgb_says():
    # IEC 61966-2-1: 1.055 * 0.18 ** (1 / 2.4) - 0.055
    shown = to_display(grey(0.18), ColourSpace.LINEAR)
    np.testing.assert_allclose(shown, 1.055 * 0.18 ** (1 / 2.4) - 0.055, atol=1e-5)


def test_rec709_is_shown_as_bt1886_shows_it():
    # BT.1886 with a black of zero is a pure 2.4 power; then IEC 61966-2-1.
    light = 0.5**2.4
    shown = to_display(grey(0.5), ColourSpace.REC709)
    np.testing.assert_allclose(shown, 1.055 * light ** (1 / 2.4) - 0.055, atol=1e-5)


def pq(nits: float) -> float:
    """SMPTE ST 2084, equation 5.2."""
    power = (nits / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


CHART = {
    # 18 % grey where each maker's paper puts it.
    "acescg": 0.18,
    "acescct": 0.4135884,
    "arri-logc3": 0.391007,
    "arri-logc4": 0.278396,
    "s-log3": 0.410557,
    "log3g10": 1 / 3,
    "v-log": 0.423311,
    "davinci-intermediate": 0.336043,
    "canon-log2": 0.398254,
    "canon-log3": 0.343389,
    "bmd-film-gen5": 0.383562,
    # 10-bit code 445 is the aim density of a grey card on Cineon's scale, give or take the black offset.
    "cineon": 0.4573,
    "pq": pq(0.18 * 203),
}


@pytest.mark.parametrize(("name", "code"), CHART.items())
def test_middle_grey_lies_where_the_makers_put_it(name: str, code: float):
    middle = to_display(grey(0.18), ColourSpace.LINEAR)
    np.testing.assert_allclose(from_display(middle, SPACES[name]), code, atol=2e-4)


def test_reference_white_of_hdr_is_the_display_s_white():
    np.testing.assert_allclose(to_display(grey(pq(203)), SPACES["pq"]), 1.0, atol=2e-3)
    # ITU-R BT.2408: 75 % of HLG.
    np.testing.assert_allclose(to_display(grey(0.75), SPACES["hlg"]), 1.0, atol=2e-3)


def test_primaries_are_converted():
    # ACEScg's matrix to linear Rec.709 (AP1 to Rec.709, Bradford): the first column of S-2014-004 and BT.709 combined.
    light = from_display(to_display(np.array([[1, 0, 0]], np.float32), SPACES["acescg"]), ColourSpace.LINEAR)
    np.testing.assert_allclose(light, [[1.70505, -0.13026, -0.02400]], atol=1e-4)


@pytest.mark.parametrize("space", list(SPACES.values()))
def test_there_and_back_keeps_values_above_one_and_below_zero(space):
    shown = np.linspace(0.02, 1.8, 300, dtype=np.float32).reshape(-1, 3)
    if space.linear or space.name in ("srgb", "rec709"):
        shown = np.linspace(-0.3, 2.5, 300, dtype=np.float32).reshape(-1, 3)
    np.testing.assert_allclose(to_display(from_display(shown, space), space), shown, rtol=5e-5, atol=5e-5)


@pytest.mark.parametrize("space", list(SPACES.values()))
def test_a_stop_doubles_the_light_and_is_taken_back(space):
    shown = to_display(from_display(grey(0.4), space), space.exposed(1))
    light = [from_display(values, ColourSpace.LINEAR)[0, 0] for values in (grey(0.4), shown)]
    assert light[1] == pytest.approx(2 * light[0], rel=1e-3)
    np.testing.assert_allclose(from_display(shown, space.exposed(1)), from_display(grey(0.4), space), atol=1e-5)


def test_srgb_is_untouched_and_copied():
    values = np.random.default_rng(0).random((7, 3), np.float32)
    shown = to_display(values, ColourSpace.SRGB)
    np.testing.assert_array_equal(shown, values)
    assert not np.shares_memory(shown, values)


def test_a_space_is_linear_where_twice_the_light_is_twice_the_value():
    for space in SPACES.values():
        low, high = from_display(np.array([[0.25] * 3, [0.75] * 3], np.float32), space)[:, 0]
        linear = from_display(np.array([[0.25] * 3, [0.75] * 3], np.float32), ColourSpace.LINEAR)[:, 0]
        assert space.linear == bool(np.allclose(high / low, linear[1] / linear[0], rtol=1e-3)), space
    assert [str(space) for space in SPACES.values()] == list(SPACES)


def test_no_two_spaces_share_a_name_or_a_code():
    codes = [code for space in SPACES.values() for code in space.coded]
    assert len(codes) == len(set(codes))
    for space in SPACES.values():
        for word in (space.name, space.label, *space.aliases, *space.openfx):
            assert space_named(word) is space, word
    assert coded_space(16, 9) is SPACES["pq"]
    assert coded_space(99, 99) is None


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ACEScg", "acescg"),
        ("lin_ap1", "acescg"),
        ("scene_linear", "acescg"),
        ("ARRI LogC4", "arri-logc4"),
        ("arri_logc3_ei800", "arri-logc3"),
        ("S-Log3", "s-log3"),
        ("DaVinci Intermediate", "davinci-intermediate"),
        ("srgb_display", "srgb"),
        ("LINEAR REC.709", "linear-rec709"),
    ],
)
def test_names_aliases_and_roles_find_the_usual_spaces(typed: str, name: str):
    assert space_named(typed) is SPACES[name]


def test_any_other_space_of_the_built_in_configuration():
    found = space_named("lin_vgamut")
    assert (found.name, found.encoding, found.config) == ("Linear V-Gamut", "linear", "")


@pytest.mark.parametrize(("typed", "near"), [("ACECsg", "acescg"), ("Canon Log", "canon-log3"), ("arri", "arri-logc4")])
def test_an_unknown_space_is_refused_with_the_nearest_names(typed: str, near: str):
    with pytest.raises(SettingsError, match="Nearest") as refused:
        Settings(colour_space=typed)
    assert near in str(refused.value)
    assert "\n" not in str(refused.value)


def test_data_are_no_colour():
    with pytest.raises(SettingsError, match="data"):
        space_named("Raw")


def test_a_configuration_of_one_s_own(config, monkeypatch):
    space = space_named("HOUSE LIN", config)
    assert (space.name, space.encoding) == ("Stage", "linear")
    assert space_named("scene_linear", config) == space
    np.testing.assert_allclose(to_display(grey(0.09), space), to_display(grey(0.18), ColourSpace.LINEAR), atol=1e-4)
    encodings = {name: space_named(name, config).encoding for name in ("ap0", "curve", "tv")}
    assert encodings == {"ap0": "linear", "curve": "log", "tv": "display"}
    monkeypatch.setenv("OCIO", config)
    assert space_named("Stage") == space
    assert space_named("acescg") is SPACES["acescg"], "usual spaces stay what they are"
    assert Settings(colour_space="Stage").colour_space == "Stage"


def test_a_changed_configuration_changes_cache_keys(config, tmp_path):
    before = str(space_named("Stage", config))
    other = tmp_path / "other.ocio"
    other.write_text(CONFIG.replace("2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2", "3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3"))
    assert str(space_named("Stage", str(other))) != before
    assert str(ColourSpace.LINEAR.exposed(0.5)) != str(ColourSpace.LINEAR)


def test_a_changed_configuration_of_the_same_name_changes_the_plate_s_key(config, tmp_path, monkeypatch):
    monkeypatch.setenv("OCIO", config)
    settings = Settings(colour_space="Stage")
    before = plate_key("clip", settings)
    assert plate_key("clip", settings) == before
    other = tmp_path / "other.ocio"
    other.write_text(CONFIG.replace("2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2", "3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3"))
    monkeypatch.setenv("OCIO", str(other))
    assert plate_key("clip", settings) != before


@pytest.mark.parametrize("text", [None, "ocio_profile_version: 2\ncolorspaces: [", "roles:"])
def test_a_broken_configuration_is_one_line(tmp_path, text, monkeypatch):
    place = tmp_path / "broken.ocio"
    if text is not None:
        place.write_text(text)
    with pytest.raises(SettingsError, match="OpenColorIO configuration") as refused:
        Settings(colour_space="Stage", ocio_config=str(place))
    assert "\n" not in str(refused.value)
    assert refused.value.__cause__ is not None
    monkeypatch.setenv("OCIO", str(place))
    assert Settings(colour_space="arri-logc3").colour_space == "arri-logc3", "usual spaces need no configuration"


def test_a_configuration_that_meets_no_other_says_what_it_lacks(tmp_path):
    place = tmp_path / "island.ocio"
    place.write_text(CONFIG.replace("aces_interchange: ap0, ", "").replace("cie_xyz_d65_interchange: xyz, ", ""))
    with pytest.raises(SettingsError, match="aces_interchange"):
        to_display(grey(0.2), space_named("ap0", str(place)))


@pytest.mark.parametrize("space", [ColourSpace.REC709, ColourSpace.LINEAR, SPACES["hlg"]], ids=str)
def test_a_curve_gives_what_opencolorio_gives(space: ColourSpace) -> None:
    pixels = np.random.default_rng(0).random((64, 64, 3), np.float32)
    pixels[0] = np.geomspace(1e-9, 1e-2, 192, dtype=np.float32).reshape(64, 3)
    pixels[1] = np.linspace(-2, 3, 192, dtype=np.float32).reshape(64, 3)
    pixels[2, :2] = [[0, 1, np.nextafter(np.float32(1), np.float32(0))], [np.nan, np.inf, -np.inf]]
    for source, destination in ((space, ColourSpace.SRGB), (ColourSpace.SRGB, space)):
        expected = pixels.copy()
        processor(source, destination).applyRGB(expected)
        curve = curve_between(source, destination)
        assert (curve is None) is (space.name == "hlg")
        if curve is not None:
            np.testing.assert_allclose(curve(pixels), expected, rtol=0, atol=3e-7)
            outside = ~((pixels > 1 / 256) & (pixels < 1))
            np.testing.assert_array_equal(curve(pixels)[outside], expected[outside])


def test_codes_that_are_safe_are_shown_inside_the_display_s_range() -> None:
    for space in SPACES.values():
        codes = safe_codes(space)
        if codes is not None:
            shown = to_display(np.random.default_rng(0).uniform(*codes, (99, 3)).astype(np.float32), space)
            assert 0 <= shown.min() <= shown.max() <= 1
    assert safe_codes(ColourSpace.REC709)
    assert safe_codes(ColourSpace.REC709.exposed(1)) is None
    assert safe_codes(SPACES["display-p3"]) is None


def test_a_configuration_that_the_working_space_does_not_need_is_said_to_be_unused(config, tmp_path):
    said = Settings(colour_space="acescg", ocio_config=config).unused
    assert said == f"OpenColorIO Config ({config}) is not used: the working space ACEScg needs none"
    broken = str(tmp_path / "broken.ocio")
    said = Settings(colour_space="acescg", ocio_config=broken).unused
    assert "Also: expected an OpenColorIO configuration at" in said
    assert broken in said
    for used in ({"colour_space": "Stage", "ocio_config": config}, {"ocio_config": ""}):
        assert Settings(**used).unused == ""
    assert Settings(colour_space="lin_ap1", ocio_config=BUILT_IN).unused == ""
