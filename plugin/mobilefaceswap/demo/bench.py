"""One 1080p clip with one face, end to end, stage by stage. A benchmark, not a test."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..cache import RenderCache
from ..faces.detector import open_detector
from ..frame import Clip, Frame
from ..identity import load_source
from ..media import create_output, open_clip
from ..node import FaceSwapNode, StageTimes
from ..packs import find_pack
from ..render_shot import render_shot
from ..settings import Settings
from .samples import AstronautClip, grace_hopper

__all__ = ["measure_shot"]

_SIZE = (1920, 1080)
_TWEAKS = 11
_CACHE_BYTES = 128 << 20


class _TimedClip:
    """A clip whose decoding is measured."""

    def __init__(self, clip: Clip, stages: StageTimes) -> None:
        self._clip, self._stages = clip, stages
        self.first, self.last = clip.first, clip.last

    def frame(self, time: int) -> Frame:
        """See ``Clip``."""
        with self._stages.measure("decode"):
            return self._clip.frame(time)


def measure_shot(frames: int) -> dict[str, Any]:
    """Every figure of the benchmark over ``frames`` frames, without the disk cache.

    Raises UserInputError where the sample pictures are not installed.
    """
    portrait = grace_hopper()
    start = time.perf_counter()
    pack = find_pack()
    identity = load_source(portrait, pack, open_detector(pack))
    prepared = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        target = _write_target(Path(folder, "target.mp4"), frames)
        stages = StageTimes()
        with open_clip(target) as clip:
            node = FaceSwapNode(identity, _TimedClip(clip, stages), cache=RenderCache(_CACHE_BYTES), stages=stages)
            with create_output(Path(folder, "out.mp4"), like=clip) as writer:
                report = render_shot(node, writer, range(frames))
            tweak = _tweak_seconds(node, frames // 2)
    return {
        "size": list(_SIZE),
        "frames": frames,
        "identity_seconds": prepared,
        "stage_milliseconds": {name: 1000 * seconds / frames for name, seconds in stages.seconds.items()},
        "frames_per_second": report.frames_per_second,
        "frames_swapped": sum(bool(quality.faces_swapped) for quality in report.quality.values()),
        "tweak_milliseconds": 1000 * tweak,
        "peak_megabytes": _peak_megabytes(),
        "cpus": os.cpu_count(),
    }


def _write_target(target: Path, frames: int) -> Path:
    plates = AstronautClip(_SIZE, frames)
    with create_output(target) as writer:
        for number in range(frames):
            writer.write(number, plates.frame(number).pixels)
    return target


def _tweak_seconds(node: FaceSwapNode, time_of_frame: int) -> float:
    """Median seconds from a change of the matte to the new composite."""
    assert node.target is not None
    plate = node.target.frame(time_of_frame)
    node.render(time_of_frame, plate=plate)
    seconds = []
    for value in np.linspace(-5, 5, _TWEAKS):
        start = time.perf_counter()
        _ = node.render(time_of_frame, Settings(matte_expand=float(value)), plate).composite
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def _peak_megabytes() -> float | None:
    """Peak memory of this process; None on Windows, which has no ``getrusage``."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
