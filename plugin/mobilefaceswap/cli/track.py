"""``mobilefaceswap track``: tracks shown, corrected, taken to other programs and back."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import MediaError, UserInputError
from ..files import write_failure
from .options import ForceTrack, FrameRate, JsonOption, Overwrite, PackName
from .terminal import print_json

if TYPE_CHECKING:
    from ..faces import Edit, Edits, Track
    from ..faces.face import Points
    from ..frame import Window
    from ..packs import Crop

__all__ = ["app"]

app = typer.Typer(help="Show, correct, export and import tracks.", no_args_is_help=True)


def _there(track: Path) -> Path:
    """Raises MediaError where there is no such file."""
    from ..media import check_input

    check_input(track)
    return track


TrackArgument = Annotated[
    Path, typer.Argument(metavar="TRACK", help="Track file from `mobilefaceswap analyse`.", callback=_there)
]
Person = Annotated[
    int, typer.Option("--person", "-p", metavar="ID", min=0, help="Whose face: `track show` has the ids.")
]
Offset = Annotated[int, typer.Option(metavar="N", help="Frames by which the other program counts later than the clip.")]
_MAPS, _CROPS = _FOLDERS = "st-maps", "crops"
"""Formats of pictures, which go into a folder."""


@app.command()
def show(track: TrackArgument, force_track: ForceTrack = False, as_json: JsonOption = False) -> None:
    """List the people of a track, its cuts and corrections."""
    from ..faces import Edits, Track

    analysed = Track.load(track)
    known = Edits.beside(track, force=force_track)
    found = known.applied(analysed)
    people = [_person(found, person) for person in sorted(_ids(found))]
    if as_json:
        edits = [edit.named() for edit in known.edits]
        print_json({"frames": len(found.frames), "people": people, "cuts": sorted(found.cuts), "edits": edits})
        return
    for row in people:
        seen = f"{_counted(int(row['frames']), 'frame')} from {row['first']} to {row['last']}"
        if not row["id"]:
            typer.echo(f"faces of nobody known: on {seen}. Analyse the clip again to tell people apart")
            continue
        likeness = "likeness {likeness:.2f}, lowest {lowest:.2f} at frame {lowest_at}".format(**row)
        typer.echo(f"person {row['id']}: {seen}, {likeness}")
    typer.echo(f"cuts: {', '.join(map(str, sorted(found.cuts))) or 'none'}")
    for number, edit in enumerate(known.edits, 1):
        typer.echo(f"correction {number}: {edit}")


@app.command()
def edit(
    track: TrackArgument,
    frames: Annotated[str, typer.Option("--frames", "-r", metavar="IN-OUT", help="Frames, or one frame.")] = "",
    person: Person = 1,
    off: Annotated[bool, typer.Option("--off", help="No face to swap.")] = False,
    move: Annotated[str, typer.Option(metavar="X,Y", help="Pixels to the right and down.")] = "",
    points: Annotated[
        str,
        typer.Option(metavar="X,Y ...", help="Eyes, nose, corners of the mouth, left before right, from the top left."),
    ] = "",
    to: Annotated[str, typer.Option(metavar="X,Y ...", help="Where --points go until the last frame.")] = "",
    another: Annotated[
        int | None, typer.Option(metavar="ID", min=0, help="It is this person's face; two who are seen exchange ids.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last correction or import back.")] = False,
    force_track: ForceTrack = False,
) -> None:
    """Correct a track on some frames, in a file beside it; the track itself stays as analysed."""
    from ..faces import Edit, Edits, Track

    analysed = Track.load(track)
    known = Edits.beside(track, force=force_track)
    if undo:
        if not known.edits:
            raise UserInputError(f"expected a correction to take back; {track} has none")
        made, said = Edits(known.edits[:-1], known.track), f"taken back: {known.edits[-1]}"
    else:
        first, last = _span(frames)
        new = Edit(first, last, person, off, _pair(move) if move else None, _five(points), _five(to), another)
        made, said = known.joined(new, analysed), str(new)
        before = known.applied(analysed)
        _tell_what_is_odd(new, before)
        _tell_who_keeps_the_id(new, before, made, track)
    place = made.save(track)
    typer.echo(f"{said}\n{place}: {_counted(len(made.edits), 'correction')}")


@app.command()
def export(
    track: TrackArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="File to write; a folder for pictures.")
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="FORMAT",
            help="csv, nuke-tracker, nuke-cornerpin, fusion-tracker, "
            "fusion-cornerpin, after-effects, pftrack, st-maps or crops.",
        ),
    ],
    person: Person = 1,
    clip: Annotated[
        str | None, typer.Option(metavar="TARGET", help="The clip, for crops, its size, frame rate and pixel aspect.")
    ] = None,
    frame_rate: FrameRate = None,
    frame_offset: Offset = 0,
    pack: PackName = None,
    force_track: ForceTrack = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a person's motion for Nuke, Fusion, After Effects or PFTrack, as ST maps, or as aligned crops."""
    from ..exchange import FORMATS, motion_of, points_of, write_maps, write_motion
    from ..faces import load_track
    from ..packs import find_pack
    from ..settings import Settings

    if kind not in (*FORMATS, *_FOLDERS):
        raise UserInputError(f"expected a format among {', '.join((*FORMATS, *_FOLDERS))}; found {kind}. Choose one")
    if kind == _CROPS and clip is None:
        raise UserInputError("expected --clip TARGET for crops, which are cut from it; found none. Name the clip")
    _check_names(output, kind, track, clip)
    chosen = find_pack(pack)
    settings = Settings.from_mapping(chosen.defaults)
    known = load_track(track, force=force_track)
    motion = motion_of(known, person, chosen.crop, settings, *_plate_of(clip, frame_rate))
    points = points_of(motion, chosen.crop)
    if not overwrite:
        _check_free(output, kind, [time + frame_offset for time in points])
    if kind in FORMATS:
        write_motion(output, motion.shifted(frame_offset), kind)
    elif kind == _MAPS:
        _make_folder(output)
        shifted = {time + frame_offset: at for time, at in points.items()}
        write_maps(output, shifted, motion.size, chosen.crop, motion.pixel_aspect, motion.display)
    else:
        assert clip is not None
        _cut_crops(output, clip, None if force_track else known, points, chosen.crop, frame_offset, motion.display)
    typer.echo(f"{output}: {_counted(len(points), 'frame')} of person {person}")


