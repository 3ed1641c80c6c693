"""The node: ties the rooms together. Settings in, ``render(time)`` out, and all caching.

A frame is a function of its time, the plate, the identity and the settings. Nothing is kept between frames but caches
whose keys are content hashes, so any order, any thread and any process gives the same pixels.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial, reduce

import cv2
import numpy as np
import PyOpenColorIO as ocio

from ..cache import Arrays, RenderCache, key_of
from ..colour import to_display
from ..errors import NoFaceInSourceError, UserInputError
from ..faces import Face, FaceDetector, Track, choose, open_detector, smoothed
from ..frame import Clip, ColourSpace, Floats, Frame
from ..geometry import Matrix, Rectangle, bounded, crop_quad, crop_rectangle, fit_crop, sample_crop
from ..identity import Source, encode_face, load_source
from ..look import matte
from ..look.detail import face_layer
from ..look.match import matched
from ..look.over import Layer
from ..packs import Pack, find_pack
from ..settings import FaceChoice, PlateColourSpace, Settings
from ..swap import SwapNetwork, swap_network
from .result import QualityRecord, RenderResult
from .stages import StageTimes

__all__ = ["FaceSwapNode", "find_faces"]

_ALGORITHM = 1
"""Raised whenever the same inputs give other pixels, so that disk caches of earlier versions are not used."""


@dataclass(frozen=True, eq=False)
class _Target:
    """A chosen face on its way to the network. region and pixels are on the plate; crop is display-referred."""

    face: Face
    matrix: Matrix
    region: Rectangle
    crop: Floats
    key: str
    clipped: float


@dataclass(frozen=True, eq=False)
class _Shot:
    """One frame on its way through the rooms."""

    plate: Frame
    straight: Frame
    key: str
    settings: Settings
    faces: tuple[Face, ...]
    likeness: float | None
    targets: tuple[_Target, ...]


class FaceSwapNode:
    """A face-swap node: a source identity, a target clip, settings.

    source: a prepared identity, its file (.idn), a picture, a folder of pictures, or several pictures. target: any
    clip, or None where a host hands the plates in. pack: a pack, its name or folder; None for the default. faces:
    another analyser, or its name, ``insightface:FOLDER_OR_NAME``. track: stored faces instead of a search. Thread-safe.

    Raises PackError, NoFaceInSourceError, IdentityFileError, MediaError, SettingsError.
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
        cache: RenderCache | None = None,
        stages: StageTimes | None = None,
    ) -> None:
        self.pack = pack if isinstance(pack, Pack) else find_pack(pack)
        self.target, self.track = target, track
        self.settings = settings or Settings()
        self.cache = RenderCache() if cache is None else cache
        self.stages = StageTimes() if stages is None else stages
        self._analyser = open_detector(self.pack, faces) if faces is None or isinstance(faces, str) else faces
        self.identity = load_source(source, self.pack, self._analyser, source_face)
        self._network: SwapNetwork = swap_network(self.pack, self.identity)

    def render(
        self,
        time: int,
        settings: Settings | None = None,
        plate: Frame | None = None,
        *,
        inside: Floats | None = None,
        outside: Floats | None = None,
    ) -> RenderResult:
        """The frame at ``time``.

        settings: this frame's own, since hosts keyframe them. plate: handed in by a host instead of pulled from the
        target. inside, outside: holdout and garbage mattes (H, W), 0..1, of the plate's size; outside wins.
        Raises MediaError where the plate cannot be read, UserInputError where an external matte has another size.
        """
        chosen = settings or self.settings
        shot = self._shot(time, chosen, self._plate(time, plate))
        return self._finished(shot, self._swapped([shot])[0], inside, outside)

    def render_batch(self, times: Sequence[int], settings: Settings | None = None) -> list[RenderResult]:
        """The frames at ``times``, their faces through the network in one run. The same pixels as ``render``."""
        chosen = settings or self.settings
        shots = [self._shot(time, chosen, self._plate(time, None)) for time in times]
        return [
            self._finished(shot, crops, None, None) for shot, crops in zip(shots, self._swapped(shots), strict=True)
        ]

    def analyse(self, time: int, settings: Settings | None = None, plate: Frame | None = None) -> tuple[Face, ...]:
        """The faces at ``time`` as the detector finds them, without smoothing, from left to right."""
        chosen = settings or self.settings
        working = _working(self._plate(time, plate), chosen)
        return self._found(working.straight(), self._hash(working), chosen)

    def _plate(self, time: int, plate: Frame | None) -> Frame:
        if plate is not None:
            return plate
        if self.target is None:
            raise UserInputError(
                f"expected a plate for frame {time}, or a node with a target clip; found neither. "
                "Pass target= to FaceSwapNode or plate= to render"
            )
        return self.target.frame(time)

    def _hash(self, plate: Frame) -> str:
        return plate.content_hash() if self.cache.enabled else ""

    def _shot(self, time: int, settings: Settings, plate: Frame) -> _Shot:
        plate = _working(plate, settings)
        unmultiplied = plate.straight()
        if not settings.enable:
            return _Shot(plate, unmultiplied, "", settings, (), None, ())
        with self.stages.measure("faces"):
            key = self._hash(plate)
            faces = self._faces(time, unmultiplied, key, settings)
            chosen, likeness = self._choice(unmultiplied, key, faces, settings)
        if settings.mix == 0:
            return _Shot(plate, unmultiplied, key, settings, faces, likeness, ())
        with self.stages.measure("align"):
            targets = tuple(self._aligned(unmultiplied, key, face) for face in chosen)
        return _Shot(plate, unmultiplied, key, settings, faces, likeness, targets)

    def _faces(self, time: int, plate: Frame, key: str, settings: Settings) -> tuple[Face, ...]:
        """Found or stored, smoothed over an explicit window where frames around ``time`` can be had."""

        def stored(moment: int) -> tuple[Face, ...]:
            assert self.track is not None
            return self.track.faces(moment, plate.size) if moment == time or moment in self.track.frames else ()

        def found(moment: int) -> tuple[Face, ...]:
            if moment == time:
                return self._found(plate, key, settings)
            if self.target is None or not self.target.first <= moment <= self.target.last:
                return ()
            return self.analyse(moment, settings)

        return smoothed(stored if self.track is not None else found, time, settings.smoothing)

    def _found(self, plate: Frame, key: str, settings: Settings) -> tuple[Face, ...]:
        size, threshold = settings.analysis_size, settings.detection_threshold
        analysis = key_of(self._analyser.name, key, size, threshold)

        def compute() -> Arrays:
            return {"faces": _rows(self._analyser.find(plate, size, threshold))}

        return _faces(self.cache.get("analysis", analysis, compute))

    def _choice(
        self, plate: Frame, key: str, faces: tuple[Face, ...], settings: Settings
    ) -> tuple[tuple[Face, ...], float | None]:
        choice = settings.face_choice
        if choice is FaceChoice.REFERENCE:
            reference = _reference_embedding(settings.reference, self.pack, self._analyser)
            likeness = [choose.cosine(self._embedding(plate, key, face), reference) for face in faces]
            chosen = choose.most_like(faces, likeness, settings.reference_threshold)
            return chosen, max(likeness, default=None)
        if choice is FaceChoice.ALL:
            return faces, None
        if choice is FaceChoice.INDEX:
            return choose.by_index(faces, settings.face_index), None
        if choice is FaceChoice.NEAREST:
            width, height = plate.size
            x, y = settings.face_point_x * width - 0.5, (1 - settings.face_point_y) * height - 0.5
            return choose.nearest(faces, x, y), None
        return choose.largest(faces), None

    def _embedding(self, plate: Frame, key: str, face: Face) -> Floats:
        name = key_of(self.pack.content_hash, self._network.runtime, key, face.landmarks.tobytes())
        found = self.cache.get("embedding", name, lambda: {"embedding": encode_face(plate, face, self.pack)[1]})
        return found["embedding"]

    def _aligned(self, plate: Frame, key: str, face: Face) -> _Target:
        size = self.pack.crop.size
        matrix = fit_crop(face.landmarks, size, self.pack.crop.fit, plate.pixel_aspect)
        region = crop_rectangle(matrix, size, plate.size)

        def compute() -> Arrays:
            display = to_display(sample_crop(plate.rgb, matrix, size), plate.colour_space)
            clipped = np.asarray(np.mean((display < -1e-3) | (display > 1 + 1e-3)))
            return {"crop": np.asarray(np.clip(display, 0.0, 1.0), np.float32), "clipped": clipped}

        # Other settings of the same frame look at the same crop.
        found = self.cache.get_passing("crop", key_of(key, size, matrix.tobytes()), compute)
        versions = (_ALGORITHM, self._network.runtime, cv2.__version__, ocio.__version__)
        name = key_of(self._network.key, versions, key, matrix.tobytes())
        return _Target(face, matrix, region, found["crop"], name, float(found["clipped"]))

    def _swapped(self, shots: Sequence[_Shot]) -> list[list[Arrays]]:
        """The network's crops and masks for every target of every shot; what is not cached goes in one run."""
        with self.stages.measure("swap"):
            targets = [target for shot in shots for target in shot.targets]
            if len(targets) == 1:
                results = [self.cache.get("swap", targets[0].key, lambda: self._run(targets)[0])]
            else:
                results = self._run_missing(targets)
        crops = iter(results)
        return [[next(crops) for _ in shot.targets] for shot in shots]

    def _run_missing(self, targets: Sequence[_Target]) -> list[Arrays]:
        missing = [target for target in targets if not self.cache.holds("swap", target.key)]
        fresh = dict(zip((id(target) for target in missing), self._run(missing), strict=True))

        def result(target: _Target) -> Arrays:
            return fresh[id(target)] if id(target) in fresh else self._run([target])[0]

        return [self.cache.get("swap", target.key, partial(result, target)) for target in targets]

    def _run(self, targets: Sequence[_Target]) -> list[Arrays]:
        if not targets:
            return []
        swapped, masks = self._network(np.stack([target.crop for target in targets]))
        return [{"swapped": crop, "mask": mask} for crop, mask in zip(swapped, masks, strict=True)]

    def _finished(
        self, shot: _Shot, crops: Sequence[Arrays], inside: Floats | None, outside: Floats | None
    ) -> RenderResult:
        _check_matte_size("inside", inside, shot.plate)
        _check_matte_size("outside", outside, shot.plate)
        with self.stages.measure("matte"):
            mattes = [_mattes(shot, *pair, inside, outside) for pair in zip(shot.targets, crops, strict=True)]
        with self.stages.measure("compose"):
            layers = tuple(
                Layer(target.region, self._colour(shot, target, arrays), final, shaped)
                for target, arrays, (final, shaped) in zip(shot.targets, crops, mattes, strict=True)
            )
        return RenderResult(
            plate=shot.plate,
            faces=shot.faces,
            swapped=tuple(target.face for target in shot.targets),
            quality=_quality(shot, layers, self.pack.crop.size),
            changed=reduce(Rectangle.union, (layer.region for layer in layers), Rectangle(0, 0, 0, 0)),
            _layers=layers,
            _crops=tuple((target.face, target.matrix) for target in shot.targets),
            _crop_size=self.pack.crop.size,
            _matte_to_alpha=shot.settings.matte_to_alpha,
        )

    def _colour(self, shot: _Shot, target: _Target, arrays: Arrays) -> Floats:
        """What a matte change leaves as it is."""
        name = key_of(target.key, shot.settings.colour_match, shot.settings.plate_detail)
        return self.cache.get_passing("colour", name, lambda: {"colour": _colour(shot, target, arrays)})["colour"]


