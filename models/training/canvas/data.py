"""Reads a packed data folder (see prepare.py) and makes training batches: one source person, many targets.

Four kinds of row, by what the right answer is:
- `self`: the target shows the source person; the answer is the target itself.
- `pasted`: the source person's picture with another person's features grafted on it; the answer is the picture
  as it was. This teaches the swap from real pictures, without any teacher network.
- `grafted`: the other way round. The target is an untouched picture of another person; the answer has the source
  person's features grafted on it. Pose, expression, gaze and light stay the target's (see mesh.py).
- `cross`: a real picture of another person; there is no answer, only losses on identity and attributes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from mesh import (
    CANONICAL,
    Image,
    Mesh,
    canvas_field,
    face_hull,
    face_matte,
    features_matte,
    graft,
    polygon,
    rotation_onto,
)
from model import PORTRAIT, Contrast, lay, light_of
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

PACKED = 224
SEVERAL = 0.6  # share of batches whose source person has more than one picture
KINDS = ("self", "pasted", "grafted", "cross")
CLEAN_LICENCES = ("CC0", "CC BY (", "CC BY 4.0", "the user's own")
CANDIDATES = 8  # pictures drawn at random of which the one with the nearest pose is taken


@dataclass(frozen=True)
class Batch:
    """Pictures are (N, 3, S, S) RGB 0..1; the first `answered` rows have a right answer in `answer`."""

    target: Tensor
    answer: Tensor
    real: Tensor  # the untouched picture whose pose and expression the swap is to have
    shape: Tensor  # (N, 1, S, S) soft face shape 0..1
    features: Tensor  # (N, 1, S, S) soft shape of eyes and mouth
    background: Tensor  # (N, 1, S, S) 1 well outside the face
    source: tuple[Tensor, Tensor, Tensor, Tensor]  # feature map, embedding, face and canvas of the source person
    shown: Tensor  # (N, 128) unit embedding of the person who is to vanish; zeros where that is nobody
    answered: int


class FaceData:
    """The packed crops and their index; the last `held_out` people are kept for samples sheets."""

    def __init__(self, folder: Path, clean_only: bool = False, held_out: int = 60, seed: int = 0) -> None:
        records = json.loads((folder / "index.json").read_text())
        self.crops = np.load(folder / "crops.npy", mmap_mode="r")
        self.meshes = [np.load(folder / f"meshes{m}.npy") for m in ("", "_mirrored")]
        self._maps = [np.load(folder / f"features{m}.npy", mmap_mode="r") for m in ("", "_mirrored")]
        self._vectors = [np.load(folder / f"embeddings{m}.npy") for m in ("", "_mirrored")]
        usable = [i for i, r in enumerate(records) if not clean_only or r["licence"].startswith(CLEAN_LICENCES)]
        people: dict[str, list[int]] = defaultdict(list)
        for i in usable:
            people[records[i]["person"] or records[i]["file"]].append(i)
        names = sorted(people)
        np.random.default_rng(seed).shuffle(names)
        held_out = min(held_out, len(names) // 5)
        self.held_out = [people[n][0] for n in names[len(names) - held_out :]]
        self.people = [people[n] for n in names[: len(names) - held_out]]
        self.pool = np.array([i for person in self.people for i in person])
        self.weights = _balance([records[i].get("ita_skin", "") for i in self.pool])
        self._contrast = Contrast()
        self._poses = [np.stack([rotation_onto(CANONICAL, m)[0][:, 2] for m in meshes]) for meshes in self.meshes]

    def alike(self, rng: np.random.Generator, index: int, mirrored: bool) -> tuple[int, bool]:
        """A picture of anyone whose pose is near that of crop `index`, and whether it is to be mirrored."""
        drawn, sides = rng.choice(self.pool, CANDIDATES, p=self.weights), rng.integers(2, size=CANDIDATES)
        poses = np.stack([self._poses[side][i] for i, side in zip(drawn, sides, strict=True)])
        best = int(np.square(poses - self._poses[mirrored][index]).sum(1).argmin())
        return int(drawn[best]), bool(sides[best])

    def source(self, index: int, mirrored: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Feature map (1, 1024, 7, 7), embedding (1, 128) and face (1, 3, PORTRAIT, PORTRAIT) RGB 0..255 of a crop."""
        feature_map = self._maps[mirrored][index : index + 1].astype(np.float32)
        vector = self._vectors[mirrored][index : index + 1]
        return torch.from_numpy(feature_map), torch.from_numpy(vector), self.face(index, mirrored)

    def face(self, index: int, mirrored: bool) -> Tensor:
        """A crop as the portrait of a person: (1, 3, PORTRAIT, PORTRAIT) RGB 0..255."""
        face = cv2.resize(self.crops[index], (PORTRAIT, PORTRAIT), interpolation=cv2.INTER_AREA)
        face = np.ascontiguousarray(face[:, ::-1] if mirrored else face, np.float32)
        return torch.from_numpy(face.transpose(2, 0, 1)[None])

    def canvas(self, rng: np.random.Generator, face: Tensor, index: int, mirrored: bool) -> Tensor:
        """A source face (1, 3, PORTRAIT, PORTRAIT) laid on the canvas by its mesh, a little off as a localiser is."""
        mesh = self.meshes[mirrored][index].copy()
        turn = cv2.getRotationMatrix2D((0.5, 0.6), float(rng.normal(0, 1)), float(np.exp(rng.normal(0, 0.01))))
        mesh[:, :2] = mesh[:, :2] @ turn[:, :2].T + turn[:, 2] + rng.normal(0, 0.005, 2)
        mesh[:, :2] += rng.normal(0, 0.002, (len(mesh), 2))
        return lay_by_mesh(face, mesh)

    def laid(self, index: int, mirrored: bool) -> Tensor:
        """A crop laid on its canvas (1, 3, CANVAS, CANVAS) RGB 0..255, by its mesh."""
        return lay_by_mesh(self.face(index, mirrored), self.meshes[mirrored][index])

    def contrast(self, index: int, mirrored: bool) -> Image:
        """The contrast of a crop on its canvas (CANVAS, CANVAS, 3): what grafts bring along."""
        contrast = self._contrast(self.laid(index, mirrored))
        return np.ascontiguousarray(contrast[0].permute(1, 2, 0).numpy())

    def batch(self, rng: np.random.Generator, size: int, people: int, rows: tuple[int, int, int, int]) -> Batch:
        """A batch of `rows` = (self, pasted, grafted, cross) for one person among the first `people`."""
        known = self.people[:people]
        several = [person for person in known if len(person) > 1]
        # With a portrait and an answer from different days, light and expression can only come from the target.
        person = _pick(rng, several if several and rng.random() < SEVERAL else known)
        index = int(rng.choice(person))
        others = [i for i in person if i != index] or person
        mirrored = bool(rng.integers(2))
        feature_map, embedding, face = self.source(index, mirrored)
        canvas = self.canvas(rng, face, index, mirrored)
        donor = self.contrast(index, mirrored)
        targets, answers, reals, meshes, shows = [], [], [], [], []
        for kind in (k for k, count in zip(KINDS, rows, strict=True) for _ in range(count)):
            own = index if kind == "grafted" else int(rng.choice(others))
            shown, side = (index, False) if kind == "self" else self.alike(rng, own, mirrored)
            image, mesh = self.view(rng, *((own, mirrored) if kind in ("self", "pasted") else (shown, side)), size)
            target = answer = image
            if kind == "pasted":
                target = graft(image, mesh, self.contrast(shown, side), slow_light(image, mesh), rng.uniform(0.5, 1))
            elif kind == "grafted":
                answer = graft(image, mesh, donor, slow_light(image, mesh), 1.0)
            elif rng.random() < 0.3:
                target = answer = degrade(rng, image)
            if kind in ("pasted", "grafted") and rng.random() < 0.2:
                target = veil(rng, target, mesh)
            targets.append(target)
            answers.append(answer)
            reals.append(image)
            meshes.append(mesh)
            shows.append(self._vectors[0][shown] * (kind != "self"))
        shape, features, background = zip(*(face_shapes(mesh, size) for mesh in meshes), strict=True)
        return Batch(
            _planar(targets), _planar(answers), _planar(reals), _mask(shape), _mask(features), _mask(background),
            (feature_map, embedding, face, canvas), F.normalize(torch.from_numpy(np.stack(shows))), sum(rows[:3]),
        )  # fmt: skip

    def view(
        self, rng: np.random.Generator, index: int, mirrored: bool, size: int, amount: float = 1.0
    ) -> tuple[Image, Mesh]:
        """A crop at `size`, moved at random by `amount` (and recoloured unless that is 0), and its mesh."""
        image, mesh = self.crops[index], self.meshes[mirrored][index].copy()
        if mirrored:
            image = image[:, ::-1]
        angle, zoom = amount * rng.normal(0, 0.03), np.exp(amount * rng.normal(0, 0.02))
        move = 0.5 + amount * rng.normal(0, 0.01, 2)
        turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        offset = move - turn @ np.array([0.5, 0.5])
        if size < PACKED * 0.75:
            image = cv2.resize(np.ascontiguousarray(image), (size, size), interpolation=cv2.INTER_AREA)
        matrix = np.hstack([turn * size / image.shape[0], offset[:, None] * size])
        view = cv2.warpAffine(np.ascontiguousarray(image), matrix, (size, size), borderMode=cv2.BORDER_REFLECT)
        pixels = recolour(rng, view) if amount else view.astype(np.float32) / 255
        mesh[:, :2], mesh[:, 2] = mesh[:, :2] @ turn.T + offset, mesh[:, 2] * zoom
        return pixels, mesh


