"""``mobilefaceswap identity`` and ``mobilefaceswap analyse``: what is prepared once, and what it records."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UserInputError
from ..settings import Settings, Stage
from .options import (
    AllowInterlaced,
    FacesName,
    FrameRate,
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

if TYPE_CHECKING:
    from ..identity import Identity

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
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Identity file to write (.idn), unless --show."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print what identity files record, and write nothing.")] = False,
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
    if show:
        if output or release or weights or ages or age is not None:
            raise UserInputError("expected identity files alone with --show, which writes nothing; found other options")
        _show(pictures, as_json)
        return
    if output is None:
        raise UserInputError(
            "expected --output FILE.idn to write, or --show to print what a file records; found neither"
        )
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
        print_json_line(_recorded(output, made) | {"pictures": used})
        return
    for item in made.pictures:
        typer.echo(f"{'used' if item.used else 'left out'}  {item.name}  {item.note}")
    _tell(output, made)


def _show(places: list[Path], as_json: bool) -> None:
    from ..identity import FORMAT, VERSION, Identity

    for place in places:
        known = Identity.load(place)
        if as_json:
            kind = {"format": FORMAT, "version": VERSION, "pack_hash": known.pack_hash}
            print_json_line(_recorded(place, known) | kind)
            continue
        _tell(place, known)
        size, icon = len(known.embedding), "x".join(map(str, known.thumbnail.shape[1::-1]))
        typer.echo(
            f"format {FORMAT} {VERSION}, pack {known.pack_hash[:12]}; {len(known.weights)} weights, an embedding of "
            f"{size} numbers, an icon of {icon} pixels"
        )


def _recorded(place: Path, made: Identity) -> dict[str, Any]:
    """For machines: what an identity file records of people and papers."""
    mix = [
        {"share": part.share, "name": part.name, "hash": part.content_hash, "release": part.releases}
        for part in made.parts
    ]
    return {
        "identity": str(place),
        "hash": made.content_hash,
        "pack": made.pack_name,
        "release": made.releases,
        "mix": mix,
    }


def _tell(place: Path, made: Identity) -> None:
    """The same for people. Notes and names, which other people may have written, in quotes."""
    size = place.stat().st_size
    typer.echo(f"{place}: identity {made.content_hash[:12]} for pack {made.pack_name}, {size / 1e6:.2f} MB")
    for part in made.parts:
        typer.echo(f"mixed {part.share:.2f}  {part.name!r}  identity {part.content_hash[:12]}  {_notes(part.releases)}")
    typer.echo(f"release  {_notes(made.releases)}")


def _notes(releases: tuple[str, ...]) -> str:
    return ", ".join(map(repr, releases)) or "none recorded"


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
    frame_rate: FrameRate = None,
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
    _check_track_name(output)
    _check_without_corrections(output)
    if not overwrite:
        check_free_or_ask(str(output))
    chosen = find_pack(pack)
    detector = open_detector(chosen, faces)
    with quiet_libraries(), open_target(target, allow_interlaced, frame_rate) as clip:
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


def _check_track_name(output: Path) -> None:
    """Raises UserInputError where corrections would lie in another track's file, or this track in theirs."""
    if output.suffix.lower() != ".json":
        raise UserInputError(f"expected a track file that ends in .json; found {output}. Name it {output}.json")
    if output.name.lower().endswith(".edits.json"):
        raise UserInputError(
            f"expected the name of a track; found {output}, under which `mobilefaceswap track` keeps corrections. "
            "Choose another name"
        )


def _check_without_corrections(output: Path) -> None:
    """Raises UserInputError where a track that is to be replaced has corrections, which fit no other analysis."""
    from ..faces.edits import corrections_beside, sidecar

    made = corrections_beside(output) if output.is_file() else 0
    if made:
        raise UserInputError(
            f"expected a track without corrections at {output}, which is to be replaced; found {made} in "
            f"{sidecar(output)}, made for this analysis. Name another output; or move them away first, and back "
            "afterwards: --force-track then takes them"
        )
