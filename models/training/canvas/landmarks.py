"""Landmark networks as differentiable graphs: they hold a swap to the pose and expression of its target.

FaceMesh (arXiv 1907.06724) and the iris network (arXiv 2006.11341), both Apache-2.0, are read from MediaPipe's
`face_landmark.tflite` and `iris_landmark.tflite`. 68 points come from face-api.js (MIT), npm package
`@vladmandic/face-api`, files `model/face_landmark_68_model*`, and from Faceplugin's network of small grey pictures
(MIT), npm package `faceplugin-face-recognition-js`, file `model/fr_landmark.onnx`. None ships, and none is the judge
of evaluate.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from losses import seen, squares
from mesh import BROWS, EYES, INPUT, LIPS, MOUTH, NOSE
from torch import Tensor, nn
from torch.nn import functional as F

POINTS_INPUT = 112  # pixels of the input of face-api.js's network
GREY_INPUT = 64  # pixels of the input of Faceplugin's network
EYE_INPUT, EYE_REACH = 64, 2.3  # pixels of the iris network's input, and its width in widths of an eye
LIDS = 16  # of its landmarks, those on the rims of the eye: the lower from corner to corner, then the upper
_MEAN = (122.782, 117.001, 104.298)  # RGB, which face-api.js's network takes away
_LUMA = (0.299, 0.587, 0.114)


class TfliteGraph(nn.Module):
    """A TensorFlow Lite file of float layers as a torch module: (N, 3, H, W) -> its first output, flat (N, D).

    Knows the layers that FaceMesh has; another one raises ValueError.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        content = needed(path).read_bytes()
        import tflite

        model = tflite.Model.GetRootAsModel(content, 0)
        graph = model.Subgraphs(0)
        names = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}
        constants: dict[int, np.ndarray] = {}
        self._steps: list[tuple[str, list[int], int, dict[str, Any]]] = []
        for i in range(graph.OperatorsLength()):
            operator = graph.Operators(i)
            code = model.OperatorCodes(operator.OpcodeIndex())
            name = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            entering, leaving = operator.InputsAsNumpy().tolist(), int(operator.OutputsAsNumpy()[0])
            constants |= self._stored(tflite, model, graph, [t for t in entering if t not in constants])
            if name == "DEQUANTIZE":
                constants[leaving] = constants[entering[0]].astype(np.float32)
                continue
            self._steps.append((name, entering, leaving, self._options(tflite, name, operator)))
            self._register(name, {t: constants[t] for t in entering[1:] if t in constants})
        self._input, self._output = graph.Inputs(0), graph.Outputs(0)
        self.requires_grad_(False)

    @staticmethod
    def _stored(tflite: Any, model: Any, graph: Any, indices: list[int]) -> dict[int, np.ndarray]:
        """The tensors among `indices` whose values stand in the file."""
        kinds = {tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.FLOAT32: np.float32}
        found = {}
        for index in indices:
            tensor = graph.Tensors(index)
            data = model.Buffers(tensor.Buffer())
            if data.DataLength():
                values = np.frombuffer(data.DataAsNumpy().tobytes(), kinds.get(tensor.Type(), np.int32))
                found[index] = values.reshape(tensor.ShapeAsNumpy())
        return found

    @staticmethod
    def _options(tflite: Any, name: str, operator: Any) -> dict[str, Any]:
        kind = {
            "CONV_2D": "Conv2DOptions",
            "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
            "MAX_POOL_2D": "Pool2DOptions",
        }
        if name in kind:
            options = getattr(tflite, kind[name])()
            options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
            if options.FusedActivationFunction() or options.StrideW() != options.StrideH():
                raise ValueError(f"Expected a plain {name} with even strides, found another.")
            if name == "MAX_POOL_2D" and {options.FilterHeight(), options.FilterWidth()} != {options.StrideH()}:
                raise ValueError("Expected pools as large as their stride, found another.")
            return {"stride": options.StrideH(), "same": options.Padding() == tflite.Padding.SAME}
        if name not in ("ADD", "PAD", "PRELU", "RESHAPE"):
            raise ValueError(f"Expected the layers of FaceMesh, found {name}.")
        return {}

    def _register(self, name: str, constants: dict[int, np.ndarray]) -> None:
        axes = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2)}
        for index, value in constants.items():
            value = value.transpose(axes[name]) if name in axes and value.ndim == 4 else value
            self.register_buffer(f"t{index}", torch.from_numpy(np.array(value)), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        known: dict[int, Tensor] = {self._input: image}
        for name, entering, leaving, options in self._steps:
            x, rest = known[entering[0]], [getattr(self, f"t{i}", None) for i in entering[1:]]
            if name == "ADD":
                known[leaving] = x + known[entering[1]]
            elif name == "RESHAPE":
                known[leaving] = x.flatten(1)
            elif name == "PRELU":
                known[leaving] = F.prelu(x, rest[0].flatten())
            elif name == "PAD":
                known[leaving] = F.pad(x, (0, 0, 0, 0, 0, int(rest[0][3, 1])))
            elif name == "MAX_POOL_2D":
                known[leaving] = F.max_pool2d(x, options["stride"])
            else:
                groups = x.shape[1] if name == "DEPTHWISE_CONV_2D" else 1
                x = padded(x, rest[0].shape[2], options["stride"]) if options["same"] else x
                known[leaving] = F.conv2d(x, rest[0], rest[1], options["stride"], groups=groups)
        return known[self._output].flatten(1)


def padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    """TensorFlow's "same" padding: where it is uneven, the larger part comes after."""
    height, width = (max((math.ceil(n / stride) - 1) * stride + kernel - n, 0) for n in x.shape[2:])
    return F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))


