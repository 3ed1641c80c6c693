"""``mobilefaceswap bench``: one 1080p clip with one face, end to end. A benchmark, not a test."""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ..cache import RenderCache
from ..faces.detector import open_detector
from ..identity import load_source
from ..media import create_output, open_clip
from ..node import FaceSwapNode, StageTimes
from ..ofx.bench import measure
from ..ofx.install import find_installed
from ..packs import find_pack
from ..render_shot import render_shot
from ..samples import AstronautClip, grace_hopper
from ..settings import Settings

__all__ = ["bench", "measured"]

_SIZE = (1920, 1080)
_TWEAKS = 11


def bench(
    frames: Annotated[int, typer.Option(min=8, help="Length of the clip.")] = 72,
    ofx: Annotated[bool, typer.Option("--ofx", help="Measure what the OpenFX bridge costs instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Measure milliseconds per stage, frames per second end to end, identity preparation and peak memory."""
    if ofx:
        _bench_ofx(as_json)
        return
    report = measured(frames)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    typer.echo(f"identity prepared in {report['identity_seconds']:.2f} s (pack verified and sessions opened included)")
    for stage, milliseconds in report["stage_milliseconds"].items():
        typer.echo(f"{stage:>8}: {milliseconds:6.1f} ms a frame")
    typer.echo(f"end to end: {report['frames_per_second']:.1f} frames/s over {frames} frames of 1080p")
    typer.echo(f"matte tweak on a cached frame: {report['tweak_milliseconds']:.1f} ms (median)")
    typer.echo(f"peak memory: {report['peak_megabytes']:.0f} MB on {report['cpus']} CPUs")


def _bench_ofx(as_json: bool) -> None:
    figures = measure(find_installed(), grace_hopper(), AstronautClip((640, 640), 1).frame(0).rgb)
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        typer.echo(f"{name:>24}: {figure:8.1f}")


class _TimedClip:
    """A clip whose decoding is measured."""

    def __init__(self, clip: Any, stages: StageTimes) -> None:
        self._clip, self._stages = clip, stages
        self.first, self.last = clip.first, clip.last

    def frame(self, time: int) -> Any:
        with self._stages.measure("decode"):
            return self._clip.frame(time)


def measured(frames: int) -> dict[str, Any]:
    """Every figure of the benchmark, caches on disk switched off."""
    portrait = grace_hopper()
    start = time.perf_counter()
    pack = find_pack()
    identity = load_source(portrait, pack, open_detector(pack))
    prepared = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        target, result = Path(folder, "target.mp4"), Path(folder, "out.mp4")
        plates = AstronautClip(_SIZE, frames)
        with create_output(target) as writer:
            for number in range(frames):
                writer.write(number, plates.frame(number).pixels)
        stages = StageTimes()
        with open_clip(target) as clip:
            node = FaceSwapNode(identity, _TimedClip(clip, stages), cache=RenderCache(128 << 20), stages=stages)
            with create_output(result, like=clip) as writer:
                report = render_shot(node, writer, (0, frames - 1))
            tweak = _tweak_seconds(node, frames // 2)
    return {
        "size": list(_SIZE),
        "frames": frames,
        "identity_seconds": prepared,
        "stage_milliseconds": {name: 1000 * seconds / frames for name, seconds in stages.seconds.items()},
        "frames_per_second": report.frames_per_second,
        "frames_swapped": sum(bool(quality.faces_swapped) for quality in report.quality.values()),
        "tweak_milliseconds": 1000 * tweak,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cpus": os.cpu_count(),
    }


def _tweak_seconds(node: FaceSwapNode, time_of_frame: int) -> float:
    """Median seconds to the new composite after the matte alone has changed."""
    assert node.target is not None
    plate = node.target.frame(time_of_frame)
    node.render(time_of_frame, plate=plate)
    seconds = []
    for value in np.linspace(-5, 5, _TWEAKS):
        start = time.perf_counter()
        _ = node.render(time_of_frame, Settings(matte_expand=float(value)), plate).composite
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
