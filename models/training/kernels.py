"""Three operations that PyTorch 2.13 computes 4 to 25 times too slowly on a processor. Results are the same.

Measured on one core: the gradient of a strided depthwise convolution takes 48 ms in bf16 and 7 in fp32 (12 x 96 x 65 x
65, kernel 3), that of a parametric ReLU 22 ms, and 4 as written here (8 x 128 x 56 x 56); they were half of a training
step. Two means over 5 x 5 pixels take 37 to 88 ms, by their layout, and 9 as written here (8 x 3 x 224 x 224).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


class _StridedDepthwise(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, pad: int) -> Tensor:
        context.save_for_backward(x, weight)
        context.told = stride, pad, bias is not None
        return F.conv2d(x, weight, bias, stride, pad, groups=x.shape[1])

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = context.saved_tensors
        stride, pad, biased = context.told
        wanted = context.needs_input_grad[:3]
        # Of the input only the shape is asked for as long as no gradient goes to the kernels.
        x = x.float() if wanted[1] else torch.empty_like(x, dtype=torch.float32)
        found = torch.ops.aten.convolution_backward(
            gradients[0].float(), x, weight.float(), [len(weight)] if biased else None,
            [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], len(weight), wanted,
        )  # fmt: skip
        return (*(g if g is None else g.to(weight.dtype) for g in found), None, None)


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, pad: int, groups: int) -> Tensor:
    """`F.conv2d` in the type of `x`; gradients of strided depthwise ones in fp32 where a processor computes them."""
    if stride == 1 or groups != x.shape[1] or x.dtype != torch.bfloat16 or x.device.type != "cpu":
        return F.conv2d(x, weight, bias, stride, pad, groups=groups)
    bias = bias if bias is None else bias.to(x.dtype)
    found: Tensor = _StridedDepthwise.apply(x, weight.to(x.dtype), bias, stride, pad)  # type: ignore[no-untyped-call]
    return found


class _ParametricReLU(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, slope: Tensor) -> Tensor:
        context.save_for_backward(x, slope)
        return F.prelu(x, slope)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, slope = context.saved_tensors
        above = torch.ops.aten.threshold_backward(gradients[0], x, 0.0)
        return torch.addcmul(above, slope.reshape(1, -1, *[1] * (x.ndim - 2)), gradients[0] - above), None


def frozen_prelu(x: Tensor, slope: Tensor) -> Tensor:
    """`F.prelu` with slopes, one for all channels or one each, that are never taught."""
    found: Tensor = _ParametricReLU.apply(x, slope.flatten().to(x.dtype))  # type: ignore[no-untyped-call]
    return found


def softened(picture: Tensor, radius: int) -> Tensor:
    """A mean over a square of 2 `radius` + 1 pixels, twice, the border's values going on outside."""
    side = 2 * radius + 1
    for _ in range(2):
        wide = F.pad(picture, (radius,) * 4, mode="replicate")
        if torch.onnx.is_in_onnx_export():  # one node of a graph; otherwise it would be twenty
            picture = F.avg_pool2d(wide, side, 1)
            continue
        for along in (3, 2):
            n = picture.shape[along]
            wide = sum(wide.narrow(along, i, n) for i in range(side)) / side  # type: ignore[assignment]
        picture = wide
    return picture
