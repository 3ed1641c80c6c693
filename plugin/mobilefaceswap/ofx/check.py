"""``ofx check``: loads the installed bundle as a host does and renders a frame."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import EngineError
from ..frame import ColourSpace, Floats, Frame
from ..node import FaceSwapNode
from ..settings import Settings
from .host import Host
from .install import binary_of

__all__ = ["check", "drawn_plate"]


def drawn_plate() -> Floats:
    """(180, 320, 4): a smooth texture, values outside 0..1 included."""
    y, x = np.mgrid[:180, :320].astype(np.float32)
    wave = 0.5 + 0.7 * np.sin(x / 23) * np.cos(y / 19)
    return np.ascontiguousarray(np.dstack([wave, wave[::-1], 1 - wave, np.ones_like(wave)]), np.float32)


def check(bundle: Path, source: Path | None = None, plate: Floats | None = None) -> Iterator[str]:
    """Yields one line for each check that passes. Raises EngineError at the first that fails.

    source: a picture of a person or an identity; without it only loading and the engine's start are checked. plate:
    float32 (H, W, 4), Rec.709; None for a drawn one without a face.
    """
    binary = binary_of(bundle)
    yield f"bundle: {bundle}"
    host = Host(binary)
    effects = host.effects()
    for effect in effects:
        yield f"effect: {effect.identifier}, {len(effect.parameters)} parameters"
    pixels = drawn_plate() if plate is None else plate
    node = effects[0].create(source="" if source is None else str(source))
    started = time.perf_counter()
    status, output = node.render(pixels)
    seconds = time.perf_counter() - started
    if source is None:
        # The engine must have been reached, and must have asked for a source.
        if "expected a source" not in node.persistent:
            raise EngineError(node.persistent or f"expected the engine to answer; the render ended with {status}")
        yield f"engine: started and answered in {seconds:.1f} s (give a --source to render a frame)"
        return
    if status != 0:
        raise EngineError(node.persistent or f"expected a frame; the render ended with status {status}")
    yield f"engine: first frame in {seconds:.1f} s"
    expected = FaceSwapNode(source, settings=Settings()).render(0, plate=Frame(pixels, ColourSpace.REC709)).composite
    if not np.array_equal(output, expected, equal_nan=True):
        raise EngineError(
            f"expected the pixels of the Python node; {np.mean(output != expected):.2%} differ. "
            "Run `mobilefaceswap ofx install`, so that bundle and engine are of one version"
        )
    yield "pixels: equal to the Python node's, bit for bit"
