"""Renders for keeps: an engine that dies is waited for, a slow one is left alone, memory stays small."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from test_faults import engines

from bundles import is_failure_picture, own_copy, python_with, rendered
from mobilefaceswap.ofx.host import Effect, Host
from mobilefaceswap.ofx.install import binary_of

BATCH = {"OfxImageEffectPropSequentialRenderStatus": [1], "OfxImageEffectPropInteractiveRenderStatus": [0]}
IS_BACKGROUND = "OfxImageEffectHostPropIsBackground"
# An engine that dies a few times before it starts, as one does that the system kills for memory.
DYING = """
import os, sys
from pathlib import Path
count = Path({count!r})
left = int(count.read_text())
if "mobilefaceswap.engine" in " ".join(sys.orig_argv) and left > 0:
    count.write_text(str(left - 1))
    os._exit(9)
"""
SLOW = """
import sys, threading
if "mobilefaceswap.engine" in " ".join(sys.orig_argv):
    from mobilefaceswap.node import node
    render = node.FaceSwapNode.render

    def slowly(self, *given, **named):
        threading.Event().wait({seconds})
        return render(self, *given, **named)

    node.FaceSwapNode.render = slowly
"""


def host_with(bundle: Path, folder: Path, **told: list[int]) -> Effect:
    return Host(binary_of(own_copy(bundle, folder)), properties=told).effects()[0]


def kill_engines(others: set[int]) -> None:
    """All but ``others``."""
    for engine in set(engines(os.getpid())) - others:
        os.kill(engine, signal.SIGKILL)


@pytest.fixture
def dying(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The number of engines that will die before one lives stands in this file."""
    count = tmp_path / "count"
    (tmp_path / "sitecustomize.py").write_text(DYING.format(count=str(count)))
    environment.setenv("MOBILEFACESWAP_PYTHON", python_with(tmp_path))
    return count


@pytest.mark.parametrize("background", [True, False], ids=["a background host", "a sequential render"])
def test_a_batch_outlives_three_engines(bundle, dying: Path, identity, expected, plate, tmp_path, background) -> None:
    dying.write_text("0")
    swap = host_with(bundle, tmp_path, **({IS_BACKGROUND: [1]} if background else {}))
    node, before = swap.create(source=str(identity)), set(engines(os.getpid()))
    # One that has never answered would not be waited for.
    node.render(plate)
    dying.write_text("3")
    kill_engines(before)
    status, output = node.render(plate, more={} if background else BATCH)
    assert (status, node.persistent) == (0, "")
    np.testing.assert_array_equal(output, expected(plate).composite)
    swap.unload()


@pytest.mark.parametrize("name", ["fr.inria.Natron", "MLT"])
def test_a_batch_does_not_wait_for_an_engine_that_never_answered(
    bundle, dying: Path, identity, plate, tmp_path: Path, name: str
) -> None:
    dying.write_text("9")
    swap = Host(binary_of(own_copy(bundle, tmp_path)), name, properties={IS_BACKGROUND: [1]}).effects()[0]
    node = swap.create(source=str(identity))
    assert node.render(plate, more=BATCH)[0] == 1
    assert dying.read_text() == "7", "two engines were tried"
    swap.unload()


def test_a_host_that_always_speaks_of_a_batch_is_told_at_once(
    bundle, dying: Path, identity, plate, tmp_path: Path
) -> None:
    dying.write_text("0")
    swap = Host(binary_of(own_copy(bundle, tmp_path)), "MLT", properties={IS_BACKGROUND: [1]}).effects()[0]
    node, before = swap.create(source=str(identity)), set(engines(os.getpid()))
    assert node.render(plate, more=BATCH)[0] == 0
    dying.write_text("9")
    kill_engines(before)
    assert node.render(plate, more=BATCH)[0] == 1
    assert dying.read_text() in ("7", "8"), "the one that was killed counts as the first"
    swap.unload()


def test_somebody_who_looks_on_is_told_at_once(bundle, dying: Path, identity, plate, tmp_path: Path) -> None:
    dying.write_text("3")
    swap = host_with(bundle, tmp_path)
    node = swap.create(source=str(identity))
    status, output = node.render(plate)
    assert status == 1
    assert is_failure_picture(output)
    assert dying.read_text() == "1", "two engines were tried"
    swap.unload()


