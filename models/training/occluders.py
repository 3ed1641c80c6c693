"""What stands before a face, on target and answer alike, so that a swap learns to leave it alone."""

from __future__ import annotations

import torch
from torch import Tensor

from training.landmarks import PLACES
from training.shapes import middles

Rows = tuple[Tensor, Tensor, Tensor, Tensor]
"""Target, answer (N, 3, S, S); shapes of face, of eyes and mouth (N, 1, S, S), without what stands before them."""
ONE_IN_OCCLUDED, ONE_IN_GLASSES = 8, 7  # rows


def uniform(chance: torch.Generator, n: int, low: float, high: float, device: torch.device) -> Tensor:
    """(N,) between `low` and `high`."""
    return low + (high - low) * torch.rand(n, generator=chance, device=device)


def occluded(rows: Rows, chance: torch.Generator) -> Rows:
    """Before one face in eight stands an ellipse cut from another picture."""
    n, device, size = len(rows[0]), rows[0].device, rows[0].shape[-1]
    middle = uniform(chance, 2 * n, 0.1, 0.9, device).reshape(n, 2)
    radii = uniform(chance, 2 * n, 0.04, 0.25, device).reshape(n, 2)
    angle = uniform(chance, n, 0, 3.15, device)
    x, y = (middles(size, device)[None] - middle[:, None, None]).unbind(-1)
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    across, down = (cosine * x + sine * y) / radii[:, :1, None], (cosine * y - sine * x) / radii[:, 1:, None]
    matte = ((1 - across.square() - down.square()) * 8 + 0.5).clamp(0, 1)[:, None]
    before = rows[1].roll(1, 0).flip(2).roll(size // 3, 3)  # parts of other pictures, upside down
    return _over(rows, before, matte * _some(ONE_IN_OCCLUDED, n, chance, device))


def behind_glasses(rows: Rows, points: Tensor, chance: torch.Generator) -> Rows:
    """One face in seven wears drawn glasses: rims stay, what is seen through a lens is swapped.

    Lenses are superellipses about the eyes; sizes are in distances of the eyes. points: packed ones (N, P, 2).
    """
    n, device, size = len(rows[0]), rows[0].device, rows[0].shape[-1]

    def told(low: float, high: float, shape: tuple[int, ...] = (1, 1, 1)) -> Tensor:
        return uniform(chance, n * shape[0], low, high, device).reshape(n, *shape)

    x, y, pixels = _along_eyes(points, size)
    wide, high, power, thick = told(0.34, 0.46), told(0.25, 0.40), told(2, 5), told(0.012, 0.05)
    out, down, hinge = told(0.48, 0.54), told(0.0, 0.10), told(0.0, 0.15)
    u, v = ((x.abs() - out) / wide).abs().clamp_min(1e-4), ((y - down) / high).abs().clamp_min(1e-4)
    edge = ((u**power + v**power) ** (1 / power) - 1) * high
    lower = thick * told(0, 1.2).clamp_max(1)  # some have no lower rim
    line = (y - down + hinge).abs()
    strokes = [
        torch.where(y < down, thick, lower) - edge.abs(),
        torch.where(x.abs() < out - wide, 0.7 * thick - line, -1.0),  # the bridge
        torch.where(x.abs() > out + wide, 1.2 * thick - line, -1.0),  # the arms
    ]
    worn = _some(ONE_IN_GLASSES, n, chance, device)
    rims = worn * (torch.stack(strokes).amax(0) * pixels + 0.5).clamp(0, 1)
    lenses = worn * (0.5 - edge * pixels).clamp(0, 1) * told(-0.3, 0.3).clamp_min(0)  # every other is shaded
    tint = told(0, 1, (3, 1, 1)) * told(0, 1)
    target, answer = (p + lenses * (tint - p) for p in rows[:2])
    colour = torch.where(told(0, 1) < 0.7, told(0.0, 0.15), told(0.15, 0.9))  # most are dark
    colour = colour * told(0.75, 1.25, (3, 1, 1)) * (1 - 0.4 * y * told(-1, 1))
    return _over((target, answer, *rows[2:]), colour.clamp(0, 1), rims)


def _along_eyes(points: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Where each pixel lies from the middle of the eyes, along their line and down from it, both (N, 1, S, S) in
    distances of the eyes; how many pixels those are, (N, 1, 1, 1)."""
    left, right = (points[:, PLACES[name]].mean(1) for name in ("left_eye", "right_eye"))
    apart = (right - left).norm(dim=1).clamp_min(1e-3)[:, None]
    unit = ((right - left) / apart)[:, None, None]
    at = (middles(size, points.device)[None] - (left + right)[:, None, None] / 2) / apart[:, :, None, None]
    x, y = (at * unit).sum(-1), at[..., 1] * unit[..., 0] - at[..., 0] * unit[..., 1]
    return x[:, None], y[:, None], size * apart[:, :, None, None]


def _some(one_in: int, n: int, chance: torch.Generator, device: torch.device) -> Tensor:
    """(N, 1, 1, 1): 1 on one row in so many, else 0."""
    return (uniform(chance, n, 0, 1, device) < 1 / one_in).float()[:, None, None, None]


def _over(rows: Rows, picture: Tensor, matte: Tensor) -> Rows:
    """`picture` over target and answer by `matte`, which the shapes lose."""
    target, answer, face, features = rows
    target, answer = (p + matte * (picture - p) for p in (target, answer))
    return target, answer, face * (1 - matte), features * (1 - matte)
