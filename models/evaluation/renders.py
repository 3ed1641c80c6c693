"""What makes the swaps that are measured: the product's node, or any network on aligned crops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluation.judges import CROP, Picture
from mobilefaceswap import FaceChoice, FaceSwapNode, Frame, Pack, RenderCache, read_picture
from mobilefaceswap.faces import Face, FaceDetector, open_detector
from mobilefaceswap.geometry import Matrix, crop_rectangle, fit_crop, paste, sample_crop
from mobilefaceswap.identity import prepare_identity
from mobilefaceswap.packs import Crop, Template
from mobilefaceswap.swap import open_network

Floats = NDArray[np.float32]
MARGIN = 64  # pixels of plate that a frame's crop shows on every side of its CROP pixels
SIZE, ANALYSIS, THRESHOLD = 224, 640, 0.5
Swapper = Callable[[Floats, Floats], tuple[Floats, Floats]]
"""(sources, targets) -> (colour, mask): aligned crops (N, CROP, CROP, 3) and (N, S, S, 3), float32 RGB 0..1 display-
referred, give N faces (N, S, S, 3), not composited, and their masks (N, S, S), 0..1."""


class Renderer(Protocol):
    """Gives swaps of aligned crops and of frames of a clip. source: a file with the aligned crop of a person."""

    def stills(self, pairs: Sequence[tuple[Path, Picture]]) -> Iterator[tuple[Picture, Floats]]:
        """(S, S, 3) swap and (S, S) matte for each (source, target crop)."""
        ...

    def clip(self, source: Path, plates: Iterable[tuple[Frame, Face]]) -> Iterator[tuple[Floats, Floats]]:
        """(H, W, 3) in the plate's encoding and (H, W) matte of each plate."""
        ...


class AsCut:
    """A detector that knows how aligned crops were cut: faces in squares of at most CROP pixels lie on the template.

    A crop ends where the face does. Without the head and the room around it YuNet sees faces 8 % smaller than they are
    (over 226 crops; on clips and whole portraits the product's crops are as wide as these, within 2 %), and the node
    would be measured on crops that cut off jaws and temples, as it makes of no plate.
    """

    def __init__(self, detector: FaceDetector, template: Template) -> None:
        self._detector, self._template = detector, template
        self.name = f"{detector.name}, crops as they were cut"

    def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
        """See `FaceDetector`. Of an aligned crop the largest face; none where the detector finds none."""
        faces = self._detector.find(plate, size, threshold)
        side, height = plate.size
        if side != height or side > CROP or not faces:
            return faces
        largest = max(faces, key=lambda face: face.area)
        return (replace(largest, landmarks=self._template.on(side)),)


class ProductRenderer:
    """FaceSwapNode, as users get it: the pack's and the settings' defaults."""

    def __init__(self, pack: Pack) -> None:
        self._pack, self._nodes = pack, {}
        self._detector = AsCut(open_detector(pack), pack.crop.template)

    def _node(self, source: Path) -> FaceSwapNode:
        if source not in self._nodes:
            node = FaceSwapNode(source, pack=self._pack, faces=self._detector, cache=RenderCache(memory=0))
            self._nodes = {source: node}
        return self._nodes[source]

    def stills(self, pairs: Sequence[tuple[Path, Picture]]) -> Iterator[tuple[Picture, Floats]]:
        """A target in which the node finds no face comes back as it is, with an empty matte."""
        for source, target in pairs:
            found = self._node(source).render(0, plate=Frame(target.astype(np.float32) / 255))
            yield as_bytes(found.composite), found.matte

    def clip(self, source: Path, plates: Iterable[tuple[Frame, Face]]) -> Iterator[tuple[Floats, Floats]]:
        """Every face is swapped, so that the one which is followed always is."""
        node = self._node(source)
        settings = replace(node.settings, face_choice=FaceChoice.ALL)
        for plate, _ in plates:
            found = node.render(0, settings, plate=plate)
            yield found.composite[..., :3], found.matte


