"""The networks that judge a swap while it is taught: recognisers, perception, landmarks. None of them ships in a pack.

They come in one file, which `conversion.critics` makes. The recognisers that measure are not among them and must never
be.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.graphs import Graph

SIZES = {"sface": 128, "mobilefacenet": 128, "reidentification": 256}
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_REID_SIDE = 128
# Where the crop's eyes and mouth corners have to come to lie for face-reidentification-retail-0095, in widths.
_REID_POINTS = ((0.31556875, 0.46157413), (0.68262291, 0.46157413), (0.349471, 0.824691), (0.653439, 0.823251))
_CROP_POINTS = ((0.341916, 0.461574), (0.656534, 0.459834), (0.370976, 0.824692), (0.631517, 0.823250))
MESH_SIDE, MESH_WIDTH, MESH_MIDDLE = 256, 1.25, (0.5, 132 / 256)  # the square that the landmarker sees, in crop widths


def by_name(embeddings: Tensor) -> dict[str, Tensor]:
    """Embeddings (..., 512), those of all recognisers side by side, by recogniser."""
    return dict(zip(SIZES, embeddings.split(tuple(SIZES.values()), -1), strict=True))


class Recognisers(nn.Module):
    """Who is on a crop, as several networks see it: embeddings of length 1, side by side."""

    def __init__(self, graphs: Mapping[str, Graph]) -> None:
        super().__init__()
        self.graphs = nn.ModuleDict(graphs)
        mean, deviation = (torch.tensor(v).reshape(1, 3, 1, 1) for v in _IMAGENET)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("deviation", deviation, persistent=False)
        self.register_buffer("reid", _reid_map()[None], persistent=False)

    def forward(self, view: Tensor, only: str = "") -> dict[str, Tensor]:
        """`view` (N, 3, S, S), 0..1 display-referred sRGB, S about 112 to 128: unit embeddings (N, D) by name."""
        small = view if view.shape[-1] == 112 else _resized(view, 112)
        return {name: F.normalize(self._embed(name, small, view).float()) for name in SIZES if not only or name == only}

    def _embed(self, name: str, small: Tensor, view: Tensor) -> Tensor:
        if name == "sface":
            found = self.graphs[name](_laid_out(small * 255))[-1]
        elif name == "mobilefacenet":
            found = self.graphs[name](_laid_out((small - self.mean) / self.deviation))[0]
        else:
            size = [len(view), 3, _REID_SIDE, _REID_SIDE]
            grid = F.affine_grid(self.reid.expand(len(view), 2, 3), size, align_corners=False)
            seen = F.grid_sample(view, grid.to(view.dtype), padding_mode="border", align_corners=False)
            found = self.graphs[name](_laid_out(seen.flip(1) * 255))[0]
        return found

    def feature_map(self, view: Tensor) -> tuple[Tensor, Tensor]:
        """SFace's feature map (N, 1024, 7, 7) and embedding (N, 128), not normalised: what a pack's encoder gives."""
        first, second = self.graphs["sface"](_laid_out(_resized(view, 112) * 255))
        return first, second


class Mesh(nn.Module):
    """MediaPipe's face landmarks of a crop; a gradient passes."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        across = torch.tensor([[MESH_WIDTH, 0, 2 * MESH_MIDDLE[0] - 1], [0, MESH_WIDTH, 2 * MESH_MIDDLE[1] - 1]])
        self.register_buffer("square", across[None], persistent=False)

    def forward(self, crop: Tensor) -> Tensor:
        """`crop` (N, 3, S, S), 0..1: 478 points (x, y) in widths of the crop, (N, 478, 2)."""
        grid = F.affine_grid(self.square.expand(len(crop), 2, 3), [len(crop), 3, MESH_SIDE, MESH_SIDE], False)
        seen = F.grid_sample(crop, grid.to(crop.dtype), padding_mode="border", align_corners=False)
        points = self.graph(_laid_out(seen))[0].float().reshape(-1, 478, 3)[..., :2] / MESH_SIDE
        middle = torch.tensor(MESH_MIDDLE, device=points.device)
        return (points - 0.5) * MESH_WIDTH + middle


def load_critics(path: Path, device: str | torch.device = "cpu") -> tuple[Recognisers, Graph, Mesh]:
    """Recognisers, perception and mesh from the file that `conversion.critics` wrote, frozen."""
    if not path.is_file():
        raise SystemExit(
            f"expected the critics at {path}; found no file. Make them: python -m conversion.critics --help"
        )
    stored = torch.load(path, map_location="cpu", weights_only=True)
    graphs = {name: Graph(**described) for name, described in stored.items()}
    parts = (Recognisers({n: graphs[n] for n in SIZES}), graphs["perception"], Mesh(graphs["mesh"]))
    for part in parts:
        part.eval().requires_grad_(False).to(device)
    return parts


def _reid_map() -> Tensor:
    """(2, 3) affine map of torch's grids, from the recogniser's square to the crop, by least squares."""
    wanted, lying = (torch.tensor(points) * 2 - 1 for points in (_REID_POINTS, _CROP_POINTS))
    return torch.linalg.lstsq(torch.cat([wanted, torch.ones(4, 1)], 1), lying).solution.T.contiguous()


def _resized(image: Tensor, size: int) -> Tensor:
    shrinks = image.shape[-1] > size
    return F.interpolate(image, size=(size, size), mode="bilinear", antialias=shrinks, align_corners=False)


def _laid_out(image: Tensor) -> Tensor:
    return image.contiguous(memory_format=torch.channels_last)
