"""What the bridge costs: through the C interface, against the Python node in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ..frame import ColourSpace, Floats, Frame
from ..node import FaceSwapNode
from .host import Host
from .install import binary_of

__all__ = ["measure"]

_SIZE = (1920, 1080)
_FRAMES = 12


def measure(bundle: Path, source: Path, picture: Floats) -> dict[str, float]:
    """Milliseconds per 1080p float RGBA frame.

    picture: (H, W, 3) with one face, which is placed on the plates. Every plate differs from the one before.
    """
    plates = _plates(picture)
    host = Host(binary_of(bundle))
    node = host.effects()[0].create(source=str(source))
    first = _milliseconds(node.render, plates[0])
    direct_node = FaceSwapNode(source)
    direct_node.render(0, plate=_frame(plates[0]))
    # The small host's own copies are its own cost: measured apart and taken off.
    bridge, direct, copies = [], [], []
    for plate in plates[1:]:
        direct.append(_milliseconds(_composite, direct_node, plate))
        bridge.append(_milliseconds(node.render, plate))
        copies.append(_milliseconds(_host_copies, plate))
    tweak = []
    for step in range(_FRAMES):
        node.values["matte_feather"] = 4.0 + step / 4
        tweak.append(_milliseconds(node.render, plates[-1]))
    cost = statistics.median(b - d - c for b, d, c in zip(bridge, direct, copies, strict=True))
    return {
        "first_frame_ms": first,
        "node_ms": statistics.median(direct),
        "bridge_added_ms": cost,
        "bridge_added_percent": 100 * cost / statistics.median(direct),
        "matte_tweak_median_ms": statistics.median(tweak) - statistics.median(copies),
        "matte_tweak_p95_ms": sorted(tweak)[int(0.95 * (len(tweak) - 1))] - statistics.median(copies),
    }


def _plates(picture: Floats) -> list[Floats]:
    width, height = _SIZE
    base = np.full((height, width, 4), 0.2, np.float32)
    base[..., 3] = 1
    size = 640
    face = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    plates = []
    for number in range(_FRAMES):
        plate = base.copy()
        plate[200 : 200 + size, 300 + 20 * number : 300 + 20 * number + size, :3] = face
        plates.append(plate)
    return plates


def _composite(node: FaceSwapNode, plate: Floats) -> Floats:
    return node.render(0, plate=_frame(plate)).composite


def _frame(plate: Floats) -> Frame:
    return Frame(plate, ColourSpace.REC709)


def _host_copies(plate: Floats) -> None:
    """What Host.render does besides the action: two images made and one filled."""
    for _ in range(2):
        memory = np.full(plate.nbytes, 0xA5, np.uint8)
    memory.view(np.float32).reshape(plate.shape)[::-1] = plate


def _milliseconds(work: Callable[..., object], *given: object) -> float:
    started = time.perf_counter()
    work(*given)
    return 1000 * (time.perf_counter() - started)
