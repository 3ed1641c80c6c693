"""Model packs are data: a folder with ``pack.toml`` and ONNX files, verified by SHA-256 at every load.

The only module that imports ONNX Runtime. Sessions are explicit about options and providers; the identity-aware
network is specialised by turning its predicted weights from inputs into constants, which runs about twice as fast.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import platformdirs

from .errors import PackError, PackIntegrityError, PackNotFoundError
from .frame import Floats

__all__ = [
    "DEFAULT_PACK",
    "ROLES",
    "Crop",
    "EncoderInput",
    "Pack",
    "PackFile",
    "Session",
    "available_providers",
    "encoder_session",
    "find_pack",
    "identity_session",
    "list_packs",
    "load_session",
    "pack_folders",
    "sha256_of",
    "specialise",
]

DEFAULT_PACK = "base-224"
ROLES = ("detector", "encoder", "identity", "idn")
_SCHEMA = 1
_ONLY_ERRORS = 3
_CPU = ("CPUExecutionProvider",)


@dataclass(frozen=True)
class PackFile:
    """One file of a pack as ``pack.toml`` records it."""

    role: str
    path: str
    sha256: str
    bytes: int
    licence: str
    origin: str


@dataclass(frozen=True)
class Crop:
    """The aligned crop that the network sees: side in pixels, and how the five points are laid on the template."""

    size: int
    fit: Literal["similarity", "affine"]


@dataclass(frozen=True)
class EncoderInput:
    """network input = (rgb in 0..1 * range - mean) / std, planar RGB, on an aligned crop of ``size``."""

    size: int
    range: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Pack:
    """A verified pack. ``document`` is all of ``pack.toml``: how it was trained, what was measured."""

    folder: Path
    name: str
    version: str
    licence: str
    commercial_use: bool
    crop: Crop
    encoder: EncoderInput
    files: Mapping[str, PackFile]
    document: Mapping[str, Any]

    def path(self, role: str) -> Path:
        """Where the file of ``role`` lies. Its content was verified when the pack was loaded."""
        return self.folder / self.files[role].path

    @cached_property
    def content_hash(self) -> str:
        """Over what pixels depend on: the files, the crop and the encoder's input. Not over descriptions."""
        parts = [f"{role}:{self.files[role].sha256}" for role in ROLES]
        text = "\n".join([*parts, repr(self.crop), repr(self.encoder)])
        return hashlib.sha256(text.encode()).hexdigest()


class Session:
    """An ONNX Runtime session with named arrays in and out. Thread-safe."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._outputs = [output.name for output in session.get_outputs()]
        self.inputs = {item.name: tuple(item.shape) for item in session.get_inputs()}
        self.providers = tuple(session.get_providers())
        self.runtime = f"onnxruntime-{onnxruntime.__version__}-{self.providers[0]}"

    @property
    def options(self) -> onnxruntime.SessionOptions:
        """The options in effect."""
        return self._session.get_session_options()

    def run(self, inputs: Mapping[str, Floats]) -> dict[str, Floats]:
        """Every output by name."""
        return dict(zip(self._outputs, self._session.run(self._outputs, dict(inputs)), strict=True))


def available_providers() -> tuple[str, ...]:
    """What this machine's ONNX Runtime can run on."""
    return tuple(onnxruntime.get_available_providers())


