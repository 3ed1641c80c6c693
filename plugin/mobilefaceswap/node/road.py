"""From a plate to swapped crops: faces found, chosen, aligned, swapped. Plain functions over frozen records."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial

import cv2
import numpy as np

from ..cache import Arrays, RenderCache
from ..colour import ColourSpace, exposure_for, shouldered, to_display, white_of
from ..errors import UserInputError
from ..faces import (
    Face,
    FaceDetector,
    HandFinder,
    Look,
    Timeline,
    Track,
    choose,
    find_faces,
    followed,
    is_cut,
    is_face,
    met_at,
    thumbnail,
    working,
)
from ..frame import Floats, Frame, Hashed
from ..geometry import Matrix, Rectangle, composed, crop_rectangle, fit_crop, rescaling, sample_frame
from ..identity import encode_face, reference_embedding
from ..look.matte import core
from ..packs import Crop, Pack
from ..settings import FaceChoice, MissingFrames, Settings
from ..swap import SwapNetwork
from . import keys
from .place import Motion, motion_of
from .stages import check_wanted

__all__ = [
    "Cut",
    "Kit",
    "Look",
    "Plate",
    "Search",
    "Target",
    "aligned",
    "chosen",
    "cropped",
    "cut_of",
    "faces_at",
    "found",
    "handed_in",
    "look",
    "run",
    "searched",
    "swap_key_of",
    "swapped",
    "time_on",
    "timeline_around",
    "uncovered",
]

_OUT_OF_RANGE = 1e-3


@dataclass(frozen=True, eq=False)
class Search:
    """What faces are found, chosen and cut with. opened: gets the detector, which faces of a track do not need."""

    pack: Pack
    opened: Callable[[], FaceDetector]
    cache: RenderCache

    @property
    def detector(self) -> FaceDetector:
        """What finds faces. Raises as ``open_detector`` does."""
        return self.opened()

    def finder(self, time: int, track: Track | None, settings: Settings) -> Callable[[Frame], Sequence[Face]]:
        """What gets the faces of a plate at ``time``, not followed: those of the track, if there is one."""

        def find(frame: Frame) -> Sequence[Face]:
            if track is None:
                return look(self.detector, self.cache, handed_in(time, frame, settings, self.cache), settings)[0]
            there = time_on(track, time, settings)
            return track.faces(there, frame.size, frame.display) if there in track.frames else ()

        return find


@dataclass(frozen=True, eq=False)
class Kit(Search):
    """What every frame of a node is rendered with. identity: the content hash of the one that ``network`` swaps in."""

    hands: HandFinder
    network: SwapNetwork
    identity: str

    @property
    def network_key(self) -> tuple[str, ...]:
        """What distinguishes the network in cache keys."""
        return self.pack.content_hash, self.identity, self.network.runtime


@dataclass(frozen=True, eq=False)
class Plate:
    """One frame of the clip. key: of its content. load: gets its pixels, only when they are needed. between: gets the
    plates that faces are followed from (see ``stops_of``), each without such plates of its own; none where this one is
    searched as a whole. like: another of the clip, whose size and pixel aspect it has; None where only its own tell.
    kept: what was made of its pixels, by key, for as long as somebody holds on to it; None where only caches keep it.
    """

    time: int
    key: str
    load: Callable[[], Frame]
    between: Callable[[], tuple[Plate, ...]] = lambda: ()
    like: Plate | None = None
    kept: dict[str, Arrays] | None = None

    @cached_property
    def stops(self) -> tuple[Plate, ...]:
        """What ``between`` gets."""
        return self.between()

    def alone(self) -> Plate:
        """The same plate, searched as a whole."""
        return Plate(self.time, self.key, lambda: self.frame)

    @cached_property
    def frame(self) -> Frame:
        """As it came, in the working space."""
        return self.load()

    @cached_property
    def straight(self) -> Frame:
        """Not premultiplied."""
        return self.frame.straight()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return (self.like or self).frame.size

    @property
    def pixel_aspect(self) -> float:
        """Width over height of a pixel."""
        return (self.like or self).frame.pixel_aspect

    def made(self, key: str, make: Callable[[], Arrays]) -> Arrays:
        """What ``kept`` has under ``key``, or what ``make`` gives, which is kept from then on."""
        if self.kept is None:
            return make()
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]


@dataclass(frozen=True, eq=False)
class Target:
    """A chosen face on its way to the network.

    matrix: from plate to crop. region: the plate pixels that the crop touches. space: the plate's, at the exposure at
    which the network sees it. white: the display value that it sees as 1. crop: (S, S, 3) display-referred sRGB, 0..1;
    S is the network's own, or a multiple of it. key: of what is made of it, the swap at first. clipped: share of the
    crop that display-referred sRGB cannot hold. motion: of the landmarks, where a track says it.
    """

    face: Face
    matrix: Matrix
    region: Rectangle
    space: ColourSpace
    white: float
    crop: Floats
    key: str
    clipped: float
    motion: Motion | None = None


def handed_in(time: int, frame: Frame, settings: Settings, store: RenderCache) -> Plate:
    """A frame that a host hands in, known by its content; not at all where ``store`` keeps nothing."""
    known = working(frame, settings)
    return Plate(time, known.content_hash() if store.enabled else "", lambda: known)


def uncovered(frame: Frame, find: Callable[[Frame], Sequence[Face]]) -> Frame:
    """``frame``, taken as opaque where its alpha is empty: hosts and files hand over RGB as premultiplied RGBA.

    An alpha that is 0 throughout says so by itself. Where one is 0 in part of the plate, under light, faces tell: it is
    believed unless it is 0 under them. find: gets the faces of the plate, read one way or the other.
    """
    if not frame.multiplied:
        return frame
    known = frame.hashed if frame.hashed is not None else Hashed(frame.pixels)
    if not known.coloured_where_clear:
        return frame
    opaque = replace(frame, taken_as_opaque=True)
    if known.covers_nothing:
        return opaque
    if not all(_is_clear_under(frame, face) for face in find(frame)):
        return frame
    return opaque if any(_is_clear_under(frame, face) for face in find(opaque)) else frame


def _is_clear_under(plate: Frame, face: Face) -> bool:
    x, y, width, height = face.box
    left, top = max(0, int(x)), max(0, int(y))
    assert plate.alpha is not None
    under = plate.alpha[top : max(top + 1, int(y + height)), left : max(left + 1, int(x + width))]
    return bool(under.max(initial=0.0) <= 0)


def time_on(track: Track, time: int, settings: Settings) -> int:
    """The frame of ``track`` that counts at ``time``; the track may lack it."""
    return track.held(time) if settings.missing_frames is MissingFrames.HOLD else time


def found(kit: Kit, plate: Plate, settings: Settings) -> tuple[Face, ...]:
    """The faces of one plate, without smoothing, from left to right."""
    return look(kit.detector, kit.cache, plate, settings)[0]


def look(detector: FaceDetector, store: RenderCache, plate: Plate, settings: Settings) -> Look:
    """What is found in one plate: its faces, and a thumbnail that tells cuts."""
    stops = {stop.time: stop for stop in plate.stops}

    def compute() -> Arrays:
        seen = thumbnail(plate.straight)
        passage = met_at(
            detector,
            plate.time,
            plate.straight,
            seen,
            tuple(stops),
            lambda time: look(detector, store, stops[time], settings),
            settings,
        )
        if passage is not None:
            faces: Sequence[Face] = [one.face for one in passage.met]
        elif stops:
            # Others may be followed from this plate, and find there what it shows as a whole.
            faces = look(detector, store, plate.alone(), settings)[0]
        else:
            faces = find_faces(detector, plate.frame, settings)
        return {"faces": np.array([face.row() for face in faces], np.float64), "thumbnail": seen}

    key = keys.faces_key(plate.key, detector, settings, tuple(stop.key for stop in stops.values()))
    arrays = store.get("faces", key, compute)
    return tuple(map(Face.from_row, arrays["faces"])), arrays["thumbnail"]


def timeline_around(
    kit: Search, plate: Plate, around: Callable[[int], Look | None], track: Track | None, settings: Settings
) -> Timeline:
    """What is found in ``plate`` and in the frames around it, or what the track holds of them.

    around: what is found at another time, None outside the clip.
    """
    if track is not None:
        return track.timeline(plate.frame.size, plate.frame.display)
    here = partial(look, kit.detector, kit.cache, plate, settings)
    return searched(lambda moment: here() if moment == plate.time else around(moment))


def faces_at(timeline: Timeline, time: int, track: Track | None, settings: Settings) -> tuple[Face, ...]:
    """The faces at ``time``, detected or from the track, followed over an explicit window of frames.

    Raises TrackError where the track lacks the frame, unless ``settings`` say what stands in for it.
    """
    if track is not None:
        if time not in track.frames and settings.missing_frames is MissingFrames.SKIP:
            return ()
        time = time_on(track, time, settings)
        track.check_holds(range(time, time + 1))
    return followed(timeline, time, smoothing=settings.smoothing, gap=settings.gap, fade=settings.fade)


def searched(look_at: Callable[[int], Look | None]) -> Timeline:
    """What a search of the clip finds, each plate looked at once. look_at: gives None outside the clip."""
    seen = cache(look_at)

    @cache
    def begins(time: int) -> bool:
        before, after = seen(time - 1), seen(time)
        return before is None or after is None or is_cut(before[1], after[1])

    def faces(time: int) -> tuple[Face, ...]:
        there = seen(time)
        return () if there is None else there[0]

    return Timeline(faces, begins)


def chosen(
    kit: Search, plate: Plate, faces: tuple[Face, ...], track: Track | None, settings: Settings
) -> tuple[tuple[Face, ...], float | None]:
    """The faces to swap, and the greatest likeness to the reference, if one is used.

    A track that knows people decides once for each of them, so that the choice never jumps within a shot. What has no
    face's proportions is nobody's choice: a swap there would be a face painted on a forehead. Raises UserInputError
    where a person of a track is chosen without one.
    """
    found, faces = faces, tuple(face for face in faces if is_face(face, plate.pixel_aspect))
    match settings.face_choice:
        case FaceChoice.REFERENCE:
            reference = reference_embedding(settings.reference, kit.pack, kit.detector)
            likeness = [choose.cosine(_looks(kit, plate, face, track), reference) for face in faces]
            return choose.most_like(faces, likeness, settings.reference_threshold), max(likeness, default=None)
        case FaceChoice.PERSON:
            if track is None:
                raise UserInputError(
                    "expected a track, since Face is By Track ID; found none. Run `mobilefaceswap analyse` and use its "
                    "track, or choose the face another way"
                )
            return tuple(face for face in faces if face.person == settings.face_person), None
        case FaceChoice.ALL:
            return faces, None
        case FaceChoice.INDEX:
            # Numbers are those that the viewer shows, of all that was found.
            return tuple(face for face in choose.by_index(found, settings.face_index) if face in faces), None
        case FaceChoice.NEAREST:
            width, height = plate.size
            x, y = settings.face_point_x * width - 0.5, (1 - settings.face_point_y) * height - 0.5
            return choose.nearest(faces, x, y), None
        case _:
            return choose.largest(faces), None


def _looks(kit: Search, plate: Plate, face: Face, track: Track | None) -> Floats:
    """The embedding of a face, or its person's mean if the track has one made by the same recogniser."""
    if track is not None and face.person in track.people and track.recogniser == kit.pack.files["encoder"].sha256:
        return track.people[face.person]
    return _embedding(kit, plate, face)


