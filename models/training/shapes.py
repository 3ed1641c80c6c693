"""Soft shapes of a face and its parts, from packed points (N, P, 2) in widths of a crop."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from training.kernels import softened
from training.landmarks import PLACES

_DRAWN = 64  # a side of the pictures in which shapes are drawn
# Widths within which of a brow, a nose, an eye, a mouth skin is not skin alone; and about the corners of a mouth.
NEAR, CLOSE, ABOUT = 0.035, 0.02, 0.06


def middles(side: int, device: torch.device) -> Tensor:
    """(side, side, 2): where the middle (x, y) of each pixel lies, in widths of a picture."""
    line = (torch.arange(side, device=device) + 0.5) / side
    return torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)


def polygon(corners: Tensor, side: int) -> Tensor:
    """(N, 1, side, side): 1 inside the polygons `corners` (N, K, 2), in widths of a picture, by the even-odd rule."""
    at = middles(side, corners.device)[None, None]
    x, y = at[..., :1, :, 0], at[..., :1, 1]  # one row and one column, which spread
    following = corners.roll(-1, 1)
    (x0, y0), (x1, y1) = corners.unbind(2), following.unbind(2)
    x0, y0, x1, y1 = (t[:, :, None, None] for t in (x0, y0, x1, y1))
    crosses = (y0 > y) != (y1 > y)
    at = x0 + (y - y0) / torch.where((y1 - y0).abs() < 1e-7, torch.full_like(y0, 1e-7), y1 - y0) * (x1 - x0)
    return ((crosses & (x < at)).sum(1, keepdim=True) % 2).float()


def shapes(points: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Soft shapes (N, 1, size, size) of the face, and of eyes and mouth, from packed points."""
    outline = points[:, PLACES["outline"]]
    middle = outline.mean(1, keepdim=True)
    face = softened(polygon(middle + 1.03 * (outline - middle), _DRAWN), 2)
    parts = []
    for name, growth in (("left_eye", 1.5), ("right_eye", 1.5), ("outer_lips", 1.1)):
        part = points[:, PLACES[name]]
        middle = part.mean(1, keepdim=True)
        parts.append(polygon(middle + growth * (part - middle), _DRAWN))
    features = softened(torch.stack(parts).amax(0), 1)
    return tuple(F.interpolate(s, size=(size, size), mode="bilinear") for s in (face, features))  # type: ignore[return-value]


def skin_of(points: Tensor, size: int, near: float = NEAR) -> Tensor:
    """Soft shape (N, 1, size, size) of all that is not `near` brows, nostrils, eyes and mouth, from packed points."""
    parts = [points[:, PLACES[name]] for name in ("brows", "left_eye", "right_eye", "outer_lips", "nose")]
    parts[-1] = parts[-1][:, 7:]  # its wings; the tone of its bridge is skin's
    bare = ((_distance(torch.cat(parts, 1), _DRAWN) - near) * 50).clamp(0, 1)
    return F.interpolate(bare, size=(size, size), mode="bilinear")


def _distance(places: Tensor, side: int) -> Tensor:
    """(N, 1, side, side): how far each pixel is from the nearest of `places` (N, K, 2), in widths."""
    at = middles(side, places.device).reshape(1, -1, 2).expand(len(places), -1, -1)
    return torch.cdist(at, places).amin(2).reshape(-1, 1, side, side)


def openings(points: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Between lips, between lids, lips, skin about their corners: (N, 1, size, size) each, from packed points."""
    eyes = [polygon(points[:, PLACES[name]], size) for name in ("left_eye", "right_eye")]
    mouth, lips = (polygon(points[:, PLACES[name]], size) for name in ("inner_lips", "outer_lips"))
    about = ((ABOUT - _distance(points[:, PLACES["outer_lips"]][:, [0, 10]], size)) * 50).clamp(0, 1)
    return mouth, torch.maximum(*eyes), lips * (1 - mouth), about * (1 - lips)