@app.command("import")
def import_points(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Nuke script, Fusion setting, PFTrack tracks or a table.")
    ],
    track: Annotated[Path, typer.Option("--track", metavar="TRACK", help="The track to correct.", callback=_there)],
    person: Person = 1,
    clip: Annotated[
        str | None,
        typer.Option(metavar="TARGET", help="The clip they were tracked on, where it is not the analysed one."),
    ] = None,
    frame_offset: Offset = 0,
    pack: PackName = None,
    force_track: ForceTrack = False,
) -> None:
    """Take five tracks, or a corner pin of the crop, with a key on every frame, as one correction of a person's face.

    It replaces what was imported before on the same frames.
    """
    from ..exchange import points_of, read_motion
    from ..faces import Edit, Edits, Track
    from ..packs import find_pack
    from .imported import Imported

    known = Track.load(track)
    before = Edits.beside(track, force=force_track)
    _, _, size, display = _plate_of(clip)
    size, display = (size, display) if size else (known.size, known.display)
    motion = read_motion(file, size, display=display).onto(known).shifted(-frame_offset)
    corrected = before.applied(known)
    imported = Imported(file, points_of(motion, find_pack(pack).crop), motion.left_out, corrected, person)
    imported.check()
    new = Edit.imported(person, imported.inside)
    made = before.joined(new, known)
    _tell_what_is_odd(new, corrected)
    place = made.save(track)
    taken = f"{_counted(len(imported.inside), 'frame')} of person {person}"
    typer.echo(f"{place}: {'; '.join([taken, *imported.notes()])}")


def _tell_what_is_odd(new: Edit, track: Track) -> None:
    """Says of points placed in ``track`` where they put a face in, and that they are hardly a face's."""
    from ..faces import plausibility
    from .summary import listed

    placed = new.placed()
    if 2 * sum(plausibility(points) == 0 for points in placed) > len(placed):
        typer.echo(
            "mostly, eyes, nose and mouth lie as in no face. Where this is no profile, check the order of the points",
            err=True,
        )
    ids = _ids(track)
    found = {time for time, faces in track.frames.items() if new.person in {face.person for face in faces}}
    added = [time for time in track.frames if new.covers(time) and time not in found]
    if placed and new.person not in ids:
        people = ", ".join(map(str, sorted(ids))) or "nobody"
        typer.echo(f"person {new.person} is new to the track, which knows {people}: a face is put in", err=True)
    elif placed and added:
        typer.echo(f"person {new.person} was not found on {listed(added)}: a face is put in", err=True)


def _tell_who_keeps_the_id(new: Edit, before: Track, made: Edits, path: Path) -> None:
    """Says where the other of two who exchange ids is seen alone, and the commands that rename them there."""
    from .summary import listed

    left = [more for more in new.not_exchanged(before) if not any(map(more.undoes, made.edits))]
    alone = [
        time
        for time, faces in sorted(before.frames.items())
        if any(more.covers(time) for more in left) and any(face.person == new.another for face in faces)
    ]
    if left:
        known = f"person {new.another} is seen alone on {listed(alone)}, and keeps the id"
        typer.echo(f"{known}. Where it is person {new.person}:", err=True)
    for more in left:
        words = ["mobilefaceswap", "track", "edit", str(path), "--frames", f"{more.first}-{more.last}"]
        typer.echo(shlex.join([*words, "--person", str(more.person), "--another", str(more.another)]), err=True)