def _embedding(kit: Search, plate: Plate, face: Face) -> Floats:
    def compute() -> Arrays:
        return {"embedding": encode_face(plate.straight, face, kit.pack)["embedding"]}

    key = keys.embedding_key(plate.key, face.landmarks, kit.pack.content_hash)
    return plate.made(key, lambda: kit.cache.get("embedding", key, compute))["embedding"]


@dataclass(frozen=True, eq=False)
class Cut:
    """How a face is cut out for the network. matrix: from plate to ``crop``. key: of what that gives."""

    crop: Crop
    matrix: Matrix
    key: str


def cut_of(kit: Search, plate: Plate, settings: Settings, face: Face) -> Cut:
    """The crop of one face, as much larger than the network's own as Pixel Boost asks for; reads no pixels."""
    boost = int(settings.pixel_boost[0])
    crop = replace(kit.pack.crop, size=kit.pack.crop.size * boost)
    matrix = composed(rescaling(boost), fit_crop(face.landmarks, kit.pack.crop, plate.pixel_aspect))
    return Cut(crop, matrix, keys.crop_key(plate.key, crop, matrix, settings))


def cropped(kit: Search, plate: Plate, settings: Settings, cut: Cut) -> Arrays:
    """``crop``, as `Target` has it, and ``view``: exposure, white, and the share that is clipped."""

    def compute() -> Arrays:
        frame, crop = plate.straight, cut.crop
        pixels, space = sample_frame(frame, cut.matrix, crop.size), frame.colour_space
        if settings.auto_exposure:
            known = to_display(pixels[core(crop.template, crop.size) > 0], space.exposed(0))
            space = space.exposed(space.exposure + exposure_for(known))
        display = to_display(pixels, space)
        white = white_of(display, space)
        clipped = np.mean((display < -_OUT_OF_RANGE) | (display > max(white, 1) + _OUT_OF_RANGE))
        view = np.array([space.exposure, white, clipped])
        return {"crop": shouldered(display, white), "view": view}

    # The crop does not depend on most settings.
    return plate.made(cut.key, lambda: kit.cache.get_passing("crop", cut.key, compute))


