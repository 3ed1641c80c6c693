"""The network of MobileFaceSwap (Xu et al., AAAI 2022, arXiv 2201.03808), in PyTorch.

`IdentityInjection` (IIM) reads a face's feature map and embedding once and predicts 28 weights;
`DynamicSwapper` (IDN) is a small U-Net that runs with them, frame by frame.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mesh import BAND, BAND_EDGE, CANVAS_WIDTH, DARK, canonical_on_canvas, face_matte, shares_on_canvas
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1
GAIN = 1.4
# What the predictor and the embedding say enters scaled down: sums over hundreds of inputs would otherwise turn every
# kernel over at each optimiser step, and the network would never settle.
PREDICTED_SCALE = 0.05
STYLE_LENGTH = 3.0
# The paper's, but for the deepest layer: without three quarters of its 504 channels swaps measured the same, and their
# weights serve better in the localiser.
ENCODER = ((6, 32), (32, 64), (64, 128), (128, 256), (256, 112))
DECODER = ((112, 256), (512, 128), (256, 64), (128, 32))
KINDS = ("depthwise", "pointwise", "bias")
CANVAS = 112  # pixels of the portrait that goes along with the weights
PORTRAIT = 224  # pixels of the picture that it is made of
LIGHT_REACH = 0.1  # light is what changes over more than this, in widths of a crop
CELLS = 32  # a side of the coarse picture that holds the light
# Underexposed or in harsh light a portrait has more contrast than a face by itself; so much stays (root mean square).
MOST_CONTRAST, MOST_COLOUR = 0.26, 0.06
MOST_TINT = 0.05  # of a channel beside grey at any place; more is a rim of glasses, paint or noise
MOST_UNUSUAL = 2.5  # spreads by which a contrast may differ from the usual one of its place
ONE_SIDED = 0.015  # what is on one side of a portrait only and larger than this, in widths of a canvas, is light
# How much further than brightness tints give way, times their share of the place.
TINTS_GIVEN = 1.0


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the networks, but for the IDN's own (ENCODER, DECODER)."""

    feature_channels: int = 1024
    feature_size: int = 7
    feature_scale: float = 12.0  # brings SFace's feature map to unit variance
    embedding: int = 128
    width: int = 128  # trunk of the weight predictor; the paper's is 512
    head_hidden: int = 12
    # Of the network that lays a portrait on the canvas: the pixels at which it looks (a multiple of 16), its widths at
    # strides 2, 2, 4, 8 and 16, its deepest layers, and those that refine what it says at every other stride.
    source_pixels: int = 64
    source_widths: tuple[int, ...] = (20, 40, 60, 100, 180)
    source_deepest: int = 1
    source_refining: int = 0
    # The same of the network that says where on the canvas a target's places are.
    target_pixels: int = 96
    target_widths: tuple[int, ...] = (12, 24, 36, 72, 176)
    target_deepest: int = 6
    target_refining: int = 1
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


@functools.cache
def resize_matrix(entering: int, leaving: int) -> Tensor:
    """(leaving, entering): linear resampling of pixel centres, with a triangle as wide as needed not to alias."""
    ratio = entering / leaving
    centre = (np.arange(leaving)[:, None] + 0.5) * ratio - 0.5
    weight = np.clip(1 - np.abs(np.arange(entering)[None] - centre) / max(ratio, 1.0), 0, None)
    return torch.from_numpy(np.float32(weight / weight.sum(axis=1, keepdims=True)))


@functools.cache
def blur_matrix(entering: int, reach: float) -> Tensor:
    """(CELLS, entering): resampling to CELLS, and then a Gaussian of deviation `reach` widths of the picture."""
    line = (np.arange(CELLS) + 0.5) / CELLS
    blur = np.exp(-0.5 * np.square((line[:, None] - line[None]) / reach)) @ resize_matrix(entering, CELLS).numpy()
    return torch.from_numpy(np.float32(blur))


def resize(image: Tensor, size: int) -> Tensor:
    """(N, C, H, W) -> (N, C, size, size), as two products with constant matrices, which every runtime has."""
    down, across = (resize_matrix(int(n), int(size)).to(image) for n in image.shape[2:])
    return down @ image @ across.T


