"""Occlusion by colour: what stands before the face, seen in one frame alone.

No network: the face's own skin is modelled, and what does not look like it is taken to be before it. Lightness is a
quadratic and each chroma a linear function of the place, fitted to the skin of this very face so that what is not skin
hardly counts (iteratively reweighted least squares, Holland and Welsch, Comm. Statistics A6, 1977). Eyes, brows and
mouth are no skin; they count as covered as far as the skin around them is, or their hue is none that features have.

It sees what differs from the face in colour: microphones, hair, hands in gloves, dark glasses, food, cloth. Bare hands
of the face's own colour are found by their shape: see `hands`.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ..frame import Floats
from .regions import features, hull

__all__ = ["occlusion", "trusted"]

_SIDE = 112
_ROUNDS = 8
_TUNING = 2.4
"""Residuals beyond this many deviations count less and less (Cauchy's weights)."""
_FLOORS = np.array([7.0, 2.5, 2.5])
"""Least deviations of skin in CIELAB: shading, freckles, shine and shadow are no occlusion."""
_FROM, _TO = 3.0, 4.6
"""Distance from skin, in deviations, at which something begins to count as before the face, and counts in full."""
_SHINE = 0.5
"""What lightness above the skin's counts, since skin shines."""
_MOST_KEPT, _REDDER, _FEATURE_SPREAD = 1.2, 30.0, 4.0
"""Features in CIELAB: their chroma as a share of the skin's, how much redder they may be, and their deviation."""
_Doubles = npt.NDArray[np.float64]


def occlusion(crop: Floats, points: _Doubles, width: float) -> Floats:
    """(S, S), 0..1: 1 where something stands before the face, 0 on the face and outside its outline.

    crop: (S, S, 3) of the plate, display-referred sRGB, 0..1. points: the landmarks (5, 2) on it. width: of the face,
    in pixels of the crop.
    """
    side, scale = crop.shape[0], _SIDE / crop.shape[0]
    small = np.asarray(cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.float32)
    places = (points + 0.5) * scale - 0.5
    face, marked = hull(places, _SIDE, 0.03 * width * scale), features(places, _SIDE)
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (0, 0), 0.8), cv2.COLOR_RGB2Lab).astype(np.float64)
    skin = np.asarray((face > 0.9) & (marked < 0.05))
    if skin.sum() < _SIDE:
        return np.zeros((side, side), np.float32)
    away, plain = _distance(lab, skin, places)
    share = np.clip((away - _FROM) / (_TO - _FROM), 0, 1).astype(np.float32)
    strange = np.clip((_strangeness(lab, plain) - _FROM) / (_TO - _FROM), 0, 1).astype(np.float32)
    features_share = np.maximum(_around(share, marked, 0.1 * width * scale), strange)
    share = np.asarray(share * (1 - marked) + features_share * marked, np.float32)
    share = _solid(share, 0.02 * width * scale)
    large = np.asarray(cv2.resize(share * face, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    return _along_edges(np.clip(large, 0, 1), crop, max(2, round(0.04 * width)))


def trusted(mask: Floats, covered: Floats, points: _Doubles, width: float) -> Floats:
    """(S, S), 0..1: how far a matte of the network's ``mask`` (S, S) can be trusted inside the face's outline.

    It falls where it is not clear whether something stands before the face, and where the mask and what is left of the
    outline without what is ``covered`` (S, S) disagree. The rest as ``occlusion``.
    """
    face = hull(points, mask.shape[0], 0.04 * width)
    unsure = 4 * covered * (1 - covered)
    differing = np.abs(np.clip(mask, 0, 1) - face * (1 - covered))
    return np.asarray(np.maximum(face, mask) * (1 - unsure) * (1 - differing), np.float32)


def _distance(lab: _Doubles, skin: npt.NDArray[np.bool_], points: _Doubles) -> tuple[_Doubles, _Doubles]:
    """(S, S): how far every place is from skin, in deviations; (S, S, 3): what skin would look like there."""
    terms = _terms(lab.shape[0])
    inside, colours = terms[skin], lab[skin]
    weight = _first_guess(colours, skin, points)
    for _ in range(_ROUNDS):
        fitted = np.column_stack(
            [_solved(inside[:, :count], colours[:, channel], weight) for channel, count in enumerate((6, 3, 3))]
        )
        residual = colours - fitted
        spread = np.maximum(np.sqrt((weight[:, None] * residual**2).sum(axis=0) / weight.sum()), _FLOORS)
        away = np.sqrt(((residual / spread) ** 2).sum(axis=1))
        weight = 1 / (1 + (away / _TUNING) ** 2) ** 2
    everywhere = np.stack(
        [
            terms[..., :count] @ _solution(inside[:, :count], colours[:, channel], weight)
            for channel, count in enumerate((6, 3, 3))
        ],
        axis=-1,
    )
    residual = (lab - everywhere) / spread
    residual[..., 0] *= np.where(residual[..., 0] > 0, _SHINE, 1)
    return np.sqrt((residual**2).sum(axis=-1)), everywhere


def _strangeness(lab: _Doubles, plain: _Doubles) -> _Doubles:
    """(S, S): how far a place's chroma is, in deviations, from all that eyes, brows, lips and teeth are: skin, greyer
    than skin, and redder.
    """
    seen, own = lab[..., 1:], plain[..., 1:]
    kept = np.clip((seen * own).sum(axis=-1) / np.maximum((own**2).sum(axis=-1), 1.0), 0, _MOST_KEPT)[..., None]
    left = seen - kept * own
    left[..., 0] -= np.clip(left[..., 0], 0, _REDDER)
    return np.asarray(np.hypot(left[..., 0], left[..., 1]) / _FEATURE_SPREAD)


def _first_guess(colours: _Doubles, skin: npt.NDArray[np.bool_], points: _Doubles) -> _Doubles:
    """Weights to begin with: the most common chroma between eyes and mouth is skin."""
    y, x = np.nonzero(skin)
    middle, reach = points.mean(axis=0), np.linalg.norm(points[1] - points[0])
    near = np.exp(-0.5 * (np.hypot(x - middle[0], y - middle[1]) / (0.9 * reach)) ** 2)
    bins = np.clip(np.floor(colours / 6).astype(int) + 40, 0, 79)
    votes = np.zeros((80, 80, 80))
    np.add.at(votes, tuple(bins.T), near)
    votes = cv2.GaussianBlur(votes.sum(axis=0), (0, 0), 1.0)
    most = np.array(np.unravel_index(int(votes.argmax()), votes.shape))
    chroma = (most - 40) * 6 + 3
    return np.asarray(np.exp(-0.5 * (((colours[:, 1:] - chroma) / 8) ** 2).sum(axis=1)) + 1e-6)


def _terms(side: int) -> _Doubles:
    y, x = np.mgrid[:side, :side] / (side / 2) - 1
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def _solution(terms: _Doubles, values: _Doubles, weight: _Doubles) -> _Doubles:
    weighted = terms * weight[:, None]
    # A little ridge: where much is covered, what is left must not bend the rest.
    return np.asarray(
        np.linalg.solve(
            weighted.T @ terms + 1e-2 * np.diag([0, *[1] * (terms.shape[1] - 1)]) * weight.sum(), weighted.T @ values
        )
    )


def _solved(terms: _Doubles, values: _Doubles, weight: _Doubles) -> _Doubles:
    return np.asarray(terms @ _solution(terms, values, weight))


def _around(share: Floats, marked: Floats, reach: float) -> Floats:
    """What ``share`` is in the skin around every place."""
    plain = 1 - marked
    near = cv2.GaussianBlur(share * plain, (0, 0), reach) / (cv2.GaussianBlur(plain, (0, 0), reach) + 1e-4)
    return np.asarray(share * np.clip(2.5 * near - 0.5, 0, 1), np.float32)


def _solid(share: Floats, width: float) -> Floats:
    """Without specks and pinholes narrower than ``width``."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, round(width)) + 1,) * 2)
    return np.asarray(
        cv2.morphologyEx(cv2.morphologyEx(share, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel), np.float32
    )


def _along_edges(share: Floats, crop: Floats, radius: int) -> Floats:
    """``share`` moved onto the plate's edges: the guided filter (He, Sun and Tang, IEEE PAMI 35(6), 2013) over luma."""
    guide = np.asarray(crop.mean(axis=2), np.float32)

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.blur(values, (2 * radius + 1,) * 2), np.float32)

    guide_mean, share_mean = mean(guide), mean(share)
    slope = (mean(guide * share) - guide_mean * share_mean) / (mean(guide * guide) - guide_mean**2 + 1e-3)
    filtered = mean(slope) * guide + mean(share_mean - slope * guide_mean)
    # Where nothing is near nothing is added, so that a clean face keeps a solid matte.
    near = cv2.dilate(share, np.ones((2 * radius + 1,) * 2)) > 0
    return np.asarray(np.clip(1.3 * np.where(near, filtered, 0) - 0.15, 0, 1), np.float32)
