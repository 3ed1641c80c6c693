"""``mobilefaceswap measure``: how good swaps of clips are, each figure beside its mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FaceSwapError, UserInputError
from .help import MORE
from .options import (
    AllowInterlaced,
    Device,
    FacesName,
    JsonOption,
    PackName,
    Range,
    Source,
    SourceAge,
    SourceFace,
    TrackFile,
    with_settings,
)
from .summary import report_failed
from .terminal import print_json, quiet_libraries

if TYPE_CHECKING:
    from ..demo.measure import Measured
    from ..faces import Track
    from ..media import MediaClip
    from ..node import FaceSwapNode
    from ..settings import Settings

__all__ = ["measure"]


@with_settings
def measure(
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="Video files or image sequences (shot.%04d.exr).")
    ],
    source: Source,
    each_source: Annotated[
        bool, typer.Option("--each-source", help="Each --source is another person.", rich_help_panel=MORE)
    ] = False,
    frames: Range = None,
    source_face: SourceFace = 0,
    source_age: SourceAge = 0,
    pack: PackName = None,
    faces: FacesName = None,
    track: TrackFile = None,
    allow_interlaced: AllowInterlaced = False,
    device: Device = None,
    as_json: JsonOption = False,
    *,
    settings: Mapping[str, Any],
) -> None:
    """Measure swaps beside their plates: bits, highlights, jitter, lag, flicker, pumping, seam, grain, proxies."""
    from ..faces import load_track, open_detector
    from ..identity import load_source, picture_files
    from ..media import check_input
    from ..node import FaceSwapNode
    from ..packs import find_pack
    from .shot import with_defaults

    if track is not None and len(targets) > 1:
        raise UserInputError("expected one clip with --track, which belongs to it; found several. Measure them singly")
    for file in [*filter(None, [track]), *(file for place in source for file in picture_files(place))]:
        check_input(file)
    chosen, known, own = find_pack(pack), load_track(track) if track else None, with_defaults(settings, pack, track)
    detector = open_detector(chosen, faces)
    people = [[one] for one in source] if each_source else [source]
    identities = {
        ", ".join(map(str, one)): load_source(one, chosen, detector, source_face, age=source_age) for one in people
    }

    def measured(target: str, source: str) -> list[Measured]:
        node_over = partial(FaceSwapNode, identities[source], pack=chosen, settings=own, track=known, faces=detector)
        return _measured(target, allow_interlaced, node_over, frames, own, known, quiet=as_json)

    _measure_each(measured, targets, [*identities], as_json=as_json)


def _measure_each(
    measured: Callable[[str, str], list[Measured]], targets: Sequence[str], sources: Sequence[str], *, as_json: bool
) -> None:
    """Prints the figures of every target with every source; those that fail are reported at the end."""
    swaps: dict[str, list[Measured]] = {}
    failed: dict[str, FaceSwapError] = {}
    pairs, alone = [*product(targets, sources)], len(targets) * len(sources) == 1
    for target, source in pairs:
        name = f"{target} from {source}"
        try:
            swaps[name] = measured(target, source)
        except FaceSwapError as error:
            if alone:
                raise
            failed[name] = error
            continue
        if not as_json:
            _print(swaps[name], "" if alone else name)
    if as_json:
        rows = [(name, one) for name, found in swaps.items() for one in found]
        print_json([{"swap": name, **asdict(one), "holds": one.holds} for name, one in rows])
    elif len(swaps) > 1:
        _print_together(swaps)
    report_failed(failed, len(pairs), "swaps", as_json=False)


def _measured(
    target: str,
    allow_interlaced: bool,
    node_over: Callable[[MediaClip], FaceSwapNode],
    frames: str | None,
    settings: Settings,
    track: Track | None,
    *,
    quiet: bool,
) -> list[Measured]:
    from rich.console import Console
    from rich.progress import track as progress

    from ..analyse_clip import check_clip
    from ..demo.measure import measure_clip
    from .clips import open_target
    from .range import frame_range, present_frames

    with quiet_libraries(), open_target(target, allow_interlaced) as clip:
        if track is not None:
            check_clip(track, clip, Path(target).name)
        times = present_frames(frame_range(frames, clip), clip, settings)
        shown = progress(times, "Measuring", disable=quiet, console=Console(stderr=True))
        return measure_clip(node_over(clip), shown)


def _print(found: list[Measured], heading: str) -> None:
    words = {True: "holds", False: "MISSED", None: "the clip cannot tell"}
    if heading:
        typer.echo(heading)
    for one in found:
        value = "" if one.value is None else f"{one.value:.4g}"
        typer.echo(f"{one.name:<10} {value:>9}  at most {one.most:<5g} {words[one.holds]:<20}  {one.label}")


def _print_together(swaps: Mapping[str, list[Measured]]) -> None:
    """A line for each figure: its median and worst over all swaps, by their distance from 0."""
    from ..demo.measure import measured_together

    typer.echo(f"{len(swaps)} swaps")
    for one in measured_together(swaps):
        if one.median is None or one.worst is None:
            typer.echo(f"{one.name:<10} no clip can tell")
            continue
        held = f"MISSED in {one.missed}" if one.missed else "holds"
        figures = f"median {one.median:<7.4g} worst {one.worst:<7.4g} at most {one.most:<5g}"
        typer.echo(f"{one.name:<10} {figures} {held:<13} {one.worst_of}")
