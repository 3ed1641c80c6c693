"""Sampling a constant picture, as a graph of gathers: ONNX Runtime's own GridSample takes four times as long."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..frame import Floats

__all__ = ["sample_by_table"]


def sample_by_table(graph: Any) -> None:
    """Replaces each bilinear GridSample of a constant picture with repeated borders in an ``onnx.GraphProto``.

    What bilinear interpolation needs around each pixel stands in one row of a table, so that a sample is one look-up.
    The result is the same but for rounding.
    """
    for node in [node for node in graph.node if node.op_type == "GridSample" and _is_usual(node)]:
        picture = _constant(graph, node.input[0])
        if picture is not None and picture.ndim == 4 and picture.shape[0] == 1:
            place = list(graph.node).index(node)
            made = _sampling(graph, node, picture[0])
            graph.node.remove(node)
            for offset, one in enumerate(made):
                graph.node.insert(place + offset, one)


def _is_usual(node: Any) -> bool:
    given = {item.name: item.s.decode() or item.i for item in node.attribute}
    return (given.get("mode"), given.get("padding_mode"), given.get("align_corners")) == ("bilinear", "border", 0)


def _constant(graph: Any, name: str) -> Floats | None:
    """The value of ``name`` where it is constant, repeated for every item of the batch or not."""
    from onnx import numpy_helper

    held = next((item for item in graph.initializer if item.name == name), None)
    if held is not None:
        return np.asarray(numpy_helper.to_array(held))
    node: Any = next((node for node in graph.node if name in node.output), None)
    match node and node.op_type:
        case "Constant":
            value = next((item.t for item in node.attribute if item.name == "value"), None)
            return None if value is None else np.asarray(numpy_helper.to_array(value))
        case "Expand":
            return _constant(graph, node.input[0])
        case "Concat":
            parts = [_constant(graph, part) for part in node.input]
            known = [part for part in parts if part is not None]
            return np.concatenate(known, node.attribute[0].i) if len(known) == len(parts) else None
    return None


def _table(picture: Floats) -> Floats:
    """(H W, 4 C): of (C, H, W) each pixel, and by how much those right of it, below it, and both add to it."""
    padded = np.pad(picture, ((0, 0), (0, 1), (0, 1)), mode="edge")
    here, right, below, both = padded[:, :-1, :-1], padded[:, :-1, 1:], padded[:, 1:, :-1], padded[:, 1:, 1:]
    rows = np.concatenate([here, right - here, below - here, both - right - below + here])
    return np.ascontiguousarray(rows.reshape(len(rows), -1).T, np.float32)


def _sampling(graph: Any, node: Any, picture: Floats) -> list[Any]:
    """Nodes that stand for ``node``. Its grid is (N, h, w, 2), -1..1 from edge to edge (ONNX, GridSample)."""
    from onnx import TensorProto, helper, numpy_helper

    name, (_, height, width) = node.output[0], picture.shape
    size = np.array([width, height], np.float32).reshape(2, 1, 1)
    constants = {
        "half": size / 2,
        "middle": (size - 1) / 2,
        "first": np.zeros((2, 1, 1), np.float32),
        "last": size - 1,
        "width": np.array(width, np.float32),
        "second": np.array([1], np.int64),
        "table": _table(picture),
    }
    graph.initializer.extend(numpy_helper.from_array(value, f"{name}/{key}") for key, value in constants.items())
    made = []

    # "" stands for the node's own grid and output.
    def add(kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> None:
        taken = [f"{name}/{one}" if one else node.input[1] for one in inputs]
        given = [f"{name}/{one}" if one else name for one in outputs]
        made.append(helper.make_node(kind, taken, given, name=given[0], **attributes))

    add("Transpose", [""], "grid", perm=[0, 3, 1, 2])
    add("Mul", ["grid", "half"], "scaled")
    add("Add", ["scaled", "middle"], "free")
    add("Max", ["free", "first"], "after")
    add("Min", ["after", "last"], "inside")
    add("Floor", ["inside"], "whole")
    add("Sub", ["inside", "whole"], "share")
    add("Split", ["share"], "x", "y", axis=1)
    add("Split", ["whole"], "column", "line", axis=1)
    add("Mul", ["line", "width"], "before")
    add("Add", ["before", "column"], "number")
    add("Cast", ["number"], "integer", to=TensorProto.INT32)
    add("Squeeze", ["integer", "second"], "row")
    add("Gather", ["table", "row"], "rows", axis=0)
    add("Transpose", ["rows"], "planes", perm=[0, 3, 1, 2])
    add("Split", ["planes"], "here", "right", "below", "both", axis=1)
    add("Mul", ["both", "x"], "both by x")
    add("Add", ["below", "both by x"], "slope")
    add("Mul", ["slope", "y"], "down")
    add("Mul", ["right", "x"], "across")
    add("Add", ["here", "across"], "along")
    add("Add", ["along", "down"], "")
    return made