def light_of(image: Tensor, mask: Tensor, reach: float = LIGHT_REACH) -> Tensor:
    """What changes slowly in a picture (N, 3, S, S): its mean over `reach` widths within the mask (N, 1, S, S)."""
    size = int(image.shape[-1])
    blur = blur_matrix(size, reach).to(image)
    return resize(blur @ (image * mask) @ blur.T / (blur @ mask @ blur.T + 1e-3), size)


@functools.cache
def gaussian(size: int, reach: float) -> Tensor:
    """(1, 1, 1, 2 R + 1): weights of a Gaussian of deviation `reach` widths of a picture of `size`, R three of them."""
    radius = math.ceil(3 * reach * size)
    weight = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / (reach * size)))
    return torch.from_numpy(np.float32(weight / weight.sum()))[None, None, None]


def blurred(image: Tensor, reach: float) -> Tensor:
    """(N, C, S, S) under a Gaussian of deviation `reach` widths; beyond the border there is nothing."""
    channels, line = int(image.shape[1]), gaussian(int(image.shape[-1]), reach).to(image)
    line, radius = line.repeat(channels, 1, 1, 1), line.shape[-1] // 2
    image = F.conv2d(image, line, padding=(0, radius), groups=channels)
    return F.conv2d(image, line.transpose(2, 3), padding=(radius, 0), groups=channels)


def in_bands(image: Tensor, face: Tensor, mask: Tensor, shares: Tensor) -> Tensor:
    """`face` (N, 3, S, S) put on `image` by `shares` (N, 3, S, S) of what it changes: of the grey part that is
    slower than BAND within the mask (N, 1, S, S), of the finer grey rest, and of the tints, less where the brightness
    that comes of it is not that of `face`."""
    change = face - image
    grey = change.mean(dim=1, keepdim=True)
    spread = blurred(torch.cat([grey * mask, mask], dim=1), BAND)
    slow = spread[:, :1] / (spread[:, 1:] + BAND_EDGE)
    moved = shares[:, :1] * slow + shares[:, 1:2] * (grey - slow)
    asked, got = ((image.mean(dim=1, keepdim=True) + by).clamp_min(0) + DARK for by in (grey, moved))
    agreed = torch.minimum(asked, got) / torch.maximum(asked, got)
    return image + moved + shares[:, 2:] * agreed * (change - grey)


class Contrast(nn.Module):
    """Canvases (N, 3, CANVAS, CANVAS) RGB 0..255 -> how much each place differs from the light around it, as a share.

    The quotient of a picture and its slow part is free of exposure, tint and soft light (the self-quotient image,
    Wang, Li and Wang, AFGR 2004). What faces never show at a place, as fringes, rims of glasses and hard shadows,
    is brought back to what they do show there: `contrast.npy` holds the median and the spread over the training data.
    Faces are symmetric and light is not: but for fine detail both sides get their mean.
    """

    def __init__(self) -> None:
        super().__init__()
        usual, spread = torch.from_numpy(np.load(Path(__file__).with_name("contrast.npy")).astype(np.float32))
        self.register_buffer("matte", torch.from_numpy(face_matte(canonical_on_canvas(), CANVAS)), persistent=False)
        self.register_buffer("least", usual - MOST_UNUSUAL * spread, persistent=False)
        self.register_buffer("most", usual + MOST_UNUSUAL * spread, persistent=False)

    def forward(self, canvas: Tensor) -> Tensor:
        grey, colour = self.parts(canvas)
        contrast = torch.minimum(torch.maximum(grey, self.least), self.most) + colour.clamp(-MOST_TINT, MOST_TINT)
        large = blurred(contrast, ONE_SIDED)
        return contrast - (large - large.flip(3)) / 2

    def parts(self, canvas: Tensor) -> tuple[Tensor, Tensor]:
        """The contrast in grey (N, 1, CANVAS, CANVAS) and what the channels have beside it, each within its energy."""
        matte = self.matte[None, None]
        light = light_of(canvas / 255, matte, LIGHT_REACH / CANVAS_WIDTH)
        ratio = (canvas / 255 + DARK) / (light + DARK) - 1
        grey = ratio.mean(dim=1, keepdim=True)
        return within_energy(grey, matte, MOST_CONTRAST), within_energy(ratio - grey, matte, MOST_COLOUR)


