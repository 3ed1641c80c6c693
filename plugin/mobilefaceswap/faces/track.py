"""Tracks: the faces of every frame of one clip, with ids of people and cuts, on disk as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import TrackError
from ..files import DAMAGED, text_of, write_failure, written_whole
from ..frame import Extent, Fit, Window, fit
from .face import Face
from .follow import Moves, Timeline, moved
from .plausible import are_apart, plausibility, roll_of

__all__ = ["FORMAT", "Track", "advice_on"]

FORMAT = "mobilefaceswap-track"
_VERSION = 2
_READ = (1, 2)
_NEAR_UNIT = 0.01
"""How far from 1 the length of a mean embedding may be: its numbers are rounded."""


@dataclass(frozen=True)
class Track:
    """The faces of every analysed frame of one clip, in pixels of a plate of ``size`` (width, height).

    cuts: frames with which a shot begins. people: the mean embedding (D,) of each person by id, unit length.
    recogniser: content hash of the network that made them. hashes: of a few plates by frame, the first and
    the last among them; they tell the clip from others. clip, detector: names, for people to read. display: the
    display window in the plate's pixels, where the plate reaches beyond it (overscan). moves: by frame, those that
    ``frames`` have of an artist's corrections; in memory alone.
    """

    size: tuple[int, int]
    frames: Mapping[int, tuple[Face, ...]]
    clip: str = ""
    detector: str = ""
    cuts: frozenset[int] = frozenset()
    people: Mapping[int, npt.NDArray[np.float32]] = field(default_factory=dict)
    recogniser: str = ""
    hashes: Mapping[int, str] = field(default_factory=dict)
    display: Window | None = None
    moves: Mapping[int, Moves] = field(default_factory=dict)

    def faces(self, time: int, plate_size: tuple[int, int], display: Window | None = None) -> tuple[Face, ...]:
        """The faces at ``time`` in pixels of a plate of ``plate_size``, which may be a proxy.

        display: the plate's display window in its pixels. Raises TrackError where the frame was not analysed, or the
        plate's shape is another.
        """
        self.check_holds(range(time, time + 1))
        return self._on(self.fit(plate_size, display), time)

    def timeline(self, plate_size: tuple[int, int], display: Window | None = None) -> Timeline:
        """The track as `followed` reads it. Frames that were not analysed end a shot.

        plate_size, display: as for ``faces``. Raises TrackError where the plate's shape is another.
        """
        onto = self.fit(plate_size, display)

        def begins(time: int) -> bool:
            return time in self.cuts or time not in self.frames or time - 1 not in self.frames

        def moves(time: int) -> Moves:
            return {person: way * (onto.x, onto.y) for person, way in self.moves.get(time, {}).items()}

        def faces(time: int) -> tuple[Face, ...]:
            return moved(self._on(onto, time), moves(time), -1) if time in self.frames else ()

        return Timeline(faces, begins, moves)

    def fit(self, plate_size: tuple[int, int], display: Window | None) -> Fit:
        """How the track's plate lies on another one. Raises TrackError where it cannot show the same."""
        mine, plate = Extent(self.size, self.display), Extent(plate_size, display)
        found = fit(mine, plate)
        if found is None:
            raise TrackError(
                f"expected a plate of the track's shape, {mine}; found {plate}. Analyse this plate, or make a proxy of "
                "all pixels or of the display window"
            )
        return found

    def _on(self, onto: Fit, time: int) -> tuple[Face, ...]:
        found = self.frames[time]
        return found if onto.same else tuple(face.scaled(onto.x, onto.y, onto.right, onto.down) for face in found)

    def held(self, time: int) -> int:
        """``time``, or the last analysed frame before it; the first where there is none."""
        return max((known for known in self.frames if known <= time), default=min(self.frames, default=time))

    def check_holds(self, times: range) -> None:
        """Raises TrackError where the track lacks one of ``times``, naming the first."""
        missing = [time for time in times if time not in self.frames]
        if missing:
            raise TrackError(
                f"expected the track to hold frame {missing[0]}; it holds {_span(self.frames)}. "
                "Run `mobilefaceswap analyse` over the whole range, clear the track file, or set Missing Frames to "
                "hold or skip"
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes JSON, whole or not at all. Raises MediaError where the place cannot be written."""
        document = {
            "format": FORMAT,
            "version": _VERSION,
            "clip": self.clip,
            "hashes": {str(time): digest for time, digest in sorted(self.hashes.items())},
            "detector": self.detector,
            "recogniser": self.recogniser,
            "size": list(self.size),
            **({"display": list(astuple(self.display))} if self.display else {}),
            "cuts": sorted(self.cuts),
            "people": {str(person): [round(float(x), 5) for x in mean] for person, mean in self.people.items()},
            "frames": {str(time): list(map(_told, faces)) for time, faces in sorted(self.frames.items())},
        }
        place = Path(path)
        try:
            with written_whole(place) as part:
                part.write_text(json.dumps(document), "utf-8")
        except OSError as error:
            raise write_failure(str(place), error) from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Track:
        """Reads what ``save`` wrote, and tracks of earlier versions. Raises TrackError on anything else."""
        document: Any = None
        try:
            document = json.loads(text_of(Path(path)))
            return _read(document)
        except DAMAGED as error:
            advice = advice_on(document, FORMAT, _VERSION, "Analyse the clip again")
            raise TrackError(
                f"expected {path} to be a track of version 1 to {_VERSION} written by `mobilefaceswap analyse`; "
                f"found {type(error).__name__}: {error}. {advice}"
            ) from error


def advice_on(document: Any, wanted: str, version: int, otherwise: str) -> str:
    """What to do about a ``document`` that cannot be read as a ``wanted`` one up to ``version``."""
    later = isinstance(document, dict) and document.get("format") == wanted and document.get("version")
    return "Update the program: a later one wrote it" if type(later) is int and later > version else otherwise


def _told(face: Face) -> dict[str, Any]:
    """A face as it is stored, and for readers what follows from its points."""
    seen = {"roll": round(roll_of(face.landmarks), 2), "plausibility": round(plausibility(face.landmarks), 3)}
    return face.named() | seen


def _read(document: Mapping[str, Any]) -> Track:
    """Raises ValueError, TypeError, KeyError or AttributeError on anything but a track."""
    if document.get("format") != FORMAT or document.get("version") not in _READ:
        raise ValueError(f"format {document.get('format')!r}, version {document.get('version')!r}")
    width, height = (int(side) for side in document["size"])
    if width < 1 or height < 1:
        raise ValueError(f"size {width} x {height}")
    return Track(
        (width, height),
        _frames(document["frames"]),
        str(document.get("clip", "")),
        str(document.get("detector", "")),
        frozenset(int(time) for time in document.get("cuts", ())),
        _people(document.get("people", {})),
        str(document.get("recogniser", "")),
        {int(time): str(digest) for time, digest in document.get("hashes", {}).items()},
        _window(document["display"]) if "display" in document else None,
    )


def _frames(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[int, tuple[Face, ...]]:
    """Raises ValueError, TypeError, KeyError or AttributeError on anything but faces by frame."""
    if not rows:
        raise ValueError("no frames")
    frames = {int(time): tuple(map(Face.from_named, faces)) for time, faces in rows.items()}
    for time, faces in frames.items():
        if not all(are_apart(face.landmarks) for face in faces if face.presence):
            raise ValueError(f"a face on frame {time} whose five points are one")
    return frames


def _people(rows: Mapping[str, Sequence[float]]) -> dict[int, npt.NDArray[np.float32]]:
    """Raises ValueError, TypeError or AttributeError on anything but embeddings of one size, of unit length."""
    people = {int(person): np.array(mean, np.float32) for person, mean in rows.items()}
    for person, mean in people.items():
        if mean.ndim != 1 or mean.shape != next(iter(people.values())).shape:
            raise ValueError(f"{mean.size} numbers for person {person}, unlike the others'")
        if not abs(np.linalg.norm(mean) - 1) < _NEAR_UNIT:
            raise ValueError(f"an embedding of person {person} whose length is {np.linalg.norm(mean):.3g}, not 1")
    return people


def _window(row: Sequence[Any]) -> Window:
    """Raises ValueError or TypeError on anything but a window."""
    window = Window(*map(int, row))
    if min(window.size) < 1:
        raise ValueError(f"display window {window.width} x {window.height}")
    return window


def _span(frames: Mapping[int, Any]) -> str:
    return f"{len(frames)} frames from {min(frames)} to {max(frames)}" if frames else "no frame"