def load_session(model: bytes | Path, *, threads: int = 1, providers: Sequence[str] = _CPU) -> Session:
    """A session over ``model``, deterministic: sequential, ``threads`` threads inside an operator.

    Raises PackError where a provider is missing or the model cannot be read; a provider is never silently replaced.
    """
    missing = [name for name in providers if name not in available_providers()]
    if missing:
        raise PackError(
            f"expected ONNX Runtime to offer {', '.join(missing)}; it offers {', '.join(available_providers())}. "
            "Install the build of ONNX Runtime for your device, as the README says, or choose another provider"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ONLY_ERRORS
    content = model if isinstance(model, bytes) else str(model)
    try:
        return Session(onnxruntime.InferenceSession(content, sess_options=options, providers=list(providers)))
    except Exception as error:  # ONNX Runtime's own classes share no public base
        name = "a model in memory" if isinstance(model, bytes) else str(model)
        raise PackError(
            f"expected {name} to be an ONNX model that ONNX Runtime {onnxruntime.__version__} runs; found: {error}. "
            "Run `mobilefaceswap packs verify` and reinstall the pack"
        ) from None


def specialise(model: bytes, weights: Mapping[str, npt.NDArray[np.float32]]) -> bytes:
    """The IDN ``model`` with its predicted ``weights`` as constants; only ``image`` remains an input.

    Raises PackError where names or shapes are not those that the model asks for.
    """
    graph_model = onnx.load_from_string(model)
    graph = graph_model.graph
    wanted = {item.name: _shape(item) for item in graph.input if item.name != "image"}
    given = {name: array.shape for name, array in weights.items()}
    if wanted != given:
        differing = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
        raise PackError(
            f"expected predicted weights of the shapes that the network asks for; {', '.join(differing[:3])} differ. "
            "Prepare the identity again with this pack"
        )
    image = [item for item in graph.input if item.name == "image"]
    del graph.input[:]
    graph.input.extend(image)
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.ascontiguousarray(weights[name], np.float32), name) for name in sorted(wanted)
    )
    return cast(bytes, graph_model.SerializeToString())


def _shape(item: Any) -> tuple[int, ...]:
    return tuple(dimension.dim_value for dimension in item.type.tensor_type.shape.dim)


@lru_cache(maxsize=8)
def encoder_session(pack: Pack) -> Session:
    """The session of the pack's encoder, opened once in a process."""
    return load_session(pack.path("encoder"))


@lru_cache(maxsize=8)
def identity_session(pack: Pack) -> Session:
    """The session that predicts an identity's weights, opened once in a process."""
    return load_session(pack.path("identity"))


def pack_folders() -> list[Path]:
    """Where packs are looked for, in order: MOBILEFACESWAP_PACKS, a checkout's models, the package's, the user's."""
    package = Path(str(package_files("mobilefaceswap")))
    named = [Path(place) for place in os.environ.get("MOBILEFACESWAP_PACKS", "").split(os.pathsep) if place]
    checkout = package.parents[1]
    own = [checkout / "models"] if (checkout / "pyproject.toml").is_file() else []
    return [*named, *own, package / "models", Path(platformdirs.user_data_dir("mobilefaceswap")) / "packs"]


def find_pack(name: str | os.PathLike[str] | None = None) -> Pack:
    """The verified pack called ``name``, or in the folder ``name``; None for the default pack.

    Raises PackNotFoundError where there is none, PackError on a bad ``pack.toml``, PackIntegrityError on a changed
    file.
    """
    wanted = os.fspath(name) if name is not None else DEFAULT_PACK
    places = [Path(wanted), *(folder / wanted for folder in pack_folders())]
    for place in places:
        if (place / "pack.toml").is_file():
            return _opened(place.resolve())
    raise PackNotFoundError(
        f"expected a model pack called {wanted!r}, or a folder with a pack.toml; found none in "
        f"{', '.join(str(folder) for folder in pack_folders())}. `mobilefaceswap packs list` shows what is there"
    )


def list_packs() -> list[Pack]:
    """Every pack that can be found, the first of a name winning. Raises like ``find_pack`` on a damaged one."""
    found: dict[str, Pack] = {}
    for folder in pack_folders():
        for place in sorted(folder.glob("*/pack.toml")):
            pack = _opened(place.parent.resolve())
            found.setdefault(pack.name, pack)
    return list(found.values())


def _opened(folder: Path) -> Pack:
    """Read again whenever ``pack.toml`` changes; the files are verified at every call."""
    status = (folder / "pack.toml").stat()
    pack = _read(folder, status.st_mtime_ns, status.st_size)
    for file in pack.files.values():
        _verify(pack, file)
    return pack


