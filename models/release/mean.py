"""Several states of one run into one, whose network is the mean of theirs: between them, and steadier than each.

    python -m release.mean RUN/first.pt RUN/second.pt … --out RUN/student.pt

After stochastic weight averaging (arXiv 1803.05407). States of one run, a few thousand steps apart, lie in one valley;
those of different runs do not, and their mean draws nothing. One that is named several times counts as often. The
result holds what travels of a state: to go on from it the optimisers begin anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from training.states import load_student, slim


def mean_of(paths: Sequence[Path]) -> dict[str, Any]:
    """The last state, slim, with the mean of the averaged networks of all. Raises SystemExit for fewer than two."""
    if len(paths) < 2:
        raise SystemExit(f"expected two or more states to average; found {len(paths)}")
    students, states = zip(*map(load_student, paths), strict=True)
    last = max(states, key=lambda state: state["step"])
    weights = [student.state_dict() for student in students]
    last["average"] = {name: torch.stack([w[name] for w in weights]).mean(0) for name in weights[0]}
    return slim(last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("states", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True, help="the state to write")
    given = parser.parse_args()
    torch.save(mean_of(given.states), given.out)


if __name__ == "__main__":
    main()
