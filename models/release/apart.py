"""The kernels of people further apart: each person's are moved away from what people have in common.

    python -m release.apart RUN/student.pt --data faces.pt --critics critics.pt --out RUN/apart.pt

What the IIM adds to a layer's depthwise kernels for a person is carried on, by the shares APART, from its mean over
people. Without training likeness, realism and the same person in and out improve at once; much more than that loses
people who were found before. `training/NOTES.md` has the figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.critics import load_critics
from training.data import picture_of
from training.networks import FEATURE_SCALE, LAYERS, IdentityInjection
from training.states import load_student, slim

APART = {"enter": 0.1, "fall": 0.25, "deep": 0.2, "rise": 0.5, "refine": 0.2}
"""By the first word of a layer's name; chosen with people held out of training, 150 pairs of them."""
PEOPLE = 128


@torch.no_grad()
def move_apart(injection: IdentityInjection, maps: Tensor, shares: dict[str, float]) -> None:
    """Kernels as far from their mean over the people with feature maps `maps` (N, 1024, 7, 7) as 1 + share says."""
    for layer, predictor in zip(LAYERS, injection.layers, strict=True):
        share = shares.get(layer.split(".")[0], 0.0)
        usual = predictor.told(injection.trunk(maps * FEATURE_SCALE)).mean(0)
        predictor.base -= share * usual[:, None]
        predictor.read.weight *= 1 + share
        predictor.read.bias *= 1 + share


def maps_of_people(data: Path, critics: Path) -> Tensor:
    """SFace's feature maps of PEOPLE people of a file of prepare.py, one picture each, spread over all of it."""
    stored = torch.load(data, map_location="cpu", weights_only=True)
    people = stored["people"].tolist()
    firsts = list({person: row for row, person in reversed(list(enumerate(people)))}.values())
    chosen = firsts[:: max(1, len(firsts) // PEOPLE)][:PEOPLE]
    raw, ends = stored["pictures"].numpy(), stored["ends"].tolist()
    crops = torch.from_numpy(np.stack([picture_of(raw, ends, row) for row in chosen])).permute(0, 3, 1, 2)
    recognisers, _, _ = load_critics(critics)
    with torch.no_grad():
        return torch.cat([recognisers.feature_map(part.float() / 255)[0] for part in crops.split(16)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="faces.pt, as for training")
    parser.add_argument("--critics", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the state to write")
    parser.add_argument("--by", type=float, default=1.0, help="a factor of those shares; for states of a mean 0.6")
    given = parser.parse_args()
    student, stored = load_student(given.state)
    shares = {layer: given.by * share for layer, share in APART.items()}
    move_apart(student.identity, maps_of_people(given.data, given.critics), shares)
    torch.save(slim(stored | {"average": student.state_dict()}), given.out)


if __name__ == "__main__":
    main()
