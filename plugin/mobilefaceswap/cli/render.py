"""``mobilefaceswap swap`` and ``mobilefaceswap frame``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import platformdirs
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..cache import RenderCache
from ..errors import MediaError
from ..faces import Track
from ..identity import picture_files
from ..media import MediaClip, Writer, check_output, create_output
from ..node import FaceSwapNode
from ..render_shot import ShotProgress, ShotReport, render_shot
from ..settings import OutputMode, Settings
from .clips import InterlacedOption, opened
from .options import with_settings
from .range import frame_range

__all__ = ["frame", "swap"]

_MEGABYTE = 1 << 20

SourceOption = Annotated[
    list[Path], typer.Option("--source", "-s", help="Source person: pictures, a folder, or an identity file (.idn).")
]
SourceFaceOption = Annotated[int, typer.Option(min=0, help="Which face of the source picture, from the largest.")]
PackOption = Annotated[str | None, typer.Option("--pack", help="Model pack: a name or a folder.")]
FacesOption = Annotated[str | None, typer.Option("--faces", help="Other face detector: insightface:FOLDER_OR_NAME.")]
BitDepthOption = Annotated[
    int | None, typer.Option(help="Bits of a channel (8, 10, 12, 16; 32 in EXR and TIFF); as the clip where left out.")
]
TrackOption = Annotated[Path | None, typer.Option("--track", help="Track file written by `mobilefaceswap analyse`.")]


@with_settings
def swap(
    target: Annotated[str, typer.Argument(help="Target clip: a video file or an image sequence (shot.%04d.exr).")],
    source: SourceOption,
    output: Annotated[str, typer.Option("--output", "-o", help="Video file or image sequence to write.")],
    matte: Annotated[str | None, typer.Option(help="Video file or image sequence for the matte.")] = None,
    frames: Annotated[str | None, typer.Option("--range", help="First and last frame, IN-OUT.")] = None,
    codec: Annotated[str | None, typer.Option(help="FFmpeg encoder, for instance libx265 or prores_ks.")] = None,
    quality: Annotated[
        str | None, typer.Option(help="Constant rate factor, lower is better; of ProRes the profile, for instance hq.")
    ] = None,
    bit_depth: BitDepthOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Skip the frames of a sequence that are there.")] = False,
    source_face: SourceFaceOption = 0,
    pack: PackOption = None,
    faces: FacesOption = None,
    track: TrackOption = None,
    allow_interlaced: InterlacedOption = False,
    disk_cache: Annotated[bool, typer.Option(help="Keep analysis and swaps for the next run.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print progress as JSON lines.")] = False,
    *,
    settings: Settings,
) -> None:
    """Swap the face in a clip and write the finished footage."""
    with ExitStack() as stack:
        clip = stack.enter_context(opened(target, allow_interlaced))
        span = frame_range(frames, clip)
        for place, others in ((output, ()), (matte, (output,))):
            if place:
                check_output(place, *_inputs(source, track, settings), *others)
        writer = create_output(
            output,
            like=clip,
            codec=codec,
            quality=quality,
            bit_depth=bit_depth,
            premultiplied=_premultiplied(settings),
            resume=resume,
        )
        matte_writer = _matte_output(matte, output, clip, codec, quality, resume) if matte else None
        node = _node(source, clip, pack, faces, track, source_face, disk_cache)
        # Called last, so also after an error: where a partial file lies counts most then.
        stack.callback(_tell_notes, [writer, *filter(None, [matte_writer])])
        stack.enter_context(writer)
        if matte_writer is not None:
            stack.enter_context(matte_writer)
        with _shown(as_json) as progress:
            report = render_shot(
                node,
                writer,
                span,
                matte=matte_writer,
                mode=settings.output_mode,
                settings=settings,
                progress=progress,
            )
    _summarise(report, output, as_json)


@with_settings
def frame(
    target: Annotated[str, typer.Argument(help="Target clip: a video file or an image sequence.")],
    source: SourceOption,
    number: Annotated[int, typer.Option("--frame", "-f", help="Frame number.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Picture to write; .exr keeps the float pixels.")],
    bit_depth: BitDepthOption = None,
    source_face: SourceFaceOption = 0,
    pack: PackOption = None,
    faces: FacesOption = None,
    track: TrackOption = None,
    allow_interlaced: InterlacedOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
    *,
    settings: Settings,
) -> None:
    """Render one frame: the same float pixels as that frame of the full render."""
    if Path(output).suffix.lower() not in (".exr", ".png", ".tif", ".tiff", ".jpg", ".jpeg"):
        raise MediaError(f"expected a picture to write (.exr, .png, .tif, .jpg); found {output}")
    with opened(target, allow_interlaced) as clip:
        check_output(output, clip.path, *_inputs(source, track, settings))
        first, _ = frame_range(str(number), clip)
        node = _node(source, clip, pack, faces, track, source_face, disk_cache=True)
        result = node.render(first, settings)
        premultiplied = _premultiplied(settings)
        with create_output(output, like=clip, bit_depth=bit_depth, premultiplied=premultiplied) as writer:
            writer.write(first, result.layer(settings.output_mode), {"face": result.face, "matte": result.matte})
    if as_json:
        typer.echo(json.dumps({"frame": number, "output": output, "quality": asdict(result.quality)}))
    else:
        found = result.quality
        typer.echo(f"{output}: frame {number}, {found.faces_swapped} of {found.faces_found} faces swapped")


def _node(
    source: list[Path],
    clip: MediaClip,
    pack: str | None,
    faces: str | None,
    track: Path | None,
    source_face: int,
    disk_cache: bool,
) -> FaceSwapNode:
    folder = Path(platformdirs.user_cache_dir("mobilefaceswap")) / "render" if disk_cache else None
    node = FaceSwapNode(
        [*source],
        clip,
        pack=pack,
        faces=faces,
        track=Track.load(track) if track else None,
        source_face=source_face,
        cache=RenderCache(memory=128 * _MEGABYTE, folder=folder),
    )
    for picture in node.identity.pictures:
        if picture.note:
            typer.echo(f"source {picture.name}: {picture.note}", err=True)
    return node


def _premultiplied(settings: Settings) -> bool | None:
    """Whether the chosen layer's colour is multiplied by its alpha; None for a picture that is as the plate."""
    if settings.output_mode is OutputMode.COMPOSITE and not settings.matte_to_alpha:
        return None
    return settings.output_mode is OutputMode.FACE


