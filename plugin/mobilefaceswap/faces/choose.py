"""Chooses which of the detected faces to swap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..frame import Floats
from .face import Face

__all__ = ["by_index", "cosine", "largest", "most_like", "nearest"]


def largest(faces: Sequence[Face]) -> tuple[Face, ...]:
    """The face with the largest box, if any."""
    return (max(faces, key=lambda face: face.area),) if faces else ()


def by_index(faces: Sequence[Face], index: int) -> tuple[Face, ...]:
    """The face at ``index``, counted from the left of the picture, if any."""
    ordered = sorted(faces, key=lambda face: face.middle[0])
    return tuple(ordered[index : index + 1])


def nearest(faces: Sequence[Face], x: float, y: float) -> tuple[Face, ...]:
    """The face whose box centre is nearest to (x, y), in plate pixels with a top-left origin, if any."""
    point = np.array([x, y])
    return (min(faces, key=lambda face: float(np.hypot(*(face.centre - point)))),) if faces else ()


def most_like(faces: Sequence[Face], likeness: Sequence[float], threshold: float) -> tuple[Face, ...]:
    """The face most like the reference, if its ``likeness`` (cosine, in the order of ``faces``) reaches ``threshold``.
    Otherwise none: other people are left alone.
    """
    if not faces:
        return ()
    best = int(np.argmax(likeness))
    return (faces[best],) if likeness[best] >= threshold else ()


def cosine(a: Floats, b: Floats) -> float:
    """Cosine of two embeddings of any length; 0 where one of them is zero."""
    norm = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(np.dot(a.ravel(), b.ravel())) / norm if norm > 0 else 0.0
