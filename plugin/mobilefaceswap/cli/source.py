"""``mobilefaceswap identity`` and ``mobilefaceswap analyse``: what is prepared once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track as progress

from ..errors import UserInputError
from ..faces import Track
from ..faces.detector import open_detector
from ..identity import load_source, picture_files
from ..media import check_output
from ..node import find_faces
from ..packs import find_pack
from ..settings import Settings
from .clips import InterlacedOption, opened
from .options import with_settings
from .range import frame_range

__all__ = ["analyse", "identity"]

_MOST_BYTES = 3_000_000

PackOption = Annotated[str | None, typer.Option("--pack", help="Model pack: a name or a folder.")]
FacesOption = Annotated[str | None, typer.Option("--faces", help="Other face detector: insightface:FOLDER_OR_NAME.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def identity(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures of the source person, or a folder of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Identity file to write (.idn).")],
    source_face: Annotated[int, typer.Option(min=0, help="Which face of each picture, from the largest.")] = 0,
    release: Annotated[str, typer.Option(help="Likeness-release note to record, for instance a contract number.")] = "",
    pack: PackOption = None,
    faces: FacesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read the source person once and write a portable identity file."""
    if output.suffix.lower() != ".idn":
        raise UserInputError(f"expected an identity file that ends in .idn; found {output}. Name it {output}.idn")
    files = [file for place in pictures for file in picture_files(place)]
    check_output(str(output), *files)
    chosen = find_pack(pack)
    made = load_source([*files], chosen, open_detector(chosen, faces), source_face).with_release(release)
    made.save(output)
    if as_json:
        used = [{"picture": item.name, "used": item.used, "note": item.note} for item in made.pictures]
        document = {"identity": str(output), "hash": made.content_hash, "pack": made.pack_name, "pictures": used}
        typer.echo(json.dumps(document))
        return
    console = Console()
    for item in made.pictures:
        console.print(f"{'used' if item.used else 'left out'}  {item.name}  {item.note}", markup=False)
    size = output.stat().st_size
    console.print(f"{output}: identity {made.content_hash[:12]} for pack {made.pack_name}, {size / 1e6:.2f} MB")


@with_settings
def analyse(
    target: Annotated[str, typer.Argument(help="Target clip: a video file or an image sequence.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Track file to write (.json).")],
    frames: Annotated[str | None, typer.Option("--range", help="First and last frame, IN-OUT.")] = None,
    pack: PackOption = None,
    faces: FacesOption = None,
    allow_interlaced: InterlacedOption = False,
    as_json: JsonOption = False,
    *,
    settings: Settings,
) -> None:
    """Find the faces of a clip and store them, for hosts and farms without temporal access."""
    analyser = open_detector(find_pack(pack), faces)
    with opened(target, allow_interlaced) as clip:
        check_output(str(output), clip.path)
        first, last = frame_range(frames, clip)
        found = {}
        for time in progress(range(first, last + 1), "Analysing", disable=as_json, console=Console(stderr=True)):
            found[time] = find_faces(analyser, clip.frame(time), settings)
        size = clip.frame(first).size
    Track(size, found, Path(target).name, analyser.name).save(output)
    empty = [time for time, there in found.items() if not there]
    if as_json:
        typer.echo(json.dumps({"track": str(output), "frames": len(found), "without_a_face": empty}))
        return
    typer.echo(f"{output}: {len(found)} frames, {len(found) - len(empty)} with a face")
