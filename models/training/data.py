"""Training batches, made wholly on the device from crops that live there as bytes.

Three kinds of row, in this order:
- *cross*: a real picture of one person as the target, another person as the source. There is no right answer.
- *same*: source and target are one person, by two pictures where there are two; the answer is the target.
- *real*: a real picture is the **answer**. The target is that picture with somebody else's face put on it, the source
  is the picture's own person. Several makers put the faces on, so that no maker's marks are learnt: a graft along
  landmarks, the averaged network of the moment, and a change of shape on top of each.

Pictures are (N, 3, S, S), RGB 0..1, display-referred sRGB; points are (x, y) in widths of a crop.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from training.critics import SIZES
from training.landmarks import COUNTERPARTS, PLACES, POINTS, SCALE
from training.losses import movement
from training.occluders import behind_glasses, occluded, uniform
from training.prepare import picture_of
from training.shapes import middles, shapes, skin_of

Maker = Callable[[Tensor, Tensor], Tensor]  # (pictures, rows of other people) -> swapped pictures
# Of the packed points, those that a graft follows: enough for its shape, few enough for one small system a row.
_EVERY = {"outline": 2, "left_eye": 4, "right_eye": 4, "irises": 1, "brows": 1, "outer_lips": 2, "inner_lips": 4,
          "nose": 1, "cheeks": 1}  # fmt: skip
_CONTROL = torch.tensor([i for part, step in _EVERY.items() for i in range(len(POINTS))[PLACES[part]][::step]])
HELD_OUT = 64  # people, about
_GRID, _FINE_GRID = 32, 112  # a side of the grids from which fields of displacement are enlarged; where lids move


@dataclass(frozen=True)
class Batch:
    """What a step looks at; `embedding` is who the swap is to show, `rival` who the target shows."""

    target: Tensor
    answer: Tensor
    embedding: Tensor  # (N, 512), unit embeddings by the recognisers of `SIZES`, side by side
    rival: Tensor  # (N, 512), alike
    face: Tensor  # (N, 1, S, S) soft shape of the face, without what lies in front of it
    features: Tensor  # (N, 1, S, S) soft shape of eyes and mouth
    skin: Tensor  # (N, 1, S, S) soft shape of all but eyes, brows, nostrils, mouth; beyond the face nothing is drawn
    points: Tensor  # (N, P, 2) of the answer
    source: Tensor  # (N,) rows of the source pictures in the data
    cross: int  # so many rows at the start have no answer


class Faces:
    """The pack of prepare.py on a device; some people never train.

    `people`: train on the first so many alone, and show them on the sheets; 0: all but those held out.
    """

    def __init__(self, path: Path, size: int, device: torch.device | str = "cpu", people: int = 0) -> None:
        if not path.is_file():
            raise SystemExit(f"expected packed faces at {path}; found no file. Make it with prepare.py")
        stored = torch.load(path, map_location="cpu", weights_only=True)
        self.size, self.device = size, torch.device(device)
        self.pictures = _decoded(stored["pictures"].numpy(), stored["ends"].tolist(), size).to(device)
        self.points = (stored["points"].float() / SCALE).to(device)
        known = (F.normalize(stored["embeddings"][name].float()) for name in SIZES)  # kept in half precision
        self.embeddings = torch.cat(list(known), 1).to(device)
        targets, persons = stored["targets"], stored["people"].long()
        counts = torch.bincount(persons)
        # Taken evenly, so that every source of pictures is among them.
        kept_back = persons % max(2, len(counts) // HELD_OUT) == 0 if not people else persons >= people
        training = ~kept_back
        first = torch.zeros(len(persons), dtype=torch.bool)
        first[torch.argsort(persons, stable=True)[counts.cumsum(0) - counts]] = True
        self.people, self._targets = persons.to(device), targets.to(device)
        # A rehearsal with few people asks whether those were learnt.
        shown = (training if people else kept_back) & targets
        self.shown = torch.nonzero(shown & first).flatten().to(device)
        # Frames of one video are one person: they come as sources less often than their number.
        self._as_source = (training / counts[persons].sqrt()).to(device)
        self._as_target = (training & targets).to(device) * rarity(self.points)
        several = torch.bincount(persons[targets], minlength=len(counts)) > 1
        self._as_pair = self._as_target * several[persons].to(device)
        # Only of people with several pictures do source and answer differ in more than framing.
        self._as_same = self._as_target + 3 * self._as_pair
        # What all faces have in common would otherwise drown what tells people apart.
        self.usual = self.embeddings[training.to(device)].mean(0)

    def another(self, rows: Tensor, chance: torch.Generator, target: bool = False) -> Tensor:
        """For each row another picture of the person, one that may be a `target`; the same where there is no other."""
        alike = (self.people[None] == self.people[rows, None]) & (self._targets | (not target))
        own = torch.arange(len(rows), device=self.device), rows
        alike[own] = False
        alike[own] = ~alike.any(1)
        return torch.multinomial(alike.float(), 1, generator=chance)[:, 0] if len(rows) else rows

    def batch(
        self, counts: tuple[int, int, int], chance: torch.Generator, maker: Maker | None = None, pairs: int = 0,
        acted: int = 0,
    ) -> Batch:  # fmt: skip
        """`counts` rows of the kinds cross, same, real, the last 2 `pairs` of cross by twos of one target person and
        one source, the last 2 `acted` of them of one picture; `maker` is the averaged network of the moment."""
        cross, same, real = counts
        total = cross + same + real
        target = self._drawn(self._as_target, total, chance)
        target[cross : cross + same] = self._drawn(self._as_same, same, chance)
        source = torch.cat([self._drawn(self._as_source, cross, chance), self.another(target[cross:], chance)])
        if pairs:
            first, second = slice(cross - 2 * pairs, cross, 2), slice(cross - 2 * pairs + 1, cross, 2)
            target[first] = self._drawn(self._as_pair, pairs, chance)
            target[second] = self.another(target[first], chance, target=True)
            source[second] = source[first]
        seen, points = self._viewed(self.pictures[target], self.points[target], chance)
        if acted:
            first, second = (slice(cross - 2 * acted + i, cross, 2) for i in (0, 1))
            target[second], points[second] = target[first], acting(points[first], chance)
            seen[second] = sampled(seen[first], spline(points[second], points[first], _FINE_GRID))
        answer = recoloured(seen, chance)
        face, features = shapes(points, self.size)
        given = answer.clone()
        rows = slice(cross + same, total)
        if real:
            other = self._drawn(self._as_target, real, chance)
            donor = self.pictures[other].float() / 255, self.points[other]
            given[rows] = graft(answer[rows], points[rows], face[rows], features[rows], *donor, chance)
            chosen = torch.randperm(real, generator=chance, device=self.device)[: (real + 1) // 2]
            if maker is not None:
                given[rows][chosen] = maker(answer[rows][chosen], other[chosen])
            given[rows] = worn(given[rows], face[rows], chance)
        given, answer = footage([given, answer], chance)
        rows = behind_glasses((given, answer, face, features), points, chance)
        given, answer, face, features = occluded(rows, chance)
        skin = (1 - features) * skin_of(points, self.size)
        who = self.embeddings[torch.stack([source, target])]
        return Batch(given, answer, *who, face, features, skin, points, source, cross)

    def _drawn(self, weights: Tensor, count: int, chance: torch.Generator) -> Tensor:
        if not count:
            return torch.empty(0, dtype=torch.long, device=self.device)
        return torch.multinomial(weights, count, replacement=True, generator=chance)

    def portraits(self, rows: Tensor, chance: torch.Generator | None = None) -> Tensor:
        """Pictures of sources, (N, 3, S, S); with `chance` as other photographers might have taken and cropped them."""
        if chance is None:
            return self.pictures[rows].float() / 255
        return recoloured(self._viewed(self.pictures[rows], self.points[rows], chance)[0], chance)

    def _viewed(self, pictures: Tensor, points: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
        """Crops, from bytes, and their points, moved, turned, scaled and mirrored a little."""
        picture = pictures.float() / 255
        n = len(picture)
        angle, zoom = (normal(chance, n, s, self.device) for s in (0.05, 0.04))
        zoom, move = torch.exp(zoom), normal(chance, 2 * n, 0.015, self.device).reshape(n, 2)
        mirror = torch.where(uniform(chance, n, 0, 1, self.device) < 0.5, -1.0, 1.0)
        turn = zoom * torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()])
        turn = turn.T.reshape(n, 2, 2)
        turn[:, 0] = turn[:, 0] * mirror[:, None]
        grid = F.affine_grid(torch.cat([turn, 2 * move[:, :, None]], 2), list(picture.shape), align_corners=False)
        view = F.grid_sample(picture, grid, padding_mode="reflection", align_corners=False)
        moved = torch.linalg.solve(turn, (2 * points - 1 - 2 * move[:, None]).transpose(1, 2)).transpose(1, 2)
        # The left eye of a mirrored face is what was its right one.
        moved = torch.where(mirror[:, None, None] < 0, moved[:, COUNTERPARTS], moved)
        return view, (moved + 1) / 2


def _decoded(raw: np.ndarray, ends: list[int], size: int) -> Tensor:
    """All pictures as bytes (N, 3, size, size)."""
    pictures = torch.empty(len(ends), 3, size, size, dtype=torch.uint8)

    def decode(i: int) -> None:
        picture = picture_of(raw, ends, i)
        if picture.shape[0] != size:
            picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        pictures[i] = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))

    with ThreadPoolExecutor() as pool:
        list(pool.map(decode, range(len(ends))))
    return pictures


def normal(chance: torch.Generator, n: int, deviation: float, device: torch.device) -> Tensor:
    """(N,) about 0."""
    return deviation * torch.randn(n, generator=chance, device=device)


def rarity(points: Tensor) -> Tensor:
    """How often a picture is to come for one with the usual expression, by packed points (N, P, 2): 1 to 9, (N,).

    Portraits look into the camera with open eyes: closed eyes, open mouths and looks aside would hardly be learnt.
    """
    does = movement(points)
    middle = does.median(0).values
    unusual = (does - middle).abs() / (does - middle).abs().median(0).values.clamp_min(1e-6) / 1.48
    return 1 + (unusual - 2).clamp_min(0).sum(1).clamp_max(3) + (5 * does[:, 2] - 4).clamp(0, 5)


def spline(places: Tensor, values: Tensor, side: int) -> Tensor:
    """Thin-plate splines (Bookstein 1989) through `values` (N, K, 2) at `places` (N, K, 2): a grid (N, side, side, 2).

    Both are in widths of a picture; the border stands still.
    """
    n, device = len(places), places.device
    rim = torch.tensor(
        [[x, y] for x in (-0.2, 0.5, 1.2) for y in (-0.2, 0.5, 1.2) if (x, y) != (0.5, 0.5)], device=device
    )
    rim = rim.expand(n, -1, -1)
    places, values = torch.cat([places, rim], 1), torch.cat([values, rim], 1)
    count = places.shape[1]

    def bent(at: Tensor) -> Tensor:
        square = (at[:, :, None] - places[:, None]).square().sum(-1)
        return square * torch.log(square + 1e-9)

    affine = torch.cat([torch.ones(n, count, 1, device=device), places], 2)
    system = torch.zeros(n, count + 3, count + 3, device=device)
    system[:, :count, :count] = bent(places) + 1e-3 * torch.eye(count, device=device)
    system[:, :count, count:], system[:, count:, :count] = affine, affine.transpose(1, 2)
    told = torch.cat([values, torch.zeros(n, 3, 2, device=device)], 1)
    solved = torch.linalg.solve(system, told)
    at = middles(side, device).reshape(1, -1, 2).expand(n, -1, -1)
    base = torch.cat([bent(at), torch.ones(n, at.shape[1], 1, device=device), at], 2)
    return (base @ solved).reshape(n, side, side, 2)


def sampled(picture: Tensor, field: Tensor) -> Tensor:
    """(N, 3, S, S) looked up where the coarse `field` (N, G, G, 2), in widths, says."""
    size = picture.shape[-1]
    grid = F.interpolate(field.permute(0, 3, 1, 2), size=(size, size), mode="bilinear").permute(0, 2, 3, 1)
    return F.grid_sample(picture, 2 * grid - 1, padding_mode="border", align_corners=False)


def graft(
    picture: Tensor, points: Tensor, face: Tensor, features: Tensor, donor: Tensor, donor_points: Tensor,
    chance: torch.Generator,
) -> Tensor:  # fmt: skip
    """The donors' faces on the pictures, along landmarks and in the picture's colours; three in four keep the eyes and
    the inside of the mouth, without which neither gaze nor teeth could be known."""
    n, device = len(picture), picture.device
    control = _CONTROL.to(device)
    brought = sampled(donor, spline(points[:, control], donor_points[:, control], _GRID))
    weight = face / face.sum((2, 3), keepdim=True).clamp_min(1e-6)
    (mean, spread), (own, own_spread) = _moments(brought, weight), _moments(picture, weight)
    strength = uniform(chance, n, 0.0, 1.0, device)[:, None, None, None]
    contrast = (own_spread / spread.clamp_min(0.02)).clamp(0.5, 2.0) ** strength
    brought = (brought - mean) * contrast + own
    slow = _low(picture) - _low(brought)
    brought = brought + uniform(chance, n, 0.0, 1.0, device)[:, None, None, None] * slow
    keeps = (uniform(chance, n, 0, 1, device) < 0.75).float()[:, None, None, None]
    matte = (face * 1.6 - 0.3).clamp(0, 1) * (1 - keeps * features)
    return (picture + matte * (brought - picture)).clamp(0, 1)


def _moments(picture: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    mean = (picture * weight).sum((2, 3), keepdim=True)
    return mean, ((picture - mean).square() * weight).sum((2, 3), keepdim=True).sqrt()


def _low(picture: Tensor) -> Tensor:
    small = F.interpolate(picture, size=(8, 8), mode="area")
    return F.interpolate(small, size=picture.shape[2:], mode="bicubic")


def displaced(picture: Tensor, face: Tensor, chance: torch.Generator, amount: float) -> Tensor:
    """The face in another shape: a smooth random displacement by `amount` widths, none outside the face."""
    n, device = len(picture), picture.device
    coarse = normal(chance, n * 2 * 36, amount, device).reshape(n, 2, 6, 6)
    field = F.interpolate(coarse, size=(_GRID, _GRID), mode="bicubic") * F.interpolate(face, size=(_GRID, _GRID))
    changed = sampled(picture, middles(_GRID, device) + field.permute(0, 2, 3, 1))
    return picture + (4 * face).clamp_max(1) * (changed - picture)


def acting(points: Tensor, chance: torch.Generator) -> Tensor:
    """Packed points (N, P, 2) with another expression, since pairs of photographs show few and hardly a blink: lids
    from nearly shut to a quarter wider, brows up or down by some hundredths of the distance of the eyes, lips from a
    third as far apart to a tenth farther."""
    n, device, moved = len(points), points.device, points.clone()
    left, right = (points[:, PLACES[name]] for name in ("left_eye", "right_eye"))
    down = (right - left).mean(1, keepdim=True).flip(2) * torch.tensor([-1.0, 1.0], device=device)
    unit = down / down.norm(dim=2, keepdim=True).clamp_min(1e-6)
    ranges = torch.tensor([(0.1, 1.25), (0.35, 1.1), (-0.05, 0.07), (-0.04, 0.06)], device=device)
    low, high = ranges[:, :, None, None, None].unbind(1)
    lids, lips, brows, inner = low + (high - low) * torch.rand(4, n, 1, 1, generator=chance, device=device)
    for name, opened, above in (("left_eye", lids, 0.9), ("right_eye", lids, 0.9), ("inner_lips", lips, 0.0)):
        start, part = PLACES[name].start, points[:, PLACES[name]]
        half = part.shape[1] // 2
        gap = (1 - opened) * (part[:, half + 1 :].flip(1) - part[:, 1:half])
        moved[:, start + 1 : start + half] += above * gap  # the upper lid, but the lower lip
        moved[:, start + half + 1 : start + 2 * half] -= (1 - above) * gap.flip(1)
    chin = torch.exp(-(((torch.arange(36, device=device) - 18) / 5) ** 2))[None, :, None]
    moved[:, PLACES["outer_lips"]][:, 11:] -= gap.flip(1)
    moved[:, PLACES["outline"]] -= 0.8 * chin * gap[:, 4:5]
    below = ((torch.stack([left[:, 12], right[:, 12]], 1) - points[:, PLACES["irises"]]) * unit).sum(2, keepdim=True)
    moved[:, PLACES["irises"]] += 0.8 * (1 - lids) * below * unit
    along = torch.tensor([0.0, 0.0, 0.2, 0.6, 1.0] * 2, device=device)[None, :, None]  # inner ends also by themselves
    moved[:, PLACES["brows"]] -= (brows + inner * along) * down
    return moved


def worn(picture: Tensor, face: Tensor, chance: torch.Generator) -> Tensor:
    """Made faces, two in five in another shape, all marred."""
    changed = uniform(chance, len(picture), 0, 1, picture.device)[:, None, None, None] < 0.4
    return marred(torch.where(changed, displaced(picture, face, chance, 0.02), picture), face, chance)


def marred(picture: Tensor, face: Tensor, chance: torch.Generator) -> Tensor:
    """Marks of a poor swapper inside the face, so that none is learnt: soft, noisy, of another colour."""
    n, device = len(picture), picture.device
    small = F.interpolate(picture, scale_factor=0.5, mode="area")
    soft = F.interpolate(small, size=picture.shape[2:], mode="bilinear")
    some = uniform(chance, n, -1.0, 1.0, device).clamp_min(0)[:, None, None, None]
    changed = picture + some * (soft - picture)
    gain = 1 + normal(chance, 3 * n, 0.05, device).reshape(n, 3, 1, 1)
    gain = gain * (1 + normal(chance, n, 0.07, device)[:, None, None, None])
    changed = changed * gain + normal(chance, n, 0.02, device)[:, None, None, None]
    grain = torch.randn(picture.shape, generator=chance, device=device)
    changed = changed + grain * uniform(chance, n, -0.04, 0.03, device).clamp_min(0)[:, None, None, None]
    return (picture + face * (changed - picture)).clamp(0, 1)


def recoloured(picture: Tensor, chance: torch.Generator) -> Tensor:
    """Exposure, cast (one row in four: coloured light), gamma, now and then no colour."""
    n, device = len(picture), picture.device
    gamma = torch.exp(normal(chance, n, 0.12, device))[:, None, None, None]
    colour = torch.where(uniform(chance, n, 0, 1, device) < 0.25, 0.16, 0.04)[:, None]
    gain = normal(chance, n, 0.1, device)[:, None] + colour * normal(chance, 3 * n, 1.0, device).reshape(n, 3)
    gain = torch.exp(gain - (gain.amax(1, keepdim=True) - 0.3).clamp_min(0))  # no channel burns out
    grey = (uniform(chance, n, 0, 1, device) < 0.03).float()[:, None, None, None]
    toned = picture + grey * (picture.mean(1, keepdim=True) - picture)
    return (toned.clamp_min(1e-4) ** gamma * gain[:, :, None, None]).clamp(0, 1)


def footage(pictures: list[Tensor], chance: torch.Generator) -> list[Tensor]:
    """One row in four as video has it, soft or with grain, and all the pictures of a row alike."""
    n, device = len(pictures[0]), pictures[0].device
    chosen = (uniform(chance, 2 * n, 0, 1, device) < 0.12).float().reshape(2, n)
    some = (chosen[0] * uniform(chance, n, 0.3, 1.0, device))[:, None, None, None]
    strength = (chosen[1] * uniform(chance, n, 0.005, 0.04, device))[:, None, None, None]
    grain = strength * torch.randn(pictures[0].shape, generator=chance, device=device)
    soft = (F.interpolate(F.avg_pool2d(p, 2), size=p.shape[2:], mode="bicubic") for p in pictures)
    return [(p + some * (s - p) + grain).clamp(0, 1) for p, s in zip(pictures, soft, strict=True)]
