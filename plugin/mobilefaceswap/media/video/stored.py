"""A frame as a video file stores it: planes, of which pixels are made when and where they are needed."""

from __future__ import annotations

from collections import deque
from functools import cached_property
from typing import Any

from ...frame import Box, ColourSpace, Floats, Frame
from ..declared import PlaneLayout
from .planes import averaged_from_frame, grown, layout_in, pixels_from_frame, planar, within

__all__ = ["StoredFrame"]

_PARTS, _SHARE = 2, 0.5
"""Parts that are kept, since a face is aligned and laid over in nearly the same place: as many as lie within this share
of the picture, so that every face of a group finds its own, but at least so many.
"""


class StoredFrame(Frame):
    """See ``Frame``. picture: the decoded planes, which nobody may write to. matrix, full_range: how they are coded."""

    picture: Any
    matrix: int
    full_range: bool
    layout: PlaneLayout
    _parts: deque[tuple[Box, Floats]]

    def __init__(
        self, picture: Any, matrix: int, full_range: bool, colour_space: ColourSpace, pixel_aspect: float
    ) -> None:
        given = {"picture": picture, "matrix": matrix, "full_range": full_range, "colour_space": colour_space}
        given |= {"pixel_aspect": pixel_aspect, "premultiplied": False, "hashed": None}
        given |= {"layout": layout_in(picture), "_parts": deque()}
        for name, value in given.items():
            # The record is frozen for everybody else.
            object.__setattr__(self, name, value)

    @cached_property
    def pixels(self) -> Floats:
        """(H, W, 3|4), made when first asked for."""
        return pixels_from_frame(self.picture, self.matrix, self.full_range)

    @cached_property
    def planes(self) -> Any:
        """The picture in a planar format."""
        return planar(self.picture)

    @property
    def size(self) -> tuple[int, int]:
        """See ``Frame``."""
        return self.picture.width, self.picture.height

    @property
    def channels(self) -> int:
        """See ``Frame``."""
        return 4 if self.layout.alpha else 3

    @property
    def alpha(self) -> Floats | None:
        """See ``Frame``."""
        return self.pixels[..., 3] if self.layout.alpha else None

    def declared(self, space: ColourSpace) -> Frame:
        """See ``Frame``."""
        same = StoredFrame(self.picture, self.matrix, self.full_range, space, self.pixel_aspect)
        if "pixels" in self.__dict__:
            same.__dict__["pixels"] = self.pixels
        return same

    def averaged(self, size: tuple[int, int], box: Box | None = None) -> Floats | None:
        """See ``Frame``."""
        return averaged_from_frame(self.planes, self.matrix, self.full_range, size, box)

    def part(self, box: Box) -> Floats:
        """See ``Frame``."""
        if "pixels" in self.__dict__:
            return self.pixels[box]
        for outer, pixels in tuple(self._parts):
            if _holds(outer, box):
                return pixels[within(box, outer)]
        # With the samples of chroma that lie half outside, as whoever encodes the box asks for it.
        outer = grown(box, self.layout.step, self.size)
        pixels = pixels_from_frame(self.picture, self.matrix, self.full_range, outer)
        self._keep(outer, pixels)
        return pixels[within(box, outer)]

    def _keep(self, box: Box, pixels: Floats) -> None:
        kept = deque([*self._parts, (box, pixels)])
        most = _SHARE * self.size[0] * self.size[1]
        while len(kept) > _PARTS and sum(part.shape[0] * part.shape[1] for _, part in kept) > most:
            kept.popleft()
        # In one step, since other threads may look.
        object.__setattr__(self, "_parts", kept)


def _holds(outer: Box, box: Box) -> bool:
    return all(one.start <= two.start and two.stop <= one.stop for one, two in zip(outer, box, strict=True))