def find_faces(analyser: FaceDetector, plate: Frame, settings: Settings) -> tuple[Face, ...]:
    """The faces of ``plate`` as any node with these settings finds them, without smoothing; needs no source."""
    return analyser.find(_working(plate, settings).straight(), settings.analysis_size, settings.detection_threshold)


def _working(plate: Frame, settings: Settings) -> Frame:
    """The plate with the working space that the settings say it has."""
    if settings.colour_space is PlateColourSpace.AUTO:
        return plate
    return replace(plate, colour_space=ColourSpace(settings.colour_space.value))


def _mattes(
    shot: _Shot, target: _Target, arrays: Arrays, inside: Floats | None, outside: Floats | None
) -> tuple[Floats, Floats]:
    """(final, shaped) mattes of one face inside its region."""
    crop_matte = matte.shape(arrays["mask"], shot.settings)
    shaped = matte.on_plate(crop_matte, target.matrix, target.region)
    box = target.region.slices
    if inside is None and outside is None:
        return matte.combine(shaped, shaped, shot.settings.mix, None, None), shaped
    reach = matte.on_plate(matte.border_falloff(crop_matte.shape[0]), target.matrix, target.region)
    core = None if inside is None else inside[box]
    garbage = None if outside is None else outside[box]
    return matte.combine(shaped, reach, shot.settings.mix, core, garbage), shaped


