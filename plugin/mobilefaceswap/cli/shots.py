"""The work of ``swap`` and ``frame``: renders every clip that was named, or says what that would do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import typer

from ..cache.memory import keep_freed_memory
from ..errors import FaceSwapError, MediaError, UserInputError, both
from ..media import PICTURE_ENDINGS
from ..render_shot import layers_of, render_shot
from .clips import open_target
from .nodes import NodeOver, nodes_for
from .outputs import Job, plan_jobs
from .people import People
from .range import frame_range, present_frames
from .shot import Delivery, Shot
from .summary import report_failed, summarise
from .terminal import print_json_line, progress_of, quiet_libraries
from .writers import check_free_of, check_names, open_writers, tell_notes

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
    keep_freed_memory()
    jobs = plan_jobs(targets, *places)
    for option in ["track"] * bool(shot.track) + [*shot.mattes.places]:
        if len(jobs) > 1:
            raise UserInputError(
                f"expected one clip with --{option}, which belongs to it; found several. Swap them singly"
            )
    check_names(jobs, people, shot)
    if dry_run:
        _plan_clips(jobs, people, delivery, shot, as_json=as_json)
        return
    node_over = nodes_for(people, shot)
    if len(jobs) == 1:
        _swap_clip(jobs[0], node_over, delivery, shot, as_json=as_json)
    else:
        _swap_several(jobs, node_over, delivery, shot, as_json=as_json)


def _swap_several(
    jobs: Sequence[Job],
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
    freed = replace(delivery, overwrite=True)
    for job in jobs:
        times = range(0)
        with _kept_in(failed, job):
            times = _checked(job, freed, shot)
        check_free_of(job, times, delivery)
    for job in jobs:
        if job.target not in failed:
            with _kept_in(failed, job):
                _swap_clip(job, node_over, freed, shot, as_json=as_json)
    report_failed(failed, len(jobs), as_json=as_json)


@contextmanager
def _kept_in(failed: dict[str, FaceSwapError], job: Job) -> Iterator[None]:
    """Keeps the error of one clip; what would stop the others, too, is raised."""
    try:
        yield
    except MediaError as error:
        failed[job.target] = error


@quiet_libraries()
def _checked(job: Job, delivery: Delivery, shot: Shot) -> range:
    """The frames of a job whose clip can be read and written. Raises MediaError."""
    with open_target(job.target, shot.allow_interlaced) as clip:
        open_writers(clip, delivery, shot, job)
        return frame_range(shot.frames, clip)


@quiet_libraries()
def _plan_clips(jobs: Sequence[Job], people: People, delivery: Delivery, shot: Shot, *, as_json: bool) -> None:
    from .dry_run import plan_job

    node_over = nodes_for(people, shot)
    for job in jobs:
        with open_target(job.target, shot.allow_interlaced) as clip:
            times = frame_range(shot.frames, clip)
            anyhow = replace(delivery, overwrite=True, resume=False)
            writers = partial(open_writers, clip, anyhow, shot)
            mattes, node = both(partial(shot.mattes.over, clip, times), partial(node_over, clip))
            plan = plan_job(job, clip, times, node, shot.settings, writers, mattes)
        if as_json:
            print_json_line(plan.document())
        else:
            plan.show()


@quiet_libraries()
def _swap_clip(job: Job, node_over: NodeOver, delivery: Delivery, shot: Shot, *, as_json: bool) -> None:
    with ExitStack() as stack:
        clip = stack.enter_context(open_target(job.target, shot.allow_interlaced))
        times = frame_range(shot.frames, clip)
        output, matte = open_writers(clip, delivery, shot, job)
        mattes, node = both(partial(shot.mattes.over, clip, times), partial(node_over, clip))
        # Called last, and also after an error, when it matters most where the partial file is.
        stack.callback(tell_notes, [output, *filter(None, [matte])])
        for writer in filter(None, (output, matte)):
            stack.enter_context(writer)
        settings = shot.settings
        with progress_of("Rendering", as_json=as_json) as progress:
            report = render_shot(
                node,
                output,
                present_frames(times, clip, settings),
                matte=matte,
                mattes=mattes,
                mode=settings.output_mode,
                settings=settings,
                progress=progress,
                layers=delivery.layers,
            )
    summarise(report, job.output, as_json=as_json)


@quiet_libraries()
def swap_frame(target: str, output: str, people: People, delivery: Delivery, shot: Shot, *, as_json: bool) -> None:
    """Renders one frame. Raises FaceSwapError."""
    if Path(output).suffix.lower() not in PICTURE_ENDINGS:
        raise MediaError(f"expected a picture to write ({', '.join(PICTURE_ENDINGS)}); found {output}. Rename it")
    job = Job(target, output, None)
    check_names([job], people, shot)
    with open_target(target, shot.allow_interlaced) as clip:
        times = frame_range(shot.frames, clip)
        (time,) = times
        writer, _ = open_writers(clip, delivery, shot, job)
        mattes, node = both(partial(shot.mattes.over, clip, times), partial(nodes_for(people, shot), clip))
        inside, outside = mattes(time)
        result = node.render(time, shot.settings, inside=inside, outside=outside)
        with writer:
            writer.write(
                time,
                result.layer(shot.settings.output_mode),
                layers_of(result, delivery.layers, shot.settings.output_mode),
            )
    tell_notes([writer])
    if as_json:
        print_json_line({"frame": time, "output": output, "quality": asdict(result.quality)})
    else:
        found = result.quality
        typer.echo(f"{output}: frame {time}, {found.faces_swapped} of {found.faces_found} faces swapped")
