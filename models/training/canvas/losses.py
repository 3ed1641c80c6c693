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
    gain = 1 + colour * torch.randn(n, 3, 1, 1, generator=chance) * 0.5
    offset = colour * torch.randn(n, 1, 1, 1, generator=chance) * 0.5
    view = seen(image, squares(zoom, turn, move), size)
    return view * gain.to(image.device) + offset.to(image.device)


def squares(width: Tensor, angle: Tensor, middle: Tensor) -> Tensor:
    """Affine maps (N, 2, 3) for `seen`: squares of `width` (N) pictures' widths, turned by `angle` (N) radians, around
    `middle` (N, 2), where -1 and 1 are the picture's borders."""
    cosine, sine = width * torch.cos(angle), width * torch.sin(angle)
    across = torch.stack([cosine, -sine, middle[:, 0]], 1)
    down = torch.stack([sine, cosine, middle[:, 1]], 1)
    return torch.stack([across, down], 1)


def seen(image: Tensor, turns: Tensor, size: int) -> Tensor:
    """(N, 3, S, S) as (N, 3, size, size) through affine maps (N, 2, 3); beyond the border its last pixel goes on."""
    grid = F.affine_grid(turns.to(image.device), [len(image), 3, size, size], align_corners=False)
    return F.grid_sample(image, grid, padding_mode="border", align_corners=False)


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
