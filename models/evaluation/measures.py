"""Protocol 2 as pure functions: identity, movement, realism, seam, detail, patches, sameness, flicker, spread.

Pictures are uint8 RGB (S, S, 3), mattes float (S, S) 0..1, places in pixels. Nothing here opens a file or a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

# Signal: its group, and the standard deviation over a clip of the plate from which the clip counts as moving.
# Each threshold is three times or more of what a shift of at most a pixel, grain and JPEG compression (`disturbed`) do
# to the signal, so that a clip which counts would be followed with a correlation of 0.95 or more.
# Dlib's are in hundredths of the crop's width, angles in degrees, the others in the judge's own units.
SIGNALS: dict[str, tuple[str, float]] = {
    "mouth opening": ("movement", 0.7),
    "smile width": ("movement", 1),
    "eye opening": ("movement", 0.45),
    "brow height": ("movement", 0.4),
    "jawOpen": ("movement", 0.02),
    "mouthSmile": ("movement", 0.05),
    "eyeBlink": ("movement", 0.04),
    "browInnerUp": ("movement", 0.035),
    "yaw": ("movement", 1.5),
    "pitch": ("movement", 1.2),
    "roll": ("movement", 1),
    "yaw (Intel)": ("movement", 1.5),
    "pitch (Intel)": ("movement", 2.3),
    "roll (Intel)": ("movement", 1),
    "gaze x": ("gaze", 0.05),
    "gaze y": ("gaze", 0.03),
    "look x": ("gaze", 0.07),
    "look y": ("gaze", 0.07),
}
# Bins of the spread, by column of the index.
BINS = {"ita_skin": (10, 28, 41, 55), "age_est": (25, 35, 50), "yaw_deg": (-15, 15)}
FEWEST = 20  # pairs below which a bin says nothing
# Mesh points round the cheeks and the lower forehead: bare skin on most faces.
SKIN = ((116, 117, 118, 101, 36, 205, 187, 123), (345, 346, 347, 330, 266, 425, 411, 352),
        (69, 108, 151, 337, 299, 336, 9, 107))  # fmt: skip
DETAIL_SIGMA = 1.5  # pixels: a Gaussian that halves the amplitude of a wave of 8 pixels
PATCH_SIGMA = 4  # pixels: what is left is larger than pores and wrinkles
RING = (0.01, 0.05)  # nearest and farthest distance from the matte's edge, in widths of the picture
SECTORS = 24


def centred(descriptors: Floats, mean: Floats) -> Floats:
    """Descriptors (..., D) less the mean of real faces, of unit length."""
    moved = descriptors - mean
    return np.asarray(moved / np.linalg.norm(moved, axis=-1, keepdims=True))


def identity(
    swaps: Floats, pairs: Sequence[Sequence[str]], real: Mapping[str, Floats], people: Mapping[str, str], mean: Floats
) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """Who is found on the swaps: figures, and for each pair whether its source was found first.

    swaps: (N, D) descriptors; pairs: N of (source, target); real: descriptors of real pictures by name; people: the
    person on each; mean: (D,) of real faces, taken off everywhere. Everybody stands in the gallery once.
    """
    names = sorted(set(people.values()))
    faces = {p: np.mean([d for n, d in real.items() if people[n] == p], axis=0) for p in names}
    gallery, found = centred(np.stack([faces[p] for p in names]), mean), centred(swaps, mean)
    best = [names[i] for i in (found @ gallery.T).argmax(1)]
    hits = np.array([b == people[s] for b, (s, _) in zip(best, pairs, strict=True)])
    kept = np.array([b == people[t] for b, (_, t) in zip(best, pairs, strict=True)])
    unit = {name: centred(d, mean) for name, d in real.items()}
    to_source = np.array([f @ unit[s] for f, (s, _) in zip(found, pairs, strict=True)])
    to_target = np.array([f @ unit[t] for f, (_, t) in zip(found, pairs, strict=True)])
    figures = {
        "source_found_first": round(float(hits.mean()), 4),
        "target_found_first": round(float(kept.mean()), 4),
        "people": len(names),
        "similarity": round(float((to_source - to_target).mean()), 4),
        "cosine_to_source": round(float(to_source.mean()), 4),
        "cosine_to_target": round(float(to_target.mean()), 4),
    }
    return figures, hits


def spread(hits: NDArray[np.bool_], rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Retrieval by bins of the targets' rows, and the largest difference between two bins of one column, in points.

    Bins of fewer than FEWEST pairs are left out.
    """
    said: dict[str, Any] = {}
    labels = {c: [str(int(np.digitize(float(r[c] or 0), edges))) for r in rows] for c, edges in BINS.items()}
    labels["sex_est"] = [r["sex_est"] for r in rows]
    for column, of_pairs in labels.items():
        bins = np.array(of_pairs)
        counted = {b: hits[bins == b] for b in sorted(set(of_pairs))}
        said[column] = {b: round(100 * float(h.mean()), 1) for b, h in counted.items() if len(h) >= FEWEST}
    ranges = [max(v.values()) - min(v.values()) for v in said.values() if v]
    return {"points": round(max(ranges, default=0.0), 1), "found_percent_by_bin": said}


