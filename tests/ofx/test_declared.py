"""What the effects declare, and what hosts make of it: other sizes, alpha, premultiplication, colour, messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bundles import failed, is_failure_picture, rendered
from mobilefaceswap.colour import ColourSpace
from mobilefaceswap.engine.looks import rows
from mobilefaceswap.errors import EngineError
from mobilefaceswap.faces.detector import open_detector
from mobilefaceswap.frame import Frame
from mobilefaceswap.identity import prepare_identity
from mobilefaceswap.media import read_picture
from mobilefaceswap.node import FaceSwapNode
from mobilefaceswap.ofx.host import Effect, Host, Layout
from mobilefaceswap.ofx.host.abi import Properties
from mobilefaceswap.ofx.install import binary_of
from mobilefaceswap.packs import Pack
from mobilefaceswap.runtime import DEVICES, available_providers
from mobilefaceswap.settings import OUTPUTS, Settings, table

GENERAL = "OfxImageEffectContextGeneral"
MODES = list(OUTPUTS)


@pytest.fixture
def general(bundle: Path, environment: pytest.MonkeyPatch) -> Iterator[Effect]:
    swap, matte = Host(binary_of(bundle)).effects(GENERAL)
    yield swap
    swap.unload()
    matte.unload()


def shown_identity(grace_hopper: Path) -> np.ndarray:
    return np.ascontiguousarray(read_picture(grace_hopper).rgb)


def swapped_by(pictures: Frame, pack: Pack, plate: Frame) -> np.ndarray:
    """What the Python node makes of the plate with one picture as the source."""
    identity = prepare_identity([("input", pictures.straight())], pack, open_detector(pack, None))
    return FaceSwapNode(identity, pack=pack, settings=Settings()).render(0, plate=plate).composite


def test_a_host_refuses_what_an_effect_does_not_declare(general: Effect, identity: Path, plate) -> None:
    node = general.create(source=str(identity))
    small = np.ones((40, 40, 1), np.float32)
    node.effect.properties["OfxImageEffectPropSupportsMultiResolution"] = [0]
    with pytest.raises(EngineError, match="sizes and origins"):
        node.render(plate, OutM=small)
    node.effect.properties["OfxImageEffectPropSupportsMultiResolution"] = [1]
    node.effect.properties["OfxImageEffectPropSupportsMultipleClipPARs"] = [0]
    with pytest.raises(EngineError, match="pixel aspects"):
        node.render(plate, OutM=(np.ones((256, 256, 1), np.float32), Layout(pixel_aspect=2.0)))


def test_an_identity_of_another_size_and_origin(general: Effect, pack: Pack, plate, grace_hopper: Path) -> None:
    shown = shown_identity(grace_hopper)
    node = general.create()
    status, output = node.render(plate, layout=Layout(origin=(60, 40)), Identity=(shown, Layout(origin=(-3, 9))))
    want = swapped_by(Frame(shown, ColourSpace.REC709), pack, Frame(plate, ColourSpace.REC709))
    assert (status, node.persistent) == (0, "")
    np.testing.assert_array_equal(output, want)


def test_the_result_is_as_large_as_the_plate(general: Effect, plate) -> None:
    node = general.create()
    regions: list[object] = []
    # The host asks while it shows the clips.
    node.abort = type("Asking", (), {"__int__": lambda _: regions.append(node.ask("GetRegionOfDefinition")) or 1})()
    node.render(plate, layout=Layout(origin=(60, 40)), Identity=(np.ones((600, 500, 3), np.float32), Layout()))
    assert regions[0] == {"OfxImageEffectPropRegionOfDefinition": [60, 40, 316, 296]}


@pytest.mark.parametrize(
    ("size", "layout"),
    [((100, 120), Layout(origin=(20, 30))), ((300, 300), Layout(origin=(-10, -20))), ((170, 256), Layout())],
)
def test_a_matte_of_another_size_counts_where_it_lies(
    general: Effect, identity: Path, expected, plate, size: tuple[int, int], layout: Layout
) -> None:
    matte = np.linspace(0, 1, size[0] * size[1], dtype=np.float32).reshape(*size, 1)
    status, output = general.create(source=str(identity)).render(plate, OutM=(matte, layout))
    garbage = np.zeros((900, 900), np.float32)
    # Rows go up in the host's plane; the plate lies from (200, 200) on.
    x, y = 200 + layout.origin[0], 200 + layout.origin[1]
    garbage[y : y + size[0], x : x + size[1]] = matte[::-1, :, 0]
    want = expected(plate, outside=np.ascontiguousarray(garbage[200:456, 200:456][::-1])).composite
    assert status == 0
    assert not np.array_equal(want, expected(plate).composite)
    np.testing.assert_array_equal(output, want)


def test_a_matte_of_another_scale_covers_the_same_plane(general: Effect, identity: Path, expected, plate) -> None:
    garbage = np.zeros((128, 128, 1), np.float32)
    garbage[:, 70:] = 1
    half = Layout(scale=(0.5, 0.5))
    status, output = general.create(source=str(identity)).render(plate, OutM=(garbage, half))
    full = np.repeat(np.repeat(garbage[..., 0], 2, axis=0), 2, axis=1)
    difference = np.abs(output - expected(plate, outside=full).composite).max(axis=2)
    assert status == 0
    # Interpolated over the edge's pixels alone.
    assert np.flatnonzero(difference.max(axis=0) > 1e-6).tolist() in ([139, 140], [139], [140])


def test_a_message_with_a_percent_sign_arrives_whole(effects, plate, tmp_path: Path) -> None:
    node = effects[0].create(source=str(tmp_path / "100% actor %s.png"))
    assert node.render(plate)[0] == 1
    assert "100% actor %s.png" in node.persistent
    assert node.notice == "OfxMessageError"


@pytest.mark.parametrize("depth", [np.float32, np.uint8])
def test_a_premultiplied_plate_without_alpha_but_with_colour_is_swapped(
    effects, identity: Path, expected, plate, depth: type
) -> None:
    pixels = plate.copy()
    pixels[..., 3] = 0
    stored = pixels if depth is np.float32 else np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    node = effects[0].create(source=str(identity))
    status, output = node.render(stored, layout=Layout(premultiplied=True))
    shown = stored if depth is np.float32 else stored.astype(np.float32) / np.float32(255)
    want = expected(shown)
    assert len(want.swapped) == 1
    assert (status, node.notice) == (0, "OfxMessageWarning")
    assert "alpha is 0" in node.persistent
    whole = want.composite if depth is np.float32 else np.rint(255 * np.clip(want.composite, 0, 1))
    np.testing.assert_array_equal(output, whole.astype(depth))


def test_a_hole_in_a_plate_that_hides_no_face_stays_one(effects, identity: Path, expected, plate) -> None:
    pixels = np.dstack([plate[..., :3] * plate[..., 3:], plate[..., 3]])
    pixels[:20, :20, 3] = 0
    node = effects[0].create(source=str(identity))
    status, output = node.render(pixels, layout=Layout(premultiplied=True))
    assert (status, node.persistent) == (0, "")
    np.testing.assert_array_equal(output, expected(pixels, premultiplied=True).composite)


# Of a plate that is premultiplied.
PREMULTIPLICATION = {
    "composite": "OfxImageAlphaPremultiplied",
    "face": "OfxImageAlphaPremultiplied",
    "face-unpremultiplied": "OfxImageAlphaUnPremultiplied",
    "matte": "OfxImageOpaque",
    "status": "OfxImageOpaque",
    "overlay": "OfxImageAlphaPremultiplied",
    "learned-matte": "OfxImageOpaque",
    "occlusion": "OfxImageOpaque",
    "trust": "OfxImageOpaque",
    "difference": "OfxImageOpaque",
    "st-map": "OfxImageOpaque",
    "people": "OfxImageOpaque",
}


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_declares_what_its_alpha_means(effects, plate, mode: str) -> None:
    node = effects[0].create(mix=0.0)
    node.render(plate, layout=Layout(premultiplied=True))
    # The host asks again since the effect says that this control counts.
    node.values["output_mode"] = MODES.index(mode)
    node.render(plate, layout=Layout(premultiplied=True))
    assert node.preferences["OfxImageEffectPropPreMultiplication"] == [PREMULTIPLICATION[mode]]


def test_matte_to_alpha_and_the_matte_effect_declare_theirs(effects, plate) -> None:
    swap, matte = (effect.create() for effect in effects)
    for node in (swap, matte):
        node.render(plate, layout=Layout(premultiplied=True))
    assert matte.preferences["OfxImageEffectPropPreMultiplication"] == ["OfxImageOpaque"]
    swap.values["matte_to_alpha"] = 1
    swap.render(plate, layout=Layout(premultiplied=True))
    assert swap.preferences["OfxImageEffectPropPreMultiplication"] == ["OfxImageAlphaUnPremultiplied"]


@pytest.mark.parametrize("values", [{"output_mode": 1}, {"output_mode": 2}, {"matte_to_alpha": 1}])
def test_a_plate_without_alpha_gets_one_where_the_matte_is_the_alpha(
    effects, identity: Path, expected, plate, values: dict[str, int]
) -> None:
    output = rendered(effects[0].create(source=str(identity), **values), np.ascontiguousarray(plate[..., :3]))
    assert output.shape == (256, 256, 4)
    np.testing.assert_array_equal(output[..., 3], expected(np.ascontiguousarray(plate[..., :3])).matte)


@pytest.mark.parametrize("mode", MODES)
def test_no_mode_loses_a_channel_on_a_plate_without_alpha(effects, identity: Path, expected, plate, mode: str) -> None:
    pixels = np.ascontiguousarray(plate[..., :3])
    output = rendered(effects[0].create(source=str(identity), output_mode=MODES.index(mode)), pixels)
    want = expected(pixels).layer(mode)
    channels = 1 if want.ndim == 2 else want.shape[2]
    assert output.shape[2] == max(3, channels)
    np.testing.assert_array_equal(output[..., :channels], np.atleast_3d(want))


def test_a_composite_keeps_the_plate_s_channels(effects, identity: Path, plate) -> None:
    assert rendered(effects[0].create(source=str(identity)), np.ascontiguousarray(plate[..., :3])).shape[2] == 3


DECLARED = {
    "its own space": ({}, Layout(colour_space="lin_rec709_srgb"), {"colour_space": ColourSpace.LINEAR}),
    "the working space": ({"colour_space": 3}, Layout(), {"colour_space": ColourSpace.LINEAR}),
    "premultiplied": ({}, Layout(premultiplied=True), {"colour_space": ColourSpace.REC709, "premultiplied": True}),
    "pixel aspect": ({}, Layout(pixel_aspect=2.0), {"colour_space": ColourSpace.REC709, "pixel_aspect": 2.0}),
}


@pytest.mark.parametrize(("values", "layout", "declared"), DECLARED.values(), ids=DECLARED.keys())
def test_the_identity_input_is_what_the_host_says_of_it(
    general: Effect, pack: Pack, plate, grace_hopper: Path, values, layout: Layout, declared: dict[str, object]
) -> None:
    shown = shown_identity(grace_hopper)
    if layout.pixel_aspect == 2:
        shown = np.ascontiguousarray(shown[:, ::2])
    alpha = np.linspace(0.5, 1, shown.shape[1], dtype=np.float32)[None].repeat(shown.shape[0], axis=0)
    shown = np.dstack([shown * alpha[..., None], alpha])
    node = general.create(**values)
    # Clips of another aspect lie beside one that is square.
    status, output = node.render(plate, Identity=(shown, layout))
    space = ColourSpace.LINEAR if values else ColourSpace.REC709
    want = swapped_by(Frame(shown, **declared), pack, Frame(plate, space))
    assert (status, node.persistent) == (0, "")
    np.testing.assert_array_equal(output, want)


def test_the_output_keeps_the_plate_s_pixel_aspect(general: Effect, plate, grace_hopper: Path) -> None:
    node = general.create()
    node.render(plate, Identity=(shown_identity(grace_hopper), Layout(pixel_aspect=2.0)))
    assert node.preferences["OfxImageClipPropPAR_Output"] == [1.0]


@pytest.mark.parametrize("premultiplied", [False, True])
def test_a_composite_is_multiplied_as_the_plate_is(general: Effect, identity: Path, plate, premultiplied: bool) -> None:
    """Whatever the other inputs are: hosts would take the portrait's, or the matte's."""
    node = general.create(source=str(identity))
    other = Layout(premultiplied=not premultiplied)
    node.render(plate, layout=Layout(premultiplied=premultiplied), Identity=(plate, other), OutM=(plate, other))
    wanted = "OfxImageAlphaPremultiplied" if premultiplied else "OfxImageAlphaUnPremultiplied"
    assert node.preferences["OfxImageEffectPropPreMultiplication"] == [wanted]


class RatedHost(Host):
    """Tells how many frames a second each clip has."""

    def clip_properties(self, effect: int, name: str) -> Properties:
        rate = 24.0 if name == "Source" else 60.0
        return super().clip_properties(effect, name) | {"OfxImageEffectPropFrameRate": [rate]}


@pytest.mark.parametrize("settable", [0, 1])
def test_the_output_keeps_the_plate_s_frame_rate(bundle: Path, environment, plate, settable: int) -> None:
    host = RatedHost(binary_of(bundle), properties={"OfxImageEffectPropSetableFrameRate": [settable]})
    effects = host.effects(GENERAL)
    node = effects[0].create()
    node.render(plate, Identity=plate)
    assert node.preferences.get("OfxImageEffectPropFrameRate") == ([24.0] if settable else None)
    assert [effect.unload() for effect in effects] == [0, 0]


def test_a_track_makes_a_still_vary(effects, plate, tmp_path: Path) -> None:
    node = effects[0].create()
    node.render(plate)
    assert node.preferences["OfxImageEffectFrameVarying"] == [0]
    node.values["track_file"] = str(tmp_path / "track.json")
    node.render(plate)
    assert node.preferences["OfxImageEffectFrameVarying"] == [1]


@pytest.mark.parametrize(
    ("values", "keys", "varies"),
    [
        ({"regrain": 0.5}, {}, 1),
        ({"regrain": 0.5, "regrain_from": 1}, {}, 0),
        ({"regrain_from": 1}, {"regrain": 2}, 0),
        ({}, {"regrain": 2}, 1),
        ({"regrain": 0.5, "regrain_from": 1}, {"regrain_from": 2}, 1),
        ({}, {"regrain_from": 2}, 0),
    ],
)
def test_new_grain_makes_a_still_vary(effects, plate, values, keys: dict[str, int], varies: int) -> None:
    """The host asks again since the effect says that these controls count."""
    node = effects[0].create(mix=0.0)
    node.render(plate)
    assert node.preferences["OfxImageEffectFrameVarying"] == [0]
    node.values.update(values)
    node.keys.update(keys)
    node.render(plate)
    assert node.preferences["OfxImageEffectFrameVarying"] == [varies]


def test_grain_does_not_show_in_the_matte_s_own_effect(effects, plate) -> None:
    node = effects[1].create(regrain=1.0, enable=0)
    node.render(plate)
    assert node.preferences["OfxImageEffectFrameVarying"] == [0]


OFF = {mode: {"output_mode": MODES.index(mode)} for mode in MODES} | {"matte to alpha": {"matte_to_alpha": 1}}


@pytest.mark.parametrize("source", ["", "/nowhere/gone.idn"], ids=["none", "gone"])
@pytest.mark.parametrize("values", OFF.values(), ids=OFF.keys())
def test_a_node_that_is_off_needs_no_source_in_any_mode(effects, expected, plate, values, source: str) -> None:
    settings = Settings().replaced(
        enable=False,
        output_mode=MODES[values.get("output_mode", 0)],
        matte_to_alpha=bool(values.get("matte_to_alpha", 0)),
    )
    output = rendered(effects[0].create(source=source, enable=0, **values), plate)
    want = expected(plate, settings).layer(settings.output_mode)
    np.testing.assert_array_equal(output[..., : np.atleast_3d(want).shape[2]], np.atleast_3d(want))


def test_the_matte_effect_that_is_off_needs_no_source(effects, plate) -> None:
    assert not rendered(effects[1].create(enable=0, track_file="/nowhere/track.json"), plate).any()


def test_smoothing_without_a_track_is_said(effects, identity: Path, expected, plate) -> None:
    node = effects[0].create(source=str(identity), smoothing=5)
    status, output = node.render(plate)
    assert (status, node.notice) == (0, "OfxMessageWarning")
    assert "Track File" in node.persistent
    np.testing.assert_array_equal(output, expected(plate).composite)
    for quiet in (0, 3):
        node.values["smoothing"] = quiet
        node.render(plate)
        assert node.persistent == ""


def test_fields_and_colour_management_are_declared_by_the_standard_s_names(effects) -> None:
    for effect in effects:
        assert effect.clips["Source"]["OfxImageClipPropFieldExtraction"] == ["OfxFieldDoubled"]
        style = effect.properties["OfxImageEffectPropColourManagementStyle"]
        assert style == ["OfxImageEffectColourManagementOCIO"]


@pytest.mark.parametrize("mode", MODES)
def test_pictures_are_in_the_plate_s_space_and_data_in_none(effects, mode: str) -> None:
    node = effects[0].create(output_mode=MODES.index(mode))
    wanted = {"OfxImageClipPropPreferredColourspaces": ["OfxColourspace_Source"]}
    found = node.ask("GetOutputColourspace", **wanted)["OfxImageClipPropColourspace"]
    assert found == (["OfxColourspace_Source"] if OUTPUTS[mode].picture else ["ofx_raw"])


def test_each_effect_says_what_it_is_for(effects, bundle: Path) -> None:
    swap, matte = effects
    assert swap.properties["OfxPropPluginDescription"] != matte.properties["OfxPropPluginDescription"]
    for effect in effects:
        icons = effect.properties["OfxPropIcon"]
        assert [Path(icon).suffix for icon in icons] == [".svg", ".png"]
        for icon in icons:
            assert (bundle / "Contents" / "Resources" / icon).stat().st_size > 200


def test_a_choice_that_there_is_not_is_refused(bundle, environment, identity: Path, expected, plate) -> None:
    swap, matte = Host(binary_of(bundle), name="MLT").effects()
    node = swap.create(source=str(identity))
    node.parameters["output_mode"]["MltOfxParamValue"] = ["Mate"]
    status, _ = node.render(plate)
    assert status == 1
    assert '"Mate"' in node.persistent
    assert "Overlay" in node.persistent
    node.parameters["output_mode"]["MltOfxParamValue"] = ["Composite"]
    np.testing.assert_array_equal(rendered(node, plate), expected(plate).composite)
    swap.unload()
    matte.unload()


@pytest.mark.parametrize("number", [-1, 99])
@pytest.mark.parametrize("name", ["output_mode", "colour_space"])
def test_an_entry_that_there_is_not_is_refused(effects, identity: Path, expected, plate, name, number: int) -> None:
    """As a project of a later version holds it."""
    node = effects[0].create(source=str(identity), **{name: number})
    message = failed(node, plate)
    assert next(row for row in table(host=True) if row.name == name).label in message
    assert f"number {number}" in message
    node.ask("GetClipPreferences")
    node.edit(**{name: 0})
    np.testing.assert_array_equal(rendered(node, plate), expected(plate).composite)


def test_save_look_says_what_it_saves(effects) -> None:
    (hint,) = effects[0].parameters["save_look"]["OfxParamPropHint"]
    _, stays = hint.split("Source")
    saved = {row.label for row in rows()}
    for label in ("View Exposure", "Pixel Boost"):
        assert label in stays
    assert not any(label in stays for label in saved)
    assert "every" not in hint


def test_a_thumbnail_costs_no_swap(effects, environment: pytest.MonkeyPatch, plate) -> None:
    environment.setenv("MOBILEFACESWAP_PYTHON", "/nowhere/python")
    node = effects[0].create()
    for more, layout in (({"OfxImageEffectPropThumbnailRender": ["true"]}, Layout()), ({}, Layout(thumbnail=True))):
        status, output = node.render(plate, layout=layout, more=more)
        assert (status, node.persistent) == (0, "")
        np.testing.assert_array_equal(output, plate)
    assert node.is_identity(OfxImageEffectPropThumbnailRender=["true"])
    assert node.render(plate)[0] == 1, "any other frame is worth an engine"


def test_a_draft_searches_a_smaller_picture(effects, identity: Path, expected, plate) -> None:
    node = effects[0].create(source=str(identity), analysis_size=160)
    status, output = node.render(plate, more={"OfxImageEffectPropRenderQualityDraft": [1]})
    assert status == 0
    np.testing.assert_array_equal(output, expected(plate, Settings().replaced(analysis_size=160)).composite)
    node.values["analysis_size"] = 1280
    status, output = node.render(plate, more={"OfxImageEffectPropRenderQualityDraft": [1]})
    np.testing.assert_array_equal(output, expected(plate, Settings().replaced(analysis_size=320)).composite)


def test_a_device_that_this_machine_lacks_fails_the_frame(effects, identity: Path, expected, plate) -> None:
    present = {"cpu", *(name for name, needed in DEVICES.items() if {*needed} <= {*available_providers()})}
    labels = list(next(row for row in table(host=True) if row.name == "device").entries)
    absent = next(name for name in DEVICES if name not in present)
    node = effects[0].create(source=str(identity))
    node.edit(device=labels.index("cpu"))
    np.testing.assert_array_equal(rendered(node, plate), expected(plate).composite)
    node.edit(pack="", device=labels.index("cpu"))
    assert node.values["engine_status"].endswith(", cpu")
    node.edit(device=labels.index(absent))
    status, output = node.render(plate)
    assert (status, is_failure_picture(output)) == (1, True)
    assert DEVICES[absent][0] in node.persistent
    assert "Device" in node.persistent


def test_controls_without_effect_are_greyed_out(effects) -> None:
    node = effects[0].create()
    assert node.enabled("analysis_size")
    assert not any(map(node.enabled, ("face_index", "face_point_x", "reference", "reference_threshold")))
    node.edit(face_choice=1)
    assert node.enabled("face_index")
    node.edit(face_choice=2, track_file="track.json", output_mode=3)
    assert not any(map(node.enabled, ("face_index", "analysis_size", "matte_to_alpha")))
    assert node.enabled("face_point_y")


def test_pages_hold_every_group_once(effects) -> None:
    for effect in effects:
        pages = [name for name, kind in effect.types.items() if kind == "OfxParamTypePage"]
        groups = [name for name, kind in effect.types.items() if kind == "OfxParamTypeGroup"]
        held = [group for page in pages for group in effect.parameters[page]["OfxParamPropPageChild"]]
        assert sorted(held) == sorted(groups)
        assert effect.properties["OfxPluginPropParamPageOrder"] == pages
