"""Layers of data for compositors: what the swap changed, where the crop lies, who is where."""

from __future__ import annotations

import numpy as np

from ..frame import Floats
from ..geometry import middle_of, transformed
from . import cryptomatte
from .over import Composition, composite

__all__ = ["crop_map", "difference", "people"]


def difference(drawn: Composition) -> Floats:
    """(H, W, 3): composite minus plate, in the plate's encoding and premultiplication; 0 where nothing changed.

    Where the plate is not finite it counts as black. With Matte to Alpha both are not premultiplied.
    """
    plate = np.nan_to_num(drawn.below.rgb, nan=0.0, posinf=0.0, neginf=0.0)
    changed = composite(drawn)[..., :3] - plate
    return np.where(drawn.matte[..., None] > 0, changed, np.float32(0))


def crop_map(drawn: Composition) -> Floats:
    """(H, W, 3) ST map: s and t, 0..1 from the lower left corner of the crop, and 1 where the crop lies, else 0.

    Nuke's STMap puts a picture of the crop back on the plate with it, and so does Blender's Map UV, which takes the
    third for opacity and cannot read layers of two channels. Nearer faces are on top.
    """
    picture = np.zeros((*drawn.plate.size[::-1], 3), np.float32)
    for layer in drawn.layers:
        side, box = layer.side, layer.touched
        rows, columns = np.mgrid[box.slices]
        at = transformed(
            middle_of(layer.matrices),
            np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64),
        )
        s, t = ((at + 0.5) / side).T.reshape(2, *rows.shape)
        inside = (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
        picture[box.slices][inside] = np.stack([s, 1 - t, np.ones_like(s)], axis=-1)[inside]
    return picture


def people(drawn: Composition) -> Floats:
    """(H, W, 4): who is where, as the first two ranks of a Cryptomatte; see ``cryptomatte``."""
    size = drawn.plate.size[::-1]
    shares: dict[str, Floats] = {}
    for layer in drawn.layers:
        box = layer.region.slices
        for share in shares.values():
            share[box] *= 1 - layer.matte
        shares.setdefault(layer.name, np.zeros(size, np.float32))[box] += layer.matte
    return cryptomatte.ranked(shares, size)
