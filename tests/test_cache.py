"""Caches: bounded, shared through the disk, never a reason for a frame to fail."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mobilefaceswap.cache import RenderCache, key_of

KILOBYTE = 1024


def block(value: float = 0.0) -> dict[str, np.ndarray]:
    return {"pixels": np.full(KILOBYTE // 4, value, np.float32)}


def test_a_value_is_computed_once():
    cache = RenderCache()
    first = cache.get("swap", "a", block)
    assert cache.get("swap", "a", block) is first
    assert cache.counts.computed == {"swap": 1}


def test_threads_that_want_the_same_value_wait_for_it():
    cache, begun, wanted = RenderCache(), threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert wanted.wait(10)
        return block()

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(cache.get, "faces", "a", slow)
        assert begun.wait(10)
        second = pool.submit(cache.get, "faces", "a", lambda: pytest.fail("computed twice"))
        # Another value is not held up.
        pool.submit(cache.get, "faces", "b", block).result(10)
        wanted.set()
        assert second.result(10) is first.result(10)
    assert cache.counts.computed == {"faces": 2}


def test_a_value_that_failed_is_tried_again():
    cache = RenderCache()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cache.get("faces", "a", lambda: 1 / 0)
    assert cache.get("faces", "a", block)


def test_where_nothing_is_kept_nobody_waits():
    cache = RenderCache(memory=0)
    both = threading.Barrier(2)

    def meet():
        both.wait(10)
        return block()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(cache.get, "faces", "", meet) for _ in range(2)]:
            done.result(20)


def test_kinds_do_not_share_keys():
    cache = RenderCache()
    cache.get("swap", "a", lambda: block(1))
    assert cache.get("analysis", "a", lambda: block(2))["pixels"][0] == 2


def test_memory_is_bounded_and_the_least_used_goes_first():
    cache = RenderCache(memory=5 * KILOBYTE)
    for name in "abc":
        cache.get("swap", name, block)
    cache.get("swap", "a", block)
    cache.get("swap", "d", block)
    assert cache.holds("swap", "a")
    assert not cache.holds("swap", "b")


def test_a_value_larger_than_the_memory_is_not_kept():
    cache = RenderCache(memory=KILOBYTE // 2)
    cache.get("swap", "a", block)
    assert not cache.holds("swap", "a")


def test_what_passes_displaces_nothing_and_stays_off_the_disk(tmp_path):
    cache = RenderCache(memory=5 * KILOBYTE, folder=tmp_path)
    cache.get("swap", "a", block)
    for name in "abcdef":
        cache.get_passing("crop", name, block)
    last = cache.get_passing("crop", "f", block)
    assert cache.holds("swap", "a")
    assert [path.name for path in tmp_path.iterdir()] == ["swap-a"]
    assert cache.counts.computed == {"swap": 1, "crop": 6}
    assert cache.get_passing("crop", "a", block) is not last
    assert cache.counts.computed["crop"] == 7, "bounded: the first went"
    cache.clear()
    assert cache.get_passing("crop", "a", lambda: block(3))["pixels"][0] == 3


def test_what_passes_has_more_room_where_more_memory_is_allowed(monkeypatch):
    monkeypatch.setenv("MOBILEFACESWAP_MEMORY", "3000")
    cache, large = RenderCache(), {"pixels": np.empty(100 << 20, np.uint8)}
    assert cache.get_passing("crop", "a", lambda: large) is cache.get_passing("crop", "a", block)
    cache.limit(96 << 20)
    assert cache.get_passing("crop", "a", block) is not large


def test_without_memory_nothing_passes_on():
    cache = RenderCache(memory=0)
    cache.get_passing("crop", "", block)
    assert cache.get_passing("crop", "", lambda: block(1))["pixels"][0] == 1


def test_the_disk_store_survives_the_process(tmp_path):
    RenderCache(folder=tmp_path).get("swap", "a", lambda: block(7))
    again = RenderCache(folder=tmp_path)
    assert again.get("swap", "a", lambda: block(8))["pixels"][0] == 7
    assert again.counts.computed == {}


def test_a_damaged_entry_is_computed_again(tmp_path):
    RenderCache(folder=tmp_path).get("swap", "a", lambda: block(7))
    (tmp_path / "swap-a").write_bytes(b"\x00" * 40)
    assert RenderCache(folder=tmp_path).get("swap", "a", lambda: block(8))["pixels"][0] == 8


def test_the_disk_store_is_trimmed(tmp_path):
    cache = RenderCache(memory=0, folder=tmp_path, disk=10 * KILOBYTE)
    for number in range(130):
        cache.get("swap", str(number), block)
    # It is trimmed every 64 entries, so at most that many lie beyond the bound.
    assert len(list(tmp_path.iterdir())) <= 64 + 10


def test_a_folder_that_cannot_be_written_costs_no_frame(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert RenderCache(folder=blocked / "cache").get("swap", "a", lambda: block(3))["pixels"][0] == 3


def test_clearing_forgets_memory_and_disk(tmp_path):
    cache = RenderCache(folder=tmp_path)
    cache.get("swap", "a", block)
    cache.clear()
    assert not cache.holds("swap", "a")


def test_no_memory_and_no_folder_means_disabled():
    assert not RenderCache(memory=0).enabled
    assert RenderCache(memory=1).enabled


def test_keys_count_every_digit_and_the_order():
    assert key_of(0.1 + 0.2) != key_of(0.3)
    assert key_of("a", "b") != key_of("b", "a") != key_of("ab")


def test_without_memory_even_an_empty_value_is_computed_anew():
    """A frame without faces is an array of no bytes: kept, it would stand for every frame that has no hash."""
    cache = RenderCache(memory=0)
    cache.get("analysis", "", lambda: {"faces": np.empty((0, 16))})
    assert len(cache.get("analysis", "", lambda: {"faces": np.ones((1, 16))})["faces"]) == 1


def test_empty_values_do_not_grow_without_bound():
    cache = RenderCache(memory=20 * KILOBYTE)
    for number in range(1000):
        cache.get("analysis", str(number), lambda: {"faces": np.empty((0, 16))})
    assert sum(cache.holds("analysis", str(number)) for number in range(1000)) < 50


def test_two_processes_may_trim_one_folder(tmp_path, monkeypatch):
    cache = RenderCache(memory=0, folder=tmp_path, disk=2 * KILOBYTE)
    cache.get("swap", "a", block)
    listed = [tmp_path / "swap-gone", tmp_path / "swap-a"]
    monkeypatch.setattr(cache, "_files", lambda: listed)
    cache._trim()
    assert cache.holds("swap", "a")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to do with freed memory")
def test_freed_pictures_serve_the_next_frame() -> None:
    work = (
        "import resource, numpy, threading\n"
        "def frames():\n"
        "    for _ in range(20):\n"
        "        [numpy.ones(6 << 17) for _ in range(6)]\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    worker = threading.Thread(target=frames)\n"
        "    worker.start()\n"
        "    worker.join()\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "print(faults())\n"
    )
    kept = "from mobilefaceswap.cache.memory import keep_freed_memory\nkeep_freed_memory()\n"
    usual, less = (
        int(subprocess.run([sys.executable, "-c", text], capture_output=True, check=True, text=True).stdout)
        for text in (work, kept + work)
    )
    assert less < usual / 5