@lru_cache(maxsize=32)
def _read(folder: Path, changed: int, size: int) -> Pack:
    place = folder / "pack.toml"
    try:
        document = tomllib.loads(place.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PackError(f"expected {place} to be a readable TOML file; {error}. Reinstall the pack") from None
    reader = _Reader(place)
    if reader.field(document, "schema", int) != _SCHEMA:
        raise reader.refusal("schema", f"{_SCHEMA}", document["schema"])
    crop = reader.field(document, "crop", dict)
    fit = reader.field(crop, "fit", str)
    if fit not in ("similarity", "affine"):
        raise reader.refusal("crop.fit", "similarity or affine", fit)
    return Pack(
        folder,
        reader.field(document, "name", str),
        reader.field(document, "version", str),
        reader.field(document, "licence", str),
        reader.field(document, "commercial_use", bool),
        Crop(reader.field(crop, "size", int), cast(Literal["similarity", "affine"], fit)),
        _encoder(reader, reader.field(document, "encoder", dict)),
        _files(reader, reader.field(document, "files", dict)),
        document,
    )


def _encoder(reader: _Reader, encoder: Mapping[str, Any]) -> EncoderInput:
    return EncoderInput(
        reader.field(encoder, "size", int),
        float(reader.field(encoder, "range", float)),
        reader.triple(encoder, "mean"),
        reader.triple(encoder, "std"),
    )


def _files(reader: _Reader, files: Mapping[str, Any]) -> dict[str, PackFile]:
    if sorted(files) != sorted(ROLES):
        raise reader.refusal("files", f"the roles {', '.join(ROLES)}", ", ".join(sorted(files)))
    rows = {}
    for role in ROLES:
        row = reader.field(files, role, dict)
        path = reader.field(row, "path", str)
        if Path(path).name != path or path in ("", ".", ".."):
            raise reader.refusal(f"files.{role}.path", "the name of a file inside the pack", path)
        digest = reader.field(row, "sha256", str)
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise reader.refusal(f"files.{role}.sha256", "64 hexadecimal digits", digest)
        rows[role] = PackFile(
            role,
            path,
            digest,
            reader.field(row, "bytes", int),
            reader.field(row, "licence", str),
            reader.field(row, "origin", str),
        )
    return rows


class _Reader:
    """Fields of ``pack.toml`` by name and type, refused by name."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def field(self, table: Mapping[str, Any], name: str, kind: type) -> Any:
        value = table.get(name)
        accepted = (float, int) if kind is float else (kind,)
        if not isinstance(value, accepted) or (kind is int and isinstance(value, bool)):
            raise self.refusal(name, f"a value of type {kind.__name__}", value)
        return value

    def triple(self, table: Mapping[str, Any], name: str) -> tuple[float, float, float]:
        value = self.field(table, name, list)
        if len(value) != 3 or not all(isinstance(item, (int, float)) for item in value):
            raise self.refusal(name, "three numbers", value)
        return float(value[0]), float(value[1]), float(value[2])

    def refusal(self, name: str, expected: str, found: object) -> PackError:
        return PackError(
            f"expected {name} in {self._place} to be {expected}; found {found!r}. "
            "Reinstall the pack, or mend it and run `mobilefaceswap packs verify`"
        )


def _verify(pack: Pack, file: PackFile) -> None:
    path = pack.folder / file.path
    mend = (
        f"Run `mobilefaceswap packs pull {pack.name}`, or reinstall with "
        "`pip install --force-reinstall mobilefaceswap-ofx`"
    )
    if not path.is_file():
        raise PackNotFoundError(
            f"expected the {file.role} of pack {pack.name} at {path}; there is no such file. {mend}"
        )
    found = sha256_of(path)
    if found != file.sha256:
        raise PackIntegrityError(
            f"expected {path} ({file.role} of pack {pack.name}) to have SHA-256 {file.sha256}; found {found}. {mend}"
        )


_hashes: dict[tuple[Path, int, int, int], str] = {}
_hashes_lock = threading.Lock()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, computed once in a process as long as its inode, size and time stay the same."""
    status = path.stat()
    key = (path, status.st_ino, status.st_size, status.st_mtime_ns)
    with _hashes_lock:
        if key not in _hashes:
            with path.open("rb") as file:
                _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return _hashes[key]
