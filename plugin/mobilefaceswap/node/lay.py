"""The end of the road: lays swapped crops on the plate, and records quality figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..cache import Arrays
from ..errors import UserInputError
from ..faces import Face
from ..frame import Floats, Frame
from ..geometry import bounded, crop_quad, scale_of
from ..look import Composition, Layer, Swapped, face_colour, matte
from ..settings import Settings
from . import keys
from .result import QualityRecord
from .road import Kit, Plate, Target

__all__ = ["ExternalMattes", "Shot", "laid", "quality"]


@dataclass(frozen=True, eq=False)
class Shot:
    """One frame on the road. likeness: to the reference, if one is used."""

    plate: Plate
    settings: Settings
    faces: tuple[Face, ...] = ()
    targets: tuple[Target, ...] = ()
    likeness: float | None = None


@dataclass(frozen=True, eq=False)
class ExternalMattes:
    """Mattes that a compositor plugs in, (H, W), 0..1, of the plate's size: ``inside`` adds, ``outside`` removes."""

    inside: Floats | None = None
    outside: Floats | None = None

    def check_size(self, plate: Frame) -> None:
        """Raises UserInputError where one has another size than the plate."""
        expected = plate.pixels.shape[:2]
        for name, external in (("inside", self.inside), ("outside", self.outside)):
            if external is not None and external.shape != expected:
                raise UserInputError(
                    f"expected the {name} matte to be {expected[1]} x {expected[0]} like the plate; found "
                    f"{external.shape[1]} x {external.shape[0]}. Reformat it before the node"
                )


def laid(kit: Kit, shot: Shot, swaps: Sequence[Arrays], mattes: Sequence[tuple[Floats, Floats]]) -> Composition:
    """The shot's faces as layers over its plate. mattes: what ``shaped`` gave for each."""
    layers = tuple(
        Layer(target.region, _colour(kit, shot, target, arrays), *pair)
        for target, arrays, pair in zip(shot.targets, swaps, mattes, strict=True)
    )
    size = kit.pack.crop.size
    crops = tuple(crop_quad(target.matrix, size) for target in shot.targets)
    return Composition(shot.plate.frame, layers, shot.faces, crops, shot.settings.matte_to_alpha)


def shaped(kit: Kit, shot: Shot, target: Target, mask: Floats, external: ExternalMattes) -> tuple[Floats, Floats]:
    """(final, shaped) matte of one face inside its region."""
    settings, matrix, region = shot.settings, target.matrix, target.region
    own = matte.on_plate(matte.shape(mask, settings, kit.pack.crop.template), matrix, region)
    if external.inside is None and external.outside is None:
        return matte.combine(own, own, settings.mix, None, None), own
    reach = matte.on_plate(matte.border_falloff(mask.shape[0]), matrix, region)
    inside, outside = (None if one is None else one[region.slices] for one in (external.inside, external.outside))
    return matte.combine(own, reach, settings.mix, inside, outside), own


def _colour(kit: Kit, shot: Shot, target: Target, arrays: Arrays) -> Floats:
    """The face's colour, which a change of the matte does not affect."""
    plate = shot.plate.straight

    def compute() -> Arrays:
        face = Swapped(
            shot.plate.time,
            bounded(plate.rgb[target.region.slices]),
            plate.colour_space,
            target.crop,
            arrays["colour"],
            arrays["mask"],
            target.matrix,
            target.region,
            kit.pack.crop.template,
        )
        return {"colour": face_colour(face, shot.settings)}

    key = keys.colour_key(target.key, shot.plate.time, shot.settings)
    return kit.cache.get_passing("colour", key, compute)["colour"]


def quality(shot: Shot, drawn: Composition) -> QualityRecord:
    """Quality figures of a frame; of several swapped faces the worst counts."""
    if not shot.targets:
        return QualityRecord(faces_found=len(shot.faces), likeness=shot.likeness)
    width, height = drawn.plate.size
    covered = sum(int(np.count_nonzero(layer.matte)) for layer in drawn.layers)
    return QualityRecord(
        faces_found=len(shot.faces),
        faces_swapped=len(shot.targets),
        confidence=min(target.face.confidence for target in shot.targets),
        face_width=max(float(target.face.box[2]) for target in shot.targets),
        magnification=1 / min(scale_of(target.matrix) for target in shot.targets),
        outside=max(_outside(quad.astype(np.float32), width, height) for quad in drawn.crops),
        clipped=max(target.clipped for target in shot.targets),
        matte=min(1.0, covered / (width * height)),
        likeness=shot.likeness,
        filled=any(target.face.filled for target in shot.targets),
    )


def _outside(quad: Floats, width: int, height: int) -> float:
    """The share of a crop's area beyond the plate's edge."""
    low, right, bottom = -0.5, width - 0.5, height - 0.5
    frame = np.array([[low, low], [right, low], [right, bottom], [low, bottom]], np.float32)
    common, _ = cv2.intersectConvexConvex(quad, frame)
    return float(np.clip(1 - common / max(cv2.contourArea(quad), 1e-6), 0.0, 1.0))
