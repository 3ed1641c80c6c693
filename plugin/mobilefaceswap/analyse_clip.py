"""Analyses a whole clip into a track: faces, who they are, and cuts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from .errors import TrackError
from .faces import FaceDetector, Sighting, Thumbnail, Track, find_faces, identified, is_cut, thumbnail, working
from .frame import Clip, Frame, Hashed
from .identity import encode_face
from .packs import Pack
from .settings import Settings
from .threads import cores, in_order

__all__ = ["Analysis", "analyse_clip", "analyse_plate", "check_clip", "track_of"]


@dataclass(frozen=True, eq=False)
class Analysis:
    """What one plate shows. hash: of its pixels. detector, recogniser: what found it."""

    sighting: Sighting
    thumbnail: Thumbnail
    size: tuple[int, int]
    hash: str
    detector: str
    recogniser: str


def analyse_clip(
    clip: Clip,
    pack: Pack,
    detector: FaceDetector,
    settings: Settings,
    times: Iterable[int] | None = None,
    name: str = "",
) -> Track:
    """The faces of ``clip`` with ids that a person keeps through cuts and gaps. Raises as the clip does.

    Plates are searched on all cores; people are told apart afterwards, in order, so that the track is always the same.

    times: ascending, None for all. name: of the clip, for people to read.
    """
    wanted = range(clip.first, clip.last + 1) if times is None else times
    under_way = in_order(lambda time: analyse_plate(clip.frame(time), pack, detector, settings), wanted, cores())
    return track_of({time: analysed() for time, analysed in under_way}, name)


def analyse_plate(plate: Frame, pack: Pack, detector: FaceDetector, settings: Settings) -> Analysis:
    """The faces of one plate, each with its embedding, and what tells cuts and clips."""
    straight = working(plate, settings).straight()
    faces = find_faces(detector, plate, settings)
    embeddings = tuple(encode_face(straight, face, pack)["embedding"].ravel() for face in faces)
    made_by = detector.name, pack.files["encoder"].sha256
    return Analysis(Sighting(faces, embeddings), thumbnail(straight), plate.size, _hash(plate), *made_by)


def track_of(found: Mapping[int, Analysis], name: str = "") -> Track:
    """The track of the plates in ``found``, by frame."""
    times = sorted(found)
    cuts = frozenset(time for before, time in pairwise(times) if is_cut(found[before].thumbnail, found[time].thumbnail))
    frames, people = identified({time: found[time].sighting for time in times}, cuts)
    first, last = found[times[0]], found[times[-1]]
    hashes = {times[0]: first.hash, times[-1]: last.hash}
    return Track(first.size, frames, name, first.detector, cuts, people, first.recogniser, hashes)


def check_clip(track: Track, clip: Clip, name: str) -> None:
    """Raises TrackError where the track was made from another clip: its first and last plate tell.

    name: of the clip, for the message. Tracks of version 1 and those of hosts without a clip of their own pass.
    """
    for time, digest in track.hashes.items():
        if not clip.first <= time <= clip.last or _hash(clip.frame(time)) != digest:
            raise TrackError(
                f"expected the track of {name}; found that of {track.clip or 'another clip'}, whose frame {time} "
                "differs or is missing. Analyse this clip, or use --force-track where it is the same shot in other "
                "pixels"
            )


def _hash(plate: Frame) -> str:
    """Of a plate's pixels and size, whatever they are declared to be: it tells the clip of a track from others."""
    digest = Hashed(plate.pixels).digest.copy()
    digest.update(str(plate.pixels.shape).encode())
    return digest.hexdigest()
