"""The packs' encoder, derived from OpenCV's face recogniser: the same weights, with a dynamic batch and the feature
map as a second output.

The original is OpenCV Zoo's `face_recognition_sface_2021dec.onnx` (Apache-2.0), after Zhong et al., "SFace:
Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", 2021.
"""

from __future__ import annotations

from typing import cast

import onnx

__all__ = ["ORIGINAL_SHA256", "derived_sface"]

ORIGINAL_SHA256 = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79"
_SIDE = 112
_RENAMED = {"data": "face", "bn1": "feature_map", "fc1": "embedding"}
_OUTPUTS = (("feature_map", ("N", 1024, 7, 7)), ("embedding", ("N", 128)))
_STATED = {
    "data": "as the original: see OpenCV Zoo, face_recognition_sface",
    "licence": "Apache-2.0",
    "commit": f"derived from SFace 2021dec, sha256 {ORIGINAL_SHA256}",
    "change": "weights unchanged; batch made dynamic; input renamed; the feature map is a second output",
}


def derived_sface(original: bytes) -> bytes:
    """The pack's `sface.onnx` from the official file, the same bytes from the same `onnx` release.

    In: `face`, float32 (N, 3, 112, 112), RGB 0..255 of display-referred sRGB. Out: `feature_map` (N, 1024, 7, 7), the
    output of the trunk's last batch norm, and `embedding` (N, 128), not normalised.
    """
    model = onnx.load_from_string(original)
    graph = model.graph
    for node in graph.node:
        node.input[:] = [_RENAMED.get(name, name) for name in node.input]
        node.output[:] = [_RENAMED.get(name, name) for name in node.output]
    del graph.input[:], graph.output[:]
    graph.input.append(_tensor("face", ("N", 3, _SIDE, _SIDE)))
    graph.output.extend(_tensor(name, shape) for name, shape in _OUTPUTS)
    # Since IR 4 weights need not be listed among the inputs as well.
    model.ir_version = 8
    onnx.helper.set_model_props(model, _STATED)
    return cast(bytes, model.SerializeToString())


def _tensor(name: str, shape: tuple[str | int, ...]) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(shape))
