"""A smoke of the canvas recipe, which goes when the taught student ships: a checkpoint becomes a pack that the product
renders with, and takes from a portrait what its table of shares says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the recipe needs torch (extra: train)")

ROOT = Path(__file__).resolve().parents[3]
RECIPE, PACK = ROOT / "models" / "training" / "canvas", ROOT / "models" / "base-224"
sys.path.insert(0, str(RECIPE))

import mesh  # noqa: E402
import model  # noqa: E402

FACTS = {name: f"a {name}" for name in ("version", "description", "licence", "data", "origin", "commit", "hardware")}


def person() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Feature map, embedding and face of somebody made up."""
    face = 255 * torch.rand(1, 3, model.PORTRAIT, model.PORTRAIT)
    return 0.08 * torch.randn(1, 1024, 7, 7), torch.randn(1, 128), face


def test_a_checkpoint_becomes_a_pack_that_signs_only_with_the_facts_given(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="the exporter needs it")
    import onnx
    import pack

    torch.manual_seed(1)
    networks = model.FaceSwapper(model.ModelConfig(inner_size=160)).eval()
    figures = pack.export_networks(networks, tmp_path, FACTS)
    assert figures["parity"] < 1e-4
    assert figures["parameters"] <= 500_000
    assert figures["macs"] <= 330_000_000
    graph = onnx.load(tmp_path / "idn.onnx")
    assert [o.name for o in graph.graph.output] == ["colour", "mask"]
    assert {p.value for p in graph.metadata_props} == {"a licence", "a data", "a commit"}
    (tmp_path / "pack.toml").write_text((PACK / "pack.toml").read_text("utf-8"), "utf-8")
    facts = {**FACTS, "licence_file": "licences/WEIGHTS.txt", "commercial_use": True}
    table = pack.pack_table(tmp_path, facts, {"step": 7, "seen": 70, "settings": {}}, figures, {})
    assert (table["version"], table["licence"], table["commercial_use"]) == ("a version", "a licence", True)
    assert (table["schema"], table["kind"], table["training"]["crops_seen"]) == (2, "idn", 70)
    assert {table["files"][role]["data"] for role in ("identity", "idn")} == {"a data"}
    assert table["files"]["encoder"]["licence"] == "Apache-2.0"


def test_colour_is_not_mixed_with_the_target_by_the_mask() -> None:
    torch.manual_seed(0)
    networks = model.FaceSwapper().eval()
    image = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        weights = networks.identity(*person())
        small = model.resize(image, 160)
        drawn, narrow = networks.swapper(small, weights)
        colour, mask = model.swap(networks.swapper, image, weights, 160)
        plain = model.swap(networks.swapper, image, weights, 0)
    assert torch.allclose(colour - image, model.resize(drawn - small, 224), atol=1e-5)
    assert torch.allclose(mask, model.resize(narrow, 224), atol=1e-6)
    assert all(torch.equal(a, b) for a, b in zip(plain, networks.swapper(image, weights), strict=True))


def test_no_share_is_above_one_and_eyes_and_mouth_are_the_target_s() -> None:
    shares, onto = mesh.shares_on_canvas(112), mesh.canonical_on_canvas()
    assert shares.max() <= 1
    assert model.TINTS_GIVEN <= 1
    for landmarks in (mesh.EYES[0], mesh.EYES[1], mesh.MOUTH):
        x, y = (onto[landmarks, :2].mean(0) * 112).astype(int)
        assert shares[y, x].max() < 0.05
    assert np.abs(shares - shares[:, ::-1]).mean() < 0.01


def test_the_checkpoint_that_ships_holds_what_the_card_says() -> None:
    pytest.importorskip("onnxscript", reason="pack.py needs the exporter's packages")
    import pack

    networks, state = pack.load_model(RECIPE / "checkpoints" / "base.pt", 160)
    assert networks.config.inner_size == 160
    assert (state["step"], state["crops_seen"]) == (20398, 207403)
    assert json.dumps(state["model_config"])
