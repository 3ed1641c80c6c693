"""The built bundle in our own host: what it tells of itself, and its pixels against the Python node's."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bundles import is_failure_picture, rendered
from mobilefaceswap.ofx import generate
from mobilefaceswap.ofx.host import Host, Layout
from mobilefaceswap.ofx.install import binary_of
from mobilefaceswap.settings import OUTPUTS, HostSettings, Settings, table

GENERAL = "OfxImageEffectContextGeneral"
LAYOUTS = {
    "bottom row first": Layout(),
    "top row first, negative row bytes": Layout(bottom_up=False),
    "padded": Layout(padding=64),
    "bounds elsewhere": Layout(origin=(-7, 13)),
    "everything": Layout(bottom_up=False, padding=48, origin=(5, -3)),
}


HEADER = Path(__file__).parents[2] / "ofx_bridge" / "src" / "settings.gen.h"


def test_the_generated_table_is_fresh() -> None:
    assert HEADER.read_text() == generate.header(), "run `python -m mobilefaceswap.ofx.generate`"


def generated_rows() -> dict[str, list[object]]:
    """The fields of every row of the header by the setting's name, the name of its type first."""
    written = re.findall(r"^    \{Type::(\w+), (.*), (?:nullptr|k_\w+)\},$", HEADER.read_text(), re.MULTILINE)
    rows = [[kind, *json.loads(f"[{fields}]")] for kind, fields in written]
    return {row[1]: row for row in rows}


def test_hosts_start_with_the_defaults_of_the_table() -> None:
    shared, host = Settings(), HostSettings()
    rows = generated_rows()
    assert list(rows) == [row.name for row in table(host=True)]
    for row in table(host=True):
        kind, _, _, _, _, number, _, _, text, *_ = rows[row.name]
        assert kind == row.kind.capitalize(), row.name
        wanted = getattr(host if row.host_only else shared, row.name)
        if row.kind == "choice":
            wanted = list(row.entries).index(wanted)
        assert (text if row.textual else number) == wanted, row.name


def test_a_node_of_the_bundle_starts_with_them(effects) -> None:
    numbers = [row for row in table() if row.kind == "double"]
    assert numbers
    for row in numbers:
        assert effects[0].parameters[row.name]["OfxParamPropDefault"] == [row.default], row.name


def test_exports_and_dependencies(bundle: Path) -> None:
    for tool in ("nm", "objdump"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool}")
    binary = str(binary_of(bundle))
    listed = subprocess.run(["nm", "-D", "--defined-only", binary], capture_output=True, text=True, check=True).stdout
    assert {line.split()[-1] for line in listed.splitlines()} == {"OfxGetNumberOfPlugins", "OfxGetPlugin"}
    headers = subprocess.run(["objdump", "-p", binary], capture_output=True, text=True, check=True).stdout
    needed = {name.split(".so")[0] for name in re.findall(r"NEEDED\s+(\S+)", headers)}
    assert needed <= {"libc", "libm", "libpthread", "libdl", "librt", "ld-linux-x86-64", "ld-linux-aarch64"}


def test_describe(effects) -> None:
    swap, matte = effects
    assert [effect.identifier for effect in effects] == ["org.mobilefaceswap.FaceSwap", "org.mobilefaceswap.FaceMatte"]
    assert swap.properties["OfxImageEffectPropSupportedContexts"][0] == "OfxImageEffectContextFilter"
    assert "OfxBitDepthFloat" in swap.properties["OfxImageEffectPropSupportedPixelDepths"]
    assert set(swap.clips) == {"Source", "Output"}
    for row in table(host=True):
        described = swap.parameters[row.name]
        assert described["OfxPropLabel"] == [row.label]
        if row.textual:
            mode = "OfxParamStringIsFilePath" if row.kind == "file" else "OfxParamStringIsSingleLine"
            assert swap.types[row.name] == "OfxParamTypeString"
            assert described["OfxParamPropStringMode"] == [mode]
            assert ("OfxParamPropStringFilePathExists" in described) == (row.kind == "file")
        if row.kind in ("double", "integer"):
            assert described["OfxParamPropMin"] == described["OfxParamPropDisplayMin"] == [row.minimum]
            assert described["OfxParamPropMax"] == described["OfxParamPropDisplayMax"] == [row.maximum]
        if row.kind == "choice":
            assert described["OfxParamPropChoiceOption"] == list(row.entries.values())
        assert swap.types[described["OfxParamPropParent"][0]] == "OfxParamTypeGroup"
    assert "output_mode" not in matte.parameters


