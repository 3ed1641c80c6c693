"""An artist's corrections of a track, in a file beside it. The track itself is never altered."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import TrackError
from ..files import DAMAGED, write_failure, written_whole
from .face import Face, Points
from .track import Track

__all__ = ["Edit", "Edits", "load_track", "sidecar"]

_NOWHERE: Points = np.zeros((5, 2))
_FORMAT, _VERSION = "mobilefaceswap-track-edits", 1


@dataclass(frozen=True, eq=False)
class Edit:
    """One correction of one person's face, on the frames ``first`` to ``last``, in pixels of the track's plate.

    Exactly one of: off, there is no face to swap; move (x, y), added to its points; points (5, 2), where they are at
    ``first``, and at ``last`` where ``to`` (5, 2) says so, on a straight line between; another, the id of who it is.
    """

    first: int
    last: int
    person: int
    off: bool = False
    move: tuple[float, float] | None = None
    points: Points | None = None
    to: Points | None = None
    another: int | None = None

    def __post_init__(self) -> None:
        kinds = [self.off, self.move is not None, self.points is not None, self.another is not None]
        usable = [
            self.move is None or (np.shape(self.move) == (2,) and np.isfinite(self.move).all()),
            *(_are_a_face(points) for points in (self.points, self.to) if points is not None),
        ]
        if (
            sum(kinds) != 1
            or self.first > self.last
            or not all(usable)
            or (self.to is not None and self.points is None)
        ):
            raise TrackError(
                f"expected one of off, move, five points or another person, from a first to a last frame; found "
                f"{sum(kinds)} of them for frames {self.first} to {self.last}. Give one, in finite numbers, and points "
                "as X,Y five times, not all the same"
            )

    def check(self, track: Track) -> None:
        """Raises TrackError where the correction changes nothing in ``track``, which has those made before it."""
        if not any(self.first <= time <= self.last for time in track.frames):
            raise TrackError(
                f"expected frames of the track, {_span(track.frames)}; found {self.first} to {self.last}. "
                "Choose frames among them"
            )
        if self.points is not None:
            # They put a face in where nobody was found.
            return
        known = {face.person for faces in track.frames.values() for face in faces}
        if self.person not in known:
            raise TrackError(
                f"expected a person of the track, {', '.join(map(str, sorted(known))) or 'which has none'}; found "
                f"{self.person}. Choose one of them, or place the face by its points"
            )
        seen = [time for time, faces in track.frames.items() if self.person in {face.person for face in faces}]
        # Off counts on other frames, too: nothing is filled in there.
        if not self.off and not any(self.first <= time <= self.last for time in seen):
            raise TrackError(
                f"expected frames with person {self.person}, {_span(seen)}; found {self.first} to {self.last}. "
                "Choose frames among them, or place the face by its points"
            )

    def applied(self, faces: Sequence[Face], time: int) -> tuple[Face, ...]:
        """The faces of the frame at ``time``, corrected."""
        if not self.first <= time <= self.last:
            return tuple(faces)
        changed = tuple(self._changed(face, time) if face.person == self.person else face for face in faces)
        if any(face.person == self.person for face in faces) or not (self.off or self.points is not None):
            return changed
        made = Face.around(_NOWHERE if self.off else self._points_at(time))
        return (*changed, replace(made, person=self.person, presence=float(not self.off), edited=True))

    def _changed(self, face: Face, time: int) -> Face:
        if self.off:
            # It stays known, so that nothing is filled in and nothing fades.
            return replace(face, presence=0.0, edited=True)
        if self.another is not None:
            return replace(face, person=self.another)
        points = self._points_at(time) if self.points is not None else face.landmarks + np.array(self.move)
        return replace(face.placed(points), edited=True)

    def _points_at(self, time: int) -> Points:
        assert self.points is not None
        share = (time - self.first) / max(self.last - self.first, 1)
        return self.points if self.to is None else np.asarray((1 - share) * self.points + share * self.to)

    def named(self) -> dict[str, Any]:
        """The fields that are set, as plain numbers and lists."""
        values = {name: value for name, value in vars(self).items() if value is not None and value is not False}
        return {name: np.asarray(value).tolist() for name, value in values.items()}

    @classmethod
    def from_named(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``named``. Raises TypeError or ValueError on anything else."""
        known = dict(values)
        for name in ("points", "to"):
            if name in known:
                known[name] = np.array(known[name], np.float64)
        if "move" in known:
            x, y = known["move"]
            known["move"] = (float(x), float(y))
        return cls(**known)


@dataclass(frozen=True)
class Edits:
    """Corrections in the order in which they were made. track: hash of the file that they belong to."""

    edits: tuple[Edit, ...] = ()
    track: str = ""

    def applied(self, track: Track) -> Track:
        """``track`` with every correction, in memory alone."""
        frames = {}
        for time, faces in track.frames.items():
            for edit in self.edits:
                faces = edit.applied(faces, time)
            frames[time] = tuple(sorted(faces, key=lambda face: face.middle[0]))
        return replace(track, frames=frames)

    @classmethod
    def beside(cls, track: str | os.PathLike[str], *, force: bool | None = None) -> Edits:
        """The corrections beside a track file; none where there is no such file.

        force: take corrections of another analysis, too; None where the user cannot ask for it (--force-track), so that
        the message does not advise it. Raises TrackError where the file is damaged, or was made for another analysis
        and not ``force``.
        """
        place, digest = sidecar(track), _digest(track)
        if not place.exists():
            return cls((), digest)
        try:
            document = json.loads(place.read_text("utf-8"))
            if document.get("format") != _FORMAT or document.get("version") != _VERSION:
                raise ValueError(f"format {document.get('format')!r}, version {document.get('version')!r}")
            found = cls(tuple(map(Edit.from_named, document["edits"])), str(document["track"]))
        except DAMAGED as error:
            raise TrackError(
                f"expected {place} to hold corrections of version {_VERSION} made by `mobilefaceswap track edit`; "
                f"found {type(error).__name__}: {error}. Remove it, or restore it from a copy"
            ) from error
        if found.track != digest and not force:
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


def _are_a_face(points: Points) -> bool:
    """Whether these are five places, not one: a crop cannot be fitted to that."""
    return np.shape(points) == (5, 2) and bool(np.isfinite(points).all() and np.ptp(points, axis=0).any())


def _span(frames: Collection[int]) -> str:
    return f"{len(frames)} from {min(frames)} to {max(frames)}" if frames else "of which there is none"


def _digest(path: str | os.PathLike[str]) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise TrackError(f"expected a track at {path}; {error.strerror}. Check the name") from error
