"""Order does not matter: the pack that ships on a real moving face, both caches disabled, bit-identical float frames.

Within one process (forward, reverse, random, four threads, batches of one and of four), in two processes at once, and
the check itself against planted faults.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mobilefaceswap import FaceSwapNode, Settings
from mobilefaceswap.cache import RenderCache
from mobilefaceswap.demo.samples import AstronautClip, grace_hopper
from mobilefaceswap.faces import Face
from mobilefaceswap.faces.yunet import YuNetDetector
from mobilefaceswap.frame import Frame
from mobilefaceswap.look import matte

TIMES = list(range(6))
LOST = 3
SETTINGS = Settings(smoothing=1)


class LosingClip(AstronautClip):
    """The moving astronaut, gone in one frame: what is kept of an empty frame must not stand for others."""

    def __init__(self) -> None:
        super().__init__((480, 270), frames=10)  # its path of nine frames crosses itself between them

    def frame(self, time: int) -> Frame:
        found = super().frame(time)
        return found.with_pixels(np.full_like(found.pixels, 0.2)) if time == LOST else found


def bare() -> FaceSwapNode:
    """A node that keeps nothing between frames."""
    cache = RenderCache(memory=0)
    assert not cache.enabled
    return FaceSwapNode(grace_hopper(), LosingClip(), cache=cache, settings=SETTINGS)


def digest(result) -> str:
    """Of every float of composite, face layer and matte."""
    parts = (result.composite, result.face, result.matte)
    assert all(part.dtype == np.float32 for part in parts)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def one_by_one(node: FaceSwapNode, times: list[int]) -> dict[int, str]:
    return {time: digest(node.render(time)) for time in times}


def in_threads(node: FaceSwapNode) -> dict[int, str]:
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(TIMES, map(digest, pool.map(node.render, TIMES)), strict=True))


def in_batches(node: FaceSwapNode, size: int) -> dict[int, str]:
    results = [
        result for start in range(0, len(TIMES), size) for result in node.render_batch(TIMES[start : start + size])
    ]
    return dict(zip(TIMES, map(digest, results), strict=True))


ORDERS: dict[str, Callable[[FaceSwapNode], dict[int, str]]] = {
    "reverse": lambda node: one_by_one(node, TIMES[::-1]),
    "random": lambda node: one_by_one(node, random.Random(5).sample(TIMES, len(TIMES))),
    "four threads": in_threads,
    "batches of one": lambda node: in_batches(node, 1),
    "batches of four": lambda node: in_batches(node, 4),
}


@pytest.fixture(scope="module")
def forward() -> dict[int, str]:
    found = one_by_one(bare(), TIMES)
    assert len(set(found.values())) == len(TIMES), "a clip whose frames are alike proves nothing"
    return found


@pytest.mark.parametrize("order", ORDERS)
def test_any_order_gives_the_same_bits(forward: dict[int, str], order: str) -> None:
    assert ORDERS[order](bare()) == forward


def test_two_processes_give_the_same_bits(forward: dict[int, str]) -> None:
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_order; test_order.main()"
    running = [
        subprocess.Popen([sys.executable, "-c", code, json.dumps(times)], stdout=subprocess.PIPE, text=True)
        for times in (TIMES, TIMES[::-1])
    ]
    for process in running:
        output, _ = process.communicate()
        assert process.returncode == 0
        assert {int(time): found for time, found in json.loads(output).items()} == forward


def main() -> None:
    """What each of the two processes runs."""
    print(json.dumps(one_by_one(bare(), json.loads(sys.argv[1]))))


def leak_landmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smoothing that remembers the frame it happened to see last."""
    kept: dict[str, np.ndarray] = {}
    original = YuNetDetector.find

    def find(self, plate, size, threshold):
        faces = original(self, plate, size, threshold)
        if not faces:
            return faces
        before = kept.get("landmarks", faces[0].landmarks)
        kept["landmarks"] = faces[0].landmarks
        return (Face((faces[0].landmarks + before) / 2, faces[0].box, faces[0].confidence),)

    monkeypatch.setattr(YuNetDetector, "find", find)


def leak_matte(monkeypatch: pytest.MonkeyPatch) -> None:
    """A matte that flickers less by mixing in the previous one."""
    kept: dict[str, np.ndarray] = {}
    original = matte.outlined

    def outlined(mask, *more, **named):
        mixed = (mask + kept.get("mask", mask)) / 2
        kept["mask"] = mask
        return original(mixed, *more, **named)

    monkeypatch.setattr(matte, "outlined", outlined)


@pytest.mark.parametrize("plant", [leak_landmarks, leak_matte])
def test_the_check_notices_state_kept_between_frames(
    forward: dict[int, str], monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    plant(monkeypatch)
    assert any(one_by_one(bare(), times) != forward for times in (TIMES, TIMES[::-1]))
