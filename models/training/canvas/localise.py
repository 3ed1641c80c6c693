"""Train the two localisers (model.py): where on the canvas a target's places are, and where in a portrait the canvas's.

    python localise.py --data DATA --out checkpoints/localisers.pt --minutes 10

The answers come from the meshes that prepare.py wrote. Both see faces moved, turned and spoilt more than a detector's
misses would; the one for targets also learns to leave out of its mask what lies in front of a face.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from data import FaceData, degrade
from losses import masked_l1
from mesh import (
    BROWS,
    CANONICAL,
    CHIN,
    EYES,
    LIPS,
    NOSE,
    Image,
    Mesh,
    canvas_field,
    cells,
    face_field,
    face_matte,
    on_canvas,
    polygon,
)
from model import FaceSwapper, ModelConfig, load_localisers
from torch import Tensor, nn
from torch.nn import functional as F

ROWS = 16  # pictures of each of the two threads in a step
SOURCE_CELLS = 32  # a side of the field that the portrait's localiser gives
# How much more than in the swap's training a picture is moved and turned, and the share of those moved the most.
AMOUNT, MOST, MOST_SHARE = 1.2, 3.0, 0.3
# The spots that pose and expression hang on; pose most of all on the tip of the nose.
WATCHED = [*BROWS, *EYES[0], *EYES[1], *LIPS, *NOSE, *CHIN, *3 * NOSE[3:8]]
SPOTS = torch.from_numpy(on_canvas(CANONICAL[WATCHED, :2])).T  # where on the canvas they are


@dataclass(frozen=True)
class Lesson:
    """Pictures (N, 3, S, S) 0..1 of as many pixels as the target's localiser looks at, and what is to be found."""

    image: Tensor  # every second picture is another view of the one before it
    places: Tensor  # (N, 2, S/2, S/2) on the canvas, of the cells of the picture
    matte: Tensor  # (N, 1, S, S) face 1, elsewhere and behind what covers it 0
    origins: Tensor  # (N, 2, SOURCE_CELLS, SOURCE_CELLS) in the picture, of the cells of the canvas
    spots: Tensor  # (N, len(WATCHED), 1, 2) where in the picture (-1..1) the watched landmarks are
    twins: Tensor  # (N, S/2, S/2, 2) where in the other view (-1..1) each cell of a picture is


def cover(rng: np.random.Generator, image: Image, other: Image) -> tuple[Image, Image]:
    """Something in front of the face: an odd shape cut from another picture; also its matte (S, S)."""
    size = image.shape[0]
    turns = np.sort(rng.uniform(0, 2 * np.pi, 7))
    spokes = rng.uniform(0.05, 0.28) * size * rng.uniform(0.5, 1.4, 7)
    outline = rng.uniform(0.15, 1.0, 2) * size + spokes[:, None] * np.stack([np.cos(turns), np.sin(turns)], 1)
    matte = polygon(outline.astype(np.float32), size, 0.006 * size)
    colour = other[::-1] * rng.uniform(0.5, 1.2) if rng.random() < 0.6 else rng.random(3, np.float32)
    return np.asarray(image + matte[..., None] * (colour - image), np.float32), matte


