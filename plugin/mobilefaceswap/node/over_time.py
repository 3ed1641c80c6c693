"""Swaps steadied by those of the frames around them: which faces those are, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

from ..cache import Arrays
from ..errors import MediaError
from ..faces import Face, Timeline, Track, same
from ..frame import Floats
from ..settings import Settings
from ..swap import carried_on, flow_between, steadied, turned_back
from . import keys
from .road import (
    Kit,
    Look,
    Plate,
    Search,
    Target,
    chosen,
    cropped,
    cut_of,
    faces_at,
    run,
    searched,
    swap_key_of,
)

__all__ = ["Around", "Moments", "cut_ahead", "moments_around", "steadied_over_time"]


class Around(Protocol):
    """The frames around the one that is rendered; None for those that there are not."""

    def look(self, time: int) -> Look | None:
        """What is found in a frame."""
        ...

    def plate(self, time: int) -> Plate | None:
        """The frame itself; read only when its pixels are needed."""
        ...


@dataclass(frozen=True, eq=False)
class Moments:
    """What of the frames around a plate its swaps are steadied by, each looked at once however many faces there are.

    plate: None for a frame that there is not. wanted: the faces that are swapped in a plate, followed and chosen as in
    its own render; none where the track lacks it. begins: as `Timeline` has it.
    """

    plate: Callable[[int], Plate | None]
    wanted: Callable[[int], tuple[Face, ...]]
    begins: Callable[[int], bool]


def moments_around(
    kit: Search, plate: Plate, settings: Settings, timeline: Timeline, around: Around, track: Track | None
) -> Moments:
    """Those around ``plate``, whose size and pixel aspect they all have; ``plate`` itself among them."""

    @cache
    def there(time: int) -> Plate | None:
        if time == plate.time:
            return plate
        other = around.plate(time)
        return None if other is None else replace(other, like=plate)

    @cache
    def wanted(time: int) -> tuple[Face, ...]:
        shown = there(time)
        if shown is None or (track is not None and time not in track.frames):
            return ()
        return chosen(kit, shown, faces_at(timeline, time, track, settings), track, settings)[0]

    return Moments(there, wanted, timeline.begins)


_Later = tuple[str, Callable[[], Arrays]]


def steadied_over_time(
    kit: Kit, plate: Plate, settings: Settings, moments: Moments, target: Target, swap: Arrays
) -> tuple[Target, Arrays]:
    """``target`` and its ``swap``, averaged with what is drawn of the same face up to ``deflicker`` frames away."""
    walks = {way: list(_walk(kit, plate.time, settings, moments, target.face, way)) for way in (-1, 1)}
    if not any(walks.values()):
        return target, swap

    def compute() -> Arrays:
        around: list[tuple[Arrays, Floats]] = []
        for direction, walk in walks.items():
            around.extend(_moved(kit, (target.key, swap), walk, direction))
        return steadied(swap, around)

    key = keys.steady_key(target.key, [[key for key, _ in walk] for walk in walks.values()])
    return replace(target, key=key), kit.cache.get_passing("steadied", key, compute)


def cut_ahead(kit: Search, plate: Plate, settings: Settings, around: Around, track: Track | None) -> None:
    """Cuts out the faces of ``plate`` that are swapped there, so that others can be steadied by it without its pixels.

    around: knows the faces of ``plate``, too. Raises as `chosen` does.
    """
    frame = plate.frame
    timeline = searched(around.look) if track is None else track.timeline(frame.size, frame.display)
    moments = moments_around(kit, plate, settings, timeline, around, track)
    for face in moments.wanted(plate.time):
        cropped(kit, plate, settings, cut_of(kit, plate, settings, face))


def _walk(kit: Kit, start: int, settings: Settings, moments: Moments, face: Face, direction: int) -> Iterator[_Later]:
    """The swaps of ``face`` in the frames after ``start``, or before it, for as long as it is swapped there, too."""
    for step in range(1, settings.deflicker + 1):
        time = start + direction * step
        if moments.begins(time if direction > 0 else time + 1):
            return
        there, found = moments.plate(time), same(face, moments.wanted(time))
        if there is None or found is None:
            return
        face = found
        yield _swapped_later(kit, there, settings, face)


def _swapped_later(kit: Kit, plate: Plate, settings: Settings, face: Face) -> _Later:
    """The key of the swap of a face in ``plate``, and what gets it: pixels are read only where it is not known."""
    cut = cut_of(kit, plate, settings, face)
    key = swap_key_of(kit, cut, settings)

    def compute() -> Arrays:
        return run(kit, [cropped(kit, plate, settings, cut)["crop"]])[0]

    return key, lambda: kit.cache.get("swap", key, compute)


def _moved(kit: Kit, own: tuple[str, Arrays], walk: list[_Later], direction: int) -> Iterator[tuple[Arrays, Floats]]:
    """Each swap of a walk with the motion to it from where the walk begins, frame by frame."""
    flow: Floats | None = None
    key, before = own
    for other, get in walk:
        try:
            arrays = get()
        except MediaError:
            # A neighbour that is missing or damaged stops its own render, not this one.
            return
        further = _step(kit, (key, before), (other, arrays), direction)
        flow = further if flow is None else carried_on(flow, further)
        key, before = other, arrays
        yield arrays, flow


def _step(kit: Kit, first: tuple[str, Arrays], second: tuple[str, Arrays], direction: int) -> Floats:
    """The motion between the crops of two frames in a row; kept, since the frames around share it.

    It is searched for forwards alone, so that it is the same whichever of the two is rendered first.
    """
    (earlier, before), (later, after) = (first, second)[::direction]

    def search() -> Arrays:
        return {"flow": flow_between(before["crop"], after["crop"], kit.pack.crop.size)}

    def forwards() -> Floats:
        return kit.cache.get_passing("step", keys.step_key(earlier, later, 1), search)["flow"]

    if direction > 0:
        return forwards()
    key = keys.step_key(earlier, later, direction)
    return kit.cache.get_passing("step", key, lambda: {"flow": turned_back(forwards())})["flow"]
