"""How much each of several portraits or identities counts: weights as typed, or from the ages that they show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import UserInputError

__all__ = ["shares_of", "weights_at_age"]


def shares_of(weights: Sequence[float], count: int, what: str) -> npt.NDArray[np.float64]:
    """(count,): ``weights`` as shares that add up to 1. what: is weighed, for the message.

    Raises UserInputError on weights that do not fit.
    """
    shares = np.array(weights, np.float64)
    if len(shares) != count or not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() <= 0:
        raise UserInputError(
            f"expected a weight of 0 or more for each of {count} {what}, one of them above 0; found "
            f"{', '.join(f'{weight:g}' for weight in weights) or 'none'}. Name as many as {what}, such as 2,1"
        )
    return np.asarray(shares / shares.sum())


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
