"""The cost of the bridge: frames through the C interface against the Python node, in the same run.

Frames through the bridge and through the node alternate, so that background load affects both equally;
the cost is the median of the differences. Memory is counted in a process of its own that does nothing else.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ...errors import EngineError
from ...frame import ColourSpace, Floats, Frame
from ...node import FaceSwapNode
from ...ofx.host import Host, Instance, Layout
from ...ofx.host.abi import OK
from ...ofx.install import binary_of

__all__ = ["measure"]

_SIZE = (1920, 1080)
_FRAMES = 24
_TWEAKS = 40
_INSTANCES = 10
_SEGMENT = "memfd:mobilefaceswap"
_LAYOUT = Layout(premultiplied=True)  # most hosts hand over no other


def measure(bundle: Path, source: Path, picture: Floats) -> dict[str, float]:
    """Milliseconds per 1080p float premultiplied RGBA frame with one face, and megabytes.

    picture: (H, W, 3) with one face, which is placed on the plates. Every plate differs from the one before.
    """
    host = Host(binary_of(bundle))
    started = time.perf_counter()
    node = host.effects()[0].create(source=str(source))
    plate = _plate(picture, 0)
    _render(node, plate)
    first = 1000 * (time.perf_counter() - started)
    direct_node = FaceSwapNode(source)
    direct_node.render(0, plate=_frame(plate))
    bridge, direct, copies = _alternating(
        partial(_render, node), lambda pixels: _composite(direct_node, pixels), picture
    )
    added = statistics.median(b - d - c for b, d, c in zip(bridge, direct, copies, strict=True))
    copy = statistics.median(copies)

    def tweak(step: int) -> None:
        node.values["matte_feather"] = 4.0 + step / 8
        _render(node, plate)

    def direct_tweak(step: int) -> None:
        settings = direct_node.settings.replaced(matte_feather=4.0 + step / 8)
        _ = direct_node.render(0, settings, _frame(plate)).composite

    _render(node, plate)
    tweaks, direct_tweaks = [], []
    for step in range(_TWEAKS):
        tweaks.append(_milliseconds(tweak, step) - copy)
        direct_tweaks.append(_milliseconds(direct_tweak, step))
    return {
        "first_frame_ms": first,
        "node_ms": statistics.median(direct),
        "bridge_added_ms": added,
        "bridge_added_percent": 100 * added / statistics.median(direct),
        "matte_tweak_median_ms": statistics.median(tweaks),
        "matte_tweak_p95_ms": _percentile(tweaks, 0.95),
        "matte_tweak_node_median_ms": statistics.median(direct_tweaks),
        **_memory(bundle, source, picture),
    }


def _render(node: Instance, plate: Floats) -> None:
    """One frame through the bridge. Raises EngineError where the node fails: what it then takes says nothing."""
    status, _ = node.render(plate, layout=_LAYOUT)
    if status != OK:
        raise EngineError(f"expected the bridge to render a frame; it failed. {node.persistent}")


def _alternating(
    through: Callable[[Floats], object], direct: Callable[[Floats], object], picture: Floats
) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of each frame (through the bridge, direct, the small host's own copies); who is first changes."""
    bridged, alone, copies = [], [], []
    for number in range(1, _FRAMES + 1):
        plate = _plate(picture, number)
        if number % 2:
            alone.append(_milliseconds(direct, plate))
            bridged.append(_milliseconds(through, plate))
        else:
            bridged.append(_milliseconds(through, plate))
            alone.append(_milliseconds(direct, plate))
        # The test host's own copies are not the bridge's cost; subtract them.
        copies.append(_milliseconds(_host_copies, plate))
    return bridged, alone, copies


def _memory(bundle: Path, source: Path, picture: Floats) -> dict[str, float]:
    """Megabytes, counted in a process of its own; nothing if the system does not report it."""
    if sys.platform != "linux":
        return {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "picture.npy"
        np.save(place, picture)
        command = [sys.executable, "-m", "mobilefaceswap.demo.bench.bridge", str(bundle), str(source), str(place)]
        counted = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, float] = json.loads(counted)
    return figures


def _count_memory(bundle: Path, source: Path, picture: Floats) -> dict[str, float]:
    """What the plug-in adds to this process and what further instances add to its engine."""
    plates = [_plate(picture, number) for number in range(4)]
    for plate in plates:
        _host_copies(plate)
    before, _ = _megabytes("self")
    effect = Host(binary_of(bundle)).effects()[0]
    first = effect.create(source=str(source))
    for plate in plates:
        _render(first, plate)
    after, segments = _megabytes("self")
    engine = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()[0]
    one, _ = _megabytes(engine)
    for step in range(1, _INSTANCES):
        _render(effect.create(source=str(source), matte_feather=4.0 + step), plates[-1])
    ten, _ = _megabytes(engine)
    return {
        "host_private_mb": after - before,
        "shared_segments_mb": segments,
        "engine_mb": one,
        "engine_mb_per_instance": (ten - one) / (_INSTANCES - 1),
    }


def _megabytes(process: str) -> tuple[float, float]:
    """(memory that is a process's alone, resident shared segments) of it."""
    private = segments = 0
    segment = False
    for line in Path(f"/proc/{process}/smaps").read_text().splitlines():
        name, *rest = line.split()
        if not name.endswith(":"):
            segment = _SEGMENT in line
        elif name == "Rss:" and segment:
            segments += int(rest[0])
        elif name in ("Private_Clean:", "Private_Dirty:") and not segment:
            private += int(rest[0])
    return private / 1024, segments / 1024


def _plate(picture: Floats, number: int) -> Floats:
    width, height = _SIZE
    plate = np.full((height, width, 4), 0.2, np.float32)
    plate[..., 3] = 1
    size = 640
    left = 300 + 20 * number
    plate[200 : 200 + size, left : left + size, :3] = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return plate


def _composite(node: FaceSwapNode, plate: Floats) -> Floats:
    return node.render(0, plate=_frame(plate)).composite


def _frame(plate: Floats) -> Frame:
    return Frame(plate, ColourSpace.REC709, _LAYOUT.premultiplied)


def _host_copies(plate: Floats) -> None:
    """What Host.render does besides the action: two images made and one filled."""
    for _ in range(2):
        memory = np.full(plate.nbytes, 0xA5, np.uint8)
    memory.view(np.float32).reshape(plate.shape)[::-1] = plate


def _milliseconds(work: Callable[..., object], *given: object) -> float:
    started = time.perf_counter()
    work(*given)
    return 1000 * (time.perf_counter() - started)


def _percentile(values: Sequence[float], share: float) -> float:
    return float(np.quantile(values, share))


if __name__ == "__main__":
    print(json.dumps(_count_memory(Path(sys.argv[1]), Path(sys.argv[2]), np.load(sys.argv[3]))))
