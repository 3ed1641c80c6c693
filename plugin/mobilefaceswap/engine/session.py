"""What the engine does for its bridge: nodes, kept by what they depend on, and the requests that go to them."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..cache import RenderCache
from ..errors import UserInputError
from ..faces import Face, Track, find_faces
from ..faces.detector import open_detector
from ..folders import track_folder
from ..frame import ColourSpace, Floats, Frame, Hashed
from ..identity import Identity, prepare_identity
from ..node import FaceSwapNode, RenderResult
from ..packs import Pack, find_pack
from ..settings import OUTPUTS, HostSettings, Output, Settings, output_of, table
from .wire import Colour, Flags, Outside, Picture, Values

__all__ = ["Inputs", "Rendered", "Session", "read_settings", "shared_array"]

_MOST_NODES = 12
_SPACES = {
    Colour.UNDECLARED: ColourSpace.REC709,
    Colour.SRGB: ColourSpace.SRGB,
    Colour.REC709: ColourSpace.REC709,
    Colour.LINEAR_REC709: ColourSpace.LINEAR,
}


@dataclass(frozen=True, eq=False)
class Inputs:
    """One frame as the bridge hands it over. plate: (H, W, 3|4); mattes (H, W); identity: (h, w, 3) or None.

    hashed: of the plate, where it was hashed before.
    """

    plate: Floats
    inside: Floats | None = None
    outside: Floats | None = None
    identity: Floats | None = None
    hashed: Hashed | None = None


@dataclass(frozen=True, eq=False)
class Rendered:
    """The changed part of a frame. pixels: (h, w) or (h, w, channels), at ``corner`` (x, y) of the plate."""

    pixels: Floats
    corner: tuple[int, int]
    outside: Outside
    found: int
    swapped: int


def read_settings(values: Values) -> tuple[HostSettings, Settings]:
    """The settings that the bridge read from its host. Raises SettingsError, UserInputError."""
    numbers, texts = iter(values.numbers), iter(values.texts)
    host: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    try:
        for row in table(host=True):
            value: Any = next(texts) if row.textual else next(numbers)
            if row.kind == "choice":
                value = list(row.entries)[int(value)]
            (host if row.host_only else shared)[row.name] = value
    except (StopIteration, IndexError):
        raise UserInputError(
            f"expected a value for every one of {len(table(host=True))} settings; found "
            f"{len(values.numbers)} numbers and {len(values.texts)} texts. Run `mobilefaceswap ofx install`"
        ) from None
    return HostSettings.from_mapping(host), Settings.from_mapping(shared)


class Session:
    """Everything that the instances of one host process share. Thread-safe.

    cache: of renders; None for one in memory.
    """

    def __init__(self, cache: RenderCache | None = None) -> None:
        self.cache = RenderCache() if cache is None else cache
        self._nodes: OrderedDict[Hashable, FaceSwapNode] = OrderedDict()
        self._preparing: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def describe(self) -> str:
        """Version, pack and its licence, device. Raises PackError."""
        pack = find_pack()
        return f"MobileFaceSwap {__version__}, pack {pack.name} ({pack.licence}), CPU"

    def render(self, picture: Picture, values: Values, inputs: Inputs) -> Rendered:
        """One frame. Raises FaceSwapError."""
        host, settings = read_settings(values)
        node = self._node(host, _SPACES[picture.colour], inputs.identity)
        result = node.render(
            picture.time, settings, _frame(picture, inputs), inside=inputs.inside, outside=inputs.outside
        )
        name, row = settings.output_mode, output_of(settings)
        if picture.matte_only:
            name, row = "matte", OUTPUTS["matte"]
        return _rendered(result, name, row)

    def analyse(self, picture: Picture, values: Values, inputs: Inputs) -> tuple[Face, ...]:
        """The faces of one frame, found without a source. Raises FaceSwapError."""
        _, settings = read_settings(values)
        plate = _frame(picture, inputs)
        return find_faces(open_detector(find_pack(), None), plate, settings)

    def prepare(self, values: Values) -> str:
        """Reads the source now; says what was found. Raises FaceSwapError."""
        host, _ = read_settings(values)
        identity = self._node(host, ColourSpace.SRGB, None).identity
        used = [picture.name for picture in identity.pictures if picture.used] or [Path(host.source).name]
        notes = [f"{picture.name}: {picture.note}" for picture in identity.pictures if picture.note]
        return "; ".join([f"Source prepared from {', '.join(used)}", *notes])

    def save_track(self, size: tuple[int, int], frames: dict[int, tuple[Face, ...]]) -> str:
        """Writes what a range gave to a new file in the user's folder; returns its path. Raises FaceSwapError."""
        folder = track_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, path = tempfile.mkstemp(".json", f"{min(frames)}-{max(frames)}-", folder)
            os.close(handle)
        except OSError as error:
            raise UserInputError(
                f"expected to write the track below {folder}; {error.strerror}. Make the folder writable"
            ) from None
        Track(size, frames).save(path)
        return path

    def clear(self) -> str:
        """Forgets renders and identities."""
        self.cache.clear()
        with self._lock:
            self._nodes.clear()
        return "The engine's cache is empty"

    def _node(self, host: HostSettings, space: ColourSpace, shown: Floats | None) -> FaceSwapNode:
        """The node of this source, made once however many ask for it at the same time."""
        if shown is None and not host.source:
            raise UserInputError(
                "expected a source; none is chosen. Choose a picture, a folder of pictures or an .idn file as Source"
            )
        pack = find_pack()
        source = (_content(shown), space) if shown is not None else _state(host.source, "source")
        track = _state(host.track_file, "track file") if host.track_file else ()
        key = (pack.content_hash, source, host.source_face, track)
        with self._lock:
            preparing = self._preparing.setdefault(key, threading.Lock())
        with preparing:
            return self._kept(key, lambda: self._made(host, space, shown, pack))

    def _kept(self, key: Hashable, make: Callable[[], FaceSwapNode]) -> FaceSwapNode:
        with self._lock:
            if key in self._nodes:
                self._nodes.move_to_end(key)
                return self._nodes[key]
        node = make()
        with self._lock:
            self._nodes[key] = node
            while len(self._nodes) > _MOST_NODES:
                dropped, _ = self._nodes.popitem(last=False)
                self._preparing.pop(dropped, None)
        return node

    def _made(self, host: HostSettings, space: ColourSpace, shown: Floats | None, pack: Pack) -> FaceSwapNode:
        source: str | Identity = host.source
        if shown is not None:
            picture = ("the Identity input", Frame(shown.copy(), space))
            source = prepare_identity([picture], pack, open_detector(pack, None), host.source_face)
        track = Track.load(host.track_file) if host.track_file else None
        return FaceSwapNode(source, pack=pack, track=track, source_face=host.source_face, cache=self.cache)