def within_energy(part: Tensor, matte: Tensor, most: float) -> Tensor:
    """`part` (N, C, H, W), scaled down where its root mean square in the matte (1, 1, H, W) exceeds `most`."""
    energy = (part.square() * matte).sum(dim=(1, 2, 3), keepdim=True) / (part.shape[1] * matte.sum())
    return part * (most / (energy + 1e-8).sqrt()).clamp_max(1)


def upsample(x: Tensor) -> Tensor:
    """Bilinear, twice the size, corners aligned."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)


class Layer(nn.Module):
    """Separable convolution, batch norm, LeakyReLU."""

    def __init__(self, entering: int, leaving: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(entering, entering, 3, stride, padding=1, groups=entering, bias=False)
        self.pointwise = nn.Conv2d(entering, leaving, 1, bias=False)
        self.norm = nn.BatchNorm2d(leaving)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.pointwise(self.depthwise(x))), SLOPE)


class Localiser(nn.Module):
    """Where the spots of a face are: pictures (N, 3, H, W) RGB 0..1 -> field (N, 2, S/2, S/2).

    Not the paper's. The picture is looked at with S = `size` pixels, a multiple of 16. The field is in widths of a
    crop; localise.py trains one network to say where on the canvas each place of a crop is, with a mask (N, 1, S, S)
    of the places that are face, and a larger one, without a mask, to say where in a crop each place of the canvas is.
    In the swap's training both are frozen, or learn slowly from what comes of them.
    """

    def __init__(self, size: int, widths: tuple[int, ...], deepest: int, refining: int, masked: bool) -> None:
        super().__init__()
        self.size, self.masked, w = size, masked, widths
        self.first = nn.Conv2d(3, w[0], 3, 2, 1)
        self.down = nn.ModuleList([Layer(w[0], w[1]), Layer(w[1], w[2], 2), Layer(w[2], w[3], 2), Layer(w[3], w[4], 2)])
        self.middle = nn.ModuleList(Layer(w[4], w[4]) for _ in range(deepest))
        self.up = nn.ModuleList([Layer(w[4] + w[3], w[3]), Layer(w[3] + w[2], w[2]), Layer(w[2] + w[1], w[1])])
        self.refine = nn.ModuleList(nn.ModuleList(Layer(n, n) for _ in range(refining)) for n in w[3:0:-1])
        self.field = nn.Conv2d(w[1], 2, 3, padding=1)
        if masked:
            self.mask = nn.Sequential(Layer(w[1], w[0]), nn.Conv2d(w[0], 1, 3, padding=1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        x = F.leaky_relu(self.first(resize(image, self.size) * 2 - 1), SLOPE)
        skips = []
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        for layer in self.middle:
            x = x + layer(x)
        for layer, refine, skip in zip(self.up, self.refine, skips[-2::-1], strict=True):
            x = layer(torch.cat([upsample(x), skip], dim=1))
            for step in refine:
                x = x + step(x)
        count = self.size // 2
        mask = torch.sigmoid(self.mask(upsample(x))) if self.masked else None
        return middles(count, x) + 0.1 * self.field(x), mask


def middles(count: int, like: Tensor) -> Tensor:
    """(1, 2, count, count): the middles of the cells of a square of width 1, x first."""
    line = (torch.arange(count, device=like.device, dtype=like.dtype) + 0.5) / count
    return torch.stack([line[None].expand(count, count), line[:, None].expand(count, count)])[None]


def looked_up(image: Tensor, field: Tensor, size: int) -> Tensor:
    """(N, 3, H, W) seen through a field (N, 2, h, w) of places in widths of the picture: (N, 3, size, size)."""
    grid = 2 * resize(field, size).permute(0, 2, 3, 1) - 1
    return F.grid_sample(image, grid, padding_mode="border", align_corners=False)


def lay(face: Tensor, field: Tensor, size: int = CANVAS) -> Tensor:
    """A face (1, 3, H, W) on a canvas (1, 3, size, size), by the field (1, 2, h, h) that says where it has what.

    The canvas is symmetric. Where a head turned away shows one side much smaller than the other, that side would
    be smeared or background, and is filled from the other one.
    """
    across, down = field[:, :, 1:, 1:] - field[:, :, 1:, :-1], field[:, :, 1:, 1:] - field[:, :, :-1, 1:]
    area = (across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0])[:, None]
    area = F.avg_pool2d(area, 5, 1, 2, count_include_pad=False).clamp_min(1e-6)
    share = F.avg_pool2d((area.flip(3) / area - 1.4).clamp(0, 1), 3, 1, 1, count_include_pad=False)
    canvas = looked_up(face, field, size)
    return canvas + resize(share, size) * (canvas.flip(3) - canvas)


class IdentityInjection(nn.Module):
    """IIM: (1, C, 7, 7) feature map, (1, E) embedding and the (1, 3, 224, 224) face -> the 28 dynamic weights.

    The face is RGB 0..255. The canvas is not the paper's: the contrast of the face in the places of the canonical
    mesh, which the IDN looks up for each place of a target.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.localiser = Localiser(
            config.source_pixels, config.source_widths, config.source_deepest, config.source_refining, masked=False
        )
        self.contrast = Contrast()
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

    def canvas(self, face: Tensor) -> Tensor:
        """The face (1, 3, PORTRAIT, PORTRAIT) RGB 0..255 where the canonical mesh has it: (1, 3, CANVAS, CANVAS)."""
        return lay(face, self.localiser(face / 255)[0])

    def forward(
        self, feature_map: Tensor, embedding: Tensor, face: Tensor, canvas: Tensor | None = None
    ) -> list[Tensor]:
        """`canvas` (1, 3, CANVAS, CANVAS) RGB 0..255 stands in for what the localiser makes of the face."""
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
        return [*weights, self.contrast(self.canvas(face) if canvas is None else canvas)]


