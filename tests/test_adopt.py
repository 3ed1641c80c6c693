"""Packs from other people's networks: recognised by signature, fed in their own numbers, licence recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from commands import run
from drawn import DrawnClip, MarkerDetector
from mobilefaceswap.convert import adopt_network
from mobilefaceswap.convert.graph import Graph
from mobilefaceswap.convert.published import PUBLISHED, Published
from mobilefaceswap.errors import PackError, UserInputError
from mobilefaceswap.identity import prepare_identity
from mobilefaceswap.node import FaceSwapNode
from mobilefaceswap.packs import Normalisation
from mobilefaceswap.swap import open_network

LENGTH = 512
AMBIGUOUS = {"simswap", "ghost", "hififace", "hyperswap"}
BRIGHTER = 0.25


def planes(values: object) -> np.ndarray:
    """A number for each channel, as it is added to planar pictures."""
    return np.reshape(np.array(values, np.float32), (1, 3, 1, 1))


def shifted(graph: Graph, value: str, scale: np.ndarray, offset: np.ndarray) -> str:
    return graph.node("Add", graph.node("Mul", value, graph.constant(scale)), graph.constant(offset))


def stand_in(row: Published, names: tuple[str, str] = ("target", "source")) -> bytes:
    """A network of the row's signature: it draws the crop a quarter brighter, whoever the source is."""
    image, source = names
    graph = Graph(row.name)
    picture = graph.input(image, [1, 3, row.size, row.size])
    side = row.picture.crop.size if row.picture else 0
    person = graph.input(source, [1, 3, side, side] if side else [1, LENGTH])
    fed, read = row.input, row.output
    rgb = shifted(graph, picture, planes(fed.std) / fed.range, planes(fed.mean) / fed.range + BRIGHTER)
    drawn = shifted(graph, rgb, read.range / planes(read.std), -planes(read.mean) / planes(read.std))
    nobody = graph.node("Mul", graph.node("ReduceMean", person, keepdims=0), graph.constant(0.0))
    graph.output(graph.node("Add", drawn, nobody), "output", [1, 3, row.size, row.size])
    if row.mask:
        flat = graph.node("ReduceMean", graph.node("Mul", picture, graph.constant(0.0)), axes=[1])
        graph.output(graph.node("Add", flat, graph.constant(0.75)), "mask", [1, 1, row.size, row.size])
    if row.maps:
        graph.constant(mapping())
    return graph.serialised({})


def mapping() -> np.ndarray:
    return np.random.default_rng(5).normal(0, 1, (LENGTH, LENGTH)).astype(np.float32)


def recogniser() -> bytes:
    """(N, 3, 112, 112) to (N, 512): what the mean colour is, at a length other than 1."""
    graph = Graph("recogniser")
    pooled = graph.node("GlobalAveragePool", graph.input("data", ["N", 3, 112, 112]))
    weights = np.random.default_rng(3).normal(0, 1, (3, LENGTH))
    graph.output(graph.node("MatMul", graph.reshaped(pooled, [0, 3]), graph.constant(weights)), "fc1", ["N", LENGTH])
    return graph.serialised({})


def doubling() -> bytes:
    graph = Graph("converter")
    twice = graph.node("Mul", graph.input("input", ["N", LENGTH]), graph.constant(2.0))
    graph.output(twice, "output", ["N", LENGTH])
    return graph.serialised({})


@pytest.fixture
def files(tmp_path) -> dict[str, Path]:
    for name, content in (("encoder", recogniser()), ("converter", doubling())):
        (tmp_path / f"{name}.onnx").write_bytes(content)
    return {name: tmp_path / f"{name}.onnx" for name in ("encoder", "converter")}


def adopted(row: Published, tmp_path: Path, files: dict[str, Path], **more: object):
    place = tmp_path / f"{row.name}.onnx"
    place.write_bytes(stand_in(row))
    given = {} if row.picture else {"encoder": files["encoder"]}
    if row.encoder is None and row.picture is None:
        given["converter"] = files["converter"]
    return adopt_network(place, tmp_path / "packs" / row.name, **{**given, **more})


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row.name)
def test_every_published_network_is_adopted_and_renders(tmp_path, files, row):
    pack, found = adopted(row, tmp_path, files, name=row.name if row.name in AMBIGUOUS else None)
    assert (found.name, pack.kind, pack.crop.size, pack.commercial_use) == (row.name, "embedding", row.size, False)
    identity = prepare_identity([("drawn", DrawnClip().frame(0))], pack, MarkerDetector())
    result = FaceSwapNode(identity, DrawnClip(), pack=pack, faces=MarkerDetector()).render(1)
    assert len(result.swapped) == 1
    assert result.matte.max() > 0.9
    assert np.abs(result.composite - DrawnClip().frame(1).pixels).max() > 0.05


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row.name)
def test_a_network_is_fed_and_read_in_its_own_numbers(tmp_path, files, row):
    pack, _ = adopted(row, tmp_path, files, name=row.name if row.name in AMBIGUOUS else None)
    identity = prepare_identity([("drawn", DrawnClip().frame(0))], pack, MarkerDetector())
    crops = np.random.default_rng(1).random((2, row.size, row.size, 3), np.float32)
    colour, mask = open_network(pack, identity.weights, identity.content_hash)(crops)
    np.testing.assert_allclose(colour, np.clip(crops + BRIGHTER, 0, 1), atol=1e-5)
    assert mask.shape == (2, row.size, row.size)
    if row.mask:
        np.testing.assert_allclose(mask, 0.75, atol=1e-6)


