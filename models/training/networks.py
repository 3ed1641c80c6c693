"""The networks: MobileFaceSwap's pair that ships, and the discriminator that is taught beside it.

`IdentityInjection` (IIM) reads a source once and predicts the weights with which `DynamicSwapper` (IDN) runs, frame by
frame (Xu et al., AAAI 2022, arXiv 2201.03808). `Student` is both. They give colour, a soft mask and where skin is,
(N, 5, S, S) in 0..1, and composite nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from training.kernels import convolved, softened

SLOPE, GAIN = 0.2, 2**0.5
IDN_SLOPE = 0.1
DRAWN = 5  # channels: colour, mask, and how much of the target's texture stays
SHADE, RIM = 0.065, 0.02  # of display-referred values: by how much light of skin may leave the target's; at the rim
TEXTURE = 0.65  # at least this share of what is finer in the target stays on skin
KEPT = -3.0  # where the share of the target's slow colours begins, before the sigmoid: the network is to draw
EVEN = (1, -6, 15, 44, 15, -6, 1)  # 64ths: 1 for what spans 8 pixels, 7 / 8 for 4, 0 for what alternates
FEATURE_SCALE = 12.0  # brings SFace's feature map to unit variance


def fine(picture: Tensor) -> Tensor:
    """What of pictures (N, C, S, S) is finer than about 8 pixels: skin's texture, hair, grain."""
    return picture - softened(picture, 2)


def evened(picture: Tensor) -> Tensor:
    """Pictures (N, C, S, S) without what alternates from pixel to pixel.

    A pixel-shuffle can draw such a grid, and networks that sample pictures coarsely are pleased by it. It stays where
    the crop is: on a face that moves in it, it flickers. Beyond the border, which no matte reaches, is mid grey.
    """
    channels, reach = int(picture.shape[1]), len(EVEN) // 2
    taps = (torch.tensor(EVEN, device=picture.device) / 64).expand(channels, 1, 1, -1)
    picture = F.conv2d(picture - 0.5, taps, padding=(0, reach), groups=channels)
    return F.conv2d(picture, taps.mT, padding=(reach, 0), groups=channels) + 0.5


def darkness(light: Tensor) -> Tensor:
    """How much a difference shows on skin of the brightness `light`: up to a quarter more on dark, less on bright."""
    return (0.6 / (light + 0.1)).clamp_max(1.25)


def shade(side: int, device: torch.device) -> Tensor:
    """By how much the light of skin may leave the target's, (1, 1, S, S): SHADE between brows, mouth and cheeks, less
    towards the outline that faces have on average, since nobody is known by the shade of temples and jaws."""
    line = (np.arange(side) + 0.5) / side
    middle = np.clip(2.5 * (1 - np.hypot((line - 0.503) / 0.357, (line[:, None] - 0.615) / 0.42)), 0, 1)
    most = RIM + (SHADE - RIM) * middle**2 * (3 - 2 * middle)
    return torch.as_tensor(most, dtype=torch.float32, device=device)[None, None]


def held(colour: Tensor, target: Tensor, skin: Tensor) -> Tensor:
    """`colour` with the light and tint of `target` over 8 x 8 pixels, but for `shade`, where `skin` is.

    Pictures (N, 3, S, S), `skin` (N, 1, S / 4, S / 4). A likeness is asked of recognisers, and they take a grey
    forehead or a dark temple for one: so taught, a small network paints smudges. Here it cannot: of what it draws on
    skin all that is finer stays, and the mean leaves the target's by no more than that, by a little less on dark skin.
    """
    drawn, wanted = F.avg_pool2d(colour, 4), F.avg_pool2d(target, 4)
    off = _around((wanted - drawn) * skin) / _around(skin).clamp_min(0.05)
    most = shade(int(drawn.shape[-1]), drawn.device) / darkness(_around(wanted.mean(1, keepdim=True)))
    beyond = off - most * torch.tanh(off / most)
    return colour + F.interpolate(skin * beyond, scale_factor=4, mode="bilinear", align_corners=False)


def _around(means: Tensor) -> Tensor:
    """From means of 4 x 4 pixels those of 8 x 8 about each."""
    return F.avg_pool2d(F.avg_pool2d(F.pad(means, (1, 1, 1, 1), mode="replicate"), 2, 1), 2, 1)


def _last(entering: int) -> nn.Conv2d:
    """The layer before the pixel-shuffle. Its four pixels begin equal, against checkerboards (arXiv 1707.02937)."""
    layer = nn.Conv2d(entering, 4 * DRAWN, 3, padding=1)
    nn.init.zeros_(layer.bias)
    with torch.no_grad():
        layer.weight.copy_((0.02 * torch.randn(DRAWN, entering, 3, 3)).repeat_interleave(4, 0))
    return layer


