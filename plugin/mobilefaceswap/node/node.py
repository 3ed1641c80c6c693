"""The node: settings in, ``render(time)`` out.

A frame is a function of its time, the plate, the identity and the settings. Nothing is kept between frames but caches
whose keys are content hashes, so any order, any thread and any process gives the same pixels.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeVar

from ..cache import Arrays, RenderCache
from ..errors import MediaError, UserInputError
from ..faces import Face, FaceDetector, HandFinder, Look, Track, detector_kind, open_detector, stops_of, working
from ..frame import Clip, Floats, Frame, KeyedClip
from ..identity import Identity, Source, load_source
from ..look import Composition
from ..packs import Pack, find_pack
from ..runtime import AUTOMATIC, chosen_device
from ..settings import MissingFrames, Settings
from ..swap import open_network
from .keys import plate_key
from .lay import ExternalMattes, FaceMatte, Shot, farthest_first, laid, quality, shaped
from .over_time import Around, moments_around, steadied_over_time
from .result import RenderResult
from .road import (
    Kit,
    Plate,
    Search,
    aligned,
    chosen,
    faces_at,
    found,
    handed_in,
    look,
    swapped,
    time_on,
    timeline_around,
    uncovered,
)
from .stages import StageTimes

__all__ = ["FaceSwapNode", "SwappedFaces", "result_of"]

Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class SwappedFaces:
    """The faces of a shot swapped, not yet laid over the plate. swaps, mattes: of each of the shot's targets."""

    shot: Shot
    swaps: Sequence[Arrays] = ()
    mattes: Sequence[FaceMatte] = ()


