"""Edge match: along the edge of its matte the face takes on the plate's colour, so that no seam shows where their light
differs.

As in seamless cloning (Pérez, Gangnet and Blake, SIGGRAPH 2003), what the two differ by at the edge is carried inwards
by a smooth membrane; here by one that fades, since the face keeps its own shading.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..frame import Floats
from ..settings import Settings
from .edge import smooth_step
from .operation import Swapped

__all__ = ["edge_match"]

_COARSER = 4
"""Pixels of the crop for one of the membrane, which is smooth."""
_INSIDE = 0.5
"""The matte's value at the edge."""
_RING, _REACH = 0.06, 0.25
"""How far inside the edge the difference is measured, and how far it is carried, in widths of the face."""
_SMOOTH = (0.25, 0.12, 0.06)
"""Deviations of the membrane, in widths of the face, coarse to fine: the finer counts where enough is known."""
_KNOWN = 0.02


def edge_match(face: Swapped, colour: Floats, settings: Settings) -> Floats:
    """``colour`` (S, S, 3), display-referred sRGB, moved towards the plate's along the edge of ``face.matte``, by
    ``settings.edge_match``. Measured in this frame alone. Where the plate ends there is no edge.
    """
    assert face.matte is not None
    side = face.matte.shape[0]
    small = max(8, side // _COARSER)
    width = face.template.face_width * small
    matte = np.asarray(cv2.resize(face.matte, (small, small), interpolation=cv2.INTER_AREA), np.float32)
    away = np.asarray(cv2.distanceTransform((matte > _INSIDE).astype(np.uint8), cv2.DIST_L2, 5), np.float32)
    ring = ((away > 0) & (away <= max(1.5, _RING * width))).astype(np.float32)
    if not ring.any():
        return colour
    apart = np.asarray(cv2.resize(face.under - colour, (small, small), interpolation=cv2.INTER_AREA), np.float32)
    faded = smooth_step(np.clip(1 - away / (_REACH * width), 0, 1))
    shift = _membrane(apart, ring, width) * faded[..., None]
    large = np.asarray(cv2.resize(shift, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.asarray(colour + np.float32(settings.edge_match) * large, np.float32)


def _membrane(values: Floats, weight: Floats, width: float) -> Floats:
    """``values`` (s, s, 3) where ``weight`` (s, s) is 1, carried smoothly to everywhere else."""
    known = np.dstack([values * weight[..., None], weight])
    carried: Floats = (known[..., :3].sum(axis=(0, 1)) / weight.sum()).astype(np.float32)
    for deviation in _SMOOTH:
        spread = cv2.GaussianBlur(known, (0, 0), max(deviation * width, 0.5), borderType=cv2.BORDER_REPLICATE)
        share = spread[..., 3:]
        carried = (spread[..., :3] + np.float32(_KNOWN) * carried) / (share + np.float32(_KNOWN))
    return np.asarray(carried, np.float32)
