"""Video files out: timing, tags, orientation, timecode, sound and everything else of the clip they are made from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from ...colour import ColourSpace
from ...errors import MediaError
from ...files import partial_path, take_name, temporary_path, write_failure
from ...frame import Floats, Frame, Part, without_alpha
from ..clip import Layers, MediaClip, Writer
from ..declared import Orientation
from ..grade import converted, same_numbers
from .clock import Clock, assumed_rate
from .compare import losses
from .container import FAILURES, is_playable
from .containers import container_of
from .encoders import Encoder, choose_encoder
from .stored import StoredFrame
from .streams import OtherStreams
from .track import PictureTrack, encoder_complaint

__all__ = ["VideoWriter"]

_USUAL_METADATA = (
    *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "description"),
    *("synopsis", "keywords", "creation_time", "location"),
)
"""What MP4 has places for, with or without a language (location-eng); with any other key all are stored as QuickTime's
metadata items, beside which FFmpeg writes no cover picture.
"""


class VideoWriter(Writer):
    """Writes a temporary file from the first frame on, which takes the output's name when it is complete."""

    def __init__(
        self,
        path: str,
        like: MediaClip,
        *,
        codec: str | None = None,
        quality: str | int | None = None,
        bit_depth: int | None = None,
        alpha: bool | None = None,
        premultiplied: bool | None = None,
        colour_space: ColourSpace,
        audio: bool = True,
        overwrite: bool = True,
    ) -> None:
        self.path = path
        self._target = Path(path).absolute().resolve()
        self._like, self._audio, self._kind = like, audio, container_of(path)
        self._overwrite = overwrite
        self._premultiplied = like.format.premultiplied if premultiplied is None else premultiplied
        self._space = colour_space
        self._stored_space = colour_space if like.format.planes is not None else like.format.coding.colour_space
        self._codec, self._quality, self._bit_depth, self._alpha = codec, quality, bit_depth, alpha
        self._turned = like.orientation if self._kind.turned else Orientation()
        self._check_timing()
        if like.size[0]:
            self._choose(like.size, like.has_alpha)
        self._partial: Path | None = None
        self._container: Any = None
        self._others: OtherStreams | None = None
        self._last, self._written = like.first, False
        self._last_wanted = like.last

    def begin(self, times: Sequence[int]) -> None:
        """See ``Writer``."""
        super().begin(times)
        self._last_wanted = times[-1] if times else self._last_wanted

    def _check_timing(self) -> None:
        timing, rate = self._like.format.timing, self._like.frame_rate
        if timing is not None and rate is not None and not self._kind.timed and not timing.constant(rate):
            raise MediaError(
                f"expected an output that can hold variable frame timing, as {self._like.path} has; "
                f"{self._target.suffix} cannot. Choose .mp4, .mov or .mkv"
            )

    def _choose(self, size: tuple[int, int], has_alpha: bool, *, matte: bool = False) -> Encoder:
        encoder = choose_encoder(
            self.path,
            self._like,
            size,
            codec=self._codec,
            quality=self._quality,
            bit_depth=self._bit_depth,
            alpha=has_alpha if self._alpha is None else self._alpha,
            matte=matte,
        )
        self.notes = encoder.notes + assumed_rate(self._like)
        return encoder

    def write(self, time: int, pixels: Floats, layers: Layers | None = None) -> None:
        """See ``Writer``."""
        has_alpha, matte = pixels.ndim == 3 and pixels.shape[2] == 4, pixels.ndim == 2
        size = pixels.shape[:2] if self._turned.transposed else pixels.shape[1::-1]
        with self._written_at(time, size, has_alpha=has_alpha, matte=matte):
            self._pictures.encode(time, self._stored(pixels))
            if not matte:
                self._note_cut(time, has_alpha=has_alpha)

    def write_over(self, time: int, plate: Frame, parts: Sequence[Part], layers: Layers | None = None) -> None:
        """See ``Writer``."""
        same_values = same_numbers(self._space, self._stored_space)
        opaque = plate.channels == 3 and all(part.shape[2] == 3 for _, part in parts)
        if isinstance(plate, StoredFrame) and opaque and same_values and self._turned == Orientation():
            with self._written_at(time, plate.size, has_alpha=False):
                self._pictures.encode_over(time, plate, parts)
        else:
            super().write_over(time, plate, parts, layers)

    def _note_cut(self, time: int, *, has_alpha: bool) -> None:
        """What the file loses of this frame, since its encoder was chosen for the first."""
        if self._bit_depth is None:
            self.note_depth(self._like, time, self._encoder.layout.bits, 16)
        if has_alpha and not (self._began_with_alpha or self._encoder.layout.alpha or self._alpha is False):
            self.note_once("alpha", f"frame {time} has alpha, the first has none: left out from there on")

    @contextmanager
    def _written_at(self, time: int, size: tuple[int, int], *, has_alpha: bool, matte: bool = False) -> Iterator[None]:
        """Around the encoding of the frame at ``time``, (width, height) as it is stored."""
        with self._explained():
            if self._container is None:
                self._begin(time, size, has_alpha, matte)
            if self._others:
                self._others.copy_until(self._pictures.begins(time))
            yield
            self._last, self._written = time, True

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What libraries raise becomes a MediaError with a sentence."""
        try:
            yield
        except MediaError:
            raise
        except FAILURES as error:
            raise write_failure(self.path, error) from error

    def _stored(self, pixels: Floats) -> Floats:
        """(H, W, 3|4) as the file stores it: in its colour space, not premultiplied, turned back.

        Without its alpha premultiplied colour is what it shows over black.
        """
        if pixels.ndim == 2:
            picture = np.dstack([pixels] * (4 if self._alpha else 3))
        else:
            whole = pixels if self._encoder.layout.alpha else without_alpha(pixels)
            picture = converted(whole, self._space, self._stored_space, self._premultiplied)
        return self._turned.stored(picture)

    def _begin(self, time: int, size: tuple[int, int], has_alpha: bool, matte: bool) -> None:
        self._encoder = self._choose(size, has_alpha, matte=matte)
        self._began_with_alpha = has_alpha
        self._clock = Clock(self._like, time)
        self._partial = temporary_path(self._target)
        try:
            self._partial.touch(exist_ok=False)
            self._open(size)
        except BaseException:
            self._discard()
            raise

    def _open(self, size: tuple[int, int]) -> None:
        self._container = av.open(str(self._partial), mode="w", format=self._kind.muxer, options=self._muxer_options())
        self._pictures = PictureTrack(
            self._container, self._kind, self._encoder, self._like, self._clock, self._turned, size
        )
        if self._like.format.planes is not None:
            self._others = OtherStreams(
                self._like,
                self._container,
                self._pictures.stream,
                self._kind,
                self._clock.start,
                self._end(self._last_wanted),
                audio=self._audio,
            )
        try:
            self._container.start_encoding()
        except FAILURES as error:
            reason = encoder_complaint(self._encoder, size, self._clock.base) or error
            raise MediaError(
                f"expected to write {self.path} with {self._encoder.codec}; {reason}. "
                "Choose another codec, quality or kind of file"
            ) from error

    def _muxer_options(self) -> dict[str, str]:
        """A container clock that holds the clip's times exactly; every key of metadata, not the usual ones alone."""
        if not self._kind.exact_clock:
            return {}
        options = {"video_track_timescale": str(self._clock.base.denominator)}
        if any(key.lower().partition("-")[0] not in _USUAL_METADATA for key, _ in self._like.format.metadata):
            options["movflags"] = "use_metadata_tags"
        return options

    def close(self) -> None:
        """See ``Writer``. Raises MediaError where no frame was written, since there is no such file, and where one has
        appeared that must not be replaced.
        """
        if self._container is None or self._partial is None:
            raise MediaError(
                f"expected at least one frame for {self.path}; none was written, and a video file cannot be empty. "
                "Choose a range that holds a frame"
            )
        try:
            with self._explained():
                self._finish()
                timecode = self._clock.timecode(self._like)
                self.notes += losses(self._like, self._partial, audio=self._audio, timecode=timecode, notes=self.notes)
                take_name(self._partial, self._target, overwrite=self._overwrite)
        except BaseException:
            self._discard()
            raise

    def _finish(self) -> None:
        try:
            self._pictures.finish(self._last)
            if self._others:
                self._others.finish(self._end(self._last))
                self.notes += self._others.notes
        finally:
            self._release()

    def _end(self, last: int) -> Fraction | None:
        """When frame ``last`` ends in the clip, in seconds; None of the clip's last.

        Sound may go on behind that one: players show it for as long.
        """
        return None if last == self._like.last else self._clock.end(last)

    def _release(self) -> None:
        if self._others:
            self._others.close()
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def abandon(self) -> None:
        """See ``Writer``. Without a single frame nothing is left behind."""
        if self._container is None or self._partial is None:
            return
        with suppress(*FAILURES):
            self._finish()
        if not self._written or not is_playable(self._partial):
            self._discard()
            return
        kept = partial_path(self._target)
        os.replace(self._partial, kept)
        self.notes += (f"stopped early; the frames written so far are in {kept}, which plays",)

    def _discard(self) -> None:
        with suppress(*FAILURES):
            self._release()
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)
            self._partial = None
