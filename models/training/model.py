"""The network of MobileFaceSwap (Xu et al., AAAI 2022, arXiv 2201.03808), in PyTorch.

`IdentityInjection` (IIM) reads a face's feature map and embedding once and predicts 18 weights;
`DynamicSwapper` (IDN) is a small U-Net that runs with them, frame by frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1
GAIN = 1.4
# What the predictor and the embedding say enters scaled down: sums over hundreds of inputs would otherwise turn every
# kernel over at each optimiser step, and the network would never settle.
PREDICTED_SCALE = 0.05
STYLE_LENGTH = 3.0
ENCODER = ((3, 32), (32, 64), (64, 128), (128, 256), (256, 512))
DECODER = ((512, 256), (512, 128), (256, 64), (128, 32))
MASK = (512, 128, 64, 32, 8, 2)


@dataclass(frozen=True)
class ModelConfig:
    """Widths of the networks; the IDN's own widths are the paper's."""

    feature_channels: int = 1024
    feature_size: int = 7
    feature_scale: float = 12.0  # brings SFace's feature map to unit variance
    embedding: int = 128
    width: int = 128  # trunk of the weight predictor; the paper's is 512
    head_hidden: int = 6
    detail: bool = True  # the output head also sees the target picture; False is the paper's head


def weight_names() -> list[str]:
    """The 18 dynamic weights in the order in which graphs take and give them."""
    stages = [("encoder", len(ENCODER)), ("decoder", len(DECODER))]
    return [f"{part}.{i}.{kind}" for part, n in stages for i in range(n) for kind in ("depthwise", "pointwise")]


def weight_shapes() -> dict[str, tuple[int, int, int, int]]:
    """Shape of each dynamic weight, by name."""
    shapes: dict[str, tuple[int, int, int, int]] = {}
    for part, kernel, stages in (("encoder", 4, ENCODER), ("decoder", 3, DECODER)):
        for i, (entering, leaving) in enumerate(stages):
            shapes[f"{part}.{i}.depthwise"] = (entering, 1, kernel, kernel)
            shapes[f"{part}.{i}.pointwise"] = (leaving, entering, 1, 1)
    return shapes


class ModulatedWeight(nn.Module):
    """A pointwise kernel modulated and demodulated by a style (StyleGAN2, arXiv 1912.04958, section 2.2)."""

    def __init__(self, entering: int, leaving: int, embedding: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(leaving, entering, 1, 1))
        self.style = nn.Linear(embedding, entering)
        nn.init.normal_(self.style.weight, std=0.25 / STYLE_LENGTH)
        nn.init.zeros_(self.style.bias)

    def forward(self, style: Tensor) -> Tensor:
        """`style` (1, embedding) of length STYLE_LENGTH -> (leaving, entering, 1, 1), rows of unit length."""
        scale = self.style(style).reshape(1, -1, 1, 1) + 1.0
        kernel = self.weight * scale
        return kernel * torch.rsqrt(kernel.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-16)


class PredictorBlock(nn.Module):
    """One step of the weight predictor: a new state, and a depthwise kernel read from it.

    The kernel is a learned one, shared by all people, plus what the feature map says of this one. Group norm
    stands where the paper has batch norm, because a training step holds one identity.
    """

    def __init__(self, width: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.GroupNorm(8, width)
        self.head = nn.Conv2d(width, channels, 3, padding=1)
        # Smooth kernels with the gain that keeps the variance through a LeakyReLU.
        line = torch.tensor([1.0, 3.0, 3.0, 1.0] if kernel == 4 else [1.0, 2.0, 1.0])
        base = torch.outer(line, line) / line.sum() ** 2 + 0.15 * torch.randn(channels, 1, kernel, kernel)
        self.base = nn.Parameter(base * 1.4)
        nn.init.normal_(self.head.weight, std=1.0 / (9 * width) ** 0.5)
        nn.init.zeros_(self.head.bias)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        state = F.leaky_relu(self.norm(self.conv(state)), SLOPE)
        kernel = self.base + PREDICTED_SCALE * self.head(state).transpose(0, 1)
        # Rows of fixed length: left free, kernels grow together through the layers until activations overflow.
        return state, GAIN * kernel * torch.rsqrt(kernel.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-16)


class IdentityInjection(nn.Module):
    """IIM: (1, C, 7, 7) feature map and (1, E) embedding -> the 18 dynamic weights."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.feature_scale = config.feature_scale
        self.reduce = nn.Conv2d(config.feature_channels, width, 1)
        self.first = nn.Conv2d(width, width, config.feature_size - 3)
        self.norm = nn.GroupNorm(8, width)
        self.first_decoder = nn.Conv2d(width, width, 2)
        self.norm_decoder = nn.GroupNorm(8, width)
        # The encoder's kernels are predicted from the deepest to the shallowest, as in the paper.
        self.encoder = nn.ModuleList(PredictorBlock(width, entering, 4) for entering, _ in reversed(ENCODER))
        self.decoder = nn.ModuleList(PredictorBlock(width, entering, 3) for entering, _ in DECODER)
        self.encoder_modulation = nn.ModuleList(ModulatedWeight(i, o, config.embedding) for i, o in ENCODER)
        self.decoder_modulation = nn.ModuleList(ModulatedWeight(i, o, config.embedding) for i, o in DECODER)

    def forward(self, feature_map: Tensor, embedding: Tensor) -> list[Tensor]:
        style = F.normalize(embedding) * STYLE_LENGTH
        state = self.reduce(feature_map * self.feature_scale)
        state = F.leaky_relu(self.norm(self.first(F.leaky_relu(state, SLOPE))), SLOPE)
        decoder_state = F.leaky_relu(self.norm_decoder(self.first_decoder(state)), SLOPE)
        encoder_depthwise = []
        for block in self.encoder:
            state, kernel = block(state)
            encoder_depthwise.append(kernel)
        weights = []
        for kernel, modulation in zip(reversed(encoder_depthwise), self.encoder_modulation, strict=True):
            weights += [kernel, modulation(style)]
        for block, modulation in zip(self.decoder, self.decoder_modulation, strict=True):
            decoder_state, kernel = block(decoder_state)
            weights += [kernel, modulation(style)]
        return weights


