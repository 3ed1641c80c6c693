"""What an artist waits for: a matte or look control on a cached frame, a scrub, another prepared identity.

Run as a process of its own: ``python -m mobilefaceswap.demo.bench.interactive CLIP IDENTITY ROUNDS``.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .marks import Mark, spread
from .process import measured

__all__ = ["latencies"]

_PER_ROUND = 8


def latencies(clip: Path, identity: Path, rounds: int) -> tuple[list[Mark], dict[str, object]]:
    """Marks, and further figures in milliseconds."""
    module = [sys.executable, "-m", "mobilefaceswap.demo.bench.interactive", str(clip), str(identity), str(rounds)]
    told = json.loads(measured(module).output)
    found = {name: spread(values) for name, values in told.items()}
    marks = [
        Mark("matte control on a cached 1080p frame", found["matte"], 10, "ms"),
        Mark("look control on a cached 1080p frame", found["look"], 10, "ms"),
        Mark("prepared identity, loaded", found["identity"], 60, "ms"),
    ]
    return marks, {name: value.__dict__ for name, value in found.items()}


def _measure(place: Path, identity: Path, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every repetition."""
    from ...cache.memory import keep_freed_memory
    from ...identity import Identity
    from ...media import open_clip
    from ...node import FaceSwapNode

    keep_freed_memory()  # as the engine of a host does
    found: dict[str, list[float]] = {}
    with open_clip(place) as clip:
        node = FaceSwapNode(Identity.load(identity), clip)
        middle = (clip.first + clip.last) // 2
        plate = clip.frame(middle)
        _ = plate.pixels, node.render(middle, plate=plate).composite
        count = rounds * _PER_ROUND

        def tweak(name: str, value: float) -> Callable[[], object]:
            settings = node.settings.replaced(**{name: value})
            return lambda: node.render(middle, settings, plate).composite

        found["matte"] = [_milliseconds(tweak("matte_expand", 8 * step / count - 4)) for step in range(count)]
        found["look"] = [_milliseconds(tweak("colour_match", (step + 1) / (count + 1))) for step in range(count)]
        found["scrub to a new frame"] = [
            _milliseconds(lambda time=time: node.render(time).composite)  # type: ignore[misc]
            for time in range(clip.last, max(clip.first, clip.last - count), -1)
        ]
        again = range(clip.last, max(clip.first, clip.last - 4), -1)
        found["scrub back to a frame"] = [
            _milliseconds(lambda time=time: node.render(time).composite)  # type: ignore[misc]
            for time in again
        ]
        found["identity"] = [_milliseconds(lambda: _load(identity)) for _ in range(count)]
    return found


def _load(identity: Path) -> object:
    """From the file to a network that can run, as after a restart of the program."""
    from ...cache import opened
    from ...identity import Identity
    from ...packs import find_pack
    from ...swap import open_network

    opened.forget("network")
    loaded = Identity.load(identity)
    return open_network(find_pack(), loaded.weights, loaded.content_hash)


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    measured_now = _measure(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    assert all(statistics.median(values) > 0 for values in measured_now.values())
    print(json.dumps(measured_now))