def test_general_context_has_further_clips(bundle: Path, environment: pytest.MonkeyPatch) -> None:
    swap, _ = Host(binary_of(bundle)).effects(GENERAL)
    assert list(swap.clips) == ["Source", "Identity", "InM", "OutM", "Output"]
    assert all(swap.clips[name]["OfxImageClipPropOptional"] == [1] for name in ("Identity", "InM", "OutM"))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("channels", [3, 4])
def test_float_pixels_are_the_nodes(effects, identity, expected, plate, layout: Layout, channels: int) -> None:
    node = effects[0].create(source=str(identity))
    pixels = np.ascontiguousarray(plate[..., :channels])
    status, output = node.render(pixels, layout=layout)
    want = expected(pixels)
    assert (status, node.persistent) == (0, "")
    assert len(want.swapped) == 1
    assert not np.array_equal(want.composite, pixels)
    np.testing.assert_array_equal(output, want.composite)
    assert node.held == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16])
def test_other_depths_are_rounded(effects, identity, expected, plate, dtype) -> None:
    node = effects[0].create(source=str(identity))
    largest = 1 if dtype is np.float16 else np.iinfo(dtype).max
    stored = (np.clip(plate, 0, 1) * largest).astype(dtype)
    status, output = node.render(stored)
    want = expected(stored.astype(np.float32) / np.float32(largest)).composite
    whole = want if dtype is np.float16 else np.rint(np.clip(want, 0, 1) * np.float32(largest))
    assert status == 0
    np.testing.assert_array_equal(output, whole.astype(dtype))


SHALLOWEST = {"difference": "float16", "st-map": "uint16", "people": "float32"}
DEPTHS = ["uint8", "uint16", "float16", "float32"]
TOO_SHALLOW = [(mode, dtype) for mode, least in SHALLOWEST.items() for dtype in DEPTHS[: DEPTHS.index(least)]]


def in_depth(pixels: np.ndarray, dtype: str) -> np.ndarray:
    if dtype.startswith("float"):
        return pixels.astype(dtype)
    return np.rint(np.clip(pixels, 0, 1) * np.float32(np.iinfo(dtype).max)).astype(dtype)


def in_floats(pixels: np.ndarray) -> np.ndarray:
    whole = np.issubdtype(pixels.dtype, np.integer)
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max if whole else 1)


@pytest.mark.parametrize("passes", [0, 1], ids=["fails", "passes through"])
@pytest.mark.parametrize(("mode", "dtype"), TOO_SHALLOW)
def test_a_depth_that_does_not_hold_an_output_fails_the_frame(effects, identity, plate, mode, dtype, passes) -> None:
    """Rounded ids, and differences without their sign, look like a good frame."""
    values = {"output_mode": list(OUTPUTS).index(mode), "engine_failure": passes}
    node = effects[0].create(source=str(identity), **values)
    status, output = node.render(in_depth(plate, dtype))
    assert (status, is_failure_picture(in_floats(output))) == (1, True)
    assert OUTPUTS[mode].label in node.persistent
    assert "deeper" in node.persistent


@pytest.mark.parametrize("mode", list(OUTPUTS))
def test_an_output_in_the_first_depth_that_holds_it(effects, identity, expected, plate, mode: str) -> None:
    dtype = SHALLOWEST.get(mode, "uint8")
    stored = in_depth(plate, dtype)
    output = rendered(effects[0].create(source=str(identity), output_mode=list(OUTPUTS).index(mode)), stored)
    want = np.atleast_3d(expected(in_floats(stored)).layer(mode))
    assert output.dtype == dtype
    np.testing.assert_array_equal(output[..., : want.shape[2]], in_depth(want, dtype))


@pytest.mark.parametrize("mode", list(OUTPUTS))
def test_every_output_mode(effects, identity, expected, plate, mode: str) -> None:
    row = next(row for row in table() if row.name == "output_mode")
    node = effects[0].create(source=str(identity), output_mode=list(row.entries).index(mode))
    status, output = node.render(plate)
    want = expected(plate).layer(mode)
    if want.ndim == 2:
        want = np.repeat(want[..., None], 4, axis=2)
    if want.shape[2] == 3:
        want = np.dstack([want, np.ones(want.shape[:2], np.float32)])
    assert status == 0
    np.testing.assert_array_equal(output, want)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_matte_effect(effects, identity, expected, plate, channels: int) -> None:
    node = effects[1].create(source=str(identity))
    status, output = node.render(plate, channels=channels)
    want = expected(plate).matte
    assert status == 0
    assert want.max() > 0.5
    np.testing.assert_array_equal(output, np.repeat(want[..., None], channels, axis=2))


