"""The recipe: what a batch is, truths of the losses, a run from nothing that resumes exactly, slices, the export."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import shutil
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the recipe needs torch (extra: train)")

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"
RECIPE, PACK = MODELS / "training", MODELS / "base-224"

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from conversion import published  # noqa: E402
from release import apart, export, mean  # noqa: E402
from training import (  # noqa: E402
    config,
    critics,
    data,
    graphs,
    kernels,
    landmarks,
    losses,
    networks,
    occluders,
    prepare,
    shapes,
    states,
    train,
)
from training import slice as slicing  # noqa: E402

PEOPLE = 6
EYES = ("left_eye", "right_eye")
torch.set_num_threads(1)  # two threads on shared cores wait for one another


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Critics of the real signatures with random weights, and a pack of drawn faces: (folder with both)."""
    folder = tmp_path_factory.mktemp("recipe")
    torch.manual_seed(0)
    torch.save({name: graph.stored() for name, graph in _random_critics().items()}, folder / "critics.pt")
    torch.save(_drawn_faces(folder / "critics.pt"), folder / "faces.pt")
    return folder


def _random_critics() -> dict[str, graphs.Graph]:
    def net(sizes: list[tuple[int, int, int]], last: int, outputs: int) -> graphs.Graph:
        builder, x, found = published.Builder(), "image", []
        for i, (entering, leaving, stride) in enumerate(sizes):
            weight = builder.weight(f"w{i}", torch.randn(leaving, entering, 3, 3) / (9 * entering) ** 0.5)
            x = builder.add("relu", [builder.add("conv", [x, weight], f"c{i}", stride=stride, pad=1)], f"r{i}")
            found.append(x)
        if not last:
            return builder.graph(found)
        weight = builder.weight("last", torch.randn(last, sizes[-1][1]) / sizes[-1][1] ** 0.5)
        mean = builder.add("flatten", [builder.add("mean", [x], "m")], "f")
        return builder.graph([*found[len(found) - outputs :], builder.add("linear", [mean, weight], "e")])

    small = [(3, 8, 4), (8, 16, 4)]
    return {
        "sface": net([(3, 8, 4), (8, 1024, 4)], 128, 1),
        "mobilefacenet": net(small, 128, 0),
        "reidentification": net(small, 256, 0),
        "perception": net([(3, 16, 2), (16, 24, 2), (24, 40, 2), (40, 112, 2)], 0, 4),
        "mesh": net([(3, 4, 8), (4, 8, 8)], 1434, 0),
    }


def _drawn_faces(critics_file: Path) -> dict[str, object]:
    rng = np.random.default_rng(0)
    rows = []
    for person in range(PEOPLE):
        tone = rng.uniform(60, 200, 3)
        for _ in range(3):
            crop = rng.uniform(0, 40, (256, 256, 3)) + np.zeros(3)
            y, x = np.mgrid[0:256, 0:256]
            crop[((x - 128) / 90) ** 2 + ((y - 140) / 120) ** 2 < 1] = tone + rng.normal(0, 5, 3)
            rows.append(prepare.Row(crop.clip(0, 255).astype(np.uint8), f"person {person}", "CC0", True))
    packed = prepare.packed(rows, critics_file, 64)
    packed["points"] = torch.from_numpy(
        np.stack([(_drawn_points() + rng.normal(0, 0.004, (len(landmarks.POINTS), 2))) * landmarks.SCALE for _ in rows])
    ).to(torch.int16)
    return packed


def _drawn_points() -> np.ndarray:
    """A frontal face's points in widths of a crop, eyes and mouth open."""
    points = np.full((len(landmarks.POINTS), 2), (0.5, 0.6))

    def oval(name: str, middle: tuple[float, float], radii: tuple[float, float], start: float, way: int) -> None:
        place = landmarks.PLACES[name]
        turn = start + way * np.linspace(0, 2 * np.pi, place.stop - place.start, endpoint=False)
        points[place] = np.array(middle) + np.stack([np.cos(turn) * radii[0], np.sin(turn) * radii[1]], 1)

    oval("outline", (0.5, 0.6), (0.36, 0.45), -np.pi / 2, 1)
    oval("left_eye", (0.34, 0.46), (0.07, 0.025), np.pi, 1)
    oval("right_eye", (0.66, 0.46), (0.07, 0.025), 0, -1)
    oval("outer_lips", (0.5, 0.82), (0.13, 0.05), np.pi, 1)
    oval("inner_lips", (0.5, 0.82), (0.1, 0.02), np.pi, 1)
    points[landmarks.PLACES["irises"]] = [(0.34, 0.46), (0.66, 0.46)]
    points[landmarks.PLACES["brows"]] += np.stack([np.linspace(-0.25, 0.25, 10), np.full(10, -0.22)], 1)
    points[landmarks.PLACES["nose"]] += np.stack([np.zeros(12), np.linspace(-0.1, 0.05, 12)], 1)
    points[landmarks.PLACES["cheeks"]] += np.stack([np.linspace(-0.2, 0.2, 8), np.linspace(0, 0.05, 8)], 1)
    return points


@pytest.fixture(scope="module")
def faces(stand_ins: Path) -> data.Faces:
    return data.Faces(stand_ins / "faces.pt", 64)


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class TestPictures:
    def test_a_face_in_an_ordinary_picture_is_found_and_aligned(self, tmp_path: Path) -> None:
        skimage = pytest.importorskip("skimage")
        person = tmp_path / "pictures" / "somebody"
        person.mkdir(parents=True)
        cv2.imwrite(str(person / "a.png"), skimage.data.astronaut()[:, :, ::-1])
        cv2.imwrite(str(person / "b.png"), np.zeros((64, 64, 3), np.uint8))
        (row,) = prepare.found_rows(tmp_path / "pictures")
        assert row.person == "somebody"
        assert row.crop.shape == (256, 256, 3)
        reds = row.crop[100:180, 80:176].mean((0, 1))
        assert reds[0] > reds[2] + 20, "skin is redder than blue: the crop is RGB"

    def test_no_picture_at_all_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        torch.save({name: graph.stored() for name, graph in _random_critics().items()}, tmp_path / "critics.pt")
        with pytest.raises(SystemExit, match="expected pictures of faces"):
            prepare.packed(prepare.found_rows(tmp_path / "empty"), tmp_path / "critics.pt", 64)


