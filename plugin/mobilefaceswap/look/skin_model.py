"""What the skin of one face looks like at every place of its crop, in one frame alone.

Lightness is a quadratic and each chroma a linear function of the place, fitted to this very face so that what is not
skin hardly counts (iteratively reweighted least squares, Holland and Welsch, Comm. Statistics A6, 1977). Light falls
from the side or from above: across the face the curves are free, and downwards they may darken. Held back is what hair
over a forehead would make of them: a face that is dark above and light below, or of another hue.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["SkinModel", "fit_skin"]

_ROUNDS = 8
_TUNING = 2.4
"""A residual of this many deviations counts a quarter, one beyond it less and less (Geman and McClure, Bull. Int.
Statistical Institute 52, 1987).
"""
_FLOORS, _CEILING = np.array([7.0, 2.5, 2.5]), 1.5
"""Least deviations of skin in CIELAB: shading, freckles, shine and shadow are no occlusion. The greatest are so many
times the least: skin and what covers it must not be taken for one wide distribution.
"""
_SHINE, _SHADED = 0.5, 0.35
"""The share of a difference in lightness that counts above the skin's own, since skin shines; and the share of one
below it that does not at the chin, which lies in the face's shade.
"""
_FREE, _BENT, _DARK_ABOVE, _HUED = 0.2, 2.0, 4.0, 0.5
"""Penalties on the squares of the coefficients (ridge regression), in shares of the weight: on slopes and on the bend
across, on other bends, on a slope that is darker above, and on chroma that changes from above to below.
"""
_SAME_CHROMA, _SAME_LIGHTNESS = 8.0, 18.0
"""Deviations, in CIELAB, from the commonest chroma and its lightness, of what may be skin at first sight."""
_Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SkinModel:
    """colours: (s, s, 3), CIELAB, of the skin at every place. spread: (3,), its deviations, CIELAB. lit: (s, s), 0..1,
    the share of a difference that counts where a place is darker than skin.
    """

    colours: _Doubles
    spread: _Doubles
    lit: _Doubles

    def away(self, lab: _Doubles) -> _Doubles:
        """(S, S): how far a picture (S, S, 3) of the same crop, CIELAB, at any size, is from skin, in deviations."""
        size = lab.shape[1::-1]
        colours, lit = (cv2.resize(one, size, interpolation=cv2.INTER_LINEAR) for one in (self.colours, self.lit))
        residual = (lab - colours) / self.spread
        residual[..., 0] *= np.where(residual[..., 0] > 0, _SHINE, lit)
        return np.asarray(np.sqrt((residual**2).sum(axis=-1)))


def fit_skin(lab: _Doubles, skin: npt.NDArray[np.bool_], points: _Doubles) -> SkinModel:
    """The skin of a crop ``lab`` (s, s, 3), CIELAB. skin: (s, s), where it is seen unless something covers it; at least
    one place. points: the landmarks (5, 2) on the crop, in pixels.
    """
    y, x = np.mgrid[: lab.shape[0], : lab.shape[1]] / (lab.shape[0] / 2) - 1
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    across, down = _own_axes(points, skin.shape)
    inside, colours = terms[skin], lab[skin]
    weight = _first_guess(colours, skin, points, across[skin], down[skin])
    for _ in range(_ROUNDS):
        solutions = _solutions(inside, colours, weight)
        fitted = np.column_stack([inside[:, : len(one)] @ one for one in solutions])
        residual = colours - fitted
        spread = np.sqrt((weight[:, None] * residual**2).sum(axis=0) / weight.sum())
        spread = np.clip(spread, _FLOORS, _CEILING * _FLOORS)
        away = np.sqrt(((residual / spread) ** 2).sum(axis=1))
        weight = 1 / (1 + (away / _TUNING) ** 2) ** 2
    everywhere = np.stack([terms[..., : len(one)] @ one for one in _solutions(inside, colours, weight)], axis=-1)
    return SkinModel(everywhere, spread, 1 - _SHADED * np.clip((down - 0.5) / 0.6, 0, 1))


def _own_axes(points: _Doubles, size: tuple[int, ...]) -> tuple[_Doubles, _Doubles]:
    """How far places lie from the middle of the eyes, (s, s) each: across the face, in distances between the eyes, and
    down it, in distances from the eyes to the mouth.
    """
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    basis = np.linalg.inv(np.column_stack([points[1] - points[0], mouth - eyes]) + 1e-9 * np.eye(2))
    y, x = np.mgrid[: size[0], : size[1]]
    across, down = np.tensordot(basis, np.stack([x - eyes[0], y - eyes[1]]), axes=1)
    return across, down


def _first_guess(
    colours: _Doubles, skin: npt.NDArray[np.bool_], points: _Doubles, across: _Doubles, down: _Doubles
) -> _Doubles:
    """Weights to begin with: skin has the most common chroma around the nose, and the lightness that this has between
    eyes and mouth, where hair seldom falls. across, down: (N,), where ``_own_axes`` puts the N places of ``skin``.
    """
    y, x = np.nonzero(skin)
    middle, reach = points.mean(axis=0), np.linalg.norm(points[1] - points[0])
    near = np.exp(-0.5 * (np.hypot(x - middle[0], y - middle[1]) / (0.9 * reach)) ** 2)
    bins = np.clip(np.floor(colours[:, 1:] / 6).astype(int) + 40, 0, 79)
    votes = np.zeros((80, 80))
    np.add.at(votes, tuple(bins.T), near)
    votes = cv2.GaussianBlur(votes, (0, 0), 1.0)
    chroma = (np.array(np.unravel_index(int(votes.argmax()), votes.shape)) - 40) * 6 + 3
    alike = np.exp(-0.5 * (((colours[:, 1:] - chroma) / _SAME_CHROMA) ** 2).sum(axis=1)) + 1e-6
    between = (down > 0.1) & (down < 1.15) & (np.abs(across) < 0.85)
    usual = _weighted_median(colours[:, 0], alike * near * np.where(between, 1, 1e-3))
    return np.asarray(alike * np.exp(-0.5 * ((colours[:, 0] - usual) / _SAME_LIGHTNESS) ** 2) + 1e-6)


def _weighted_median(values: _Doubles, weight: _Doubles) -> float:
    """values, weight: (N,), at least one."""
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _solutions(terms: _Doubles, colours: _Doubles, weight: _Doubles) -> list[_Doubles]:
    """Coefficients of lightness, a quadratic of the place, and of either chroma, linear, for colours (N, 3)."""
    return [_solution(terms[:, :count], colours[:, k], weight) for k, count in enumerate((6, 3, 3))]


def _solution(terms: _Doubles, values: _Doubles, weight: _Doubles) -> _Doubles:
    """Coefficients (3,) or (6,) of ``terms`` (N, 3) or (N, 6) that fit ``values`` (N,) best, with weights (N,)."""
    weighted = terms * weight[:, None]
    squares, products = weighted.T @ terms, weighted.T @ values

    def solved(*ridges: float) -> _Doubles:
        return np.asarray(np.linalg.solve(squares + np.diag([0, *ridges]) * weight.sum(), products))

    if terms.shape[1] == 3:
        return solved(_FREE, _HUED)
    free = solved(_FREE, _FREE, _FREE, _BENT, _BENT)
    # At a slope of 0 both are the same, so that nothing pops.
    return solved(_FREE, _DARK_ABOVE, _FREE, _BENT, _BENT) if free[2] > 0 else free
