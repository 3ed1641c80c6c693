"""Faces over time: linked from frame to frame, smoothed without lag, gaps filled, stored.

Stateless: a smoothed face at time t depends only on the faces found from t - radius to t + radius.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import TrackError
from ..files import write_failure, written_whole
from .face import Face

__all__ = ["FORMAT", "Track", "smoothed"]

FORMAT = "mobilefaceswap-track"
_VERSION = 1
_REACH = 0.6
"""How far, in sides of its box, a face may move between neighbouring frames and still be the same."""

FacesAt = Callable[[int], Sequence[Face]]


@dataclass(frozen=True)
class Track:
    """The faces of every analysed frame of one clip, in pixels of a plate of ``size`` (width, height)."""

    size: tuple[int, int]
    frames: Mapping[int, tuple[Face, ...]]
    clip: str = ""
    detector: str = ""

    def faces(self, time: int, plate_size: tuple[int, int]) -> tuple[Face, ...]:
        """The faces at ``time`` in pixels of a plate of ``plate_size``, which may be a proxy.

        Raises TrackError where the frame was not analysed.
        """
        if time not in self.frames:
            raise TrackError(
                f"expected the track to hold frame {time}; it holds {_span(self.frames)}. "
                "Run `mobilefaceswap analyse` over the whole range, or clear the track file"
            )
        x, y = plate_size[0] / self.size[0], plate_size[1] / self.size[1]
        found = self.frames[time]
        return found if x == y == 1 else tuple(face.scaled(x, y) for face in found)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes JSON, whole or not at all. Raises MediaError where the place cannot be written."""
        document = {
            "format": FORMAT,
            "version": _VERSION,
            "clip": self.clip,
            "detector": self.detector,
            "size": list(self.size),
            "frames": {str(time): [face.named() for face in faces] for time, faces in sorted(self.frames.items())},
        }
        place = Path(path)
        try:
            with written_whole(place) as part:
                part.write_text(json.dumps(document), "utf-8")
        except OSError as error:
            raise write_failure(str(place), error) from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Track:
        """Reads what ``save`` wrote. Raises TrackError on anything else."""
        try:
            document = json.loads(Path(path).read_text("utf-8"))
            if document.get("format") != FORMAT or document.get("version") != _VERSION:
                raise ValueError(f"format {document.get('format')!r}, version {document.get('version')!r}")
            width, height = (int(side) for side in document["size"])
            if width < 1 or height < 1:
                raise ValueError(f"size {width} x {height}")
            frames = {int(time): tuple(map(Face.from_named, rows)) for time, rows in document["frames"].items()}
            return cls((width, height), frames, str(document.get("clip", "")), str(document.get("detector", "")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise TrackError(
                f"expected {path} to be a track of version {_VERSION} written by `mobilefaceswap analyse`; "
                f"found {type(error).__name__}: {error}. Analyse the clip again"
            ) from error


def smoothed(faces_at: FacesAt, time: int, radius: int) -> tuple[Face, ...]:
    """The faces at ``time``, their landmarks averaged over pairs of frames equally far before and after.

    Only complete pairs count, weighted by a Gaussian of deviation radius / 2, so steady motion has no lag. The window
    stops at the ends of the clip and where a face cannot be followed, as at a cut. ``faces_at`` yields nothing outside
    the clip. A face missing at ``time`` but found on both sides is interpolated.
    """
    here = list(faces_at(time))
    if radius < 1:
        return tuple(here)
    # Every face of the frame needs the same neighbours; search them once.
    faces_at = cache(faces_at)
    averaged = [_averaged(face, faces_at, time, radius) for face in here]
    return (*averaged, *_gaps(here, faces_at, time, radius))


def _averaged(face: Face, faces_at: FacesAt, time: int, radius: int) -> Face:
    total, weight = face.landmarks.copy(), 1.0
    before: Face | None = face
    after: Face | None = face
    for distance in range(1, radius + 1):
        before = _same(before, faces_at(time - distance))
        after = _same(after, faces_at(time + distance))
        if before is None or after is None:
            break
        share = math.exp(-0.5 * (distance / (radius / 2)) ** 2)
        total += share * (before.landmarks + after.landmarks)
        weight += 2 * share
    return Face(total / weight, face.box, face.confidence, face.filled)


def _gaps(here: Sequence[Face], faces_at: FacesAt, time: int, radius: int) -> list[Face]:
    """Faces found on both sides but missing at ``time``, interpolated from the nearest frames."""
    early, earlier = _nearest(faces_at, time, radius, -1)
    late, later = _nearest(faces_at, time, radius, +1)
    filled = []
    for face in earlier:
        partner = _same(face, later, steps=late + early)
        if partner is None or _same(face, here, steps=early) is not None:
            continue
        share = early / (early + late)
        landmarks = (1 - share) * face.landmarks + share * partner.landmarks
        box = (1 - share) * np.array(face.box) + share * np.array(partner.box)
        corner = tuple(box.tolist())
        filled.append(Face(landmarks, corner, min(face.confidence, partner.confidence), filled=True))
    return filled


def _nearest(faces_at: FacesAt, time: int, radius: int, direction: int) -> tuple[int, Sequence[Face]]:
    for distance in range(1, radius + 1):
        if found := faces_at(time + direction * distance):
            return distance, found
    return radius, ()


def _same(face: Face | None, others: Sequence[Face], steps: int = 1) -> Face | None:
    """The nearest of ``others`` that can be ``face``, ``steps`` frames away."""
    if face is None or not others:
        return None
    best = min(others, key=lambda other: float(np.hypot(*(other.centre - face.centre))))
    side = math.sqrt(max(face.area, 1e-9))
    moved = float(np.hypot(*(best.centre - face.centre)))
    grown = math.sqrt(max(best.area, 1e-9)) / side
    return best if moved <= _REACH * side * math.sqrt(steps) and 0.5 < grown < 2.0 else None


def _span(frames: Mapping[int, Any]) -> str:
    return f"{len(frames)} frames from {min(frames)} to {max(frames)}" if frames else "no frame"
