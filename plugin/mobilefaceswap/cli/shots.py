"""The work of ``swap`` and ``frame``: from what was typed to nodes, clips and writers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import typer

from ..analyse_clip import check_clip
from ..cache import RenderCache
from ..errors import FaceSwapError, MediaError, UserInputError
from ..faces import Track, load_track, open_detector
from ..folders import render_cache_folder
from ..identity import Identity, load_source, picture_files
from ..media import PICTURE_ENDINGS, MediaClip, Writer, check_output, create_output, matte_file, open_matte
from ..node import FaceSwapNode
from ..packs import find_pack
from ..render_shot import SHOT_CACHE_BYTES, LayerChoice, MattesAt, layers_of, render_shot
from ..settings import Alpha, MissingFrames, Settings, output_of
from .clips import open_target
from .outputs import Job, check_free_or_ask, plan_jobs
from .range import frame_range
from .summary import report_failed, summarise
from .terminal import print_json_line, progress_of, quiet_libraries

__all__ = ["Delivery", "Mattes", "Person", "Shot", "swap_clips", "swap_frame", "with_defaults"]

_MATTE_CODECS = {".mov": "prores", ".mkv": "ffv1"}


@dataclass(frozen=True)
class Person:
    """The source person: pictures, which face in them, pack and detector."""

    source: Sequence[Path]
    source_face: int = 0
    pack: str | None = None
    faces: str | None = None

    def files(self) -> list[Path]:
        """Every file that is read of the source. Raises UserInputError on an empty folder."""
        return [file for place in self.source for file in picture_files(place)]


@dataclass(frozen=True)
class Delivery:
    """How outputs are coded; None and True keep what the clip has."""

    codec: str | None = None
    quality: str | None = None
    bit_depth: int | None = None
    audio: bool = True
    resume: bool = False
    overwrite: bool = False
    layers: LayerChoice = "usual"


@dataclass(frozen=True)
class Mattes:
    """The compositor's own mattes, as typed. fit: to the plate's size, frame rate and length."""

    inside: str | None = None
    outside: str | None = None
    fit: bool = False

    @property
    def places(self) -> dict[str, str]:
        """Those that were given, by what they do."""
        return {name: place for name, place in (("inside", self.inside), ("outside", self.outside)) if place}

    def over(self, clip: MediaClip, times: range) -> MattesAt:
        """Opens them for the frames ``times`` of ``clip``. Raises MediaError where one does not fit."""
        inside, outside = (
            open_matte(place, clip, times, fit=self.fit) if place else None for place in (self.inside, self.outside)
        )
        return lambda time: (inside.at(time) if inside else None, outside.at(time) if outside else None)


@dataclass(frozen=True)
class Shot:
    """What of a clip is rendered, and how."""

    frames: str | None
    track: Path | None
    allow_interlaced: bool
    disk_cache: bool
    settings: Settings
    mattes: Mattes = Mattes()
    force_track: bool = False


def with_defaults(given: Mapping[str, Any], pack: str | None) -> Settings:
    """What was typed, and for the rest the pack's own defaults. Raises PackError."""
    return Settings.from_mapping({**find_pack(pack).defaults, **given})