def test_inswapper_is_fed_the_embedding_times_its_last_constant(tmp_path, files):
    (row,) = (row for row in PUBLISHED if row.maps)
    pack, _ = adopted(row, tmp_path, files)
    identity = prepare_identity([("drawn", DrawnClip().frame(0))], pack, MarkerDetector())
    expected = identity.embedding @ mapping()
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(identity.weights["identity"].ravel(), expected.ravel(), atol=1e-5)


@pytest.mark.parametrize(("name", "length"), [("simswap", 1.0), ("ghost", None)])
def test_a_converter_stands_between_recogniser_and_network(tmp_path, files, name, length):
    (row,) = (row for row in PUBLISHED if row.name == name)
    pack, _ = adopted(row, tmp_path, files, name=name, converter=files["converter"])
    assert pack.encoder.numbers == Normalisation(255.0, (127.5,) * 3, (127.5,) * 3)
    identity = prepare_identity([("drawn", DrawnClip().frame(0))], pack, MarkerDetector())
    fed = identity.weights["identity"].ravel()
    found = np.linalg.norm(fed)
    assert found == pytest.approx(1.0, abs=1e-4) if length else found > 1.5
    np.testing.assert_allclose(fed / found, identity.embedding.ravel() / np.linalg.norm(identity.embedding), atol=1e-5)


def test_networks_of_one_signature_are_told_apart_by_name_or_by_the_user(tmp_path, files):
    ghost, simswap = (next(row for row in PUBLISHED if row.name == name) for name in ("ghost", "simswap"))
    with pytest.raises(UserInputError, match=r"it fits simswap, ghost\. Say which it is with --as"):
        adopted(ghost, tmp_path, files)
    (tmp_path / "marked.onnx").write_bytes(stand_in(ghost, ("target", "source_embedding")))
    pack, found = adopt_network(tmp_path / "marked.onnx", tmp_path / "marked", encoder=files["encoder"])
    assert (found, pack.network.identity) == (ghost, "source_embedding")
    with pytest.raises(UserInputError, match="signature of inswapper"):
        adopted(simswap, tmp_path, files, name="inswapper")
    with pytest.raises(UserInputError, match="signature of nobody"):
        adopted(simswap, tmp_path, files, name="nobody")


def test_what_is_missing_or_wrong_is_said(tmp_path, files):
    inswapper, hififace = (next(row for row in PUBLISHED if row.name == name) for name in ("inswapper", "hififace"))
    with pytest.raises(UserInputError, match="--encoder"):
        adopted(inswapper, tmp_path, files, encoder=None)
    with pytest.raises(UserInputError, match="--encoder and --converter"):
        adopted(hififace, tmp_path, files, name="hififace", converter=None)
    with pytest.raises(PackError, match="not a swapping network"):
        adopt_network(files["encoder"], tmp_path / "new", encoder=files["encoder"])
    (tmp_path / "text.onnx").write_bytes(b"notes, not weights")
    with pytest.raises(PackError, match="to be an ONNX file"):
        adopt_network(tmp_path / "text.onnx", tmp_path / "new")
    with pytest.raises(PackError, match="found none"):
        adopt_network(tmp_path / "none.onnx", tmp_path / "new")
    model = onnx.load_from_string(stand_in(inswapper))
    del model.graph.initializer[-1]
    (tmp_path / "stripped.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(PackError, match="matrix of 512 x 512"):
        adopt_network(tmp_path / "stripped.onnx", tmp_path / "new", encoder=files["encoder"])
    assert not (tmp_path / "new").exists()
    with pytest.raises(PackError, match="new or empty folder"):
        adopt_network(tmp_path / "stripped.onnx", tmp_path, encoder=files["encoder"])


def test_the_licence_is_shown_and_recorded(tmp_path, files):
    (tmp_path / "inswapper_128.onnx").write_bytes(stand_in(PUBLISHED[0]))
    # With a byte order mark, as Windows' Notepad puts before a text.
    (tmp_path / "licence.txt").write_text("Licence no. 7\nFor the feature film alone.\n", "utf-8-sig")
    words = ("packs", "adopt", tmp_path / "inswapper_128.onnx", "--encoder", files["encoder"])
    done = run(*words, "--license", tmp_path / "licence.txt", "-o", tmp_path / "mine")
    assert done.returncode == 0, done.stderr
    assert "For the feature film alone." in done.stdout
    assert (tmp_path / "mine" / "LICENCE.txt").read_text() == "Licence no. 7\nFor the feature film alone.\n"
    assert "Licence no. 7" in run("packs", "show", tmp_path / "mine").stdout
    unstated = run(*words, "-o", tmp_path / "other")
    assert "no licence text was given" in unstated.stdout
    (tmp_path / "licence.txt").write_text("")
    assert run(*words, "--licence", tmp_path / "licence.txt", "-o", tmp_path / "third").returncode == 2
