"""Comparing pictures so that a failure says where, not only that."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["PLATFORM", "assert_same"]

PLATFORM = 1 / 4096
"""How far float pictures may differ between machines, whose kernels differ."""


def assert_same(found: npt.NDArray, expected: npt.NDArray, *, atol: float = 0.0, name: str = "picture") -> None:
    """Fails naming the first index that differs by more than ``atol``, both values, and how many there are."""
    assert found.shape == expected.shape, f"{name}: expected the shape {expected.shape}, found {found.shape}"
    away = np.abs(found.astype(np.float64) - expected)
    differs = ~(away <= atol) & ~(np.isnan(found) & np.isnan(expected))
    if differs.any():
        first = tuple(int(index) for index in np.argwhere(differs)[0])
        worst = float(np.nan_to_num(away[differs], nan=np.inf).max())
        raise AssertionError(
            f"{name}: at {first} expected {expected[first]!r}, found {found[first]!r}; {int(differs.sum())} of "
            f"{differs.size} values differ by more than {atol:g}, the worst by {worst:.3g}"
        )
