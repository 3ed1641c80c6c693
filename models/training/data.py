"""Reads a packed data folder (see prepare.py) and makes training batches: one source person, many targets.

Four kinds of row, by what the right answer is:
- `self`: the target shows the source person; the answer is the target itself.
- `pasted`: the source person's picture with another person's face pasted over it; the answer is the picture
  as it was. This teaches the swap from real pictures, without any teacher network.
- `grafted`: the other way round. The target is an untouched picture of another person whose pose and expression
  are near; the answer has the source person's face pasted over it.
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
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

PACKED = 224
SEVERAL = 0.6  # share of batches whose source person has more than one picture
KINDS = ("self", "pasted", "grafted", "cross")
CLEAN_LICENCES = ("CC0", "CC BY (", "CC BY 4.0", "the user's own")
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """Pictures are (N, 3, S, S) RGB 0..1; the first `answered` rows have a right answer in `answer`."""

    target: Tensor
    answer: Tensor
    shape: Tensor  # (N, 1, S, S) soft face shape 0..1
    heart: Tensor  # (N, 1, S, S) 1 in the heart of the face
    background: Tensor  # (N, 1, S, S) 1 well outside the face
    source: tuple[Tensor, Tensor, Tensor]  # feature map, embedding and face of the source person
    shown: Tensor  # (N, 128) unit embedding of the person who is to vanish; zeros where that is nobody
    answered: int


class FaceData:
    """The packed crops and their index; the last `held_out` people are kept for samples sheets."""

    def __init__(self, folder: Path, clean_only: bool = False, held_out: int = 60, seed: int = 0) -> None:
        records = json.loads((folder / "index.json").read_text())
        self.crops = np.load(folder / "crops.npy", mmap_mode="r")
        self.points = np.load(folder / "points.npy") / PACKED
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
        self._place = {int(crop): row for row, crop in enumerate(self.pool)}
        self._neighbours: dict[int, NDArray[np.int64]] = {}
        self._looks = self._describe()

    def _describe(self) -> NDArray[np.float32]:
        """What pose and expression look like: point residuals and a small grey picture of mouth and eyes."""
        grey = np.stack([cv2.resize(self.crops[i].mean(2), (28, 28), interpolation=cv2.INTER_AREA) for i in self.pool])
        parts = np.concatenate(
            [grey[:, 11:15, 7:21].reshape(len(grey), -1), grey[:, 20:26, 8:20].reshape(len(grey), -1)], 1
        )
        parts = (parts - parts.mean(1, keepdims=True)) / (parts.std(1, keepdims=True) + 8)
        points = (self.points[self.pool] - self.points[self.pool].mean(0)).reshape(len(grey), -1)
        return np.concatenate([parts * 0.12, points / points.std() * 0.5], 1).astype(np.float32)

    def lookalikes(self, row: int, count: int = 32) -> NDArray[np.int64]:
        """Pictures in the pool whose pose and expression are near those of pool row `row`."""
        if row not in self._neighbours:
            distance = np.square(self._looks - self._looks[row]).sum(1)
            self._neighbours[row] = self.pool[np.argpartition(distance, count)[1:count]]
        return self._neighbours[row]

    def source(self, index: int, mirrored: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Feature map (1, 1024, 7, 7), embedding (1, 128) and face (1, 3, 112, 112) RGB 0..255 of a crop."""
        feature_map = self._maps[mirrored][index : index + 1].astype(np.float32)
        face = cv2.resize(self.crops[index], (112, 112), interpolation=cv2.INTER_AREA)
        face = np.ascontiguousarray(face[:, ::-1] if mirrored else face, np.float32).transpose(2, 0, 1)[None]
        vector = self._vectors[mirrored][index : index + 1]
        return torch.from_numpy(feature_map), torch.from_numpy(vector), torch.from_numpy(face)

    def batch(self, rng: np.random.Generator, size: int, people: int, rows: tuple[int, int, int, int]) -> Batch:
        """A batch of `rows` = (self, pasted, grafted, cross) for one person among the first `people`."""
        known = self.people[:people]
        several = [person for person in known if len(person) > 1]
        # With a portrait and an answer from different days, expression can only come from the target.
        person = _pick(rng, several if several and rng.random() < SEVERAL else known)
        index = int(rng.choice(person))
        others = [i for i in person if i != index] or person
        mirrored = bool(rng.integers(2))
        feature_map, embedding, face = self.source(index, mirrored)
        source = feature_map, embedding, torch.from_numpy(unsettle(rng, face.numpy()[0]))[None]
        targets, answers, points, shows = [], [], [], []
        for kind in (k for k, count in zip(KINDS, rows, strict=True) for _ in range(count)):
            own, shown = int(rng.choice(others)), index
            if kind == "cross":
                shown = int(rng.choice(self.pool, p=self.weights))
            elif kind != "self":
                shown = int(rng.choice(self.lookalikes(self._place[own])))
            if kind in ("self", "pasted"):
                image, where = self._view(rng, own, size, mirrored)
            else:
                image, where = self._view(rng, shown, size, bool(rng.integers(2)))
            target = answer = image
            if kind in ("pasted", "grafted"):
                give, turned = (shown, bool(rng.integers(2))) if kind == "pasted" else (own, mirrored)
                donor = self._view(rng, give, size, turned, still=True)
                grow = rng.uniform(0.75, 1.0) if kind == "pasted" else rng.uniform(0.7, 0.9)
                match = kind == "grafted" or rng.random() < 0.85
                composed = paste(image, where, *donor, grow, match)
                target, answer = (composed, image) if kind == "pasted" else (image, composed)
                if rng.random() < 0.3:
                    target = veil(rng, target, where)
            elif rng.random() < 0.3:
                target = answer = degrade(rng, image)
            targets.append(target)
            answers.append(answer)
            points.append(where)
            shows.append(self._vectors[0][shown] * (kind != "self"))
        shape, heart, background = zip(*(face_shapes(p, size) for p in points), strict=True)
        return Batch(
            _planar(targets), _planar(answers), _mask(shape), _mask(heart), _mask(background),
            source, F.normalize(torch.from_numpy(np.stack(shows))), sum(rows[:3]),
        )  # fmt: skip

    def _view(
        self, rng: np.random.Generator, index: int, size: int, mirrored: bool, still: bool = False
    ) -> tuple[Image, Image]:
        """A crop at `size`, moved and recoloured at random unless `still`, and its points in pixels of the view."""
        image, points = self.crops[index], self.points[index].copy()
        if mirrored:
            image = image[:, ::-1]
            points = points[[1, 0, 2, 4, 3]]
            points[:, 0] = 1 - points[:, 0]
        amount = 0.0 if still else 1.0
        angle, zoom = amount * rng.normal(0, 0.03), np.exp(amount * rng.normal(0, 0.02))
        move = 0.5 + amount * rng.normal(0, 0.01, 2)
        turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        offset = move - turn @ np.array([0.5, 0.5])
        if size < PACKED * 0.75:
            image = cv2.resize(np.ascontiguousarray(image), (size, size), interpolation=cv2.INTER_AREA)
        matrix = np.hstack([turn * size / image.shape[0], offset[:, None] * size])
        view = cv2.warpAffine(np.ascontiguousarray(image), matrix, (size, size), borderMode=cv2.BORDER_REFLECT)
        pixels = view.astype(np.float32) / 255 if still else recolour(rng, view)
        return pixels, ((points @ turn.T + offset) * size).astype(np.float32)


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


