"""The authors' face encoder: a residual network with squeeze-and-excitation in the manner of ArcFace (3-4-23-3)."""

from __future__ import annotations

from collections.abc import Mapping

from .graph import Graph
from .layers import Layers
from .pdparams import Parameters

__all__ = ["EMBEDDING", "FEATURES", "FEATURE_SIDE", "encoder_graph"]

FEATURES, FEATURE_SIDE, EMBEDDING = 512, 7, 512
_SIDE = 112
_STAGES = ((64, 3, 1), (128, 4, 2), (256, 23, 2), (512, 3, 2))
_REDUCTION = 16


def encoder_graph(parameters: Parameters, metadata: Mapping[str, str]) -> bytes:
    """ONNX: face (N, 3, 112, 112), normalised, to feature_map (N, 512, 7, 7) and embedding (N, 512), unnormalised."""
    graph = Graph("encoder")
    layers = Layers(graph, parameters)
    value = layers.plain_convolution(graph.input("face", ["N", 3, _SIDE, _SIDE]), "conv1", 3, 64, 3)
    value = layers.prelu(layers.batch_norm(value, "bn1", 64), "prelu")
    value = graph.node("MaxPool", value, kernel_shape=[2, 2], strides=[2, 2])
    entering = 64
    for stage, (leaving, blocks, stride) in enumerate(_STAGES, 1):
        for block in range(blocks):
            value = _block(layers, value, f"layer{stage}.{block}", entering, leaving, stride if block == 0 else 1)
            entering = leaving
    feature_map = layers.batch_norm(value, "bn2", FEATURES)
    graph.output(feature_map, "feature_map", ["N", FEATURES, FEATURE_SIDE, FEATURE_SIDE])
    flat = graph.node("Flatten", feature_map, axis=1)
    embedding = layers.linear(flat, "fc", FEATURES * FEATURE_SIDE**2, EMBEDDING)
    graph.output(layers.batch_norm(embedding, "bn3", EMBEDDING), "embedding", ["N", EMBEDDING])
    return graph.serialised(metadata)


def _block(layers: Layers, value: str, name: str, entering: int, leaving: int, stride: int) -> str:
    """A residual block. Where size or width changes, the shortcut has a convolution of its own."""
    out = layers.batch_norm(value, f"{name}.bn0", entering)
    out = layers.plain_convolution(out, f"{name}.conv1", entering, entering, 3, padding=1)
    out = layers.prelu(layers.batch_norm(out, f"{name}.bn1", entering), f"{name}.prelu")
    out = layers.plain_convolution(out, f"{name}.conv2", entering, leaving, 3, stride=stride, padding=1)
    out = _excited(layers, layers.batch_norm(out, f"{name}.bn2", leaving), f"{name}.se.fc", leaving)
    if stride != 1 or entering != leaving:
        value = layers.plain_convolution(value, f"{name}.downsample.0", entering, leaving, 1, stride=stride)
        value = layers.batch_norm(value, f"{name}.downsample.1", leaving)
    return layers.prelu(layers.graph.node("Add", out, value), f"{name}.prelu")


def _excited(layers: Layers, value: str, name: str, channels: int) -> str:
    """Squeeze and excitation: scales each channel by a gate computed from the means of all channels."""
    graph = layers.graph
    means = graph.node("Flatten", graph.node("GlobalAveragePool", value), axis=1)
    hidden = layers.prelu(layers.linear(means, f"{name}.0", channels, channels // _REDUCTION), f"{name}.1")
    scale = graph.node("Sigmoid", layers.linear(hidden, f"{name}.2", channels // _REDUCTION, channels))
    return graph.node("Mul", value, graph.reshaped(scale, [0, channels, 1, 1]))