def lesson(data: FaceData, seed: tuple[int, int], size: int) -> Lesson:
    """ROWS pictures of `size` pixels, two of each person; all chance comes from the seed."""
    rng = np.random.default_rng(seed)
    images, places, mattes, origins, meshes = [], [], [], [], list[Mesh]()
    for row in range(ROWS):
        if row % 2 == 0:
            (index, other), mirrored = rng.choice(data.pool, 2, p=data.weights), bool(rng.integers(2))
        amount = MOST if rng.random() < MOST_SHARE else AMOUNT
        image, mesh = data.view(rng, int(index), mirrored, size, amount)
        meshes.append(mesh)
        matte = face_matte(mesh, size)
        if rng.random() < 0.35:
            image, covered = cover(rng, image, data.view(rng, int(other), False, size, MOST)[0])
            matte = matte * (1 - covered)
        if rng.random() < 0.4:
            image = degrade(rng, image)
        images.append(torch.from_numpy(np.clip(image, 0, 1)))
        places.append(torch.from_numpy(face_field(mesh, size // 2)))
        mattes.append(torch.from_numpy(matte)[..., None])
        origins.append(torch.from_numpy(canvas_field(mesh, SOURCE_CELLS)))
    planar = (
        torch.stack(part).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        for part in (images, places, mattes, origins)
    )
    spots = torch.from_numpy(2 * np.stack([mesh[WATCHED, None, :2] for mesh in meshes]) - 1)
    return Lesson(*planar, spots, torch.stack([moved_cells(meshes[i], meshes[i ^ 1], size // 2) for i in range(ROWS)]))


def moved_cells(mesh: Mesh, other: Mesh, count: int) -> Tensor:
    """Where the cells of a view with `mesh` lie in another view of the same picture: (count, count, 2), -1..1."""
    known = np.hstack([mesh[:, :2], np.ones((len(mesh), 1))])
    moves = np.linalg.lstsq(known, other[:, :2], rcond=None)[0]
    across, down = np.meshgrid(cells(count), cells(count))
    return torch.from_numpy(2 * np.stack([across, down, np.ones_like(down)], 2) @ moves - 1).float()


def twins(x: Tensor) -> Tensor:
    """Every picture's other view: rows 0 and 1 change places, 2 and 3, and so on."""
    return x.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


def losses(networks: FaceSwapper, given: Lesson, canvas_face: Tensor) -> dict[str, Tensor]:
    """Fields in hundredths of a crop's width inside the face, and the mask's cross entropy.

    `steady` is how much the two views of a picture disagree, which an audience would see as flicker.
    """
    found = {}
    if networks.swapper.localiser.training:
        places, mask = networks.swapper.localiser(given.image)
        inside = F.avg_pool2d(given.matte, 2) + 0.02
        other = F.grid_sample(twins(places), given.twins, padding_mode="border", align_corners=False)
        at_spots = F.grid_sample(places, given.spots, padding_mode="border", align_corners=False)[..., 0]
        found["places"] = 100 * masked_l1(places, given.places, inside)
        found["spots"] = 100 * (at_spots - SPOTS).norm(dim=1).mean()
        found["steady"] = 100 * masked_l1(places, other, inside)
        found["mask"] = F.binary_cross_entropy(mask, given.matte)
    if networks.identity.localiser.training:
        origins, _ = networks.identity.localiser(given.image)
        found["origins"] = 100 * masked_l1(origins, given.origins, canvas_face)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="localisers to go on from")
    parser.add_argument("--rate", type=float, default=3e-3, help="learning rate at the beginning; it falls to nothing")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2, help="cores to use")
    parser.add_argument("--only", choices=("target", "source"), help="leave the other one as it is")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    data, pool = FaceData(args.data), ThreadPoolExecutor(args.threads)
    networks = FaceSwapper().to(memory_format=torch.channels_last)
    if args.start:
        load_localisers(networks, args.start)
    both = networks.localisers.eval()
    (both[args.only] if args.only else both).requires_grad_(True).train()
    optimiser = torch.optim.AdamW([p for p in both.parameters() if p.requires_grad], lr=args.rate, weight_decay=1e-4)
    outline = cv2.convexHull(on_canvas(CANONICAL[:, :2]))[:, 0]
    canvas_face = torch.from_numpy(polygon(outline * SOURCE_CELLS, SOURCE_CELLS, 0.5))[None, None] + 0.02
    begun, sums = time.time(), dict[str, float]()
    step = torch.load(args.start, weights_only=True)["step"] if args.start else 0
    coming = [pool.submit(lesson, data, (step, k), ModelConfig.target_pixels) for k in range(2)]
    while (done := (time.time() - begun) / (60 * args.minutes)) < 1:
        parts = [future.result() for future in coming]
        step += 1
        coming = [pool.submit(lesson, data, (step, k), ModelConfig.target_pixels) for k in range(2)]
        given = Lesson(*(torch.cat([getattr(p, name) for p in parts]) for name in Lesson.__dataclass_fields__))
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1.0, step / 50) * (0.02 + 0.98 * (1 - done))
        found = losses(networks, given, canvas_face)
        optimiser.zero_grad()
        torch.stack(list(found.values())).sum().backward()
        nn.utils.clip_grad_norm_(both.parameters(), 5.0)
        optimiser.step()
        for name, value in found.items():
            sums[name] = sums.get(name, 0.0) + value.item()
        if step % 100 == 0:
            print(step, f"{time.time() - begun:.0f} s", {k: round(v / 100, 3) for k, v in sums.items()}, flush=True)
            sums.clear()
            torch.save({"state": both.state_dict(), "step": step}, args.out)
    torch.save({"state": both.state_dict(), "step": step}, args.out)


if __name__ == "__main__":
    main()
