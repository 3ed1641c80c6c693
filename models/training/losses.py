"""The losses of the recipe, each a small pure function, and the views that identity networks get."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F


def small_faces(crops: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """All crops (N, H, W, 3) shrunk to size x size with an area filter."""
    return np.stack([cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA) for crop in crops])


def jitter(
    image: Tensor, size: int, chance: torch.Generator, shift: float = 0.04, scale: float = 0.06, colour: float = 0.1
) -> Tensor:
    """(N, 3, H, W) 0..1 -> (N, 3, size, size), each moved, scaled and recoloured a little at random.

    An identity network that sees ever other views is harder to fool with a fixed pattern of pixels. `chance` is a
    generator of the CPU, so that a run draws the same numbers on every device.
    """
    n = image.shape[0]
    if image.shape[-1] > 1.5 * size:
        image = F.interpolate(image, size=(size * 5 // 4, size * 5 // 4), mode="bilinear", antialias=True)
    zoom = 1 + scale * (2 * torch.rand(n, generator=chance) - 1)
    turn = 0.06 * torch.randn(n, generator=chance)
    move = 2 * shift * (2 * torch.rand(n, 2, generator=chance) - 1)
    row_x = torch.stack([zoom * torch.cos(turn), -zoom * torch.sin(turn), move[:, 0]], 1)
    row_y = torch.stack([zoom * torch.sin(turn), zoom * torch.cos(turn), move[:, 1]], 1)
    turns = torch.stack([row_x, row_y], 1).to(image.device)
    gain = 1 + colour * torch.randn(n, 3, 1, 1, generator=chance) * 0.5
    offset = colour * torch.randn(n, 1, 1, 1, generator=chance) * 0.5
    grid = F.affine_grid(turns, [n, 3, size, size], align_corners=False)
    view = F.grid_sample(image, grid, padding_mode="border", align_corners=False)
    return view * gain.to(image.device) + offset.to(image.device)


def cosine_distance(found: Tensor, wanted: Tensor) -> Tensor:
    """1 - cosine of (N, D) to (N, D) or (1, D), per sample."""
    return 1 - F.cosine_similarity(found, wanted, dim=1)


def left_over(found: Tensor, wanted: Tensor, shown: Tensor) -> Tensor:
    """How much of the person `shown` (N, D) is still in `found`, beyond what `wanted` (1, D) shares; per sample."""
    return F.relu(F.cosine_similarity(found, shown, dim=1) - F.cosine_similarity(wanted, shown, dim=1).clamp_min(0))


def masked_l1(found: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference, weighted per pixel; weight (N, 1, H, W)."""
    weight = weight.expand_as(found)
    return ((found - wanted).abs() * weight).sum() / weight.sum().clamp_min(1e-6)


def feature_distance(found: list[Tensor], wanted: list[Tensor], rows: slice, depths: slice) -> Tensor:
    """Distance of unit-normalised feature maps (in the manner of LPIPS, arXiv 1801.03924, without its weights)."""
    total = found[0].new_zeros(())
    for a, b in zip(found[depths], wanted[depths], strict=True):
        total = total + (F.normalize(a[rows]) - F.normalize(b[rows])).square().sum(1).mean()
    return total


def hinge_discriminator(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Hinge loss of the discriminator (arXiv 1802.05957), over its scales."""
    pairs = zip(real, fake, strict=True)
    return torch.stack([F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in pairs]).mean()


def hinge_generator(fake: list[Tensor]) -> Tensor:
    """The generator's side of the hinge loss."""
    return torch.stack([-f.mean() for f in fake]).mean()