def separable(x: Tensor, weights: list[Tensor], stride: int) -> Tensor:
    """A depthwise and a pointwise convolution by (depthwise, pointwise, bias), without activation."""
    depthwise, pointwise, bias = weights
    x = F.conv2d(x, depthwise, stride=stride, padding=1, groups=x.shape[1])
    return F.conv2d(x, pointwise, bias)


class DynamicSwapper(nn.Module):
    """IDN: pictures (N, 3, H, W) in RGB 0..1 sRGB and the 28 weights -> colour and mask, both 0..1.

    H and W are equal and multiples of 32. Not the paper's: the network does not draw the face from nothing. The
    contrast of the portrait, looked up where the localiser says, times the light of the target makes the draft, in
    shares that depend on the place and on how fine it is (mesh.SHARES). The network sees target and draft and says
    for each pixel how much more of the contrast counts, what is to be added, and how much of the target gives way at
    all: eyes and teeth, for instance, remain the target's.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        last = DECODER[-1][1]
        self.squeeze = nn.Sequential(nn.Conv2d(last, last // 4, 1), nn.BatchNorm2d(last // 4), nn.LeakyReLU(SLOPE))
        self.head = nn.Sequential(
            nn.Conv2d(last // 4 + 6, config.head_hidden, 3, padding=1),
            nn.BatchNorm2d(config.head_hidden),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(config.head_hidden, 7, 3, padding=1),
        )
        # The draft is where training begins.
        nn.init.zeros_(self.head[-1].weight)
        self.head[-1].bias.data = torch.tensor([0.0] * 6 + [3.0])
        self.localiser = Localiser(
            config.target_pixels, config.target_widths, config.target_deepest, config.target_refining, masked=True
        )
        shares = torch.from_numpy(shares_on_canvas(CANVAS)).permute(2, 0, 1)[None]
        self.register_buffer("shares", shares, persistent=False)

    def forward(self, image: Tensor, weights: list[Tensor], seen: list[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """`seen`, where given, receives what each dynamic layer puts out before its activation."""
        drawn, given, mask = self.drawn(image, weights, seen)
        return give_way(image, drawn, given), mask

    def drawn(
        self,
        image: Tensor,
        weights: list[Tensor],
        seen: list[Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The face as drawn (N, 3, H, W), how far the target gives way to it (N, 2, H, W), and the mask."""
        seen = [] if seen is None else seen
        scaled, size = image * 2.0 - 1.0, int(image.shape[-1])
        field, mask = self.localiser(image)
        canvas = torch.cat([weights[-1], self.shares], dim=1)
        worn = looked_up(canvas.expand(image.shape[0], -1, -1, -1), field, size)
        mask = resize(mask, size)
        light = light_of(image, mask)
        draft = in_bands(image, light * (1 + worn[:, :3]), mask, worn[:, 3:])
        x, skips = torch.cat([scaled, draft * 2.0 - 1.0], dim=1), []
        for i in range(len(ENCODER)):
            seen.append(separable(x, weights[3 * i : 3 * i + 3], stride=2))
            x = F.leaky_relu(seen[-1], SLOPE)
            skips.append(x)
        for i in range(len(DECODER)):
            at = 3 * (len(ENCODER) + i)
            seen.append(separable(upsample(x), weights[at : at + 3], stride=1))
            x = F.leaky_relu(seen[-1], SLOPE)
            if i < len(DECODER) - 1:
                x = torch.cat([x, skips[len(DECODER) - 1 - i]], dim=1)
        # The paper squeezes after the last upsampling; before it costs a quarter.
        said = self.head(torch.cat([upsample(self.squeeze(x)), scaled, draft * 2.0 - 1.0], dim=1))
        offset, gain, given = said[:, :3], said[:, 3:6], torch.sigmoid(said[:, 6:])
        given = torch.cat([given, TINTS_GIVEN * worn[:, 5:] * given], dim=1)
        return draft + gain * light * worn[:, :3] + offset, given, mask