def _frame(picture: Picture, inputs: Inputs) -> Frame:
    premultiplied = Flags.PREMULTIPLIED in picture.flags
    return Frame(inputs.plate, _SPACES[picture.colour], premultiplied, picture.pixel_aspect, inputs.hashed)


def _content(pixels: Floats) -> str:
    return Frame(pixels).content_hash()


def _state(path: str, name: str) -> Hashable:
    """A file, or every file of a folder, as it stands now. Raises UserInputError where there is none."""
    place = Path(path)
    try:
        files: Sequence[Path] = sorted(place.iterdir()) if place.is_dir() else [place]
        states = [file.stat() for file in files]
    except OSError as error:
        raise UserInputError(f"expected the {name} at {path}; {error.strerror}. Choose it again") from None
    return path, tuple((str(file), state.st_mtime_ns, state.st_size) for file, state in zip(files, states, strict=True))


def _rendered(result: RenderResult, name: str, row: Output) -> Rendered:
    picture = result.layer(name) if row.whole else result.changed_part(name)
    corner = (0, 0) if row.whole else (result.changed.x1, result.changed.y1)
    return Rendered(picture, corner, Outside[row.outside.name], len(result.faces), len(result.swapped))


def shared_array(memory: memoryview, offset: int, shape: tuple[int, ...]) -> Floats:
    """A view of float32 pixels in shared memory."""
    count = int(np.prod(shape))
    return np.frombuffer(memory, np.float32, count, offset).reshape(shape)
