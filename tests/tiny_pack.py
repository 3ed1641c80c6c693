"""A stand-in for a model pack: a few kilobytes with the names and the contract of the one that ships.

Its network is a U-Net like the real one, with random weights. Its mask is not learned but behaves as if: it follows
what is bright near the middle of the crop, so a matte moves with the face that was drawn.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mobilefaceswap.convert.graph import OPSET, Graph

CROP = 64
ENCODER_SIZE = 112
FEATURES = 16
EMBEDDING = 8
ENCODER = ((3, 4), (4, 4), (4, 8), (8, 8), (8, 8))
DECODER = ((8, 8), (16, 4), (12, 4), (8, 4))
DETECTOR = Path(__file__).parents[1] / "models/base-224/face_detection_yunet_2023mar.onnx"
_YUNET_HEADS = [f"{head}_{stride}" for head in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)]
_LICENCE = "No licence is needed: random numbers."


def weight_shapes() -> dict[str, tuple[int, int, int, int]]:
    """The predicted weights by name, in the order of the graph's outputs."""
    shapes: dict[str, tuple[int, int, int, int]] = {}
    for part, stages, kernel in (("encoder", ENCODER, 4), ("decoder", DECODER, 3)):
        for number, (entering, leaving) in enumerate(stages):
            shapes[f"{part}.{number}.depthwise"] = (entering, 1, kernel, kernel)
            shapes[f"{part}.{number}.pointwise"] = (leaving, entering, 1, 1)
    return shapes


