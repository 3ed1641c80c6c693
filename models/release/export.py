"""Write a taught student as a model pack: identity.onnx, idn.onnx and pack.toml, checked against torch.

    python -m release.export RUN/student.pt --pack base-224 --facts release/facts.toml [--measured FIGURES.json]

PACK holds detector, recogniser and licences already. `facts.toml` states what no program can know: `version`,
`description`, `licence`, `commercial_use`, `data`, `origin`, `licence_file`, `hardware`, `commit`, and the table
`defaults` of settings tuned to this network.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn

from training.networks import Student, weight_shapes
from training.states import load_student

SIZE, OPSET, PARITY = 224, 17, 1e-4
MOST_PARAMETERS, MOST_MACS = 500_000, 330_000_000
FACTS = ("version", "description", "licence", "commercial_use", "data", "origin", "licence_file", "hardware", "commit")


class IdentityGraph(nn.Module):
    """The IIM for one person: feature map and embedding in, the weights in order out."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.identity = student.identity

    def forward(self, feature_map: Tensor, embedding: Tensor) -> tuple[Tensor, ...]:
        found = self.identity(feature_map, embedding)
        return tuple(found[name][0] for name in weight_shapes())


class SwapGraph(nn.Module):
    """The IDN: pictures and one person's weights in, colour and mask out."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.swapper = student.swapper

    def forward(self, image: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        drawn = self.swapper(image, dict(zip(weight_shapes(), weights, strict=True)))
        return drawn[:, :3], drawn[:, 3:4]


def write_networks(student: Student, folder: Path, facts: dict[str, Any]) -> dict[str, float]:
    """Both graphs into `folder`; counts and the largest difference from torch. Raises SystemExit past a limit."""
    names = list(weight_shapes())
    source = torch.randn(1, 1024, 7, 7) / 12, torch.randn(1, 128)
    weights = tuple(torch.randn(shape) for shape in weight_shapes().values())
    _write(IdentityGraph(student), source, folder / "identity.onnx", ["feature_map", "embedding"], names, facts)
    image = torch.rand(2, 3, SIZE, SIZE)
    _write(SwapGraph(student), (image, *weights), folder / "idn.onnx", ["image", *names], ["colour", "mask"], facts)
    figures = {**counted(folder / "idn.onnx"), "parity": parity(student, folder)}
    for name, most in (("parameters", MOST_PARAMETERS), ("macs", MOST_MACS), ("parity", PARITY)):
        if figures[name] > most:
            raise SystemExit(f"expected {name} of at most {most:g}; found {figures[name]:g}. This export must not ship")
    return figures


def _write(
    module: nn.Module, inputs: tuple[Tensor, ...], path: Path, entering: list[str], leaving: list[str],
    facts: dict[str, Any],
) -> None:  # fmt: skip
    axes = {name: {0: "N"} for name in ("image", "colour", "mask")} if "image" in entering else None
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            module.eval(), inputs, str(path), input_names=entering, output_names=leaving,
            dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, {name: str(facts[name]) for name in ("data", "licence", "commit")})
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


def counted(path: Path) -> dict[str, int]:
    """Parameters (learned and dynamic) and multiply-accumulates of `idn.onnx` for one picture, from its graph."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    shapes = {t.name: list(t.dims) for t in model.graph.initializer}
    for value in [*model.graph.input, *model.graph.value_info, *model.graph.output]:
        shapes.setdefault(value.name, [d.dim_value or 1 for d in value.type.tensor_type.shape.dim])
    stored, macs = {t.name for t in model.graph.initializer}, 0
    learned = {i.name for i in model.graph.input if i.name != "image"}
    for node in model.graph.node:
        if node.op_type == "Conv":
            kernel, out = shapes[node.input[1]], shapes[node.output[0]]
            macs += int(np.prod(kernel)) * out[2] * out[3]
            learned |= stored & set(node.input[1:])
    return {"parameters": sum(int(np.prod(shapes[name])) for name in learned), "macs": macs}


def parity(student: Student, folder: Path, seed: int = 0) -> float:
    """Largest absolute difference between torch and ONNX Runtime over weights, colour and mask."""
    torch.manual_seed(seed)
    feature_map, embedding, image = torch.randn(1, 1024, 7, 7) / 12, torch.randn(1, 128), torch.rand(3, 3, SIZE, SIZE)
    with torch.no_grad():
        weights = IdentityGraph(student)(feature_map, embedding)
        wanted = [*weights, *SwapGraph(student)(image, *weights)]
    cpu, names = ["CPUExecutionProvider"], list(weight_shapes())
    identity = ort.InferenceSession(str(folder / "identity.onnx"), providers=cpu)
    found = identity.run(names, {"feature_map": feature_map.numpy(), "embedding": embedding.numpy()})
    feed = {"image": image.numpy()} | dict(zip(names, found, strict=True))
    found += ort.InferenceSession(str(folder / "idn.onnx"), providers=cpu).run(["colour", "mask"], feed)
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(found, wanted, strict=True))


