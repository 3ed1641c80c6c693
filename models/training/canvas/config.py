"""Typed configuration of a run, read from one TOML file per experiment."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model import ModelConfig


@dataclass(frozen=True)
class Stage:
    """A stretch of the run, up to `until` steps; `rows` are (self, pasted, grafted, cross) rows of a worker's batch."""

    until: int
    size: int
    people: int
    rows: tuple[int, int, int, int]
    sface_rows: int = 4
    discriminator: bool = False
    rate: float = 1e-3


@dataclass(frozen=True)
class Weights:
    """How much each loss counts."""

    pixel: float = 6.0
    features: float = 3.0
    perceptual: float = 1.0
    sface: float = 6.0
    small: float = 2.0
    # For cosines of FaceRes and of MobileFaceNet (critics.py); above 0 they need files that are not in the repository.
    second: float = 0.0
    third: float = 0.0
    left_over: float = 2.0
    attribute: float = 0.4
    low_frequency: float = 2.0
    surround: float = 1.0
    # For degrees, what expression_error says, and widths of an eye; above 0 they need networks that are not in the
    # repository (landmarks.py).
    pose: float = 0.0
    expression: float = 0.0
    lids: float = 0.0
    astray: float = 0.3  # hundredths of a crop's width that localisers which learn move their fields by
    adversarial: float = 0.05


@dataclass(frozen=True)
class Config:
    """One experiment."""

    name: str
    stages: tuple[Stage, ...]
    weights: Weights = field(default_factory=Weights)
    model: ModelConfig = field(default_factory=ModelConfig)
    clean_only: bool = False
    seed: int = 0
    ema: float = 0.998
    clip: float = 5.0
    localisers: float = 0.0  # their learning rate as a share of the stage's; 0 leaves them as they are

    def stage(self, step: int) -> Stage:
        """The stage in which `step` lies; the last one goes on without end."""
        return next((s for s in self.stages if step < s.until), self.stages[-1])

    @property
    def steps(self) -> int:
        """Length of the whole run."""
        return self.stages[-1].until


def load_config(path: Path) -> Config:
    """Read a TOML file; unknown keys are an error."""
    raw: dict[str, Any] = tomllib.loads(path.read_text())
    stages = tuple(Stage(**{**s, "rows": tuple(s["rows"])}) for s in raw.pop("stages"))
    weights, model = Weights(**raw.pop("weights", {})), ModelConfig(**raw.pop("model", {}))
    return Config(stages=stages, weights=weights, model=model, **raw)