def needed(path: Path) -> Path:
    """`path`, where there is a file; otherwise the program ends with the remedy."""
    if not path.is_file():
        raise SystemExit(f"Expected a file at {path}, found none; README.md says where to get it.")
    return path


def stored_weights(folder: Path, group: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """The weights of a TensorFlow.js group by name, slashes made underscores; kernels as PyTorch has them."""
    raw, at = b"".join(needed(folder / part).read_bytes() for part in group["paths"]), 0
    for entry in group["weights"]:
        stored = entry.get("quantization", {})
        values = np.frombuffer(raw, stored.get("dtype", entry["dtype"]), math.prod(entry["shape"]), at)
        at += values.nbytes
        values = values.astype(np.float32) * stored.get("scale", 1.0) + stored.get("min", 0.0)
        value = torch.from_numpy(values.reshape(entry["shape"]))
        if value.ndim == 4:
            value = value.permute(2, 3, 0, 1) if "depthwise" in entry["name"] else value.permute(3, 2, 0, 1)
        yield entry["name"].replace("/", "_"), value.contiguous()


class PointsNet(nn.Module):
    """The 68 points of face-api.js: (N, 3, POINTS_INPUT, POINTS_INPUT) RGB 0..1 -> (N, 136), x and y 0..1 in turn."""

    def __init__(self, manifest: Path) -> None:
        super().__init__()
        (group,) = json.loads(needed(manifest).read_text())
        for name, value in stored_weights(manifest.parent, group):
            self.register_buffer(name, value, persistent=False)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None] / 255, persistent=False)

    def _layer(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        x, bias = padded(x, 3, stride), getattr(self, f"{name}_bias")
        if hasattr(self, f"{name}_filters"):
            return F.conv2d(x, getattr(self, f"{name}_filters"), bias, stride)
        x = F.conv2d(x, getattr(self, f"{name}_depthwise_filter"), None, stride, groups=x.shape[1])
        return F.conv2d(x, getattr(self, f"{name}_pointwise_filter"), bias)

    def forward(self, image: Tensor) -> Tensor:
        x = image - self.mean
        for block in range(4):
            so_far = first = F.relu(self._layer(x, f"dense{block}_conv0", 2))
            for conv in (1, 2, 3):
                so_far = so_far + self._layer(F.relu(so_far) if conv > 1 else first, f"dense{block}_conv{conv}")
            x = F.relu(so_far)
        return F.avg_pool2d(x, x.shape[-1]).flatten(1) @ self.fc_weights + self.fc_bias


def read_onnx(path: Path) -> nn.Module:
    """An ONNX graph as a frozen torch module, for any number of pictures."""
    from onnx2torch import convert

    model = onnx.load(needed(path))
    shapes = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    for stored in model.graph.initializer:
        if stored.name in shapes:
            shape = onnx.numpy_helper.to_array(stored).copy()
            shape[0] = 0  # as many as enter, where the file says one
            stored.CopyFrom(onnx.numpy_helper.from_array(shape, stored.name))
    return convert(model).eval().requires_grad_(False).to(memory_format=torch.channels_last)


class GreyPointsNet(nn.Module):
    """The 68 points of Faceplugin: (N, 3, GREY_INPUT, GREY_INPUT) RGB 0..1 -> (N, 136), x and y 0..1 in turn."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.graph = read_onnx(path)
        self.register_buffer("luma", torch.tensor(_LUMA)[:, None, None] * 255 / 256, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        return self.graph((image * self.luma).sum(1, keepdim=True))


@dataclass(frozen=True)
class Convention:
    """Which of a network's landmarks are what."""

    head: tuple[int, ...]  # nose tip, chin, outer corners of the eyes, corners of the mouth
    features: tuple[int, ...]  # brows, eyes, nose and mouth
    # Upper and lower rim and both ends of the right eye, the left eye and the inner lips.
    openings: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[int, int]], ...]


