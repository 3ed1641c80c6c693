"""Two caches that match how people work: what was found in a frame, and what the network made of a face.

Keys are content hashes of everything a value depends on, so nothing stale is ever returned, and instances, processes
and restarts can share values. Memory is bounded. The disk store is optional, written whole or not at all, and drops
what was used longest ago.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..files import written_whole
from .shelf import MEGABYTE, Shelf, memory_bound

__all__ = ["Arrays", "CacheCounts", "RenderCache", "key_of"]

Arrays = dict[str, npt.NDArray[Any]]

_PASSING, _PASSING_SHARE = 64 * MEGABYTE, 8
"""Of what is kept in memory, values that are cheap to recompute get so much where there is as much, or one part of
eight where that is more.
"""
_DISK = 2048 * MEGABYTE
_TRIM_EVERY = 64
_OVERHEAD = 512
"""Bytes of an entry besides its arrays: keys, dictionaries, array headers."""


def key_of(*parts: object) -> str:
    """One hash over the text of ``parts``; floats enter with all their digits."""
    return xxhash.xxh3_128_hexdigest("\x1f".join(repr(part) for part in parts).encode())


class CacheCounts:
    """How often each kind of value was computed instead of found."""

    def __init__(self) -> None:
        self.computed: dict[str, int] = {}


class RenderCache:
    """Arrays by kind and key; thread-safe. Arrays handed out must not be written to.

    memory: bytes kept in memory, 0 for none; never more than two thirds of what MOBILEFACESWAP_MEMORY allows, which is
    also what counts where it is left out. folder: where the disk store lies, None for none. disk: its bound in bytes.
    """

    def __init__(self, memory: int | None = None, folder: Path | None = None, disk: int = _DISK) -> None:
        allowed = memory_bound() * 2 // 3
        self.memory = allowed if memory is None else min(memory, allowed)
        self.folder, self.disk = folder, disk
        self.counts = CacheCounts()
        self._kept: Shelf[str, Arrays] = Shelf(self.memory, _bytes)
        self._passing: Shelf[str, Arrays] = Shelf(_passing(self.memory), _bytes)
        self._making: dict[str, tuple[threading.Lock, int]] = {}
        self._written = 0
        self._lock = threading.Lock()

    @property
    def enabled(self) -> bool:
        """False if nothing is ever kept, so that keys need not be computed."""
        return self.memory > 0 or self.folder is not None

    def get(self, kind: str, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """The arrays under ``key``, computed, once, if neither memory nor disk has them."""
        name = f"{kind}-{key}"
        found = self._remembered(self._kept, name)
        if found is not None:
            return found
        # Where nothing is kept, keys are not told apart, and nobody can be waited for.
        with self._alone(name) if self.enabled else nullcontext():
            return self._found_or_made(kind, name, compute)

    def _found_or_made(self, kind: str, name: str, compute: Callable[[], Arrays]) -> Arrays:
        found = self._remembered(self._kept, name)
        if found is None and (found := self._stored(name)) is not None:
            self._remember(self._kept, name, found)
        if found is None:
            found = self._computed(kind, compute)
            self._remember(self._kept, name, found)
            self._store(name, found)
        return found

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Whoever asks for the same value meanwhile waits: frames that are smoothed share their neighbours."""
        with self._lock:
            lock, waiting = self._making.get(name, (threading.Lock(), 0))
            self._making[name] = lock, waiting + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                _, waiting = self._making.pop(name)
                if waiting > 1:
                    self._making[name] = lock, waiting - 1

    def get_passing(self, kind: str, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """As ``get``, for large values that are cheap to recompute: a small in-memory LRU, never on disk."""
        name = f"{kind}-{key}"
        found = self._remembered(self._passing, name)
        if found is None:
            found = self._computed(kind, compute)
            self._remember(self._passing, name, found)
        return found

    def holds(self, kind: str, key: str) -> bool:
        """Whether ``get`` would find rather than compute."""
        name = f"{kind}-{key}"
        with self._lock:
            if name in self._kept:
                return True
        return self.folder is not None and (self.folder / name).is_file()

    def limit(self, memory: int) -> None:
        """Changes how many bytes are kept in memory; what is beyond them goes at once."""
        with self._lock:
            if memory != self.memory:
                self.memory = memory
                self._kept.resize(memory)
                self._passing.resize(_passing(memory))

    def clear(self) -> None:
        """Forgets everything, the disk store included."""
        with self._lock:
            for shelf in (self._kept, self._passing):
                shelf.drop(lambda _: True)
        for path in self._files():
            with suppress(OSError):
                path.unlink()

    def _computed(self, kind: str, compute: Callable[[], Arrays]) -> Arrays:
        found = compute()
        with self._lock:
            self.counts.computed[kind] = self.counts.computed.get(kind, 0) + 1
        return found

    def _remembered(self, shelf: Shelf[str, Arrays], name: str) -> Arrays | None:
        with self._lock:
            return shelf.find(name)

    def _remember(self, shelf: Shelf[str, Arrays], name: str, arrays: Arrays) -> None:
        with self._lock:
            shelf.keep(name, arrays)

    def _stored(self, name: str) -> Arrays | None:
        if self.folder is None:
            return None
        path = self.folder / name
        try:
            arrays = load(path.read_bytes())
            os.utime(path)
        except (OSError, SafetensorError):
            return None
        return arrays

    def _store(self, name: str, arrays: Arrays) -> None:
        """Writes to the disk store. A full or read-only disk costs speed, never a frame."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with written_whole(self.folder / name) as part:
                part.write_bytes(save({key: np.ascontiguousarray(array) for key, array in arrays.items()}))
        except OSError:
            return
        self._written += 1
        if self._written % _TRIM_EVERY == 1:
            self._trim()

    def _trim(self) -> None:
        """Removes what was used longest ago. Other processes may trim the same folder at the same time."""
        files = []
        for path in self._files():
            with suppress(OSError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        excess = sum(size for _, size, _ in files) - self.disk
        for _, size, path in sorted(files):
            if excess <= 0:
                return
            with suppress(OSError):
                path.unlink()
            excess -= size

    def _files(self) -> Sequence[Path]:
        if self.folder is None:
            return []
        try:
            return [path for path in self.folder.iterdir() if path.is_file()]
        except OSError:
            return []


def _passing(memory: int) -> int:
    return max(min(memory, _PASSING), memory // _PASSING_SHARE)


def _bytes(arrays: Arrays) -> int:
    """The size of an entry. An empty one is not free, or a clip without faces would grow without bound."""
    return _OVERHEAD + sum(array.nbytes for array in arrays.values())
