"""Animated GIF, WebP, PNG and AVIF: every frame with its duration, in and out."""

from __future__ import annotations

import io
import os
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import MediaError
from ...files import partial_path, write_failure, written_whole
from ...frame import ColourSpace, Floats, Frame
from ..clip import Layers, MediaClip, Writer
from ..declared import ClipFormat, Content, Timing, left_out
from ..grade import converted
from ..places import file_key
from ..video.clock import assumed_rate
from .formats import StillFormat
from .icc import Profile
from .pillow import animation_options, as_frame, encoded, kind_of, metadata_of, metadata_options
from .still import Metadata, decoder_failures, unreadable

__all__ = ["AnimatedClip", "AnimatedWriter", "is_animated"]

_BASE = Fraction(1, 1000)
_USUAL, _SHORTEST = 100, 11
"""Milliseconds that browsers show a frame for that declares less than the second of these."""
_GIF_CLOCK = 10
"""Milliseconds of which a duration in a GIF is a multiple."""
_USUAL_RATE = Fraction(25)
"""For clips that declare none: its frames last whole hundredths of a second, as GIF needs them."""
_MOST_KEPT = 16


def is_animated(path: Path) -> bool:
    """Whether the picture file holds more than one frame; False where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path) as file:
            return getattr(file, "n_frames", 1) - _hidden(file) > 1
    except decoder_failures():
        return False


def _hidden(file: Any) -> int:
    """1 where an animated PNG begins with a still that is not part of the animation."""
    return int(bool(getattr(file, "default_image", False)))


class AnimatedClip(MediaClip):
    """An animated picture file. Frames count from 0."""

    def __init__(self, path: str, *, as_data: bool = False) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._key = file_key(Path(path))
        self._frames: OrderedDict[int, Floats] = OrderedDict()
        try:
            self._file = self._opened()
            self._skipped = _hidden(self._file)
            self._metadata = metadata_of(Path(path), self._file)
            found = [self._described(number) for number in range(self._file.n_frames - self._skipped)]
        except decoder_failures() as error:
            raise unreadable(Path(path), str(error)) from error
        durations = tuple(duration for duration, _ in found)
        self._has_alpha = any(has_alpha for _, has_alpha in found)
        timing = Timing(_BASE, tuple(accumulate(durations[:-1], initial=0)), durations)
        mean = Fraction(len(durations)) / timing.duration
        self.format = ClipFormat(
            size=self._file.size,
            first=0,
            last=len(durations) - 1,
            colour_space=ColourSpace.SRGB,
            frame_rate=mean if len(set(durations)) > 2 else mean.limit_denominator(1001),
            has_alpha=self._has_alpha,
            timing=timing,
            duration=timing.duration,
            contents=tuple(_contents(self._metadata)),
        )
        profile = self._metadata.profile
        self._profile = profile if profile is not None and profile.known and not as_data else None

    def _opened(self) -> Any:
        from PIL import Image

        self._position = -1
        return Image.open(self.path)

    def _described(self, number: int) -> tuple[int, bool]:
        """(milliseconds that the frame shows, whether it has transparency)."""
        self._go_to(number)
        declared = round(self._file.info.get("duration", 0) or 0)
        mode = self._file.mode
        has_alpha = mode in ("LA", "PA", "RGBA") or "transparency" in self._file.info
        opaque = has_alpha and self._file.convert("RGBA").getextrema()[3][0] == 255
        return declared if declared >= _SHORTEST else _USUAL, has_alpha and not opaque

    def frame(self, time: int) -> Frame:
        """See ``MediaClip``."""
        self.check_time(time)
        with self._lock:
            if time not in self._frames:
                self._frames[time] = self._decoded(time)
            self._frames.move_to_end(time)
            while len(self._frames) > _MOST_KEPT:
                self._frames.popitem(last=False)
            return Frame(self._frames[time], ColourSpace.SRGB)

    def _decoded(self, time: int) -> Floats:
        try:
            self._go_to(time)
        except decoder_failures() as error:
            raise MediaError(
                f"expected to decode frame {time} of {self.path}; its data are damaged ({error}). Save it again"
            ) from error
        pixels = np.ascontiguousarray(as_frame(self._file, alpha=self._has_alpha))
        return self._profile.to_srgb(pixels) if self._profile else pixels

    def metadata(self, time: int) -> Metadata:
        """See ``MediaClip``."""
        return self._metadata

    def _go_to(self, time: int) -> None:
        """Frames build on each other; not every format can be rewound, so the file is opened anew."""
        if time < self._position:
            self._file.close()
            self._file = self._opened()
        self._file.seek(time + self._skipped)
        self._file.load()
        self._position = time

    def key(self, time: int) -> str | None:
        """See ``MediaClip``."""
        self.check_time(time)
        return f"animation {self._key} frame {time}" if self._key else None

    def close(self) -> None:
        """See ``MediaClip``."""
        with self._lock:
            self._frames.clear()
            self._file.close()


def _contents(metadata: Metadata) -> Iterator[Content]:
    if metadata.profile is not None:
        yield Content("ICC profile", metadata.profile.name)
    if metadata.attributes:
        yield Content("metadata", ", ".join(name for name, _, _ in metadata.attributes))


class AnimatedWriter(Writer):
    """Collects the frames, compressed, and encodes them when the last is there: the formats want it so."""

    def __init__(
        self,
        path: str,
        like: MediaClip,
        row: StillFormat,
        *,
        alpha: bool | None = None,
        premultiplied: bool | None = None,
        colour_space: ColourSpace,
        overwrite: bool = True,
    ) -> None:
        self.path = path
        self._like, self._alpha, self._space = like, alpha, colour_space
        self._overwrite = overwrite
        self._kind, self._clock = row.name, _GIF_CLOCK if row.name == "GIF" else 1
        self._premultiplied = like.format.premultiplied if premultiplied is None else premultiplied
        self._frames: list[tuple[int, tuple[int, ...], bytes]] = []
        self._metadata = like.metadata(like.first) if row.keeps else None
        profile = self._metadata.profile if self._metadata else None
        self._profile: Profile | None = profile if profile is not None and profile.known else None
        self.notes = left_out(like.format.besides, row.keeps, row.name) + assumed_rate(like, _USUAL_RATE)
        if row.name == "GIF" and like.path and Path(like.path).suffix.lower() != ".gif":
            self.notes += ("GIF holds 256 colours per frame: the clip's are reduced to these",)

    def write(self, time: int, pixels: Floats, layers: Layers | None = None) -> None:
        """See ``Writer``."""
        picture = pixels[..., None] if pixels.ndim == 2 else self._graded(pixels)
        if picture.shape[2] == 4 and self._alpha is False:
            picture = picture[..., :3]
        codes = np.asarray(encoded(picture))
        self._frames.append((time, codes.shape, zlib.compress(codes.tobytes(), 1)))

    def _graded(self, pixels: Floats) -> Floats:
        picture = converted(pixels, self._space, ColourSpace.SRGB, self._premultiplied, False)
        return self._profile.from_srgb(picture) if self._profile else picture

    def close(self) -> None:
        """See ``Writer``. Raises MediaError where no frame was written."""
        if not self._frames:
            raise MediaError(
                f"expected at least one frame for {self.path}; none was written, and an animation cannot be empty. "
                "Choose a range that holds a frame"
            )
        self._save(Path(self.path), overwrite=self._overwrite)

    def _save(self, path: Path, *, overwrite: bool) -> None:
        first, *others = self._pictures()
        options = animation_options(path)
        options |= metadata_options(self._metadata, kind_of(path), grey=first.mode == "L")
        if first.mode == "RGBA":
            # Frames are whole and replace each other: what is transparent in one shows nothing of the one before.
            options |= {"disposal": 2} if path.suffix.lower() == ".gif" else {"kmin": 1, "kmax": 1}
        if others:
            options |= {"save_all": True, "append_images": others, "duration": self._durations(), "loop": 0}
        try:
            content = _encoded(first, path, options)
            with written_whole(path, overwrite=overwrite) as place:
                place.write_bytes(content)
        except (OSError, ValueError) as error:
            raise write_failure(self.path, error) from error

    def _pictures(self) -> Iterator[Any]:
        from PIL import Image

        for _, shape, data in self._frames:
            yield Image.fromarray(np.frombuffer(zlib.decompress(data), np.uint8).reshape(shape))

    def _durations(self) -> list[int]:
        """Milliseconds that each frame shows: until the next one that was written.

        Moments are rounded to the format's clock rather than durations, whose errors would add up.
        """
        times = [time for time, _, _ in self._frames]
        begin, *moments = *map(self._begins, times), self._begins(times[-1]) + self._shown(times[-1])
        due = [round((moment - begin) / (_BASE * self._clock)) for moment in moments]
        shortest = -(-_SHORTEST // self._clock)
        ends = [*accumulate(due, lambda before, moment: max(moment, before + shortest), initial=0)]
        if ends[-1] > due[-1]:
            most = f"{1000 / (shortest * self._clock):.3g} frames/s at most"
            self.note_once("speed", f"browsers show {self._kind} at {most}: written slower than the clip")
        return [self._clock * (after - before) for before, after in pairwise(ends)]

    def _begins(self, time: int) -> Fraction:
        timing = self._like.format.timing
        return time * self._shown(time) if timing is None else timing.stamps[time] * timing.base

    def _shown(self, time: int) -> Fraction:
        timing = self._like.format.timing
        if timing is None:
            return 1 / (self._like.frame_rate or _USUAL_RATE)
        return timing.durations[time] * timing.base

    def abandon(self) -> None:
        """See ``Writer``."""
        if not self._frames:
            return
        kept = partial_path(Path(self.path))
        try:
            self._save(kept, overwrite=True)
        except MediaError:
            os.unlink(kept)
            return
        self.notes += (f"stopped early; the frames written so far are in {kept}, which plays",)


def _encoded(first: Any, path: Path, options: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    first.save(content, kind_of(path), **options)
    return content.getvalue()