MESH = Convention(
    (4, 152, 33, 263, 61, 291),
    (*BROWS, *EYES[0], *EYES[1], *LIPS, *MOUTH, *NOSE),
    (
        ((160, 158), (144, 153), (33, 133)),
        ((385, 387), (380, 373), (362, 263)),
        ((81, 13, 311), (178, 14, 402), (78, 308)),
    ),
)
POINTS = Convention(
    (30, 8, 36, 45, 48, 54),
    tuple(range(17, 68)),
    (((37, 38), (41, 40), (36, 39)), ((43, 44), (47, 46), (42, 45)), ((61, 62, 63), (67, 66, 65), (60, 64))),
)
# The places of `Convention.head` on a common head: right, down and back, in any unit.
_HEAD = np.array([[0, 0, 0], [0, 330, 65], [-225, -170, 135], [225, -170, 135], [-150, 150, 125], [150, 150, 125]])
_FIT = torch.from_numpy(np.linalg.pinv(_HEAD - _HEAD.mean(0)).astype(np.float32))


@dataclass(frozen=True)
class Look:
    """How a network looks at a face: through squares of about `reach` (mean, deviation in parts) widths of a crop
    around `middle`, with `size` pixels."""

    places: Callable[[Tensor], Tensor]
    convention: Convention
    size: int
    reach: tuple[float, float]
    middle: tuple[float, float]