def give_way(image: Tensor, drawn: Tensor, given: Tensor) -> Tensor:
    """What the IDN puts out: the target where `given` (N, 2, H, W) is 0, the face as drawn where it is 1, in brightness
    and in tints."""
    change = drawn - image
    grey = change.mean(dim=1, keepdim=True)
    return (image + given[:, :1] * grey + given[:, 1:] * (change - grey)).clamp(0, 1)


def composite(colour: Tensor, mask: Tensor, image: Tensor) -> Tensor:
    """The swapped picture: network colour inside the mask, the target outside."""
    return colour * mask + image * (1.0 - mask)


def swap(swapper: DynamicSwapper, image: Tensor, weights: list[Tensor], inner_size: int) -> tuple[Tensor, Tensor]:
    """Colour and mask of crops (N, 3, S, S), with the IDN run at `inner_size` where that is not 0.

    Then what the colour changes is enlarged and added, so that the crop keeps its own fine detail.
    """
    if not inner_size:
        return swapper(image, weights)
    small, side = resize(image, inner_size), int(image.shape[-1])
    colour, mask = swapper(small, weights)
    return image + resize(colour - small, side), resize(mask, side)


class FaceSwapper(nn.Module):
    """Both networks; one identity for the whole batch. The localisers learn where a run lets them."""

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config or ModelConfig()
        self.identity = IdentityInjection(self.config)
        self.swapper = DynamicSwapper(self.config)
        self.identity.localiser.requires_grad_(False)
        self.swapper.localiser.requires_grad_(False)

    @property
    def localisers(self) -> nn.ModuleDict:
        """Both localisers, by the names under which localise.py writes them."""
        return nn.ModuleDict({"target": self.swapper.localiser, "source": self.identity.localiser})

    def learning(self) -> list[nn.Parameter]:
        """What the swap's losses train at their full rate: everything but the localisers."""
        return [p for n, p in self.named_parameters() if "localiser" not in n]

    def train(self, mode: bool = True) -> FaceSwapper:
        """The localisers keep the statistics that localise.py gave them."""
        super().train(mode)
        self.identity.localiser.eval()
        self.swapper.localiser.eval()
        return self

    def forward(
        self, image: Tensor, feature_map: Tensor, embedding: Tensor, face: Tensor, canvas: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        return self.swapper(image, self.identity(feature_map, embedding, face, canvas))


def load_localisers(model: FaceSwapper, path: Path) -> None:
    """Put what localise.py wrote into a fresh model."""
    state = torch.load(path, map_location="cpu", weights_only=True)["state"]
    model.localisers.load_state_dict(state)


@torch.no_grad()
def settle(model: FaceSwapper, image: Tensor, source: tuple[Tensor, ...]) -> None:
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
