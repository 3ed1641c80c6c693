"""Opens clips and creates outputs of every kind of file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from ..colour import ColourSpace
from ..errors import MediaError
from ..settings import OUTPUTS
from .clip import MediaClip, NoClip, Writer
from .pictures.animation import AnimatedClip, AnimatedWriter, is_animated
from .pictures.formats import FORMATS, StillFormat, format_of
from .pictures.sequence import SequenceClip
from .pictures.writer import SequenceWriter
from .places import Pattern, check_free, check_input, check_output
from .video.containers import CONTAINERS
from .video.source import VideoClip
from .video.writer import VideoWriter

__all__ = ["PICTURE_ENDINGS", "VIDEO_ENDINGS", "create_output", "open_clip"]

_Place = str | os.PathLike[str]

PICTURE_ENDINGS = FORMATS.keys()
"""File endings of pictures that can be read, in lower case."""
VIDEO_ENDINGS = CONTAINERS.keys()
"""File endings of videos that can be written, in lower case."""


def open_clip(
    path: _Place, *, allow_interlaced: bool = False, as_data: bool = False, frame_rate: Fraction | None = None
) -> MediaClip:
    """Opens a video file, an image sequence (``shot.%04d.exr``, ``shot.####.png``) or a single picture.

    A context manager. Frames of a video count from 0, those of a sequence keep their own numbers, and a single
    picture is frame 0. as_data: pictures hold values, not colour, and their ICC profiles do not count. frame_rate: of a
    sequence, whatever its files declare. Raises MediaError if nothing can be read, for interlaced video unless it is
    allowed, and for a frame rate of a file that has timestamps of its own.
    """
    text = os.fspath(path)
    row = format_of(text)
    if row is not None:
        single = row.animated and not Pattern(text).numbered and Path(text).is_file()
        if not (single and is_animated(Path(text))):
            return SequenceClip(text, as_data=as_data, frame_rate=frame_rate)
    check_input(Path(text))
    if frame_rate is not None:
        raise MediaError(
            f"expected a frame rate for an image sequence alone; found {float(frame_rate):.5g} frames/s for {text}, "
            "whose frames have times of their own. Leave it out"
        )
    if row is not None:
        return AnimatedClip(text, as_data=as_data)
    return VideoClip(text, allow_interlaced=allow_interlaced)


def create_output(
    path: _Place,
    like: MediaClip | None = None,
    *,
    frame_rate: Fraction | None = None,
    codec: str | None = None,
    quality: str | int | None = None,
    bit_depth: int | None = None,
    alpha: bool | None = None,
    premultiplied: bool | None = None,
    colour_space: ColourSpace | None = None,
    shows: str = "composite",
    audio: bool = True,
    resume: bool = False,
    overwrite: bool = True,
    times: Iterable[int] | None = None,
) -> Writer:
    """Opens an output that keeps what ``like`` declares: timing, tags, depth, sound, metadata.

    A context manager; ``write(time, pixels)`` takes float32 (H, W, 3|4) in ``colour_space``, or a matte (H, W).
    ``notes`` says what of ``like`` is not carried over; it is complete after ``close``.
    frame_rate: of an output without ``like``, 25 by default. bit_depth, alpha: by default those of ``like``.
    premultiplied: whether the colour handed in is premultiplied, as ``like``'s is by default; it is stored as the
    format expects, premultiplied in EXR and unpremultiplied in video. colour_space: of the colour
    handed in, ``like``'s by default; a file of ``like``'s kind keeps the numbers, others hold what their format has.
    shows: which of ``OUTPUTS`` is handed in: data are stored as they are, exact ones in 32 bits where the format has
    half. overwrite: whether an output that exists is replaced; without it not even one that appears before this one is
    finished, which then stays beside it. times: the frames that will be written; of a sequence others may exist. Video
    files only: codec (h264, h265, prores, dnxhr, vp9,
    av1, ffv1, or FFmpeg's own name), quality (for H.264 and its kind the constant rate factor, lower is better; for
    ProRes and DNxHR a profile such as ``hq``), audio (whether sound is carried over). Sequences only: resume (keep
    finished frames).

    Raises MediaError where the output is the input or exists and must not be replaced, its folder is missing or cannot
    be written, or the format is not known.
    """
    text = os.fspath(path)
    clip = NoClip(frame_rate) if like is None else like
    check_output(text, clip.path)
    if not overwrite and not resume:
        check_free(text, times)
    row, output = format_of(text), OUTPUTS[shows]
    if row is not None and (codec or quality):
        raise MediaError(
            f"expected a codec or quality for a video alone; found {codec or quality} for {text}. Leave it out, or "
            "write a video"
        )
    space = clip.colour_space if colour_space is None else colour_space
    if not output.picture and not output.changes:
        # Data have neither colour space nor alpha: taken as what the file holds, they are not converted.
        premultiplied = False
        space = clip.format.coding.colour_space if row is None else row.colour_space
    if row is None or _is_animation(text, row, clip):
        _check_one_file(text, row, resume)
    if row is not None and _is_animation(text, row, clip):
        # fmt: off
        return AnimatedWriter(
            text, clip, row, alpha=alpha, premultiplied=premultiplied, colour_space=space, overwrite=overwrite
        )
        # fmt: on
    if row is not None:
        return SequenceWriter(
            text,
            clip,
            row,
            bit_depth=row.depths[-1] if output.exact and row.half and bit_depth is None else bit_depth,
            alpha=alpha,
            premultiplied=premultiplied,
            colour_space=space,
            shows=shows,
            resume=resume,
            overwrite=overwrite,
        )
    # fmt: off
    return VideoWriter(
        text, clip, codec=codec, quality=quality, bit_depth=bit_depth, alpha=alpha, premultiplied=premultiplied,
        colour_space=space, audio=audio, overwrite=overwrite,
    )
    # fmt: on


def _check_one_file(text: str, row: StillFormat | None, resume: bool) -> None:
    """Raises MediaError where ``text``, the one file of all frames, is of no known kind, or cannot be resumed."""
    if row is None and Path(text).suffix.lower() not in CONTAINERS:
        raise MediaError(
            f"expected an output that ends in {', '.join(CONTAINERS)}, or a sequence such as shot.%04d.exr; "
            f"found {text}. Choose one of these endings"
        )
    if resume:
        raise MediaError(f"expected an image sequence to resume; {text} is one file. Render it anew")


def _is_animation(text: str, row: StillFormat, like: MediaClip) -> bool:
    """Whether one file takes all frames of ``like``; PNG does so only for animations."""
    if not row.animated or Pattern(text).numbered or like.first == like.last:
        return False
    is_animation = like.format.timing is not None and like.format.planes is None
    return row.name != "PNG" or is_animation
