"""Occlusion by colour: what stands before the face, seen in one frame alone.

No network: the face's own skin is modelled (`skin_model`), and what does not look like it is taken to be before it.
Eyes, brows and mouth are no skin; they count as covered as far as the skin around them is, or their hue is none that
features have. What is broad is found coarsely and moved onto the plate's edges, strands of hair pixel by pixel.

It sees what differs from the face in colour: microphones, hair, hands in gloves, dark glasses, food, cloth. Bare hands
of the face's own colour are found by their shape: see `hands`.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ..frame import Floats
from .regions import features, hull
from .skin_model import SkinModel, fit_skin

__all__ = ["occlusion", "trusted"]

_SIDE = 112
_FROM, _TO = 3.0, 4.6
"""Distance from skin, in deviations, at which something begins to count as before the face, and counts in full."""
_FINE, _THIN, _THIN_FROM, _THIN_TO = 0.6, 0.045, 1.8, 3.0
"""Of strands: the deviation, in pixels, of the blur that takes off grain; half their greatest breadth, in widths of the
face; and by how many deviations they must be farther from skin than what lies beside them to begin to count, and to
count in full.
"""
_LONG, _LONGER = 0.2, 0.3
"""Lengths, in widths of the face, from which a strand begins to count, and counts in full: pores and spots do not."""
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
    model = fit_skin(lab, skin, places)
    share = np.clip((model.away(lab) - _FROM) / (_TO - _FROM), 0, 1).astype(np.float32)
    strange = np.clip((_strangeness(lab, model.colours) - _FROM) / (_TO - _FROM), 0, 1).astype(np.float32)
    features_share = np.maximum(_around(share, marked, 0.1 * width * scale), strange)
    share = np.asarray(share * (1 - marked) + features_share * marked, np.float32)
    share = _solid(share, 0.02 * width * scale)
    large = np.asarray(cv2.resize(share * face, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    broad = _along_edges(np.clip(large, 0, 1), crop, max(2, round(0.04 * width)))
    # The outline is blurred, and may exceed 1 by rounding: a matte must not become negative.
    return np.minimum(np.maximum(broad, _strands(crop, model, points, width)), np.float32(1))


def trusted(mask: Floats, covered: Floats, points: _Doubles, width: float) -> Floats:
    """(S, S), 0..1: how far a matte of the network's ``mask`` (S, S) can be trusted inside the face's outline.

    It falls where it is not clear whether something stands before the face, and where the mask and what is left of the
    outline without what is ``covered`` (S, S) disagree. The rest as ``occlusion``.
    """
    face = hull(points, mask.shape[0], 0.04 * width)
    unsure = 4 * covered * (1 - covered)
    differing = np.abs(np.clip(mask, 0, 1) - face * (1 - covered))
    return np.asarray(np.maximum(face, mask) * (1 - unsure) * (1 - differing), np.float32)


def _strangeness(lab: _Doubles, plain: _Doubles) -> _Doubles:
    """(S, S): how far a place's chroma is, in deviations, from all that eyes, brows, lips and teeth are: skin, greyer
    than skin, and redder.
    """
    seen, own = lab[..., 1:], plain[..., 1:]
    kept = np.clip((seen * own).sum(axis=-1) / np.maximum((own**2).sum(axis=-1), 1.0), 0, _MOST_KEPT)[..., None]
    left = seen - kept * own
    left[..., 0] -= np.clip(left[..., 0], 0, _REDDER)
    return np.asarray(np.hypot(left[..., 0], left[..., 1]) / _FEATURE_SPREAD)


def _strands(crop: Floats, model: SkinModel, points: _Doubles, width: float) -> Floats:
    """(S, S), 0..1: long and thin things before the skin; lids, brows and lips are thin by themselves."""
    side = crop.shape[0]
    smooth = cv2.cvtColor(cv2.GaussianBlur(crop, (0, 0), _FINE), cv2.COLOR_RGB2Lab)
    away = model.away(smooth.astype(np.float64)).astype(np.float32)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, round(_THIN * width)) + 1,) * 2)
    thin = away - cv2.morphologyEx(away, cv2.MORPH_OPEN, disc)
    share = np.clip((thin - _THIN_FROM) / (_THIN_TO - _THIN_FROM), 0, 1)
    share = share * (1 - features(points, side)) * hull(points, side, 0.03 * width)
    joined = cv2.morphologyEx((share > 0.3).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(joined)
    length = np.hypot(boxes[:, cv2.CC_STAT_WIDTH], boxes[:, cv2.CC_STAT_HEIGHT]) / width
    long = np.clip((length - _LONG) / (_LONGER - _LONG), 0, 1)
    long[0] = 0  # the background
    return np.asarray(share * long[labels], np.float32)


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
