"""Analyses a whole clip into a track: faces, who they are, and cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
import xxhash

from .cache import Registry
from .errors import MediaError, TrackError
from .faces import (
    FaceDetector,
    Look,
    Sighting,
    Thumbnail,
    Track,
    find_faces,
    identified,
    is_cut,
    met_at,
    stops_of,
    thumbnail,
    working,
)
from .frame import Clip, Floats, Frame, KeyedClip
from .identity import encode_face
from .media import MediaClip
from .node import uncovered
from .packs import Pack
from .settings import Settings
from .threads import cores, in_order

__all__ = ["Analysis", "analyse_clip", "analyse_plate", "check_clip", "track_of"]

_SEARCHED_BYTES = 1 << 20
"""Of what was found in plates that were searched: each is asked for by the frames around it, and then by none."""
_BAND = 64
"""Rows of a plate that are hashed at once, so that a video file's frame is never made as a whole."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """What one plate shows. hash: of its pixels, "" where nobody wants it. detector, recogniser: what found it.
    taken_as_opaque: as the plate was.
    """

    sighting: Sighting
    thumbnail: Thumbnail
    size: tuple[int, int]
    hash: str
    detector: str
    recogniser: str
    taken_as_opaque: bool = False

    @property
    def look(self) -> Look:
        """What faces are followed by."""
        return self.sighting.faces, self.thumbnail


def analyse_clip(
    clip: Clip,
    pack: Pack,
    detector: FaceDetector,
    settings: Settings,
    times: Iterable[int] | None = None,
    name: str = "",
    progress: Callable[[int], None] | None = None,
) -> Track:
    """The faces of ``clip`` with ids that a person keeps through cuts and gaps. Raises as the clip does.

    Plates are searched on all cores, or faces followed between them where the clip has keys; people are told apart
    afterwards, in order, so that the track is always the same.

    times: ascending, None for all; those that a sequence lacks are left out, and MediaError is raised where it lacks
    all of them. name: of the clip, for people to read. progress: called after each frame with its number.
    """
    missing = {*clip.missing} if isinstance(clip, MediaClip) else set()
    asked = [*(range(clip.first, clip.last + 1) if times is None else times)]
    wanted = [time for time in asked if time not in missing]
    if not wanted:
        raise MediaError(f"expected a frame to analyse in {name}; found none that is there. Choose another range")
    telling = {wanted[0], wanted[-1], _decoded_from(clip, wanted[-1])}

    keyed = clip if isinstance(clip, KeyedClip) else None
    searched = Registry(lambda: _SEARCHED_BYTES)

    def whole(time: int) -> Analysis:
        return searched.get(
            "analysis", time, lambda: analyse_plate(clip.frame(time), pack, detector, settings, hashed=time in telling)
        )

    def analysed(time: int) -> Analysis:
        stops = stops_of(detector, time, clip.first, clip.last) if keyed and keyed.key(time) else ()
        followed = None
        if stops:
            followed = _followed(clip.frame(time), time, stops, whole, detector, settings, hashed=time in telling)
        return followed or whole(time)

    found = {}
    for time, seen in in_order(analysed, wanted, cores()):
        found[time] = seen()
        if progress is not None:
            progress(time)
    return replace(track_of(found, name, telling), display=clip.format.display if isinstance(clip, MediaClip) else None)


def _followed(
    plate: Frame,
    time: int,
    stops: Sequence[int],
    whole: Callable[[int], Analysis],
    detector: FaceDetector,
    settings: Settings,
    *,
    hashed: bool,
) -> Analysis | None:
    """As ``analyse_plate``, by following faces between plates that are searched, the ``stops`` of ``time``; who they
    are, too, is taken from there. None where the plate must be searched. whole: the analysis of one of them.
    """
    plate = uncovered(plate, lambda reading: find_faces(detector, reading, settings))
    straight = working(plate, settings).straight()
    seen = thumbnail(straight)
    passage = met_at(detector, time, straight, seen, stops, lambda stop: whole(stop).look, settings)
    if passage is None:
        return None
    ends, share = [whole(end) for end in (passage.before, passage.after)], passage.share
    before, after = (end.sighting.embeddings for end in ends)
    embeddings = tuple((1 - share) * _unit(before[one.before]) + share * _unit(after[one.after]) for one in passage.met)
    sighting = Sighting(tuple(one.face for one in passage.met), embeddings)
    digest, opaque = _hash(plate) if hashed else "", plate.taken_as_opaque
    return replace(ends[0], sighting=sighting, thumbnail=seen, size=plate.size, hash=digest, taken_as_opaque=opaque)


def _unit(embedding: Floats) -> Floats:
    return np.asarray(embedding / max(float(np.linalg.norm(embedding)), 1e-12), np.float32)


def analyse_plate(
    plate: Frame, pack: Pack, detector: FaceDetector, settings: Settings, *, hashed: bool = True
) -> Analysis:
    """The faces of one plate, each with its embedding, and what tells cuts and, if ``hashed``, clips."""
    find = cache(lambda reading: find_faces(detector, reading, settings))
    plate = uncovered(plate, find)
    straight, faces = working(plate, settings).straight(), find(plate)
    embeddings = tuple(encode_face(straight, face, pack)["embedding"].ravel() for face in faces)
    digest = _hash(plate) if hashed else ""
    made_by = detector.name, pack.files["encoder"].sha256
    sighting = Sighting(faces, embeddings)
    return Analysis(sighting, thumbnail(straight), plate.size, digest, *made_by, plate.taken_as_opaque)


def track_of(found: Mapping[int, Analysis], name: str = "", telling: Iterable[int] = ()) -> Track:
    """The track of the plates in ``found``, by frame. telling: frames that tell the clip besides the first and last."""
    times = sorted(found)
    cuts = frozenset(time for before, time in pairwise(times) if is_cut(found[before].thumbnail, found[time].thumbnail))
    frames, people = identified({time: found[time].sighting for time in times}, cuts)
    first = found[times[0]]
    hashes = {time: found[time].hash for time in sorted({times[0], times[-1], *telling} & found.keys())}
    return Track(first.size, frames, name, first.detector, cuts, people, first.recogniser, hashes)


def check_clip(track: Track, clip: Clip, name: str) -> None:
    """Raises TrackError where the track was made from another clip: its length and a few of its plates tell.

    Where pictures are coded as changes of others only plates are looked at that need no others. name: of the clip, for
    the message. Tracks of version 1 and those of hosts without a clip of their own pass.
    """
    held = [time for time in track.hashes if clip.first <= time <= clip.last]
    quick = [time for time in held if _decoded_from(clip, time) == time] or held[:1]
    wrong = track.hashes.keys() - held or {time for time in quick if _hash(clip.frame(time)) != track.hashes[time]}
    if wrong:
        raise TrackError(
            f"expected the track of {name}; found that of {track.clip or 'another clip'}, whose frame {min(wrong)} "
            "differs or is missing. Analyse this clip, or use --force-track where it is the same shot in other pixels"
        )


def _decoded_from(clip: Clip, time: int) -> int:
    """The frame that decoding begins with to get at ``time``."""
    return clip.decoded_from(time) if isinstance(clip, MediaClip) else time


def _hash(plate: Frame) -> str:
    """Of a plate's pixels and size, whatever they are declared to be: it tells the clip of a track from others."""
    digest, (width, height) = xxhash.xxh3_128(), plate.size
    for top in range(0, height, _BAND):
        rows = slice(top, min(top + _BAND, height))
        digest.update(np.ascontiguousarray(plate.part((rows, slice(0, width)))).data)
    digest.update(str((height, width, plate.channels)).encode())
    return digest.hexdigest()
