"""The end of the road: lays swapped crops on the plate, and records quality figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from ..cache import Arrays
from ..errors import UserInputError
from ..faces import Face, is_face, plausibility, roll_of
from ..frame import Floats, Frame, all_finite
from ..geometry import Rectangle, bounded, crop_quad, crop_rectangle, fit_crop, middle_of, scale_of, transformed
from ..look import (
    Composition,
    Ground,
    Layer,
    Swapped,
    face_colour,
    follows_matte,
    ground_of,
    hull,
    is_local,
    matte,
    trusted,
)
from ..packs import Crop
from ..settings import Settings
from . import keys
from .covered import covered
from .over_time import Moments
from .place import Placed, placed
from .result import QualityRecord
from .road import Kit, Plate, Target

__all__ = ["ExternalMattes", "FaceMatte", "Shot", "farthest_first", "laid", "nearness", "quality", "shaped"]

_AS_NEAR = 1.02
"""Faces whose sizes differ by less are as near as each other, and neither covers the other."""
_HULL_SOFT = 0.02
"""Softness of a hull that covers another face, in widths of the face."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One frame on the road. likeness: to the reference, if one is used. moments: what lies around it in time."""

    plate: Plate
    settings: Settings
    faces: tuple[Face, ...] = ()
    targets: tuple[Target, ...] = ()
    likeness: float | None = None
    moments: Moments | None = None


@dataclass(frozen=True, eq=False)
class ExternalMattes:
    """Mattes that a compositor plugs in, (H, W), 0..1, of the plate's size: ``inside`` adds, ``outside`` removes."""

    inside: Floats | None = None
    outside: Floats | None = None

    def check_size(self, plate: Frame) -> None:
        """Raises UserInputError where one has another size than the plate."""
        expected = plate.size[::-1]
        for name, external in (("inside", self.inside), ("outside", self.outside)):
            if external is not None and external.shape != expected:
                raise UserInputError(
                    f"expected the {name} matte to be {expected[1]} x {expected[0]} like the plate; found "
                    f"{external.shape[1]} x {external.shape[0]}. Reformat it before the node"
                )


@dataclass(frozen=True, eq=False)
class FaceMatte:
    """The matte of one face, (h, w) inside ``region``; outside it is 0.

    shaped: before external mattes. whole: with them, before ``mix``. near: pixels of the plate for one of the network's
    own crop: of two faces the one with more is in front.
    """

    region: Rectangle
    shaped: Floats
    whole: Floats
    mix: float
    near: float

    @property
    def final(self) -> Floats:
        """What is composited."""
        return self.whole * np.float32(self.mix)

    def seen(self, nearer: Sequence[FaceMatte]) -> Floats:
        """(h, w): ``whole`` without what the faces ``nearer`` cover, whatever their ``mix`` is."""
        seen = self.whole
        for other in nearer:
            both = self.region.intersection(other.region)
            if not both.empty:
                seen = seen.copy() if seen is self.whole else seen
                own, covering = (both.moved(-one.region.x1, -one.region.y1).slices for one in (self, other))
                seen[own] *= 1 - other.whole[covering]
        return seen


def farthest_first(mattes: Iterable[FaceMatte]) -> list[FaceMatte]:
    """In the order in which they are laid over the plate. Of two that are equally near the later is in front."""
    return sorted(mattes, key=lambda matte: matte.near)


def laid(
    kit: Kit, shot: Shot, swaps: Sequence[Arrays], mattes: Sequence[FaceMatte], everyone: Sequence[FaceMatte]
) -> Composition:
    """The shot's faces as layers over its plate, the nearest on top. mattes: what ``shaped`` gave for each. everyone:
    those of all faces that are laid over this plate, these included, ``farthest_first``.
    """
    faces = sorted(zip(shot.targets, swaps, mattes, strict=True), key=lambda one: everyone.index(one[2]))
    layers = tuple(
        _layer(kit, shot, target, arrays, matte, everyone[everyone.index(matte) + 1 :])
        for target, arrays, matte in faces
    )
    crops = tuple(crop_quad(target.matrix, target.crop.shape[0]) for target in shot.targets)
    return Composition(shot.plate.frame, layers, shot.faces, crops, shot.settings.matte_to_alpha)


def _layer(
    kit: Kit, shot: Shot, target: Target, arrays: Arrays, matte: FaceMatte, nearer: Sequence[FaceMatte]
) -> Layer:
    where, colour = _place(kit, shot, target), _colour(kit, shot, target, arrays, matte, nearer)
    corners = crop_quad(middle_of(where.matrices), target.crop.shape[0])
    maps, name = partial(_map, kit, shot, target, arrays["mask"]), _name(shot, target.face)
    return Layer(
        matte.region,
        colour,
        matte.final,
        matte.shaped,
        target.face,
        corners,
        where.region,
        maps,
        target.crop.shape[0],
        where.matrices,
        name,
        matte.whole,
    )


