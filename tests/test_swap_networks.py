"""Networks that take an identity with every frame: stand-ins with the signatures of published ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from compare import assert_same
from drawn import DrawnClip, MarkerDetector, drawn_frame
from mobilefaceswap import FaceSwapNode, RenderCache, Settings
from mobilefaceswap.convert.graph import OPSET, Graph
from mobilefaceswap.errors import PackError
from mobilefaceswap.frame import Frame
from mobilefaceswap.identity import Identity, encode_face, prepare_identity
from mobilefaceswap.identity.recognise import encode_person, face_input
from mobilefaceswap.packs import TEMPLATES, Crop, FaceInput, Normalisation, Pack, find_pack
from mobilefaceswap.swap.embedding import EmbeddingNetwork, template_mask
from tiny_pack import make_tiny_pack

SIDE, EMBEDDING = 64, 8


def swapper(image: str, identity: str, colour: str, mask: str = "", batch: int | str = 1, side: int = 0) -> bytes:
    """The image times a level that the identity says, in the numbers that it comes in."""
    graph = Graph("swapper")
    picture = graph.input(image, [batch, 3, SIDE, SIDE])
    shape = [1, 3, side, side] if side else [1, EMBEDDING]
    source = graph.input(identity, shape)
    flat = graph.node("Flatten", source, axis=1)
    width = 3 * side * side if side else EMBEDDING
    level = graph.node("MatMul", flat, graph.constant(np.full((width, 1), 1 / width)))
    graph.output(graph.node("Mul", picture, graph.reshaped(level, [1, 1, 1, 1])), colour, [batch, 3, SIDE, SIDE])
    if mask:
        half = graph.constant(np.full((1, 1, SIDE, SIDE), 0.5))
        graph.output(graph.node("Identity", half), mask, [1, 1, SIDE, SIDE])
    return graph.serialised({})


def projection(factor: float) -> bytes:
    graph = Graph("identity")
    embedding = graph.input("embedding", [1, EMBEDDING])
    graph.output(graph.node("Mul", embedding, graph.constant([factor])), "identity", [1, EMBEDDING])
    return graph.serialised({})


def entry(role: str, file: str, content: bytes, inputs: list[str], outputs: list[str]) -> str:
    return (
        f'\n[files.{role}]\npath = "{file}"\nsha256 = "{hashlib.sha256(content).hexdigest()}"\nbytes = {len(content)}\n'
        f'opset = {OPSET}\nlicence = "none"\nlicence_file = "LICENCE.txt"\norigin = "tests"\ndata = "none"\n'
        f"inputs = {json.dumps(inputs)}\noutputs = {json.dumps(outputs)}\n"
    )


Maker = Callable[..., Pack]


@pytest.fixture
def adopted(tmp_path: Path) -> Maker:
    """Makes a pack of kind ``embedding`` around a stand-in."""

    def make(network: bytes, names: dict[str, str], *, more: str = "", projected: bytes | None = None) -> Pack:
        folder = make_tiny_pack(tmp_path / f"adopted{len(list(tmp_path.iterdir()))}")
        place = folder / "pack.toml"
        text = place.read_text("utf-8").replace('kind = "idn"', 'kind = "embedding"')
        head, *files = text.split("\n[files.")
        kept = [f"\n[files.{part}" for part in files if part.startswith(("detector", "encoder"))]
        (folder / "swapper.onnx").write_bytes(network)
        outputs = [name for key, name in names.items() if key in ("colour", "mask")]
        kept.append(entry("swapper", "swapper.onnx", network, [names["image"], names["identity"]], outputs))
        if projected:
            (folder / "projection.onnx").write_bytes(projected)
            kept.append(entry("identity", "projection.onnx", projected, ["embedding"], ["identity"]))
        table = "".join(f"{key} = {json.dumps(name)}\n" for key, name in names.items())
        place.write_text(f"{head}\n[network]\n{table}{more}{''.join(kept)}", "utf-8")
        return find_pack(folder)

    return make


NAMES = {"image": "target", "identity": "source", "colour": "output"}


def identity_of(pack: Pack) -> Identity:
    return prepare_identity([("drawn", drawn_frame(0))], pack, MarkerDetector())


def rendered(pack: Pack, identity: Identity):
    plain = Settings(colour_match=0, plate_detail=0)
    node = FaceSwapNode(identity, DrawnClip(), pack=pack, faces=MarkerDetector(), cache=RenderCache(memory=0))
    return node.render(5, plain)


def embedding_of(pack: Pack) -> np.ndarray:
    (face,) = MarkerDetector().find(drawn_frame(0), 640, 0.5)
    return encode_person(drawn_frame(0), face, pack)["embedding"]


def level_in(result) -> float:
    """What the stand-in has multiplied the picture by, where the matte is solid and the plate is within range."""
    plate = result.plate.pixels
    solid = (result.matte == 1) & (plate.min(axis=2) > 0.3) & (plate.max(axis=2) < 0.9)
    assert solid.sum() > 100
    return float((result.composite[solid] / plate[solid]).mean())


def test_an_embedding_is_fed_at_unit_length(adopted):
    pack = adopted(swapper("target", "source", "output"), NAMES)
    identity, embedding = identity_of(pack), embedding_of(pack)
    np.testing.assert_allclose(identity.weights["identity"], embedding / np.linalg.norm(embedding), atol=1e-6)
    np.testing.assert_allclose(identity.embedding, embedding[0], atol=1e-6)


def test_an_embedding_is_fed_as_it_is_where_the_pack_says_so(adopted):
    pack = adopted(swapper("target", "source", "output"), NAMES, more="unit_length = false\n")
    np.testing.assert_allclose(identity_of(pack).weights["identity"], embedding_of(pack), atol=1e-6)


def test_an_embedding_goes_through_the_pack_s_own_graph(adopted):
    pack = adopted(swapper("target", "source", "output"), NAMES, projected=projection(-3.0))
    embedding = embedding_of(pack)
    expected = -3 * embedding / np.linalg.norm(embedding)
    np.testing.assert_allclose(identity_of(pack).weights["identity"], expected, atol=1e-5)


def test_the_network_runs_with_the_identity_and_a_drawn_mask(adopted):
    pack = adopted(swapper("target", "source", "output"), NAMES, more="unit_length = false\n")
    made = identity_of(pack)
    level = 0.7
    identity = Identity(
        {"identity": np.full((1, EMBEDDING), level, np.float32)}, made.embedding, made.pack_name, made.pack_hash,
        made.thumbnail,
    )  # fmt: skip
    assert level_in(rendered(pack, identity)) == pytest.approx(level, rel=0.02)


def test_numbers_of_its_own_are_undone(adopted):
    numbers = "{ range = 1.0, mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }"
    pack = adopted(
        swapper("target", "source", "output"),
        NAMES,
        more=f"unit_length = false\ninput = {numbers}\noutput = {numbers}\n",
    )
    made = identity_of(pack)
    identity = Identity(
        {"identity": np.full((1, EMBEDDING), -1, np.float32)}, made.embedding, made.pack_name, made.pack_hash,
        made.thumbnail,
    )  # fmt: skip
    # Minus one times what lies between -1 and 1 is the negative.
    result = rendered(pack, identity)
    solid = (result.matte == 1) & (result.plate.pixels.min(axis=2) > 0.1) & (result.plate.pixels.max(axis=2) < 0.9)
    assert np.abs(result.composite[solid] + result.plate.pixels[solid] - 1).mean() < 0.02


def test_colour_out_of_range_is_clipped(adopted):
    pack = adopted(swapper("target", "source", "output"), NAMES, more="unit_length = false\n")
    for level, expected in ((40.0, 1.0), (-40.0, 0.0)):
        network = EmbeddingNetwork(pack, {"identity": np.full((1, EMBEDDING), level, np.float32)})
        colour, mask = network(np.full((2, SIDE, SIDE, 3), 0.5, np.float32))
        assert_same(colour, np.full((2, SIDE, SIDE, 3), expected, np.float32))
        assert mask.shape == (2, SIDE, SIDE)


def test_a_mask_of_its_own_is_used(adopted):
    names = NAMES | {"mask": "alpha"}
    pack = adopted(swapper("target", "source", "output", "alpha"), names)
    result = rendered(pack, identity_of(pack))
    default = Settings()
    expected = (0.5 - default.matte_black_clip) / (default.matte_white_clip - default.matte_black_clip)
    x, y = np.rint(result.swapped[0].landmarks.mean(axis=0)).astype(int)
    assert result.matte[y, x] == pytest.approx(expected, abs=0.01)


def test_a_network_that_takes_a_picture_gets_the_source_s_face(adopted):
    more = 'source = "picture"\n[network.picture]\nsize = 32\nrange = 1.0\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n'
    pack = adopted(swapper("target", "source", "output", side=32), NAMES, more=more)
    assert pack.network.picture == FaceInput(Crop(32), Normalisation())
    identity = identity_of(pack)
    (face,) = MarkerDetector().find(drawn_frame(0), 640, 0.5)
    assert_same(identity.weights["identity"], face_input(drawn_frame(0), face, pack.network.picture))
    mean = float(identity.weights["identity"].mean())
    assert level_in(rendered(pack, identity)) == pytest.approx(mean, rel=0.02)


def test_names_that_the_files_do_not_have_are_refused(adopted):
    with pytest.raises(PackError, match=r"files\.swapper\.outputs"):
        adopted(swapper("target", "source", "output"), NAMES, more='mask = "alpha"\n')


def test_the_drawn_mask_covers_the_face_of_its_template():
    for name, template in TEMPLATES.items():
        mask = template_mask(Crop(128, template))
        points = np.rint(template.on(128)).astype(int)
        assert (mask[points[:, 1], points[:, 0]] > 0.9).all(), name
        assert mask[0].max() == mask[:, 0].max() == 0, name
        assert 0.15 < mask.mean() < 0.6, name


def test_the_encoder_gets_planar_rgb_in_its_own_numbers():
    colour = np.array([0.9, 0.5, 0.2], np.float32)
    picture = Frame(np.broadcast_to(colour, (200, 200, 3)).copy())
    (face,) = MarkerDetector().find(drawn_frame(0), 640, 0.5)
    numbers = Normalisation(255.0, (10.0, 20.0, 30.0), (2.0, 4.0, 8.0))
    fed = face_input(picture, face, FaceInput(Crop(48), numbers))
    assert fed.shape == (1, 3, 48, 48)
    assert fed.dtype == np.float32
    for channel, (value, mean, std) in enumerate(zip(colour, numbers.mean, numbers.std, strict=True)):
        np.testing.assert_allclose(fed[0, channel], (value * 255 - mean) / std, rtol=1e-5)
    np.testing.assert_allclose(
        numbers.undone(fed.transpose(0, 2, 3, 1)), np.broadcast_to(colour, (1, 48, 48, 3)), atol=1e-5
    )


def test_the_recogniser_of_a_pack_sees_the_numbers_that_it_declares(tmp_path, tiny_pack):
    folder = make_tiny_pack(tmp_path / "scaled")
    place = folder / "pack.toml"
    text = place.read_text("utf-8")
    (face,) = MarkerDetector().find(drawn_frame(0), 640, 0.5)
    expected = encode_face(drawn_frame(0), face, tiny_pack)["embedding"]
    for old, new in (("std = [128.0, 128.0, 128.0]", "std = [64.0, 64.0, 64.0]"), ("range = 255.0", "range = 100.0")):
        place.write_text(text.replace(old, new), "utf-8")
        found = encode_face(drawn_frame(0), face, find_pack(folder))["embedding"]
        assert np.abs(found - expected).max() > 1e-3, new
    place.write_text(text.replace("std = [128.0, 128.0, 128.0]", "std = [64.0, 64.0, 64.0]"), "utf-8")
    doubled = encode_face(drawn_frame(0), face, find_pack(folder))["embedding"]
    # The stand-in's features are differences followed by a rectifier, so twice the input is twice the embedding.
    np.testing.assert_allclose(doubled, 2 * expected, rtol=1e-3, atol=1e-5)


def test_an_encoder_with_one_output_of_any_name_serves(tmp_path):
    folder = make_tiny_pack(tmp_path / "renamed")

    network = folder / "encoder.onnx"
    model = onnx.load(network)
    before = network.read_bytes()
    del model.graph.output[:1]
    for node in model.graph.node:
        node.output[:] = ["683" if name == "embedding" else name for name in node.output]
    model.graph.output[0].name = "683"
    network.write_bytes(model.SerializeToString())
    pack = find_pack(make_tiny_pack(tmp_path / "plain"))
    (face,) = MarkerDetector().find(drawn_frame(0), 640, 0.5)
    expected = encode_face(drawn_frame(0), face, pack)["embedding"]
    assert before != network.read_bytes()
    (pack.folder / "encoder.onnx").write_bytes(network.read_bytes())
    assert_same(encode_face(drawn_frame(0), face, pack)["embedding"], expected)