class CropRenderer:
    """A network without a node: its colour by its mask over the crop, and nothing else. size: side of its crops."""

    def __init__(self, swapper: Swapper, size: int = SIZE, batch: int = 16) -> None:
        self._swapper, self._size, self._batch = swapper, size, batch

    def stills(self, pairs: Sequence[tuple[Path, Picture]]) -> Iterator[tuple[Picture, Floats]]:
        for at in range(0, len(pairs), self._batch):
            part = pairs[at : at + self._batch]
            targets = np.stack([self._sized(target) for _, target in part])
            colour, mask = self._swapper(_sources(source for source, _ in part), targets)
            for (_, target), face, matte in zip(part, colour, mask, strict=True):
                side = (target.shape[1], target.shape[0])
                face, matte = (cv2.resize(x, side, interpolation=cv2.INTER_CUBIC) for x in (face, matte))
                matte = np.clip(matte, 0, 1)
                plate = target.astype(np.float32) / 255
                yield as_bytes(plate + matte[..., None] * (face - plate)), matte

    def clip(self, source: Path, plates: Iterable[tuple[Frame, Face]]) -> Iterator[tuple[Floats, Floats]]:
        person = _sources([source])
        for plate, face in plates:
            matrix = fit_crop(face.landmarks, Crop(self._size))
            crop = np.clip(sample_crop(plate.rgb, matrix, self._size), 0, 1)
            colour, mask = (x[0] for x in self._swapper(person, crop[None]))
            region = crop_rectangle(matrix, self._size, plate.size)
            matte = np.zeros(plate.pixels.shape[:2], np.float32)
            matte[region.slices] = np.clip(paste(mask, matrix, region), 0, 1)
            picture = plate.rgb.copy()
            # The change is added, so that the plate keeps what a crop cannot hold.
            picture[region.slices] += paste(mask[..., None] * (colour - crop), matrix, region)
            yield picture, matte

    def _sized(self, crop: Picture) -> Floats:
        small = cv2.resize(crop, (self._size, self._size), interpolation=cv2.INTER_AREA)
        return np.asarray(small.astype(np.float32) / 255)


class PackSwapper:
    """The networks of a pack as a Swapper: what the node would give without detection, matte and look."""

    def __init__(self, pack: Pack) -> None:
        self._pack, self._detector = pack, open_detector(pack)

    def __call__(self, sources: Floats, targets: Floats) -> tuple[Floats, Floats]:
        said, network, before = [], None, None
        for source, target in zip(sources, targets, strict=True):
            if before is None or not np.array_equal(source, before):
                identity = prepare_identity([("source", Frame(source))], self._pack, self._detector)
                network = open_network(self._pack, identity.weights, identity.content_hash)
                before = source
            said.append(network(target[None]))
        return np.concatenate([s[0] for s in said]), np.concatenate([s[1] for s in said])


class StateSwapper:
    """The averaged network of a training state as a Swapper. size: the side at which it was taught."""

    def __init__(self, state: Path, critics: Path) -> None:
        import torch

        from training.critics import load_critics
        from training.states import load_student, size_of

        self._torch = torch
        self._student, stored = load_student(state)
        self.size = size_of(stored)
        self._recognisers, _, _ = load_critics(critics)

    def __call__(self, sources: Floats, targets: Floats) -> tuple[Floats, Floats]:
        of_pictures = self._torch.from_numpy
        source, target = (of_pictures(np.ascontiguousarray(x)).permute(0, 3, 1, 2) for x in (sources, targets))
        with self._torch.no_grad():
            told = [part.expand(len(target), *part.shape[1:]) for part in self._recognisers.feature_map(source)]
            drawn = self._student(target, *told).permute(0, 2, 3, 1).numpy()
        return drawn[..., :3], drawn[..., 3]


class FollowedFace:
    """Finds one face in frame after frame: the largest at first, then the nearest to where it was."""

    def __init__(self, detector: FaceDetector) -> None:
        self._detector, self._last = detector, None

    def __call__(self, plate: Frame) -> Face | None:
        """The face, or None where there is none."""
        faces = self._detector.find(plate, ANALYSIS, THRESHOLD)
        if not faces:
            return None
        last = self._last
        if last is None:
            chosen = max(faces, key=lambda face: face.area)
        else:
            chosen = min(faces, key=lambda face: float(np.linalg.norm(face.centre - last)))
        self._last = chosen.centre
        return chosen


def upright(face: Face) -> Matrix:
    """(2, 3): the plate on a crop with a margin, in size and place as the aligned one, without its rotation.

    The roll of the head stays in the picture, and can be followed.
    """
    scale = float(np.sqrt(abs(np.linalg.det(fit_crop(face.landmarks, Crop(CROP))[:, :2]))))
    goal = Crop(CROP).template.on(CROP).mean(0) + MARGIN
    return np.column_stack([scale * np.eye(2), goal - scale * face.landmarks.mean(0)])


def seen(pixels: Floats, matrix: Matrix) -> NDArray[Any]:
    """What `upright` shows of (H, W[, C]) float pixels."""
    return np.asarray(sample_crop(pixels, matrix, CROP + 2 * MARGIN))


def read_crop(path: Path, size: int = CROP) -> Picture:
    """The aligned crop in a file: (size, size, 3)."""
    return np.asarray(cv2.resize(as_bytes(read_picture(path).rgb), (size, size), interpolation=cv2.INTER_AREA))


def _sources(files: Iterable[Path]) -> Floats:
    return np.stack([read_crop(file).astype(np.float32) / 255 for file in files])


def as_bytes(pixels: Floats) -> Picture:
    """Float RGB 0..1 as uint8."""
    return np.ascontiguousarray(np.clip(pixels[..., :3] * 255 + 0.5, 0, 255).astype(np.uint8))
