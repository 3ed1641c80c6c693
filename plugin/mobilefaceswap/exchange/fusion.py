"""Fusion settings: a Tracker with its paths, and a CornerPositioner, as they are pasted into the flow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .motion import CORNERS, NAMES, Motion, frame_number, from_fusion, fusion

__all__ = ["corner_positioner", "read", "tracker"]

_INPUTS = {"top_left": "TopLeft", "top_right": "TopRight", "bottom_right": "BottomRight", "bottom_left": "BottomLeft"}
_KEY = re.compile(r"\[(-?[\d.]+)\]\s*=\s*\{\s*(-?[\d.eE+-]+)")


def tracker(motion: Motion) -> str:
    """The five points as one Tracker."""
    patterns, inputs = [], []
    for number, name in enumerate(NAMES, 1):
        time, x, y = _start(motion, name)
        patterns.append(f"\t\t\t\t{{ PatternTime = {time}, PatternX = {x:.9g}, PatternY = {y:.9g}, }},")
        inputs += [
            f'\t\t\t\tName{number} = Input {{ Value = "{name}", }},',
            f"\t\t\t\tPatternCenter{number} = Input {{ Value = {{ {x:.9g}, {y:.9g}, }}, }},",
            f'\t\t\t\tTrackedCenter{number} = Input {{ SourceOp = "{_path(name)}", Source = "Value", }},',
        ]
    trackers = "\n".join(patterns)
    head = f"\t\tFaceTracker = Tracker {{\n\t\t\tTrackers = {{\n{trackers}\n\t\t\t}},\n"
    return _document([_tool(head, inputs), *(_animated(motion, name) for name in NAMES)])


def corner_positioner(motion: Motion) -> str:
    """A CornerPositioner that puts a picture of the crop on the plate."""
    inputs = [
        f'\t\t\t\t{_INPUTS[name]} = Input {{ SourceOp = "{_path(name)}", Source = "Value", }},' for name in CORNERS
    ]
    return _document(
        [_tool("\t\tFaceCornerPin = CornerPositioner {\n", inputs), *(_animated(motion, name) for name in CORNERS)]
    )


def _start(motion: Motion, name: str) -> tuple[int, float, float]:
    time = min(motion.points[name])
    return time, *fusion(motion.points[name][time], motion.size)


def _path(name: str) -> str:
    return f"Face{name.title().replace('_', '')}Path"


def _tool(head: str, inputs: list[str]) -> str:
    joined = "\n".join(inputs)
    return (
        f"{head}\t\t\tInputs = {{\n{joined}\n\t\t\t}},\n\t\t\tViewInfo = OperatorInfo {{ Pos = {{ 0, 0 }} }},\n\t\t}},"
    )


def _animated(motion: Motion, name: str) -> str:
    """An XYPath with a spline for each of x and y."""
    path = _path(name)
    inputs = [f'\t\t\t\t{axis} = Input {{ SourceOp = "{path}{axis}", Source = "Value", }},' for axis in "XY"]
    joined = "\n".join(inputs)
    lines = [f"\t\t{path} = XYPath {{\n\t\t\tInputs = {{\n{joined}\n\t\t\t}},\n\t\t}},"]
    keys = {time: fusion(at, motion.size) for time, at in sorted(motion.points[name].items())}
    for place, axis in enumerate("XY"):
        spline = "\n".join(
            f"\t\t\t\t[{time}] = {{ {at[place]:.12g}, Flags = {{ Linear = true }} }}," for time, at in keys.items()
        )
        lines.append(f"\t\t{path}{axis} = BezierSpline {{\n\t\t\tKeyFrames = {{\n{spline}\n\t\t\t}},\n\t\t}},")
    return "\n".join(lines)


def _document(tools: list[str]) -> str:
    joined = "\n".join(tools)
    return f"{{\n\tTools = ordered() {{\n{joined}\n\t}},\n}}\n"


def read(text: str, size: tuple[int, int]) -> Motion:
    """The points of a Tracker or CornerPositioner animated by XYPath modifiers. Raises ValueError on anything else."""
    paths, splines = (dict(_blocks(text, kind)) for kind in ("XYPath", "BezierSpline"))
    names = dict(re.findall(r'Name(\d+)\s*=\s*Input\s*\{\s*Value\s*=\s*"([^"]*)"', text))
    points: dict[str, dict[int, tuple[float, float]]] = {}
    for place, path in re.findall(r'TrackedCenter(\d+)\s*=\s*Input\s*\{[^}]*?SourceOp\s*=\s*"(\w+)"', text):
        name = names.get(place, "")
        points[name if name in NAMES else NAMES[int(place) - 1] if int(place) <= len(NAMES) else f"track{place}"] = (
            _keys(paths.get(path, ""), splines, size)
        )
    for name, label in _INPUTS.items():
        if found := re.search(label + r'\s*=\s*Input\s*\{[^}]*?SourceOp\s*=\s*"(\w+)"', text):
            points[name] = _keys(paths.get(found.group(1), ""), splines, size)
    if not any(points.values()):
        raise ValueError("no Tracker or CornerPositioner animated by XYPath; in Fusion choose Change to XY Path first")
    return Motion(size, points)


def _keys(path: str, splines: Mapping[str, str], size: tuple[int, int]) -> dict[int, tuple[float, float]]:
    """A point by frame from an XYPath, whose inputs name its splines: Fusion renames those that are pasted twice."""
    sources = dict(re.findall(r'\b([XY])\s*=\s*Input\s*\{[^}]*?SourceOp\s*=\s*"(\w+)"', path))
    x, y = (
        {frame_number(time): float(value) for time, value in _KEY.findall(splines.get(sources.get(axis, ""), ""))}
        for axis in "XY"
    )
    return {time: from_fusion((x[time], y[time]), size) for time in sorted(x.keys() & y.keys())}


def _blocks(text: str, kind: str) -> Iterator[tuple[str, str]]:
    """Name and content of every tool of a kind."""
    for tool in re.finditer(rf"(\w+)\s*=\s*{kind}\s*\{{", text):
        yield tool.group(1), _braced(text, tool.end())


def _braced(text: str, start: int) -> str:
    """What stands between the brace before ``start`` and the one that closes it."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start:place]
    raise ValueError("a brace that is not closed")
