"""Planted truths of protocol 2 from end to end: drawn people, a drawn clip, judges that look at grey values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from mobilefaceswap import Face, Frame
from mobilefaceswap.packs.crop import TEMPLATES

pytest.importorskip("skimage", reason="the measures need scikit-image (extra: evaluate)")

from evaluation import evaluate as e
from evaluation import judges as j
from evaluation import measures as m
from evaluation import renders as r

PEOPLE, FRAMES = 8, 20
MOUTH = (slice(150, 180), slice(110, 140))  # on a frame: what moves


def person(number: int) -> j.Picture:
    """A grainy face of a grey of its own, on a dark ground."""
    grain = np.random.default_rng(number).normal(0, 6, (j.CROP, j.CROP, 1))
    picture = np.full((j.CROP, j.CROP, 3), 60 + 20 * number, np.float64) + grain
    picture[:, :30] = picture[:, -30:] = 20
    return np.clip(picture, 0, 255).astype(np.uint8)


class Judges:
    """The middle of a crop tells the person, its lower part the mouth."""

    second = None

    def __init__(self) -> None:
        self.dlib = SimpleNamespace(
            descriptor=self._descriptor, landmarks=lambda _: np.array([[60, 60], [60, 200], [200, 200], [200, 60]])
        )
        mesh = np.zeros((478, 2))
        for i, outline in enumerate(m.SKIN):
            turn = np.linspace(0, 2 * np.pi, len(outline), endpoint=False)
            mesh[list(outline)] = np.stack([80 + 40 * i + 15 * np.cos(turn), 120 + 15 * np.sin(turn)], 1)
        self.mesh = SimpleNamespace(points=lambda _: mesh)

    @staticmethod
    def _descriptor(picture: j.Picture) -> j.Floats:
        grey = float(picture[100:150, 100:150].mean())
        return np.exp(-np.square((np.arange(60, 220, 20) - grey) / 12))

    @staticmethod
    def signals(picture: j.Picture) -> dict[str, float]:
        return dict.fromkeys(m.SIGNALS, float(picture[:, :, 0].mean()))


class Renderer:
    """Lays the source over the target by `likeness`, and of the clip's movement keeps `kept`."""

    def __init__(self, likeness: float, kept: float) -> None:
        self.likeness, self.kept = likeness, kept

    def stills(self, pairs: Sequence[tuple[Path, j.Picture]]) -> Iterator[tuple[j.Picture, r.Floats]]:
        for source, target in pairs:
            side = target.shape[0]
            matte = np.zeros((side, side), np.float32)
            matte[40:-40, 40:-40] = 1
            share = self.likeness * matte[..., None]
            yield (target * (1 - share) + r.read_crop(source, side) * share + 0.5).astype(np.uint8), matte

    def clip(self, source: Path, plates: Iterable[tuple[Frame, Face]]) -> Iterator[tuple[r.Floats, r.Floats]]:
        # All plates are read before the first one is given back, as a renderer in batches would.
        for plate, _ in list(plates):
            picture = plate.rgb.copy()
            picture[MOUTH] = 0.5 + self.kept * (picture[MOUTH] - 0.5)
            yield picture, np.ones(picture.shape[:2], np.float32)


@pytest.fixture
def material(tmp_path: Path) -> e.Material:
    names = [f"{i}.png" for i in range(PEOPLE)]
    for number, name in enumerate(names):
        cv2.imwrite(str(tmp_path / name), person(number))
    (tmp_path / "clip").mkdir()
    for time in range(FRAMES):
        plate = np.full((240, 260, 3), 100, np.uint8)
        plate[MOUTH] = 128 + round(100 * np.sin(time / 2))
        cv2.imwrite(str(tmp_path / "clip" / f"f.{time + 1:04d}.png"), plate)
    row = {"ita_skin": "30", "age_est": "30", "yaw_deg": "0", "sex_est": "male"}
    crops = {name: r.read_crop(tmp_path / name) for name in names}
    descriptors = {name: Judges._descriptor(crop) for name, crop in crops.items()}
    points = TEMPLATES["arcface-112"].on(112) + (70, 60)
    face = Face(points, (80, 80, 90, 90), 0.9)
    detector: Any = SimpleNamespace(name="one face", find=lambda *_: (face,))
    protocol = json.loads(e.PROTOCOL.read_text())
    protocol |= {
        "pairs": [[a, b] for a in names for b in names if a != b],
        "clips": {"clip/f.####.png": names[0]},
        "sheet": {"a row": [[names[0], names[1]]] * 4},
        "strips": [["clip/f.####.png", 3]],
    }
    rows = {name: {**row, "person": name} for name in names}
    features = np.random.default_rng(0).normal(1, 1, (40, 8))
    return e.Material(tmp_path, rows, crops, descriptors, {}, features, tmp_path, detector, protocol)