def followed(plate: Floats, swap: Floats, threshold: float) -> tuple[float, float] | None:
    """Correlation and gain (regression slope on the plate) of a signal (T,), each clip's own mean taken off.

    None where the plate's signal moves less than `threshold` (standard deviation).
    """
    if len(plate) < 3 or plate.std() < threshold:
        return None
    a, b = plate - plate.mean(), swap - swap.mean()
    gain = float(a @ b / (a @ a))
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return (float(a @ b) / length if length > 1e-9 else 0.0), gain


def movement(
    clips: Mapping[str, tuple[Sequence[Mapping[str, float]], Sequence[Mapping[str, float]]]],
) -> dict[str, Any]:
    """Correlation and gain of every signal: medians over the clips of which the plate's signal moves.

    clips: by name, what the judges say of each frame of plate and swap.
    """
    said: dict[str, Any] = {}
    for name, (group, threshold) in SIGNALS.items():
        each = {}
        for clip, (plate, swap) in clips.items():
            found = followed(np.array([f[name] for f in plate]), np.array([f[name] for f in swap]), threshold)
            if found is not None:
                each[clip] = [round(v, 3) for v in found]
        if each:
            middle = np.median(np.array(list(each.values())), axis=0)
            said.setdefault(group, {})[name] = {
                "correlation": round(float(middle[0]), 3), "gain": round(float(middle[1]), 3), "clips": each,
            }  # fmt: skip
    return said


def seam(plate: Picture, swap: Picture, matte: NDArray[Any]) -> float | None:
    """How much the matte's edge stands out: CIEDE2000 between a ring inside and a ring outside it, swap less plate.

    Sector by sector round the middle of the matte, each by the mean colour of its parts of both rings; a sector of
    which the seam is weaker than the plate's own counts as 0, so that one side does not make up for another. None
    where the matte has no edge.
    """
    inside, outside = _distance(matte >= 0.5), _distance(matte < 0.5)
    near, far = (r * matte.shape[0] for r in RING)
    rings = (inside > near) & (inside <= far), (outside > near) & (outside <= far)
    if not all(r.any() for r in rings):
        return None
    y, x = np.nonzero(matte >= 0.5)
    yy, xx = np.mgrid[: matte.shape[0], : matte.shape[1]]
    sector = ((np.arctan2(yy - y.mean(), xx - x.mean()) / (2 * np.pi) + 0.5) * SECTORS).astype(int) % SECTORS
    before, after, worse = rgb2lab(plate), rgb2lab(swap), []
    for at in range(SECTORS):
        parts = [r & (sector == at) for r in rings]
        if min(int(p.sum()) for p in parts) >= 8:
            was, now = (deltaE_ciede2000(*(lab[p].mean(0) for p in parts)) for lab in (before, after))
            worse.append(max(float(now - was), 0.0))
    return float(np.mean(worse)) if worse else None


def _distance(inside: NDArray[np.bool_]) -> Floats:
    """Pixels from each place inside to the nearest one outside; the picture's border is no edge."""
    return np.asarray(cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5), np.float64)


def bare_skin(mesh: Floats, size: int) -> NDArray[np.bool_]:
    """(size, size): cheeks and lower forehead of a mesh (478, 2) in pixels of the picture."""
    mask = np.zeros((size, size), np.uint8)
    for outline in SKIN:
        cv2.fillPoly(mask, [np.rint(mesh[list(outline)]).astype(np.int32)], 1)
    return mask.astype(bool)


def detail(plate: Picture, swap: Picture, where: NDArray[np.bool_]) -> float | None:
    """Energy of the band of 2 to 8 pixels of the luma, swap over plate; None where `where` is next to empty."""
    if where.sum() < 64:
        return None
    energies = []
    for picture in (plate, swap):
        luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64)
        fine = luma - cv2.GaussianBlur(luma, (0, 0), DETAIL_SIGMA, borderType=cv2.BORDER_REPLICATE)
        energies.append(float(np.square(fine[where]).mean()))
    return energies[1] / max(energies[0], 1e-6)


