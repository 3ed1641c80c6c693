"""Nodes behind one another in hosts that hand out other frames, which they render through the nodes before."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from test_faults import engines
from test_temporal import LAST, Shot

from bundles import own_copy
from mobilefaceswap.faces import Track
from mobilefaceswap.ofx.host import Effect, Host, Instance
from mobilefaceswap.ofx.install import binary_of

PATIENCE = 120
"""Seconds until something is taken to hang: many times what it takes."""


class Chain:
    """Two nodes: what the second one sees at any frame is rendered by the first, on a thread of its own."""

    def __init__(self, swap: Effect, identity: Path) -> None:
        self.shot = Shot()
        self.first, self.second = (swap.create(source=str(identity)) for _ in range(2))
        self.first.footage, self.second.footage = self.shot.footage, self.rendered_before
        for node in (self.first, self.second):
            node.frames = node.bounds = (0.0, float(LAST))

    def rendered_before(self, time: float) -> np.ndarray | None:
        pixels = self.shot.footage(time)
        made: list[np.ndarray] = []
        thread = threading.Thread(target=lambda: made.append(self.first.render(pixels, time)[1]))
        thread.start()
        thread.join()
        return made[0]

    def render(self, time: int) -> np.ndarray:
        status, output = self.second.render(self.rendered_before(time), time)
        assert status == 0
        return output

    def finishes(self, *tasks: Callable[[], object]) -> bool:
        """Whether all of them end, each on a thread of its own. Those that hang are given up."""
        threads = [threading.Thread(target=task) for task in tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        ended = not any(thread.is_alive() for thread in threads)
        self.first.abort = self.second.abort = not ended
        for thread in threads:
            thread.join()
        return ended


@pytest.fixture
def swap(bundle: Path, environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Effect]:
    environment.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    effects = Host(binary_of(own_copy(bundle, tmp_path)), name="fr.inria.Natron").effects()
    yield effects[0]
    assert [effect.unload() for effect in effects] == [0, 0]


def test_two_nodes_on_two_render_threads_finish(swap: Effect, identity: Path) -> None:
    chain, outputs = Chain(swap, identity), dict[int, np.ndarray]()
    assert chain.finishes(*(lambda time=time: outputs.update({time: chain.render(time)}) for time in (3, 7)))
    for time, output in outputs.items():
        np.testing.assert_array_equal(output, chain.render(time))
    assert (chain.first.held, chain.second.held) == (0, 0)
    assert (chain.first.persistent, chain.second.persistent) == ("", "")


def test_a_range_is_analysed_while_the_viewer_renders(swap: Effect, identity: Path) -> None:
    chain = Chain(swap, identity)
    assert chain.finishes(lambda: chain.second.press("analyse_range"), lambda: [chain.render(time) for time in (3, 7)])
    assert chain.second.persistent == ""
    assert sorted(Track.load(chain.second.values["track_file"]).frames) == list(range(LAST + 1))


Footage = Callable[[float], np.ndarray | None]


def killing_at(moment: float, footage: Footage, others: set[int], *, asked: int = 1) -> Footage:
    """Footage that costs the engine its life when ``moment`` is ``asked`` for so often. others: spared processes."""
    seen: list[float] = []

    def shown(time: float) -> np.ndarray | None:
        seen.append(time)
        if time == moment and seen.count(moment) == asked:
            for engine in set(engines(os.getpid())) - others:
                os.kill(engine, signal.SIGKILL)
        return footage(time)

    return shown


def single(swap: Effect, identity: Path) -> Instance:
    node = swap.create(source=str(identity))
    node.frames = node.bounds = (0.0, float(LAST))
    return node


def test_an_engine_killed_inside_a_range_loses_no_frame(swap: Effect, identity: Path) -> None:
    node, shot = single(swap, identity), Shot()
    node.footage = killing_at(6.0, shot.footage, set(engines(os.getpid())))
    assert node.press("analyse_range") == 0
    assert (node.persistent, shot.asked.count(0.0)) == ("", 2)
    assert sorted(Track.load(node.values["track_file"]).frames) == list(range(LAST + 1))


def test_an_engine_killed_while_it_looks_around_costs_no_frame(swap: Effect, identity: Path) -> None:
    """What it had cut out of the frames around went with it."""
    others, node, shot = set(engines(os.getpid())), single(swap, identity), Shot()
    outputs = []
    for footage in (shot.footage, killing_at(7.0, shot.footage, others, asked=2)):
        node.footage = footage
        node.press("clear_cache")
        status, output = node.render(shot.pixels[8], 8)
        assert (status, node.persistent) == (0, "")
        outputs.append(output)
    assert shot.asked.count(7.0) > 3
    np.testing.assert_array_equal(*outputs)
