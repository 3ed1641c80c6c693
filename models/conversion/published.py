"""Published networks read from ONNX, OpenVINO, TensorFlow Lite and PyTorch files into the one plain form of a `Graph`.

Convolutions absorb the batch norms that follow them. A layer that is not known raises ValueError.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conversion.litefile import LiteFile, is_padded, options_of
from training.graphs import Graph, Step


class Builder:
    """Collects the layers of a `Graph`, and folds each batch norm into the convolution before it."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.weights: dict[str, Tensor] = {}

    def weight(self, name: str, value: Any) -> str:
        """Registers a constant; its name."""
        self.weights[name] = torch.as_tensor(np.array(value)) if not isinstance(value, Tensor) else value
        return name

    def add(self, operation: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Appends one layer; the name of its output."""
        self.steps.append((operation, list(inputs), output, attributes))
        return output

    def norm(self, x: str, output: str, scale: Tensor, shift: Tensor) -> str:
        """`x * scale + shift` per channel, inside the convolution or the linear layer that made `x` if there is one."""
        last = self.steps[-1] if self.steps else None
        if last and last[2] == x and last[0] in ("conv", "linear"):
            operation, inputs, _, attributes = self.steps.pop()
            kernel = self.weights[inputs[1]].float()
            bias = self.weights[inputs[2]].float() if len(inputs) > 2 else torch.zeros(len(kernel))
            self.weights[inputs[1]] = kernel * scale.reshape(-1, *[1] * (kernel.ndim - 1))
            told = self.weight(f"{inputs[1]}+", bias * scale + shift)
            return self.add(operation, [inputs[0], inputs[1], told], output, **attributes)
        place = (1, -1, 1, 1)
        names = [self.weight(f"{output}*", scale.reshape(place)), self.weight(f"{output}+", shift.reshape(place))]
        return self.add("affine", [x, *names], output)

    def graph(self, outputs: Sequence[str], image: str = "image") -> Graph:
        """The finished graph."""
        used = {name for _, inputs, _, _ in self.steps for name in inputs}
        return Graph(self.steps, {n: w for n, w in self.weights.items() if n in used}, outputs, image)


def from_onnx(path: Path, outputs: Sequence[str]) -> Graph:
    """SFace's kind of ONNX file: Conv, BatchNormalization, PRelu, Gemm, Flatten, and Sub and Mul by a constant."""
    import onnx

    model = onnx.load(path)
    builder = Builder()
    constants = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy()) for t in model.graph.initializer}
    for node in model.graph.node:
        options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        x, rest, output = node.input[0], [constants[n] for n in node.input[1:] if n in constants], node.output[0]
        if node.op_type == "Conv":
            names = [builder.weight(n, constants[n]) for n in node.input[1:]]
            builder.add(
                "conv", [x, *names], output, **_convolution(options["strides"], options["pads"], options["group"])
            )
        elif node.op_type == "BatchNormalization":
            scale = rest[0] / torch.sqrt(rest[3] + options.get("epsilon", 1e-5))
            builder.norm(x, output, scale, rest[1] - rest[2] * scale)
        elif node.op_type == "PRelu":
            builder.add("prelu", [x, builder.weight(node.input[1], rest[0].flatten())], output)
        elif node.op_type == "Gemm":
            weight = rest[0] if options.get("transB") else rest[0].T.contiguous()
            names = [builder.weight(node.input[1], weight), builder.weight(node.input[2], rest[1])]
            builder.add("linear", [x, *names], output)
        elif node.op_type in ("Sub", "Mul"):
            value = rest[0].reshape(-1).float()
            one, nought = torch.ones_like(value), torch.zeros_like(value)
            pair = (one, -value) if node.op_type == "Sub" else (value, nought)
            names = [builder.weight(f"{output}{i}", v.reshape(1, -1, 1, 1)) for i, v in enumerate(pair)]
            builder.add("affine", [x, *names], output)
        elif node.op_type == "Flatten":
            builder.add("flatten", [x], output)
        elif node.op_type == "Dropout":
            builder.add("add", [x, builder.weight("nothing", torch.zeros(1))], output)
        else:
            raise ValueError(f"expected the layers of SFace in {path}, found {node.op_type}")
    return builder.graph(outputs, model.graph.input[0].name)


def from_openvino(path: Path) -> Graph:
    """The OpenVINO network in `path` (.xml, its .bin beside it): (N, C, H, W) -> its one result, flat."""
    root, raw = ElementTree.parse(path).getroot(), path.with_suffix(".bin").read_bytes()
    builder, names, image, result = Builder(), {}, "", ""
    into: dict[str, list[tuple[int, str]]] = {}
    for edge in root.find("edges") or []:
        into.setdefault(edge.get("to-layer", ""), []).append((int(edge.get("to-port", 0)), edge.get("from-layer", "")))
    for layer in root.find("layers") or []:
        kind, mark, data = layer.get("type", ""), layer.get("id", ""), layer.find("data")
        options = dict(data.attrib) if data is not None else {}
        inputs = [names[source] for _, source in sorted(into.get(mark, []))]
        output = names[mark] = f"v{mark}"
        if kind == "Parameter":
            image = output
        elif kind == "Const":
            builder.weight(output, _openvino_constant(raw, options))
        elif kind in ("Convert", "Result"):
            names[mark] = result = inputs[0]
        elif kind in ("Convolution", "GroupConvolution"):
            strides, begin = ([int(v) for v in options[k].split(",")] for k in ("strides", "pads_begin"))
            kernel, groups = builder.weights[inputs[1]], 1
            if kind == "GroupConvolution":
                groups = kernel.shape[0]
                builder.weights[inputs[1]] = kernel.flatten(0, 1)
            builder.add("conv", inputs, output, stride=strides[0], pad=begin[0], groups=groups)
        elif kind == "AvgPool":
            builder.add("mean", inputs, output)
        elif kind in ("Add", "Multiply", "PReLU", "Sigmoid"):
            builder.add(kind.lower(), inputs, output)
        else:
            raise ValueError(f"expected the layers of face-reidentification-retail-0095 in {path}, found {kind}")
    builder.add("flatten", [result], "flat")
    return builder.graph(["flat"], image)


def _openvino_constant(raw: bytes, options: Mapping[str, str]) -> Tensor:
    kind = {"f16": np.float16, "f32": np.float32, "i64": np.int64}[options["element_type"]]
    shape = [int(side) for side in options["shape"].split(",") if side.strip()]
    start = int(options["offset"])
    values = np.frombuffer(raw[start : start + int(options["size"])], kind).reshape(shape)
    return torch.from_numpy(values.astype(np.float32))


def from_tflite(content: bytes) -> Graph:
    """A TensorFlow Lite file of float layers such as the face landmarker's: (N, 3, H, W) -> its first output, flat."""
    file, builder = LiteFile(content), Builder()
    for kind, operator in file.layers():
        entering, leaving = operator.InputsAsNumpy().tolist(), f"t{operator.OutputsAsNumpy()[0]}"
        x, rest = f"t{entering[0]}", [file.values(t) for t in entering[1:]]
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            options = options_of(kind, operator)
            how = _convolution_of(kind, options, is_padded(options), rest)
            builder.add("conv", [x, *_tflite_kernel(builder, kind, leaving, rest)], leaving, **how)
        elif kind == "ADD":
            builder.add("add", [x, f"t{entering[1]}"], leaving)
        elif kind == "PRELU":
            builder.add("prelu", [x, builder.weight(f"{leaving}a", rest[0].flatten())], leaving)
        elif kind == "PAD":
            builder.add("channels", [x], leaving, more=int(rest[0][3, 1]))
        elif kind == "MAX_POOL_2D":
            builder.add("maximum", [x], leaving, size=int(options_of(kind, operator).StrideH()))
        elif kind == "RESHAPE":
            builder.add("flatten", [x], leaving)
        elif kind == "LOGISTIC":
            builder.add("sigmoid", [x], leaving)
        else:
            raise ValueError(f"expected the layers of a face landmarker, found {kind}")
    builder.add("flatten", [f"t{file.outputs[0]}"], "flat")
    return builder.graph(["flat"], f"t{file.image}")


def _tflite_kernel(builder: Builder, kind: str, name: str, rest: Sequence[Any]) -> list[str]:
    axes = (0, 3, 1, 2) if kind == "CONV_2D" else (3, 0, 1, 2)
    kernel = builder.weight(f"{name}w", np.ascontiguousarray(rest[0].astype(np.float32).transpose(axes)))
    return [kernel, builder.weight(f"{name}b", rest[1].astype(np.float32))]


def _convolution_of(kind: str, options: Any, padded: bool, rest: Sequence[Any]) -> dict[str, Any]:
    if options.FusedActivationFunction():
        raise ValueError(f"expected {kind} without an activation of its own, found one")
    groups = rest[0].shape[3] if kind == "DEPTHWISE_CONV_2D" else 1
    return {"stride": int(options.StrideH()), "pad": "same" if padded else 0, "groups": int(groups)}


