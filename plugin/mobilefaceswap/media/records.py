"""What every clip and every writer offers, whatever the file format."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import TracebackType
from typing import Protocol, Self

from ..frame import ColourSpace, Floats, Frame

__all__ = ["MediaClip", "Writer"]


class MediaClip(Protocol):
    """A clip from a file; a context manager. ``bits``: depth of a component as stored."""

    path: str
    size: tuple[int, int]
    frame_rate: Fraction
    first: int
    last: int
    has_alpha: bool
    bits: int
    colour_space: ColourSpace

    def frame(self, time: int) -> Frame:
        """The frame at ``time``. Raises MediaError outside the clip and where it cannot be decoded."""
        ...

    def close(self) -> None:
        """Lets go of the file."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Writer(Protocol):
    """Takes frames in order of time; a context manager that keeps what is done when an exception passes through."""

    path: str

    def has(self, time: int) -> bool:
        """Whether the frame is there already and need not be rendered again."""
        ...

    def write(self, time: int, pixels: Floats, layers: Mapping[str, Floats] | None = None) -> None:
        """One frame: (H, W), (H, W, 3) or (H, W, 4) in the clip's encoding; ``layers`` go beside it where the format
        holds several. Raises MediaError.
        """
        ...

    def close(self, *, complete: bool = True) -> None:
        """Finishes the file; an incomplete one keeps its partial name."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
