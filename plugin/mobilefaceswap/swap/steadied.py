"""A swapped face steadied by those of the frames around it: averaged along the plate's own motion.

What is averaged is what the network changes, so that the plate's grain and all that moves in it stay as they are. A
frame counts less wherever the plate, carried along its motion, looks otherwise there: where an eye closes, or a hand
comes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from ..cache import Arrays
from ..colour import luma_of
from ..frame import Floats

__all__ = ["carried_on", "flow_between", "steadied", "turned_back"]

_OTHERWISE = 0.01
"""By how much of white the plate's luma, over `_AREA` pixels, may differ for a frame to count by 1 / e."""
_AREA = 3
_FINEST, _STRIDE, _STEPS, _REFINED = 1, 4, 12, 1
_TURNS = 3
"""Rounds of a fixed point: of a zoom by 6 % and a turn by 3 degrees it is then within 0.02 pixels."""


def flow_between(crop: Floats, other: Floats, side: int) -> Floats:
    """(side, side, 2): how far each pixel of a crop moves, to the right and down, on the way to another crop.

    crop, other: (S, S, 3), display-referred sRGB, 0..1, S a multiple of ``side``. By dense inverse search (Kroeger,
    Timofte, Dai and Van Gool, ECCV 2016).
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(_FINEST)
    search.setPatchStride(_STRIDE)
    search.setGradientDescentIterations(_STEPS)
    search.setVariationalRefinementIterations(_REFINED)
    return np.asarray(search.calc(_seen(crop, side), _seen(other, side), np.zeros((side, side, 2), np.float32)))


def _seen(crop: Floats, side: int) -> npt.NDArray[np.uint8]:
    light = luma_of(crop)
    small = light if len(light) == side else cv2.resize(light, (side, side), interpolation=cv2.INTER_AREA)
    return np.clip(255 * small + 0.5, 0, 255).astype(np.uint8)


def carried_on(flow: Floats, further: Floats) -> Floats:
    """The motion ``flow`` from one crop to a second, and ``further`` from there to a third, as one."""
    return flow + _carried(further, flow)


def turned_back(flow: Floats) -> Floats:
    """The motion from the second crop to the first, from the ``flow`` to the second: a quarter of the cost of a search.

    The motion back from a place is the opposite of the motion to it: a fixed point (Chen, Lu, Chen and Ruchala,
    "A simple fixed-point approach to invert a deformation field", Medical Physics, 2008).
    """
    back = -flow
    for _ in range(_TURNS):
        back = -_carried(flow, back)
    return back


def steadied(own: Arrays, around: Sequence[tuple[Arrays, Floats]]) -> Arrays:
    """``colour`` and ``mask`` of a swap, averaged with those ``around`` it; a crop that is repeated adds nothing.

    own, and the first of each pair: ``crop`` and ``colour`` (S, S, 3) and ``mask`` (S, S), display-referred sRGB,
    0..1. The second of each pair: `flow_between` the own crop and that one.
    """
    crop, light = own["crop"], luma_of(own["crop"])
    around = [(other, flow) for other, flow in around if not np.array_equal(other["crop"], crop)]
    if not around:
        return {"colour": own["colour"], "mask": own["mask"]}
    total, weights = _drawn(own), np.ones(light.shape, np.float32)
    for other, flow in around:
        flow = _enlarged(flow, len(crop))
        off = _carried(luma_of(other["crop"]), flow) - light
        area = _AREA * len(crop) // len(flow) | 1
        weight = np.exp(-np.square(cv2.blur(off, (area, area)) / _OTHERWISE))
        total += weight[..., None] * _carried(_drawn(other), flow)
        weights += weight
    total /= weights[..., None]
    return {"colour": np.clip(crop + total[..., :3], 0, 1), "mask": np.clip(total[..., 3], 0, 1)}


def _drawn(swap: Arrays) -> Floats:
    """(S, S, 4): what the network changes in the crop, and its mask."""
    return np.asarray(cv2.merge([cv2.subtract(swap["colour"], swap["crop"]), swap["mask"]]))


def _enlarged(flow: Floats, side: int) -> Floats:
    if len(flow) == side:
        return flow
    return np.asarray(cv2.resize(flow, (side, side), interpolation=cv2.INTER_LINEAR) * np.float32(side / len(flow)))


def _carried(picture: Floats, flow: Floats) -> Floats:
    """What ``flow`` leads to in ``picture``; beyond its edge the edge itself."""
    rows, columns = _grid(len(flow))
    to = columns + flow[..., 0], rows + flow[..., 1]
    return np.asarray(cv2.remap(picture, *to, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


@cache
def _grid(side: int) -> tuple[Floats, Floats]:
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    return rows, columns
