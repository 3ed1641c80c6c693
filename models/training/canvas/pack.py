"""Write the checkpoint of a canvas network as a model pack: identity.onnx, idn.onnx, pack.toml, checked against torch.

    python pack.py checkpoints/base.pt --pack PACK --facts FACTS.toml --inner-size 160 [--measured FIGURES.json]

PACK holds detector, recogniser and licences already; FACTS.toml is as `../export.py` describes it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from mesh import SHARES
from model import PORTRAIT, TINTS_GIVEN, FaceSwapper, ModelConfig, swap, weight_names, weight_shapes
from torch import Tensor, nn

# Modules of the newer recipe bear the names of some of this folder's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from export import FACTS, pack_table, to_toml

del sys.path[0]

SIZE, OPSET, PARITY = 224, 17, 1e-4


class SwapGraph(nn.Module):
    """The IDN as the pack holds it: pictures and 28 weights in, colour and mask out."""

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


def example(model: FaceSwapper, seed: int = 0) -> dict[str, Tensor]:
    """A source nobody has, in the shapes that `identity.onnx` takes."""
    torch.manual_seed(seed)
    config = model.config
    feature_map = 0.08 * torch.randn(1, config.feature_channels, config.feature_size, config.feature_size)
    face = 255 * torch.rand(1, 3, PORTRAIT, PORTRAIT)
    return {"feature_map": feature_map, "embedding": torch.randn(1, config.embedding), "face": face}


def export_networks(model: FaceSwapper, folder: Path, facts: dict[str, Any]) -> dict[str, float]:
    """Both graphs into `folder`; returns counts and parity. Raises SystemExit when parity fails."""
    source, names = example(model), weight_names()
    image, weights = torch.rand(2, 3, SIZE, SIZE), [torch.randn(weight_shapes()[n]) for n in names]
    _export(model.identity, tuple(source.values()), folder / "identity.onnx", (list(source), names), facts)
    _export(SwapGraph(model), (image, *weights), folder / "idn.onnx", (["image", *names], ["colour", "mask"]), facts)
    worst = parity(model, folder)
    if worst > PARITY:
        raise SystemExit(f"expected torch and ONNX to agree within {PARITY}; found {worst}. This export must not ship")
    return {**count_graph(folder / "idn.onnx"), "parity": worst}


def _export(
    module: nn.Module, inputs: tuple[Tensor, ...], path: Path, names: tuple[list[str], list[str]], facts: dict[str, Any]
) -> None:
    axes = {name: {0: "N"} for name in ("image", "colour", "mask")} if "image" in names[0] else None
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            module, inputs, str(path), input_names=names[0], output_names=names[1],
            dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, {name: str(facts[name]) for name in ("data", "licence", "commit")})
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


def count_graph(path: Path) -> dict[str, int]:
    """Parameters (initialisers and dynamic weights) and multiply-accumulates of `idn.onnx` for one picture."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    shapes: dict[str, list[int]] = {t.name: list(t.dims) for t in graph.initializer}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        shapes.setdefault(value.name, [d.dim_value or 1 for d in value.type.tensor_type.shape.dim])
    stored, macs = {t.name for t in graph.initializer}, 0
    learned = {i.name for i in graph.input if i.name != "image"}
    for node in graph.node:
        if node.op_type == "Conv":
            kernel, out = shapes[node.input[1]], shapes[node.output[0]]
            macs += int(np.prod(kernel)) * out[2] * out[3]
            learned |= stored & set(node.input[1:])
        elif node.op_type == "MatMul":
            macs += int(np.prod(shapes[node.output[0]])) * shapes[node.input[0]][-1]
    return {"parameters": sum(int(np.prod(shapes[n])) for n in learned), "macs": macs}


def parity(model: FaceSwapper, folder: Path) -> float:
    """Largest absolute difference between torch and ONNX Runtime over weights, colour and mask."""
    source, image = example(model), torch.rand(3, 3, SIZE, SIZE)
    with torch.no_grad():
        weights = model.identity(**source)
        wanted = [*weights, *SwapGraph(model)(image, *weights)]
    cpu = ["CPUExecutionProvider"]
    identity = ort.InferenceSession(str(folder / "identity.onnx"), providers=cpu)
    found = identity.run(weight_names(), {name: value.numpy() for name, value in source.items()})
    feed = {"image": image.numpy()} | dict(zip(weight_names(), found, strict=True))
    found += ort.InferenceSession(str(folder / "idn.onnx"), providers=cpu).run(["colour", "mask"], feed)
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(found, wanted, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--facts", type=Path, required=True, help="what no program can know, as TOML")
    parser.add_argument("--inner-size", type=int, default=0, help="pixels at which the network runs; 0: the crop's 224")
    parser.add_argument("--measured", type=Path, help="what evaluate.py --json wrote")
    args = parser.parse_args()
    facts = tomllib.loads(args.facts.read_text("utf-8"))
    if missing := [name for name in FACTS if name not in facts]:
        raise SystemExit(f"expected {', '.join(FACTS)} in {args.facts}; {', '.join(missing)} missing")
    model, state = load_model(args.checkpoint, args.inner_size)
    figures = export_networks(model, args.pack, facts)
    print(json.dumps(figures))
    settings = {"model": asdict(model.config), "shares": SHARES, "tints_given": TINTS_GIVEN}
    stored = {"step": state["step"], "seen": state["crops_seen"], "settings": settings}
    measured = json.loads(args.measured.read_text()) if args.measured else {}
    (args.pack / "pack.toml").write_text(to_toml(pack_table(args.pack, facts, stored, figures, measured)), "utf-8")


if __name__ == "__main__":
    main()
