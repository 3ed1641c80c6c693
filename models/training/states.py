"""The state of a run, as a file: what train.py writes there, and what others read of it.

`net`, `average`, `judge`, `optimiser` and `judges_optimiser` are state dicts, `step` and `seen` count steps and crops,
`settings` is the configuration as JSON, for the record: nothing reads it back but the size of the crops.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from training.networks import Student

STATE = "student.pt"  # in the folder of a run


def slim(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What of a state travels: the averaged network and the discriminator in half precision, and all that is small."""
    kept = {name: value for name, value in stored.items() if name not in ("net", "optimiser", "judges_optimiser")}
    for name in ("average", "judge"):
        kept[name] = {k: v.half() if v.is_floating_point() else v for k, v in kept[name].items()}
    return kept


def load_student(path: Path) -> tuple[Student, dict[str, Any]]:
    """The averaged network of a state, ready to infer, and the whole of the state."""
    stored = torch.load(path, map_location="cpu", weights_only=True)
    student = Student()
    student.load_state_dict({name: value.float() for name, value in stored["average"].items()})
    return student.eval(), stored


def size_of(stored: Mapping[str, Any]) -> int:
    """Pixels of the crops at which a state was taught, and at which it is best asked."""
    return int(json.loads(stored["settings"])["size"])
