"""What the tests of additions add: each in one piece, as a newcomer would write it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mobilefaceswap.faces import Face
from mobilefaceswap.frame import Floats, Frame
from mobilefaceswap.look import Composition, Swapped
from mobilefaceswap.packs import Pack
from mobilefaceswap.settings import Settings
from mobilefaceswap.swap import Portrait


def inverted_matte(drawn: Composition) -> Floats:
    """An output: what is left of the plate."""
    return 1 - drawn.matte


def tint(face: Swapped, colour: Floats, settings: Settings) -> Floats:
    """An operation of the look: red, and redder with time."""
    return colour + np.array([0.1 + 0.01 * face.time, 0, 0], np.float32)


class FixedDetector:
    """A detector that finds one face at the place written behind its name."""

    name = "fixed"

    def __init__(self, x: float, y: float) -> None:
        from drawn import TEMPLATE

        self.landmarks = TEMPLATE - 56 + (x, y)

    def find(self, plate: Frame, size: int, threshold: float) -> tuple[Face, ...]:
        low, high = self.landmarks.min(axis=0), self.landmarks.max(axis=0)
        return (Face(self.landmarks, (*low.tolist(), *(high - low).tolist()), 0.9),)


class NegativeNetwork:
    """A kind of network: the negative of what it sees, in a square, as bright as the identity's embedding says."""

    nbytes = 0
    runtime = "toy"

    def __init__(self, pack: Pack, weights: Mapping[str, Floats], device: str = "auto") -> None:
        self._level = float(weights["level"][0])

    @staticmethod
    def prepared(pack: Pack, encoded: Mapping[str, Floats], portrait: Portrait) -> dict[str, Floats]:
        return {"level": np.array([np.tanh(abs(encoded["embedding"]).mean())], np.float32)}

    def __call__(self, crops: Floats) -> tuple[Floats, Floats]:
        masks = np.zeros(crops.shape[:3], np.float32)
        masks[:, 16:-16, 16:-16] = 1
        return np.asarray(self._level * (1 - crops), np.float32), masks
