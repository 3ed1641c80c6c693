"""TensorFlow Lite files of float layers, read layer by layer. Needs the package `tflite`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tflite

__all__ = ["LiteFile", "is_padded", "options_of"]

_KINDS = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}
_TYPES = {tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.FLOAT32: np.float32}
_OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "ADD": "AddOptions",
    "MAX_POOL_2D": "Pool2DOptions",
}


class LiteFile:
    """One network. image, outputs: numbers of the tensors that enter and leave it."""

    def __init__(self, content: bytes) -> None:
        self._model = tflite.Model.GetRootAsModel(content, 0)
        self._graph = self._model.Subgraphs(0)
        self._same: dict[int, int] = {}
        self.image = int(self._graph.Inputs(0))
        self.outputs = [int(self._graph.Outputs(number)) for number in range(self._graph.OutputsLength())]

    def layers(self) -> Iterator[tuple[str, Any]]:
        """Kind and operator of each layer in order, without those that widen constants, past which `values` sees."""
        for number in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(number)
            code = self._model.OperatorCodes(operator.OpcodeIndex())
            kind = _KINDS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            if kind == "DEQUANTIZE":
                self._same[int(operator.OutputsAsNumpy()[0])] = int(operator.InputsAsNumpy()[0])
            else:
                yield kind, operator

    def values(self, number: int) -> Any:
        """The values of a tensor as they stand in the file, half precision or not; None where layers make them."""
        tensor = self._graph.Tensors(self._same.get(number, number))
        data = self._model.Buffers(tensor.Buffer())
        if not data.DataLength():
            return None
        values = np.frombuffer(data.DataAsNumpy().tobytes(), _TYPES.get(tensor.Type(), np.int32))
        return values.reshape(tensor.ShapeAsNumpy())

    def shape(self, number: int) -> list[int]:
        """Of a tensor, (N, H, W, C) for pictures."""
        return self._graph.Tensors(number).ShapeAsNumpy().tolist()  # type: ignore[no-any-return]


def options_of(kind: str, operator: Any) -> Any:
    """What a layer states besides its inputs; None for kinds that state nothing."""
    if kind not in _OPTIONS:
        return None
    options = getattr(tflite, _OPTIONS[kind])()
    options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
    return options


def is_padded(options: Any) -> bool:
    """Whether a convolution pads its picture so that the size stays, or is divided by the stride."""
    return bool(options.Padding() == tflite.Padding.SAME)
