"""The work of ``swap`` and ``frame``: renders every clip that was named, or says what that would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import typer

from ..cache.memory import keep_freed_memory
from ..errors import FaceSwapError, MediaError, UserInputError, both
from ..media import PICTURE_ENDINGS
from ..media.places import Pattern
from ..render_shot import ShotProgress, layers_of, render_shot, span_of, tell_of_plate
from .clips import open_target
from .nodes import NodeOver, nodes_for
from .outputs import Job, existing, plan_jobs
from .people import People
from .range import frame_range, present_frames
from .shot import Delivery, Shot
from .summary import report_failed, summarise
from .terminal import print_json_line, progress_of, quiet_libraries
from .writers import check_free_of, check_layers, check_names, open_writers, tell_notes

__all__ = ["swap_clips", "swap_frame"]


def swap_clips(
    targets: Sequence[str],
    places: tuple[str, str | None],
    people: People,
    delivery: Delivery,
    shot: Shot,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Renders every target, or says what that would do. places: (output, matte). Raises FaceSwapError."""
    if delivery.resume and delivery.overwrite:
        raise UserInputError(
            "expected --resume, which keeps finished frames, or --overwrite, which replaces them; found both. "
            "Choose one"
        )
    keep_freed_memory()
    jobs = plan_jobs(targets, *places)
    for option in ["track"] * bool(shot.track) + [*shot.mattes.places]:
        if len(jobs) > 1:
            raise UserInputError(
                f"expected one clip with --{option}, which belongs to it; found several. Swap them singly"
            )
    check_names(jobs, people, shot)
    check_layers(jobs, delivery)
    if dry_run:
        _plan_clips(jobs, people, delivery, shot, as_json=as_json)
        return
    node_over = nodes_for(people, shot)
    if len(jobs) == 1:
        _swap_clip(jobs[0], people, node_over, delivery, shot, as_json=as_json)
    else:
        _swap_several(jobs, people, node_over, delivery, shot, as_json=as_json)


def _swap_several(
    jobs: Sequence[Job],
    people: People,
    node_over: NodeOver,
    delivery: Delivery,
    shot: Shot,
    *,
    as_json: bool,
) -> None:
    """Renders every clip that can be; the others are reported at the end. Raises MediaError where an output exists,
    before the first frame of any.
    """
    failed: dict[str, FaceSwapError] = {}
    anyhow = replace(delivery, overwrite=True)
    agreed: list[Delivery] = []
    for job in jobs:
        times: Sequence[int] = ()
        with _kept_in(failed, job):
            times = _checked(job, anyhow, shot)
        agreed.append(replace(delivery, overwrite=check_free_of(job, times, delivery)))
    for job, own in zip(jobs, agreed, strict=True):
        if job.target not in failed:
            with _kept_in(failed, job):
                _swap_clip(job, people, node_over, own, shot, as_json=as_json)
    report_failed(failed, len(jobs), as_json=as_json)


@contextmanager
def _kept_in(failed: dict[str, FaceSwapError], job: Job) -> Iterator[None]:
    """Keeps the error of one clip; what would stop the others, too, is raised."""
    try:
        yield
    except MediaError as error:
        failed[job.target] = error


@quiet_libraries()
def _checked(job: Job, delivery: Delivery, shot: Shot) -> Sequence[int]:
    """The frames of a job whose clip can be read and written. Raises MediaError."""
    with open_target(job.target, shot.allow_interlaced, shot.frame_rate) as clip:
        open_writers(clip, shot, delivery, job)
        return present_frames(frame_range(shot.frames, clip), clip, shot.settings)


@quiet_libraries()
def _plan_clips(jobs: Sequence[Job], people: People, delivery: Delivery, shot: Shot, *, as_json: bool) -> None:
    from .dry_run import plan_job

    node_over = nodes_for(people, shot)
    failed: dict[str, FaceSwapError] = {}
    refused: list[str] = []

    def show(job: Job) -> None:
        with open_target(job.target, shot.allow_interlaced, shot.frame_rate) as clip:
            span = frame_range(shot.frames, clip)
            times = present_frames(span, clip, shot.settings)
            mattes, node = both(partial(shot.mattes.over, clip, times), partial(node_over, clip))
            writers = partial(open_writers, clip, shot)
            plan = plan_job(job, clip, span, node, people, shot.settings, delivery, writers, mattes)
        if as_json:
            print_json_line(plan.document())
        else:
            plan.show()
        refused.extend(plan.refused)

    for job in jobs:
        with _kept_in(failed, job) if len(jobs) > 1 else nullcontext():
            show(job)
    report_failed(failed, len(jobs), as_json=as_json)
    if refused:
        raise typer.Exit(MediaError.exit_code)