class Landmarks(nn.Module):
    """How far pose and expression of a swap are from its target's, by four networks on views drawn at random."""

    def __init__(self, mesh: Path, points: Path, iris: Path, grey: Path) -> None:
        super().__init__()
        self.mesh, self.points, self.iris = TfliteGraph(mesh), PointsNet(points), TfliteGraph(iris)
        self.grey = GreyPointsNet(grey)
        self.to(memory_format=torch.channels_last)
        by_mesh = Look(self.on_mesh, MESH, INPUT, (1.25, 0.1), (0.5, 0.62))
        by_points = Look(self.on_points, POINTS, POINTS_INPUT, (0.8, 0.06), (0.5, 0.63))
        by_grey = Look(self.on_grey, POINTS, GREY_INPUT, (0.87, 0.06), (0.5, 0.63))
        # The grey net costs little and is nearest to what dlib sees, so it has two of the four looks.
        self.looks = (by_mesh, by_points, by_grey, by_grey)

    def forward(self, swapped: Tensor, real: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Errors of (N, 3, S, S) RGB 0..1, means over the pictures: pose, in degrees, and expression, in widths of the
        eyes, as three networks see them, and lids, in widths of an eye. Only `swapped` gets a gradient."""
        turns = [views(len(real), look.reach, look.middle, chance) for look in self.looks]
        told = [looked(k.places, swapped, real, turn, k.size) for k, turn in zip(self.looks, turns, strict=True)]
        both = [(*pair, look.convention) for pair, look in zip(told, self.looks, strict=True)]
        pose = torch.stack([pose_error(*one) for one in both]).mean()
        expression = torch.stack([expression_error(*one) for one in both]).mean()
        return pose, expression, self.lids(swapped, real, told[0][1], turns[0], chance)

    def lids(self, swapped: Tensor, real: Tensor, mesh: Tensor, turns: Tensor, chance: torch.Generator) -> Tensor:
        """Error of the rims of both eyes, whose corners are those of `mesh` (N, 468, 2), found in the views `turns`."""
        right, left = (around(mesh, turns, ends, chance) for *_, ends in MESH.openings[:2])
        pairs = ((swapped, real, right), (swapped.flip(3), real.flip(3), mirror(left)))
        return torch.stack([lid_error(*looked(self.on_eye, *pair, EYE_INPUT)) for pair in pairs]).mean()

    def on_mesh(self, view: Tensor) -> Tensor:
        """FaceMesh's landmarks (N, 468, 2) on views (N, 3, INPUT, INPUT), in their widths."""
        return self.mesh(view).unflatten(1, (-1, 3))[..., :2] / INPUT

    def on_points(self, view: Tensor) -> Tensor:
        """The 68 points (N, 68, 2) on views (N, 3, POINTS_INPUT, POINTS_INPUT), in their widths."""
        return self.points(view).unflatten(1, (-1, 2))

    def on_grey(self, view: Tensor) -> Tensor:
        """The 68 points (N, 68, 2) on views (N, 3, GREY_INPUT, GREY_INPUT), in their widths."""
        return self.grey(view).unflatten(1, (-1, 2))

    def on_eye(self, view: Tensor) -> Tensor:
        """The rims (N, LIDS, 2) of a right eye on views (N, 3, EYE_INPUT, EYE_INPUT), in their widths."""
        return self.iris(view).unflatten(1, (-1, 3))[:, :LIDS, :2] / EYE_INPUT


def looked(
    places: Callable[[Tensor], Tensor], swapped: Tensor, real: Tensor, turns: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """The landmarks (N, K, 2) that `places` finds on both through the same views (N, 2, 3) of `size` pixels."""
    found = places(seen(swapped, turns, size))
    with torch.no_grad():
        return found, places(seen(real, turns, size))


def around(points: Tensor, turns: Tensor, ends: tuple[int, int], chance: torch.Generator) -> Tensor:
    """Views (N, 2, 3) of an eye whose corners are two of the `points` (N, K, 2) found in the views `turns`."""
    inner = turns.to(points)
    placed = (2 * points[:, list(ends)] - 1) @ inner[:, :, :2].transpose(1, 2) + inner[:, None, :, 2]
    across, middle = placed[:, 1] - placed[:, 0], placed.mean(1)
    width = EYE_REACH * torch.exp(0.08 * torch.randn(len(points), generator=chance)).to(points)
    return squares(width * across.norm(dim=1) / 2, torch.atan2(across[:, 1], across[:, 0]), middle)


def mirror(turns: Tensor) -> Tensor:
    """The same views (N, 2, 3), of the mirrored pictures."""
    signs = torch.tensor([[1.0, -1.0, -1.0], [-1.0, 1.0, 1.0]], device=turns.device)
    return turns * signs


def lid_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean distance (N) of the rims of an eye (N, LIDS, 2), over its width, less what moves all of it."""
    apart = (found - found.mean(1, keepdim=True)) - (wanted - wanted.mean(1, keepdim=True))
    return length(apart).mean(1) / length(wanted[:, 0] - wanted[:, 8])


def pose_error(found: Tensor, wanted: Tensor, convention: Convention) -> Tensor:
    """Degrees (N) between two attitudes of a head under weak perspective: the least-squares fit of a common head to
    six landmarks is linear in them, and the difference of two fits over their scale is the angle, where that is small;
    a turn in the plane of the picture counts 1.4 times."""

    def attitude(points: Tensor) -> Tensor:
        six = points[:, list(convention.head)]
        fit = _FIT.to(points) @ (six - six.mean(1, keepdim=True))
        return fit / length(fit.flatten(1))[:, None, None] * math.sqrt(2)

    return math.degrees(1) * length((attitude(found) - attitude(wanted)).flatten(1))


def expression_error(found: Tensor, wanted: Tensor, convention: Convention) -> Tensor:
    """Mean difference (N) of three openings over their widths, plus the mean distance of brows, eyes, nose and mouth
    after the best affine fit, over the distance between the outer corners of the eyes."""
    opened = (openings(found, convention) - openings(wanted, convention)).abs().mean(1)
    at = list(convention.features)
    base = torch.linalg.qr(torch.cat([wanted[:, at], torch.ones_like(wanted[:, at, :1])], 2))[0]
    apart = found[:, at] - wanted[:, at]
    apart = apart - base @ (base.transpose(1, 2) @ apart)
    return opened + length(apart).mean(1) / length(wanted[:, convention.head[2]] - wanted[:, convention.head[3]])


def openings(points: Tensor, convention: Convention) -> Tensor:
    """Opening over width (N, 3) of the right eye, the left eye and the inner lips."""

    def ratio(upper: tuple[int, ...], lower: tuple[int, ...], ends: tuple[int, int]) -> Tensor:
        height = length(points[:, list(upper)] - points[:, list(lower)]).mean(1)
        return height / length(points[:, ends[0]] - points[:, ends[1]])

    return torch.stack([ratio(*opening) for opening in convention.openings], 1)


def length(x: Tensor) -> Tensor:
    """Euclidean length over the last axis, with a gradient at 0."""
    return (x.square().sum(-1) + 1e-10).sqrt()


def views(count: int, reach: tuple[float, float], middle: tuple[float, float], chance: torch.Generator) -> Tensor:
    """Affine maps (N, 2, 3) for `seen`: squares of about `reach` (mean, deviation in parts) widths of a crop around
    `middle`, a little off and a little turned."""
    width = reach[0] * torch.exp(reach[1] * torch.randn(count, generator=chance))
    angle = 0.08 * torch.randn(count, generator=chance)
    off = 0.02 * torch.randn(count, 2, generator=chance)
    return squares(width, angle, 2 * (torch.tensor(middle) + off) - 1)