def ellipse(points: Image, size: int, grow: float) -> Image:
    """A soft ellipse over the face given by five points, 0..1, (size, size); `grow` scales its axes."""
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    down = mouth - eyes
    length = max(float(np.linalg.norm(down)), 0.2 * size)
    across = max(
        float(np.linalg.norm(points[1] - points[0])), float(np.linalg.norm(points[4] - points[3])), 0.75 * length
    )
    centre = eyes + 0.5 * down
    angle = np.arctan2(-down[0], down[1])
    yy, xx = np.mgrid[0:size, 0:size].astype(np.float32) + 0.5
    u = (xx - centre[0]) * np.cos(angle) + (yy - centre[1]) * np.sin(angle)
    v = -(xx - centre[0]) * np.sin(angle) + (yy - centre[1]) * np.cos(angle)
    # Wide enough for cheeks and jaw, high enough for the brows.
    radius = np.sqrt((u / (1.0 * across)) ** 2 + (v / (1.12 * length)) ** 2) / grow
    return np.clip((1.0 - radius) / 0.2 + 0.5, 0, 1).astype(np.float32)


def face_shapes(points: Image, size: int) -> tuple[Image, Image, Image]:
    """Soft face shape, its heart and the background, each (size, size); the border is always background."""
    edge = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    border = np.clip(np.minimum.outer(edge, edge) / (0.05 * size), 0, 1).astype(np.float32)
    shape = ellipse(points, size, 0.98) * border
    heart = (ellipse(points, size, 0.72) * (border == 1)).astype(np.float32)
    background = (1 - ellipse(points, size, 1.2)) + (border < 0.4)
    return shape, (heart > 0.5).astype(np.float32), np.clip(background, 0, 1).astype(np.float32)