KEPT = ("detector", "encoder", "palms", "hands")
"""Roles of files that no training changes."""


def file_entry(path: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """What pack.toml says of one ONNX file."""
    model = onnx.load(path)
    given = {t.name for t in model.graph.initializer}
    return {
        "path": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "opset": max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")),
        **{name: facts[name] for name in ("licence", "licence_file", "origin", "data")},
        "inputs": [i.name for i in model.graph.input if i.name not in given],
        "outputs": [o.name for o in model.graph.output],
    }


def pack_table(
    folder: Path, facts: dict[str, Any], stored: dict[str, Any], figures: dict[str, Any], measured: dict[str, Any]
) -> dict[str, Any]:
    """The whole of pack.toml; what finds faces and hands, and the recogniser, stay as they are."""
    table = tomllib.loads((folder / "pack.toml").read_text("utf-8"))
    files = {role: entry for role, entry in table["files"].items() if role in KEPT}
    files |= {"identity": file_entry(folder / "identity.onnx", facts), "idn": file_entry(folder / "idn.onnx", facts)}
    training = {"steps": stored["step"], "crops_seen": stored["seen"], "settings": stored["settings"]}
    training |= {"data": facts["data"], "hardware": facts["hardware"], "commit": facts["commit"]}
    training |= {"idn_parameters": figures["parameters"], "idn_multiply_accumulates": figures["macs"]}
    told = {name: facts[name] for name in ("version", "description", "licence", "commercial_use")}
    fresh = {"schema": 2, "kind": "idn", "files": files, "training": training, "defaults": facts.get("defaults", {})}
    return {**table, **told, **fresh, **({"measured": measured} if measured else {})}


def condensed(figures: dict[str, Any]) -> dict[str, Any]:
    """What pack.toml says of the figures that evaluation.evaluate wrote: medians, without what single clips gave."""
    identity, seam = figures["identity"], figures["seam"]
    told = {name: figures[name] for name in ("protocol", "pairs")}
    told |= {name: identity[name] for name in ("people", "source_found_first", "target_found_first", "similarity")}
    told |= {"realism_over_chance": figures["realism"]["ratio"], "detail_median": figures["detail"]["median"]}
    told |= {"seam_median": seam["median"], "seam_p95": seam["p95"]}
    told |= {"patches_median": figures["patches"]["median"], "patches_p95": figures["patches"]["p95"]}
    told |= {"same_person_psnr": figures["same_person"]["psnr"], "spread_points": figures["spread"]["points"]}
    told |= {"flicker": figures["flicker"]["mean"]}
    followed = {
        group: {signal: [said["correlation"], said["gain"]] for signal, said in figures[group].items()}
        for group in ("movement", "gaze")
    }
    return told | followed


def to_toml(table: dict[str, Any], prefix: str = "") -> str:
    """Plain TOML of nested dictionaries of strings, numbers, booleans and lists."""
    lines = [
        f"{json.dumps(name) if ' ' in name else name} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in table.items()
        if not isinstance(value, dict)
    ]
    text = (f"[{prefix}]\n" if prefix and lines else "") + "".join(f"{line}\n" for line in lines)
    for name, value in table.items():
        if isinstance(value, dict):
            text += ("\n" if text else "") + to_toml(value, f"{prefix}.{name}" if prefix else name)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=Path)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--facts", type=Path, required=True, help="what no program can know, as TOML")
    parser.add_argument("--measured", type=Path, help="what evaluation.evaluate --json wrote")
    given = parser.parse_args()
    facts = tomllib.loads(given.facts.read_text("utf-8"))
    if missing := [name for name in FACTS if name not in facts]:
        raise SystemExit(f"expected {', '.join(FACTS)} in {given.facts}; {', '.join(missing)} missing")
    student, stored = load_student(given.state)
    figures = write_networks(student, given.pack, facts)
    print(json.dumps(figures))
    measured = condensed(json.loads(given.measured.read_text())) if given.measured else {}
    (given.pack / "pack.toml").write_text(to_toml(pack_table(given.pack, facts, stored, figures, measured)), "utf-8")


if __name__ == "__main__":
    main()
