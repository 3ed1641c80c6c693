"""The network of MobileFaceSwap (Xu et al., AAAI 2022, arXiv 2201.03808), in PyTorch.

`IdentityInjection` (IIM) reads a face's feature map and embedding once and predicts 28 weights;
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
ENCODER = ((6, 32), (32, 64), (64, 128), (128, 256), (256, 504))
DECODER = ((504, 256), (512, 128), (256, 64), (128, 32))
KINDS = ("depthwise", "pointwise", "bias")
CANVAS = 40  # pixels of the small portrait that goes along with the weights
MASK = (504, 128, 64, 32, 8, 2)


@dataclass(frozen=True)
class ModelConfig:
    """Widths of the networks; the IDN's own widths are the paper's."""

    feature_channels: int = 1024
    feature_size: int = 7
    feature_scale: float = 12.0  # brings SFace's feature map to unit variance
    embedding: int = 128
    width: int = 128  # trunk of the weight predictor; the paper's is 512
    head_hidden: int = 6
    detail: bool = True  # the output head also sees the target and the portrait; False is the paper's head
    inner_size: int = 0  # pixels at which the IDN runs inside a larger crop; 0 is the crop's own size


def weight_names() -> list[str]:
    """The 28 dynamic weights in the order in which graphs take and give them."""
    stages = [("encoder", len(ENCODER)), ("decoder", len(DECODER))]
    return [f"{part}.{i}.{kind}" for part, n in stages for i in range(n) for kind in KINDS] + ["canvas"]


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """Shape of each dynamic weight, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for part, kernel, stages in (("encoder", 4, ENCODER), ("decoder", 3, DECODER)):
        for i, (entering, leaving) in enumerate(stages):
            shapes[f"{part}.{i}.depthwise"] = (entering, 1, kernel, kernel)
            shapes[f"{part}.{i}.pointwise"] = (leaving, entering, 1, 1)
            shapes[f"{part}.{i}.bias"] = (leaving,)
    return shapes | {"canvas": (1, 3, CANVAS, CANVAS)}


class ModulatedWeight(nn.Module):
    """A pointwise kernel modulated and demodulated by a style (StyleGAN2, arXiv 1912.04958, section 2.2), and a bias.

    The paper's network has no bias: all that it draws is a product with what it sees. A bias that the identity
    predicts (adaptive instance norm has one too, arXiv 1703.06868) lets it add.
    """

    def __init__(self, entering: int, leaving: int, embedding: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(leaving, entering, 1, 1))
        self.style = nn.Linear(embedding, entering)
        nn.init.normal_(self.style.weight, std=0.5 / STYLE_LENGTH)
        nn.init.zeros_(self.style.bias)
        self.gain = nn.Parameter(torch.ones(leaving, 1, 1, 1))
        self.bias = nn.Linear(embedding, leaving)
        nn.init.normal_(self.bias.weight, std=0.5 / STYLE_LENGTH)
        nn.init.zeros_(self.bias.bias)

    def forward(self, style: Tensor) -> list[Tensor]:
        """`style` (1, embedding) of length STYLE_LENGTH -> (leaving, entering, 1, 1) and (leaving,)."""
        scale = self.style(style).reshape(1, -1, 1, 1) + 1.0
        kernel = self.weight * scale
        kernel = kernel * torch.rsqrt(kernel.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-16)
        return [kernel * self.gain, self.bias(style)[0]]


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
        # Rough kernels: with smooth ones every layer blurs, and the deep layers learn several times slower.
        self.base = nn.Parameter(torch.randn(channels, 1, kernel, kernel))
        nn.init.normal_(self.head.weight, std=1.0 / (9 * width) ** 0.5)
        nn.init.zeros_(self.head.bias)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        state = F.leaky_relu(self.norm(self.conv(state)), SLOPE)
        kernel = self.base + PREDICTED_SCALE * self.head(state).transpose(0, 1)
        # Rows of fixed length: left free, kernels grow together through the layers until activations overflow.
        return state, GAIN * kernel * torch.rsqrt(kernel.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-16)


def resize_matrix(entering: int, leaving: int) -> Tensor:
    """(leaving, entering): linear resampling of pixel centres, with a triangle as wide as needed not to alias."""
    ratio = entering / leaving
    centre = (torch.arange(leaving)[:, None] + 0.5) * ratio - 0.5
    weight = (1 - (torch.arange(entering)[None] - centre).abs() / max(ratio, 1.0)).clamp_min(0)
    return weight / weight.sum(dim=1, keepdim=True)


def resize(image: Tensor, size: int) -> Tensor:
    """(N, C, H, W) -> (N, C, size, size), as two products with constant matrices, which every runtime has."""
    down, across = (resize_matrix(n, size).to(image) for n in image.shape[2:])
    return down @ image @ across.T


