"""Layers as the authors' framework stores them: names below a prefix, linear weights as [in, out]."""

from __future__ import annotations

from .graph import Graph
from .pdparams import Parameters

__all__ = ["Layers"]


class Layers:
    """Adds layers with stored parameters to a graph."""

    def __init__(self, graph: Graph, parameters: Parameters) -> None:
        self.graph = graph
        self._parameters = parameters

    def parameter(self, name: str, *shape: int) -> str:
        """A stored array as a constant of the graph."""
        return self.graph.constant(self._parameters.take(name, shape))

    def convolution(
        self, value: str, name: str, entering: int, leaving: int, kernel: int, *, stride: int = 1, padding: int = 0
    ) -> str:
        """A full convolution with bias."""
        weight = self.parameter(f"{name}.weight", leaving, entering, kernel, kernel)
        bias = self.parameter(f"{name}.bias", leaving)
        return self.graph.convolution(value, weight, bias, stride=stride, padding=padding)

    def plain_convolution(
        self, value: str, name: str, entering: int, leaving: int, kernel: int, *, stride: int = 1, padding: int = 0
    ) -> str:
        """A full convolution without bias."""
        weight = self.parameter(f"{name}.weight", leaving, entering, kernel, kernel)
        return self.graph.convolution(value, weight, stride=stride, padding=padding)

    def depthwise(self, value: str, name: str, channels: int) -> str:
        """A depthwise 3 x 3 convolution with bias."""
        weight, bias = self.parameter(f"{name}.weight", channels, 1, 3, 3), self.parameter(f"{name}.bias", channels)
        return self.graph.convolution(value, weight, bias, padding=1, groups=channels)

    def batch_norm(self, value: str, name: str, channels: int) -> str:
        """Batch norm with recorded statistics."""
        parts = (self.parameter(f"{name}.{part}", channels) for part in ("weight", "bias", "_mean", "_variance"))
        return self.graph.batch_norm(value, *parts)

    def prelu(self, value: str, name: str) -> str:
        """A rectifier with one learned slope for all channels."""
        return self.graph.node("PRelu", value, self.parameter(f"{name}._weight", 1))

    def linear(self, value: str, name: str, entering: int, leaving: int) -> str:
        """(N, entering) to (N, leaving)."""
        weight = self.parameter(f"{name}.weight", entering, leaving)
        return self.graph.node("Gemm", value, weight, self.parameter(f"{name}.bias", leaving))
