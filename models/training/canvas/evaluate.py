"""Measure a pack: identity, pose, expression, reconstruction, realism and flicker, on fixed pairs.

    python evaluate.py --pack ../../base-224 --faces FACES/eval --index FACES/eval.csv --clips CLIPS --json FIGURES.json

The pairs (`protocol.json`: 1,000 file names drawn with seed 2026, and the mean descriptor of the real set) are
committed; `--protocol` names another file, which is written when it does not exist.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import measures as m
import numpy as np
import onnxruntime as ort
import torch
from data import lay_by_mesh, slow_light
from measures import Floats, Judge, Picture
from mesh import FaceMesh, face_matte, graft
from model import Contrast, weight_names
from numpy.typing import NDArray
from prepare import CROP, Detector, aligned_crop
from recogniser import Recogniser

BLACK_CLIP = 0.05
SEED, PAIRS = 2026, 1000


class Pack:
    """Runs a pack's identity and swap graphs."""

    def __init__(self, folder: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        cpu = ["CPUExecutionProvider"]
        self.recogniser = Recogniser(folder / "sface.onnx", threads)
        self._identity = ort.InferenceSession(str(folder / "identity.onnx"), options, providers=cpu)
        self._idn = ort.InferenceSession(str(folder / "idn.onnx"), options, providers=cpu)

    def weights(self, crop: Picture) -> dict[str, NDArray[np.float32]]:
        """The 28 weights for the person on an aligned crop."""
        small = cv2.resize(crop, (112, 112), interpolation=cv2.INTER_AREA)
        feature_map, embedding = self.recogniser(small[None])
        side = next(i.shape[-1] for i in self._identity.get_inputs() if i.name == "face")
        face = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)[None].astype(np.float32)
        source = {"feature_map": feature_map, "embedding": embedding, "face": face}
        found = self._identity.run(weight_names(), source)
        return dict(zip(weight_names(), found, strict=True))

    def swap(self, crop: Picture, weights: dict[str, NDArray[np.float32]]) -> tuple[Picture, NDArray[np.float32]]:
        """Swapped crop, 8 bits, and mask (S, S) 0..1; below the black clip the target stands unchanged."""
        image = crop.transpose(2, 0, 1)[None].astype(np.float32) / 255
        swapped, mask = self._idn.run(["swapped", "mask"], {"image": image} | weights)
        kept = np.where(mask < BLACK_CLIP, image, swapped)[0].transpose(1, 2, 0)
        return np.clip(kept * 255 + 0.5, 0, 255).astype(np.uint8), mask[0, 0]

    def embedding(self, crop: Picture) -> Floats:
        """SFace's unit embedding of an aligned crop."""
        vector = self.recogniser(cv2.resize(crop, (112, 112), interpolation=cv2.INTER_AREA)[None])[1][0]
        return np.asarray(vector / np.linalg.norm(vector), np.float64)


class Grafts(Pack):
    """In a pack's place: real faces grafted along exact landmarks (mesh.py), by no network: how well the
    measures say that landmarks alone keep pose and expression."""

    def __init__(self, folder: Path, threads: int, landmarks: Path) -> None:
        super().__init__(folder, threads)
        self._landmarks, self._contrast = FaceMesh(landmarks), Contrast()

    def weights(self, crop: Picture) -> dict[str, NDArray[np.float32]]:
        """The contrast of the person on an aligned crop, on the canvas."""
        face = torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32))
        found = self._contrast(lay_by_mesh(face, self._landmarks(crop)))
        return {"contrast": np.ascontiguousarray(found[0].permute(1, 2, 0).numpy())}

    def swap(self, crop: Picture, weights: dict[str, NDArray[np.float32]]) -> tuple[Picture, NDArray[np.float32]]:
        """Grafted crop, 8 bits, and the matte of its face."""
        image, mesh = crop.astype(np.float32) / 255, self._landmarks(crop)
        matte = face_matte(mesh, crop.shape[0])
        grafted = graft(image, mesh, weights["contrast"], slow_light(image, mesh), 1.0)
        kept = np.where(matte[..., None] < BLACK_CLIP, image, grafted)
        return np.asarray(kept * 255 + 0.5, np.uint8), matte


@dataclass(frozen=True)
class Swap:
    """What was measured of one pair."""

    source: str
    target: str
    picture: Picture
    descriptor: Floats
    pose_error: float
    pose_error_by_all: float
    expression_error: float
    covered: float
    outside: int
    sface_gain: float


def read_faces(folder: Path, index: Path) -> tuple[dict[str, dict[str, str]], dict[str, Picture]]:
    """Rows of the index and RGB crops at 224 px, by file name."""
    with index.open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    crops = {}
    for name in rows:
        picture = cv2.resize(cv2.imread(str(folder / name)), (CROP, CROP), interpolation=cv2.INTER_AREA)
        crops[name] = np.ascontiguousarray(picture[:, :, ::-1])
    return rows, crops


