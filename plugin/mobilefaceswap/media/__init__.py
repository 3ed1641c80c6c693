"""Clips in, clips out: video files through PyAV, image sequences and stills through OpenImageIO.

Values are code values: a video's 0..1 is its nominal black to white, and what lies beyond (super-white, out-of-gamut
colour) is kept below 0 and above 1.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from ..errors import MediaError
from ..files import write_failure
from .clip import ClipFormat, MediaClip, Unmade, Writer
from .pictures import PICTURE_ENDINGS, read_picture
from .places import check_input, check_output
from .sequence import SequenceClip, SequenceWriter, is_sequence
from .video import VideoClip
from .video_output import VIDEO_ENDINGS, VideoWriter

__all__ = [
    "PICTURE_ENDINGS",
    "ClipFormat",
    "MediaClip",
    "Writer",
    "check_output",
    "create_output",
    "open_clip",
    "read_picture",
    "write_failure",
]

_Place = str | os.PathLike[str]


def open_clip(path: _Place, *, allow_interlaced: bool = False) -> MediaClip:
    """Opens a video file, an image sequence (``shot.%04d.exr``, ``shot.####.png``) or a single picture.

    A context manager. Frames of a video count from 0, those of a sequence keep their own numbers, and a single
    picture is frame 0. Raises MediaError where nothing of the kind can be read, and on interlaced video unless it is
    allowed.
    """
    text = os.fspath(path)
    if _is_picture(text):
        return SequenceClip(text)
    check_input(Path(text))
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
    audio: bool = True,
    resume: bool = False,
) -> Writer:
    """Opens an output that keeps what ``like`` declares: timing, tags, depth, sound, metadata.

    A context manager; ``write(time, pixels)`` takes float32 (H, W, 3|4) in ``like``'s colour space, or a matte (H, W).
    frame_rate: of an output without ``like``, 25 where left out. bit_depth, alpha: where left out, as ``like``.
    premultiplied: what the colour handed in is, and is stored as; where left out it is as ``like``'s and becomes what
    the format expects, which is premultiplied in EXR and not in video. For
    video files alone: codec (h264, h265, prores, vp9, av1, ffv1, or FFmpeg's own name), quality (of H.264 and its
    kind the constant rate factor, lower is better; of ProRes a profile such as ``hq``), audio (copied). For sequences
    alone: resume (keep finished frames).

    Raises MediaError where the output is the input, its folder is missing or cannot be written, or the format is
    not known.
    """
    text = os.fspath(path)
    clip = Unmade(frame_rate) if like is None else like
    check_output(text, clip.path)
    if _is_picture(text):
        return SequenceWriter(text, clip, bit_depth=bit_depth, alpha=alpha, premultiplied=premultiplied, resume=resume)
    if Path(text).suffix.lower() not in VIDEO_ENDINGS:
        raise MediaError(
            f"expected an output that ends in {', '.join(VIDEO_ENDINGS)}, or a sequence such as shot.%04d.exr; "
            f"found {text}. Choose one of these endings"
        )
    if resume:
        raise MediaError(f"expected an image sequence to resume; {text} is a video file. Render it anew")
    return VideoWriter(
        text,
        clip,
        codec=codec,
        quality=quality,
        bit_depth=bit_depth,
        alpha=alpha,
        premultiplied=premultiplied,
        audio=audio,
    )


def _is_picture(text: str) -> bool:
    return is_sequence(text) or Path(text).suffix.lower() in PICTURE_ENDINGS
