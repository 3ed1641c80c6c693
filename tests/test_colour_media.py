"""Colour on its way in and out of files: what headers name, and what outputs hold."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from compare import assert_same
from media_made import make_clip
from mobilefaceswap.colour import SPACES, ColourSpace, from_display, to_display
from mobilefaceswap.media import create_output, open_clip
from mobilefaceswap.media.grade import converted

OCIO = tuple(int(number) for number in version("opencolorio").split(".")[:2])
AP1 = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)
AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)
ODD = (0.7, 0.25, 0.2, 0.7, 0.1, 0.05, 0.3, 0.3)
P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290)


def chart() -> np.ndarray:
    """Colours from 2 % to 90 %, their codes whole in 10 bits."""
    values = np.arange(8 * 12 * 3) * 37 % 900 + 60
    return (values.reshape(8, 12, 3) / 1023).astype(np.float32)


def picture(path: Path, kind: str, **attributes: object) -> Path:
    header = oiio.ImageSpec(12, 8, 3, kind)
    for name, value in attributes.items():
        if name == "chromaticities":
            header.attribute(name, oiio.TypeDesc("float[8]"), value)
        else:
            header.attribute(name.replace("__", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), header)
    assert output.write_image(chart())
    output.close()
    return path


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({}, "linear-rec709"),
        ({"chromaticities": AP1}, "acescg"),
        ({"chromaticities": AP0}, "aces2065-1"),
        ({"chromaticities": P3}, "linear-p3-d65"),
        ({"colorInteropID": "lin_ap1_scene"}, "acescg"),
        ({"colorInteropID": "lin_rec2020_scene"}, "linear-rec2020"),
        ({"colorInteropID": "srgb_rec709_scene"}, "srgb"),
        ({"colorInteropID": "srgb_rec709_display"}, "srgb"),
        ({"colorInteropID": "g24_rec709_display"}, "rec709"),
        ({"colorInteropID": "pq_rec2020_display"}, "pq"),
        ({"colorInteropID": "pq_p3d65_display"}, "pq-p3"),
        ({"colorInteropID": "hlg_rec2020_display"}, "hlg"),
        ({"colorInteropID": "ocio:acescct_ap1_scene"}, "acescct"),
        ({"colorInteropID": "data", "chromaticities": AP1}, "acescg"),
        ({"colorInteropID": "unknown"}, "linear-rec709"),
    ],
)
def test_an_exr_s_primaries_decide_its_space(tmp_path: Path, attributes: dict[str, object], name: str):
    clip = open_clip(picture(tmp_path / "a.exr", "half", **attributes))
    assert (clip.colour_space, clip.notes) == (SPACES[name], ())
    assert clip.frame(0).colour_space is SPACES[name]


@pytest.mark.parametrize(
    ("identifier", "label", "middle"),
    [
        ("lin_ciexyzd65_scene", "CIE-XYZ-D65", (0.9505, 1, 1.089)),
        ("g26_p3d65_display", "P3-D65 - Display", (1, 1, 1)),
        ("lin_adobergb_scene", "Linear AdobeRGB", (1, 1, 1)),
        ("g22_adobergb_scene", "Gamma 2.2 Encoded AdobeRGB", (1, 1, 1)),
    ],
)
def test_identifiers_of_spaces_without_a_row_are_known_too(
    tmp_path: Path, identifier: str, label: str, middle: tuple[float, ...]
):
    if "adobe" in identifier and OCIO < (2, 5):
        pytest.skip("OpenColorIO has Adobe RGB from 2.5 on")
    clip = open_clip(picture(tmp_path / "a.exr", "half", colorInteropID=identifier))
    assert (clip.colour_space.label, clip.notes) == (label, ())
    assert to_display(np.array([[middle]], np.float32), clip.colour_space) == pytest.approx(1, abs=2e-3)


def test_an_identifier_that_is_not_known_is_said(tmp_path: Path):
    clip = open_clip(picture(tmp_path / "a.exr", "half", colorInteropID="unheard_of", chromaticities=AP1))
    assert clip.colour_space is SPACES["acescg"]
    assert clip.notes == (
        "its colorInteropID, unheard_of, is not known here: taken as ACEScg; otherwise set Working Space",
    )


@pytest.mark.parametrize("ending", ["png", "tif", "dpx", "exr"])
@pytest.mark.parametrize("matte", [False, True])
def test_what_is_converted_is_not_declared_to_be_as_it_was(tmp_path: Path, ending: str, matte: bool):
    source = picture(tmp_path / "in.exr", "half", colorInteropID="lin_ap1_scene", chromaticities=AP1)
    with open_clip(source) as clip, create_output(tmp_path / f"out.{ending}", like=clip) as output:
        pixels = clip.frame(0).pixels
        output.write(0, pixels[..., 0] if matte else pixels)
    header = oiio.ImageInput.open(str(tmp_path / f"out.{ending}")).spec()
    assert (header.getattribute("colorInteropID") == "lin_ap1_scene") is (ending == "exr")
    assert (header.getattribute("chromaticities") is not None) is (ending == "exr")
    assert not [note for note in output.notes if "colorInterop" in note]


def test_primaries_of_no_usual_space_are_said(tmp_path: Path):
    clip = open_clip(picture(tmp_path / "a.exr", "half", chromaticities=ODD))
    assert clip.colour_space is ColourSpace.LINEAR
    assert "primaries" in clip.notes[0]


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({}, "srgb"),
        ({"dpx__Transfer": "Logarithmic"}, "cineon"),
        ({"dpx__Transfer": "Printing density"}, "cineon"),
        ({"dpx__Transfer": "ITU-R 709-4"}, "rec709"),
        ({"dpx__Transfer": "Linear"}, "linear-rec709"),
        ({"dpx__InputDevice": "ARRI ALEXA LogC", "dpx__Transfer": "Logarithmic"}, "arri-logc3"),
        ({"ImageDescription": "ALEXA 35 LogC4"}, "arri-logc4"),
        ({"dpx__InputDevice": "SONY F55 S-Log3"}, "s-log3"),
        ({"ImageDescription": "S-Gamut3.Cine/S-Log3"}, "s-log3"),
        ({"ImageDescription": "S-Gamut3/S-Log3"}, "s-log3-s-gamut3"),
        ({"ImageDescription": "S-Log3", "dpx__InputDevice": "S-Gamut3"}, "s-log3-s-gamut3"),
        ({"ImageDescription": "AlexaV3LogC_EI800"}, "arri-logc3"),
        ({"ImageDescription": "Canon Log 3"}, "canon-log3"),
        ({"dpx__InputDevice": "LogCv3"}, "arri-logc3"),
        ({"dpx__InputDevice": "LOGCV3"}, "arri-logc3"),
        ({"dpx__InputDevice": "vlogl"}, "v-log"),
        ({"dpx__InputDevice": "vlogvgamut"}, "v-log"),
        ({"dpx__InputDevice": "sonyslog3"}, "s-log3"),
        ({"dpx__InputDevice": "slog3cine"}, "s-log3"),
        ({"dpx__InputDevice": "slog3sgamut3"}, "s-log3-s-gamut3"),
        ({"dpx__InputDevice": "acescctap1"}, "acescct"),
        ({"dpx__InputDevice": "RWGLog3G10"}, "log3g10"),
        ({"dpx__InputDevice": "cineonlog"}, "cineon"),
        ({"ImageDescription": "LOG CLEAN"}, "srgb"),
        ({"ImageDescription": "Vlogger"}, "srgb"),
        ({"ImageDescription": "Analog Clean plate"}, "srgb"),
        ({"ImageDescription": "Catalog copy 3"}, "srgb"),
        ({"ImageDescription": "Dialog C"}, "srgb"),
        ({"Artist": "Someone of LogC"}, "srgb"),
    ],
)
def test_a_dpx_says_what_it_is(tmp_path: Path, attributes: dict[str, object], name: str):
    clip = open_clip(picture(tmp_path / "a.dpx", "uint16", oiio__BitsPerSample=10, **attributes))
    assert clip.colour_space is SPACES[name]
    assert bool(clip.notes) is (SPACES[name].encoding == "log")


def test_a_video_names_its_camera_s_curve(tmp_path: Path):
    source = make_clip(tmp_path / "a.mov", frames=2)
    with open_clip(source) as clip, create_output(tmp_path / "log.mov", like=clip) as output:
        # A writer carries over the clip's words.
        object.__setattr__(clip.format, "metadata", (("com.arri.camera.ColorGammaSxS", "LOG-C"),))
        for time in range(2):
            output.write(time, clip.frame(time).pixels)
    with open_clip(tmp_path / "log.mov") as log:
        assert log.colour_space is SPACES["arri-logc3"]
        assert "ARRI LogC3" in log.notes[0]


@pytest.mark.parametrize("ending", ["exr", "dpx", "mov"])
@pytest.mark.parametrize("space", ["arri-logc3", "acescg", "pq"])
def test_a_file_of_the_clip_s_kind_keeps_the_numbers(tmp_path: Path, ending: str, space: str):
    if ending == "mov":
        source = make_clip(tmp_path / "in.mov", frames=1, pixel_format="yuv444p10le")
    else:
        source = picture(tmp_path / f"in.{ending}", "half" if ending == "exr" else "uint16")
    out = tmp_path / f"out.{ending}"
    with open_clip(source) as clip, create_output(out, like=clip, colour_space=SPACES[space]) as output:
        output.write(0, clip.frame(0).pixels)
    with open_clip(source) as clip, open_clip(out) as copy:
        assert_same(copy.frame(0).pixels, clip.frame(0).pixels, atol=0.02 if ending == "mov" else 2e-3)


@pytest.mark.parametrize("space", ["acescg", "arri-logc3", "pq", "rec2020", "rec709"])
def test_an_exr_of_anything_else_holds_linear_rec709(tmp_path: Path, space: str):
    source = picture(tmp_path / "in.dpx", "uint16", oiio__BitsPerSample=10)
    with (
        open_clip(source) as clip,
        create_output(tmp_path / "out.exr", like=clip, colour_space=SPACES[space]) as output,
    ):
        pixels = clip.frame(0).pixels
        output.write(0, pixels)
    want = from_display(to_display(pixels, SPACES[space]), ColourSpace.LINEAR)
    found = open_clip(tmp_path / "out.exr")
    assert found.colour_space is ColourSpace.LINEAR
    np.testing.assert_allclose(found.frame(0).pixels, want, rtol=2e-3, atol=2e-3)


def test_hdr_and_wide_gamut_become_finished_pictures(tmp_path: Path):
    ramp = np.linspace(0, 1, 60, dtype=np.float32).reshape(4, 5, 3)
    shown = converted(ramp, SPACES["pq"], ColourSpace.SRGB)
    assert shown.min() >= 0
    assert shown.max() <= 1
    low = to_display(ramp, SPACES["pq"]) < 0.9
    np.testing.assert_allclose(shown[low], np.clip(to_display(ramp, SPACES["pq"])[low], 0, 1), atol=1e-6)
    red = np.array([[[0.5, 0.2, 0.2]]], np.float32)
    assert converted(red, SPACES["display-p3"], ColourSpace.SRGB)[0, 0, 0] > 0.5


def test_sdr_video_and_log_keep_their_codes():
    values = chart()
    for space in (ColourSpace.REC709, SPACES["arri-logc4"]):
        assert converted(values, space, ColourSpace.SRGB) is values


def test_a_matte_is_no_colour(tmp_path: Path):
    source = picture(tmp_path / "in.exr", "half", chromaticities=AP1)
    with open_clip(source) as clip, create_output(tmp_path / "m.png", like=clip) as output:
        output.write(0, np.full((8, 12), 0.5, np.float32))
    np.testing.assert_allclose(open_clip(tmp_path / "m.png").frame(0).pixels, 0.5, atol=1e-4)


def test_a_log_dpx_stays_one(tmp_path: Path):
    source = picture(tmp_path / "in.dpx", "uint16", dpx__Transfer="Logarithmic", oiio__BitsPerSample=10)
    with open_clip(source) as clip, create_output(tmp_path / "out.dpx", like=clip) as output:
        output.write(0, clip.frame(0).pixels)
    copy = open_clip(tmp_path / "out.dpx")
    assert copy.colour_space is ColourSpace.CINEON