def _colour(shot: _Shot, target: _Target, arrays: Arrays) -> Floats:
    return face_layer(
        bounded(shot.straight.rgb[target.region.slices]),
        target.crop,
        matched(target.crop, arrays["swapped"], arrays["mask"], shot.settings.colour_match),
        arrays["mask"],
        target.matrix,
        target.region,
        shot.plate.colour_space,
        shot.settings.plate_detail,
    )


def _check_matte_size(name: str, external: Floats | None, plate: Frame) -> None:
    expected = plate.pixels.shape[:2]
    if external is not None and external.shape != expected:
        raise UserInputError(
            f"expected the {name} matte to be {expected[1]} x {expected[0]} like the plate; found "
            f"{external.shape[1]} x {external.shape[0]}. Reformat it before the node"
        )


def _quality(shot: _Shot, layers: Sequence[Layer], crop_size: int) -> QualityRecord:
    if not shot.targets:
        return QualityRecord(faces_found=len(shot.faces), likeness=shot.likeness)
    scales = [float(np.sqrt(abs(np.linalg.det(target.matrix[:, :2])))) for target in shot.targets]
    worst = min(scales)
    width, height = shot.plate.size
    return QualityRecord(
        faces_found=len(shot.faces),
        faces_swapped=len(shot.targets),
        confidence=min(target.face.confidence for target in shot.targets),
        face_width=max(float(target.face.box[2]) for target in shot.targets),
        magnification=1 / worst,
        outside=max(_outside(target, shot.plate, crop_size) for target in shot.targets),
        clipped=max(target.clipped for target in shot.targets),
        matte=min(1.0, sum(int(np.count_nonzero(layer.matte)) for layer in layers) / (width * height)),
        likeness=shot.likeness,
        filled=any(target.face.filled for target in shot.targets),
    )


