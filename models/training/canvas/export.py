"""Write a checkpoint as a model pack: identity.onnx, idn.onnx, pack.toml; check both against torch.

python export.py RUN/last.pt --pack ../../base-224 --card configs/base.toml --commit COMMIT [--measured FIGURES.json]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from model import PORTRAIT, FaceSwapper, ModelConfig, swap, weight_names, weight_shapes
from recogniser import sha256
from torch import Tensor, nn

SIZE, OPSET = 224, 17
PARITY = 1e-4
LICENCE = (
    "Research use only: the weights were trained on pictures of which some carry non-commercial terms and others "
    "state no licence."
)
DATA = "6,068 aligned face crops of mixed origin (see models/README.md), some non-commercial, some of no stated licence"


class SwapGraph(nn.Module):
    """The IDN as the pack holds it: pictures and 28 weights in, swapped picture and mask out."""

    def __init__(self, model: FaceSwapper) -> None:
        super().__init__()
        self.swapper, self.inner_size = model.swapper.eval(), model.config.inner_size
        self.eval()

    def forward(self, image: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        return swap(self.swapper, image, list(weights), self.inner_size)


def load_model(path: Path, inner_size: int = 0) -> tuple[FaceSwapper, dict[str, Any]]:
    """The averaged weights of a checkpoint, ready to infer at `inner_size`, and the checkpoint's figures."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = FaceSwapper(ModelConfig(**state["model_config"] | {"inner_size": inner_size}))
    model.load_state_dict(state["average"])
    return model.eval(), state


def _export(module: nn.Module, inputs: tuple[Tensor, ...], path: Path, names: tuple[list[str], list[str]]) -> None:
    axes = {"image": {0: "N"}, "swapped": {0: "N"}, "mask": {0: "N"}} if "image" in names[0] else None
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            module, inputs, str(path), input_names=names[0], output_names=names[1],
            dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )  # fmt: skip


