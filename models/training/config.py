"""One experiment is one file of these settings (configs/*.toml)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Weights:
    """How much each loss counts; 0 leaves it out."""

    pixel: float = 10.0  # L1 to the right answer; eyes and mouth count four times
    identity: float = 12.0  # all recognisers, to the source
    rivalry: float = 0.0  # all recognisers, to the source rather than the target, where there is no answer
    patch: float = 0.0  # light and tint of skin and lips where they are off visibly, where there is no answer
    inside: float = 0.0  # what is drawn between lips, and the light of it between lids, to the target, likewise
    background: float = 1.0  # what is drawn outside the face, to the target
    mask: float = 2.0  # the mask, to the face's shape
    skin: float = 2.0  # where light is held to the target's, to the shape of its skin
    movement: float = 0.0  # landmarks: openings, gaze, turn, to the target, where there is no answer
    change: float = 0.0  # the same, brows and chin, between two pictures of a person, where there is no answer
    steady: float = 0.0  # the swap of a target that moved a little and has other noise, to the swap, moved alike
    adversarial: float = 1.0


@dataclass(frozen=True)
class Config:
    """A stage of the training; rows are counted for each worker."""

    size: int = 128  # pixels of a crop, a multiple of 32
    window: int = 0  # pixels of the square of it that the discriminator and perception see; 0: all
    rows: tuple[int, int, int] = (4, 2, 4)  # cross, same, real
    pairs: int = 0  # of the cross rows so many twos are two pictures of one person, with one source
    acted: int = 0  # of the pairs so many are one picture with two expressions
    shaken: int = 0  # so many of the cross rows are drawn once more, moved a little and with other noise
    steps: int = 100_000
    rate: float = 4e-4
    discriminator_rate: float = 2e-4
    warm_up: int = 200
    adversarial_from: int = 1500  # step at which the discriminator begins
    maker_from: int = 1000  # step from which the averaged network puts faces on the pictures of `real` rows
    average: float = 0.995
    looks: dict[str, float] = field(default_factory=dict)  # share of rows a recogniser sees; 0: it only judges
    people: int = 0  # a rehearsal: only the first so many people; 0 uses all
    seed: int = 0
    weights: Weights = field(default_factory=Weights)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The settings in a file. Raises SystemExit naming a setting that does not exist."""
        told = tomllib.loads(path.read_text("utf-8"))
        weights = _checked(Weights, told.pop("weights", {}), path)
        told = _checked(cls, told, path)
        if "rows" in told:
            told["rows"] = tuple(told["rows"])
        return cls(**told, weights=Weights(**weights))


def _checked(kind: Any, told: dict[str, Any], path: Path) -> dict[str, Any]:
    known = {f.name for f in fields(kind)}
    if unknown := ", ".join(sorted(told.keys() - known)):
        raise SystemExit(f"expected settings of {kind.__name__} in {path}: {', '.join(sorted(known))}; found {unknown}")
    return told