def _cut_crops(
    output: Path,
    clip: str,
    track: Track | None,
    points: dict[int, Points],
    crop: Crop,
    frame_offset: int,
    display: Window | None,
) -> None:
    """Writes crops of ``clip``; nothing where it is not the ``track``'s, if one is given, or lacks a frame.

    Raises TrackError, MediaError.
    """
    from ..analyse_clip import check_clip
    from ..exchange import write_crops
    from .clips import open_target
    from .summary import listed

    with open_target(clip, allow_interlaced=True) as target:
        if track is not None:
            check_clip(track, target, clip)
        if absent := [time for time in points if not target.first <= time <= target.last or time in target.missing]:
            raise MediaError(
                f"expected {clip} to hold the frames of the track; it lacks {listed(absent)}. Name the clip that was "
                "analysed, or analyse this one"
            )
        _make_folder(output)
        write_crops(output, target, points, crop, frame_offset, display)


def _check_names(output: Path, kind: str, track: Path, clip: str | None) -> None:
    """Raises MediaError where an export would replace what it reads, or cannot be written."""
    from ..faces.edits import sidecar
    from ..media import PICTURE_ENDINGS, check_output

    if kind in _FOLDERS and not output.is_dir():
        if output.suffix.lower() in PICTURE_ENDINGS:
            raise MediaError(f"expected a folder for the pictures; found the file name {output}. Name a folder")
        if output.exists():
            raise MediaError(f"expected a folder for the pictures; found the file {output}. Name a folder")
        # One that is yet to be made holds nothing that is read.
        return
    for place in _places(output, kind):
        check_output(place, track, sidecar(track), clip or "")


def _check_free(output: Path, kind: str, times: Sequence[int]) -> None:
    """Raises MediaError where an export exists, of sequences one of the frames ``times``, and may not be replaced."""
    from .outputs import check_free_or_ask

    for place in _places(output, kind):
        check_free_or_ask(place, times)


def _places(output: Path, kind: str) -> list[str]:
    """The file that an export writes, or the files and sequences in its folder."""
    from ..exchange import CROPS, MAPS

    inside = {_MAPS: MAPS, _CROPS: CROPS}
    return [str(output / name) for name in inside[kind]] if kind in inside else [str(output)]


def _make_folder(place: Path) -> None:
    """Raises MediaError where it cannot be made."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_failure(str(place), error) from error


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _ids(track: Track) -> set[int]:
    return {face.person for faces in track.frames.values() for face in faces if face.presence}


def _person(track: Track, person: int) -> dict[str, float]:
    seen = {
        time: face for time, faces in track.frames.items() for face in faces if face.person == person and face.presence
    }
    likeness = {time: face.likeness for time, face in seen.items()}
    lowest = min(likeness, key=lambda time: likeness[time])
    mean = sum(likeness.values()) / len(likeness)
    return {
        "id": person,
        "frames": len(seen),
        "first": min(seen),
        "last": max(seen),
        "likeness": round(mean, 4),
        "lowest": likeness[lowest],
        "lowest_at": lowest,
    }


def _plate_of(
    clip: str | None, frame_rate: str | None = None
) -> tuple[float, float, tuple[int, int] | None, Window | None]:
    """Frames per second, pixel aspect, (width, height) and display window of the clip, where one is named.

    frame_rate: in place of what the clip declares.
    """
    from ..media.video.clock import USUAL_RATE
    from .clips import exact_rate, open_target

    if clip is None:
        return float(exact_rate(frame_rate) or USUAL_RATE), 1.0, None, None
    with open_target(clip, allow_interlaced=True, frame_rate=frame_rate) as target:
        plate = target.format
        return float(plate.frame_rate or USUAL_RATE), float(plate.pixel_aspect), plate.size, plate.display


def _span(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(-?\d+)(?:[-:](-?\d+))?", text.strip())
    first, last = (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (1, 0)
    if first > last:
        raise UserInputError(f"expected --frames IN-OUT, IN first, such as 10-20 or 12; found {text!r}. Write them so")
    return first, last


def _pair(text: str) -> tuple[float, float]:
    try:
        x, y = (float(number) for number in text.split(","))
        if not math.isfinite(x + y):
            raise ValueError("not finite")
    except ValueError as error:
        raise UserInputError(f"expected X,Y in pixels, such as 12.5,-3; found {text!r}. Write them so") from error
    return x, y


def _five(text: str) -> Points | None:
    import numpy as np

    if not text:
        return None
    places = [_pair(word) for word in text.split()]
    if len(places) != 5:
        raise UserInputError(
            f"expected five points, X,Y with a space between: eyes, nose, corners of the mouth; found {len(places)} in "
            f"{text!r}. Write them so"
        )
    return np.array(places)
