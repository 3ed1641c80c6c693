"""The files of a job: which are read, which are written, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from ..media import MediaClip, Writer, check_output, create_output, matte_file
from ..settings import Alpha, Settings, output_of
from .outputs import Job, check_free_or_ask
from .people import People
from .range import frame_range
from .shot import Delivery, Shot

__all__ = ["check_free_of", "check_names", "open_writers", "tell_notes"]

_MATTE_CODECS = {".mov": "prores", ".mkv": "ffv1"}


def check_names(jobs: Sequence[Job], people: People, shot: Shot) -> None:
    """Raises MediaError where an output is an input or another output, or its folder cannot be written."""
    mattes = map(matte_file, shot.mattes.places.values())
    read = [*people.files(), shot.track or "", shot.settings.reference, *mattes, *(job.target for job in jobs)]
    for place in [place for job in jobs for place in (job.output, job.matte) if place]:
        check_output(place, *read)
        read.append(place)


def open_writers(clip: MediaClip, delivery: Delivery, shot: Shot, job: Job) -> tuple[Writer, Writer | None]:
    """The outputs of a job, which make no file before their first frame. Raises MediaError where one exists."""
    check_free_of(job, frame_range(shot.frames, clip), delivery)
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
    )
    return output, _matte_output(job, clip, delivery) if job.matte else None


def check_free_of(job: Job, times: range, delivery: Delivery) -> None:
    """Raises MediaError where an output exists that may not be replaced."""
    for place in filter(None, (job.output, job.matte)):
        if not (delivery.overwrite or delivery.resume):
            check_free_or_ask(place, times)


def _matte_output(job: Job, clip: MediaClip, delivery: Delivery) -> Writer:
    """The matte's writer: ProRes 4444 in .mov, with the matte in colour and alpha; 16 bits of grey in .mkv."""
    assert job.matte is not None
    ending = Path(job.matte).suffix.lower()
    codec = _MATTE_CODECS.get(ending)
    return create_output(job.matte, like=clip, codec=codec, alpha=ending == ".mov", audio=False, resume=delivery.resume)


def _premultiplied(settings: Settings) -> bool | None:
    """Whether the chosen output is premultiplied; None if it is as the plate."""
    alpha = output_of(settings).alpha
    return None if alpha is Alpha.PLATE else alpha is Alpha.PREMULTIPLIED


def tell_notes(writers: Iterable[Writer]) -> None:
    """Says in a line each what the outputs do not hold."""
    for writer in writers:
        for sentence in writer.notes:
            typer.echo(f"{writer.path}: {sentence}", err=True)
