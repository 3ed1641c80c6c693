"""The network alone: against a matrix product of as many multiply-accumulates, and against a SimSwap-size network.

Run as a process of its own, with one thread: ``python -m mobilefaceswap.demo.bench.networks IDENTITY ROUNDS``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .marks import Mark, ratios
from .process import measured

__all__ = ["alone"]

_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_SIDE, _BLOCKS = 224, 9
_MATRIX = 2048
_CALLS = 8
Layer = tuple[int, int, int, int]
"""(channels in, channels out, kernel, stride); a stride of 0 stands for an upsampling by two before it."""
_SIMSWAP: tuple[Layer, ...] = (
    *((3, 64, 7, 1), (64, 128, 3, 2), (128, 256, 3, 2), (256, 512, 3, 2)),
    *(((512, 512, 3, 1),) * (2 * _BLOCKS)),
    *((512, 256, 3, 0), (256, 128, 3, 0), (128, 64, 3, 0), (64, 3, 7, 1)),
)
"""The convolutions of SimSwap's generator at 224 pixels (Chen et al., ACM Multimedia 2020, and its published code)."""


def alone(identity: Path, rounds: int) -> list[Mark]:
    """The network's marks, on one thread."""
    module = [sys.executable, "-m", "mobilefaceswap.demo.bench.networks", str(identity), str(rounds)]
    told = json.loads(measured(module, dict.fromkeys(_THREADS, "1")).output)
    milliseconds = f"{1000 * min(told['idn']):.1f} ms"
    return [
        Mark("network / matrix product of as many operations", ratios(told["idn"], told["matrix"]), 2.0,
             beside=f"{milliseconds}, {told['operations'] / 1e9:.2f} G multiply-accumulates"),
        Mark("SimSwap-size network / network", ratios(told["simswap"], told["idn"]), 60, at_least=True),
    ]  # fmt: skip


def _measure(identity: Path, rounds: int) -> dict[str, Any]:
    import numpy as np

    from ...identity import Identity
    from ...packs import find_pack
    from ...runtime import load_session
    from ...swap.specialise import specialise

    pack = find_pack()
    model = specialise(pack.path("idn").read_bytes(), Identity.load(identity).weights)
    network, rival = load_session(model), load_session(_simswap())
    side, random = pack.crop.size, np.random.default_rng(0)
    crop = random.random((1, 3, side, side), np.float32)
    picture = random.random((1, 3, _SIDE, _SIDE), np.float32)
    square = random.random((_MATRIX, _MATRIX), np.float32)
    operations = _operations(model)
    part = operations / _MATRIX**3
    found: dict[str, list[float]] = {"idn": [], "matrix": [], "simswap": []}
    for _ in range(rounds + 1):
        found["idn"].append(_seconds(lambda: network.run({"image": crop}), _CALLS))
        found["matrix"].append(part * _seconds(lambda: square @ square, 1))
        found["simswap"].append(_seconds(lambda: rival.run({"image": picture}), 1))
    return {"operations": operations, **{name: values[1:] for name, values in found.items()}}


def _seconds(work: Callable[[], object], calls: int) -> float:
    """Processor seconds of one call: with one thread nothing else counts."""
    started = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - started) / calls


def _operations(model: bytes) -> int:
    """Multiply-accumulates of the model's convolutions and matrix products for one crop."""
    import numpy as np
    import onnx

    graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(model)).graph
    described = [*graph.value_info, *graph.output, *graph.input]
    shapes = {item.name: [size.dim_value or 1 for size in item.type.tensor_type.shape.dim] for item in described}
    shapes |= {item.name: list(item.dims) for item in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            total += int(np.prod(shapes[node.output[0]]) * np.prod(shapes[node.input[1]][1:]))
        elif node.op_type in ("MatMul", "Gemm"):
            total += int(np.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1])
    return total


def _simswap() -> bytes:
    """An ONNX model of the size of SimSwap's generator, with random weights: time does not depend on their values."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    random, nodes, weights = np.random.default_rng(0), [], []
    name = "image"
    for number, (inward, outward, kernel, stride) in enumerate(_SIMSWAP):
        if stride == 0:
            nodes.append(helper.make_node("Resize", [name, "", "twice"], [f"up{number}"], mode="linear"))
            name = f"up{number}"
        values = random.normal(0, 0.02, (outward, inward, kernel, kernel)).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"weight{number}"))
        pads, strides = [kernel // 2] * 4, [max(1, stride)] * 2
        nodes.append(helper.make_node("Conv", [name, f"weight{number}"], [f"conv{number}"], pads=pads, strides=strides))
        weights += [numpy_helper.from_array(np.full(outward, value, np.float32), f"{kind}{number}")
                    for kind, value in (("scale", 1), ("shift", 0))]  # fmt: skip
        normalised = [f"conv{number}", f"scale{number}", f"shift{number}"]
        nodes.append(helper.make_node("InstanceNormalization", normalised, [f"norm{number}"]))
        nodes.append(helper.make_node("Relu", [f"norm{number}"], [f"relu{number}"]))
        name = f"relu{number}"
    weights.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "twice"))
    shape = [1, 3, _SIDE, _SIDE]
    image, result = (helper.make_tensor_value_info(item, TensorProto.FLOAT, shape) for item in ("image", name))
    graph = helper.make_graph(nodes, "simswap-size", [image], [result], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    assert all(os.environ.get(name) == "1" for name in _THREADS), "one thread, or the comparison is none"
    print(json.dumps(_measure(Path(sys.argv[1]), int(sys.argv[2]))))
