"""Put right what FaceMesh says of the packed faces, by three networks that see better what it smooths over.

    python refine.py --data DATA --landmarks face_landmark.tflite POINTS_MANIFEST iris_landmark.tflite \
        fr_landmark.onnx

A dense mesh is steady, but leans towards the mean face: a nose that is longer than most, for instance, it says is
shorter. The 68 points of face-api.js move it by what is peculiar to a person, then those of Faceplugin the nose, the
chin, the brows and the corners; the iris network places the lids. Rewrites meshes.npy and meshes_mirrored.npy; run
once, between prepare.py and localise.py.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from landmarks import EYE_INPUT, EYE_REACH, LIDS, Landmarks, Look, views
from losses import seen, squares
from mesh import CANONICAL, POINTS_ON_MESH, Mesh, mirrored, rotation_onto
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
LOOKS = 6  # views of a face whose mean counts, and as many of its mirror image
SAMPLE = 600  # faces by which the conventions of the networks are compared
REACH = 0.05  # of a correction, in widths of a crop
# Of either set of 68 points: how much of what it says is taken for noise, and which points count.
DOUBTS = (0.3, 0.1)
COUNTING = (list(range(68)), [8, *range(17, 36), 36, 39, 42, 45, 48, 54])
MIRRORED_POINTS = [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)] + [
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),
]
# The rims of both eyes in the order of the iris network, the left eye's as in a mirror.
RIMS = (
    [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173],
    [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398],
)


def placed(found: Tensor, turns: Tensor) -> Tensor:
    """Landmarks (N, K, 2) found in views (N, 2, 3), in widths of the picture."""
    return ((2 * found - 1) @ turns[:, :, :2].transpose(1, 2) + turns[:, None, :, 2] + 1) / 2


def across(places: Tensor) -> Tensor:
    """Places (N, K, 2) in the mirrored picture."""
    return torch.stack([1 - places[..., 0], places[..., 1]], 2)


@torch.no_grad()
def points_of(look: Look, pictures: Tensor) -> Floats:
    """The 68 points (N, 68, 2) of pictures (N, 3, S, S) RGB 0..1: the mean of several looks, and of mirror images."""
    chance, total = torch.Generator().manual_seed(0), torch.zeros(len(pictures), len(MIRRORED_POINTS), 2)
    for _ in range(LOOKS):
        turns = views(1, look.reach, look.middle, chance).expand(len(pictures), -1, -1)
        total += placed(look.places(seen(pictures, turns, look.size)), turns)
        total += across(placed(look.places(seen(pictures.flip(3), turns, look.size)), turns))[:, MIRRORED_POINTS]
    return np.asarray((total / (2 * LOOKS)).numpy())


@torch.no_grad()
def rims_of(judges: Landmarks, pictures: Tensor, meshes: Tensor) -> tuple[Floats, Floats]:
    """The rims (N, LIDS, 2) of both eyes of pictures with the meshes (N, 468, 3), in the order of RIMS."""
    found = []
    for rim, flipped in zip(RIMS, (False, True), strict=True):
        ends = meshes[:, [rim[0], rim[8]], :2]
        ends = 2 * (across(ends) if flipped else ends) - 1
        apart, looks = ends[:, 1] - ends[:, 0], torch.zeros(len(pictures), LIDS, 2)
        for reach in (0.9, 1.0, 1.1):
            width = reach * EYE_REACH * apart.norm(dim=1) / 2
            turns = squares(width, torch.atan2(apart[:, 1], apart[:, 0]), ends.mean(1))
            shown = seen(pictures.flip(3) if flipped else pictures, turns, EYE_INPUT)
            looks += placed(judges.on_eye(shown), turns) / 3
        found.append(np.asarray((across(looks) if flipped else looks).numpy()))
    return found[0], found[1]


class Convention:
    """What the 68 points differ from the mesh by, for a face of a pose, whoever it is: linear in the pose."""

    def __init__(self, offsets: Floats, meshes: Floats) -> None:
        self._fit = np.linalg.lstsq(self._poses(meshes), offsets.reshape(len(offsets), -1), rcond=None)[0]

    @staticmethod
    def _poses(meshes: Floats) -> NDArray[np.float64]:
        ahead = np.stack([rotation_onto(CANONICAL, mesh)[0][:2, 2] for mesh in meshes])
        return np.hstack([ahead, np.abs(ahead), np.ones((len(ahead), 1))])

    def peculiar(self, offsets: Floats, meshes: Floats) -> Floats:
        """What is left of offsets (N, 68, 2) once the convention is taken away."""
        return np.asarray(offsets - (self._poses(meshes) @ self._fit).reshape(offsets.shape), np.float32)


def moved(mesh: Mesh, moves: Floats, doubt: float) -> Mesh:
    """`mesh` with its 68 points moved by (68, 2) and the rest along, by a Gaussian process whose noise is `doubt`."""
    at = mesh[POINTS_ON_MESH, :2]

    def alike(a: Floats, b: Floats) -> Floats:
        return np.exp(-np.square(a[:, None] - b[None]).sum(2) / (2 * REACH**2))

    answer = np.linalg.solve(alike(at, at) + doubt * np.eye(len(at)), moves)
    return np.asarray(np.hstack([mesh[:, :2] + alike(mesh[:, :2], at) @ answer, mesh[:, 2:]]), np.float32)


@dataclass(frozen=True)
class Correction:
    """What a set of 68 points says of meshes."""

    look: Look
    convention: Convention
    doubt: float
    counting: list[int]

    def corrected(self, judges: Landmarks, pictures: Tensor, meshes: Floats) -> Floats:
        """Better meshes (N, 468, 3) of pictures (N, 3, S, S) RGB 0..1."""
        moves = self.convention.peculiar(points_of(self.look, pictures) - meshes[:, POINTS_ON_MESH, :2], meshes)
        moves[:, np.delete(np.arange(moves.shape[1]), self.counting)] = 0
        better = np.stack([moved(m, p, self.doubt) for m, p in zip(meshes, moves, strict=True)])
        for rim, places in zip(RIMS, rims_of(judges, pictures, torch.from_numpy(better)), strict=True):
            better[:, rim, :2] = places
        return better


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--landmarks", type=Path, nargs=4, metavar=("MESH", "POINTS", "IRIS", "GREY"), required=True)
    args = parser.parse_args()
    judges, crops = Landmarks(*args.landmarks), np.load(args.data / "crops.npy", mmap_mode="r")
    meshes = np.load(args.data / "meshes.npy")

    def pictures(indices: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(crops[indices]).permute(0, 3, 1, 2).float() / 255

    sample = np.linspace(0, len(crops) - 1, min(SAMPLE, len(crops))).astype(np.int64)
    for look, doubt, counting in zip(judges.looks[1:3], DOUBTS, COUNTING, strict=True):
        parts = [points_of(look, pictures(some)) for some in np.array_split(sample, max(1, len(sample) // 64))]
        convention = Convention(np.concatenate(parts) - meshes[sample][:, POINTS_ON_MESH, :2], meshes[sample])
        correction, begun, better = Correction(look, convention, doubt, counting), time.time(), []
        for some in np.array_split(np.arange(len(crops)), max(1, len(crops) // 64)):
            better.append(correction.corrected(judges, pictures(some), meshes[some]))
            print(f"{some[-1] + 1} of {len(crops)} faces, {time.time() - begun:.0f} s", flush=True)
        meshes = np.concatenate(better)
    np.save(args.data / "meshes.npy", meshes)
    np.save(args.data / "meshes_mirrored.npy", np.stack([mirrored(mesh) for mesh in meshes]))


if __name__ == "__main__":
    main()
