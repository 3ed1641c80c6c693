"""Renders a whole shot. Decoding, rendering and encoding overlap; memory does not grow with the clip's length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from time import perf_counter
from typing import Literal

from .errors import MediaError
from .frame import EMPTY_ALPHA, Floats, Part
from .media import Layers, Writer
from .node import FaceSwapNode, PeopleNode, QualityRecord, RenderResult
from .settings import OUTPUTS, Outside, Settings, output_of
from .threads import cores, in_order

__all__ = [
    "SHOT_CACHE_BYTES",
    "LayerChoice",
    "MattesAt",
    "Node",
    "ShotProgress",
    "ShotReport",
    "layers_of",
    "render_shot",
    "span_of",
    "tell_of_plate",
]

SHOT_CACHE_BYTES = 24 << 20
"""For one face. A shot renders every frame once: only what steadies the frames around it is worth keeping."""

MattesAt = Callable[[int], tuple[Floats | None, Floats | None]]
"""Gives the (inside, outside) mattes of a frame, (H, W) of the plate's size, None where there is none."""

Node = FaceSwapNode | PeopleNode

LayerChoice = Literal["none", "usual", "all"]
"""Layers of an EXR besides its picture: none, face and matte, or everything that is a layer."""
_Rendered = tuple[int, RenderResult, list[Part] | Floats]
"""Time, result, and the picture to write: its parts, with the plate around them; or all of it."""


_MOST_WORKERS = 8


@dataclass(frozen=True)
class ShotProgress:
    """Progress after each frame: which one, how many of how many, frames per second, seconds left."""

    time: int
    done: int
    total: int
    frames_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class ShotReport:
    """What was rendered. quality: by frame number. skipped: frames that a resumed output already had.

    stages: seconds per stage, summed over threads. runtime: what ran the network, with its version.
    """

    frames: int
    skipped: int
    seconds: float
    quality: Mapping[int, QualityRecord] = field(default_factory=dict)
    stages: Mapping[str, float] = field(default_factory=dict)
    runtime: str = ""

    @property
    def frames_per_second(self) -> float:
        """Over the whole shot, encoding included."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


def render_shot(
    node: Node,
    output: Writer,
    times: Sequence[int],
    *,
    matte: Writer | None = None,
    mattes: MattesAt | None = None,
    mode: str = "composite",
    settings: Settings | None = None,
    progress: Callable[[ShotProgress], None] | None = None,
    layers: LayerChoice = "usual",
    workers: int | None = None,
    kept: bool = True,
) -> ShotReport:
    """Renders the frames ``times``, in order, into ``output`` and, if given, ``matte``.

    workers: frames that are rendered at once; by default one for each processor core, and eight at most.
    mattes: the compositor's own, (inside, outside), as ``FaceSwapNode.render`` takes them. layers: which of the other
    outputs an EXR holds besides the picture. kept: whether what is written stays.
    The caller closes the writers. The first error ends the shot: every frame before it is written, and, if that is
    ``kept``, a MediaError says which frame it was and how to go on. Raises as ``FaceSwapNode.render`` and
    ``Writer.write`` do.
    """
    writers = [output] if matte is None else [output, matte]
    for writer in writers:
        writer.begin(times)
    wanted = [time for time in times if not all(writer.has(time) for writer in writers)]
    start = perf_counter()
    quality: dict[int, QualityRecord] = {}
    rendered = _rendered(
        node,
        wanted,
        mode,
        settings,
        mattes or (lambda time: (None, None)),
        with_matte=matte is not None,
        workers=workers or min(cores(), _MOST_WORKERS),
        kept=kept,
    )
    for time, result, picture in rendered:
        with node.stages.measure("encode"):
            if isinstance(picture, list):
                output.write_over(time, result.plate, picture, layers_of(result, layers, mode))
            else:
                output.write(time, picture, layers_of(result, layers, mode))
            if matte is not None:
                matte.write(time, result.matte)
        tell_of_plate(output, result)
        quality[time] = result.quality
        if progress is not None:
            progress(_progress(time, len(quality), len(wanted), perf_counter() - start))
    seconds, stages = perf_counter() - start, dict(node.stages.seconds)
    return ShotReport(len(wanted), len(times) - len(wanted), seconds, quality, stages, node.runtime)


def _rendered(
    node: Node,
    wanted: list[int],
    mode: str,
    settings: Settings | None,
    mattes: MattesAt,
    *,
    with_matte: bool,
    workers: int,
    kept: bool,
) -> Iterator[_Rendered]:
    """Results in order of time, at most ``workers`` + 2 in progress or waiting."""
    row = output_of((settings or node.settings).replaced(output_mode=mode))
    over_plate = row.outside is Outside.PLATE and not row.whole

    def render(time: int) -> _Rendered:
        inside, outside = mattes(time)
        result = node.render(time, settings, inside=inside, outside=outside)
        # The worker makes the pictures, so that the encoding thread does not wait for them.
        if with_matte:
            _ = result.matte
        if over_plate:
            return time, result, result.changed_parts(mode)
        return time, result, result.layer(mode)

    for time, result in in_order(render, wanted, workers):
        try:
            yield result()
        except MediaError as error:
            if not kept:
                raise
            raise MediaError(f"{error}. {_way_on(time, wanted)}") from error


def _way_on(time: int, wanted: list[int]) -> str:
    """What was written before frame ``time`` failed, and how to go on."""
    place = wanted.index(time)
    before, after = wanted[:place], wanted[place + 1 :]
    done = f"Frames {before[0]} to {before[-1]} are written" if before else "No frame was written"
    rest = f"; go on behind it with --range {span_of(after)}" if after else ""
    return f"Stopped at frame {time}. {done}{rest}"


def tell_of_plate(output: Writer, result: RenderResult) -> None:
    """Notes with ``output``, which has written it, what of the plate was not believed."""
    if result.plate.taken_as_opaque and result.faces:
        output.note_once("empty alpha", EMPTY_ALPHA)


def span_of(times: Sequence[int]) -> str:
    """A range as the command line takes it, ``10-20`` or ``10-20x2``, that has all of ``times``, in order, in it."""
    steps = {after - before for before, after in pairwise(times)}
    step = f"x{steps.pop()}" if len(steps) == 1 and steps != {1} else ""
    return f"{times[0]}-{times[-1]}{step}"


def layers_of(result: RenderResult, choice: LayerChoice, mode: str) -> Layers:
    """The layers of a frame, besides the output ``mode`` that is its picture: made only if the format stores them."""
    header = result.header if choice == "all" else {}
    return Layers(_Pictures(result, _names_of(choice, mode)), header, result.premultiplied)


def _names_of(choice: LayerChoice, mode: str) -> tuple[str, ...]:
    """The outputs that are stored as layers besides ``mode``, which is one, too, where its channels have names."""
    if choice == "none":
        return ()
    rows = ((name, row) for name, row in OUTPUTS.items() if row.layer)
    return tuple(name for name, row in rows if row.usual or (choice == "all" and not (name == mode and row.picture)))


class _Pictures(Mapping[str, Floats]):
    """Outputs of a frame by name, each made when it is asked for."""

    def __init__(self, result: RenderResult, names: tuple[str, ...]) -> None:
        self._result, self._names = result, names

    def __getitem__(self, name: str) -> Floats:
        return self._result.layer(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _progress(time: int, done: int, total: int, elapsed: float) -> ShotProgress:
    rate = done / elapsed if elapsed > 0 else 0.0
    return ShotProgress(time, done, total, rate, (total - done) / rate if rate > 0 else 0.0)