def draw_pairs(rows: dict[str, dict[str, str]]) -> list[list[str]]:
    """PAIRS pairs (source, target) of different people, by a fixed seed."""
    rng, names = np.random.default_rng(SEED), sorted(rows)
    pairs: list[list[str]] = []
    while len(pairs) < PAIRS:
        a, b = (names[i] for i in rng.integers(0, len(names), 2))
        if rows[a]["person"] != rows[b]["person"]:
            pairs.append([a, b])
    return pairs


def run_pairs(pack: Pack, judge: Judge, crops: dict[str, Picture], pairs: list[list[str]]) -> list[Swap]:
    """Swap and measure every pair."""
    points = {name: judge.landmarks(crops[name]) for name in {t for _, t in pairs}}
    turns = {name: m.rotation(p, CROP) for name, p in points.items()}
    sface = {name: pack.embedding(crop) for name, crop in crops.items()}
    prepared = {name: pack.weights(crops[name]) for name in {s for s, _ in pairs}}
    swaps = []
    for source, target in pairs:
        picture, mask = pack.swap(crops[target], prepared[source])
        found, seen = judge.landmarks(picture), pack.embedding(picture)
        outside = np.abs(picture.astype(int) - crops[target])[mask < BLACK_CLIP]
        swaps.append(
            Swap(
                source, target, picture, judge.descriptor(picture),
                m.angle_between(turns[target], m.rotation(found, CROP)),
                m.angle_between(m.rotation_by_all(points[target], CROP), m.rotation_by_all(found, CROP)),
                m.expression_error(found, points[target]),
                float((mask >= BLACK_CLIP).mean()), int(outside.max(initial=0)),
                float(seen @ sface[source] - seen @ sface[target]),
            )
        )  # fmt: skip
    return swaps


def identity_figures(
    swaps: list[Swap], rows: dict[str, dict[str, str]], real: dict[str, Floats], mean: Floats
) -> dict[str, Any]:
    """Retrieval and similarity by dlib, with ceiling and the identity copy beside them, and the spread by bins."""
    unit = {name: m.centred(d, mean) for name, d in real.items()}
    people = sorted({r["person"] for r in rows.values()})
    gallery = np.stack([m.centred(np.mean([real[n] for n in real if rows[n]["person"] == p], 0), mean) for p in people])
    found = m.centred(np.stack([s.descriptor for s in swaps]), mean)
    best = [people[i] for i in (found @ gallery.T).argmax(1)]
    hits = np.array([b == rows[s.source]["person"] for b, s in zip(best, swaps, strict=True)])
    to_source = np.array([f @ unit[s.source] for f, s in zip(found, swaps, strict=True)])
    to_target = np.array([f @ unit[s.target] for f, s in zip(found, swaps, strict=True)])
    before = np.array([unit[s.source] @ unit[s.target] - 1 for s in swaps])
    gain = to_source - to_target
    second = [unit[a] @ unit[b] for a in unit for b in unit if a < b and rows[a]["person"] == rows[b]["person"]]
    spread: dict[str, dict[str, float]] = {}
    for column, edges in (("ita_skin", [10, 28, 41, 55]), ("age_est", [25, 35, 50]), ("yaw_deg", [-15, 15])):
        bins = np.array([int(np.digitize(float(rows[s.target][column] or 0), edges)) for s in swaps])
        spread[column] = {f"bin {b}": round(float(gain[bins == b].mean()), 3) for b in sorted(set(bins.tolist()))}
    sex = np.array([rows[s.target]["sex_est"] for s in swaps])
    spread["sex_est"] = {v: round(float(gain[sex == v].mean()), 3) for v in sorted(set(sex.tolist()))}
    return {
        "retrieval_top1": round(float(hits.mean()), 4),
        "retrieval_people": len(people),
        "identity_similarity": round(float(gain.mean()), 4),
        "cosine_to_source": round(float(to_source.mean()), 4),
        "cosine_to_target": round(float(to_target.mean()), 4),
        "identity_similarity_of_no_swap": round(float(before.mean()), 4),
        "moved_from_no_swap": round(float((gain - before).mean()), 4),
        "cosine_same_person_ceiling": round(float(np.mean(second)), 4),
        "training_recogniser_similarity": round(float(np.mean([s.sface_gain for s in swaps])), 4),
        "spread_by_target": spread,
        "worst": [swaps[i].source + " > " + swaps[i].target for i in np.argsort(gain)[:20]],
    }