def _matte_output(
    matte: str, output: str, clip: MediaClip, codec: str | None, quality: str | None, resume: bool
) -> Writer:
    """Coded like the picture where it is the same kind of file, since a codec's qualities are its own."""
    alike = Path(matte).suffix.lower() == Path(output).suffix.lower()
    codec, quality = (codec, quality) if alike else (None, None)
    return create_output(matte, like=clip, codec=codec, quality=quality, alpha=False, audio=False, resume=resume)


def _tell_notes(writers: Iterable[Writer]) -> None:
    for writer in writers:
        for sentence in writer.notes:
            typer.echo(f"{writer.path}: {sentence}", err=True)


def _inputs(source: list[Path], track: Path | None, settings: Settings) -> list[str | Path]:
    """Every file that is read besides the target: none of them may be written over."""
    pictures = [file for place in source for file in picture_files(place)]
    return [*pictures, *([track] if track else []), settings.reference]


@contextmanager
def _shown(as_json: bool) -> Iterator[Callable[[ShotProgress], None]]:
    """A bar with frames per second and time left, or one JSON line a frame."""
    if as_json:
        yield lambda step: typer.echo(json.dumps(asdict(step)))
        return
    columns = (TextColumn("Rendering"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("Rendering", total=None, rate="")
        yield lambda step: bar.update(
            task, total=step.total, completed=step.done, rate=f"{step.frames_per_second:.1f} frames/s"
        )


def _summarise(report: ShotReport, output: str, as_json: bool) -> None:
    empty = [time for time, found in report.quality.items() if not found.faces_swapped]
    if as_json:
        document = {
            "output": output,
            "frames": report.frames,
            "skipped": report.skipped,
            "frames_per_second": report.frames_per_second,
            "without_a_swap": empty,
        }
        typer.echo(json.dumps(document))
        return
    typer.echo(f"{output}: {report.frames} frames at {report.frames_per_second:.1f} frames/s, {report.skipped} skipped")
    if empty:
        shown = ", ".join(map(str, empty[:10])) + (" …" if len(empty) > 10 else "")
        typer.echo(f"no face was swapped in {len(empty)} frames: {shown}", err=True)