def test_premultiplied_plates(effects, identity, expected, plate) -> None:
    premultiplied = np.dstack([plate[..., :3] * plate[..., 3:], plate[..., 3]])
    node = effects[0].create(source=str(identity))
    _, output = node.render(premultiplied, layout=Layout(premultiplied=True))
    np.testing.assert_array_equal(output, expected(premultiplied, premultiplied=True).composite)


@pytest.mark.parametrize("scale", [(1.0, 0.5), (0.5, 1.0)])
def test_unequal_render_scale_and_pixel_aspect(effects, identity, expected, plate, scale) -> None:
    small = np.ascontiguousarray(plate[:: round(1 / scale[1]), :: round(1 / scale[0])])
    node = effects[0].create(source=str(identity))
    _, output = node.render(small, layout=Layout(scale=scale, pixel_aspect=1.5))
    want = expected(small, pixel_aspect=1.5 * scale[1] / scale[0])
    np.testing.assert_array_equal(output, want.composite)


def test_tiles_join_into_the_frame(effects, identity, expected, plate) -> None:
    node = effects[0].create(source=str(identity))
    want = expected(plate).composite
    for y in range(0, 256, 100):
        for x in range(0, 256, 90):
            box = (x, y, min(x + 90, 256), min(y + 100, 256))
            status, output = node.render(plate, window=box)
            rows, columns = slice(256 - box[3], 256 - box[1]), slice(box[0], box[2])
            assert status == 0
            np.testing.assert_array_equal(output[rows, columns], want[rows, columns])
            outside = np.ones((256, 256), bool)
            outside[rows, columns] = False
            assert (output.view(np.uint32)[outside] == 0xA5A5A5A5).all(), "nothing outside the window may be touched"
    status, output = node.render(plate, window=(5, 5, 5, 9))
    assert status == 0
    assert (output.view(np.uint32) == 0xA5A5A5A5).all()


def test_inside_and_outside_mattes(bundle, environment, identity, expected, plate) -> None:
    swap, _ = Host(binary_of(bundle)).effects(GENERAL)
    node = swap.create(source=str(identity))
    core, garbage = np.zeros((256, 256, 1), np.float32), np.zeros((256, 256, 1), np.float32)
    core[60:120, 60:120], garbage[:, 150:] = 1, 1
    status, output = node.render(plate, InM=core, OutM=garbage)
    want = expected(plate, inside=core[..., 0], outside=garbage[..., 0])
    assert (status, node.persistent) == (0, "")
    assert not np.array_equal(want.composite, expected(plate).composite)
    np.testing.assert_array_equal(output, want.composite)
    assert swap.unload() == 0


def test_settings_reach_the_node(effects, identity, expected, plate) -> None:
    changed = {"matte_feather": 11.5, "matte_expand": -6.0, "mix": 0.75, "analysis_size": 320}
    node = effects[0].create(source=str(identity), **changed)
    _, output = node.render(plate)
    np.testing.assert_array_equal(output, expected(plate, Settings().replaced(**changed)).composite)


def test_identity_action(effects) -> None:
    swap, matte = effects
    assert swap.create(mix=0.0).is_identity()
    assert swap.create(enable=0).is_identity()
    assert not swap.create().is_identity()
    assert not swap.create(mix=0.0, output_mode=3).is_identity()
    assert not matte.create(mix=0.0).is_identity()


def test_any_order_and_any_thread(effects, identity, expected, plate) -> None:
    plates = [np.ascontiguousarray(np.roll(plate, 3 * shift, axis=1)) for shift in range(6)]
    wanted = [expected(pixels).composite for pixels in plates]
    order = list(range(6)) * 3
    random.Random(1).shuffle(order)

    def render(index: int) -> bool:
        node = effects[0].create(source=str(identity))
        status, output = node.render(plates[index], time=index)
        node.destroy()
        return status == 0 and np.array_equal(output, wanted[index])

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(render, order))


def test_not_a_number_passes_outside_the_face(effects, identity, plate) -> None:
    pixels = plate.copy()
    pixels[-4:, :4] = np.nan
    pixels[-4:, 4:8] = np.inf
    status, output = effects[0].create(source=str(identity)).render(pixels)
    assert status == 0
    assert np.isnan(output[-4:, :4]).all()
    assert np.isposinf(output[-4:, 4:8]).all()