def paste(image: Image, points: Image, donor: Image, donor_points: Image, grow: float, match: bool) -> Image:
    """`donor`'s face over `image`'s, by the affine fit of five points, within an ellipse scaled by `grow`.

    `match` brings mean and deviation of each channel to those of `image` inside the ellipse.
    """
    size = image.shape[0]
    design = np.hstack([donor_points, np.ones((5, 1))])
    matrix = np.linalg.lstsq(design, points, rcond=None)[0].T
    warped = cv2.warpAffine(donor, matrix, (size, size), borderMode=cv2.BORDER_REFLECT)
    mask = ellipse(points, size, grow)[:, :, None]
    inner = mask[:, :, 0] > 0.5
    if np.ptp(image[inner], axis=1).max() < 1e-3:
        warped = np.repeat(warped.mean(2, keepdims=True), 3, 2)
    if match:
        mean, std = warped[inner].mean(0), warped[inner].std(0) + 0.02
        wanted, spread = image[inner].mean(0), image[inner].std(0) + 0.02
        warped = (warped - mean) * np.clip(spread / std, 0.6, 1.6) + wanted
    return np.clip(warped * mask + image * (1 - mask), 0, 1).astype(np.float32)


def unsettle(rng: np.random.Generator, face: Image) -> Image:
    """A source face (3, 112, 112) as it might be on another day: moved a little, eyes or mouth hidden at random.

    Else the right answer of a pasted row were the portrait itself, and the swap would wear its expression.
    """
    face = np.ascontiguousarray(face.transpose(1, 2, 0))
    turn = cv2.getRotationMatrix2D((56, 70), float(rng.normal(0, 2)), float(np.exp(rng.normal(0, 0.02))))
    turn[:, 2] += rng.normal(0, 1.0, 2)
    face = cv2.warpAffine(face, turn, (112, 112), borderMode=cv2.BORDER_REFLECT)
    for top, bottom in ((82, 104), (42, 60)):
        if rng.random() < 0.15:
            face[top:bottom, 26:86] = face[62:82, 30:82].mean(axis=(0, 1))
    return np.ascontiguousarray(face.transpose(2, 0, 1))


def veil(rng: np.random.Generator, image: Image, points: Image) -> Image:
    """The face out of focus, so that copying it is no answer and the network has to draw."""
    size = image.shape[0]
    mask = ellipse(points, size, rng.uniform(0.7, 1.0))[:, :, None]
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.01, 0.06) * size)
    return np.asarray(soft * mask + image * (1 - mask), np.float32)


def _planar(images: list[Image]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _mask(masks: tuple[Image, ...]) -> Tensor:
    return torch.from_numpy(np.stack(masks))[:, None]
