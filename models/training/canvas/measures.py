"""What a swap is measured with: dlib's recogniser and landmarks (never used in training), and small pure functions."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import dlib
import numpy as np
from mesh import CANONICAL, POINTS_ON_MESH
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]
LANDMARKS, RECOGNISER = "shape_predictor_68_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat"
# A common mean face in millimetres: nose tip, chin, outer eye corners, mouth corners (OpenCV's head pose sample).
_HEAD = np.array([[0, 0, 0], [0, 330, 65], [-225, -170, 135], [225, -170, 135], [-150, 150, 125], [150, 150, 125]])
_HEAD_POINTS = (30, 8, 36, 45, 48, 54)


def dlib_folder(given: Path | None) -> Path:
    """Where dlib's .dat files lie: as given, or inside the package face_recognition_models, which is not imported."""
    if given is None:
        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or not spec.submodule_search_locations:
            raise SystemExit("Expected --dlib FOLDER, or the package face_recognition_models (its .dat files).")
        given = Path(spec.submodule_search_locations[0]) / "models"
    if not (given / RECOGNISER).exists():
        raise SystemExit(f"Expected {RECOGNISER} in {given}; it stands in the package face_recognition_models.")
    return given


class Judge:
    """Landmarks and descriptors of aligned crops (S, S, 3) RGB; the face box follows from the alignment."""

    def __init__(self, folder: Path) -> None:
        self._shape = dlib.shape_predictor(str(folder / LANDMARKS))
        self._net = dlib.face_recognition_model_v1(str(folder / RECOGNISER))

    def _found(self, crop: Picture) -> tuple[Picture, dlib.full_object_detection, int]:
        size = crop.shape[0]
        pad = size // 3
        padded = np.ascontiguousarray(cv2.copyMakeBorder(crop, pad, pad, pad, pad, cv2.BORDER_REPLICATE))
        box = [round(pad + size * f) for f in (0.12, 0.26, 0.88, 1.02)]
        return padded, self._shape(padded, dlib.rectangle(*box)), pad

    def landmarks(self, crop: Picture) -> Floats:
        """68 points (x, y) in crop pixels."""
        _, shape, pad = self._found(crop)
        return np.array([[p.x - pad, p.y - pad] for p in shape.parts()], np.float64)

    def descriptor(self, crop: Picture) -> Floats:
        """128 numbers, not normalised."""
        padded, shape, _ = self._found(crop)
        return np.array(self._net.compute_face_descriptor(padded, shape), np.float64)


def centred(descriptors: Floats, mean: Floats) -> Floats:
    """Descriptors less the mean of real faces, unit length."""
    moved = descriptors - mean
    return np.asarray(moved / np.linalg.norm(moved, axis=-1, keepdims=True))


def rotation(points: Floats, size: int) -> Floats:
    """Head rotation (3 x 3) from 68 landmarks, by a perspective fit of six of them."""
    return _fitted(_HEAD.astype(np.float64), points[list(_HEAD_POINTS)], size)


def rotation_by_all(points: Floats, size: int) -> Floats:
    """The same from all 68 landmarks and the mean head of the project's data. Six hang on the tip of the nose, which
    another person has elsewhere; this says more of the head. It is no mark of the protocol."""
    return _fitted(CANONICAL[POINTS_ON_MESH].astype(np.float64) - CANONICAL.mean(0), points, size)


def _fitted(head: Floats, seen: Floats, size: int) -> Floats:
    camera = np.array([[2.0 * size, 0, size / 2], [0, 2.0 * size, size / 2], [0, 0, 1]])
    _, turn, _ = cv2.solvePnP(head, seen, camera, np.zeros(4), flags=cv2.SOLVEPNP_SQPNP)
    return np.asarray(cv2.Rodrigues(turn)[0])


def angle_between(a: Floats, b: Floats) -> float:
    """Degrees of the rotation that leads from `a` to `b`."""
    cosine = (np.trace(a.T @ b) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def openings(points: Floats) -> Floats:
    """Opening over width of the right eye, the left eye and the inner lips."""

    def ratio(upper: list[int], lower: list[int], ends: tuple[int, int]) -> float:
        height = np.linalg.norm(points[upper] - points[lower], axis=1).mean()
        return float(height / max(np.linalg.norm(points[ends[0]] - points[ends[1]]), 1e-6))

    return np.array(
        [
            ratio([37, 38], [41, 40], (36, 39)),
            ratio([43, 44], [47, 46], (42, 45)),
            ratio([61, 62, 63], [67, 66, 65], (60, 64)),
        ]
    )


def expression_error(a: Floats, b: Floats) -> float:
    """Mean difference of the three openings, plus the landmark distance (brows, eyes, mouth; over the distance
    between the eyes) after the best affine fit, which takes out pose."""
    design = np.hstack([a[17:], np.ones((51, 1))])
    fitted = design @ np.linalg.lstsq(design, b[17:], rcond=None)[0]
    eyes = np.linalg.norm(b[36:42].mean(0) - b[42:48].mean(0))
    shape = np.linalg.norm(fitted - b[17:], axis=1).mean() / eyes
    return float(np.abs(openings(a) - openings(b)).mean() + shape)


def disturbed(crop: Picture, rng: np.random.Generator) -> Picture:
    """The same crop under a shift of at most one pixel, grain and JPEG 85: the noise of the landmarks."""
    shift = np.array([[1, 0, rng.uniform(-1, 1)], [0, 1, rng.uniform(-1, 1)]])
    moved = cv2.warpAffine(crop, shift, crop.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    grainy = np.clip(moved + rng.normal(0, 3, crop.shape), 0, 255).astype(np.uint8)
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", grainy, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], 1), np.uint8)


def hull_mask(points: Floats, size: int) -> NDArray[np.bool_]:
    """The convex hull of the landmarks."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.int32)), 1)
    return mask.astype(bool)


def likeness(a: Picture, b: Picture, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """PSNR (dB) and SSIM inside a mask."""
    error = np.square(a[inside].astype(float) - b[inside]).mean()
    _, full = structural_similarity(a, b, channel_axis=2, full=True)
    return float(10 * np.log10(255**2 / max(error, 1e-9))), float(full[inside].mean())


def kid(a: Floats, b: Floats) -> float:
    """Kernel inception distance (arXiv 1801.01401): the unbiased MMD with a cubic kernel, here on any features."""

    def kernel(x: Floats, y: Floats) -> Floats:
        return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)

    n, m = len(a), len(b)
    same = (kernel(a, a).sum() - np.trace(kernel(a, a))) / (n * (n - 1))
    other = (kernel(b, b).sum() - np.trace(kernel(b, b))) / (m * (m - 1))
    return float(same + other - 2 * kernel(a, b).mean())


def warped_difference(before: Picture, now: Picture, flow: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Mean absolute difference of `now` and `before` carried along by `flow` (from now to before)."""
    yy, xx = np.mgrid[0 : now.shape[0], 0 : now.shape[1]].astype(np.float32)
    carried = cv2.remap(
        before, xx + flow[:, :, 0], yy + flow[:, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return float(np.abs(carried.astype(float) - now)[inside].mean())