def _name(shot: Shot, face: Face) -> str:
    """Of a face in layers of ids: its person in the track, or its number from the left."""
    if face.person:
        return f"person_{face.person}"
    return f"face_{next((number for number, other in enumerate(shot.faces) if other is face), 0)}"


def shaped(kit: Kit, shot: Shot, target: Target, mask: Floats, external: ExternalMattes) -> FaceMatte:
    """The matte of one face, where it reaches; throughout the crop where an inside matte may add to it."""
    where = _place(kit, shot, target)
    mix, near = shot.settings.mix * target.face.presence, nearness(target.face, kit.pack.crop, shot.plate.frame)
    region, own = _own_matte(kit, shot, target, mask, where, everywhere=external.inside is not None)
    if region.empty:
        return FaceMatte(region, own, own, mix, near)
    own = _behind_nearer(kit, shot, target, own, region, near)
    reach = own
    if external.inside is not None:
        reach = matte.on_plate(matte.border_falloff(mask.shape[0]), where.matrices, region)
    inside, outside = (None if one is None else one[region.slices] for one in (external.inside, external.outside))
    return FaceMatte(region, own, matte.combine(own, reach, inside, outside), mix, near)


def _own_matte(
    kit: Kit, shot: Shot, target: Target, mask: Floats, where: Placed, *, everywhere: bool
) -> tuple[Rectangle, Floats]:
    """The face's matte as the settings shape it, (h, w) inside the rectangle that it reaches; ``everywhere``: inside
    that of the whole crop. A change of the look affects neither.
    """
    settings, points = shot.settings, transformed(target.matrix, target.face.landmarks)

    def compute() -> Arrays:
        before = covered(kit, shot.plate, target) if settings.occlusion > 0 else None
        template = kit.pack.crop.template
        outline = _outline(kit, target, mask, points, settings)
        own = matte.shape(mask, settings, template, points=points, crop=target.crop, covered=before, outline=outline)
        region = where.region if everywhere else where.narrowed(matte.reached(own), shot.plate.frame.size)
        empty = np.zeros(region.size[::-1], np.float32)
        drawn = empty if region.empty else matte.on_plate(own, where.matrices, region)
        return {"matte": drawn, "region": np.array(astuple(region))}

    key = keys.matte_key(target.key, points, where.matrices, kit.hands.name, settings, everywhere=everywhere)
    made = kit.cache.get_passing("matte", key, compute)
    return Rectangle(*made["region"].tolist()), made["matte"]


def _outline(kit: Kit, target: Target, mask: Floats, points: npt.NDArray[np.float64], settings: Settings) -> Floats:
    """What shaping begins with, which most settings of the matte do not affect."""

    def compute() -> Arrays:
        return {"outline": matte.outlined(mask, settings, kit.pack.crop.template, points)}

    key = keys.outline_key(target.key, points, settings)
    return kit.cache.get_passing("outline", key, compute)["outline"]


def _place(kit: Kit, shot: Shot, target: Target) -> Placed:
    """Where the face is drawn; where it is read, unless a setting says otherwise."""
    frame, crop = shot.plate.frame, kit.pack.crop
    plate = (frame.size, frame.pixel_aspect)
    return placed(target.face.landmarks, target.matrix, target.region, crop, shot.settings, target.motion, plate)


def _behind_nearer(kit: Kit, shot: Shot, target: Target, own: Floats, region: Rectangle, near: float) -> Floats:
    """The matte without what a nearer face in the plate covers, whether that one is swapped or not.

    The larger face counts as the nearer. It covers what lies in its hull. near: the target's own ``nearness``.
    """
    plate, crop = shot.plate.frame, kit.pack.crop
    for face in shot.faces:
        if face is target.face or nearness(face, crop, plate) <= near * _AS_NEAR:
            continue
        if not is_face(face, plate.pixel_aspect):
            continue
        matrix = fit_crop(face.landmarks, crop, plate.pixel_aspect)
        if crop_rectangle(matrix, crop.size, plate.size).intersection(region).empty:
            continue
        soft = _HULL_SOFT * crop.template.face_width * crop.size
        drawn = hull(transformed(matrix, face.landmarks), crop.size, soft)
        own = own * (1 - matte.on_plate(drawn, [matrix], region))
    return own


def nearness(face: Face, crop: Crop, plate: Frame) -> float:
    """Pixels of the plate for one of the network's ``crop``, whatever Pixel Boost and Face Scale are: the larger, the
    nearer.
    """
    return 1 / scale_of(fit_crop(face.landmarks, crop, plate.pixel_aspect))


