"""Distil a small identity encoder from SFace: a second opinion for the identity loss that costs little.

    python distil.py --data DATA --out small_encoder.pt --minutes 9

The student sees 64-px faces that were shifted, scaled and recoloured, and learns SFace's unit embedding.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from losses import jitter, small_faces
from torch import Tensor, nn
from torch.nn import functional as F

STUDENT_SIZE = 64


def _stage(entering: int, leaving: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(entering, entering, 3, stride, 1, groups=entering, bias=False),
        nn.BatchNorm2d(entering),
        nn.Conv2d(entering, leaving, 1, bias=False),
        nn.BatchNorm2d(leaving),
        nn.PReLU(leaving),
    )


class SmallEncoder(nn.Module):
    """(N, 3, 64, 64) RGB 0..1 -> (N, 128) unit embeddings in SFace's space; 0.8 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        widths = [(48, 64, 1), (64, 96, 2), (96, 96, 1), (96, 192, 2), (192, 192, 1), (192, 384, 2), (384, 384, 1)]
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 48, 3, 2, 1, bias=False),
            nn.BatchNorm2d(48),
            nn.PReLU(48),
            *(_stage(*w) for w in widths),
        )
        self.pool = nn.Conv2d(384, 384, 4, groups=384)
        self.out = nn.Linear(384, 128)

    def forward(self, face: Tensor) -> Tensor:
        return F.normalize(self.out(self.pool(self.trunk(face * 2 - 1)).flatten(1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    chance = torch.Generator().manual_seed(0)
    crops = small_faces(np.load(args.data / "crops.npy", mmap_mode="r"), 80)
    target = F.normalize(torch.from_numpy(np.load(args.data / "embeddings.npy")))
    mirrored = F.normalize(torch.from_numpy(np.load(args.data / "embeddings_mirrored.npy")))
    held = len(crops) // 30
    student = SmallEncoder().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(student.parameters(), lr=3e-3, weight_decay=0.05)
    start, step = time.time(), 0
    while (done := (time.time() - start) / (60 * args.minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * (1 - done)
        picked = torch.randint(held, len(crops), (64,))
        flip = torch.rand(64) < 0.5
        faces = torch.from_numpy(crops[picked.numpy()]).permute(0, 3, 1, 2).float() / 255
        faces = torch.where(flip[:, None, None, None], faces.flip(3), faces)
        wanted = torch.where(flip[:, None], mirrored[picked], target[picked])
        found = student(jitter(faces, STUDENT_SIZE, chance).contiguous(memory_format=torch.channels_last))
        logits = 16 * found @ wanted.T
        loss = (1 - (found * wanted).sum(1)).mean() + 0.1 * F.cross_entropy(logits, torch.arange(64))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.3f} minutes {done * args.minutes:.1f}", flush=True)
    student.eval()
    with torch.inference_mode():
        faces = torch.from_numpy(crops[:held]).permute(0, 3, 1, 2).float() / 255
        found = student(F.interpolate(faces, size=STUDENT_SIZE, mode="bilinear", antialias=True))
    cosines = found @ target[:held].T
    top1 = (cosines.argmax(1) == torch.arange(held)).float().mean().item()
    print(f"held-out people: cosine {cosines.diag().mean().item():.3f}, retrieval {top1:.3f} of {held}")
    torch.save(student.state_dict(), args.out)


if __name__ == "__main__":
    main()
