"""The network of one identity: a graph whose predicted weights are constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from ..errors import PackError
from ..frame import Floats

__all__ = ["specialise"]


def specialise(model: bytes, weights: Mapping[str, Floats]) -> bytes:
    """The IDN ``model`` with its predicted ``weights`` as constants; only ``image`` remains an input.

    With constants the runtime lays out the kernels once, which is about twice as fast as feeding them at every call.
    Raises PackError where names or shapes are not those that the model asks for.
    """
    import onnx  # takes a third of a second; only needed here

    specialised = onnx.load_from_string(model)
    graph = specialised.graph
    wanted = {item.name: _shape(item) for item in graph.input if item.name != "image"}
    given = {name: array.shape for name, array in weights.items()}
    if wanted != given:
        raise _mismatch(wanted, given)
    image = [item for item in graph.input if item.name == "image"]
    del graph.input[:]
    graph.input.extend(image)
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.ascontiguousarray(weights[name], np.float32), name) for name in sorted(wanted)
    )
    return cast(bytes, specialised.SerializeToString())


def _shape(item: Any) -> tuple[int, ...]:
    return tuple(dimension.dim_value for dimension in item.type.tensor_type.shape.dim)


def _mismatch(wanted: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]) -> PackError:
    name = min(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
    return PackError(
        f"expected the predicted weight {name} to have the shape {wanted.get(name, 'of nothing: the network has none')}"
        f"; found {given.get(name, 'none')}. Prepare the identity again with this pack"
    )