def test_four_kills_in_a_batch_leave_every_frame_right(effects, identity, expected, plate) -> None:
    node = effects[0].create(source=str(identity))
    wanted = [expected(np.ascontiguousarray(np.roll(plate, shift, axis=1))).composite for shift in range(8)]
    before = set(engines(os.getpid()))
    for shift, want in enumerate(wanted):
        status, output = node.render(np.ascontiguousarray(np.roll(plate, shift, axis=1)), time=shift, more=BATCH)
        assert (status, node.persistent) == (0, "")
        np.testing.assert_array_equal(output, want)
        if shift % 2:
            kill_engines(before)


def test_a_slow_frame_is_no_dead_engine(bundle, environment, identity, expected, plate, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW.format(seconds=6))
    environment.setenv("MOBILEFACESWAP_PYTHON", python_with(tmp_path))
    before = set(engines(os.getpid()))
    swap = host_with(bundle, tmp_path)
    # The engine's start is not what is looked at.
    swap.create().press("clear_cache")
    environment.setenv("MOBILEFACESWAP_TIMEOUT", "4")
    # The third of them waits for a lane, which is not its own time either.
    results: list[bool] = []

    def render() -> None:
        status, output = swap.create(source=str(identity)).render(plate)
        results.append(status == 0 and np.array_equal(output, wanted))

    wanted = expected(plate).composite
    threads = [threading.Thread(target=render) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 3
    assert len(set(engines(os.getpid())) - before) == 1, "the engine was started once"
    swap.unload()


def test_an_interpreter_without_the_package_gets_advice_that_helps(bundle, environment, plate, tmp_path: Path) -> None:
    place = tmp_path / "bare"
    place.write_text('#!/bin/sh\nshift\nexec /usr/bin/env python3 -I -S "$@"\n')
    place.chmod(0o755)
    environment.setenv("MOBILEFACESWAP_PYTHON", str(place))
    swap = host_with(bundle, tmp_path)
    node = swap.create()
    assert node.render(plate)[0] == 1
    assert "No module named" in node.persistent
    assert "Install the package for that interpreter" in node.persistent
    assert "doctor" not in node.persistent
    swap.unload()


def test_both_effects_share_the_engine_and_its_frames(effects, identity, plate) -> None:
    before = set(engines(os.getpid()))
    rendered(effects[0].create(source=str(identity)), plate)
    rendered(effects[1].create(source=str(identity)), plate)
    assert len(set(engines(os.getpid())) - before) == 1


def resident(process: int | str) -> int:
    """Bytes of a process that lie in memory."""
    status = Path(f"/proc/{process}/status").read_text()
    return 1024 * int(status.split("VmRSS:")[1].split()[0])


@pytest.mark.parametrize("row", [*range(100, 117), 255])
def test_a_plate_that_differs_in_one_pixel_is_another(effects, identity, expected, plate, row: int) -> None:
    node = effects[0].create(source=str(identity))
    node.render(plate)
    changed = plate.copy()
    changed[row, 140, :3] += 0.5
    for pixels in (changed, plate):
        status, output = node.render(pixels)
        assert status == 0
        np.testing.assert_array_equal(output, expected(pixels).composite)


@pytest.mark.slow
def test_nine_hundred_frames_cost_no_more_memory_than_six_hundred(
    bundle, environment: pytest.MonkeyPatch, identity, plate, tmp_path: Path
) -> None:
    # The stores of the engine and its threads' heaps are full before frame 600: what grows afterwards is not theirs.
    environment.setenv("MOBILEFACESWAP_MEMORY", "96")
    before = set(engines(os.getpid()))
    swap = host_with(bundle, tmp_path)
    node = swap.create(source=str(identity))
    sizes = {}
    for number in range(900):
        frame = np.ascontiguousarray(np.roll(plate, number % 251, axis=1) * np.float32(1 - number / 5000))
        assert node.render(frame, time=number, more=BATCH)[0] == 0
        if number in (599, 899):
            (engine,) = set(engines(os.getpid())) - before
            sizes[number] = (resident("self"), resident(engine))
    growth = [late / early for early, late in zip(sizes[599], sizes[899], strict=True)]
    print(f"host and engine at frame 900 against frame 600: {growth}")
    assert max(growth) < 1.01
    swap.unload()