@quiet_libraries()
def _swap_clip(job: Job, people: People, node_over: NodeOver, delivery: Delivery, shot: Shot, *, as_json: bool) -> None:
    with ExitStack() as stack:
        clip = stack.enter_context(open_target(job.target, shot.allow_interlaced, shot.frame_rate))
        times = present_frames(frame_range(shot.frames, clip), clip, shot.settings)
        replaces = not delivery.resume and existing(job.output, times)
        output, matte = open_writers(clip, shot, delivery, job)
        mattes, node = both(partial(shot.mattes.over, clip, times), partial(node_over, clip))
        # Called last, and also after an error, when it matters most where the partial file is.
        stack.callback(tell_notes, [output, *filter(None, [matte])])
        for writer in filter(None, (output, matte)):
            stack.enter_context(writer)
        settings = shot.settings
        with (
            progress_of("Rendering", as_json=as_json) as shown,
            _told_if_stopped(job, times, shown, replaces=replaces) as progress,
        ):
            report = render_shot(
                node,
                output,
                times,
                matte=matte,
                mattes=mattes,
                mode=settings.output_mode,
                settings=settings,
                progress=progress,
                layers=delivery.layers,
            )
    summarise(report, job.output, people, settings, as_json=as_json)


@contextmanager
def _told_if_stopped(
    job: Job, times: Sequence[int], progress: Callable[[ShotProgress], None], *, replaces: bool
) -> Iterator[Callable[[ShotProgress], None]]:
    """Where a sequence is broken off, says which frames are written and how to go on. A video has a partial file, which
    its writer tells of. Gives what takes the progress, and hands it on. replaces: whether other frames were there
    before, which --resume would keep.
    """
    done: list[int] = []

    def noted(step: ShotProgress) -> None:
        done.append(step.time)
        progress(step)

    try:
        yield noted
    except (KeyboardInterrupt, SystemExit):
        if all(Pattern(place).numbered for place in (job.output, job.matte) if place):
            written = f"frames {done[0]} to {done[-1]} are written" if done else "no frame was written"
            rest = [time for time in times if not done or time > done[-1]]
            way = f"--range {span_of(rest)}" if replaces and rest else "--resume"
            typer.echo(f"{job.output}: stopped; {written}. Go on with {way}", err=True)
        raise


@quiet_libraries()
def swap_frame(target: str, output: str, people: People, delivery: Delivery, shot: Shot, *, as_json: bool) -> None:
    """Renders one frame. Raises FaceSwapError."""
    if Path(output).suffix.lower() not in PICTURE_ENDINGS:
        raise MediaError(f"expected a picture to write ({', '.join(PICTURE_ENDINGS)}); found {output}. Rename it")
    job = Job(target, output, None)
    check_names([job], people, shot)
    check_layers([job], delivery)
    with open_target(target, shot.allow_interlaced, shot.frame_rate) as clip:
        times = frame_range(shot.frames, clip)
        (time,) = times
        writer, _ = open_writers(clip, shot, delivery, job)
        mattes, node = both(partial(shot.mattes.over, clip, times), partial(nodes_for(people, shot), clip))
        inside, outside = mattes(time)
        result = node.render(time, shot.settings, inside=inside, outside=outside)
        with writer:
            writer.write(
                time,
                result.layer(shot.settings.output_mode),
                layers_of(result, delivery.layers, shot.settings.output_mode),
            )
    tell_of_plate(writer, result)
    tell_notes([writer])
    if as_json:
        print_json_line({"frame": time, "output": output, "quality": asdict(result.quality)})
    else:
        found = result.quality
        typer.echo(f"{output}: frame {time}, {found.faces_swapped} of {found.faces_found} faces swapped")
        for who in people.without_a_face([found], shot.settings):
            typer.echo(f"{who}: no face", err=True)
