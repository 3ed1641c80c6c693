"""The nodes of one host process, keyed by everything that they depend on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from ..cache import RenderCache
from ..errors import UserInputError
from ..faces import Track, load_track
from ..faces.detector import open_detector
from ..faces.edits import sidecar
from ..frame import Frame
from ..identity import Identity, prepare_identity
from ..node import FaceSwapNode
from ..packs import Pack, find_pack
from ..settings import HostSettings

__all__ = ["Nodes"]

_MOST = 12


class Nodes:
    """Instances with the same source, pack and track share one node. Thread-safe."""

    def __init__(self, cache: RenderCache) -> None:
        self._cache = cache
        self._nodes: OrderedDict[Hashable, FaceSwapNode] = OrderedDict()
        self._preparing: dict[Hashable, threading.Lock] = {}
        self._tracks: OrderedDict[Hashable, Track] = OrderedDict()
        self._lock = threading.Lock()

    def node(self, host: HostSettings, shown: Frame | None) -> FaceSwapNode:
        """The node of a source, created once, even if several threads ask for it.

        shown: the picture at the Identity input, which wins over the Source setting. Raises FaceSwapError.
        """
        if shown is None and not host.source:
            raise UserInputError(
                "expected a source; none is chosen. Choose a picture, a folder of pictures or an .idn file as Source"
            )
        pack = pack_of(host)
        source = shown.content_hash() if shown is not None else _state(host.source, "source")
        track = _track_state(host.track_file) if host.track_file else ()
        key = (pack.content_hash, detector_of(host), source, host.source_face, host.source_age, track, host.device)
        with self._lock:
            preparing = self._preparing.setdefault(key, threading.Lock())
        with preparing:
            return self._kept(key, lambda: self._made(host, shown, pack))

    def track(self, host: HostSettings) -> Track | None:
        """The track that a host chose, read once for as long as its files stay as they are. Raises FaceSwapError."""
        if not host.track_file:
            return None
        key = _track_state(host.track_file)
        with self._lock:
            found = self._tracks.pop(key, None)
        found = load_track(host.track_file) if found is None else found
        with self._lock:
            self._tracks[key] = found
            while len(self._tracks) > _MOST:
                self._tracks.popitem(last=False)
        return found

    def clear(self) -> None:
        """Forgets every node and track."""
        with self._lock:
            self._nodes.clear()
            self._tracks.clear()

    def _kept(self, key: Hashable, make: Callable[[], FaceSwapNode]) -> FaceSwapNode:
        with self._lock:
            if key in self._nodes:
                self._nodes.move_to_end(key)
                return self._nodes[key]
        node = make()
        with self._lock:
            self._nodes[key] = node
            while len(self._nodes) > _MOST:
                dropped, _ = self._nodes.popitem(last=False)
                self._preparing.pop(dropped, None)
        return node

    def _made(self, host: HostSettings, shown: Frame | None, pack: Pack) -> FaceSwapNode:
        detector = open_detector(pack, detector_of(host))
        source: str | Identity = host.source
        if shown is not None:
            # The bridge writes the next picture to the same place.
            picture = shown.with_pixels(shown.pixels.copy()).straight()
            source = prepare_identity([("the Identity input", picture)], pack, detector, host.source_face)
        return FaceSwapNode(
            source,
            pack=pack,
            faces=detector,
            track=self.track(host),
            # A face chosen of an earlier picture stays set where an identity, which has one alone, takes its place.
            source_face=0 if host.source.lower().endswith(".idn") else host.source_face,
            source_age=host.source_age,
            cache=self._cache,
            device=host.device,
        )


def pack_of(host: HostSettings) -> Pack:
    """The pack that a host chose. Raises PackError."""
    return find_pack(host.pack or None)


def detector_of(host: HostSettings) -> str | None:
    """The name of the detector that a host chose; None for the pack's own."""
    return host.detector or None


def _track_state(path: str) -> Hashable:
    """A track file and the corrections beside it, as they stand now."""
    corrections = sidecar(path)
    return _state(path, "track file"), _state(str(corrections), "corrections") if corrections.exists() else ()


def _state(path: str, name: str) -> Hashable:
    """A file, or every file of a folder, as it stands now. Raises UserInputError where there is none."""
    place = Path(path)
    try:
        files: Sequence[Path] = sorted(place.iterdir()) if place.is_dir() else [place]
        states = [file.stat() for file in files]
    except OSError as error:
        raise UserInputError(f"expected the {name} at {path}; {error.strerror}. Choose it again") from error
    return path, tuple((str(file), state.st_mtime_ns, state.st_size) for file, state in zip(files, states, strict=True))
