"""Published networks as differentiable graphs: a `Graph` is a list of layers and their weights, and nothing else.

It needs only torch to run, keeps its weights in half precision on disk, and gradients pass through it to the picture.
The folder `conversion` makes graphs from the files that their authors publish.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.kernels import convolved, frozen_prelu

Step = tuple[str, list[str], str, dict[str, Any]]  # operation, inputs (values or weights), output, attributes


class Graph(nn.Module):
    """Layers in order; `forward` maps one input (N, C, H, W) to the values named in `outputs`."""

    def __init__(
        self, steps: Sequence[Step], weights: Mapping[str, Tensor], outputs: Sequence[str], image: str = "image"
    ) -> None:
        super().__init__()
        self.steps, self.outputs, self.image = list(steps), list(outputs), image
        self._places = {name: f"w{i}" for i, name in enumerate(weights)}
        for name, place in self._places.items():
            value = weights[name].float()
            self.register_buffer(
                place, value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value
            )

    def forward(self, image: Tensor) -> list[Tensor]:
        known: dict[str, Tensor] = {self.image: image}
        for operation, inputs, output, attributes in self.steps:
            values = [known[name] if name in known else getattr(self, self._places[name]) for name in inputs]
            known[output] = _OPERATIONS[operation](*values, **attributes)
        return [known[name] for name in self.outputs]

    def stored(self) -> dict[str, Any]:
        """What makes it again, `Graph(**stored)`, weights in half precision."""
        weights = {name: getattr(self, place).half() for name, place in self._places.items()}
        return {"steps": self.steps, "weights": weights, "outputs": self.outputs, "image": self.image}


def _conv(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int, pad: Any, groups: int = 1) -> Tensor:
    if pad == "same":
        # TensorFlow's padding: where it is uneven, the larger part comes after.
        needs = [max((math.ceil(n / stride) - 1) * stride + weight.shape[-1] - n, 0) for n in x.shape[2:]]
        x, pad = F.pad(x, (needs[1] // 2, needs[1] - needs[1] // 2, needs[0] // 2, needs[0] - needs[0] // 2)), 0
    return convolved(x, weight, bias, stride, pad, groups)


_OPERATIONS = {
    "conv": _conv,
    "linear": lambda x, weight, bias=None: F.linear(x, weight, bias),
    "affine": lambda x, scale, shift: x * scale + shift,
    "prelu": frozen_prelu,
    "relu": F.relu,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "add": lambda x, y: x + y,
    "multiply": lambda x, y: x * y,
    "mean": lambda x: x.mean((2, 3), keepdim=True),
    "maximum": lambda x, *, size: F.max_pool2d(x, size),
    "channels": lambda x, *, more: F.pad(x, (0, 0, 0, 0, 0, more)),
    "flatten": lambda x: x.flatten(1),
}
