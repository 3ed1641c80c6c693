"""``mobilefaceswap bench``: speed and memory of this machine, to attach to a question."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import JsonOption
from .terminal import print_json

__all__ = ["bench"]


def bench(
    frames: Annotated[int, typer.Option(min=8, help="Length of the clip.")] = 72,
    ofx: Annotated[bool, typer.Option("--ofx", help="Measure what the OpenFX bridge adds instead.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure milliseconds per stage, frames per second, identity preparation and peak memory."""
    report = _measure_bridge() if ofx else _measure_shot(frames)
    if as_json:
        print_json(report)
    elif ofx:
        for name, figure in report.items():
            typer.echo(f"{name:>24}: {figure:8.1f}")
    else:
        _print(report)


def _measure_shot(frames: int) -> dict[str, Any]:
    from ..demo.bench import measure_shot

    return measure_shot(frames)


def _measure_bridge() -> dict[str, Any]:
    from ..demo.bench_bridge import measure
    from ..demo.samples import AstronautClip, grace_hopper
    from ..ofx.install import find_installed

    return {**measure(find_installed(), grace_hopper(), AstronautClip((640, 640), 1).frame(0).rgb)}


def _print(report: dict[str, Any]) -> None:
    typer.echo(f"identity prepared in {report['identity_seconds']:.2f} s (pack verified and sessions opened included)")
    for stage, milliseconds in report["stage_milliseconds"].items():
        typer.echo(f"{stage:>8}: {milliseconds:6.1f} ms a frame")
    typer.echo(f"end to end: {report['frames_per_second']:.1f} frames/s over {report['frames']} frames of 1080p")
    typer.echo(f"matte change on a cached frame: {report['tweak_milliseconds']:.1f} ms (median)")
    if report["peak_megabytes"] is not None:
        typer.echo(f"peak memory: {report['peak_megabytes']:.0f} MB on {report['cpus']} CPUs")