class FaceSwapNode:
    """A face-swap node: a source identity, a target clip, settings.

    source: a prepared identity, its file (.idn), a picture, a folder of pictures, or several pictures. target: a
    ``frame.Clip``, or None where a host hands the plates in. pack: a pack, its name or folder; None for the default.
    settings: where left out, the pack's own defaults. faces: another detector, or its name, such as
    ``insightface:FOLDER_OR_NAME``. track: stored faces instead of a search. device: what the network runs on, one of
    ``runtime.DEVICES``, or ``auto``. source_age: the one to show, of a set of portraits with a table of ages; 0 for all
    alike. Thread-safe.

    What a swap needs is opened at once, so that whoever makes a node hears what is wrong with it; where ``settings``
    switch the node off, only by a frame that is swapped nevertheless.

    Raises PackError, NoFaceInSourceError, IdentityFileError, MediaError, SettingsError, UserInputError.
    """

    def __init__(
        self,
        source: Source,
        target: Clip | None = None,
        *,
        pack: Pack | str | os.PathLike[str] | None = None,
        settings: Settings | None = None,
        track: Track | None = None,
        faces: str | FaceDetector | None = None,
        source_face: int = 0,
        source_age: float = 0.0,
        cache: RenderCache | None = None,
        stages: StageTimes | None = None,
        device: str = AUTOMATIC,
    ) -> None:
        self.pack = pack if isinstance(pack, Pack) else find_pack(pack)
        self.target, self.track = target, track
        # Asked once: it looks at every attribute of a clip.
        self._keyed = target if isinstance(target, KeyedClip) else None
        self.settings = Settings.from_mapping(self.pack.defaults) if settings is None else settings
        self.cache = RenderCache() if cache is None else cache
        self.stages = StageTimes() if stages is None else stages
        self._source, self._source_face, self._source_age = source, source_face, source_age
        self._device = chosen_device(device)
        self._faces = faces
        if faces is None or isinstance(faces, str):
            detector_kind(faces)
        if self.settings.enable:
            _ = self._kit

    @cached_property
    def _detector(self) -> FaceDetector:
        return open_detector(self.pack, self._faces)

    @cached_property
    def identity(self) -> Identity:
        """Who is swapped in. Raises as the class does."""
        identity = load_source(self._source, self.pack, self._faces, self._source_face, age=self._source_age)
        identity.check_pack(self.pack)
        return identity

    @cached_property
    def _kit(self) -> Kit:
        who = self.identity
        network = open_network(self.pack, who.weights, who.content_hash, self._device)
        if self.track is None:
            _ = self._detector
        return Kit(self.pack, lambda: self._detector, self.cache, HandFinder(self.pack), network, who.content_hash)

    @cached_property
    def _search(self) -> Search:
        """What faces are found with; opened by the first plate that is looked at."""
        return Search(self.pack, lambda: self._detector, self.cache)

    @property
    def runtime(self) -> str:
        """What runs the network, with its version; empty where nothing was to be swapped yet."""
        return self._kit.network.runtime if "_kit" in self.__dict__ else ""

    def render(
        self,
        time: int,
        settings: Settings | None = None,
        plate: Frame | None = None,
        *,
        inside: Floats | None = None,
        outside: Floats | None = None,
        around: Around | None = None,
    ) -> RenderResult:
        """The frame at ``time``.

        settings: this frame's own, since hosts keyframe them. plate: handed in by a host instead of pulled from the
        target. inside, outside: holdout and garbage mattes (H, W), 0..1, of the plate's size; outside wins.
        around: other plates, for hosts that hand them out; of the target where left out.
        Raises MediaError where the plate cannot be read, UserInputError where an external matte has another size or
        ``time`` is no frame number.
        """
        settings = settings or self.settings
        faces = self.swap(self.plate(time, settings, plate), settings, ExternalMattes(inside, outside), around)
        return result_of(faces.shot, self.lay(faces))

    def swap(
        self,
        plate: Plate,
        settings: Settings,
        external: ExternalMattes,
        around: Around | None = None,
    ) -> SwappedFaces:
        """The faces of ``plate`` swapped, and their mattes. Raises as `render` does."""
        shot = self._shot(plate, settings, around)
        external.check_size(shot.plate.frame)
        return self._with_mattes(*self._swapped([shot])[0], external)

    def lay(self, faces: SwappedFaces, everyone: Sequence[FaceMatte] | None = None) -> Composition:
        """``faces`` as layers over their plate. everyone: the mattes of all faces that are laid over it, those of other
        nodes included, `farthest_first`; by default those of ``faces`` alone.
        """
        shot = faces.shot
        if not shot.targets:
            return Composition(shot.plate.frame, (), shot.faces, (), shot.settings.matte_to_alpha)
        with self.stages.measure("compose"):
            known = farthest_first(faces.mattes) if everyone is None else everyone
            return laid(self._kit, shot, faces.swaps, faces.mattes, known)

    def render_batch(self, times: Sequence[int], settings: Settings | None = None) -> list[RenderResult]:
        """The frames at ``times``, their faces through the network in one run. The same pixels as ``render``."""
        settings = settings or self.settings
        shots = [self._shot(self.plate(time, settings, None), settings) for time in times]
        faces = [self._with_mattes(shot, swaps, ExternalMattes()) for shot, swaps in self._swapped(shots)]
        return [result_of(one.shot, self.lay(one)) for one in faces]

    def analyse(self, time: int, settings: Settings | None = None, plate: Frame | None = None) -> tuple[Face, ...]:
        """The faces at ``time`` as the detector finds them, without smoothing, from left to right."""
        settings = settings or self.settings
        return found(self._kit, self.plate(time, settings, plate), settings)

    def look(self, time: int, settings: Settings | None = None, plate: Frame | None = None) -> Look:
        """What is found in the plate at ``time``: faces as detected, and a thumbnail that tells cuts."""
        settings = settings or self.settings
        return look(self._kit.detector, self.cache, self.plate(time, settings, plate), settings)

    def _shot(self, plate: Plate, settings: Settings, around: Around | None = None) -> Shot:
        if not settings.enable:
            return Shot(plate, settings)
        around = around or _OfTarget(self, settings)
        with self.stages.measure("faces"):
            timeline = timeline_around(self._kit, plate, around.look, self.track, settings)
            faces = faces_at(timeline, plate.time, self.track, settings)
            wanted, likeness = chosen(self._kit, plate, faces, self.track, settings)
        if settings.mix == 0:
            return Shot(plate, settings, faces, (), likeness)
        with self.stages.measure("align"):
            targets = tuple(aligned(self._kit, plate, settings, face, self.track) for face in wanted)
        moments = moments_around(self._kit, plate, settings, timeline, around, self.track)
        return Shot(plate, settings, faces, targets, likeness, moments)

    def plate(self, time: int, settings: Settings, frame: Frame | None) -> Plate:
        """The plate at ``time``: ``frame`` if one is handed in, else that of the target, read when it is needed. One
        that is held is the plate of its own time, so that the frame is the same picture once more.

        Raises UserInputError where ``time`` is no frame number.
        """
        time = _frame_number(time)
        if frame is None:
            time = self._held(time, settings)
        if frame is None and self.target is None:
            raise UserInputError(
                f"expected a plate for frame {time}, or a node with a target clip; found neither. "
                "Pass target= to FaceSwapNode or plate= to render"
            )
        key = self._clip_key(time, settings) if frame is None else None
        if not key:
            frame = self._pulled(time, settings) if frame is None else frame
            return handed_in(time, self._uncovered(time, frame, settings), settings, self.cache)
        load = partial(self._loaded, time, settings)
        return Plate(time, key, load, partial(self._stops, time, settings))

    def _stops(self, time: int, settings: Settings) -> tuple[Plate, ...]:
        """The plates that faces are followed from at ``time``, where the clip has keys for them."""
        assert self.target is not None
        plates: list[Plate] = []
        try:
            for stop in stops_of(self._detector, time, self.target.first, self.target.last):
                key = self._clip_key(stop, settings)
                if not key:
                    break
                plates.append(Plate(stop, key, partial(self._loaded, stop, settings)))
        except MediaError:
            # A frame that the clip lacks stops its own render, not this one.
            pass
        return tuple(plates) if len(plates) > 1 else ()

    def _loaded(self, time: int, settings: Settings) -> Frame:
        return working(self._uncovered(time, self._pulled(time, settings), settings), settings)

    def _uncovered(self, time: int, frame: Frame, settings: Settings) -> Frame:
        """See ``uncovered``; a node that is switched off looks for no face."""
        return uncovered(frame, self._search.finder(time, self.track, settings)) if settings.enable else frame

    def _pulled(self, time: int, settings: Settings) -> Frame:
        assert self.target is not None
        frame = self.target.frame(self._held(time, settings))
        if not isinstance(frame, Frame):
            raise UserInputError(
                f"expected the target's frame({time}) to be a Frame; found {type(frame).__name__}. Return "
                "Frame(pixels, colour_space) from it"
            )
        return frame

    def _held(self, time: int, settings: Settings) -> int:
        """``time``, or the last frame before it that the clip has, if missing frames are held."""
        missing = getattr(self.target, "missing", ()) if settings.missing_frames is MissingFrames.HOLD else ()
        while time in missing:
            time -= 1
        return time

    def _clip_key(self, time: int, settings: Settings) -> str | None:
        """The key of a frame of the target by the clip's own, which costs no hash of pixels; None where it has none."""
        key = None if self._keyed is None else self._keyed.key(self._held(time, settings))
        return None if key is None else plate_key(key, settings, self._seen_by(time, settings))

    def _seen_by(self, time: int, settings: Settings) -> str | Sequence[Face]:
        """What tells whether a plate's alpha is empty; see ``plate_key``."""
        if self.track is not None:
            return self.track.frames.get(time_on(self.track, time, settings), ())
        return self._detector.name if settings.enable else ""

    def _swapped(self, shots: Sequence[Shot]) -> list[tuple[Shot, list[Arrays]]]:
        """The network's answers for every target of every shot, steadied by those of the frames around."""
        targets = [target for shot in shots for target in shot.targets]
        with self.stages.measure("swap"):
            answers = iter(swapped(self._kit, targets) if targets else ())
        return [self._steadied(shot, [next(answers) for _ in shot.targets]) for shot in shots]

    def _steadied(self, shot: Shot, swaps: list[Arrays]) -> tuple[Shot, list[Arrays]]:
        plate, settings, moments = shot.plate, shot.settings, shot.moments
        if not (settings.deflicker and swaps and moments):
            return shot, swaps
        with self.stages.measure("deflicker"):
            pairs = [
                steadied_over_time(self._kit, plate, settings, moments, target, swap)
                for target, swap in zip(shot.targets, swaps, strict=True)
            ]
        return replace(shot, targets=tuple(target for target, _ in pairs)), [swap for _, swap in pairs]

    def _with_mattes(self, shot: Shot, swaps: Sequence[Arrays], external: ExternalMattes) -> SwappedFaces:
        if not shot.targets:
            return SwappedFaces(shot)
        with self.stages.measure("matte"):
            pairs = zip(shot.targets, swaps, strict=True)
            mattes = [shaped(self._kit, shot, target, arrays["mask"], external) for target, arrays in pairs]
        return SwappedFaces(shot, swaps, mattes)


