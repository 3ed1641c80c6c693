"""Pack a folder of face pictures for training: aligned, filtered, deduplicated, with SFace features.

    python prepare.py PICTURES --out DATA --sface sface.onnx --yunet face_detection_yunet_2023mar.onnx \\
        --landmarks face_landmark.tflite
    python prepare.py PICTURES --index PICTURES.csv ...    # crops that are aligned already

Writes `crops.npy` (N, 224, 224, 3) uint8 RGB sRGB, and of the crops and their mirror images `meshes.npy` and
`meshes_mirrored.npy` (N, 468, 3) float32 in widths of the crop, `features.npy` and `features_mirrored.npy`
(N, 1024, 7, 7) float16, `embeddings.npy` and `embeddings_mirrored.npy` (N, 128) float32; and `index.json` (one
record a crop: file, person, licence, skin tone and so on).
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from mesh import FaceMesh, mirrored
from numpy.typing import NDArray
from recogniser import Recogniser

CROP = 224
# The ordinary ArcFace template for 112 px: eyes, nose tip, mouth corners (x, y).
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
KEPT_COLUMNS = ("person", "licence", "source", "synthetic", "small", "yaw_deg", "age_est", "sex_est", "ita_skin")


def similarity(points: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The 2 x 3 similarity that brings five points (x, y) onto the template at `size` (Umeyama, 1991)."""
    target = TEMPLATE * size / 112.0
    a, b = points - points.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(sign) @ vt
    scale = (s * sign).sum() / (a**2).sum()
    shift = target.mean(0) - scale * rotation @ points.mean(0)
    return np.hstack([scale * rotation, shift[:, None]])


class Detector:
    """YuNet on BGR pictures of any size; keeps its input size, so one per thread."""

    def __init__(self, path: Path, score: float = 0.6) -> None:
        self._yunet = cv2.FaceDetectorYN.create(str(path), "", (320, 320), score)

    def largest(self, picture: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """Five points (x, y) of the largest face, image-left eye first, or None."""
        height, width = picture.shape[:2]
        shrink = min(1.0, 640 / max(height, width))
        small = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        self._yunet.setInputSize((small.shape[1], small.shape[0]))
        _, faces = self._yunet.detect(small)
        if faces is None:
            return None
        best = faces[np.argmax(faces[:, 2] * faces[:, 3])]
        return best[4:14].reshape(5, 2).astype(np.float64) / shrink


def aligned_crop(picture: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A CROP x CROP crop; the picture is shrunk with an area filter first, so that it does not alias."""
    matrix = similarity(points, CROP)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        matrix = similarity(points * scale, CROP)
    crop = cv2.warpAffine(picture, matrix, (CROP, CROP), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(crop, np.uint8)


def read_aligned(folder: Path, index: Path) -> Iterator[tuple[dict[str, str], NDArray[np.uint8]]]:
    """Crops that are aligned already, listed in a CSV with a `file` column and optional KEPT_COLUMNS."""
    with index.open(newline="") as file:
        for row in csv.DictReader(file):
            if row.get("valid_quad") or float(row.get("white_frac") or 0) > 0.2:
                continue
            picture = cv2.imread(str(folder / row["file"]))
            if picture is not None:
                yield row, cv2.resize(picture, (CROP, CROP), interpolation=cv2.INTER_AREA)


def read_folder(folder: Path, detector: Detector) -> Iterator[tuple[dict[str, str], NDArray[np.uint8]]]:
    """The largest face of each picture; faces under 60 px between the eyes are left out."""
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES):
        picture = cv2.imread(str(path))
        points = None if picture is None else detector.largest(picture)
        if picture is None or points is None or np.linalg.norm(points[0] - points[1]) < 60:
            continue
        name = str(path.relative_to(folder))
        person = path.parent.name if path.parent != folder else name
        yield {"file": name, "person": person, "licence": "the user's own"}, aligned_crop(picture, points)


def duplicates(embeddings: NDArray[np.float32], crops: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """True for each crop that repeats an earlier one: nearly the same embedding and nearly the same pixels."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    thumbs = np.stack([cv2.resize(c, (16, 16), interpolation=cv2.INTER_AREA) for c in crops]).astype(np.float32)
    repeated = np.zeros(len(unit), bool)
    for first, second in np.argwhere(np.triu(unit @ unit.T > 0.9, 1)):
        if not repeated[first] and np.abs(thumbs[first] - thumbs[second]).mean() < 4:
            repeated[second] = True
    return repeated


def pack(records: list[dict[str, str]], crops: NDArray[np.uint8], args: argparse.Namespace) -> dict[str, int]:
    """Compute features and meshes, drop duplicates and write the data folder; returns counts."""
    recogniser, landmarks = Recogniser(args.sface), FaceMesh(args.landmarks)
    maps: dict[str, list[NDArray[np.float16]]] = {"": [], "_mirrored": []}
    vectors: dict[str, list[NDArray[np.float32]]] = {"": [], "_mirrored": []}
    for start in range(0, len(crops), 16):
        small = [cv2.resize(c, (112, 112), interpolation=cv2.INTER_AREA) for c in crops[start : start + 16]]
        for name, faces in (("", np.stack(small)), ("_mirrored", np.stack(small)[:, :, ::-1])):
            feature_map, embedding = recogniser(faces)
            maps[name].append(feature_map.astype(np.float16))
            vectors[name].append(embedding)
        if start % 1600 == 0:
            print(f"features of {start} of {len(crops)} crops", flush=True)
    embeddings = np.concatenate(vectors[""])
    keep = ~duplicates(embeddings, crops)
    args.out.mkdir(parents=True, exist_ok=True)
    for name in maps:
        np.save(args.out / f"features{name}.npy", np.concatenate(maps[name])[keep])
        np.save(args.out / f"embeddings{name}.npy", np.concatenate(vectors[name])[keep])
    crops = crops[keep]
    np.save(args.out / "crops.npy", crops)
    meshes = [landmarks(crop) for crop in crops]
    np.save(args.out / "meshes.npy", np.stack(meshes))
    np.save(args.out / "meshes_mirrored.npy", np.stack([mirrored(mesh) for mesh in meshes]))
    kept = [{k: r.get(k, "") for k in ("file", *KEPT_COLUMNS)} for r, good in zip(records, keep, strict=True) if good]
    (args.out / "index.json").write_text(json.dumps(kept))
    return {"read": len(keep), "duplicates": int((~keep).sum()), "kept": int(keep.sum())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--index", type=Path, help="CSV of crops that are aligned already")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sface", type=Path, required=True)
    parser.add_argument("--yunet", type=Path, required=True)
    parser.add_argument("--landmarks", type=Path, required=True, help="MediaPipe's face_landmark.tflite (see mesh.py)")
    args = parser.parse_args()
    reader = read_aligned(args.pictures, args.index) if args.index else read_folder(args.pictures, Detector(args.yunet))
    records, crops = [], []
    for record, crop in reader:
        records.append(record)
        crops.append(np.ascontiguousarray(crop[:, :, ::-1]))
    if not crops:
        raise SystemExit(f"Expected face pictures in {args.pictures}, found none that can be used.")
    print(json.dumps(pack(records, np.stack(crops), args)))


if __name__ == "__main__":
    main()
