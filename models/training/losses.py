"""The losses, each a small pure function, and the views that recognisers and the discriminator get of a picture."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from training.landmarks import PLACES
from training.networks import darkness, shade

MOST_BENT = 0.045  # standard deviation of a displacement, of half a crop's side
OF_SHAPE = 5  # numbers of a movement, its last, which tell of the person, too: brows and chin
ASKED = (1.25, 1.25, 1.05, 1.05, 1.15, 1.1, 1.15, 1.1, 1.1, 1.15, 1.15, 1.05, 1.35, 1.35, 1.4, 1.4, 1.0)
"""By how much more than the target's each number of a movement is to change: what is drawn falls short of it."""
LEAD, SOFT = 0.3, 0.1  # cosines
SOFTEST, SHARPEST = 0.4, 1.2  # of a crop's side: pixels that a recogniser gets to see; from 1 on, all of them


def composite(drawn: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Colour over target by the mask drawn, or by `mask`: `drawn` (N, 5, S, S) on (N, 3, S, S)."""
    return target + (drawn[:, 3:4] if mask is None else mask) * (drawn[:, :3] - target)


def weighted_l1(found: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference where `weight` (N, 1, S, S) is, for each row: (N,)."""
    difference = ((found - wanted).abs() * weight).mean(1).sum((1, 2))
    return difference / weight.sum((1, 2, 3)).clamp_min(1.0)


def identity_distance(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> Tensor:
    """One minus cosine, mean over the recognisers; each sees as many rows, from the first, as `found` holds of it."""
    return torch.stack([(1 - (e * wanted[name][: len(e)]).sum(1)).mean() for name, e in found.items()]).mean()


def rivalry(found: dict[str, Tensor], wanted: dict[str, Tensor], rival: dict[str, Tensor]) -> Tensor:
    """How far the cosine to `wanted` fails to exceed that to `rival` by LEAD, softly; mean as above.

    Rows that lead pull no more: likeness is sought where it is missing, and fidelity pays for it nowhere else.
    """
    short = [LEAD + (e * (rival[name] - wanted[name])[: len(e)]).sum(1) for name, e in found.items()]
    return torch.stack([SOFT * F.softplus(s / SOFT).mean() for s in short]).mean()


def patch_difference(found: Tensor, wanted: Tensor, skin: Tensor) -> Tensor:
    """By how much light and tint of cells of 8 x 8 pixels differ beyond `shade` where `skin` (N, 1, S, S) is: (N,).

    The mean of the square of that over twice `shade`, so that the modelling of a face hardly counts, and a fifth of it
    in the worst cell of 64, which a mean would let pass: a streak at a temple, a smudge on a cheek. On dark skin, where
    the eye sees smaller ones, differences count more.
    """
    side = found.shape[-1] // 8
    light = wanted.mean(1, keepdim=True)
    cells = (F.interpolate(p, size=(side, side), mode="area") for p in (found - wanted, light, skin))
    difference, light, weight = cells
    most = shade(side, found.device)
    excess = F.relu(difference.abs() * darkness(light) - most)
    worst = (excess * weight).mean(1).flatten(1).topk(max(1, side * side // 64)).values.mean(1)
    return weighted_l1(excess.square() / (2 * most), torch.zeros_like(excess), weight) + 0.2 * worst


def inside_difference(found: Tensor, wanted: Tensor, mouth: Tensor, eyes: Tensor, corners: Tensor) -> Tensor:
    """Weighted L1 between lips, and of light alone between lids, since the irises' colour is the source's, and about
    the corners of the mouth, where what pleases recognisers looks like a moustache: (N,)."""
    light = [p.mean(1, keepdim=True) for p in (found, wanted)]
    return weighted_l1(found, wanted, mouth) + weighted_l1(*light, eyes) + weighted_l1(*light, corners)


def movement(points: Tensor) -> Tensor:
    """What a face does rather than whose it is, from packed points (N, P, 2): (N, 17), in distances of the eyes.

    Openings of eyes and mouth, gaze within each eye, corners of the mouth against its middle, the roll of the line of
    the eyes, and where the nose's tip lies between eyes and mouth, which is the head's turn; last, how far brows, their
    inner ends and the chin are from the eyes, which is the person's as much as what the face does.
    """
    left, right = points[:, PLACES["left_eye"]], points[:, PLACES["right_eye"]]
    irises, inner, nose = points[:, PLACES["irises"]], points[:, PLACES["inner_lips"]], points[:, PLACES["nose"]]
    eyes = torch.stack([left.mean(1), right.mean(1)], 1)
    across = eyes[:, 1] - eyes[:, 0]
    unit = across.norm(dim=1, keepdim=True).clamp_min(1e-3)
    along = across / unit
    down = torch.stack([-along[:, 1], along[:, 0]], 1)

    def told(vector: Tensor) -> Tensor:
        return torch.cat([(vector * along).sum(1, keepdim=True), (vector * down).sum(1, keepdim=True)], 1) / unit

    middle, mouth = eyes.mean(1), inner.mean(1)
    corners = (inner[:, 0] + inner[:, 10]) / 2
    brows, chin = points[:, PLACES["brows"]].unflatten(1, (2, 5)), points[:, PLACES["outline"]][:, 18]
    return torch.cat([
        7 * told(left[:, 12] - left[:, 4])[:, 1:], 7 * told(right[:, 12] - right[:, 4])[:, 1:],
        4 * told(inner[:, 15] - inner[:, 5])[:, 1:], told(inner[:, 10] - inner[:, 0])[:, :1],
        3.5 * told(irises[:, 0] - (left[:, 0] + left[:, 8]) / 2),
        3.5 * told(irises[:, 1] - (right[:, 0] + right[:, 8]) / 2),
        told(corners - mouth)[:, 1:],
        3.5 * along[:, 1:], 4.5 * told(nose[:, 6] - middle)[:, :1], 4 * told(nose[:, 6] - (middle + mouth) / 2)[:, 1:],
        7 * told(left.mean(1) - brows[:, 0].mean(1))[:, 1:], 7 * told(right.mean(1) - brows[:, 1].mean(1))[:, 1:],
        6.5 * told(left[:, 8] - brows[:, 0, 4])[:, 1:], 6.5 * told(right[:, 8] - brows[:, 1, 4])[:, 1:],
        2.5 * told(chin - middle)[:, 1:],
    ], 1)  # fmt: skip


def change_difference(found: Tensor, wanted: Tensor) -> Tensor:
    """How far the change between the two movements of each pair (2N, 17), one behind the other, is from ASKED times the
    wanted one: a scalar."""
    done, asked = (pairs.unflatten(0, (-1, 2)).diff(dim=1) for pairs in (found, wanted))
    return (done - asked * asked.new_tensor(ASKED)).abs().clamp_max(1).mean()


def shaken(pictures: Sequence[Tensor], chance: torch.Generator) -> list[Tensor]:
    """(N, C, S, S) moved as crops are from frame to frame, bent as moving faces are: alike for a seed of `chance`."""
    n, device, size = len(pictures[0]), pictures[0].device, pictures[0].shape[2:]
    if not n:
        return [*pictures]  # grids of no pictures are refused
    drawn = torch.Generator(device).manual_seed(chance.initial_seed() + 2)
    angle, zoom, right, down = 0.012 * torch.randn(4, n, generator=drawn, device=device)
    affine = torch.stack([1 + zoom, -angle, right, angle, 1 + zoom, down], 1).reshape(n, 2, 3)
    bent = MOST_BENT * torch.rand(n, 1, 1, 1, generator=drawn, device=device)
    bent = F.interpolate(bent * torch.randn(n, 2, 6, 6, generator=drawn, device=device), size=size, mode="bicubic")
    grid = F.affine_grid(affine, [n, 1, *size], align_corners=False) + bent.permute(0, 2, 3, 1)
    return [F.grid_sample(p, grid, padding_mode="border", align_corners=False) for p in pictures]


def noisy(picture: Tensor, chance: torch.Generator) -> Tensor:
    """With grain, and with a codec's blocks of 8 pixels of slightly other colour, each of random strength."""
    n, device, side = len(picture), picture.device, picture.shape[-1]
    strength = torch.rand(2, n, 1, 1, 1, generator=chance, device=device)
    grain = torch.randn(picture.shape, generator=chance, device=device)
    blocks = torch.randn(n, 3, side // 8, side // 8, generator=chance, device=device)
    blocks = blocks.repeat_interleave(8, 2).repeat_interleave(8, 3)
    return (picture + 0.02 * strength[0] * grain + 0.01 * strength[1] * blocks).clamp(0, 1)


def hinge_discriminator(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Hinge loss of the discriminator (arXiv 1802.05957), mean over its scales; the other side wants `fake` large."""
    return torch.stack([F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in zip(real, fake, strict=True)]).mean()


def view(picture: Tensor, size: int, chance: torch.Generator) -> Tensor:
    """(N, 3, S, S) -> (N, 3, size, size), each moved, scaled and recoloured a little, all softer by chance.

    A recogniser that sees ever other views is harder to fool with a pattern; one finer than the face's own features
    is no likeness, and what is soft does not show it.
    """
    n, device = len(picture), picture.device
    kept = random.Random(chance.initial_seed()).uniform(SOFTEST, SHARPEST)  # known without waiting for the device
    if kept < 1:
        side = round(kept * picture.shape[-1])
        picture = F.interpolate(picture, size=(side, side), mode="bilinear", antialias=True)
    zoom = 1 + 0.06 * torch.randn(n, generator=chance, device=device)
    move = 0.03 * torch.randn(n, 2, generator=chance, device=device)
    turn = 0.05 * torch.randn(n, generator=chance, device=device)
    cosine, sine = zoom * turn.cos(), zoom * turn.sin()
    affine = torch.stack([cosine, -sine, move[:, 0], sine, cosine, move[:, 1]], 1).reshape(n, 2, 3)
    if picture.shape[-1] > 1.3 * size:
        picture = F.interpolate(picture, size=(size * 5 // 4,) * 2, mode="bilinear", antialias=True)
    grid = F.affine_grid(affine, [n, 3, size, size], align_corners=False)
    seen = F.grid_sample(picture, grid, padding_mode="border", align_corners=False)
    gain = 1 + 0.08 * torch.randn(n, 3, 1, 1, generator=chance, device=device)
    return (seen * gain + 0.03 * torch.randn(n, 1, 1, 1, generator=chance, device=device)).clamp(0, 1)


def window(side: int, size: int, chance: torch.Generator) -> tuple[slice, slice]:
    """Rows and columns of a square of `size` pixels somewhere in a picture of `side`, the whole picture if 0."""
    place = random.Random(chance.initial_seed() + 1)
    top, left = (place.randint(0, side - (size or side)) for _ in range(2))
    return slice(top, top + (size or side)), slice(left, left + (size or side))


def augmented(picture: Tensor, chance: torch.Generator) -> Tensor:
    """Differentiable augmentation (arXiv 2006.10738) before the discriminator: brightness, contrast, place, a gap."""
    n, device, size = len(picture), picture.device, picture.shape[-1]

    def drawn(width: float) -> Tensor:
        return width * (torch.rand(n, 1, 1, 1, generator=chance, device=device) - 0.5)

    picture = picture + drawn(0.3)
    mean = picture.mean((1, 2, 3), keepdim=True)
    picture = (picture - mean) * (1 + drawn(0.6)) + mean
    move = 0.25 * (torch.rand(n, 2, generator=chance, device=device) - 0.5)
    affine = torch.eye(2, device=device).expand(n, 2, 2)
    grid = F.affine_grid(torch.cat([affine, move[:, :, None]], 2), list(picture.shape), align_corners=False)
    picture = F.grid_sample(picture, grid, padding_mode="zeros", align_corners=False)
    line = torch.arange(size, device=device) / size
    corner = torch.rand(n, 2, generator=chance, device=device) * 1.2 - 0.4
    inside = [(line >= corner[:, i, None]) & (line < corner[:, i, None] + 0.4) for i in range(2)]
    return picture * (1 - (inside[0][:, None, None, :] & inside[1][:, None, :, None]).float())
