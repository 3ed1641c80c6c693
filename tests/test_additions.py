"""Each kind of addition takes one piece and one row: here a toy of each is added, and nothing else is touched."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

import toys
from compare import assert_same
from drawn import DrawnClip, MarkerDetector, drawn_frame
from mobilefaceswap import FaceSwapNode, RenderCache, Settings
from mobilefaceswap.cli.app import application
from mobilefaceswap.colour import SPACES, ColourSpace, from_display, to_display
from mobilefaceswap.faces import DETECTORS, open_detector
from mobilefaceswap.frame import Frame
from mobilefaceswap.geometry import Rectangle
from mobilefaceswap.look import OPERATIONS, Operation
from mobilefaceswap.node import keys
from mobilefaceswap.ofx import generate
from mobilefaceswap.packs import CONTRACTS, Contract, find_pack
from mobilefaceswap.settings import OUTPUTS, Alpha, Output, Outside, table
from mobilefaceswap.settings.setting import row
from tiny_pack import make_tiny_pack


def made(pack, identity, **more) -> FaceSwapNode:
    return FaceSwapNode(identity, DrawnClip(), pack=pack, **{"faces": MarkerDetector()} | more)


def choices(name: str) -> list[str]:
    return list(next(item for item in table(host=True) if item.name == name).entries)


def test_an_output(monkeypatch, tiny_pack, tiny_identity):
    row = Output("Rest of the Plate", "toys:inverted_matte", Alpha.OPAQUE, Outside.ZERO, picture=False)
    monkeypatch.setitem(OUTPUTS, "rest", row)
    result = made(tiny_pack, tiny_identity).render(3, Settings(output_mode="rest"))
    assert_same(result.layer("rest"), 1 - result.matte)
    assert_same(result.changed_part("rest"), (1 - result.matte)[result.changed.slices])
    assert choices("output_mode")[-1] == "rest"
    assert "Rest of the Plate" in generate.header()
    assert "rest" in CliRunner().invoke(application(), ["settings"], env={"COLUMNS": "400"}).stdout


def test_a_colour_space(monkeypatch, tiny_pack, tiny_identity):
    space = ColourSpace("lin-v", "Linear V-Gamut", "Linear V-Gamut", "linear")
    monkeypatch.setitem(SPACES, "lin-v", space)
    values = np.linspace(-0.2, 4, 30, dtype=np.float32).reshape(-1, 3)
    np.testing.assert_allclose(from_display(to_display(values, space), space), values, atol=1e-4)
    node = made(tiny_pack, tiny_identity)
    linear = node.render(3, Settings(colour_space="linear-rec709", deflicker=0)).composite
    other = node.render(3, Settings(colour_space="lin-v", deflicker=0)).composite
    assert np.abs(other - linear).max() > 1e-3
    assert_same(other, node.render(3, Settings(deflicker=0), plate=Frame(drawn_frame(3).pixels, space)).composite)
    assert choices("colour_space")[-1] == "lin-v"
    assert "Linear V-Gamut" in generate.header()


def test_a_detector(monkeypatch, tiny_pack, tiny_identity):
    monkeypatch.setitem(DETECTORS, "fixed", lambda pack, place: toys.FixedDetector(*map(float, place.split(","))))
    node = made(tiny_pack, tiny_identity, faces="fixed:200,60")
    (face,) = node.render(0).swapped
    np.testing.assert_allclose(face.landmarks.mean(axis=0), (200, 60), atol=20)
    assert open_detector(tiny_pack, "fixed:200,60") is open_detector(tiny_pack, "fixed:200,60")
    assert open_detector(tiny_pack, "fixed:200,60") is not open_detector(tiny_pack, "fixed:90,60")


def test_an_operation_of_the_look(monkeypatch, tiny_pack, tiny_identity):
    node = made(tiny_pack, tiny_identity)
    plain = node.render(3, Settings(plate_detail=0, smoothing=0, deflicker=0))
    monkeypatch.setitem(OPERATIONS, "tint", Operation(toys.tint, on="plate", timed=True))
    tinted = node.render(3, Settings(plate_detail=0, smoothing=0, deflicker=0))
    solid = plain.matte == 1
    red = (tinted.composite - plain.composite)[solid]
    np.testing.assert_allclose(red, np.broadcast_to([0.13, 0, 0], red.shape), atol=1e-5)
    # The same plate at another time, from the same caches.
    later = node.render(9, Settings(plate_detail=0, smoothing=0, deflicker=0), plate=drawn_frame(3))
    np.testing.assert_allclose((later.composite - plain.composite)[solid][:, 0], 0.19, atol=1e-5)


def test_a_setting_is_in_the_cache_key_of_its_stage_by_itself():
    @dataclass(frozen=True)
    class More(Settings):
        grain: float = row("Colour & Detail", "Grain", "More grain.", 0.0, stage="look", minimum=0, maximum=1)
        tilt: float = row("Swap", "Tilt", "Tilts.", 0.0, stage="swap", minimum=0, maximum=1)
        depth: float = row("Analysis & Tracking", "Depth", "Deeper.", 0.0, stage="detect", minimum=0, maximum=1)

    detector = MarkerDetector()
    makers = {
        "grain": lambda settings: keys.colour_key("swap", Rectangle(0, 0, 1, 1), 0, settings),
        "tilt": lambda settings: keys.swap_key("crop", ("network",), settings),
        "depth": lambda settings: keys.faces_key("plate", detector, settings),
    }
    for name, make in makers.items():
        assert make(More(**{name: 0.5})) != make(More()), name
        for other in makers.keys() - {name}:
            assert make(More(**{other: 0.5})) == make(More()), (name, other)


def rewritten(folder: Path, *changes: tuple[str, str]) -> Path:
    place = folder / "pack.toml"
    text = place.read_text("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    place.write_text(text, "utf-8")
    return folder


SCALE = (2.0, 4.0, 0.5)
SHIFT = (0.25, -0.5, 1.0)


def in_other_numbers(content: bytes) -> bytes:
    """The network of the tiny pack for crops and colour in other numbers: (rgb - mean) / std, each channel its own."""
    model = onnx.load_from_string(content)
    graph = model.graph
    triple = lambda name, values: onnx.numpy_helper.from_array(  # noqa: E731
        np.array(values, np.float32).reshape(1, 3, 1, 1), name
    )
    for node in graph.node:
        node.input[:] = ["inner" if name == "image" else name for name in node.input]
        node.output[:] = ["inner colour" if name == "colour" else name for name in node.output]
    graph.initializer.extend([triple("scale", SCALE), triple("shift", SHIFT)])
    make = onnx.helper.make_node
    first = [make("Mul", ["image", "scale"], ["scaled"]), make("Add", ["scaled", "shift"], ["inner"])]
    last = [make("Sub", ["inner colour", "shift"], ["moved"]), make("Div", ["moved", "scale"], ["colour"])]
    nodes = [*first, *graph.node, *last]
    del graph.node[:]
    graph.node.extend(nodes)
    return model.SerializeToString()


def test_a_network_whose_template_and_numbers_differ(tmp_path, tiny_pack, tiny_identity):
    folder = make_tiny_pack(tmp_path / "other")
    network = folder / "idn.onnx"
    before = network.read_bytes()
    network.write_bytes(in_other_numbers(before))
    digest = lambda content: hashlib.sha256(content).hexdigest()  # noqa: E731
    numbers = f"{{ range = 1.0, mean = {list(SHIFT)}, std = {list(SCALE)} }}"
    points = (tiny_pack.crop.template.on(1) * 0.8 + 0.1).tolist()
    pack = find_pack(
        rewritten(
            folder,
            (digest(before), digest(network.read_bytes())),
            (f"bytes = {len(before)}", f"bytes = {network.stat().st_size}"),
            ('template = "arcface-112"', f"template = {points}"),
            ("[encoder]", f'[network]\ninput = {numbers}\noutput = {numbers}\n\n[encoder]\ntemplate = "arcface-112"'),
        )
    )
    plain = made(tiny_pack, tiny_identity)
    identity = prepared(pack)
    np.testing.assert_allclose(identity.embedding, tiny_identity.embedding, atol=1e-5)
    other = made(pack, identity)
    expected, found = plain.render(5), other.render(5)
    # Faces are smaller on the other template, so that its crop shows more of the plate around them.
    assert found.changed.size[0] == pytest.approx(expected.changed.size[0] / 0.8, abs=3)
    assert found.quality.magnification == pytest.approx(expected.quality.magnification / 0.8, rel=1e-6)
    centre = np.s_[80:110, 120:150]
    assert np.abs(found.composite[centre] - expected.composite[centre]).mean() < 0.1
    assert np.abs(found.composite - found.plate.pixels).max() > 0.05


def prepared(pack):
    from mobilefaceswap.identity import prepare_identity

    return prepare_identity([("drawn", drawn_frame(0))], pack, MarkerDetector())


def test_other_numbers_alone_change_no_pixel(tmp_path, tiny_pack, tiny_identity):
    folder = make_tiny_pack(tmp_path / "same")
    network = folder / "idn.onnx"
    before = network.read_bytes()
    network.write_bytes(in_other_numbers(before))
    digest = lambda content: hashlib.sha256(content).hexdigest()  # noqa: E731
    numbers = f"{{ range = 1.0, mean = {list(SHIFT)}, std = {list(SCALE)} }}"
    pack = find_pack(
        rewritten(
            folder,
            (digest(before), digest(network.read_bytes())),
            ("[encoder]", f"[network]\ninput = {numbers}\noutput = {numbers}\n\n[encoder]"),
        )
    )
    found = made(pack, prepared(pack)).render(5)
    assert_same(found.composite, made(tiny_pack, tiny_identity).render(5).composite, atol=1e-5)


def test_a_kind_of_network(monkeypatch, tmp_path):
    contract = Contract(("detector", "encoder"), "toys:NegativeNetwork", lambda pack: iter(()))
    monkeypatch.setitem(CONTRACTS, "negative", contract)
    folder = make_tiny_pack(tmp_path / "negative")
    place = folder / "pack.toml"
    text = re.sub(r"\[files\.(identity|idn)\]\n(?:[^\[\n].*\n|\n)*", "", place.read_text("utf-8"))
    place.write_text(text.replace('kind = "idn"', 'kind = "negative"'), "utf-8")
    pack = find_pack(folder)
    assert set(pack.files) == {"detector", "encoder"}
    result = made(pack, prepared(pack)).render(5, Settings(colour_match=0, plate_detail=0, deflicker=0))
    x, y = np.rint(result.swapped[0].landmarks.mean(axis=0)).astype(int)
    around = np.s_[y - 8 : y + 8, x - 8 : x + 8]
    negative = 1 - np.clip(result.plate.pixels[around], 0, 1)
    levels = result.composite[around].sum(axis=(0, 1)) / negative.sum(axis=(0, 1))
    np.testing.assert_allclose(levels, levels[0], rtol=0.03)
    assert levels[0] == pytest.approx(float(prepared(pack).weights["level"][0]), rel=0.03)


def test_every_setting_decides_something():
    known = {"plate", "detect", "smooth", "choose", "align", "swap", "outline", "matte", "look", "output"}
    assert {item.stage for item in table(host=True)} == known
    named = {name for stage in known for name, _ in Settings().of(stage)}
    assert named == {item.name for item in fields(Settings)}
    assert json.dumps(dict(Settings().of("matte")))
    assert RenderCache(memory=0).memory == 0
