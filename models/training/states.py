"""A training state, teacher or student, as a network that evaluate.py can measure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from config import Config
from critics import load_critics
from data import style_of
from networks import Student
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from train import teacher_of

Floats = NDArray[np.float32]


class StateSwapper:
    """The averaged network of a state: (sources, targets) -> (colour, mask), each (N, S, S, 3) or (N, S, S), 0..1.

    `size` is the side at which the state was taught, and at which it is best asked.
    """

    def __init__(self, state: Path, critics: Path) -> None:
        stored = torch.load(state, map_location="cpu", weights_only=True)
        settings = json.loads(stored["settings"])
        self.size = int(settings["size"])
        self._net = Student() if settings["stage"] == "student" else teacher_of(Config(width=stored["width"]))
        self._net.load_state_dict({name: value.float() for name, value in stored["average"].items()})
        self._net.eval()
        self._recognisers, _, _ = load_critics(critics)

    @torch.no_grad()
    def __call__(self, sources: Floats, targets: Floats) -> tuple[Floats, Floats]:
        source, target = (torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2) for x in (sources, targets))
        drawn = self._drawn(source, target).permute(0, 2, 3, 1).numpy()
        return drawn[..., :3], drawn[..., 3]

    def _drawn(self, source: Tensor, target: Tensor) -> Tensor:
        if isinstance(self._net, Student):
            told = [part.expand(len(target), *part.shape[1:]) for part in self._recognisers.feature_map(source)]
            return self._net(target, *told)
        seen = F.interpolate(source, size=(128, 128), mode="bilinear", antialias=True)
        embedding = torch.cat(list(self._recognisers(seen).values()), 1)
        return self._net(target, style_of(embedding).expand(len(target), -1))