def aligned(kit: Kit, plate: Plate, settings: Settings, face: Face, track: Track | None = None) -> Target:
    """One face, cut out of the plate."""
    frame, cut = plate.straight, cut_of(kit, plate, settings, face)
    arrays = cropped(kit, plate, settings, cut)
    exposure, white, clipped = arrays["view"].tolist()
    return Target(
        face,
        cut.matrix,
        crop_rectangle(cut.matrix, cut.crop.size, frame.size),
        frame.colour_space.exposed(exposure),
        white,
        arrays["crop"],
        swap_key_of(kit, cut, settings),
        clipped,
        motion_of(face, plate.time, track, frame) if settings.motion_blur else None,
    )


def swap_key_of(kit: Kit, cut: Cut, settings: Settings) -> str:
    """The key of what the network makes of a cut."""
    return keys.swap_key(cut.key, kit.network_key, settings)


def swapped(kit: Kit, targets: Sequence[Target]) -> list[Arrays]:
    """``crop``, ``colour`` and ``mask`` of every target; those not cached go through the network in one run."""
    if len(targets) == 1:
        return [kit.cache.get("swap", targets[0].key, lambda: run(kit, [targets[0].crop])[0])]
    missing = [target for target in targets if not kit.cache.holds("swap", target.key)]
    fresh = dict(zip(map(id, missing), run(kit, [target.crop for target in missing]), strict=True))

    def result(target: Target) -> Arrays:
        return fresh[id(target)] if id(target) in fresh else run(kit, [target.crop])[0]

    return [kit.cache.get("swap", target.key, partial(result, target)) for target in targets]