def slow_light(image: Image, mesh: Mesh) -> Image:
    """What changes slowly in the face of a picture (S, S, 3) 0..1."""
    planar = torch.from_numpy(image).permute(2, 0, 1)[None]
    matte = torch.from_numpy(face_matte(mesh, image.shape[0]))[None, None]
    return np.asarray(light_of(planar, matte)[0].permute(1, 2, 0).numpy())


def lay_by_mesh(face: Tensor, mesh: Mesh) -> Tensor:
    """A face (1, 3, PORTRAIT, PORTRAIT) RGB 0..255 on its canvas, by its mesh instead of a localiser."""
    return lay(face, torch.from_numpy(canvas_field(mesh, 32)).permute(2, 0, 1)[None])


def _pick(rng: np.random.Generator, people: list[list[int]]) -> list[int]:
    return people[rng.integers(len(people))]


def _balance(tones: list[str]) -> NDArray[np.float64]:
    """Sampling weights by cheek ITA: rarer skin tones come more often (square root of the frequency)."""
    bins = np.digitize([float(t) if t else 30.0 for t in tones], [-30, 10, 28, 41, 55])
    weights = 1 / np.sqrt(np.bincount(bins, minlength=6))[bins]
    return np.asarray(weights / weights.sum(), np.float64)