@dataclass(frozen=True, eq=False)
class _OfTarget:
    """The frames of a node's target around another; see `Around`."""

    node: FaceSwapNode
    settings: Settings

    def look(self, time: int) -> Look | None:
        """Decoded only where what is found there is not known yet and the clip has keys."""
        return self._found(time, lambda: self.node.look(time, self.settings))

    def plate(self, time: int) -> Plate | None:
        """Read when it is needed, where the clip has keys."""
        return self._found(time, lambda: self.node.plate(time, self.settings, None))

    def _found(self, time: int, get: Callable[[], Found]) -> Found | None:
        target = self.node.target
        if target is None or not target.first <= time <= target.last:
            return None
        try:
            return get()
        except MediaError:
            # A neighbour that is missing or damaged stops its own render, not this one.
            return None


def _frame_number(time: int) -> int:
    try:
        return operator.index(time)
    except TypeError as error:
        raise UserInputError(
            f"expected a whole number as the frame to render; found {time!r}. Frames are counted: pass an int"
        ) from error


def result_of(shot: Shot, drawn: Composition) -> RenderResult:
    """What ``drawn`` shows of ``shot``, with its quality figures."""
    replaced = tuple(target.face for target in shot.targets)
    return RenderResult(drawn.plate, shot.faces, replaced, quality(shot, drawn), drawn)