def count_graph(path: Path) -> dict[str, int]:
    """Parameters (initialisers and dynamic weights) and multiply-accumulates of `idn.onnx` for one picture."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    graph = model.graph
    shapes: dict[str, list[int]] = {t.name: list(t.dims) for t in graph.initializer}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        shapes.setdefault(value.name, [d.dim_value or 1 for d in value.type.tensor_type.shape.dim])
    dynamic = [i.name for i in graph.input if i.name != "image"]
    learned = [
        t.name for t in graph.initializer if any(t.name in n.input[1:] for n in graph.node if n.op_type == "Conv")
    ]
    macs = 0
    for node in graph.node:
        if node.op_type == "Conv":
            kernel, out = shapes[node.input[1]], shapes[node.output[0]]
            macs += int(np.prod(kernel)) * out[2] * out[3]
        elif node.op_type == "MatMul":
            macs += int(np.prod(shapes[node.output[0]])) * shapes[node.input[0]][-1]
    return {"parameters": sum(int(np.prod(shapes[n])) for n in dynamic + learned), "macs": macs}


def parity(model: FaceSwapper, folder: Path, seed: int = 0) -> float:
    """Largest absolute difference between torch and ONNX Runtime over weights, picture and mask."""
    torch.manual_seed(seed)
    config = model.config
    feature_map = 0.08 * torch.randn(1, config.feature_channels, config.feature_size, config.feature_size)
    embedding, image = torch.randn(1, config.embedding), torch.rand(3, 3, SIZE, SIZE)
    source = {"feature_map": feature_map, "embedding": embedding, "face": 255 * torch.rand(1, 3, PORTRAIT, PORTRAIT)}
    with torch.no_grad():
        weights = model.identity(**source)
        wanted = [*weights, *SwapGraph(model)(image, *weights)]
    cpu = ["CPUExecutionProvider"]
    identity = ort.InferenceSession(str(folder / "identity.onnx"), providers=cpu)
    found = identity.run(weight_names(), {name: value.numpy() for name, value in source.items()})
    feed = {"image": image.numpy()} | dict(zip(weight_names(), found, strict=True))
    found += ort.InferenceSession(str(folder / "idn.onnx"), providers=cpu).run(["swapped", "mask"], feed)
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(found, wanted, strict=True))


def export_networks(model: FaceSwapper, folder: Path, properties: dict[str, str]) -> dict[str, float]:
    """Write both graphs into `folder`; returns counts and parity. Raises RuntimeError when parity fails."""
    config = model.config
    feature_map = torch.randn(1, config.feature_channels, config.feature_size, config.feature_size)
    source = feature_map, torch.randn(1, config.embedding), 255 * torch.rand(1, 3, PORTRAIT, PORTRAIT)
    names, shapes = weight_names(), weight_shapes()
    _export(model.identity, source, folder / "identity.onnx", (["feature_map", "embedding", "face"], names))
    image, weights = torch.rand(2, 3, SIZE, SIZE), tuple(torch.randn(shapes[n]) for n in names)
    idn = folder / "idn.onnx"
    _export(SwapGraph(model), (image, *weights), idn, (["image", *names], ["swapped", "mask"]))
    for path in (folder / "identity.onnx", idn):
        graph = onnx.load(path)
        onnx.helper.set_model_props(graph, properties)
        onnx.checker.check_model(graph)
        onnx.save(graph, path)
    worst = parity(model, folder)
    if worst > PARITY:
        raise RuntimeError(f"Expected torch and ONNX to agree within {PARITY}, found {worst}. Do not ship this export.")
    return {**count_graph(idn), "parity": worst}


def file_entry(path: Path, licence: str, licence_file: str, origin: str, data: str) -> dict[str, Any]:
    """What pack.toml says of one ONNX file."""
    model = onnx.load(path, load_external_data=False)
    weights = {t.name for t in model.graph.initializer}
    return {
        "path": path.name,
        "sha256": sha256(path),
        "bytes": path.stat().st_size,
        "opset": max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")),
        "licence": licence,
        "licence_file": licence_file,
        "origin": origin,
        "data": data,
        "inputs": [i.name for i in model.graph.input if i.name not in weights],
        "outputs": [o.name for o in model.graph.output],
    }


def to_toml(table: dict[str, Any], prefix: str = "") -> str:
    """Plain TOML of nested dictionaries of strings, numbers, booleans and lists."""
    lines = [
        f"{json.dumps(k)} = {json.dumps(v, ensure_ascii=False)}"
        if " " in k
        else f"{k} = {json.dumps(v, ensure_ascii=False)}"
        for k, v in table.items()
        if not isinstance(v, dict)
    ]
    text = (f"[{prefix}]\n" if prefix and lines else "") + "".join(f"{line}\n" for line in lines)
    for name, value in table.items():
        if isinstance(value, dict):
            text += ("\n" if text else "") + to_toml(value, f"{prefix}.{name}" if prefix else name)
    return text


def pack_table(folder: Path, description: str, training: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    """The whole of pack.toml."""
    ours = (LICENCE, "licences/WEIGHTS.txt", "trained by this project with models/training", DATA)
    table: dict[str, Any] = {
        "schema": 1,
        "name": "base-224",
        "version": "0.7.0",
        "title": "Base 224",
        "description": description,
        "licence": LICENCE,
        "commercial_use": False,
        "crop": {"size": SIZE, "template": "arcface-112", "fit": "similarity"},
        "encoder": {"size": 112, "range": 255.0, "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]},
        "files": {
            "detector": file_entry(
                folder / "face_detection_yunet_2023mar.onnx", "MIT", "licences/YUNET-MIT.txt",
                "OpenCV Zoo, face_detection_yunet_2023mar.onnx, unchanged", "WIDER FACE, by the original's authors",
            ),
            "encoder": file_entry(
                folder / "sface.onnx", "Apache-2.0", "licences/SFACE-APACHE-2.0.txt",
                "OpenCV Zoo, face_recognition_sface_2021dec.onnx (sha256 "
                "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79): weights unchanged, batch made "
                "dynamic, input renamed, feature map added as an output",
                "as the original's authors state",
            ),
            "identity": file_entry(folder / "identity.onnx", *ours),
            "idn": file_entry(folder / "idn.onnx", *ours),
        },
        "training": training,
    }  # fmt: skip
    return table | ({"measured": measured} if measured else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--commit", required=True, help="the commit of the recipe that trained the weights")
    parser.add_argument("--description", required=True, help="one honest sentence for the user")
    parser.add_argument("--inner-size", type=int, default=0, help="pixels at which the network runs; 0: the crop's 224")
    parser.add_argument("--hardware", default="two CPU cores")
    parser.add_argument("--measured", type=Path, help="what evaluate.py --json printed")
    args = parser.parse_args()
    model, state = load_model(args.checkpoint, args.inner_size)
    properties = {"data": DATA, "licence": LICENCE, "commit": args.commit}
    figures = export_networks(model, args.pack, properties)
    print(json.dumps(figures))
    config = tomllib.loads(args.config.read_text())
    training = {
        "config": config["name"],
        "data": DATA,
        "crops_seen": state["crops_seen"],
        "steps": state["step"],
        "minutes": round(state["seconds"] / 60, 1),
        "hardware": args.hardware,
        "commit": args.commit,
        "inner_size": args.inner_size,
        "idn_parameters": figures["parameters"],
        "idn_multiply_accumulates": figures["macs"],
    }
    measured = json.loads(args.measured.read_text()) if args.measured else {}
    text = to_toml(pack_table(args.pack, args.description, training, measured))
    (args.pack / "pack.toml").write_text(text)


if __name__ == "__main__":
    main()
