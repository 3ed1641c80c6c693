"""``swap --dry-run``: reports what would be read and written, by rendering a few frames into a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import typer

from ..media import MediaClip, Writer, open_clip
from ..media.open import PICTURE_ENDINGS
from ..media.video.container import open_file
from ..render_shot import MattesAt, Node, render_shot
from ..settings import Settings
from .outputs import Job, existing
from .people import People
from .range import present_frames
from .shot import Delivery

__all__ = ["Plan", "plan_job"]

_Writers = tuple[Writer, Writer | None]
"""Where a job's picture and its matte go."""

_MOST_SAMPLES = 8


@dataclass(frozen=True)
class Plan:
    """What a job would do. outputs: what each file would hold; notes: what of the clip it would not.

    frames: those that were asked for, of which ``rendered`` are not skipped, and ``skipped`` are finished already.
    replaced: outputs that exist; refused: those that exist and may not be replaced. sampled: the frames that were
    rendered now; without_a_swap: those of them where no face was swapped; people_without_a_face: who got none in any.
    """

    target: str
    holds: str
    frames: range
    rendered: int
    skipped: int
    outputs: Mapping[str, str]
    notes: tuple[str, ...]
    replaced: tuple[str, ...]
    refused: tuple[str, ...]
    sampled: tuple[int, ...]
    without_a_swap: tuple[int, ...]
    people_without_a_face: tuple[str, ...]
    frames_per_second: float

    @property
    def seconds(self) -> float:
        """Estimated duration of the whole job, at the speed of the sample."""
        return self.rendered / self.frames_per_second if self.frames_per_second else 0.0

    def document(self) -> dict[str, Any]:
        """The plan as plain data."""
        known = {**vars(self), "seconds": self.seconds}
        count = known.pop("rendered")
        span = {"first": self.frames[0], "last": self.frames[-1], "step": self.frames.step, "count": count}
        return {**known, "frames": span}

    def show(self) -> None:
        """Prints the plan."""
        typer.echo(f"would read {self.target}: {self.holds}")
        for place, holds in self.outputs.items():
            there = ", replacing what is there" if place in self.replaced else ""
            refused = ", which exists already: add --overwrite" if place in self.refused else ""
            typer.echo(f"would write {place}: {holds}{there}{refused}")
        for note in self.notes:
            typer.echo(f"  {note}")
        found = len(self.sampled) - len(self.without_a_swap)
        missing = f"; none in {', '.join(map(str, self.without_a_swap))}" if self.without_a_swap else ""
        typer.echo(f"a face was swapped in {found} of {len(self.sampled)} frames of a sample{missing}")
        for who in self.people_without_a_face:
            typer.echo(f"{who}: no face in any of the sample")
        count = f"{self.rendered} frames" + f", {self.skipped} skipped" * bool(self.skipped)
        typer.echo(f"{count}, about {_duration(self.seconds)} ({self.frames_per_second:.1f} frames/s)")


def plan_job(
    job: Job,
    clip: MediaClip,
    span: range,
    node: Node,
    people: People,
    settings: Settings,
    delivery: Delivery,
    open_writers: Callable[[Delivery, Job], _Writers],
    mattes: MattesAt | None = None,
) -> Plan:
    """Renders a sample of ``span`` as the job would, and reads what was written. Raises FaceSwapError."""
    wanted = present_frames(span, clip, settings)
    finished = _finished(open_writers(delivery, job), wanted) if delivery.resume else set()
    times = [time for time in wanted if time not in finished]
    step = max(1, -(-len(times) // _MOST_SAMPLES))
    sampled = times[::step]
    places = [place for place in (job.output, job.matte) if place]
    with tempfile.TemporaryDirectory() as folder:
        copies = {place: str(Path(folder, str(number), Path(place).name)) for number, place in enumerate(places)}
        for copy in copies.values():
            Path(copy).parent.mkdir()
        sample = Job(job.target, copies[job.output], copies[job.matte] if job.matte else None)
        output, matte = open_writers(replace(delivery, overwrite=True, resume=False), sample)
        with output, matte or nullcontext():
            mode = settings.output_mode
            report = render_shot(
                node, output, sampled, matte=matte, mattes=mattes, mode=mode, settings=settings, kept=False
            )
        outputs = {place: _written(copy) for place, copy in copies.items()} if sampled else {}
    there = tuple(place for place in places if existing(place, times))
    may = delivery.overwrite or delivery.resume
    return Plan(
        job.target,
        _contents(job.target, clip),
        span,
        len(times),
        len(finished),
        outputs,
        (*output.notes, *(matte.notes if matte else ())),
        there if may else (),
        () if may else there,
        tuple(sampled),
        tuple(time for time, quality in report.quality.items() if not quality.faces_swapped),
        tuple(people.without_a_face(report.quality.values(), settings)),
        report.frames_per_second,
    )


def _finished(outputs: _Writers, times: Sequence[int]) -> set[int]:
    """The frames that every output has already."""
    writers = [writer for writer in outputs if writer is not None]
    return {time for time in times if all(writer.has(time) for writer in writers)}


def _written(path: str) -> str:
    with open_clip(path, allow_interlaced=True) as clip:
        return _contents(path, clip, sample=True)


def _contents(path: str, clip: MediaClip, *, sample: bool = False) -> str:
    """Streams, size, rate, depth, tags and timecode of a file or sequence, in a line."""
    declared, tags = clip.format, clip.colour_tags
    parts = [*_streams(path), f"{clip.size[0]} x {clip.size[1]}"]
    # The sample that was written has gaps, so that its own rate means nothing.
    parts += [f"{_rate(clip.frame_rate)} frames/s"] if clip.frame_rate and not sample else []
    parts += [f"{clip.bit_depth} bits{' float' * declared.floating}{' with alpha' * clip.has_alpha}"]
    parts += [f"colour tags {tags.primaries}-{tags.transfer}-{tags.matrix}"] if _is_video(path) else []
    parts += [f"timecode {clip.timecode}"] if clip.timecode else []
    return ", ".join(parts)


def _is_video(path: str) -> bool:
    return Path(path).suffix.lower() not in PICTURE_ENDINGS


def _streams(path: str) -> list[str]:
    if not _is_video(path):
        return [Path(path).suffix.lower().lstrip(".")]
    with open_file(path) as container:
        return [stream.codec_context.name for stream in container.streams if stream.codec_context is not None]


def _rate(rate: Fraction) -> str:
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