def make_tiny_pack(folder: str | Path, name: str = "tiny", seed: int = 0) -> Path:
    """Writes a complete pack into ``folder``, the same bytes for the same seed, and returns the folder.

    Without the shipped detector beside it, the detector's role is filled by a graph that finds nothing.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    contents = {
        "encoder": ("encoder.onnx", _encoder(random)),
        "identity": ("identity.onnx", _identity(random)),
        "idn": ("idn.onnx", _swapper(random)),
    }
    for file, content in contents.values():
        (place / file).write_bytes(content)
    if DETECTOR.is_file():
        shutil.copyfile(DETECTOR, place / DETECTOR.name)
        contents["detector"] = (DETECTOR.name, DETECTOR.read_bytes())
    else:
        contents["detector"] = ("detector.onnx", _blind_detector())
        (place / "detector.onnx").write_bytes(contents["detector"][1])
    (place / "LICENCE.txt").write_text(_LICENCE + "\n", "utf-8")
    (place / "pack.toml").write_text(_document(name, contents), "utf-8")
    return place


def _normal(random: np.random.Generator, *shape: int, scale: float = 1.0) -> npt.NDArray[np.float32]:
    return (random.standard_normal(shape) * scale).astype(np.float32)


def _encoder(random: np.random.Generator) -> bytes:
    graph = Graph("encoder")
    face = graph.input("face", ["N", 3, ENCODER_SIZE, ENCODER_SIZE])
    small = graph.node("AveragePool", face, kernel_shape=[16, 16], strides=[16, 16])
    # Differences between neighbours, so that the embedding tells pictures apart rather than how bright they are.
    kernel = _normal(random, FEATURES, 3, 3, 3, scale=0.02)
    kernel -= kernel.mean(axis=(1, 2, 3), keepdims=True)
    features = graph.leaky_relu(graph.convolution(small, graph.constant(kernel), padding=1))
    graph.output(features, "feature_map", ["N", FEATURES, 7, 7])
    flat = graph.node("Flatten", features, axis=1)
    weight = graph.constant(_normal(random, FEATURES * 49, EMBEDDING, scale=0.1))
    graph.output(graph.node("MatMul", flat, weight), "embedding", ["N", EMBEDDING])
    return graph.serialised({"licence": _LICENCE})


def _identity(random: np.random.Generator) -> bytes:
    graph = Graph("identity")
    feature_map = graph.input("feature_map", [1, FEATURES, 7, 7])
    style = graph.unit_length(graph.input("embedding", [1, EMBEDDING]))
    state = graph.node("Flatten", graph.node("GlobalAveragePool", feature_map), axis=1)
    for name, shape in weight_shapes().items():
        read = state if name.endswith("depthwise") else style
        size = int(np.prod(shape))
        width = FEATURES if name.endswith("depthwise") else EMBEDDING
        change = graph.node("MatMul", read, graph.constant(_normal(random, width, size, scale=0.3)))
        change = graph.node("Tanh", change)
        shared = _normal(random, 1, size, scale=1.2 / np.sqrt(np.prod(shape[1:])))
        kernel = graph.node("Mul", graph.constant(shared), graph.node("Add", change, graph.constant([1.0])))
        graph.output(graph.reshaped(kernel, shape), name, shape)
    return graph.serialised({"licence": _LICENCE})


def _swapper(random: np.random.Generator) -> bytes:
    graph = Graph("idn")
    image = graph.input("image", ["N", 3, CROP, CROP])
    weights = {name: graph.input(name, shape) for name, shape in weight_shapes().items()}

    def stage(value: str, part: str, number: int, channels: int, stride: int) -> str:
        depthwise, pointwise = weights[f"{part}.{number}.depthwise"], weights[f"{part}.{number}.pointwise"]
        value = graph.convolution(value, depthwise, stride=stride, padding=1, groups=channels)
        return graph.leaky_relu(graph.convolution(value, pointwise))

    centred = graph.node("Sub", graph.node("Add", image, image), graph.constant([1.0]))
    value, skips = centred, []
    for number, (entering, _) in enumerate(ENCODER):
        value = stage(value, "encoder", number, entering, 2)
        skips.append(value)
    for number, (entering, _) in enumerate(DECODER):
        value = stage(graph.doubled(value), "decoder", number, entering, 1)
        if number < len(DECODER) - 1:
            value = graph.node("Concat", value, skips[len(DECODER) - 1 - number], axis=1)
    head = graph.convolution(graph.doubled(value), graph.constant(_normal(random, 3, 4, 1, 1, scale=0.5)))
    colour = graph.node("Sigmoid", graph.node("Add", centred, head))
    mask = graph.node("Sigmoid", _mask_logit(graph, image))
    graph.output(colour, "colour", ["N", 3, CROP, CROP])
    graph.output(mask, "mask", ["N", 1, CROP, CROP])
    return graph.serialised({"licence": _LICENCE})


def _mask_logit(graph: Graph, image: str) -> str:
    """High where a neighbourhood is bright, less so away from the middle of the crop."""
    luma = graph.convolution(image, graph.constant(np.full((1, 3, 1, 1), 1 / 3)))
    blurred = graph.node("AveragePool", luma, kernel_shape=[9, 9], pads=[4] * 4, count_include_pad=0)
    away = np.linspace(-1, 1, CROP) ** 2
    prior = graph.constant(-3.0 - 4.0 * np.add.outer(away, away)[None, None])
    return graph.node("Add", graph.node("Mul", blurred, graph.constant([20.0])), prior)


def _blind_detector() -> bytes:
    graph = Graph("detector")
    graph.output(graph.node("Neg", graph.input("input", [1, 3, 8, 8])), "nothing", [1, 3, 8, 8])
    return graph.serialised({"licence": _LICENCE})


def _document(name: str, contents: dict[str, tuple[str, bytes]]) -> str:
    """The text of ``pack.toml``."""
    weights = list(weight_shapes())
    ends = {
        "detector": (["input"], _YUNET_HEADS if contents["detector"][0] == DETECTOR.name else ["nothing"]),
        "encoder": (["face"], ["feature_map", "embedding"]),
        "identity": (["feature_map", "embedding"], weights),
        "idn": (["image", *weights], ["colour", "mask"]),
    }
    lines = [
        "schema = 2",
        f"name = {json.dumps(name)}",
        'version = "1.0.0"',
        'title = "A stand-in of random numbers"',
        'description = "Made by the tests."',
        f"licence = {json.dumps(_LICENCE)}",
        "commercial_use = true",
        'kind = "idn"',
        "",
        "[crop]",
        f"size = {CROP}",
        'template = "arcface-112"',
        'fit = "similarity"',
        "",
        "[encoder]",
        f"size = {ENCODER_SIZE}",
        "range = 255.0",
        "mean = [127.5, 127.5, 127.5]",
        "std = [128.0, 128.0, 128.0]",
    ]
    for role, (file, content) in sorted(contents.items()):
        inputs, outputs = ends[role]
        lines += [
            "",
            f"[files.{role}]",
            f"path = {json.dumps(file)}",
            f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
            f"bytes = {len(content)}",
            f"opset = {OPSET}",
            f"licence = {json.dumps(_LICENCE)}",
            'licence_file = "LICENCE.txt"',
            'origin = "made by the tests"',
            'data = "none"',
            f"inputs = {json.dumps(inputs)}",
            f"outputs = {json.dumps(outputs)}",
        ]
    return "\n".join(lines) + "\n"