def _outside(target: _Target, plate: Frame, crop_size: int) -> float:
    """Share of the crop's area that lies beyond the plate's edge."""
    width, height = plate.size
    quad = crop_quad(target.matrix, crop_size).astype(np.float32)
    low, right, bottom = -0.5, width - 0.5, height - 0.5
    frame = np.array([[low, low], [right, low], [right, bottom], [low, bottom]], np.float32)
    common, _ = cv2.intersectConvexConvex(quad, frame)
    return float(np.clip(1 - common / max(cv2.contourArea(quad), 1e-6), 0.0, 1.0))


def _rows(faces: Sequence[Face]) -> np.ndarray:
    """Faces as float64 rows of landmarks, box, confidence, filled: what the caches keep."""
    rows = [[*face.landmarks.ravel(), *face.box, face.confidence, face.filled] for face in faces]
    return np.array(rows, np.float64).reshape(-1, 16)


def _faces(arrays: Arrays) -> tuple[Face, ...]:
    return tuple(
        Face(row[:10].reshape(5, 2).copy(), (row[10], row[11], row[12], row[13]), float(row[14]), bool(row[15]))
        for row in arrays["faces"]
    )


def _reference_embedding(path: str, pack: Pack, analyser: FaceDetector) -> Floats:
    if not path:
        raise UserInputError(
            "expected a reference picture since Face is set to Like Reference Picture; found none. "
            "Set `reference`, or choose the face in another way"
        )
    status = _status(path)
    return _stored_reference(path, status.st_mtime_ns, status.st_size, pack, analyser)


def _status(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except OSError as error:
        raise UserInputError(
            f"expected the reference picture at {path}; {error.strerror}. Choose the file again"
        ) from None


@lru_cache(maxsize=32)
def _stored_reference(path: str, changed: int, size: int, pack: Pack, analyser: FaceDetector) -> Floats:
    """The embedding of a reference picture as it stood at ``changed``; read again once the file changes."""
    try:
        return load_source(path, pack, analyser).embedding
    except NoFaceInSourceError:
        raise UserInputError(
            f"expected a face in the reference picture {path}; found none. "
            "Use a sharp picture of the person who is to be swapped"
        ) from None
