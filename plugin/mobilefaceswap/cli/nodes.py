"""From people and a clip to a node that swaps them in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import typer

from ..analyse_clip import check_clip
from ..cache import RenderCache
from ..errors import TrackError
from ..faces import Track, load_track
from ..folders import render_cache_folder
from ..identity import Identity, Source, load_source, picture_files
from ..media import MediaClip, check_input
from ..node import FaceSwapNode, PeopleNode, PersonNode, StageTimes
from ..packs import Pack, find_pack
from ..render_shot import SHOT_CACHE_BYTES, Node
from ..settings import FaceChoice, MissingFrames, Settings
from .people import People, Person
from .range import frame_range
from .shot import Shot, unused

__all__ = ["NodeOver", "nodes_for"]

NodeOver = Callable[[MediaClip], Node]

_FEW_FACES = 4


def nodes_for(people: People, shot: Shot) -> NodeOver:
    """Makes a node for each clip, all with the same identities, which are prepared once, when first needed: the source
    of a node that is switched off is not read.
    """
    own = [shot.settings.replaced(**person.settings) for person in people.rows]
    for who, person, known in zip(people.named(), people.rows, own, strict=True):
        for sentence in unused(person.settings, known, shot.track):
            typer.echo(f"{who}: {sentence}", err=True)

    @cache
    def sources() -> list[Source]:
        pack, rows = find_pack(people.pack), zip(people.rows, own, strict=True)
        return [_identity(row, pack, people.faces) if known.enable else _unread(row) for row, known in rows]

    def node_over(clip: MediaClip) -> Node:
        pack, track, stages = find_pack(people.pack), _track(shot, clip), StageTimes()
        if track is not None:
            _check_people(track, people, own)
        folder = render_cache_folder() if shot.disk_cache else None
        store = RenderCache(memory=_most_faces(own) * SHOT_CACHE_BYTES, folder=folder)
        nodes = [
            FaceSwapNode(
                one, clip, pack=pack, settings=known, faces=people.faces, track=track, cache=store, stages=stages
            )
            for one, known in zip(sources(), own, strict=True)
        ]
        if people.table is None:
            return nodes[0]
        rows = zip(nodes, people.rows, strict=True)
        return PeopleNode([PersonNode(node, person.settings) for node, person in rows], shot.settings)

    return node_over


def _most_faces(people: Sequence[Settings]) -> int:
    """For how many faces of a frame there is to be room; where all are swapped, for a few."""
    return sum(_FEW_FACES if one.face_choice is FaceChoice.ALL else 1 for one in people)


def _identity(person: Person, pack: Pack, faces: str | None) -> Identity:
    identity = load_source([*person.source], pack, faces, person.source_face, age=person.source_age)
    _tell_source(identity)
    return identity


def _unread(person: Person) -> list[Path]:
    """The source of a node that is switched off: its files must be there. Raises MediaError where one is missing."""
    for file in (file for place in person.source for file in picture_files(place)):
        check_input(file)
    return [*person.source]


def _track(shot: Shot, clip: MediaClip) -> Track | None:
    """The shot's track with its corrections. Raises TrackError where it is another clip's, or lacks a frame."""
    if shot.track is None:
        return None
    track = load_track(shot.track, force=shot.force_track)
    if not shot.force_track:
        check_clip(track, clip, clip.path)
    track.fit(clip.size, clip.format.display)
    if shot.settings.missing_frames is MissingFrames.FAIL:
        track.check_holds(frame_range(shot.frames, clip))
    return track


def _check_people(track: Track, people: People, settings: Sequence[Settings]) -> None:
    """Raises TrackError where somebody is to be swapped whom neither the track nor its corrections know."""
    known = sorted({face.person for faces in track.frames.values() for face in faces if face.person})
    for who, own in zip(people.named(), settings, strict=True):
        if own.enable and own.face_choice is FaceChoice.PERSON and own.face_person not in known:
            named = f"{who}: " if people.table else ""
            raise TrackError(
                f"{named}expected a person of the track, {', '.join(map(str, known)) or 'which knows none'}; found "
                f"{own.face_person}. Choose one of them: `mobilefaceswap track show` lists them"
            )


def _tell_source(identity: Identity) -> None:
    for picture in identity.pictures:
        if picture.note:
            typer.echo(f"source {picture.name}: {picture.note}", err=True)