def patches(plate: Picture, swap: Picture, where: NDArray[np.bool_]) -> float | None:
    """How unevenly skin was coloured: what the swap changes once both are blurred, less the mean of that, in CIELAB
    (1976), 95th percentile over `where`. Another complexion counts as 0, a grey forehead does not. None as `detail`.
    """
    if where.sum() < 64:
        return None
    soft = (cv2.GaussianBlur(p, (0, 0), PATCH_SIGMA, borderType=cv2.BORDER_REPLICATE) for p in (plate, swap))
    before, after = (rgb2lab(p)[where] for p in soft)
    change = after - before
    return float(np.percentile(np.linalg.norm(change - change.mean(0), axis=1), 95))


def kid(a: Floats, b: Floats) -> float:
    """Kernel inception distance (arXiv 1801.01401) of features (N, D) and (M, D): unbiased MMD with a cubic kernel."""

    def kernel(x: Floats, y: Floats) -> Floats:
        return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)

    n, m = len(a), len(b)
    same = (kernel(a, a).sum() - np.trace(kernel(a, a))) / (n * (n - 1))
    other = (kernel(b, b).sum() - np.trace(kernel(b, b))) / (m * (m - 1))
    return float(same + other - 2 * kernel(a, b).mean())


def realism(swaps: Floats, real: Floats, seed: int = 0) -> dict[str, float]:
    """KID of swaps against real pictures, that of two halves of the real ones (mean of 20 splits), and their ratio.

    As many swaps as half of the real pictures, drawn 20 times, are set against the other half, so both figures have
    the same sizes.
    """
    rng, half = np.random.default_rng(seed), len(real) // 2
    scale = np.sqrt(real.shape[1]) / np.linalg.norm(real, axis=1).mean()
    of_swaps, of_real = [], []
    for _ in range(20):
        order = rng.permutation(len(real))
        drawn = swaps[rng.permutation(len(swaps))[:half]]
        of_real.append(kid(real[order[:half]] * scale, real[order[half:]] * scale))
        of_swaps.append(kid(drawn * scale, real[order[half:]] * scale))
    # Of equal distributions the unbiased estimate is 0 on average: its size is what chance makes.
    chance = float(np.mean(np.abs(of_real)))
    found = float(np.mean(of_swaps))
    return {"kid": round(found, 5), "half_against_half": round(chance, 5), "ratio": round(found / chance, 2)}


def likeness(a: Picture, b: Picture, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """PSNR (dB) and SSIM inside a mask."""
    error = np.square(a[inside].astype(float) - b[inside]).mean()
    _, full = structural_similarity(a, b, channel_axis=2, full=True)
    return float(10 * np.log10(255**2 / max(error, 1e-9))), float(full[inside].mean())


def hull(points: Floats, size: int) -> NDArray[np.bool_]:
    """(size, size): the convex hull of points in pixels."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.int32)), 1)
    return mask.astype(bool)


def flicker(plates: Sequence[Picture], swaps: Sequence[Picture], mattes: Sequence[NDArray[Any]]) -> float | None:
    """Motion-compensated difference of neighbouring swaps over that of the plates, inside the matte; 1: no flicker."""
    flow, ratios = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), []
    for i in range(1, len(plates)):
        inside = mattes[i] > 0.5
        if inside.any():
            grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (plates[i], plates[i - 1])]
            motion = flow.calc(*grey, None)
            moved = [_warped_difference(p[i - 1], p[i], motion, inside) for p in (plates, swaps)]
            ratios.append(moved[1] / max(moved[0], 1e-6))
    return float(np.mean(ratios)) if ratios else None


def _warped_difference(before: Picture, now: Picture, flow: NDArray[Any], inside: NDArray[np.bool_]) -> float:
    yy, xx = np.mgrid[0 : now.shape[0], 0 : now.shape[1]].astype(np.float32)
    carried = cv2.remap(
        before, xx + flow[:, :, 0], yy + flow[:, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return float(np.abs(carried.astype(float) - now)[inside].mean())


def disturbed(picture: Picture, rng: np.random.Generator) -> Picture:
    """The same picture under a shift of at most a pixel, grain and JPEG 85: what no judge should mind."""
    shift = np.array([[1, 0, rng.uniform(-1, 1)], [0, 1, rng.uniform(-1, 1)]])
    moved = cv2.warpAffine(picture, shift, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    grainy = np.clip(moved + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", grainy, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], 1), np.uint8)
