"""``mobilefaceswap swap`` and ``mobilefaceswap frame``: the options; the work is in ``shots.py``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from .help import MORE
from .options import (
    AllowInterlaced,
    BitDepth,
    Device,
    DiskCache,
    FacesName,
    ForceTrack,
    FrameRate,
    InsideMatte,
    JsonOption,
    LayersOption,
    MatteFit,
    OutsideMatte,
    Overwrite,
    PackName,
    PeopleTable,
    Range,
    SourceAge,
    SourceFace,
    SourceOrNone,
    Target,
    Threads,
    TrackFile,
    with_settings,
)

__all__ = ["frame", "swap"]

Matte = Annotated[str | None, typer.Option("--matte", "-m", metavar="PATH", help="Where to write the matte.")]
Codec = Annotated[
    str | None,
    typer.Option("--codec", "-c", metavar="NAME", help="h264, h265, prores, dnxhr, av1, vp9, ffv1 or FFmpeg's."),
]


@with_settings
def swap(
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="Video files or image sequences (shot.%04d.exr).")
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="PATH", help="Video file or sequence to write, or a folder.")
    ],
    source: SourceOrNone = None,
    people: PeopleTable = None,
    matte: Matte = None,
    inside: InsideMatte = None,
    outside: OutsideMatte = None,
    frames: Range = None,
    codec: Codec = None,
    quality: Annotated[
        str | None,
        typer.Option("--quality", "-q", metavar="Q", help="CRF, lower is better; ProRes profile, such as hq."),
    ] = None,
    overwrite: Overwrite = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="List what would be read and written, and the time.")
    ] = False,
    bit_depth: BitDepth = None,
    layers: LayersOption = "usual",
    audio: Annotated[
        bool, typer.Option("--audio/--no-audio", help="Leave the sound out.", rich_help_panel=MORE)
    ] = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip finished frames of a sequence.", rich_help_panel=MORE)
    ] = False,
    source_face: SourceFace = 0,
    source_age: SourceAge = 0,
    pack: PackName = None,
    faces: FacesName = None,
    track: TrackFile = None,
    force_track: ForceTrack = False,
    matte_fit: MatteFit = False,
    allow_interlaced: AllowInterlaced = False,
    frame_rate: FrameRate = None,
    disk_cache: DiskCache = True,
    threads: Threads = None,
    device: Device = None,
    as_json: JsonOption = False,
    *,
    settings: Mapping[str, Any],
) -> None:
    """Swap the face in one or more clips and write the finished footage."""
    from .people import people_of
    from .shot import Delivery, Mattes, Shot, with_defaults
    from .shots import swap_clips

    everybody = people_of(source, people, pack, faces, source_face=source_face, source_age=source_age)
    delivery = Delivery(codec, quality, bit_depth, audio, resume, overwrite, layers)
    chosen, mattes = with_defaults(settings, pack, track), Mattes(inside, outside, matte_fit)
    shot = Shot(frames, track, allow_interlaced, disk_cache, chosen, mattes, force_track, frame_rate)
    swap_clips(targets, (output, matte), everybody, delivery, shot, dry_run=dry_run, as_json=as_json)


@with_settings
def frame(
    target: Target,
    number: Annotated[int, typer.Option("--frame", "-f", metavar="N", help="Frame number.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="PATH", help="Picture to write; .exr keeps the float pixels.")
    ],
    source: SourceOrNone = None,
    people: PeopleTable = None,
    inside: InsideMatte = None,
    outside: OutsideMatte = None,
    overwrite: Overwrite = False,
    bit_depth: BitDepth = None,
    layers: LayersOption = "usual",
    source_face: SourceFace = 0,
    source_age: SourceAge = 0,
    pack: PackName = None,
    faces: FacesName = None,
    track: TrackFile = None,
    force_track: ForceTrack = False,
    matte_fit: MatteFit = False,
    allow_interlaced: AllowInterlaced = False,
    frame_rate: FrameRate = None,
    disk_cache: DiskCache = True,
    as_json: JsonOption = False,
    *,
    settings: Mapping[str, Any],
) -> None:
    """Render one frame: the same float pixels as that frame of the full render."""
    from .people import people_of
    from .shot import Delivery, Mattes, Shot, with_defaults
    from .shots import swap_frame

    everybody = people_of(source, people, pack, faces, source_face=source_face, source_age=source_age)
    chosen, mattes = with_defaults(settings, pack, track), Mattes(inside, outside, matte_fit)
    shot = Shot(f"{number}:{number}", track, allow_interlaced, disk_cache, chosen, mattes, force_track)
    swap_frame(
        target,
        output,
        everybody,
        Delivery(bit_depth=bit_depth, overwrite=overwrite, layers=layers),
        shot,
        as_json=as_json,
    )
