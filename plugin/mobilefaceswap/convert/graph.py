"""ONNX graphs written node by node: opset 17, named tensors, float32, no control flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["OPSET", "Graph"]

OPSET = 17
_IR_VERSION = 8
"""The IR version that goes with opset 17; older runtimes refuse newer ones."""


class Graph:
    """A graph under construction. Every method that adds a node returns the name of its output."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, shape: Sequence[int | str]) -> str:
        """A float32 input; a dimension given as text is free."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
        return name

    def output(self, value: str, name: str, shape: Sequence[int | str]) -> None:
        """Declares ``value`` as the output ``name``."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def constant(self, value: npt.ArrayLike, kind: type[np.generic] = np.float32) -> str:
        """A tensor stored in the file."""
        name = f"constant.{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.array(value, kind), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """One node with one output; an empty name leaves an optional input out."""
        name = f"{operator.lower()}.{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def convolution(
        self, value: str, weight: str, bias: str = "", *, stride: int = 1, padding: int = 0, groups: int = 1
    ) -> str:
        """A convolution, the same stride and padding on every side; the kernel's size is read from ``weight``."""
        inputs = [value, weight, bias] if bias else [value, weight]
        return self.node("Conv", *inputs, strides=[stride] * 2, pads=[padding] * 4, group=groups)

    def leaky_relu(self, value: str) -> str:
        """With the paper's slope of 0.1."""
        return self.node("LeakyRelu", value, alpha=0.1)

    def doubled(self, value: str) -> str:
        """Upsampled by two, bilinear, with aligned corners."""
        scales = self.constant([1, 1, 2, 2])
        return self.node("Resize", value, "", scales, mode="linear", coordinate_transformation_mode="align_corners")

    def batch_norm(self, value: str, scale: str, shift: str, mean: str, variance: str) -> str:
        """With recorded statistics; the runtime folds it into a preceding convolution."""
        return self.node("BatchNormalization", value, scale, shift, mean, variance, epsilon=1e-5)

    def reshaped(self, value: str, shape: Sequence[int]) -> str:
        """0 keeps a dimension, -1 is inferred."""
        return self.node("Reshape", value, self.constant(shape, np.int64))

    def unit_length(self, embedding: str) -> str:
        """(N, D) with every row divided by its Euclidean length."""
        return self.node("LpNormalization", embedding, axis=1, p=2)

    def serialised(self, metadata: Mapping[str, str]) -> bytes:
        """The checked model as the content of a file."""
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return cast(bytes, model.SerializeToString())