class Discriminator(nn.Module):
    """Judges frozen features of a picture at several scales, mixed at random across channels and scales.

    After projected GANs (arXiv 2111.01007): such a discriminator learns from a few thousand pictures.
    """

    def __init__(self, channels: Sequence[int] = (16, 24, 40, 112), width: int = 32) -> None:
        super().__init__()
        mixed = [width * min(2**i, 4) for i in range(len(channels))]
        self.mix = nn.ModuleList([nn.Conv2d(c, m, 1, bias=False) for c, m in zip(channels, mixed, strict=True)])
        self.join = nn.ModuleList(
            [nn.Conv2d(b, a, 3, padding=1, bias=False) for a, b in zip(mixed, mixed[1:], strict=False)]
        )
        for fixed in (*self.mix, *self.join):
            nn.init.kaiming_normal_(fixed.weight, nonlinearity="linear")
            fixed.requires_grad_(False)
        self.heads = nn.ModuleList([_head(m, width * 2, 3 - i) for i, m in enumerate(mixed)])

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Judgements at each scale."""
        mixed = [mix(f) for mix, f in zip(self.mix, features, strict=True)]
        for i in reversed(range(len(self.join))):
            above = F.interpolate(self.join[i](mixed[i + 1]), size=mixed[i].shape[2:], mode="bilinear")
            mixed[i] = (mixed[i] + above) * 0.5**0.5
        return [head(x).float() for head, x in zip(self.heads, mixed, strict=True)]


def _head(entering: int, width: int, falls: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(falls):
        layers += [spectral_norm(nn.Conv2d(entering, width, 4, 2, 1)), nn.LeakyReLU(SLOPE)]
        entering = width
    layers += [spectral_norm(nn.Conv2d(entering, width, 3, 1, 1)), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(width, 1, 3, 1, 1)))


# The IDN's layers, each a depthwise and a pointwise convolution: (entering, leaving, depthwise kernel). Pictures enter
# by pixel-unshuffle and leave by pixel-shuffle, so that the finest detail has a path of its own. `fall` halves the
# side.
LAYERS = {
    "enter": (12, 32, 3),
    "fall.0": (32, 64, 4),
    "fall.1": (64, 128, 4),
    "fall.2": (128, 256, 4),
    "fall.3": (256, 448, 4),
    "deep": (448, 256, 3),
    "rise.0": (512, 192, 3),
    "rise.1": (320, 128, 3),
    "refine.1": (128, 128, 3),
    "rise.2": (192, 64, 3),
    "refine.2": (64, 64, 3),
    "rise.3": (96, 40, 3),
}
KINDS = ("depthwise", "pointwise", "bias")


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """Shape of each dynamic weight of one person, by name, in the order in which graphs take and give them."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (entering, leaving, kernel) in LAYERS.items():
        shapes[f"{layer}.depthwise"] = (entering, 1, kernel, kernel)
        shapes[f"{layer}.pointwise"] = (leaving, entering, 1, 1)
        shapes[f"{layer}.bias"] = (leaving,)
    return shapes


