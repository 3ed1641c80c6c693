"""``mobilefaceswap bench``: what a swap costs on this machine, each figure beside its mark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import JsonOption
from .terminal import print_json

__all__ = ["bench"]


def bench(
    clip: Annotated[
        Path | None, typer.Option("--clip", metavar="FILE", help="Measure on this clip, not on one made for it.")
    ] = None,
    frames: Annotated[
        int, typer.Option("--frames", min=24, metavar="N", help="Length of the clip that is made.")
    ] = 120,
    rounds: Annotated[int, typer.Option("--rounds", min=1, metavar="N", help="How often all is measured.")] = 3,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="PART", help="shot, scaling, networks, interactive, start or length."),
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="REV", help="Also measure this revision of the repository.")
    ] = None,
    ofx: Annotated[bool, typer.Option("--ofx", help="Measure what the OpenFX bridge adds instead.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure a swap beside the bare transcode of the same clip, its stages, memory and latencies."""
    if ofx:
        _measure_bridge(as_json=as_json)
        return
    from ..demo.bench.report import PARTS, measure

    parts = tuple(only) if only else tuple(part for part in PARTS if part != "length")
    report = measure(
        parts,
        clip=clip,
        frames=frames,
        rounds=rounds,
        against=against,
        say=lambda sentence: typer.echo(sentence, err=True),
    )
    if as_json:
        print_json(report.document())
    else:
        _print(report)


def _measure_bridge(*, as_json: bool) -> None:
    from ..demo.bench.bridge import measure
    from ..demo.samples import AstronautClip, grace_hopper
    from ..ofx.install import find_installed

    report = measure(find_installed(), grace_hopper(), AstronautClip((640, 640), 1).frame(0).rgb)
    if as_json:
        print_json(report)
        return
    for name, figure in report.items():
        typer.echo(f"{name:>24}: {figure:8.1f}")


def _print(report: Any) -> None:
    """The table of the documentation, with what it was measured on."""
    from ..demo.bench.marks import markdown

    machine = report.machine
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    typer.echo(f"{machine['processor']}, {machine['cores']} cores, load {machine['load']}, {machine['platform']}, ")
    typer.echo(f"Python {machine['python']}, {libraries}; version {machine['version']}\n")
    typer.echo(markdown(report.marks))
    for stage, milliseconds in report.figures.get("stage_milliseconds", {}).items():
        typer.echo(f"{stage}: {milliseconds:.1f} ms a frame")
    if "against" in report.figures:
        found = report.figures["against"]
        shown = ", ".join(f"{name} {found[f'{name}_ratio']['median']:.2f}x" for name in ("wall", "processor", "peak"))
        typer.echo(f"against {found['revision']}: {shown}")