def _colour(
    kit: Kit, shot: Shot, target: Target, arrays: Arrays, drawn: FaceMatte, nearer: Sequence[FaceMatte]
) -> Floats:
    """(h, w, 3): the face's colour inside the matte's region, which a change of the matte affects no further unless the
    colour follows its edge: that of what is seen of it behind the faces ``nearer``.
    """
    where, region = _place(kit, shot, target), drawn.region
    if region.empty:
        return np.zeros((*region.size[::-1], 3), np.float32)
    made = region if is_local(shot.settings) else where.region
    follows = follows_matte(shot.settings)
    own = matte.on_crop(drawn.seen(nearer), where.matrices, region, target.crop.shape[0]) if follows else None

    def compute() -> Arrays:
        ground = _ground(kit, shot, target, made)
        face = Swapped(
            shot.plate.time,
            ground.plate,
            target.space,
            target.white,
            target.crop,
            arrays["colour"],
            arrays["mask"],
            target.matrix,
            made,
            kit.pack.crop.template,
            where.matrices,
            own,
            ground,
        )
        return {"colour": face_colour(face, shot.settings)}

    key = keys.colour_key(target.key, made, shot.plate.time, shot.settings, target.motion, own)
    return kit.cache.get_passing("colour", key, compute)["colour"][region.moved(-made.x1, -made.y1).slices]


def _ground(kit: Kit, shot: Shot, target: Target, region: Rectangle) -> Ground:
    """What the look starts from inside ``region``; kept, since a change of the look does not affect it."""
    plate = shot.plate.straight

    def compute() -> Arrays:
        below = bounded(plate.colour(region.slices))
        return vars(ground_of(below, target.crop, target.space, target.white))

    return Ground(**kit.cache.get_passing("ground", keys.ground_key(target.key, region), compute))


def _map(kit: Kit, shot: Shot, target: Target, mask: Floats, name: str) -> Floats:
    """(h, w): one of the layer's further mattes."""
    where, template = _place(kit, shot, target), kit.pack.crop.template
    points = transformed(target.matrix, target.face.landmarks)
    width = template.face_width * mask.shape[0]
    match name:
        case "learned":
            values = mask
        case "occlusion":
            values = covered(kit, shot.plate, target)
        case _:
            values = trusted(mask, covered(kit, shot.plate, target), points, width) * np.float32(target.face.confidence)
    return matte.on_plate(values * matte.border_falloff(mask.shape[0]), where.matrices, where.region)


def quality(shot: Shot, drawn: Composition) -> QualityRecord:
    """Quality figures of a frame; of several swapped faces the worst counts."""
    if not shot.targets:
        return QualityRecord(faces_found=len(shot.faces), likeness=shot.likeness)
    (width, height), aspect = drawn.plate.size, drawn.plate.pixel_aspect
    covered = sum(int(np.count_nonzero(layer.matte > 0)) for layer in drawn.layers)
    return QualityRecord(
        faces_found=len(shot.faces),
        faces_swapped=len(shot.targets),
        confidence=min(target.face.confidence for target in shot.targets),
        roll=max((roll_of(target.face.landmarks, aspect) for target in shot.targets), key=abs),
        plausibility=min(plausibility(target.face.landmarks, aspect) for target in shot.targets),
        face_width=max(float(target.face.box[2]) for target in shot.targets),
        magnification=1 / min(scale_of(target.matrix) for target in shot.targets),
        outside=max(_outside(quad.astype(np.float32), width, height) for quad in drawn.crops),
        clipped=max(target.clipped for target in shot.targets),
        matte=min(1.0, covered / (width * height)),
        likeness=shot.likeness,
        filled=any(target.face.filled for target in shot.targets),
        presence=min(target.face.presence for target in shot.targets),
        not_finite=_not_finite(drawn),
    )


def _not_finite(drawn: Composition) -> int:
    """How many pixels under the matte are NaN or infinite in the plate, in colour or alpha, or of an alpha below 0."""
    broken = 0
    for box in drawn.boxes:
        plate = drawn.plate.part(box.slices)
        alpha = plate[..., 3:]
        if not all_finite(plate) or alpha.min(initial=0) < 0:
            sound = np.isfinite(plate).all(axis=-1) & (alpha >= 0).all(axis=-1)
            broken += int(np.count_nonzero(~sound & (drawn.matte[box.slices] > 0)))
    return broken


def _outside(quad: Floats, width: int, height: int) -> float:
    """The share of a crop's area beyond the plate's edge."""
    low, right, bottom = -0.5, width - 0.5, height - 0.5
    frame = np.array([[low, low], [right, low], [right, bottom], [low, bottom]], np.float32)
    common, _ = cv2.intersectConvexConvex(quad, frame)
    return float(np.clip(1 - common / max(cv2.contourArea(quad), 1e-6), 0.0, 1.0))