def small_portrait(face: Tensor) -> Tensor:
    """(1, 3, 112, 112) -> (1, 3, CANVAS, CANVAS), each channel of mean 0 and deviation 0.5 around the face's middle."""
    small = resize(face, CANVAS)
    middle = small[:, :, CANVAS // 5 : -CANVAS // 10, CANVAS // 6 : -CANVAS // 6]
    mean = middle.mean(dim=(2, 3), keepdim=True)
    deviation = (middle - mean).square().mean(dim=(2, 3), keepdim=True).sqrt()
    return 0.5 * (small - mean) / (deviation + 4.0)


class IdentityInjection(nn.Module):
    """IIM: (1, C, 7, 7) feature map, (1, E) embedding and the (1, 3, 112, 112) face -> the 28 dynamic weights.

    The face is the encoder's input, RGB 0..255. The canvas is not the paper's: a portrait of 40 pixels, freed of
    exposure and tint, that the IDN sees beside each target. Crops are aligned, so it shows what goes where.
    """

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

    def forward(self, feature_map: Tensor, embedding: Tensor, face: Tensor) -> list[Tensor]:
        style = F.normalize(embedding) * STYLE_LENGTH
        state = F.leaky_relu(self.reduce(feature_map * self.feature_scale), SLOPE)
        state = F.leaky_relu(self.norm(self.first(state)), SLOPE)
        decoder_state = F.leaky_relu(self.norm_decoder(self.first_decoder(state)), SLOPE)
        encoder_depthwise = []
        for block in self.encoder:
            state, kernel = block(state)
            encoder_depthwise.append(kernel)
        weights = []
        for kernel, modulation in zip(reversed(encoder_depthwise), self.encoder_modulation, strict=True):
            weights += [kernel, *modulation(style)]
        for block, modulation in zip(self.decoder, self.decoder_modulation, strict=True):
            decoder_state, kernel = block(decoder_state)
            weights += [kernel, *modulation(style)]
        return [*weights, small_portrait(face)]


def upsample(x: Tensor) -> Tensor:
    """Bilinear, twice the size, corners aligned."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)


def separable(x: Tensor, weights: list[Tensor], stride: int) -> Tensor:
    """A depthwise and a pointwise convolution by (depthwise, pointwise, bias), without activation."""
    depthwise, pointwise, bias = weights
    x = F.conv2d(x, depthwise, stride=stride, padding=1, groups=x.shape[1])
    return F.conv2d(x, pointwise, bias)


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
    """IDN: pictures (N, 3, H, W) in RGB 0..1 sRGB and the 28 weights -> colour and mask, both 0..1.

    H and W are multiples of 32. The mask branch reads the detached bottleneck, as in the paper, so that
    mask losses never shape the face.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.detail = config.detail
        last = DECODER[-1][1]
        self.squeeze = nn.Sequential(nn.Conv2d(last, last // 4, 1), nn.BatchNorm2d(last // 4), nn.LeakyReLU(SLOPE))
        self.head = nn.Sequential(
            nn.Conv2d(last // 4 + 6 * config.detail, config.head_hidden, 3, padding=1),
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

    def forward(self, image: Tensor, weights: list[Tensor], seen: list[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """`seen`, where given, receives what each dynamic layer puts out before its activation."""
        seen = [] if seen is None else seen
        scaled = image * 2.0 - 1.0
        portrait = resize(weights[-1], image.shape[-1]).expand_as(scaled)
        x, skips = torch.cat([scaled, portrait], dim=1), []
        for i in range(len(ENCODER)):
            seen.append(separable(x, weights[3 * i : 3 * i + 3], stride=2))
            x = F.leaky_relu(seen[-1], SLOPE)
            skips.append(x)
        mask = self.mask(x.detach())
        for i in range(len(DECODER)):
            at = 3 * (len(ENCODER) + i)
            seen.append(separable(upsample(x), weights[at : at + 3], stride=1))
            x = F.leaky_relu(seen[-1], SLOPE)
            if i < len(DECODER) - 1:
                x = torch.cat([x, skips[len(DECODER) - 1 - i]], dim=1)
        # The paper squeezes after the last upsampling; before it costs a quarter.
        x = upsample(self.squeeze(x))
        if self.detail:
            x = torch.cat([x, scaled, portrait], dim=1)
        return (self.head(x) + 1.0) * 0.5, mask


def composite(colour: Tensor, mask: Tensor, image: Tensor) -> Tensor:
    """The swapped picture: network colour inside the mask, the target outside."""
    return colour * mask + image * (1.0 - mask)


def swap(swapper: DynamicSwapper, image: Tensor, weights: list[Tensor], inner_size: int) -> tuple[Tensor, Tensor]:
    """Swapped crop and mask of crops (N, 3, S, S), with the IDN run at `inner_size` where that is not 0.

    Then what the swap changes is enlarged and added, so that the crop keeps its own fine detail.
    """
    small = resize(image, inner_size) if inner_size else image
    colour, mask = swapper(small, weights)
    if not inner_size:
        return composite(colour, mask, image), mask
    change, mask = (resize(x, image.shape[-1]) for x in (mask * (colour - small), mask))
    return image + change, mask


class FaceSwapper(nn.Module):
    """Both networks; one identity for the whole batch."""

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config or ModelConfig()
        self.identity = IdentityInjection(self.config)
        self.swapper = DynamicSwapper(self.config)

    def forward(self, image: Tensor, feature_map: Tensor, embedding: Tensor, face: Tensor) -> tuple[Tensor, Tensor]:
        return self.swapper(image, self.identity(feature_map, embedding, face))


@torch.no_grad()
def settle(model: FaceSwapper, image: Tensor, source: tuple[Tensor, Tensor, Tensor]) -> None:
    """Give every dynamic layer of a fresh model outputs of deviation 1, and of mean 0 but for what the identity adds.

    Layer by layer, in the manner of arXiv 1511.06422. Without it, activations past the first layers are a large
    constant with hardly any picture in it, since nothing in the IDN normalises; the deep layers then stay silent.
    """
    identity, swapper = model.identity, model.swapper
    modulations = [*identity.encoder_modulation, *identity.decoder_modulation]
    style = F.normalize(source[1]) * STYLE_LENGTH
    for at, modulation in enumerate(modulations):
        seen: list[Tensor] = []
        swapper(image, identity(*source), seen=seen)
        told = modulation.bias(style)[0]
        mean, deviation = seen[at].mean(dim=(0, 2, 3)) - told, seen[at].std(dim=(0, 2, 3)).clamp_min(1e-4)
        modulation.bias.bias.copy_(-mean / deviation)
        modulation.gain.div_(deviation.reshape(-1, 1, 1, 1))
