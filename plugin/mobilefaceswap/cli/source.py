"""``mobilefaceswap identity`` and ``mobilefaceswap analyse``: what is prepared once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UserInputError
from ..settings import Settings, Stage
from .options import (
    AllowInterlaced,
    FacesName,
    JsonOption,
    Overwrite,
    PackName,
    Range,
    SourceFace,
    Target,
    Threads,
    with_settings,
)
from .summary import listed
from .terminal import print_json_line, quiet_libraries

__all__ = ["analyse", "identity"]

_READ: tuple[Stage, ...] = ("plate", "detect")
"""Stages whose settings decide what a track holds. It is steadied, filled and swapped later, by other settings."""


def identity(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURE...", help="Pictures of the source person, a folder of them, or identities (.idn) to mix."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Identity file to write (.idn).")],
    source_face: SourceFace = 0,
    release: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Likeness-release note to record, such as a contract number; added to those of identities.",
        ),
    ] = "",
    weights: Annotated[
        str | None, typer.Option(metavar="W,W...", help="Weights of pictures or identities, such as 2,1; else alike.")
    ] = None,
    ages: Annotated[str | None, typer.Option(metavar="A,A...", help="The person's age in each; with --age.")] = None,
    age: Annotated[
        float | None, typer.Option(metavar="A", help="The age to show, by --ages or ages.toml beside the pictures.")
    ] = None,
    pack: PackName = None,
    faces: FacesName = None,
    overwrite: Overwrite = False,
    as_json: JsonOption = False,
) -> None:
    """Read the source person once, or mix several, and write a portable identity file."""
    if output.suffix.lower() != ".idn":
        raise UserInputError(f"expected an identity file that ends in .idn; found {output}. Name it {output}.idn")
    from ..identity import load_source, picture_files
    from ..media import check_input, check_output
    from ..packs import find_pack
    from .outputs import check_free_or_ask

    files = [file for place in pictures for file in picture_files(place)]
    for file in files:
        check_input(file)
    shares, in_each = _weights(files, weights, ages, age)
    check_output(str(output), *files)
    if not overwrite:
        check_free_or_ask(str(output))
    chosen = find_pack(pack)
    with quiet_libraries():
        made = load_source([*files], chosen, faces, source_face, shares, age or 0.0, in_each)
        made = made.with_release(release) if release else made
    made.save(output)
    if as_json:
        used = [{"picture": item.name, "used": item.used, "note": item.note} for item in made.pictures]
        print_json_line({"identity": str(output), "hash": made.content_hash, "pack": made.pack_name, "pictures": used})
        return
    for item in made.pictures:
        typer.echo(f"{'used' if item.used else 'left out'}  {item.name}  {item.note}")
    size = output.stat().st_size
    typer.echo(f"{output}: identity {made.content_hash[:12]} for pack {made.pack_name}, {size / 1e6:.2f} MB")


def _weights(
    files: list[Path], weights: str | None, ages: str | None, age: float | None
) -> tuple[list[float] | None, list[float] | None]:
    """The weight of each picture, or the person's age in each; None for what was not asked for."""
    from ..identity import ages_of

    if (age is None and ages) or (weights and age is not None):
        raise UserInputError(
            "expected --weights, or the --age to show, with --ages of the portraits or ages.toml beside them; found "
            "another combination. Give one of the two"
        )
    if age is not None:
        return None, _numbers("ages", ages) if ages else ages_of(files)
    return None if weights is None else _numbers("weights", weights), None


def _numbers(what: str, text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError as error:
        raise UserInputError(
            f"expected {what} as numbers with commas between them, such as 2,1; found {text!r}. Write them so"
        ) from error


@partial(with_settings, stages=_READ)
def analyse(
    target: Target,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Track file to write (.json).")],
    frames: Range = None,
    overwrite: Overwrite = False,
    pack: PackName = None,
    faces: FacesName = None,
    allow_interlaced: AllowInterlaced = False,
    threads: Threads = None,
    as_json: JsonOption = False,
    *,
    settings: Mapping[str, Any],
) -> None:
    """Find the faces of a clip and store them, for hosts and farms without temporal access."""
    from rich.console import Console
    from rich.progress import Progress

    from ..analyse_clip import analyse_clip
    from ..faces import open_detector
    from ..media import check_output
    from ..packs import find_pack
    from .clips import open_target
    from .outputs import check_free_or_ask
    from .range import frame_range

    check_output(str(output), target)
    if not overwrite:
        check_free_or_ask(str(output))
    chosen = find_pack(pack)
    detector = open_detector(chosen, faces)
    with quiet_libraries(), open_target(target, allow_interlaced) as clip:
        times = frame_range(frames, clip)
        with Progress(disable=as_json, console=Console(stderr=True)) as bar:
            task = bar.add_task("Analysing", total=len({*times} - {*clip.missing}))
            track = analyse_clip(
                clip,
                chosen,
                detector,
                Settings.from_mapping(settings),
                times,
                Path(target).name,
                lambda _: bar.advance(task),
            )
    track.save(output)
    absent = [time for time in times if time not in track.frames]
    empty = [time for time, there in track.frames.items() if not there]
    if as_json:
        found = {"frames": len(track.frames), "missing": absent, "without_a_face": empty, "cuts": sorted(track.cuts)}
        print_json_line({"track": str(output), **found, "people": len(track.people)})
        return
    typer.echo(
        f"{output}: {len(track.frames)} frames, {len(track.frames) - len(empty)} with a face, "
        f"{len(track.people)} people, {len(track.cuts)} cuts"
    )
    if absent:
        typer.echo(
            f"{output}: without {listed(absent)}, which the sequence lacks; swap with --missing-frames hold or skip",
            err=True,
        )