def run(kit: Kit, crops: Sequence[Floats]) -> list[Arrays]:
    """What `swapped` gives, all in one run; crops larger than the network's go through it in interleaved parts."""
    if not crops:
        return []
    check_wanted()
    parts = [_parted(crop, kit.pack.crop.size) for crop in crops]
    colours, masks = kit.network(np.concatenate(parts))
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return [
        {"crop": crop, "colour": _joined(colour), "mask": _enlarged(mask)}
        for crop, colour, mask in zip(crops, np.split(colours, ends), np.split(masks, ends), strict=True)
    ]


def _parted(crop: Floats, size: int) -> Floats:
    """A (k S, k S, 3) crop as (k k, S, S, 3): every k-th pixel of every k-th row, from each start."""
    boost = crop.shape[0] // size
    return np.ascontiguousarray(
        crop.reshape(size, boost, size, boost, 3).transpose(1, 3, 0, 2, 4).reshape(-1, size, size, 3)
    )


def _joined(parts: Floats) -> Floats:
    """The inverse of ``_parted``."""
    boost, size = math.isqrt(len(parts)), parts.shape[1]
    if boost == 1:
        return np.asarray(parts[0])
    joined = parts.reshape(boost, boost, size, size, 3).transpose(2, 0, 3, 1, 4)
    return np.ascontiguousarray(joined.reshape(boost * size, boost * size, 3))


def _enlarged(masks: Floats) -> Floats:
    """The mean of the parts' (S, S) masks at k times the size: a mask is soft, and has nothing finer to resolve."""
    if len(masks) == 1:
        return np.asarray(masks[0])
    side = masks.shape[1] * math.isqrt(len(masks))
    large = cv2.resize(masks.mean(axis=0), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(large, 0, 1), np.float32)
