"""What is said at the end of a swap: figures of the shot, where to look twice, and which clips failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from ..errors import FaceSwapError
from .terminal import explain, print_json_line

if TYPE_CHECKING:
    from ..render_shot import ShotReport
    from ..settings import Settings
    from .people import People

__all__ = ["listed", "report_failed", "summarise"]

_DOUBTFUL = 0.5
_MOST_SHOWN = 10


def summarise(report: ShotReport, output: str, people: People, settings: Settings, *, as_json: bool) -> None:
    """Figures of one clip; of all its frames the worst counts. settings: the run's."""
    empty = [time for time, found in report.quality.items() if not found.faces_swapped]
    swapped = {time: found for time, found in report.quality.items() if found.faces_swapped}
    absent = people.without_a_face(report.quality.values(), settings)
    worst = {
        "confidence": min((found.confidence for found in swapped.values()), default=0.0),
        "roll": max((found.roll for found in swapped.values()), key=abs, default=0.0),
        "plausibility": min((found.plausibility for found in swapped.values()), default=0.0),
    }
    if as_json:
        document = {
            "output": output,
            "frames": report.frames,
            "skipped": report.skipped,
            "frames_per_second": report.frames_per_second,
            "without_a_swap": empty,
            "people_without_a_face": absent,
            **worst,
            "network_ran_on": report.runtime,
        }
        print_json_line(document)
        return
    typer.echo(
        f"{output}: {_frames(report.frames)} at {report.frames_per_second:.1f} frames/s, {report.skipped} skipped"
    )
    if swapped:
        typer.echo(
            f"faces swapped in {_frames(len(swapped))}: confidence {worst['confidence']:.2f} and more, rolled by up to "
            f"{abs(worst['roll']):.0f} degrees, plausibility {worst['plausibility']:.2f} and more"
        )
    doubtful = [time for time, found in swapped.items() if found.plausibility < _DOUBTFUL]
    if doubtful:
        typer.echo(f"look twice: the face's points are unlike a face's in {listed(doubtful)}", err=True)
    broken = [time for time, found in report.quality.items() if found.not_finite]
    if broken:
        typer.echo(
            "pixels of the plate under the matte are NaN or infinite, or of a negative alpha, in "
            f"{_frames(len(broken))}, from frame {broken[0]} on: such colour counts as black",
            err=True,
        )
    if empty:
        typer.echo(f"no face was swapped in {listed(empty)}", err=True)
    for who in absent:
        typer.echo(f"{who}: no face in any of {_frames(report.frames)}", err=True)


def listed(times: Sequence[int]) -> str:
    """How many frames, and which; of many the first."""
    shown = ", ".join(map(str, times[:_MOST_SHOWN])) + (" …" if len(times) > _MOST_SHOWN else "")
    return f"{_frames(len(times))}: {shown}"


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def report_failed(failed: Mapping[str, FaceSwapError], count: int, what: str = "clips", *, as_json: bool) -> None:
    """Says which of several clips, or of what else is named, failed, and why; ends the command with the exit code of
    the first, if any did.
    """
    if not failed:
        return
    if as_json:
        print_json_line({"failed": {target: str(error) for target, error in failed.items()}})
    else:
        typer.echo(f"{len(failed)} of {count} {what} failed:", err=True)
        for error in failed.values():
            explain(error)
    raise typer.Exit(next(iter(failed.values())).exit_code)