class TestBatches:
    def test_real_rows_have_the_untouched_picture_as_answer(self, faces: data.Faces) -> None:
        batch = faces.batch((0, 0, 12), chance())
        inside = (batch.face > 0.9).expand_as(batch.answer)
        outside = (batch.face < 0.001).expand_as(batch.answer)
        difference = (batch.target - batch.answer).abs()
        assert difference[inside].mean() > 0.01
        assert difference[outside].max() < 0.01

    def test_same_rows_want_the_target_back(self, faces: data.Faces) -> None:
        batch = faces.batch((0, 8, 0), chance())
        assert torch.equal(batch.target, batch.answer)

    def test_a_source_of_an_answered_row_is_another_picture_of_the_person(self, faces: data.Faces) -> None:
        rows = torch.arange(len(faces.people))
        others = faces.another(rows, chance())
        assert torch.equal(faces.people[others], faces.people[rows])
        assert not bool((others == rows).any())

    def test_whoever_has_one_picture_is_the_source_by_that(self, faces: data.Faces) -> None:
        alone = data.Faces.__new__(data.Faces)
        alone.__dict__ |= faces.__dict__
        alone.people = torch.arange(len(faces.people))
        rows = torch.tensor([5, 2])
        assert torch.equal(alone.another(rows, chance()), rows)

    def test_people_held_out_are_never_drawn(self, faces: data.Faces) -> None:
        kept_back = set(faces.people[faces.shown].tolist())
        assert kept_back
        for seed in range(5):
            batch = faces.batch((6, 3, 3), chance(seed))
            assert not kept_back & set(faces.people[batch.source].tolist())

    def test_the_same_chance_gives_the_same_batch(self, faces: data.Faces) -> None:
        a, b, c = (faces.batch((2, 2, 4), chance(seed)) for seed in (3, 3, 4))
        assert torch.equal(a.target, b.target)
        assert torch.equal(a.embedding, b.embedding)
        assert not torch.equal(a.target, c.target)

    def test_points_follow_the_picture(self, faces: data.Faces) -> None:
        """A dot painted on an iris of the packed picture is found where the moved points say."""
        painted = data.Faces.__new__(data.Faces)
        painted.__dict__ |= faces.__dict__
        painted.pictures = torch.zeros_like(faces.pictures)
        at = (faces.points[:, landmarks.PLACES["irises"].start] * 64).long()
        for i, (x, y) in enumerate(at.tolist()):
            painted.pictures[i, :, y - 1 : y + 2, x - 1 : x + 2] = 255
        view, points = painted._viewed(painted.pictures[:12], painted.points[:12], chance(5))
        mirrored = []
        for picture, irises in zip(view, points[:, landmarks.PLACES["irises"]], strict=True):
            y, x = divmod(int(picture.sum(0).argmax()), 64)
            away = (irises * 64 - torch.tensor([x + 0.5, y + 0.5])).abs().amax(1)
            assert away.min() < 2.5
            mirrored.append(int(away.argmin()))
        assert set(mirrored) == {0, 1}

    def test_sides_of_a_mirrored_face_keep_their_names(self, faces: data.Faces) -> None:
        points = torch.from_numpy(_drawn_points()).float()
        there = torch.tensor(landmarks.COUNTERPARTS)
        assert torch.equal(there[there], torch.arange(len(points)))
        mirrored = points[there] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
        symmetric = [i for name in ("outline", "left_eye", "right_eye", "irises", "outer_lips", "inner_lips")
                     for i in range(*landmarks.PLACES[name].indices(len(points)))]  # fmt: skip
        assert torch.allclose(mirrored[symmetric], points[symmetric], atol=1e-5)
        points = faces.batch((32, 0, 0), chance()).points
        eyes = [points[:, landmarks.PLACES[name], 0].mean(1) for name in ("left_eye", "right_eye")]
        assert bool((eyes[0] < eyes[1]).all())

    def test_a_pair_is_two_pictures_of_one_person_with_one_source(self, faces: data.Faces) -> None:
        few = data.Faces.__new__(data.Faces)
        few.__dict__ |= faces.__dict__
        few._targets = torch.arange(len(faces.people)) % 3 < 2  # of the three pictures of everybody
        rows = torch.nonzero(few._targets).flatten()
        others = few.another(rows, chance(), target=True)
        assert torch.equal(others // 3, rows // 3)
        assert bool((others % 3 == 1 - rows % 3).all())
        source = faces.batch((6, 0, 0), chance(), pairs=2).source
        assert source[2] == source[3]
        assert source[4] == source[5]
        assert source[0] != source[1]

    def test_an_acted_pair_is_one_picture_with_two_expressions(self, faces: data.Faces) -> None:
        batch = faces.batch((6, 0, 0), chance(), pairs=2, acted=1)
        assert batch.source[4] == batch.source[5]
        assert torch.equal(batch.rival[4], batch.rival[5])
        assert not torch.equal(batch.rival[2], batch.rival[3]), "a pair of two photographs stays one"
        acted = (batch.points[4] - batch.points[5]).norm(dim=1) > 1e-6
        assert not acted[landmarks.PLACES["nose"]].any()
        assert acted[landmarks.PLACES["brows"]].all()


class TestActing:
    def test_lids_lips_and_brows_move_alike_on_both_sides_and_nothing_else_does(self) -> None:
        points = torch.from_numpy(_drawn_points()).float().expand(32, -1, -1)
        moved = data.acting(points, chance())
        part = {name: moved[:, place] for name, place in landmarks.PLACES.items()}
        still = [*range(len(points[0]))[landmarks.PLACES["nose"]], *range(len(points[0]))[landmarks.PLACES["cheeks"]]]
        still += [landmarks.PLACES[name].start + i for name, i in
                  (("left_eye", 0), ("left_eye", 8), ("right_eye", 0), ("right_eye", 8), ("inner_lips", 0),
                   ("inner_lips", 10), ("outer_lips", 5))]  # fmt: skip
        assert torch.equal(moved[:, still], points[:, still])
        open_before, open_after = (
            torch.stack([p[:, landmarks.PLACES[n]][:, 12, 1] - p[:, landmarks.PLACES[n]][:, 4, 1] for n in EYES])
            for p in (points, moved)
        )
        opened = open_after / open_before
        assert torch.allclose(opened[0], opened[1], atol=1e-4)
        assert 0.1 <= float(opened.min()) < 0.3
        assert 1.1 < float(opened.max()) <= 1.25
        lips = (part["inner_lips"][:, 15] - part["inner_lips"][:, 5])[:, 1] / 0.04
        assert 0.35 <= float(lips.min()) < float(lips.max()) <= 1.1
        chin = (moved - points)[:, landmarks.PLACES["outline"]][:, 18, 1]
        assert torch.allclose(chin, 0.8 * 0.04 * (lips - 1), atol=1e-5), "the chin goes with the lower lip"
        share = (part["left_eye"][:, 12, 1] - part["irises"][:, 0, 1]) / open_after[0]
        assert torch.allclose(share, torch.tensor(0.5), atol=0.01), "irises stay between the lids"

    def test_a_picture_follows_its_points(self) -> None:
        points = torch.from_numpy(_drawn_points()).float().expand(8, -1, -1)
        moved = data.acting(points, chance())
        where = shapes.middles(224, points.device).permute(2, 0, 1).expand(8, -1, -1, -1)
        seen = data.sampled(where, data.spline(moved, points, 112))
        found = torch.nn.functional.grid_sample(seen, 2 * moved[:, None] - 1, align_corners=False)[:, :, 0].mT
        off = (found - points).norm(dim=2)
        assert float(off.median()) < 0.002 < float((moved - points).norm(dim=2).max())
        assert float(off.quantile(0.95)) < 0.01


class TestLight:
    def test_one_row_in_four_stands_in_coloured_light_and_no_channel_burns_out(self) -> None:
        grey = torch.full((800, 3, 2, 2), 0.5)
        lit = data.recoloured(grey, chance())
        lean = lit[:, :, 0, 0].log().std(1)
        assert 0.1 < float((lean > 0.12).float().mean()) < 0.25
        assert 0.6 < float((lean < 0.08).float().mean()) < 0.9
        assert float(lit.max()) < 0.95


class TestShapes:
    def test_polygon_has_the_area_of_a_square(self) -> None:
        corners = torch.tensor([[[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]])
        assert float(shapes.polygon(corners, 64).mean()) == pytest.approx(0.25, abs=1e-3)

    def test_spline_goes_through_its_values(self) -> None:
        places = torch.rand(2, 10, 2, generator=chance()) * 0.6 + 0.2
        values = places + 0.03 * torch.randn(2, 10, 2, generator=chance(1))
        field = data.spline(places, values, 64)
        grid = 2 * places[:, :, None] - 1
        found = torch.nn.functional.grid_sample(field.permute(0, 3, 1, 2), grid, align_corners=False)[..., 0]
        assert (found.transpose(1, 2) - values).abs().max() < 0.01

    def test_spline_of_nothing_is_still(self) -> None:
        places = torch.rand(1, 10, 2, generator=chance())
        line = (torch.arange(16) + 0.5) / 16
        still = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
        assert (data.spline(places, places, 16)[0] - still).abs().max() < 1e-4

    def test_graft_of_a_face_on_itself_changes_nothing(self, faces: data.Faces) -> None:
        picture, points = faces.pictures[:3].float() / 255, faces.points[:3]
        face, features = shapes.shapes(points, 64)
        grafted = data.graft(picture, points, face, features, picture, points, chance())
        assert (grafted - picture).abs().mean() < 0.01

    def test_skin_is_where_nothing_else_is(self) -> None:
        points = torch.from_numpy(_drawn_points()).float()[None]
        skin = shapes.skin_of(points, 64)[0, 0]
        for name in ("brows", "nose", "left_eye", "right_eye", "outer_lips"):
            for x, y in points[0, landmarks.PLACES[name]][7 if name == "nose" else 0 :]:
                assert skin[int(y * 64), int(x * 64)] == 0, name
        assert skin[int(0.6 * 64), int(0.3 * 64)] == 1

    def test_unusual_expressions_come_more_often(self) -> None:
        rng = np.random.default_rng(0)
        points = torch.from_numpy(_drawn_points() + rng.normal(0, 0.002, (40, len(landmarks.POINTS), 2))).float()
        lids = landmarks.PLACES["left_eye"]
        points[7, lids, 1] = points[7, lids, 1].mean()
        inner = landmarks.PLACES["inner_lips"]
        points[9, inner, 1] += 6 * (points[9, inner, 1] - points[9, inner, 1].mean())
        often = data.rarity(points)
        assert often.min() >= 1
        assert often.argsort()[-2:].tolist() == [7, 9]
        assert often[7] > 2
        assert often[9] > 5


class TestOccluders:
    def rows(self, n: int, side: int = 64) -> tuple[occluders.Rows, torch.Tensor]:
        points = torch.from_numpy(_drawn_points()).float()[None].expand(n, -1, -1)
        face, features = shapes.shapes(points, side)
        target = torch.full((n, 3, side, side), 0.6)
        return (target, target + 0.1, face, features), points

    def test_glasses_stand_before_both_pictures_alike_and_the_face_loses_their_rims(self) -> None:
        (target, answer, face, features), points = self.rows(140, 128)
        worn = occluders.behind_glasses((target, answer, face, features), points, chance())
        on = (worn[0] - target).abs().amax((1, 2, 3)) > 0.05
        assert 8 < int(on.sum()) < 36
        rims = (worn[2] < 0.5 * face) & (face > 0.98)
        assert bool((rims.flatten(1).any(1) == on).all())
        assert (worn[0] - worn[1]).abs()[rims.expand_as(target)].max() < 0.06
        share = rims[on].float().mean((1, 2, 3)) / (face > 0.98)[on].float().mean((1, 2, 3))
        assert 0.005 < float(share.min()) < float(share.max()) < 0.35
        irises = (points[0, landmarks.PLACES["irises"]] * 128).long()
        for x, y in irises.tolist():
            assert bool((worn[2][:, 0, y, x] == face[:, 0, y, x]).all()), "what is behind a lens is swapped"

    def test_what_stands_before_a_face_is_not_swapped(self) -> None:
        rows, _ = self.rows(160)
        rows[1][:] = torch.rand(rows[1].shape, generator=chance(1))
        before = occluders.occluded(rows, chance())
        covered = (before[2] < 0.01) & (rows[2] > 0.99)
        assert 8 < int(covered.flatten(1).any(1).sum()) < 36
        where = covered.expand_as(rows[0])
        assert (before[0] - before[1]).abs()[where].max() < 0.02
        assert (before[0] - rows[0]).abs()[where].mean() > 0.1


class TestLosses:
    def test_composite_counts_the_mask_once(self) -> None:
        drawn = torch.cat([torch.ones(1, 3, 4, 4), torch.full((1, 1, 4, 4), 0.25)], 1)
        assert torch.allclose(losses.composite(drawn, torch.zeros(1, 3, 4, 4)), torch.tensor(0.25))

    def test_movement_does_not_see_place_or_size_and_a_roll_once(self) -> None:
        points = torch.from_numpy(_drawn_points()).float()[None]
        angle = torch.tensor(0.2)
        turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
        assert torch.allclose(losses.movement(points), losses.movement(1.3 * points + 0.1), atol=1e-4)
        moved = (losses.movement(1.3 * points @ turn.T + 0.1) - losses.movement(points)).abs()[0]
        assert (moved > 1e-4).sum() == 1
        assert moved[: -losses.OF_SHAPE].max() == pytest.approx(3.5 * float(angle.sin()), abs=0.05)

    @pytest.mark.parametrize("part", ["left_eye", "inner_lips", "irises", "brows", "outline"])
    def test_movement_sees_what_a_face_does(self, part: str) -> None:
        points = torch.from_numpy(_drawn_points()).float()[None]
        changed = points.clone()
        place = landmarks.PLACES[part]
        middle = changed[:, place].mean(1, keepdim=True)
        if part == "irises":
            changed[:, place, 0] += 0.01
        elif part in ("brows", "outline"):
            changed[:, place, 1] -= 0.02
        else:
            changed[:, place, 1] = middle[..., 1] + 0.2 * (changed[:, place, 1] - middle[..., 1])
        assert (losses.movement(points) - losses.movement(changed)).abs().max() > 0.02

    def test_more_change_is_asked_for_than_the_target_s_of_what_falls_short(self) -> None:
        wanted = torch.randn(4, 17, generator=chance()) * 0.1
        between = wanted[1::2] - wanted[::2]
        told = {}
        for name, more in (("none", 0.0), ("the target's", 1.0), ("asked", torch.tensor(losses.ASKED))):
            found = wanted[::2].repeat_interleave(2, 0)
            found[1::2] += more * between
            # What both pictures have in common is no change.
            told[name] = float(losses.change_difference(found + 3, wanted))
        assert told["asked"] == pytest.approx(0, abs=1e-6)
        assert 0 < told["the target's"] < told["none"]
        assert len(losses.ASKED) == losses.movement(torch.from_numpy(_drawn_points()).float()[None]).shape[1]

    def test_a_patch_on_skin_counts_and_modelling_does_not(self) -> None:
        wanted, skin = torch.full((1, 3, 64, 64), 0.6), torch.zeros(1, 1, 64, 64)
        skin[..., 32:] = 1
        modelled, patched, elsewhere = wanted - 0.02, wanted.clone(), wanted.clone()
        patched[:, :, 16:32, 40:56] -= 0.24
        elsewhere[:, :, 16:32, 8:24] -= 0.24
        told = [float(losses.patch_difference(found, wanted, skin)) for found in (modelled, patched, elsewhere)]
        most = networks.shade(8, torch.device("cpu"))[..., 2:4, 5:7]
        excess = 0.24 * 0.6 / 0.7 - most
        assert told == pytest.approx([0, float((excess**2 / (2 * most)).sum() / 32 + 0.2 * excess.max()), 0], abs=1e-6)

    def test_one_smudge_counts_for_more_than_as_much_shade_all_over_and_more_on_dark_skin(self) -> None:
        skin = torch.ones(1, 1, 64, 64)
        smudge = torch.zeros(1, 3, 64, 64)
        smudge[:, :, 16:24, 16:24] = 0.3
        bright, dark = (torch.full((1, 3, 64, 64), light) for light in (0.6, 0.2))
        here, spread = (
            float(losses.patch_difference(bright - s, bright, skin)) for s in (smudge, 0.3 / 64 + 0 * smudge)
        )
        assert here > 0.04 > spread == 0
        assert float(losses.patch_difference(dark + smudge, dark, skin)) > 1.5 * here

    def test_what_lies_between_lips_is_the_targets_between_lids_and_beside_the_mouth_its_light(self) -> None:
        points = torch.from_numpy(_drawn_points()).float()[None]
        mouth, eyes, lips, corners = shapes.openings(points, 64)
        assert mouth.sum() > 0
        assert eyes.sum() > 0
        assert lips.sum() > 0
        assert corners.sum() > 0
        assert float((corners * (lips + mouth)).max()) == 0
        assert float((mouth * lips).max()) == float((eyes * (mouth + lips)).max()) == 0
        wanted = torch.full((1, 3, 64, 64), 0.4)
        lit, tinted = (torch.tensor(change).reshape(1, 3, 1, 1) for change in ([0.1, 0.1, 0.1], [0.1, -0.1, 0.0]))
        for place, change, expected in (
            (mouth, lit, 0.1),
            (mouth, tinted, 0.2 / 3),
            (eyes, lit, 0.1),
            (eyes, tinted, 0),
            (lips, lit, 0),
            (corners, lit, 0.1 * float((corners**2).sum() / corners.sum())),
            (corners, tinted, 0),
        ):
            found = losses.inside_difference(wanted + place * change, wanted, mouth, eyes, corners)
            assert float(found) == pytest.approx(expected, abs=1e-6)

    def test_identity_distance_is_nought_for_the_same_person(self) -> None:
        wanted = {"a": torch.eye(3), "b": torch.eye(3)}
        assert float(losses.identity_distance({"a": torch.eye(3)[:2], "b": torch.eye(3)}, wanted)) == 0
        assert float(losses.identity_distance({"a": -torch.eye(3)}, wanted)) == 2

    def test_rivalry_pulls_where_the_target_is_still_seen(self) -> None:
        """Rows that lead by more than enough weigh nothing, those that trail pull to the source and from the target."""
        source, target = torch.eye(3)[:1].repeat(2, 1), torch.eye(3)[1:2].repeat(2, 1)
        found = torch.stack([source[0], target[1]]).requires_grad_()
        loss = losses.rivalry({"a": found}, {"a": source}, {"a": target})
        assert float(loss.detach()) == pytest.approx((losses.LEAD + 1) / 2, abs=0.01)
        loss.backward()
        assert found.grad[0].abs().max() < 1e-3
        assert found.grad[1].tolist() == pytest.approx([-0.5, 0.5, 0], abs=0.01)
        assert float(losses.rivalry({"a": source[:1]}, {"a": source}, {"a": target})) < 0.01

    def test_what_is_shaken_moves_little_and_alike(self) -> None:
        ramp = torch.linspace(0, 1, 64).expand(2, 1, 64, 64)
        seed = chance(4)
        first = losses.shaken([ramp, 1 - ramp], seed)
        torch.rand(3, generator=seed)  # however far the chance has got
        assert torch.equal(losses.shaken([ramp], seed)[0], first[0])
        assert torch.allclose(first[0] + first[1], torch.tensor(1.0), atol=1e-5)
        moved = (first[0] - ramp).abs()
        assert 0.001 < moved.mean() < 0.05
        assert not torch.allclose(moved[0], moved[1], atol=1e-3)

    def test_what_is_shaken_bends(self) -> None:
        """Not all of it moves by one affine map: brows rise and mouths widen by themselves."""
        ramp = torch.linspace(0, 1, 64).expand(4, 1, 64, 64)
        field = (losses.shaken([ramp], chance(4))[0] - ramp)[:, 0, 8:56, 8:56]
        line = torch.linspace(-1, 1, 48)
        affine = torch.stack([torch.ones(48, 48), line.expand(48, 48), line[:, None].expand(48, 48)], -1).reshape(-1, 3)
        known = field.flatten(1).T
        left = known - affine @ torch.linalg.lstsq(affine, known).solution
        assert left.std(0).max() > 0.005

    def test_noise_has_grain_and_blocks(self) -> None:
        noise = losses.noisy(torch.full((8, 3, 64, 64), 0.5), chance()) - 0.5
        blocks = torch.nn.functional.avg_pool2d(noise, 8)
        assert 0.002 < noise.std() < 0.02
        assert blocks.std() > 2 * noise.std() / 8

    def test_windows_lie_in_the_picture(self) -> None:
        places = {tuple((part.start, part.stop) for part in losses.window(64, 48, chance(i))) for i in range(40)}
        assert len(places) > 20
        assert all(start >= 0 and stop == start + 48 and stop <= 64 for place in places for start, stop in place)
        assert losses.window(64, 0, chance()) == (slice(0, 64), slice(0, 64))

    def test_hinge(self) -> None:
        sure, wrong = [torch.full((1, 1), 2.0)], [torch.full((1, 1), -2.0)]
        assert float(losses.hinge_discriminator(sure, wrong)) == 0
        assert float(losses.hinge_discriminator(wrong, sure)) == 6


class TestKernels:
    """In bf16 within its rounding of what PyTorch's own operations give in fp32."""

    @staticmethod
    def _gradients(function, parts: tuple, kind: torch.dtype) -> list:  # type: ignore[no-untyped-def,type-arg]
        given = [part.to(kind).requires_grad_() for part in parts]
        found = function(*given)
        found.backward(torch.linspace(-1, 1, found.numel()).reshape(found.shape).to(kind))
        return [found, *(part.grad for part in given)]

    @pytest.mark.parametrize(("kernel", "pad"), [(3, 1), (4, 1), (5, 0)])
    def test_strided_depthwise_convolution(self, kernel: int, pad: int) -> None:
        torch.manual_seed(0)
        parts = torch.randn(2, 6, 17, 15), torch.randn(6, 1, kernel, kernel), torch.randn(6)
        ours = self._gradients(lambda x, w, b: kernels.convolved(x, w, b, 2, pad, 6), parts, torch.bfloat16)
        known = self._gradients(lambda x, w, b: torch.nn.functional.conv2d(x, w, b, 2, pad, 1, 6), parts, torch.float32)
        for found, wanted in zip(ours, known, strict=True):
            assert found.dtype == torch.bfloat16
            assert (found - wanted).abs().max() < 0.02 * wanted.abs().max()

    @pytest.mark.parametrize("slopes", [1, 6])
    def test_frozen_prelu(self, slopes: int) -> None:
        torch.manual_seed(0)
        parts, slope = (torch.randn(2, 6, 7, 7),), torch.rand(slopes)
        ours = self._gradients(lambda x: kernels.frozen_prelu(x, slope), parts, torch.bfloat16)
        known = self._gradients(lambda x: torch.nn.functional.prelu(x, slope), parts, torch.float32)
        for found, wanted in zip(ours, known, strict=True):
            assert (found - wanted).abs().max() < 0.02 * wanted.abs().max()

    @pytest.mark.parametrize("radius", [1, 2])
    def test_softened(self, radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is taught is what a graph computes, where it is one operation, at borders too."""
        picture = torch.rand(2, 3, 9, 14, generator=chance())
        taught = self._gradients(lambda x: kernels.softened(x, radius), (picture,), torch.float32)
        monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
        exported = self._gradients(lambda x: kernels.softened(x, radius), (picture,), torch.float32)
        for found, wanted in zip(taught, exported, strict=True):
            assert torch.allclose(found, wanted, atol=1e-5)
        assert 0 < float(exported[0].std()) < 0.7 * float(picture.std())


class TestNetworks:
    def test_one_step_turns_every_convolution(self) -> None:
        # Adam moves each number by about the rate. Kernels that begin long stay as random as they were.
        rate = config.Config().rate
        for name, weight in networks.Student().named_parameters():
            # `keep` begins at nought on purpose.
            if weight.ndim == 4 and "keep" not in name:
                assert rate * weight.numel() ** 0.5 / weight.norm() > 0.001, name

    def test_four_pixels_of_a_shuffle_begin_equal(self) -> None:
        layer = networks.DynamicSwapper().leave
        drawn = torch.nn.functional.pixel_shuffle(layer(torch.rand(1, layer.in_channels, 6, 6)), 2)
        assert torch.allclose(drawn[..., ::2, ::2], drawn[..., 1::2, 1::2], atol=1e-6)
        assert drawn.std() > 1e-3

    def test_texture_of_the_target_has_a_path_past_the_network(self) -> None:
        torch.manual_seed(0)
        swapper = networks.DynamicSwapper()
        torch.nn.init.zeros_(swapper.leave.weight)
        torch.nn.init.constant_(swapper.keep.bias, -30.0)
        weights = {name: torch.zeros(shape) for name, shape in networks.weight_shapes().items()}
        plain = torch.full((1, 3, 64, 64), 0.5)
        grain = plain + 0.1 * (torch.rand(1, 3, 64, 64) - 0.5)
        for share, bias in ((1.0, 30.0), (0.5, 0.0), (0.0, -30.0)):
            torch.nn.init.zeros_(swapper.leave.bias)
            torch.nn.init.constant_(swapper.skin.bias, -30.0)
            with torch.no_grad():
                swapper.leave.bias[16:] = bias
            drawn = [swapper(target, weights)[:, :3] for target in (plain, grain)]
            assert torch.allclose(drawn[1] - drawn[0], share * networks.fine(grain), atol=1e-5)

    def test_slow_colours_of_the_target_have_a_path_past_the_network(self) -> None:
        torch.manual_seed(0)
        swapper = networks.DynamicSwapper()
        weights = {name: torch.zeros(shape) for name, shape in networks.weight_shapes().items()}
        ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
        slow = ramp - networks.fine(ramp)
        with torch.no_grad():
            swapper.skin.bias[:] = -30.0
            swapper.leave.bias[16:] = -30.0
            for share, bias in ((1.0, 30.0), (0.5, 0.0), (0.0, -30.0)):
                swapper.keep.bias[:] = bias
                drawn = swapper(ramp, weights)[:, :3]
                assert torch.allclose(drawn, 0.5 + share * (slow - 0.5), atol=1e-5)

    def test_light_on_skin_stays_the_targets_whatever_is_drawn(self) -> None:
        """Shade goes but for a little, less on dark skin; fine detail stays, and all that is no skin."""
        skin, detail = torch.zeros(1, 1, 16, 16), torch.full((1, 3, 64, 64), 0.05)
        skin[..., 6:] = 1
        detail[..., ::2] *= -1
        limits = networks.shade(16, torch.device("cpu"))
        limits = torch.nn.functional.interpolate(limits, scale_factor=4, mode="bilinear")[..., 32:]
        for light, most in ((0.5, 1.0), (0.2, 0.8)):
            target = torch.full((1, 3, 64, 64), light)
            for shade, left in ((0.15, 1.0), (-0.15, -1.0), (0.002, None)):
                found = networks.held(target + shade + detail, target, skin) - target - detail
                assert torch.allclose(found[..., :22], torch.tensor(shade), atol=1e-6)
                expected = torch.full_like(limits, shade) if left is None else left * most * limits
                assert torch.allclose(found[..., 32:], expected.expand(1, 3, -1, -1), atol=0.04 * most * networks.SHADE)

    @pytest.mark.parametrize("along", [(64, 1), (1, 64)], ids=["rows", "columns"])
    def test_what_alternates_from_pixel_to_pixel_is_evened_and_features_are_not(self, along: tuple[int, int]) -> None:
        place, inside = torch.arange(64.0), (..., slice(8, -8), slice(8, -8))
        for period, kept in ((2, 0.0), (4, 0.875), (8, 0.997), (64, 1.0)):
            wave = 0.2 * torch.cos(2 * torch.pi * place / period).reshape(along).expand(1, 3, 64, 64)
            assert torch.allclose(networks.evened(0.5 + wave)[inside], (0.5 + kept * wave)[inside], atol=2e-3)
        assert torch.allclose(networks.evened(torch.full((2, 3, 64, 64), 0.3))[inside], torch.tensor(0.3))

    def test_no_grid_is_drawn_whatever_the_network_has_learnt(self) -> None:
        torch.manual_seed(0)
        student = networks.Student()
        torch.nn.init.normal_(student.swapper.leave.weight, std=0.3)
        with torch.no_grad():
            drawn = student(torch.full((1, 3, 64, 64), 0.5), torch.randn(1, 1024, 7, 7) / 12, torch.randn(1, 128))
        middle = drawn[:, :3, 16:-16, 16:-16]
        assert float((middle[:, :, 0::2] - middle[:, :, 1::2]).mean((2, 3)).abs().max()) < 2e-3

    def test_light_is_held_more_towards_the_outline(self) -> None:
        limits = networks.shade(56, torch.device("cpu"))[0, 0]
        assert float(limits[34, 28]) == pytest.approx(networks.SHADE)
        for rim in (limits[8, 28], limits[34, 7], limits[34, 49], limits[20, 8]):
            assert float(rim) == pytest.approx(networks.RIM, abs=1e-3)
        assert bool((limits[34, 28:].diff() <= 0).all())

    def test_of_the_target_s_texture_a_share_stays_on_skin_at_least(self) -> None:
        torch.manual_seed(0)
        swapper = networks.DynamicSwapper()
        weights = {name: torch.zeros(shape) for name, shape in networks.weight_shapes().items()}
        pores = torch.full((1, 3, 64, 64), 0.45)
        pores[..., ::2] = 0.55
        with torch.no_grad():
            swapper.leave.bias[16:] = -30.0
            for skin, share in ((30.0, networks.TEXTURE), (-30.0, 0.0)):
                swapper.skin.bias[:] = skin
                drawn = swapper(pores, weights)[:, :3]
                assert torch.allclose(drawn, 0.5 + share * networks.fine(pores), atol=2e-3)

    def test_of_a_smudge_on_skin_little_is_left(self) -> None:
        target, skin = torch.full((1, 3, 64, 64), 0.5), torch.ones(1, 1, 16, 16)
        smudge = torch.zeros(1, 3, 64, 64)
        smudge[:, :, 16:40, 24:48] = -0.3
        smudge = kernels.softened(smudge, 4)
        left = (networks.held(target + smudge, target, skin) - target).abs()
        assert float(left[:, :, 26:30, 34:38].max()) < 1.2 * networks.SHADE
        assert float(left.mean()) < 0.5 * float(smudge.abs().mean())

    def test_where_light_is_held_is_taught_by_shapes_alone(self) -> None:
        torch.manual_seed(0)
        student = networks.Student()
        told = torch.rand(2, 3, 64, 64), torch.randn(2, 1024, 7, 7) / 12, torch.randn(2, 128)
        for channels, learns in ((slice(0, 4), False), (slice(4, 5), True)):
            student.zero_grad()
            student(*told)[:, channels].square().mean().backward()
            gradient = student.swapper.skin.weight.grad
            assert (gradient is not None and bool(gradient.abs().max() > 0)) == learns

    def test_one_person_s_weights_draw_what_a_batch_of_people_draws(self) -> None:
        torch.manual_seed(0)
        student = networks.Student().eval()
        weights = student.identity(torch.randn(2, 1024, 7, 7) / 12, torch.randn(2, 128))
        target = torch.rand(2, 3, 64, 64)
        together = student.swapper(target, weights)
        alone = student.swapper(target[1:], {name: value[1] for name, value in weights.items()})
        assert torch.allclose(together[1], alone[0], atol=1e-5)
        assert {n: tuple(v.shape[1:]) for n, v in weights.items()} == networks.weight_shapes()


class TestGraphs:
    def test_sface_says_what_onnx_runtime_says(self) -> None:
        import onnxruntime

        face = torch.rand(2, 3, 112, 112, generator=chance()) * 255
        session = onnxruntime.InferenceSession(str(PACK / "sface.onnx"), providers=["CPUExecutionProvider"])
        wanted = session.run(["feature_map", "embedding"], {"face": face.numpy()})
        graph = published.from_onnx(PACK / "sface.onnx", ["feature_map", "embedding"])
        for found, value in zip(graph(face), wanted, strict=True):
            assert np.abs(found.numpy() - value).max() < 1e-4
        halves = graphs.Graph(**graph.stored())
        cosine = torch.nn.functional.cosine_similarity(halves(face)[1], graph(face)[1])
        assert cosine.min() > 0.9999


def test_a_pack_states_what_its_record_of_figures_says() -> None:
    known = json.loads((MODELS / "evaluation" / "figures.json").read_text())
    version, said = next(iter(known.items()))
    table = tomllib.loads((PACK / "pack.toml").read_text())
    assert version == f"{table['name']} {table['version']}"
    assert table["measured"] == export.condensed(said)


class TestRun:
    @staticmethod
    def smoke(folder: Path, steps: int = 4) -> Path:
        """The smoke configuration with so many steps, as a file in `folder`."""
        folder.mkdir(exist_ok=True)
        told = (RECIPE / "configs" / "smoke.toml").read_text()
        assert "steps = 4" in told
        (folder / "smoke.toml").write_text(told.replace("steps = 4", f"steps = {steps}"))
        return folder / "smoke.toml"

    def teach(self, stand_ins: Path, run: Path, steps: int) -> dict[str, object]:
        """Trains to step `steps` from whatever state `run` holds; the state."""
        files = {"data": stand_ins / "faces.pt", "critics": stand_ins / "critics.pt"}
        told = {
            "config": self.smoke(run, steps),
            "run": run,
            "device": "cpu",
            "workers": 1,
            "seconds": 1e9,
        }
        train.work(0, argparse.Namespace(**told, **files))
        return torch.load(run / "student.pt", weights_only=True)  # type: ignore[no-any-return]

    def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(self, stand_ins: Path, tmp_path: Path) -> None:
        config = train.Config.read(self.smoke(tmp_path, 3))

        def opened() -> train.Run:
            return train.Run(config, stand_ins / "faces.pt", stand_ins / "critics.pt", tmp_path, "cpu", 0, 1)

        def weights(one: train.Run) -> torch.Tensor:
            return torch.cat([p.detach().flatten() for p in one.net.parameters()])

        run = opened()
        run.advance()
        run.save()
        resumed, before = opened(), weights(run)
        told = [one.advance() for one in (run, resumed)]
        assert run.step == resumed.step == 2
        for name, value in told[0].items():
            assert torch.allclose(value, told[1][name], atol=1e-6), name
        # Where gradients are next to nothing the optimiser makes steps of their rounding, so the whole step counts;
        # without the optimiser's state it is 0.64 off.
        went, goes = (weights(one) - before for one in (run, resumed))
        assert float((went - goes).norm() / went.norm()) < 0.01

    def test_a_run_writes_a_log_a_sheet_and_a_student_that_becomes_a_pack(
        self, stand_ins: Path, tmp_path: Path
    ) -> None:
        self.teach(stand_ins, tmp_path, 2)
        told = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
        assert {"pixel", "identity", "movement", "change"} <= set(told)
        assert cv2.imread(str(tmp_path / "student_000002.png")).any()
        student, stored = states.load_student(tmp_path / "student.pt")
        facts = {"data": "drawn", "licence": "none", "commit": "none"}
        figures = export.write_networks(student, tmp_path, facts)
        assert stored["step"] == 2
        assert (figures["parameters"], figures["macs"]) == self.counted(student.swapper)

    @staticmethod
    def counted(swapper: networks.DynamicSwapper) -> tuple[int, int]:
        """Parameters of the IDN with one person's weights, and multiply-accumulates for one crop, as torch counts."""
        weights = {name: torch.zeros(shape) for name, shape in networks.weight_shapes().items()}
        with FlopCounterMode(display=False) as counter:
            swapper(torch.zeros(1, 3, export.SIZE, export.SIZE), weights)
        stored = (*swapper.parameters(), *weights.values())
        return sum(value.numel() for value in stored), counter.get_total_flops() // 2

    def test_a_state_with_settings_of_before_goes_on(self, stand_ins: Path, tmp_path: Path) -> None:
        stored = self.teach(stand_ins, tmp_path, 1) | {"width": 1}
        stored["settings"] = json.dumps(json.loads(str(stored["settings"])) | {"stage": "student", "width": 1})
        torch.save(stored, tmp_path / "student.pt")
        assert states.size_of(states.load_student(tmp_path / "student.pt")[1]) == 64
        assert self.teach(stand_ins, tmp_path, 2)["step"] == 2

    def test_the_mean_of_states_is_a_state_that_goes_on(self, stand_ins: Path, tmp_path: Path) -> None:
        paths = [tmp_path / name for name in ("first.pt", "second.pt")]
        for steps, path in zip((1, 3), paths, strict=True):
            self.teach(stand_ins, tmp_path, steps)
            path.write_bytes((tmp_path / "student.pt").read_bytes())
        torch.save(mean.mean_of(paths), tmp_path / "student.pt")
        found, stored = states.load_student(tmp_path / "student.pt")
        ends = [dict(states.load_student(path)[0].named_parameters()) for path in paths]
        for name, value in found.named_parameters():
            wanted = (ends[0][name] + ends[1][name]) / 2
            assert torch.allclose(value, wanted, rtol=1e-3, atol=1e-4)
        assert any(not torch.allclose(a, ends[1][name], atol=1e-6) for name, a in ends[0].items())
        assert stored["step"] == 3
        assert self.teach(stand_ins, tmp_path, 4)["step"] == 4
        with pytest.raises(SystemExit, match="two or more"):
            mean.mean_of(paths[:1])

    def test_kernels_of_people_move_apart_from_their_mean(self) -> None:
        """What people have in common stays, what each adds to it grows, and by its own layer's share alone."""
        injection, maps = networks.Student().identity, torch.rand(5, 1024, 7, 7)
        before = dict(zip(networks.LAYERS, (self.told(p, injection, maps) for p in injection.layers), strict=True))
        apart.move_apart(injection, maps, {"rise": 0.5})
        for (layer, was), predictor in zip(before.items(), injection.layers, strict=True):
            found = self.told(predictor, injection, maps)
            share = 1.5 if layer.startswith("rise") else 1.0
            assert torch.allclose(found.mean(0), was.mean(0), atol=1e-5)
            assert torch.allclose(found - found.mean(0), share * (was - was.mean(0)), atol=1e-5), layer
            assert float((was - was.mean(0)).std()) > 1e-3

    def test_a_state_moved_apart_goes_on(
        self, stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.teach(stand_ins, tmp_path, 1)
        before, _ = states.load_student(tmp_path / "student.pt")
        files = ["--data", str(stand_ins / "faces.pt"), "--critics", str(stand_ins / "critics.pt")]
        state = str(tmp_path / "student.pt")
        monkeypatch.setattr("sys.argv", ["apart", state, *files, "--by", "0.5", "--out", state])
        apart.main()
        after, _ = states.load_student(tmp_path / "student.pt")
        for layer, was, found in zip(networks.LAYERS, before.identity.layers, after.identity.layers, strict=True):
            share = 1 + 0.5 * apart.APART[layer.split(".")[0]]
            assert torch.allclose(found.read.weight, share * was.read.weight, rtol=2e-3, atol=1e-4), layer
        assert self.teach(stand_ins, tmp_path, 2)["step"] == 2

    @staticmethod
    @torch.no_grad()
    def told(predictor: networks._Predictor, injection: networks.IdentityInjection, maps: torch.Tensor) -> torch.Tensor:
        return predictor.base + predictor.told(injection.trunk(maps * networks.FEATURE_SCALE))[:, :, None]

    def test_a_state_is_measured_as_the_network_that_a_pack_would_hold(self, stand_ins: Path, tmp_path: Path) -> None:
        renders = pytest.importorskip("evaluation.renders", reason="measuring needs the extra evaluate")
        self.teach(stand_ins, tmp_path, 1)
        swapper = renders.StateSwapper(tmp_path / "student.pt", stand_ins / "critics.pt")
        assert swapper.size == 64
        rng = np.random.default_rng(0)
        source, targets = (rng.random((n, side, side, 3), np.float32) for n, side in ((1, 112), (2, 64)))
        colour, mask = swapper(source, targets)
        student, _ = states.load_student(tmp_path / "student.pt")
        recognisers, _, _ = critics.load_critics(stand_ins / "critics.pt")
        with torch.no_grad():
            told = recognisers.feature_map(torch.from_numpy(source).permute(0, 3, 1, 2))
            weights = {name: value[0] for name, value in student.identity(*told).items()}
            drawn = student.swapper(torch.from_numpy(targets).permute(0, 3, 1, 2), weights).numpy()
        assert np.abs(colour.transpose(0, 3, 1, 2) - drawn[:, :3]).max() < 1e-3 < drawn.std()
        assert np.abs(mask - drawn[:, 3]).max() < 1e-3

    def test_a_slice_travels_and_goes_on(
        self, stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(slicing, "PART", 2**20)
        first = self.teach(stand_ins, tmp_path / "run", 2)
        files = {"data": stand_ins / "faces.pt", "critics": stand_ins / "critics.pt"}
        slicing.pack(argparse.Namespace(run=tmp_path / "run", out=tmp_path / "parcel", **files))
        assert int((tmp_path / "parcel" / "parts").read_text()) > 1
        run, faces, _ = slicing._unfolded(tmp_path / "parcel", "unfolded")
        assert faces.read_bytes() == (stand_ins / "faces.pt").read_bytes()
        (tmp_path / "result").mkdir()
        shutil.copy(run / "student.pt", tmp_path / "result")
        pieces = list((tmp_path / "result").iterdir())
        assert all(piece.stat().st_size <= 16 * 2**20 for piece in pieces)
        assert len(pieces) <= 8
        assert torch.load(tmp_path / "result" / "student.pt", weights_only=True)["step"] == first["step"]
        resumed = self.teach(stand_ins, tmp_path / "result", 3)
        assert resumed["step"] == 3

    def test_every_loss_moves_the_picture(self, stand_ins: Path, tmp_path: Path) -> None:
        """One that is computed but gives no gradient leaves the others alone with the network."""
        told = config.Config.read(RECIPE / "configs" / "smoke.toml")
        run = train.Run(told, stand_ins / "faces.pt", stand_ins / "critics.pt", tmp_path, "cpu", 0, 1)
        batch = run.faces.batch(told.rows, chance(), pairs=told.pairs)
        drawn = run.draw(run.net, batch.target, batch.source)
        swap = losses.composite(drawn, batch.target, batch.face)
        near = (..., *losses.window(told.size, 48, chance()))
        found = run._losses(batch, drawn, swap, chance())
        found["adversarial"] = run._judged(swap[near], chance())
        assert {"adversarial", "inside", "identity", "movement", "change", "pixel"} <= set(found)
        for name, loss in found.items():
            (gradient,) = torch.autograd.grad(loss, drawn, retain_graph=True)
            assert gradient.abs().max() > 0, name

    @pytest.mark.parametrize("file", sorted(RECIPE.glob("configs/[!p]*.toml")), ids=lambda file: file.stem)
    def test_every_configuration_takes_a_step(self, file: Path, stand_ins: Path, tmp_path: Path) -> None:
        told = config.Config.read(file)
        few = {"rows": (4, 1, 2), "pairs": min(told.pairs, 2), "shaken": min(told.shaken, 2)}
        told = dataclasses.replace(told, size=64, window=min(told.window, 48), people=0, adversarial_from=0, **few)
        run = train.Run(told, stand_ins / "faces.pt", stand_ins / "critics.pt", tmp_path, "cpu", 0, 1)
        assert all(bool(torch.isfinite(loss)) for loss in run.advance().values())
        assert run.step == 1

    def test_an_unsteady_swap_is_a_loss_of_its_own(self, stand_ins: Path, tmp_path: Path) -> None:
        told = config.Config.read(RECIPE / "configs" / "smoke.toml")
        none = {field.name: 0.0 for field in dataclasses.fields(config.Weights)}
        for weight, learns in ((0.0, False), (1.0, True)):
            alone = dataclasses.replace(told, weights=config.Weights(**none | {"steady": weight, "identity": 1e-30}))
            run = train.Run(alone, stand_ins / "faces.pt", stand_ins / "critics.pt", tmp_path, "cpu", 0, 1)
            run._update = lambda total, run=run: total.backward()
            assert float(run.advance()["steady"]) > 0
            told_about = max(float(p.grad.abs().max()) for p in run.net.swapper.parameters() if p.grad is not None)
            assert (told_about > 1e-9) == learns

    def test_a_slice_sees_what_comes_next(self, stand_ins: Path, tmp_path: Path) -> None:
        """A stage until the state has seen enough, then the next at its own rate; then the last goes on."""
        self.smoke(tmp_path, 5)
        plan, stage = tmp_path / "plan.toml", '[[stage]]\nconfig = "smoke.toml"\n'
        plan.write_text(f"{stage}until = 16\n{stage}until = 24\nrate = 1e-5\n")
        files = {"data": stand_ins / "faces.pt", "critics": stand_ins / "critics.pt"}
        parcel, out = tmp_path / "parcel", tmp_path / "out"
        slicing.pack(argparse.Namespace(run=tmp_path / "none", out=parcel, **files))
        told = {"parcel": parcel, "reserve": 0, "name": "own", "keep": (), "out": out, "plan": plan, "device": "cpu"}
        slicing.train(argparse.Namespace(seconds=1e-3, **told))
        run = parcel / "own" / "run"
        assert slicing.next_stage(run, plan) == {"config": "smoke.toml", "until": 16}
        slicing.train(argparse.Namespace(seconds=600, **told))
        assert {"student.pt", "student.png", "log.jsonl"} <= {p.name for p in out.iterdir()}
        stored = torch.load(run / "student.pt", weights_only=True)
        assert (stored["step"], stored["seen"]) == (5, 40)
        assert json.loads(stored["settings"])["rate"] == 1e-5

    def test_a_slice_keeps_states_and_lets_the_rate_fall(
        self, stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seconds = itertools.count()
        monkeypatch.setattr(slicing.time, "monotonic", lambda: float(next(seconds)))
        self.smoke(tmp_path, 100)
        (tmp_path / "plan.toml").write_text('[[stage]]\nconfig = "smoke.toml"\nuntil = 1000\n')
        files = {"data": stand_ins / "faces.pt", "critics": stand_ins / "critics.pt"}
        parcel, out = tmp_path / "parcel", tmp_path / "out"
        slicing.pack(argparse.Namespace(run=tmp_path / "none", out=parcel, **files))
        told = {"parcel": parcel, "reserve": 0, "out": out, "plan": tmp_path / "plan.toml", "device": "cpu"}
        slicing.train(argparse.Namespace(seconds=10, name="first", keep=(0.3,), **told))
        kept, ended = (torch.load(path, weights_only=True) for path in sorted(out.glob("*.pt")))
        assert 0 < kept["step"] < ended["step"] < 100
        assert slicing.LEAST <= json.loads(ended["settings"])["rate"] / config.Config().rate < 1
        slicing.train(argparse.Namespace(seconds=5, name="second", keep=(), **told))
        states = (torch.load(parcel / name / "run" / "student.pt", weights_only=True) for name in ("first", "second"))
        first, second = (state["step"] for state in states)
        assert second < first, "runs side by side share no state"

    @pytest.mark.parametrize("file", sorted((RECIPE / "configs").glob("*.toml")), ids=lambda file: file.stem)
    def test_every_configuration_reads(self, file: Path, tmp_path: Path) -> None:
        if file.stem != "plan":
            assert config.Config.read(file).size % 32 == 0
            return
        stages = tomllib.loads(file.read_text())["stage"]
        assert all((file.parent / stage["config"]).is_file() for stage in stages)
        assert [stage["until"] for stage in stages] == sorted(stage["until"] for stage in stages)

    def test_a_missing_part_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "parts").write_text("2")
        (tmp_path / "part.0").write_bytes(b"x")
        with pytest.raises(SystemExit, match=r"part\.1"):
            slicing._unfolded(tmp_path, "unfolded")

    def test_a_setting_that_does_not_exist_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "wrong.toml").write_text("sizes = 3")
        with pytest.raises(SystemExit, match="sizes"):
            config.Config.read(tmp_path / "wrong.toml")
