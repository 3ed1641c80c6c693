"""Writing image sequences and single pictures."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain, count
from pathlib import Path

import numpy as np

from ...colour import ColourSpace
from ...errors import MediaError
from ...frame import Floats
from ...settings import OUTPUTS, Alpha
from ..clip import Layers, MediaClip, Writer
from ..declared import left_out
from ..grade import converted, same_numbers
from ..headers import DECLARATIONS
from ..places import Pattern
from ..video.clock import shifted_timecode
from .formats import StillFormat, check_writable, format_of, load_still, save_still
from .smpte import MOST_FRAMES, TIMECODE
from .still import LayerPicture, Metadata, Stored

__all__ = ["SequenceWriter"]

_MOST_SHOWN = 6
_EITHER = ("TIFF", "DPX")
"""Formats besides those that expect it that hold premultiplied colour: a TIFF says which it is, a DPX cannot."""


class SequenceWriter(Writer):
    """Writes one picture per frame, each whole or not at all."""

    def __init__(
        self,
        path: str,
        like: MediaClip,
        row: StillFormat,
        *,
        bit_depth: int | None = None,
        alpha: bool | None = None,
        premultiplied: bool | None = None,
        colour_space: ColourSpace,
        shows: str = "composite",
        resume: bool = False,
        overwrite: bool = True,
    ) -> None:
        self.path = path
        self._pattern, self._like, self._row = Pattern(path), like, row
        self.single = not self._pattern.numbered
        self._alpha, self._resume, self._space, self._shows = alpha, resume, colour_space, shows
        same_kind = format_of(like.path) is row
        self._stored_space = colour_space if same_kind else row.colour_space
        # Of numbers that were converted it is not true what the clip's file declares of their colour.
        self._untrue = () if same_kind or same_numbers(like.colour_space, row.colour_space) else DECLARATIONS
        self._premultiplied = like.format.premultiplied if premultiplied is None else premultiplied
        # Colour beside another alpha than its own is stored as it is, in EXR, too.
        self._stored_premultiplied = premultiplied is not False and self._multiplied(self._premultiplied)
        timing, rate = like.format.timing, like.frame_rate
        # The average rate of variable timing is no frame's.
        self._rate = rate if timing is None or rate is None or timing.constant(rate) else None
        self._first: int | None = None
        self._written: int | None = None
        self._overwrite = overwrite
        self._found: set[int] = set()
        self._kept: set[int] = set()
        if bit_depth is not None and bit_depth not in row.depths:
            raise MediaError(
                f"expected {' or '.join(map(str, row.depths))} bits for {Path(path).suffix}; found {bit_depth}. "
                "Choose one"
            )
        if like.owns(self._pattern.path(like.first).absolute().resolve()):
            raise MediaError(f"expected an output other than the input; both are {path}. Choose another name")
        check_writable(path)
        self._depth = bit_depth
        self.notes = self._losses()

    def _losses(self) -> tuple[str, ...]:
        kept = self._row.keeps if self._holds_timecode() else self._row.keeps - {"timecode"}
        notes = left_out(self._like.format.besides, kept, self._row.name)
        depth = self._sample_depth(is_matte=False)
        if self._like.size[0] and depth < min(self._like.bit_depth, 16) and self._depth is None:
            notes += (f"{self._row.name} holds {depth} bits of the clip's {self._like.bit_depth}",)
        if self._like.has_alpha and not self._row.alpha and self._alpha is not False:
            notes += (f"{self._row.name} has no alpha: written without it",)
        if self._like.frame_rate and not self._rate and not self.single:
            notes += ("variable frame timing: left out; make the clip constant first, or write .mov",)
        return notes

    def write(self, time: int, pixels: Floats, layers: Layers | None = None) -> None:
        """See ``Writer``."""
        if self._written not in (None, time):
            self.begin((self._written, time))
        has_alpha = pixels.ndim == 3 and pixels.shape[2] == 4
        if OUTPUTS[self._shows].changes and layers:
            picture = self._change(self._shows, pixels, layers)
        else:
            # Without its alpha premultiplied colour is what it shows over black.
            whole = pixels if not has_alpha or self._holds_alpha else pixels[..., :3]
            picture = self._graded(whole, self._premultiplied, self._stored_premultiplied)
        depth = self._sample_depth(is_matte=picture.shape[2] == 1)
        self._note_cut(time, 4 if has_alpha else picture.shape[2], depth)
        # Layers are made on demand: they are not asked for where they cannot be stored.
        kept = layers if layers and "layers" in self._row.keeps else Layers({})
        bare = not layers.pictures if layers else picture.shape[2] == 1
        like, metadata = self._like, self._carried(time, without_layers=bare)
        taken = metadata.layers if metadata else frozenset()
        stored = Stored(
            np.ascontiguousarray(picture, np.float32),
            depth,
            self._is_floating(picture.shape[2] == 1),
            self._stored_premultiplied,
            tuple(self._layer(name, picture, kept, taken) for name, picture in kept.pictures.items()),
            kept.header,
            metadata,
            self._rate,
            like.format.pixel_aspect,
            None if metadata and metadata.get(TIMECODE) else self._timecode(time),
        )
        self._save(time, stored)
        if self._written is None and stored.metadata is not None:
            self.notes += self._lost_words(stored.metadata, self._pattern.path(time))
        self._first, self._written = time if self._first is None else self._first, time

    def _carried(self, time: int, *, without_layers: bool) -> Metadata | None:
        """What the output takes over of the clip's file: a matte, or a picture without layers, none of its layers."""
        metadata: Metadata | None = self._like.metadata(time)
        if metadata is None:
            return None
        metadata = metadata.without(*self._untrue)
        return metadata.without_layers() if without_layers else metadata

    def _save(self, time: int, stored: Stored) -> None:
        try:
            save_still(self._pattern.path(time), stored, overwrite=self._overwrite or time in self._found)
        except MediaError as error:
            if self._written is None:
                raise
            raise MediaError(
                f"{error}. Frames {self._first} to {self._written} are written: go on with --resume"
            ) from error
        self._kept.discard(time)

    def _note_cut(self, time: int, channels: int, depth: int) -> None:
        """What the output loses of this frame and was not said of the clip, which is as its first file."""
        if channels > 1 and self._depth is None:
            self.note_depth(self._like, time, depth, max(16, self._row.depths[-1]))
        if channels == 4 and not (self._row.alpha or self._like.has_alpha or self._alpha is False):
            self.note_once("alpha", f"frame {time} has alpha: left out, {self._row.name} has none")

    @property
    def _holds_alpha(self) -> bool:
        return self._row.alpha and self._alpha is not False

    def _multiplied(self, premultiplied: bool) -> bool:
        """Whether the format holds colour multiplied by its alpha, if that is what it gets."""
        return self._row.premultiplied or (premultiplied and self._row.name in _EITHER)

    def _holds_timecode(self) -> bool:
        """Whether every frame can have one: its file's own, or one that is counted from the clip's first."""
        return self._like.format.timing is None or self._timecode(self._like.first) is not None

    def _timecode(self, time: int) -> str | None:
        """Counted from the clip's first; None where it has none, or more frames a second than fit."""
        like, rate = self._like, self._rate
        if like.timecode is None or rate is None or round(rate) > MOST_FRAMES:
            return None
        return shifted_timecode(like.timecode, time - like.first, rate)

    def _lost_words(self, source: Metadata, written: Path) -> tuple[str, ...]:
        """What the clip's first file says of its picture and the written one does not, unless that is said already."""
        from .openimageio import carried

        there = {_plain(name) for name, _, _ in load_still(written).metadata.attributes}
        said = " ".join(self.notes).lower()
        lost = [name for name in carried(source.attributes) if _plain(name) not in there and _plain(name) not in said]
        shown = ", ".join(lost[:_MOST_SHOWN]) + (" …" if len(lost) > _MOST_SHOWN else "")
        return (f"attributes ({shown}): left out, {self._row.name} cannot hold them",) if lost else ()

    def _layer(self, name: str, pixels: Floats, layers: Layers, taken: Collection[str]) -> LayerPicture:
        """taken: names of layers that the clip's file has itself."""
        row = OUTPUTS[name]
        if row.changes:
            picture = self._change(name, pixels, layers)
        else:
            multiplied = row.alpha is not Alpha.PLATE or layers.premultiplied
            picture = self._graded(pixels, multiplied, stored=True) if row.picture else pixels
        picture = picture if picture.ndim == 3 else picture[..., None]
        channels = row.channels or tuple("RGBA"[: picture.shape[2]])
        return LayerPicture(self._free_name(row.layer, taken), channels, picture[..., : len(channels)], row.exact)

    def _free_name(self, layer: str, taken: Collection[str]) -> str:
        """``layer``, or with a number behind it where that is ``taken``: what the clip holds is kept."""
        numbered = (f"{layer}_{number}" for number in count(2))
        name = next(name for name in chain([layer], numbered) if name not in taken)
        if name != layer:
            self.note_once(layer, f"the clip has a layer {layer} of its own, which is kept: the swap's is {name}")
        return name

    def _change(self, name: str, pixels: Floats, layers: Layers) -> Floats:
        """(H, W, 3): the difference of what is stored of two pictures whose difference is ``pixels``."""
        after = layers.pictures[OUTPUTS[name].changes]
        after = after if self._like.has_alpha and self._holds_alpha else after[..., :3]
        before = after.copy()
        before[..., :3] -= pixels
        kind = layers.premultiplied, self._multiplied(layers.premultiplied)
        with np.errstate(invalid="ignore"):
            change = (self._graded(after, *kind) - self._graded(before, *kind))[..., :3]
        return np.where(pixels.any(axis=2, keepdims=True), change, np.float32(0))

    def _graded(self, pixels: Floats, premultiplied: bool, stored: bool) -> Floats:
        """(H, W, channels) in the output's kind of colour space; mattes are data."""
        if pixels.ndim == 2:
            return pixels[..., None]
        return converted(pixels, self._space, self._stored_space, premultiplied, stored)

    def _sample_depth(self, *, is_matte: bool) -> int:
        """As the clip's, or the next that the format has; 16 bits for mattes."""
        is_float = self._like.format.floating and self._like.bit_depth == 32
        wanted = self._depth or (16 if is_matte or (self._row.half and not is_float) else self._like.bit_depth)
        return next((depth for depth in self._row.depths if depth >= wanted), self._row.depths[-1])

    def _is_floating(self, is_matte: bool) -> bool:
        return self._row.half or self._sample_depth(is_matte=is_matte) == 32

    def has(self, time: int) -> bool:
        """See ``Writer``."""
        if not self._resume or not self._pattern.path(time).is_file():
            return False
        self._found.add(time)
        try:
            load_still(self._pattern.path(time))
        except MediaError:
            return False
        self._kept.add(time)
        return True

    def close(self) -> None:
        """See ``Writer``: every frame is finished already."""
        if self._kept:
            count = f"{len(self._kept)} finished frame{' is' if len(self._kept) == 1 else 's are'}"
            self.notes += (f"{count} kept; nobody checked that source and settings were the same",)

    def abandon(self) -> None:
        """See ``Writer``: finished frames stay."""
        self.close()


def _plain(name: str) -> str:
    """Libraries file one attribute under several heads, such as Exif:ExposureTime and ExposureTime."""
    return name.rpartition(":")[2].lower()