def recolour(rng: np.random.Generator, image: NDArray[np.uint8]) -> Image:
    """Exposure, colour cast, gamma, now and then greyscale; 8 bits in, 0..1 out, by a table of 256 values."""
    if rng.random() < 0.03:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    line = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.normal(0, 0.15))
    table = line * np.exp(rng.normal(0, 0.1) + rng.normal(0, 0.04, 3))
    return np.asarray(cv2.LUT(image, np.clip(table, 0, 1).astype(np.float32).reshape(256, 1, 3)), np.float32)


def degrade(rng: np.random.Generator, image: Image) -> Image:
    """What footage suffers: low resolution, blur, grain, JPEG, something in front of the face."""
    size = image.shape[0]
    kind = rng.integers(5)
    if kind == 0:
        small = cv2.resize(image, None, fx=(f := rng.uniform(0.35, 0.8)), fy=f, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    elif kind == 1:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2) * size / 112)
    elif kind == 2:
        image = image + rng.normal(0, rng.uniform(0.01, 0.05), image.shape)
    elif kind == 3:
        _, code = cv2.imencode(
            ".jpg", (image * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))]
        )
        image = cv2.imdecode(code, cv2.IMREAD_COLOR) / 255.0
    else:
        x, y = rng.integers(0, size, 2)
        w, h = rng.integers(size // 8, size // 3, 2)
        image = image.copy()
        image[y : y + h, x : x + w] = rng.uniform(0, 1, 3)
    return np.clip(image, 0, 1).astype(np.float32)


def face_shapes(mesh: Mesh, size: int) -> tuple[Image, Image, Image]:
    """Soft face shape, that of eyes and mouth, and the background, each (size, size); borders are background."""
    edge = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    border = np.minimum.outer(edge, edge) / (0.05 * size)
    hull = face_hull(mesh) * size
    background = 1 - polygon(hull, size, 0.01 * size, round(0.06 * size)) + (border < 0.4)
    return face_matte(mesh, size), features_matte(mesh, size), np.clip(background, 0, 1).astype(np.float32)


def veil(rng: np.random.Generator, image: Image, mesh: Mesh) -> Image:
    """The face out of focus, so that copying it is no answer and the network has to draw."""
    size = image.shape[0]
    mask = face_matte(mesh, size)[:, :, None]
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.008, 0.025) * size)
    return np.asarray(soft * mask + image * (1 - mask), np.float32)


def _planar(images: list[Image]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _mask(masks: tuple[Image, ...]) -> Tensor:
    return torch.from_numpy(np.stack(masks))[:, None]
