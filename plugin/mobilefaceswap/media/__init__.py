"""Clips and pictures in, clips and pictures out. File names end here."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from ..errors import MediaError
from .pictures import read_picture
from .records import MediaClip, Writer
from .sequence import SequenceClip, SequenceWriter, is_sequence
from .video import VideoClip, VideoWriter

__all__ = ["MediaClip", "Writer", "create_output", "open_clip", "read_picture"]

_STILLS = {".exr", ".png", ".tif", ".tiff", ".jpg", ".jpeg", ".dpx", ".hdr", ".webp", ".bmp"}


def open_clip(path: str | os.PathLike[str], *, allow_interlaced: bool = False) -> MediaClip:
    """A video file, an image sequence (``shot.%04d.exr``, ``shot.####.png``) or one still, as a clip.

    Raises MediaError on anything that is not one of them, and on interlaced video unless it is allowed.
    """
    place = os.fspath(path)
    if is_sequence(place):
        return SequenceClip(place)
    if not Path(place).is_file():
        raise MediaError(f"expected a clip at {place}; there is no such file. Check the name, or the pattern's digits")
    if Path(place).suffix.lower() in _STILLS:
        return SequenceClip(place)
    return VideoClip(place, allow_interlaced=allow_interlaced)


def create_output(
    path: str | os.PathLike[str],
    like: MediaClip | None = None,
    *,
    frame_rate: Fraction | None = None,
    codec: str | None = None,
    quality: int | None = None,
    audio: bool = True,
    resume: bool = False,
) -> Writer:
    """A writer for a video file, an image sequence or one still, with rate, tags, depth and audio of ``like``.

    codec: an FFmpeg encoder's name. quality: its constant rate factor (H.264, H.265), lower is better. Raises
    MediaError where the place cannot be written or is the clip itself.
    """
    place = os.fspath(path)
    folder = Path(place).absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        state = "is not writable" if folder.is_dir() else "does not exist"
        raise MediaError(f"expected a folder that can be written at {folder}; it {state}. Create it or choose another")
    if like is not None and Path(place).absolute() == Path(like.path).absolute():
        raise MediaError(f"expected an output other than the target; both are {place}. Choose another name")
    if is_sequence(place) or Path(place).suffix.lower() in _STILLS:
        return SequenceWriter(place, like, resume=resume)
    if resume:
        raise MediaError(f"expected an image sequence to resume; {place} is a video file. Render it anew")
    return VideoWriter(place, like, frame_rate=frame_rate, codec=codec, quality=quality, audio=audio)