def mobilefacenet(path: Path) -> Graph:
    """MobileFaceNet (arXiv 1804.07573) from the state dict of foamliu/MobileFaceNet: (N, 3, 112, 112) -> (N, 128)."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    net = _TorchLayers({name.removeprefix("module."): value for name, value in state.items()}, 1e-5)
    x = net.conv("image", "conv1.0", "conv1.1", 2, 1, "relu6")
    x = net.conv(x, "dw_conv.depthwise", "dw_conv.bn1", 1, 1, "relu")
    x = net.conv(x, "dw_conv.pointwise", "dw_conv.bn2", 1, 0, "relu")
    at = 0
    for _, width, blocks, first in ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1)):
        for block in range(blocks):
            before, stride, place = x, first if block == 0 else 1, f"features.{at}.conv"
            x = net.conv(x, f"{place}.0.0", f"{place}.0.1", 1, 0, "relu6")
            x = net.conv(x, f"{place}.1.0", f"{place}.1.1", stride, 1, "relu6")
            x = net.conv(x, f"{place}.2", f"{place}.3", 1, 0)
            if stride == 1 and net.width(f"features.{at}.conv.0.0", 1) == width:
                x = net.add("add", [before, x], f"{x}+")
            at += 1
    x = net.conv(x, "conv2.0", "conv2.1", 1, 0, "relu6")
    x = net.conv(x, "gdconv.depthwise", "gdconv.bn", 1, 0)
    x = net.conv(x, "conv3", "bn", 1, 0)
    return net.graph([net.add("flatten", [x], "embedding")])


_LITE0 = ((3, 1, 1, 16), (3, 2, 2, 24), (5, 2, 2, 40), (3, 2, 3, 80), (5, 1, 3, 112), (5, 2, 4, 192), (3, 1, 1, 320))


def efficientnet_lite0(path: Path, taps: Sequence[int] = (0, 2, 4, 10)) -> Graph:
    """EfficientNet-lite0 (Apache-2.0): (N, 3, H, W) in -1..1 -> features after the blocks `taps` (strides 2 to 16)."""
    net = _TorchLayers(torch.load(path, map_location="cpu", weights_only=True), 1e-3)
    x, found, at = net.conv("image", "_conv_stem", "_bn0", 2, "same", "relu6"), [], 0
    for _, stride, blocks, _width in _LITE0:
        for block in range(blocks):
            if at > max(taps):
                return net.graph(found)
            before, place, step = x, f"_blocks.{at}", stride if block == 0 else 1
            if net.has(f"{place}._expand_conv.weight"):
                x = net.conv(x, f"{place}._expand_conv", f"{place}._bn0", 1, 0, "relu6")
            x = net.conv(x, f"{place}._depthwise_conv", f"{place}._bn1", step, "same", "relu6")
            x = net.conv(x, f"{place}._project_conv", f"{place}._bn2", 1, 0)
            if block:
                x = net.add("add", [before, x], f"{x}+")
            found += [x] if at in taps else []
            at += 1
    return net.graph(found)


class _TorchLayers(Builder):
    """Layers named as in a PyTorch state dict."""

    def __init__(self, state: Mapping[str, Tensor], epsilon: float) -> None:
        super().__init__()
        self._state, self._epsilon = state, epsilon

    def has(self, name: str) -> bool:
        return name in self._state

    def width(self, name: str, axis: int) -> int:
        return int(self._state[f"{name}.weight"].shape[axis])

    def conv(self, x: str, name: str, norm: str, stride: int, pad: Any, activation: str = "") -> str:
        """A convolution, the batch norm behind it and an activation."""
        kernel = self._state[f"{name}.weight"]
        groups = len(kernel) if kernel.shape[1] == 1 and len(kernel) > 1 else 1
        inputs = [x, self.weight(name, kernel)]
        if f"{name}.bias" in self._state:
            inputs.append(self.weight(f"{name}.bias", self._state[f"{name}.bias"]))
        self.add("conv", inputs, f"{name}=", stride=stride, pad=pad, groups=groups)
        told = {part: self._state[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}
        scale = told["weight"] / torch.sqrt(told["running_var"] + self._epsilon)
        x = self.norm(f"{name}=", f"{name}~", scale, told["bias"] - told["running_mean"] * scale)
        return self.add(activation, [x], f"{name}!") if activation else x


def _convolution(strides: Sequence[int], pads: Sequence[int], groups: int) -> dict[str, Any]:
    return {"stride": int(strides[0]), "pad": int(pads[0]), "groups": int(groups)}
