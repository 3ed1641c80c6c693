"""The files of a job: which are read, which are written, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import typer

from ..errors import MediaError
from ..media import MediaClip, Writer, check_input, check_output, create_output, matte_file
from ..media.pictures.formats import FORMATS
from ..media.places import Pattern
from ..settings import Alpha, Settings, output_of
from .outputs import Job, check_free_or_ask
from .people import People
from .range import frame_range
from .shot import Delivery, Shot

__all__ = ["check_free_of", "check_layers", "check_names", "open_writers", "tell_notes"]

_MATTE_CODECS = {".mov": "prores", ".mkv": "ffv1"}


def check_names(jobs: Sequence[Job], people: People, shot: Shot) -> None:
    """Raises MediaError where a source or the track is missing, an output is an input or another output, or its folder
    cannot be written.
    """
    sources = [*people.files(), *filter(None, [shot.track])]
    for source in sources:
        check_input(Path(source))
    mattes = map(matte_file, shot.mattes.places.values())
    read = [*sources, shot.settings.reference, *mattes, *(job.target for job in jobs)]
    written: list[str] = []
    for job in jobs:
        if job.matte and _same(job.output, job.matte):
            raise MediaError(
                f"expected a file of its own for the matte; {job.matte} and the picture's, {job.output}, are the same. "
                "Name one of them differently"
            )
        for place in filter(None, (job.output, job.matte)):
            if any(_same(place, other) for other in written):
                raise MediaError(
                    f"expected an output of its own for each clip; two clips would both be {place}. Swap them into "
                    "different folders"
                )
            check_output(place, *read, *written)
        written += filter(None, (job.output, job.matte))


def _same(place: str, other: str) -> bool:
    return Pattern(place).collides(Pattern(other))


def check_layers(jobs: Sequence[Job], delivery: Delivery) -> None:
    """Raises MediaError where all layers are asked for in a file that holds none."""
    for job in jobs:
        row = FORMATS.get(Path(job.output).suffix.lower())
        if delivery.layers == "all" and not (row and "layers" in row.keeps):
            raise MediaError(
                f"expected an EXR for --layers all; found {job.output}, which holds no layers. Write .exr, or leave "
                "--layers out"
            )


def open_writers(clip: MediaClip, shot: Shot, delivery: Delivery, job: Job) -> tuple[Writer, Writer | None]:
    """The outputs of a job, which make no file before their first frame. Raises MediaError where one exists."""
    times = frame_range(shot.frames, clip)
    delivery = replace(delivery, overwrite=check_free_of(job, times, delivery))
    output = create_output(
        job.output,
        like=clip,
        codec=delivery.codec,
        quality=delivery.quality,
        bit_depth=delivery.bit_depth,
        premultiplied=_premultiplied(shot.settings),
        colour_space=shot.settings.space,
        shows=shot.settings.output_mode,
        audio=delivery.audio,
        resume=delivery.resume,
        overwrite=delivery.overwrite,
        times=times,
    )
    return output, _matte_output(job, clip, delivery, times) if job.matte else None


def check_free_of(job: Job, times: Sequence[int], delivery: Delivery) -> bool:
    """Whether outputs may be replaced: as was typed, or agreed at the terminal. Raises MediaError where one exists that
    may not.
    """
    if delivery.overwrite or delivery.resume:
        return delivery.overwrite
    agreed = [check_free_or_ask(place, times) for place in (job.output, job.matte) if place]
    return any(agreed)


def _matte_output(job: Job, clip: MediaClip, delivery: Delivery, times: range) -> Writer:
    """The matte's writer: ProRes 4444 in .mov, with the matte in colour and alpha; 16 bits of grey in .mkv."""
    assert job.matte is not None
    ending = Path(job.matte).suffix.lower()
    codec = _MATTE_CODECS.get(ending)
    return create_output(
        job.matte,
        like=clip,
        codec=codec,
        alpha=ending == ".mov",
        audio=False,
        resume=delivery.resume,
        overwrite=delivery.overwrite,
        times=times,
    )


def _premultiplied(settings: Settings) -> bool | None:
    """Whether the chosen output is premultiplied; None if it is as the plate."""
    alpha = output_of(settings).alpha
    return None if alpha is Alpha.PLATE else alpha is Alpha.PREMULTIPLIED


def tell_notes(writers: Iterable[Writer]) -> None:
    """Says in a line each what the outputs do not hold."""
    for writer in writers:
        for sentence in writer.notes:
            typer.echo(f"{writer.path}: {sentence}", err=True)