def swap_clips(
    targets: Sequence[str],
    places: tuple[str, str | None],
    person: Person,
    delivery: Delivery,
    shot: Shot,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Renders every target, or says what that would do. places: (output, matte). Raises FaceSwapError."""
    jobs = plan_jobs(targets, *places)
    for option in ["track"] * bool(shot.track) + [*shot.mattes.places]:
        if len(jobs) > 1:
            raise UserInputError(
                f"expected one clip with --{option}, which belongs to it; found several. Swap them singly"
            )
    _check_names(jobs, person, shot)
    if dry_run:
        _plan_clips(jobs, person, delivery, shot, as_json=as_json)
        return
    node_over = _nodes(person, shot)
    if len(jobs) == 1:
        _swap_clip(jobs[0], node_over, delivery, shot, as_json=as_json)
    else:
        _swap_several(jobs, node_over, delivery, shot, as_json=as_json)


def _swap_several(
    jobs: Sequence[Job],
    node_over: Callable[[MediaClip], FaceSwapNode],
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
        _check_free(job, times, delivery)
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
        _writers(clip, delivery, shot, job)
        return frame_range(shot.frames, clip)


def _present(times: range, clip: MediaClip, settings: Settings) -> Sequence[int]:
    """``times`` without the frames that a sequence lacks, if those are skipped."""
    if settings.missing_frames is not MissingFrames.SKIP:
        return times
    missing = set(clip.missing)
    return [time for time in times if time not in missing]


@quiet_libraries()
def _plan_clips(jobs: Sequence[Job], person: Person, delivery: Delivery, shot: Shot, *, as_json: bool) -> None:
    from .dry_run import plan_job

    node_over = _nodes(person, shot)
    for job in jobs:
        with open_target(job.target, shot.allow_interlaced) as clip:
            times = frame_range(shot.frames, clip)
            anyhow = replace(delivery, overwrite=True, resume=False)
            writers = partial(_writers, clip, anyhow, shot)
            plan = plan_job(job, clip, times, node_over(clip), shot.settings, writers, shot.mattes.over(clip, times))
        if as_json:
            print_json_line(plan.document())
        else:
            plan.show()


@quiet_libraries()
def _swap_clip(
    job: Job, node_over: Callable[[MediaClip], FaceSwapNode], delivery: Delivery, shot: Shot, *, as_json: bool
) -> None:
    with ExitStack() as stack:
        clip = stack.enter_context(open_target(job.target, shot.allow_interlaced))
        times = frame_range(shot.frames, clip)
        mattes = shot.mattes.over(clip, times)
        output, matte = _writers(clip, delivery, shot, job)
        node = node_over(clip)
        # Called last, and also after an error, when it matters most where the partial file is.
        stack.callback(_tell_notes, [output, *filter(None, [matte])])
        for writer in filter(None, (output, matte)):
            stack.enter_context(writer)
        settings = shot.settings
        with progress_of("Rendering", as_json=as_json) as progress:
            report = render_shot(
                node,
                output,
                _present(times, clip, settings),
                matte=matte,
                mattes=mattes,
                mode=settings.output_mode,
                settings=settings,
                progress=progress,
                layers=delivery.layers,
            )
    summarise(report, job.output, as_json=as_json)


@quiet_libraries()
def swap_frame(target: str, output: str, person: Person, delivery: Delivery, shot: Shot, *, as_json: bool) -> None:
    """Renders one frame. Raises FaceSwapError."""
    if Path(output).suffix.lower() not in PICTURE_ENDINGS:
        raise MediaError(f"expected a picture to write ({', '.join(PICTURE_ENDINGS)}); found {output}. Rename it")
    job = Job(target, output, None)
    _check_names([job], person, shot)
    with open_target(target, shot.allow_interlaced) as clip:
        times = frame_range(shot.frames, clip)
        (time,) = times
        mattes = shot.mattes.over(clip, times)
        writer, _ = _writers(clip, delivery, shot, job)
        inside, outside = mattes(time)
        result = _nodes(person, shot)(clip).render(time, shot.settings, inside=inside, outside=outside)
        with writer:
            writer.write(
                time,
                result.layer(shot.settings.output_mode),
                layers_of(result, delivery.layers, shot.settings.output_mode),
            )
    if as_json:
        print_json_line({"frame": time, "output": output, "quality": asdict(result.quality)})
    else:
        found = result.quality
        typer.echo(f"{output}: frame {time}, {found.faces_swapped} of {found.faces_found} faces swapped")


def _check_names(jobs: Sequence[Job], person: Person, shot: Shot) -> None:
    """Raises MediaError where an output is an input or another output, or its folder cannot be written."""
    mattes = map(matte_file, shot.mattes.places.values())
    read = [*person.files(), shot.track or "", shot.settings.reference, *mattes, *(job.target for job in jobs)]
    for place in [place for job in jobs for place in (job.output, job.matte) if place]:
        check_output(place, *read)
        read.append(place)


def _writers(clip: MediaClip, delivery: Delivery, shot: Shot, job: Job) -> tuple[Writer, Writer | None]:
    """The outputs of a job, which make no file before their first frame. Raises MediaError where one exists."""
    _check_free(job, frame_range(shot.frames, clip), delivery)
    output = create_output(
        job.output,
        like=clip,
        codec=delivery.codec,
        quality=delivery.quality,
        bit_depth=delivery.bit_depth,
        premultiplied=_premultiplied(shot.settings),
        colour_space=shot.settings.space,
        audio=delivery.audio,
        resume=delivery.resume,
    )
    return output, _matte_output(job, clip, delivery) if job.matte else None


def _check_free(job: Job, times: range, delivery: Delivery) -> None:
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


def _nodes(person: Person, shot: Shot) -> Callable[[MediaClip], FaceSwapNode]:
    """Makes a node for each clip, all with the same identity, which is prepared once, when first needed."""
    identity: Identity | None = None

    def node_over(clip: MediaClip) -> FaceSwapNode:
        nonlocal identity
        pack = find_pack(person.pack)
        if identity is None:
            identity = load_source([*person.source], pack, open_detector(pack, person.faces), person.source_face)
            _tell_source(identity)
        folder = render_cache_folder() if shot.disk_cache else None
        return FaceSwapNode(
            identity,
            clip,
            pack=pack,
            faces=person.faces,
            track=_track(shot, clip),
            cache=RenderCache(memory=SHOT_CACHE_BYTES, folder=folder),
        )

    return node_over


def _track(shot: Shot, clip: MediaClip) -> Track | None:
    """The shot's track with its corrections. Raises TrackError where it is another clip's, or lacks a frame."""
    if shot.track is None:
        return None
    track = load_track(shot.track, force=shot.force_track)
    if not shot.force_track:
        check_clip(track, clip, clip.path)
    if shot.settings.missing_frames is MissingFrames.FAIL:
        track.check_holds(frame_range(shot.frames, clip))
    return track


def _tell_source(identity: Identity) -> None:
    for picture in identity.pictures:
        if picture.note:
            typer.echo(f"source {picture.name}: {picture.note}", err=True)


def _tell_notes(writers: Iterable[Writer]) -> None:
    for writer in writers:
        for sentence in writer.notes:
            typer.echo(f"{writer.path}: {sentence}", err=True)
