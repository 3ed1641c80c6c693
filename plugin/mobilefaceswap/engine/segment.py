"""A lane's shared memory, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import EngineError
from ..frame import Floats, Hashed
from .channel import Memory
from .wire import Flags, Picture

__all__ = ["Inputs", "Segment", "shared_array"]


@dataclass(frozen=True, eq=False)
class Inputs:
    """One frame as the bridge hands it over. plate: (H, W, 3|4); mattes (H, W); identity: (h, w, 3|4) or None.

    hashed: the plate's hash, if it was computed earlier.
    """

    plate: Floats
    inside: Floats | None = None
    outside: Floats | None = None
    identity: Floats | None = None
    hashed: Hashed | None = None


class Segment:
    """The memory of one lane. Its plate is hashed once, until the bridge writes another."""

    def __init__(self) -> None:
        self._memory: Memory | None = None
        self._plate: Hashed | None = None

    def replace(self, memory: Memory | None) -> None:
        """Takes a new one; the old one goes as soon as no picture refers to it."""
        if self._memory is not None:
            self._memory.close()
        self._memory, self._plate = memory, None

    def inputs(self, picture: Picture) -> Inputs:
        """Views of what lies there. Raises EngineError where it is smaller than the picture says."""
        memory = None if self._memory is None else self._memory.view
        if memory is None or len(memory) < picture.segment_bytes:
            raise EngineError("expected the memory that the pixels lie in; found none. Render the frame again")
        size = (picture.height, picture.width)
        readable = memory.toreadonly()
        place = picture.plate_bytes
        mattes = []
        for flag in (Flags.INSIDE_MATTE, Flags.OUTSIDE_MATTE):
            mattes.append(shared_array(readable, place, size) if flag in picture.flags else None)
            place += picture.matte_bytes * (flag in picture.flags)
        shown = (picture.identity_height, picture.identity_width, picture.identity_channels)
        identity = shared_array(readable, place, shown) if picture.identity_bytes else None
        hashed = self.hashed(picture, shared_array(readable, 0, (*size, picture.channels)))
        return Inputs(hashed.pixels, mattes[0], mattes[1], identity, hashed)

    def hashed(self, picture: Picture, pixels: Floats) -> Hashed:
        """The plate with its hash, the earlier one where the bridge says that it is the same."""
        known = self._plate
        if known is None or Flags.SAME_PLATE not in picture.flags or known.pixels.shape != pixels.shape:
            known = self._plate = Hashed(pixels)
        return known

    def store(self, offset: int, pixels: Floats) -> None:
        """Puts a result there, where memory is reserved first: touching what is not there would kill."""
        assert self._memory is not None
        if pixels.nbytes:
            self._memory.reserve(offset, pixels.nbytes)
            shared_array(self._memory.view, offset, pixels.shape)[...] = pixels


def shared_array(memory: memoryview, offset: int, shape: tuple[int, ...]) -> Floats:
    """A view of float32 pixels in shared memory."""
    count = int(np.prod(shape))
    return np.frombuffer(memory, np.float32, count, offset).reshape(shape)
