"""What an import puts into a track: refused where it cannot be meant, told where it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from ..errors import TrackError, UserInputError
from ..faces import Track
from ..faces.face import Points
from ..faces.plausible import are_apart
from .summary import listed

__all__ = ["Imported"]


@dataclass(frozen=True, eq=False)
class Imported:
    """Points (5, 2) of one ``person`` by frame, as ``file`` has them. left_out: frames of it that lack one of them.
    track: with the corrections made before.
    """

    file: Path
    points: Mapping[int, Points]
    left_out: int
    track: Track
    person: int

    @property
    def inside(self) -> dict[int, Points]:
        """Those of the track's frames."""
        return {time: at for time, at in self.points.items() if time in self.track.frames}

    def _between(self) -> list[int]:
        """The track's frames from the first key to the last."""
        inside = self.inside
        return [time for time in sorted(self.track.frames) if min(inside) <= time <= max(inside)]

    def _found(self) -> list[int]:
        """Those of them on which the track has the person."""
        return [
            time
            for time in self._between()
            if any(face.person == self.person and face.presence for face in self.track.frames[time])
        ]

    def _span(self) -> list[int]:
        """The frames that should have a key: those on which the person is found; where that is none of them, the runs
        of keys, and what lies beside a key that stands alone.
        """
        if found := self._found():
            return found
        rows = [list(row) for _, row in groupby(self._between(), self.inside.__contains__)]
        runs, holes = rows[::2], rows[1::2]
        beside = [hole for ends, hole in zip(pairwise(runs), holes, strict=True) if 1 in map(len, ends)]
        return sorted(time for row in (*runs, *beside) for time in row)

    def check(self) -> None:
        """Raises UserInputError where it has no frame of the track, TrackError where its keys stand so far apart that
        the curve between them was meant, or a key's points are at one place.
        """
        if not self.inside:
            raise UserInputError(
                f"expected frames of the track, {min(self.track.frames)} to {max(self.track.frames)}; found "
                f"{min(self.points)} to {max(self.points)}. Use --frame-offset"
            )
        span, inside = self._span(), self.inside
        keyed = sum(time in inside for time in span)
        # A point lost for some frames is left out in a table; two keys with a curve between them are no track.
        if 2 * (keyed + self.left_out) < len(span):
            raise TrackError(
                f"expected {self.file} to have a key on every frame with person {self.person}; found keys on {keyed} "
                f"of the {len(span)} frames from {span[0]} to {span[-1]}. Bake the animation to a key on every frame, "
                "and export it again"
            )
        if heaped := [time for time, at in inside.items() if not are_apart(at)]:
            raise TrackError(
                f"expected five places on every frame of {self.file}; found all five at one on {listed(heaped)}. "
                "Leave these frames out, or track the points there"
            )

    def notes(self) -> Iterator[str]:
        """A clause for each kind of frames on which it changes nothing, though one might think so."""
        if holes := [time for time in self._found() if time not in self.inside]:
            yield f"without a key the found points stay, on {listed(holes)}"
        if len(self.points) == 1 < len(self.track.frames):
            yield "a single key counts on its frame alone"
        if outside := len(self.points) - len(self.inside):
            yield f"{outside} {'is' if outside == 1 else 'are'} outside the track"
        if self.left_out:
            yield f"{self.left_out} left out, where a point has no numbers"
