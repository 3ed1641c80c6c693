"""Options shared by several commands, and the table of settings as options."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..settings import Setting, Settings, Stage, table
from .help import MORE

__all__ = [
    "AllowInterlaced",
    "BitDepth",
    "Device",
    "DiskCache",
    "FacesName",
    "ForceTrack",
    "FrameRate",
    "InsideMatte",
    "JsonOption",
    "LayersOption",
    "MatteFit",
    "OutsideMatte",
    "Overwrite",
    "PackName",
    "PeopleTable",
    "Range",
    "Source",
    "SourceAge",
    "SourceFace",
    "SourceOrNone",
    "Target",
    "Threads",
    "TrackFile",
    "with_settings",
]


def set_threads(wanted: int | None) -> int | None:
    """For this process and those that it starts."""
    if wanted is not None:
        os.environ["MOBILEFACESWAP_THREADS"] = str(wanted)
    return wanted


def set_device(wanted: str | None) -> str | None:
    """For this process and those that it starts. Raises SettingsError on one that is not known."""
    if wanted is not None:
        (row,) = (row for row in table(host=True) if row.name == "device")
        os.environ["MOBILEFACESWAP_DEVICE"] = row.check(wanted.lower())
    return wanted


Target = Annotated[str, typer.Argument(metavar="TARGET", help="A video file or an image sequence (shot.%04d.exr).")]
Source = Annotated[
    list[Path],
    typer.Option("--source", "-s", metavar="PATH", help="Whose face: picture, folder of pictures or .idn file."),
]
SourceOrNone = Annotated[
    list[Path] | None,
    typer.Option("--source", "-s", metavar="PATH", help="Whose face: picture, folder of pictures or .idn file."),
]
PeopleTable = Annotated[
    Path | None,
    typer.Option("--people", metavar="FILE", help="Several people: a TOML table of sources and settings."),
]
Range = Annotated[
    str | None,
    typer.Option("--range", "-r", metavar="IN-OUT", help="Frames or timecodes: 10-20, 10:20, 10-, -20, 1-9x2."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", "-y", help="Replace outputs that exist.")]
BitDepth = Annotated[
    int | None,
    typer.Option("--bit-depth", metavar="BITS", help="8, 10, 12, 16 or 32; else the clip's.", rich_help_panel=MORE),
]
LayersOption = Annotated[
    Literal["none", "usual", "all"],
    typer.Option(
        "--layers", metavar="WHICH", help="Layers of an EXR: none, face and matte, or all.", rich_help_panel=MORE
    ),
]
SourceFace = Annotated[
    int,
    typer.Option(
        "--source-face", metavar="N", min=0, help="Face in the source; 0 is the largest.", rich_help_panel=MORE
    ),
]
SourceAge = Annotated[
    float,
    typer.Option(
        "--source-age", metavar="A", min=0, help="Age to show, by ages.toml beside portraits.", rich_help_panel=MORE
    ),
]
PackName = Annotated[
    str | None,
    typer.Option("--pack", metavar="PACK", help="Model pack: a name or a folder.", rich_help_panel=MORE),
]
FacesName = Annotated[
    str | None,
    typer.Option("--faces", metavar="NAME", help="Detector: insightface:FOLDER_OR_NAME.", rich_help_panel=MORE),
]
TrackFile = Annotated[
    Path | None,
    typer.Option("--track", metavar="FILE", help="Track file from `mobilefaceswap analyse`.", rich_help_panel=MORE),
]
InsideMatte = Annotated[
    str | None,
    typer.Option("--inside", metavar="PATH", help="Holdout matte: keeps the face. FILE.exr:CHANNEL, too."),
]
OutsideMatte = Annotated[
    str | None,
    typer.Option("--outside", metavar="PATH", help="Garbage matte: keeps the plate, and wins over --inside."),
]
MatteFit = Annotated[
    bool,
    typer.Option("--matte-fit", help="Fit mattes of another size, frame rate or length.", rich_help_panel=MORE),
]
ForceTrack = Annotated[
    bool,
    typer.Option("--force-track", help="Use the track though it seems another clip's.", rich_help_panel=MORE),
]
AllowInterlaced = Annotated[
    bool,
    typer.Option("--allow-interlaced", help="Take interlaced video as progressive.", rich_help_panel=MORE),
]
FrameRate = Annotated[
    str | None,
    typer.Option(
        "--frame-rate",
        metavar="FPS",
        help="Of a sequence, whatever its files declare: 25, 23.976.",
        rich_help_panel=MORE,
    ),
]
DiskCache = Annotated[
    bool,
    typer.Option("--disk-cache/--no-disk-cache", help="Do not use the cache on disk.", rich_help_panel=MORE),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="Threads; else one for each core.",
        callback=set_threads,
        rich_help_panel=MORE,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="auto, cpu, cuda, tensorrt, coreml, directml, openvino.",
        callback=set_device,
        rich_help_panel=MORE,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.", rich_help_panel=MORE)]

_NAMES = {"output_mode": ("--output-mode", "--layer")}
"""Options with a second, shorter name; all others are called as their setting is."""
_TYPES: dict[str, type] = {"boolean": bool, "integer": int, "double": float, "text": str, "file": str}


def with_settings(command: Callable[..., Any], *, stages: Collection[Stage] | None = None) -> Callable[..., Any]:
    """Gives a command one option per row of the table; its ``settings`` argument holds those given, checked.

    The rest is left to the command, since a pack has defaults of its own. stages: those whose rows the command reads;
    None for all.
    """
    rows = [row for row in table() if stages is None or row.stage in stages]

    @functools.wraps(command)
    def wrapper(**arguments: Any) -> Any:
        given = {row.name: value for row in rows if (value := arguments.pop(row.name)) is not None}
        Settings.from_mapping(given)
        return command(**arguments, settings=given)

    own = [item for item in inspect.signature(command, eval_str=True).parameters.values() if item.name != "settings"]
    added = [_parameter(row) for row in rows]
    wrapper.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {item.name: item.annotation for item in [*own, *added]}
    return wrapper


def _parameter(row: Setting) -> inspect.Parameter:
    closed = row.kind == "choice" and not row.open
    kind: Any = Literal[tuple(row.entries)] if closed else _TYPES.get(row.kind, str)
    option = typer.Option(*_NAMES.get(row.name, ()), help=row.hint, rich_help_panel=row.group)
    return inspect.Parameter(
        row.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )
