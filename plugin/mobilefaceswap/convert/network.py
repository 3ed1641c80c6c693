"""The authors' identity-injection module and identity-aware dynamic network, as two graphs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from .arcface import EMBEDDING, FEATURE_SIDE, FEATURES
from .graph import Graph
from .layers import Layers
from .pdparams import Parameters

__all__ = ["CROP", "identity_graph", "idn_graph", "weight_shapes"]

CROP = 224
_ENCODER = ((3, 32), (32, 64), (64, 128), (128, 256), (256, 512))
_DECODER = ((512, 256), (512, 128), (256, 64), (128, 32))
_MASK = (512, 128, 64, 32, 8, 2)
_DEMODULATION = 1e-16


def weight_shapes() -> dict[str, tuple[int, int, int, int]]:
    """The predicted weights by name, in the order of the graphs."""
    shapes: dict[str, tuple[int, int, int, int]] = {}
    for part, stages, kernel in (("encoder", _ENCODER, 4), ("decoder", _DECODER, 3)):
        for number, (entering, leaving) in enumerate(stages):
            shapes[f"{part}.{number}.depthwise"] = (entering, 1, kernel, kernel)
            shapes[f"{part}.{number}.pointwise"] = (leaving, entering, 1, 1)
    return shapes


def identity_graph(parameters: Parameters, metadata: Mapping[str, str]) -> bytes:
    """ONNX: feature_map (1, 512, 7, 7) and embedding (1, 512) of any length to the predicted weights."""
    graph = Graph("identity")
    layers = Layers(graph, parameters)
    feature_map = graph.input("feature_map", [1, FEATURES, FEATURE_SIDE, FEATURE_SIDE])
    style = graph.unit_length(graph.input("embedding", [1, EMBEDDING]))
    weights = _depthwise_kernels(layers, feature_map)
    for part, stages in (("Encoder", _ENCODER), ("Decoder", _DECODER)):
        for number, (entering, leaving) in enumerate(stages):
            kernel = _modulated(layers, style, f"{part}Modulation.{number}", entering, leaving)
            weights[f"{part.lower()}.{number}.pointwise"] = kernel
    for name, shape in weight_shapes().items():
        graph.output(graph.reshaped(weights[name], shape), name, shape)
    return graph.serialised(metadata)


def _depthwise_kernels(layers: Layers, feature_map: str) -> dict[str, str]:
    """Predicted from the feature map, reduced to the kernels' size; the encoder's from the deepest stage up."""
    graph = layers.graph
    state = layers.convolution(feature_map, "predictor.first", FEATURES, FEATURES, 4)
    state = graph.leaky_relu(layers.batch_norm(state, "predictor.norm", FEATURES))
    smaller = layers.convolution(state, "predictor.first_decoder", FEATURES, FEATURES, 2)
    smaller = graph.leaky_relu(layers.batch_norm(smaller, "predictor.decoder_norm", FEATURES))
    deepest = len(_ENCODER) - 1
    encoder = {f"encoder.{deepest - at}": _ENCODER[deepest - at][0] for at in range(len(_ENCODER))}
    decoder = {f"decoder.{at}": width for at, (width, _) in enumerate(_DECODER)}
    return _kernels(layers, state, "encoder", encoder) | _kernels(layers, smaller, "decoder", decoder)


def _kernels(layers: Layers, state: str, part: str, widths: Mapping[str, int]) -> dict[str, str]:
    kernels, entering = {}, FEATURES
    for at, (stage, leaving) in enumerate(widths.items()):
        name = f"predictor.{part}.{at}"
        state = layers.convolution(state, f"{name}.conv", entering, leaving, 3, padding=1)
        state = layers.graph.leaky_relu(layers.batch_norm(state, f"{name}.norm", leaving))
        kernels[f"{stage}.depthwise"] = layers.convolution(state, f"{name}.weight", leaving, leaving, 3, padding=1)
        entering = leaving
    return kernels


def _modulated(layers: Layers, style: str, name: str, entering: int, leaving: int) -> str:
    """A pointwise kernel, modulated by the style and demodulated (StyleGAN2, arXiv 1912.04958, 2.2)."""
    graph = layers.graph
    scale = graph.node("Add", layers.linear(style, f"{name}.style", EMBEDDING, entering), graph.constant([1.0]))
    kernel = layers.parameter(f"{name}.weight", leaving, entering, 1, 1)
    kernel = graph.node("Mul", kernel, graph.reshaped(scale, [1, entering, 1, 1]))
    axes = graph.constant([1, 2, 3], np.int64)
    energy = graph.node("ReduceSum", graph.node("Mul", kernel, kernel), axes, keepdims=1)
    length = graph.node("Sqrt", graph.node("Add", energy, graph.constant([_DEMODULATION])))
    return graph.node("Div", kernel, length)


def idn_graph(parameters: Parameters, metadata: Mapping[str, str]) -> bytes:
    """ONNX: image (N, 3, 224, 224), RGB 0..1, and weights to colour, alike, and mask (N, 1, 224, 224).

    The authors' network also composites its colour over the image; here that is left to `look`.
    """
    graph = Graph("idn")
    layers = Layers(graph, parameters)
    image = graph.input("image", ["N", 3, CROP, CROP])
    weights = {name: graph.input(name, shape) for name, shape in weight_shapes().items()}
    one = graph.constant([1.0])
    value, skips = graph.node("Sub", graph.node("Add", image, image), one), []
    for number in range(len(_ENCODER)):
        value = _dynamic(graph, value, weights, f"encoder.{number}", stride=2)
        skips.append(value)
    mask = _mask(layers, value)
    for number in range(len(_DECODER)):
        value = _dynamic(graph, graph.doubled(value), weights, f"decoder.{number}", stride=1)
        if number < len(_DECODER) - 1:
            value = graph.node("Concat", value, skips[len(_DECODER) - 1 - number], axis=1)
    colour = _head(layers, graph.doubled(value))
    graph.output(colour, "colour", ["N", 3, CROP, CROP])
    graph.output(mask, "mask", ["N", 1, CROP, CROP])
    return graph.serialised(metadata)


def _dynamic(graph: Graph, value: str, weights: Mapping[str, str], name: str, stride: int) -> str:
    channels = weight_shapes()[f"{name}.depthwise"][0]
    value = graph.convolution(value, weights[f"{name}.depthwise"], stride=stride, padding=1, groups=channels)
    return graph.leaky_relu(graph.convolution(value, weights[f"{name}.pointwise"]))


def _head(layers: Layers, value: str) -> str:
    """Colour, 0..1."""
    graph, width = layers.graph, _DECODER[-1][1]
    value = layers.convolution(value, "final.1", width, width // 4, 1)
    value = graph.leaky_relu(layers.batch_norm(value, "final.2", width // 4))
    value = layers.convolution(value, "final.4", width // 4, 3, 3, padding=1)
    value = graph.leaky_relu(layers.batch_norm(value, "final.5", 3))
    value = graph.node("Tanh", layers.convolution(value, "final.7", 3, 3, 3, padding=1))
    half = graph.constant([0.5])
    return graph.node("Add", graph.node("Mul", value, half), half)


def _mask(layers: Layers, value: str) -> str:
    """The mask, 0..1, upsampled from the 7 x 7 bottleneck to the crop's size."""
    graph = layers.graph
    for number, (entering, leaving) in enumerate(pairwise(_MASK)):
        value = layers.depthwise(graph.doubled(value), f"mask.{number}.1", entering)
        value = layers.convolution(value, f"mask.{number}.2", entering, leaving, 1)
        value = graph.leaky_relu(layers.batch_norm(value, f"mask.{number}.3", leaving))
    value = layers.convolution(value, f"mask.{len(_MASK) - 1}", _MASK[-1], 1, 3, padding=1)
    return graph.node("Sigmoid", value)