@pytest.fixture(autouse=True)
def drawn_features(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(1)
    monkeypatch.setattr(e, "Features", lambda: lambda pictures: chance.normal(1, 1, (len(pictures), 8)))


EXTENT = e.Extent(pairs=999, spaced=15, running=4)


def test_an_unchanged_picture_keeps_everything_and_swaps_nobody(material: e.Material) -> None:
    said = e.evaluate(Renderer(0.0, 1.0), material, Judges(), EXTENT)
    assert said["identity"]["source_found_first"] == 0
    assert said["identity"]["target_found_first"] == 1
    assert said["seam"] == {"median": 0, "p95": 0}
    assert said["detail"]["median"] == pytest.approx(1)
    assert said["same_person"]["psnr"] > 90
    assert said["flicker"]["mean"] == pytest.approx(1, abs=0.02)
    for signal in ("mouth opening", "yaw"):
        assert said["movement"][signal]["correlation"] == pytest.approx(1, abs=1e-3)
        assert said["movement"][signal]["gain"] == pytest.approx(1, abs=1e-3)
    assert said["not_swapped"] == 0


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_a_frozen_and_a_half_moving_face_are_told_by_the_gain(material: e.Material, kept: float) -> None:
    said = e.clip_figures(Renderer(1.0, kept), material, Judges(), EXTENT)
    assert said["movement"]["mouth opening"]["gain"] == pytest.approx(kept, abs=0.02)
    assert said["gaze"]["gaze x"]["gain"] == pytest.approx(kept, abs=0.02)
    assert said["flicker"]["mean"] == pytest.approx(kept, abs=0.15)


def test_half_of_either_face_has_half_the_energy_of_the_grain(material: e.Material) -> None:
    said = e.still_figures(Renderer(0.5, 1.0), material, Judges(), EXTENT)
    assert said["detail"]["median"] == pytest.approx(0.5, abs=0.1)


def test_a_full_swap_finds_the_source_and_shows_its_edge(material: e.Material) -> None:
    said = e.still_figures(Renderer(1.0, 1.0), material, Judges(), EXTENT)
    assert said["identity"]["source_found_first"] == 1
    assert said["seam"]["median"] > 5
    assert said["same_person"]["psnr"] > 60
    assert said["covered"] == pytest.approx((176 / 256) ** 2, abs=0.01)


def test_frames_are_spread_over_the_whole_clip(material: e.Material) -> None:
    file = material.folder / "clip/f.####.png"
    times = e.spaced(file, 7)
    assert len(times) <= 7
    assert times[0] == 1
    assert times[-1] >= FRAMES - times.step
    assert list(e.spaced(file, 99)) == list(range(1, FRAMES + 1))


def test_the_sheet_holds_pairs_and_strips_without_scaling(material: e.Material) -> None:
    picture = e.sheet(Renderer(1.0, 1.0), material)
    side = e.SIZE
    assert picture.shape == (2 * (side + 8) + 2 * side + 8, 9 * side, 3)
    source = r.read_crop(material.folder / "0.png", side)
    assert np.array_equal(picture[:side, :side], source)
    assert abs(float(picture[side // 2, 2 * side + side // 2].mean()) - 60) < 15, "the swap shows the source"
