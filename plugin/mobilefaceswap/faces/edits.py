"""An artist's corrections of a track, in a file beside it. The track itself is never altered."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import TrackError
from ..files import DAMAGED, text_of, write_failure, written_whole
from .face import Face, Points
from .follow import Moves, moved
from .plausible import are_apart, mixed_up
from .track import Track, advice_on

__all__ = ["Edit", "Edits", "corrections_beside", "load_track", "sidecar"]

_NOWHERE: Points = np.zeros((5, 2))
_FORMAT, _VERSION = "mobilefaceswap-track-edits", 1


@dataclass(frozen=True, eq=False)
class Edit:
    """One correction of one person's face, on the frames ``first`` to ``last``, in pixels of the track's plate.

    Exactly one of: off, there is no face to swap; move (x, y), added to where the face is swapped; points (5, 2), where
    they are at ``first``, and at ``last`` where ``to`` (5, 2) says so, on a straight line between; keys, points (5, 2)
    by frame, of one import; another, the id of who it is: where that person stands in the frame, the two exchange ids,
    unless one of them is 0, which is nobody known.
    """

    first: int
    last: int
    person: int
    off: bool = False
    move: tuple[float, float] | None = None
    points: Points | None = None
    to: Points | None = None
    another: int | None = None
    keys: Mapping[int, Points] | None = None

    def __post_init__(self) -> None:
        kinds = [self.off, *(kind is not None for kind in (self.move, self.points, self.another, self.keys))]
        usable = self.move is None or (np.shape(self.move) == (2,) and np.isfinite(self.move).all())
        if (
            sum(kinds) != 1
            or self.first > self.last
            or not usable
            or not all(map(are_apart, self.placed()))
            or (self.to is not None and self.points is None)
        ):
            raise TrackError(
                f"expected one of off, move, five points or another person, from a first to a last frame; found "
                f"{sum(kinds)} of them for frames {self.first} to {self.last}. Give one, in finite numbers, and points "
                "as X,Y five times, not all the same"
            )

    def __str__(self) -> str:
        """In words, for people."""
        frames = f"frame {self.first}" if self.first == self.last else f"frames {self.first}-{self.last}"
        return f"{frames}, person {self.person}: {self._said()}"

    def _said(self) -> str:
        if self.off:
            return "off"
        if self.move is not None:
            return "moved by {:g},{:g}".format(*self.move)
        if self.another is not None:
            return f"is person {self.another}" + ("; where both are seen, they exchange ids" if self._exchanges else "")
        if self.keys is not None:
            return f"points imported on {len(self.keys)} of them" if self.first < self.last else "points imported"
        return "points placed" + (", on their way to others" if self.to is not None else "")

    @property
    def _exchanges(self) -> bool:
        return self.person > 0 and bool(self.another)

    def placed(self) -> list[Points]:
        """Every five points that it gives."""
        return [points for points in (self.points, self.to, *(self.keys or {}).values()) if points is not None]

    def check(self, track: Track) -> None:
        """Raises TrackError where the correction changes nothing in ``track``, which has those made before it, or most
        of its points are a face's in a mirror.
        """
        if not any(self.first <= time <= self.last for time in track.frames):
            raise TrackError(
                f"expected frames of the track, {_span(track.frames)}; found {self.first} to {self.last}. "
                "Choose frames among them"
            )
        if placed := self.placed():
            # They put a face in where nobody was found.
            _check_sides(placed)
            return
        known = {face.person for faces in track.frames.values() for face in faces}
        if self.person not in known:
            raise TrackError(
                f"expected a person of the track, {', '.join(map(str, sorted(known))) or 'which has none'}; found "
                f"{self.person}. Choose one of them, or place the face by its points"
            )
        if self.person == self.another:
            raise TrackError(f"expected another person than {self.person}; found the same. Choose who it is")
        seen = [time for time, faces in track.frames.items() if self.person in {face.person for face in faces}]
        # Off counts on other frames, too: nothing is filled in there.
        if not self.off and not any(self.first <= time <= self.last for time in seen):
            raise TrackError(
                f"expected frames with person {self.person}, {_span(seen)}; found {self.first} to {self.last}. "
                "Choose frames among them, or place the face by its points"
            )

    def covers(self, time: int) -> bool:
        """Whether it says something of the frame at ``time``."""
        return self.first <= time <= self.last and (self.keys is None or time in self.keys)

    def applied(self, faces: Sequence[Face], moves: Moves, time: int) -> tuple[tuple[Face, ...], Moves]:
        """The faces of the frame at ``time``, corrected but for moves, and the moves."""
        if not self.covers(time):
            return tuple(faces), moves
        if self.move is not None:
            return tuple(faces), {**moves, self.person: moves.get(self.person, np.zeros(2)) + self.move}
        there = any(face.person == self.person for face in faces)
        if self.another is not None:
            return self._exchanged(faces, moves) if there else (tuple(faces), moves)
        corrected = [self._corrected(face, time) if face.person == self.person else face for face in faces]
        left = {person: way for person, way in moves.items() if person != self.person}
        return (*corrected, *([] if there else [self._made(time)])), left

    def _exchanged(self, faces: Sequence[Face], moves: Moves) -> tuple[tuple[Face, ...], Moves]:
        assert self.another is not None
        other = {self.person: self.another} | ({self.another: self.person} if self._exchanges else {})
        renamed = tuple(replace(face, person=other.get(face.person, face.person)) for face in faces)
        return renamed, {other.get(person, person): way for person, way in moves.items()}

    def _corrected(self, face: Face, time: int) -> Face:
        if self.off:
            # It stays known, so that nothing is filled in and nothing fades.
            return replace(face, presence=0.0, edited=True)
        return replace(face.placed(self._points_at(time)), edited=True)

    def _made(self, time: int) -> Face:
        """The person's face where none was found."""
        made = Face.around(_NOWHERE if self.off else self._points_at(time))
        return replace(made, person=self.person, presence=float(not self.off), edited=True)

    def _points_at(self, time: int) -> Points:
        if self.keys is not None:
            return self.keys[time]
        assert self.points is not None
        share = (time - self.first) / max(self.last - self.first, 1)
        return self.points if self.to is None else np.asarray((1 - share) * self.points + share * self.to)

    def named(self) -> dict[str, Any]:
        """The fields that are set, as plain numbers and lists."""
        values = {name: value for name, value in vars(self).items() if value is not None and value is not False}
        if self.keys is not None:
            values["keys"] = {str(time): points.tolist() for time, points in self.keys.items()}
        return {name: np.asarray(value).tolist() for name, value in values.items()}

    @classmethod
    def from_named(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``named``. Raises TypeError, ValueError or AttributeError on anything else."""
        known = dict(values)
        for name in ("points", "to"):
            if name in known:
                known[name] = np.array(known[name], np.float64)
        if "move" in known:
            x, y = known["move"]
            known["move"] = (float(x), float(y))
        if "keys" in known:
            known["keys"] = {int(time): np.array(points, np.float64) for time, points in known["keys"].items()}
        return cls(**known)

    @classmethod
    def imported(cls, person: int, keys: Mapping[int, Points]) -> Self:
        """Points (5, 2) by frame, of which there is at least one, as one correction."""
        return cls(min(keys), max(keys), person, keys=keys)

    def not_exchanged(self, track: Track) -> Iterator[Edit]:
        """For an exchange: the corrections that rename the other person where that one alone is seen and keeps the id.
        track: as it was before the exchange.
        """
        if not self._exchanges:
            return
        assert self.another is not None
        people = {time: {face.person for face in track.frames[time]} for time in sorted(track.frames)}
        either = [time for time in people if self.covers(time) and people[time] & {self.person, self.another}]
        for seen, row in groupby(either, lambda time: self.person in people[time]):
            if not seen:
                first, *rest = row
                yield Edit(first, rest[-1] if rest else first, self.another, another=self.person)

    def undoes(self, earlier: Edit) -> bool:
        """Whether it exchanges two people's ids as ``earlier`` did, so that all is as before."""
        return (
            self._exchanges
            and {self.person, self.another} == {earlier.person, earlier.another}
            and (self.first, self.last) == (earlier.first, earlier.last)
        )


@dataclass(frozen=True)
class Edits:
    """Corrections in the order in which they were made. track: hash of the file that they belong to."""

    edits: tuple[Edit, ...] = ()
    track: str = ""

    def applied(self, track: Track) -> Track:
        """``track`` with every correction, in memory alone."""
        frames: dict[int, tuple[Face, ...]] = {}
        moves: dict[int, Moves] = {}
        for time, faces in track.frames.items():
            by_hand: Moves = {}
            for edit in self.edits:
                faces, by_hand = edit.applied(faces, by_hand, time)
            frames[time] = tuple(sorted(moved(faces, by_hand), key=lambda face: face.middle[0]))
            if by_hand:
                moves[time] = by_hand
        return replace(track, frames=frames, moves=moves)

    def joined(self, new: Edit, track: Track) -> Edits:
        """These and ``new``; what it imports takes the place of what was imported of that person on the same frames.

        Raises TrackError where ``new`` has nothing to do in ``track``, or takes an earlier one back.
        """
        new.check(self.applied(track))
        for number, earlier in enumerate(self.edits, 1):
            if new.undoes(earlier):
                # --undo takes the last one back.
                back = ", or take that one back with --undo" if earlier is self.edits[-1] else ""
                raise TrackError(
                    f"expected a correction that undoes no other; found one that undoes correction {number}, "
                    f"{earlier}. One of the two is enough: leave this one out{back}"
                )
        return replace(self, edits=(*self._without_imports(new), new))

    def _without_imports(self, new: Edit) -> Iterator[Edit]:
        for edit in self.edits:
            if edit.keys is None or new.keys is None or edit.person != new.person:
                yield edit
            elif left := {time: points for time, points in edit.keys.items() if time not in new.keys}:
                yield Edit.imported(edit.person, left)

    @classmethod
    def beside(cls, track: str | os.PathLike[str], *, force: bool | None = None) -> Edits:
        """The corrections beside a track file; none where there is no such file.

        force: take corrections of another analysis, too; None where the user cannot ask for it (--force-track), so that
        the message does not advise it. Raises TrackError where the file is damaged, or holds corrections of another
        analysis and not ``force``.
        """
        place, digest = sidecar(track), _digest(track)
        if not place.exists():
            return cls((), digest)
        found = _read(place)
        if found.edits and found.track != digest and not force:
            advice = "Remove the file and make them again"
            if force is not None:
                advice = "Check them and use --force-track, or remove the file and make them again"
            raise TrackError(
                f"expected the corrections in {place} to belong to {track}; the clip was analysed again since, and ids "
                f"may be other people's. {advice}"
            )
        return cls(found.edits, digest)

    def save(self, track: str | os.PathLike[str]) -> Path:
        """Writes them beside the track file, whole or not at all. Raises MediaError where that cannot be written."""
        place = sidecar(track)
        edits = [edit.named() for edit in self.edits]
        document = {"format": _FORMAT, "version": _VERSION, "track": self.track, "edits": edits}
        try:
            with written_whole(place) as part:
                part.write_text(json.dumps(document, indent=1), "utf-8")
        except OSError as error:
            raise write_failure(str(place), error) from error
        return place


def load_track(path: str | os.PathLike[str], *, force: bool | None = None) -> Track:
    """A track with the corrections beside it. Raises TrackError as `Track.load` and `Edits.beside` do.

    force: as for `Edits.beside`.
    """
    track = Track.load(path)
    return Edits.beside(path, force=force).applied(track)


def sidecar(track: str | os.PathLike[str]) -> Path:
    """Where the corrections of a track file lie: shot.track.json has shot.track.edits.json."""
    return Path(track).with_suffix(".edits.json")


def corrections_beside(track: str | os.PathLike[str]) -> int:
    """How many corrections lie beside the place of a track file, whether one is there or not. They are that very
    track's: another one written there can take them by --force-track alone. Raises TrackError where they are damaged.
    """
    place = sidecar(track)
    return len(_read(place).edits) if place.exists() else 0


def _read(place: Path) -> Edits:
    """Raises TrackError on anything but a file of corrections."""
    document: Any = None
    try:
        document = json.loads(text_of(place))
        if document.get("format") != _FORMAT or document.get("version") != _VERSION:
            raise ValueError(f"format {document.get('format')!r}, version {document.get('version')!r}")
        return Edits(tuple(map(Edit.from_named, document["edits"])), str(document["track"]))
    except DAMAGED as error:
        advice = advice_on(document, _FORMAT, _VERSION, "Remove it, or restore it from a copy")
        raise TrackError(
            f"expected {place} to hold corrections of version {_VERSION} made by `mobilefaceswap track edit`; "
            f"found {type(error).__name__}: {error}. {advice}"
        ) from error


def _check_sides(placed: Sequence[Points]) -> None:
    """Raises TrackError where most of these points are a face's in a mirror."""
    wrong = [words for points in placed if (words := mixed_up(points))]
    if 2 * len(wrong) > len(placed):
        raise TrackError(
            f"expected the points of a face: eyes, nose and corners of the mouth, left before right; found {wrong[0]}. "
            "Exchange them, or turn y round"
        )


def _span(frames: Collection[int]) -> str:
    return f"{len(frames)} from {min(frames)} to {max(frames)}" if frames else "of which there is none"


def _digest(path: str | os.PathLike[str]) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise TrackError(f"expected a track at {path}; {error.strerror}. Check the name") from error