def other_figures(
    pack: Pack, judge: Judge, crops: dict[str, Picture], swaps: list[Swap], real: dict[str, Floats]
) -> dict[str, Any]:
    """Pose, expression, reconstruction, matte and realism."""
    rng, psnr, ssim, noise, pose_noise = np.random.default_rng(0), [], [], [], []
    for crop in list(crops.values())[::3]:
        points = judge.landmarks(crop)
        same, _ = pack.swap(crop, pack.weights(crop))
        quality = m.likeness(same, crop, m.hull_mask(points, CROP))
        psnr.append(quality[0])
        ssim.append(quality[1])
        moved = judge.landmarks(m.disturbed(crop, rng))
        noise.append(m.expression_error(moved, points))
        pose_noise.append(m.angle_between(m.rotation(moved, CROP), m.rotation(points, CROP)))
    features = np.stack(list(real.values()))
    order = rng.permutation(len(features))
    half = len(features) // 2
    swapped = np.stack([s.descriptor for s in swaps])
    scale = np.sqrt(features.shape[1]) / np.linalg.norm(features, axis=1).mean()
    return {
        "pose_error_degrees": round(float(np.mean([s.pose_error for s in swaps])), 3),
        "pose_noise_degrees": round(float(np.mean(pose_noise)), 3),
        "pose_error_by_all_points_degrees": round(float(np.mean([s.pose_error_by_all for s in swaps])), 3),
        "expression_error": round(float(np.mean([s.expression_error for s in swaps])), 4),
        "expression_noise": round(float(np.mean(noise)), 4),
        "expression_over_noise": round(float(np.mean([s.expression_error for s in swaps]) / np.mean(noise)), 3),
        "same_person_psnr": round(float(np.mean(psnr)), 2),
        "same_person_ssim": round(float(np.mean(ssim)), 4),
        "outside_max_difference": max(s.outside for s in swaps),
        "covered_area": round(float(np.mean([s.covered for s in swaps])), 4),
        "kid_features": "dlib ResNet descriptors",
        "kid": round(m.kid(swapped * scale, features * scale), 5),
        "kid_half_against_half": round(m.kid(features[order[:half]] * scale, features[order[half:]] * scale), 5),
    }


def flicker(pack: Pack, source: Picture, clip: Path, detector: Detector, frames: int) -> float | None:
    """Warped difference of neighbouring swaps over that of the plate, in crops that share one alignment a pair."""
    video, weights = cv2.VideoCapture(str(clip)), pack.weights(source)
    flow, ratios, before = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), [], None
    for _ in range(frames):
        good, picture = video.read()
        points = detector.largest(picture) if good else None
        if points is None:
            before = None
            continue
        now = aligned_crop(picture, points)[:, :, ::-1].copy()
        swapped, mask = pack.swap(now, weights)
        if before is not None:
            motion = flow.calc(cv2.cvtColor(now, cv2.COLOR_RGB2GRAY), cv2.cvtColor(before[0], cv2.COLOR_RGB2GRAY), None)
            plate = m.warped_difference(before[0], now, motion, mask > 0.5)
            ratios.append(m.warped_difference(before[1], swapped, motion, mask > 0.5) / max(plate, 1e-6))
        before = (now, swapped)
    return round(float(np.mean(ratios)), 3) if ratios else None


def sheet(swaps: list[Swap], crops: dict[str, Picture], gains: list[str]) -> Picture:
    """Source, target and swap of the worst pairs, side by side."""
    chosen = [s for s in swaps if f"{s.source} > {s.target}" in gains][:20]
    tiles = [np.hstack([crops[s.source], crops[s.target], s.picture])[::2, ::2] for s in chosen]
    return np.vstack([np.hstack(tiles[i : i + 2]) for i in range(0, len(tiles) - 1, 2)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--dlib", type=Path, help="folder of dlib's .dat files")
    parser.add_argument("--protocol", type=Path, default=Path(__file__).with_name("protocol.json"))
    parser.add_argument("--landmarks", type=Path, help="measure grafts along MediaPipe's landmarks instead of the pack")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="fewer, for a quick look; not the protocol")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path, help="the twenty worst pairs; pictures of people, never to be published")
    args = parser.parse_args()
    grafts = args.landmarks and Grafts(args.pack, args.threads, args.landmarks)
    pack, judge = grafts or Pack(args.pack, args.threads), Judge(m.dlib_folder(args.dlib))
    rows, crops = read_faces(args.faces, args.index)
    real = {name: judge.descriptor(crop) for name, crop in crops.items()}
    if not args.protocol.exists():
        mean = np.mean(list(real.values()), 0).round(6).tolist()
        args.protocol.write_text(json.dumps({"seed": SEED, "pairs": draw_pairs(rows), "mean_descriptor": mean}))
    protocol = json.loads(args.protocol.read_text())
    swaps = run_pairs(pack, judge, crops, protocol["pairs"][: args.pairs])
    figures: dict[str, Any] = {"protocol": f"{len(swaps)} fixed pairs, seed {protocol['seed']}", "judge": "dlib ResNet"}
    figures |= identity_figures(swaps, rows, real, np.array(protocol["mean_descriptor"]))
    figures |= other_figures(pack, judge, crops, swaps, real)
    worst = figures.pop("worst")
    if args.sheet:
        cv2.imwrite(str(args.sheet), sheet(swaps, crops, worst)[:, :, ::-1])
    if args.clips:
        detector, source = Detector(args.pack / "face_detection_yunet_2023mar.onnx"), crops[sorted(crops)[0]]
        found = {c.stem: flicker(pack, source, c, detector, args.frames) for c in sorted(args.clips.glob("*.mp4"))}
        figures["flicker"] = {name: value for name, value in found.items() if value is not None}
        figures["flicker_mean"] = round(float(np.mean(list(figures["flicker"].values()))), 3)
    text = json.dumps(figures, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
