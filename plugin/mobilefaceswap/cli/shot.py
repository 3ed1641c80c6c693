"""What was typed for a shot: what of a clip is rendered, and how its outputs are coded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from ..errors import SettingsError, both
from ..media import MatteClip, MediaClip, open_matte
from ..packs import find_pack
from ..render_shot import LayerChoice, MattesAt
from ..settings import Settings, table
from .people import with_choice

__all__ = ["Delivery", "Mattes", "Shot", "unused", "with_defaults"]


@dataclass(frozen=True)
class Delivery:
    """How outputs are coded; None and True keep what the clip has."""

    codec: str | None = None
    quality: str | None = None
    bit_depth: int | None = None
    audio: bool = True
    resume: bool = False
    overwrite: bool = False
    layers: LayerChoice = "usual"


@dataclass(frozen=True)
class Mattes:
    """The compositor's own mattes, as typed. fit: to the plate's size, frame rate and length."""

    inside: str | None = None
    outside: str | None = None
    fit: bool = False

    @property
    def places(self) -> dict[str, str]:
        """Those that were given, by what they do."""
        return {name: place for name, place in (("inside", self.inside), ("outside", self.outside)) if place}

    def over(self, clip: MediaClip, times: Sequence[int]) -> MattesAt:
        """Opens them for the frames ``times`` of ``clip``. Raises MediaError where one does not fit."""

        def opened(place: str | None) -> MatteClip | None:
            return open_matte(place, clip, times, fit=self.fit) if place else None

        inside, outside = both(lambda: opened(self.inside), lambda: opened(self.outside))
        return lambda time: (inside.at(time) if inside else None, outside.at(time) if outside else None)


@dataclass(frozen=True)
class Shot:
    """What of a clip is rendered, and how. frame_rate: of a sequence, as typed."""

    frames: str | None
    track: Path | None
    allow_interlaced: bool
    disk_cache: bool
    settings: Settings
    mattes: Mattes = Mattes()
    force_track: bool = False
    frame_rate: str | None = None


def with_defaults(given: Mapping[str, Any], pack: str | None, track: Path | None = None) -> Settings:
    """What was typed, and for the rest the pack's own defaults. Says on stderr what of it does nothing.

    Raises PackError, SettingsError.
    """
    try:
        typed = with_choice(given)
    except SettingsError as error:
        raise SettingsError(f"{error}. Leave all but one of them out, or add --face-choice") from error
    settings = Settings.from_mapping({**find_pack(pack).defaults, **typed})
    for sentence in filter(None, [settings.unused, *unused(typed, settings, track)]):
        typer.echo(sentence, err=True)
    return settings


def unused(given: Mapping[str, Any], settings: Settings, track: Path | None) -> Iterator[str]:
    """A sentence for each value of ``given``, by name, that has no effect among all the ``settings``."""
    for row in table():
        if row.only_with and row.name in given and not row.counts_with(settings):
            needed, value = row.only_with
            yield f"{row.label} is not used: it counts with --{needed.replace('_', '-')} {value} alone"
    if given.get("motion_blur") and track is None:
        yield "Motion Blur is not used: it takes the face's way from a track (--track)"
