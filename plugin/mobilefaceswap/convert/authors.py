"""Makes a model pack from the two files that the authors of MobileFaceSwap publish."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..packs import Pack
from .arcface import encoder_graph
from .graph import OPSET
from .network import CROP, identity_graph, idn_graph, weight_shapes
from .pdparams import read_pdparams
from .written import NetworkFile, check_empty, write_pack

__all__ = ["convert_authors_files"]

NAME = "mobilefaceswap-224"
_LICENCE = (
    "Unclear: the authors' code is Apache-2.0, but they state no licence for these weights, which were trained on "
    "research data. Treat them as research use only and ask the authors before any other use."
)
_PUBLISHED = {
    "idn": ("MobileFaceSwap_224.pdparams", "ee51a18684d2862363deefde14220d7e7eb33b78b5b1840e1a76566a7f3508fb"),
    "encoder": ("arcface.pdparams", "adc5d94075fc2f8ad93ba1040310b97f604843d03c82ecf3a4bdb86af658ca3b"),
}
"""What the authors' files are called and their SHA-256."""


_HEAD = {
    "name": NAME,
    "version": "1.0.0",
    "title": "MobileFaceSwap 224, the authors' weights",
    "description": "Converted on this machine from the files that the authors of MobileFaceSwap publish.",
    "commercial_use": False,
    "kind": "idn",
}
_TABLES = {
    "crop": {"size": CROP, "template": "arcface-112", "fit": "affine"},
    "encoder": {"size": 112, "range": 1.0, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
}


def convert_authors_files(idn: Path, encoder: Path, folder: Path) -> Pack:
    """Writes a pack with the authors' networks into ``folder`` and returns it, verified.

    idn: MobileFaceSwap_224.pdparams; encoder: arcface.pdparams. Nothing in them is run. The detector is the default
    pack's. Raises PackError where a file holds anything else, or where ``folder`` is not empty or cannot be written.
    """
    check_empty(folder)
    swapper, recogniser = read_pdparams(idn), read_pdparams(encoder)
    from_idn, from_encoder = _origin(idn, "idn"), _origin(encoder, "encoder")
    weights = list(weight_shapes())
    stated = {"licence": _LICENCE}
    graphs = {
        "encoder": (encoder_graph(recogniser, stated), from_encoder, ["face"], ["feature_map", "embedding"]),
        "identity": (identity_graph(swapper, stated), from_idn, ["feature_map", "embedding"], weights),
        "idn": (idn_graph(swapper, stated), from_idn, ["image", *weights], ["colour", "mask"]),
    }
    files = {
        role: NetworkFile(f"{role}.onnx", content, OPSET, origin, "not stated by the authors", inputs, outputs)
        for role, (content, origin, inputs, outputs) in graphs.items()
    }
    return write_pack(folder, _HEAD, _TABLES, files, _LICENCE)


def _origin(path: Path, role: str) -> str:
    """Where a file comes from, and whether it is the one that the authors publish."""
    name, published = _PUBLISHED[role]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    known = "as published by the authors" if found == published else f"not the published {name}"
    return f"converted from {path.name} (sha256 {found}), {known}"
