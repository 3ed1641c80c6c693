"""A whole shot: decode, render and encode overlap, memory does not grow with the clip's length."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter

from .frame import Floats
from .media import Writer
from .node import FaceSwapNode, QualityRecord, RenderResult
from .settings import OutputMode, Settings

__all__ = ["ShotProgress", "ShotReport", "render_shot"]

_WORKERS = 2
_AHEAD = 2


@dataclass(frozen=True)
class ShotProgress:
    """After each frame: which, how many of how many, frames a second, seconds left."""

    time: int
    done: int
    total: int
    frames_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class ShotReport:
    """What was rendered. quality: by frame number; skipped: frames that a resumed output already had."""

    frames: int
    skipped: int
    seconds: float
    quality: Mapping[int, QualityRecord] = field(default_factory=dict)

    @property
    def frames_per_second(self) -> float:
        """Over the whole shot, encoding included."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


def render_shot(
    node: FaceSwapNode,
    output: Writer,
    span: tuple[int, int],
    *,
    matte: Writer | None = None,
    mode: OutputMode = OutputMode.COMPOSITE,
    settings: Settings | None = None,
    progress: Callable[[ShotProgress], None] | None = None,
    workers: int = _WORKERS,
) -> ShotReport:
    """Renders the frames of ``span`` (first, last), in order, into ``output`` and, if given, ``matte``.

    The caller closes the writers. The first error ends the shot; frames written before it stay. Raises as
    ``FaceSwapNode.render`` and ``Writer.write`` do.
    """
    first, last = span
    wanted = [time for time in range(first, last + 1) if not output.has(time)]
    start = perf_counter()
    quality: dict[int, QualityRecord] = {}
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[int, Future[RenderResult]]] = deque()
        upcoming = iter(wanted)
        try:
            for _ in range(workers + _AHEAD):
                _submit(pool, node, settings, upcoming, waiting)
            while waiting:
                time, future = waiting.popleft()
                result = future.result()
                _submit(pool, node, settings, upcoming, waiting)
                with node.stages.measure("encode"):
                    output.write(time, *_pictures(result, mode))
                    if matte is not None:
                        matte.write(time, result.matte)
                quality[time] = result.quality
                if progress is not None:
                    progress(_progress(time, len(quality), len(wanted), perf_counter() - start))
        except BaseException:
            for _, future in waiting:
                future.cancel()
            raise
    return ShotReport(len(wanted), last - first + 1 - len(wanted), perf_counter() - start, quality)


def _submit(
    pool: ThreadPoolExecutor,
    node: FaceSwapNode,
    settings: Settings | None,
    upcoming: object,
    waiting: deque[tuple[int, Future[RenderResult]]],
) -> None:
    time = next(upcoming, None)  # type: ignore[call-overload]
    if time is not None:
        waiting.append((time, pool.submit(node.render, time, settings)))


def _pictures(result: RenderResult, mode: OutputMode) -> tuple[Floats, Mapping[str, Floats]]:
    """The picture of ``mode`` and the layers that a format with several takes along."""
    return result.layer(mode), _Layers(result)


class _Layers(Mapping[str, "Floats"]):
    """Face and matte, made only for a format that stores them."""

    def __init__(self, result: RenderResult) -> None:
        self._result = result

    def __getitem__(self, name: str) -> Floats:
        return {"face": lambda: self._result.face, "matte": lambda: self._result.matte}[name]()

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(("face", "matte"))

    def __len__(self) -> int:
        return 2


def _progress(time: int, done: int, total: int, elapsed: float) -> ShotProgress:
    rate = done / elapsed if elapsed > 0 else 0.0
    return ShotProgress(time, done, total, rate, (total - done) / rate if rate > 0 else 0.0)
