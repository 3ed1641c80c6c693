"""From people and a clip to a node that swaps them in."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import typer

from ..analyse_clip import check_clip
from ..cache import RenderCache
from ..faces import Track, load_track, open_detector
from ..folders import render_cache_folder
from ..identity import Identity, load_source
from ..media import MediaClip
from ..node import FaceSwapNode, PeopleNode, PersonNode, StageTimes
from ..packs import Pack, find_pack
from ..render_shot import SHOT_CACHE_BYTES, Node
from ..settings import MissingFrames
from .people import People, Person
from .range import frame_range
from .shot import Shot

__all__ = ["NodeOver", "nodes_for"]

NodeOver = Callable[[MediaClip], Node]


def nodes_for(people: People, shot: Shot) -> NodeOver:
    """Makes a node for each clip, all with the same identities, which are prepared once, when first needed."""

    @cache
    def identities() -> tuple[Identity, ...]:
        pack = find_pack(people.pack)
        return tuple(_identity(person, pack, people.faces) for person in people.rows)

    def node_over(clip: MediaClip) -> Node:
        pack, track, stages = find_pack(people.pack), _track(shot, clip), StageTimes()
        folder = render_cache_folder() if shot.disk_cache else None
        store = RenderCache(memory=SHOT_CACHE_BYTES, folder=folder)
        nodes = [
            FaceSwapNode(one, clip, pack=pack, faces=people.faces, track=track, cache=store, stages=stages)
            for one in identities()
        ]
        if people.table is None:
            return nodes[0]
        own = [person.settings for person in people.rows]
        return PeopleNode([PersonNode(*pair) for pair in zip(nodes, own, strict=True)], shot.settings)

    return node_over


def _identity(person: Person, pack: Pack, faces: str | None) -> Identity:
    identity = load_source([*person.source], pack, open_detector(pack, faces), person.source_face)
    _tell_source(identity)
    return identity


def _track(shot: Shot, clip: MediaClip) -> Track | None:
    """The shot's track with its corrections. Raises TrackError where it is another clip's, or lacks a frame."""
    if shot.track is None:
        return None
    track = load_track(shot.track, force=shot.force_track)
    if not shot.force_track:
        check_clip(track, clip, clip.path)
    if shot.settings.missing_frames is MissingFrames.FAIL:
        track.check_holds(frame_range(shot.frames, clip))
    return track


def _tell_source(identity: Identity) -> None:
    for picture in identity.pictures:
        if picture.note:
            typer.echo(f"source {picture.name}: {picture.note}", err=True)