class DynamicSwapper(nn.Module):
    """The IDN: targets (N, 3, S, S), S a multiple of 32, and weights of N people -> colour, mask, skin (N, 5, S, S)."""

    def __init__(self) -> None:
        super().__init__()
        self.leave = _last(LAYERS["rise.3"][1])
        self.keep = nn.Conv2d(LAYERS["rise.3"][1], 1, 3, padding=1)
        nn.init.zeros_(self.keep.weight)
        nn.init.constant_(self.keep.bias, KEPT)
        self.skin = nn.Conv2d(LAYERS["rise.2"][1], 1, 3, padding=1)

    def forward(self, target: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """`weights`: by name, each with people first, (N, ...), or without, for one person."""
        x = F.pixel_unshuffle(target * 2 - 1, 2)
        kept = [dynamic(x, weights, "enter")]
        for i in range(4):
            kept.append(dynamic(kept[-1], weights, f"fall.{i}", 2))
        x = dynamic(kept.pop(), weights, "deep")
        for i in range(4):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = dynamic(torch.cat([x, kept.pop()], 1), weights, f"rise.{i}")
            if f"refine.{i}" in LAYERS:
                x = x + dynamic(x, weights, f"refine.{i}")
            if i == 2:
                skin = torch.sigmoid(self.skin(x).float())
        # One convolution for both: by itself that of a single channel takes a tenth of the network's time.
        last = zip(self.leave.parameters(), self.keep.parameters(), strict=True)
        drawn, keep = F.conv2d(x, *map(torch.cat, last), padding=1).float().split((4 * DRAWN, 1), 1)
        colour, mask, texture = torch.sigmoid(F.pixel_shuffle(drawn, 2)).split((3, 1, 1), 1)
        keep = F.interpolate(torch.sigmoid(keep), scale_factor=2, mode="bilinear", align_corners=False)
        detail, wide = fine(target), F.interpolate(skin, scale_factor=4, mode="bilinear", align_corners=False)
        # Where skin is is taught by the target's landmarks alone: likeness would have it where shade pays.
        texture = texture + TEXTURE * wide.detach() * (1 - texture)
        colour = evened(colour)
        colour = colour + keep * (target - detail - colour) + texture * detail
        return torch.cat([held(colour, target, skin.detach()).clamp(0, 1), mask, wide], 1)


def dynamic(x: Tensor, weights: Mapping[str, Tensor], layer: str, stride: int = 1) -> Tensor:
    """One layer of the IDN with the weights of each row's person, or of one person for all rows."""
    depthwise, pointwise, bias = (_as(weights[f"{layer}.{kind}"], x.dtype) for kind in KINDS)
    if depthwise.ndim == 4:
        x = F.conv2d(x, depthwise, None, stride, 1, groups=x.shape[1])
        return F.leaky_relu(F.conv2d(x, pointwise, bias), IDN_SLOPE)
    n, channels = x.shape[:2]
    x = convolved(x.reshape(1, n * channels, *x.shape[2:]), depthwise.flatten(0, 1), None, stride, 1, n * channels)
    size = x.shape[2:]
    x = torch.baddbmm(bias[:, :, None], pointwise[..., 0, 0], x.reshape(n, channels, -1))
    return F.leaky_relu(x, IDN_SLOPE).reshape(n, -1, *size)


def _as(value: Tensor, kind: torch.dtype) -> Tensor:
    # Unneeded casts would stand in the exported graph.
    return value if value.dtype == kind else value.to(kind)


class IdentityInjection(nn.Module):
    """The IIM: SFace's feature map (N, 1024, 7, 7) and embedding (N, 128) -> the IDN's weights by name, (N, ...).

    Depthwise kernels are predicted from the feature map, pointwise kernels are modulated and demodulated by the
    embedding. Both keep a fixed length: left free, kernels grow together until activations overflow.
    """

    def __init__(self, width: int = 128, style: int = 256) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(1024, width, 1), nn.LeakyReLU(SLOPE))
        self.map = nn.Sequential(
            nn.Linear(128, style), nn.LeakyReLU(SLOPE), nn.Linear(style, style), nn.LeakyReLU(SLOPE)
        )
        self.layers = nn.ModuleList([_Predictor(width, style, *sizes) for sizes in LAYERS.values()])

    def forward(self, feature_map: Tensor, embedding: Tensor) -> dict[str, Tensor]:
        state = self.trunk(feature_map * FEATURE_SCALE)
        style = self.map(F.normalize(embedding) * embedding.shape[1] ** 0.5)
        found: dict[str, Tensor] = {}
        for layer, predictor in zip(LAYERS, self.layers, strict=True):
            for kind, value in zip(KINDS, predictor(state, style), strict=True):
                found[f"{layer}.{kind}"] = value
        return found


class _Predictor(nn.Module):
    """The weights of one layer of the IDN."""

    def __init__(self, width: int, style: int, entering: int, leaving: int, kernel: int) -> None:
        super().__init__()
        self.conv, self.read = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, entering, 1)
        # Rough kernels: with smooth ones every layer blurs, and the deep layers learn several times slower.
        self.base = nn.Parameter(torch.randn(entering, 1, kernel, kernel) / kernel)
        nn.init.normal_(self.read.weight, std=0.3 / kernel / width**0.5)
        nn.init.zeros_(self.read.bias)
        self.shared = nn.Parameter(torch.randn(leaving, entering) / entering**0.5)
        self.scale, self.bias = nn.Linear(style, entering), nn.Linear(style, leaving)
        nn.init.normal_(self.scale.weight, std=0.3 / style**0.5)
        nn.init.ones_(self.scale.bias)
        nn.init.normal_(self.bias.weight, std=0.1 / style**0.5)
        nn.init.zeros_(self.bias.bias)

    def told(self, state: Tensor) -> Tensor:
        """What people add to the kernels that all share: (N, C, K, K)."""
        read = self.read(F.leaky_relu(self.conv(state), SLOPE))
        return F.interpolate(read, size=self.base.shape[2:], mode="bilinear")

    def forward(self, state: Tensor, style: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        kernel = self.base + self.told(state)[:, :, None]
        kernel = kernel * torch.rsqrt(kernel.square().sum((3, 4), keepdim=True) + 1e-8)
        pointwise = self.shared * self.scale(style)[:, None]
        pointwise = pointwise * torch.rsqrt(pointwise.square().sum(2, keepdim=True) + 1e-8) * GAIN
        return kernel, pointwise[..., None, None], self.bias(style)


class Student(nn.Module):
    """IIM and IDN together, as they are taught."""

    def __init__(self) -> None:
        super().__init__()
        self.identity, self.swapper = IdentityInjection(), DynamicSwapper()

    def forward(self, target: Tensor, feature_map: Tensor, embedding: Tensor) -> Tensor:
        return self.swapper(target, self.identity(feature_map, embedding))
