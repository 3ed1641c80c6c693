"""How much each of several portraits or identities counts: weights as typed, or from the ages that they show.

Ages are typed, or stand in a table beside the portraits. Dates in files are not read: those of scans are of the scan.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UserInputError
from ..files import text_of

__all__ = ["AGES", "ages_of", "shares_of", "weights_at_age"]

AGES = "ages.toml"
"""The table of ages in a folder of portraits: a line such as ``"at_25.jpg" = 25`` for each. The years in which
they were taken do as well, and then the age to show is a year, too.
"""


def shares_of(weights: Sequence[float], count: int, what: str) -> npt.NDArray[np.float64]:
    """(count,): ``weights`` as shares that add up to 1. what: is weighed, for the message.

    Raises UserInputError on weights that do not fit.
    """
    # Of numbers that are each finite, too, the sum may not be.
    total = sum(map(float, weights))
    if len(weights) != count or any(weight < 0 for weight in weights) or not 0 < total < math.inf:
        raise UserInputError(
            f"expected a weight of 0 or more for each of {count} {what}, and a finite sum above 0; found "
            f"{', '.join(f'{weight:g}' for weight in weights) or 'none'}. Name as many as {what}, such as 2,1"
        )
    return np.array(weights, np.float64) / total


def weights_at_age(ages: Sequence[float], age: float) -> list[float]:
    """Weights of portraits taken at ``ages`` that show the person at ``age``.

    The two nearest ages, before and after it, count by how near they are; portraits of one age count alike.

    Raises UserInputError where ``age`` lies outside of them.
    """
    known = np.unique(np.array(ages, np.float64))
    if not len(known) or not np.isfinite(known).all() or not known[0] <= age <= known[-1]:
        span = f"from {known[0]:g} to {known[-1]:g}, the ages of the portraits" if len(known) else "and ages"
        raise UserInputError(f"expected an age {span}; found {age:g}. Add a portrait beyond it, or choose another age")
    shares = {float(one): np.interp(age, known, known == one) for one in known}
    return [float(shares[float(one)] / ages.count(one)) for one in ages]


def ages_of(files: Sequence[Path]) -> list[float]:
    """The age of each portrait or identity, from the table beside it. Raises UserInputError where one has none."""
    tables = {folder: _table(folder / AGES) for folder in dict.fromkeys(file.parent for file in files)}
    return [_age(file, tables[file.parent]) for file in files]


def _table(place: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text_of(place))
    except OSError as error:
        raise UserInputError(
            f"expected the ages of the portraits in {place}, since an age is to be shown; {error.strerror}. Write it, "
            'with a line such as "at_25.jpg" = 25 for each, or leave the age out'
        ) from error
    except ValueError as error:
        raise UserInputError(f"expected a table of ages in TOML; found {place}: {error}. Correct it there") from error


def _age(file: Path, table: Mapping[str, Any]) -> float:
    age = table.get(file.name)
    if isinstance(age, bool) or not isinstance(age, (int, float)):
        found = "none" if age is None else repr(age)
        raise UserInputError(
            f"expected the age of {file.name} in {file.parent / AGES}; found {found}. Add the line "
            f'"{file.name}" = 25, with its age'
        )
    return float(age)