def upsample(x: Tensor) -> Tensor:
    """Bilinear, twice the size, corners aligned."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)


def separable(x: Tensor, depthwise: Tensor, pointwise: Tensor, stride: int) -> Tensor:
    """A depthwise and a pointwise convolution without bias, then LeakyReLU."""
    x = F.conv2d(x, depthwise, stride=stride, padding=1, groups=x.shape[1])
    return F.leaky_relu(F.conv2d(x, pointwise), SLOPE)


class MaskStage(nn.Module):
    """Twice the size, separable convolution, batch norm, LeakyReLU."""

    def __init__(self, entering: int, leaving: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(entering, entering, 3, padding=1, groups=entering)
        self.pointwise = nn.Conv2d(entering, leaving, 1)
        self.norm = nn.BatchNorm2d(leaving)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.pointwise(self.depthwise(upsample(x)))), SLOPE)


class DynamicSwapper(nn.Module):
    """IDN: pictures (N, 3, H, W) in RGB 0..1 sRGB and the 18 weights -> colour and mask, both 0..1.

    H and W are multiples of 32. The mask branch reads the detached bottleneck, as in the paper, so that
    mask losses never shape the face.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.detail = config.detail
        last = DECODER[-1][1]
        self.squeeze = nn.Sequential(nn.Conv2d(last, last // 4, 1), nn.BatchNorm2d(last // 4), nn.LeakyReLU(SLOPE))
        self.head = nn.Sequential(
            nn.Conv2d(last // 4 + 3 * config.detail, config.head_hidden, 3, padding=1),
            nn.BatchNorm2d(config.head_hidden),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(config.head_hidden, 3, 3, padding=1),
            nn.Tanh(),
        )
        self.mask = nn.Sequential(
            *(MaskStage(i, o) for i, o in zip(MASK, MASK[1:], strict=False)),
            nn.Conv2d(MASK[-1], 1, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, image: Tensor, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
        scaled = image * 2.0 - 1.0
        x, skips = scaled, []
        for i in range(len(ENCODER)):
            x = separable(x, weights[2 * i], weights[2 * i + 1], stride=2)
            skips.append(x)
        mask = self.mask(x.detach())
        for i in range(len(DECODER)):
            at = 2 * (len(ENCODER) + i)
            x = separable(upsample(x), weights[at], weights[at + 1], stride=1)
            if i < len(DECODER) - 1:
                x = torch.cat([x, skips[len(DECODER) - 1 - i]], dim=1)
        # The paper squeezes after the last upsampling; before it costs a quarter.
        x = upsample(self.squeeze(x))
        if self.detail:
            x = torch.cat([x, scaled], dim=1)
        return (self.head(x) + 1.0) * 0.5, mask


def composite(colour: Tensor, mask: Tensor, image: Tensor) -> Tensor:
    """The swapped picture: network colour inside the mask, the target outside."""
    return colour * mask + image * (1.0 - mask)


class FaceSwapper(nn.Module):
    """Both networks; one identity for the whole batch."""

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config or ModelConfig()
        self.identity = IdentityInjection(self.config)
        self.swapper = DynamicSwapper(self.config)

    def forward(self, image: Tensor, feature_map: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        return self.swapper(image, self.identity(feature_map, embedding))
