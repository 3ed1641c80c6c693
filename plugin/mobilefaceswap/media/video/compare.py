"""What of a clip is not in the video file that was made from it, found by opening both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from av.error import FFmpegError

from ...errors import MediaError
from ..clip import MediaClip
from ..declared import ColourTags
from . import coding
from .container import open_file, open_video, title_of

__all__ = ["losses"]

_TRACKS = ("audio", "subtitle")


def losses(
    like: MediaClip, written: Path, *, audio: bool, timecode: str | None, notes: tuple[str, ...]
) -> tuple[str, ...]:
    """A sentence for everything that ``like`` declares and the file ``written`` does not, unless ``notes`` name it.

    timecode: of the first written frame.
    """
    if not like.path or not like.size[0]:
        return ()
    try:
        container, stream = open_video(str(written))
    except MediaError:
        return ()
    with container:
        try:
            first = next(container.decode(stream))
        except (FFmpegError, StopIteration):
            return ()
        found = [
            *_pictures(like, stream, first),
            *_timecode(container, timecode),
            *_contents(like, container, stream, first, audio, notes),
            *_words(like, container),
        ]
    return tuple(dict.fromkeys(found))


def _pictures(like: MediaClip, stream: Any, first: Any) -> Iterator[str]:
    declared = like.format
    tags, _ = coding.colour_coding(first, stream)
    wanted = declared.coding.tags
    if declared.planes is not None and wanted != ColourTags() and _visible(tags) != _visible(wanted):
        yield "the colour tags are not kept as they were"
    if declared.field_order != "progressive":
        yield f"field order ({declared.field_order}): left out, the output says progressive"
    if like.format.pixel_aspect != 1 and stream.sample_aspect_ratio in (None, 0, 1):
        yield f"the pixel aspect ratio ({like.format.pixel_aspect}) is not kept"


def _timecode(container: Any, wanted: str | None) -> Iterator[str]:
    """FFmpeg writes drop frame at 29.97 frames/s and its multiples alone, and says so in its log."""
    if wanted and coding.timecode(container) is None:
        yield f"start timecode ({wanted}): left out, this kind of file does not hold it at its frame rate"


def _visible(tags: ColourTags) -> tuple[int, int]:
    return tags.primaries, tags.transfer


def _contents(
    like: MediaClip, container: Any, stream: Any, first: Any, audio: bool, notes: tuple[str, ...]
) -> Iterator[str]:
    there = Counter(content.kind for content in coding.contents_of(container, stream, first))
    for content in like.format.contents:
        there[content.kind] -= 1
        said = any(note.startswith(content.kind) and ": left out" in note for note in notes)
        if there[content.kind] < 0 and not said and (audio or content.kind != "sound"):
            yield f"{content}: left out, this kind of file and codec does not hold it"


def _words(like: MediaClip, container: Any) -> Iterator[str]:
    """Titles, dates, languages and other text."""
    if like.format.planes is None:
        return
    with open_file(like.path) as source:
        lost = _keys(dict(like.format.metadata)) - _keys(container.metadata)
        if lost:
            yield f"metadata ({', '.join(sorted(lost))}): left out, this kind of file does not hold it"
        spoken = sorted(set(_languages(source)))
        if spoken and any(stream.type in _TRACKS for stream in container.streams) and not set(_languages(container)):
            yield f"languages of tracks ({', '.join(spoken)}): left out, this kind of file does not hold them"
        if reels := sorted(_reels(source) - _reels(container)):
            yield f"reel name ({', '.join(reels)}): left out, this kind of file does not hold it"
        if titles := sorted(set(_lost_titles(source, container))):
            yield f"titles of tracks ({', '.join(titles)}): left out, this kind of file does not hold them"


def _keys(metadata: dict[str, str]) -> set[str]:
    return {key.lower() for key in metadata}


def _reels(container: Any) -> set[str]:
    words = ((key.lower(), value) for stream in container.streams for key, value in stream.metadata.items())
    return {value for key, value in words if key == "reel_name"}


def _lost_titles(source: Any, container: Any) -> Iterator[str]:
    """Of kinds of tracks that are all there: one that is left out is named anyhow."""
    for kind in ("video", *_TRACKS):
        before, after = ([stream for stream in one.streams if stream.type == kind] for one in (source, container))
        if len(after) >= len(before):
            yield from {title for stream in before if (title := title_of(stream))} - {*map(title_of, after)}


def _languages(container: Any) -> Iterator[str]:
    for stream in container.streams:
        language = stream.metadata.get("language", "und")
        if stream.type in _TRACKS and language != "und":
            yield language
