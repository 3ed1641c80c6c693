"""The only module that imports ONNX Runtime: explicit options and providers, named arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cache import opened
from .errors import PackError, UserInputError
from .frame import Floats

if TYPE_CHECKING:
    import onnxruntime

__all__ = [
    "AUTOMATIC",
    "DEVICES",
    "Session",
    "available_providers",
    "chosen_device",
    "load_session",
    "network_device",
    "on_device",
    "open_session",
]

_ONLY_ERRORS = 3
_CPU = ("CPUExecutionProvider",)

DEVICES: Mapping[str, tuple[str, ...]] = {
    "cuda": ("CUDAExecutionProvider",),
    "directml": ("DmlExecutionProvider",),
    "coreml": ("CoreMLExecutionProvider",),
    "cpu": _CPU,
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
    "openvino": ("OpenVINOExecutionProvider",),
}
"""ONNX Runtime's providers for every device that a swapping network can run on."""
AUTOMATIC = "auto"
"""Stands for MOBILEFACESWAP_DEVICE, or the first device that works where that names none."""
_TRIED = ("cuda", "directml", "coreml", "cpu")
"""What is tried then, in order. TensorRT builds for minutes, and OpenVINO is no faster than the processor's own."""
_VARIABLE = "MOBILEFACESWAP_DEVICE"

_SMALL_MODEL = (
    b"\x08\x09:9"
    b"\x0a\x0e\x0a\x01x\x0a\x01x\x12\x01y\x22\x03Add\x12\x05small"
    b"Z\x0f\x0a\x01x\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01"
    b"b\x0f\x0a\x01y\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01"
    b"B\x04\x0a\x00\x10\x11"
)
"""An ONNX file that adds a number to itself: what a device is tried with."""


@cache
def _library() -> Any:
    """ONNX Runtime, loaded when the first network is opened: a node that is switched off needs none."""
    import onnxruntime

    # The package switches telemetry off before this import (see its __init__); this is for a program that loaded ONNX
    # Runtime before us, and for the builds for Windows apps, which do not read the environment.
    onnxruntime.disable_telemetry_events()
    return onnxruntime


class Session:
    """An ONNX Runtime session with named arrays in and out. Thread-safe."""

    def __init__(self, session: onnxruntime.InferenceSession, nbytes: int) -> None:
        """nbytes: size of the model, for the bound of what is kept."""
        self._session, self.nbytes = session, nbytes
        self._outputs = [output.name for output in session.get_outputs()]
        self.inputs = {item.name: tuple(item.shape) for item in session.get_inputs()}
        self.providers = tuple(session.get_providers())
        self.runtime = f"onnxruntime-{_library().__version__}-{self.providers[0]}"

    @property
    def options(self) -> onnxruntime.SessionOptions:
        """The options in effect."""
        return self._session.get_session_options()

    def run(self, inputs: Mapping[str, Floats]) -> dict[str, Floats]:
        """Every output by name, float32."""
        return dict(zip(self._outputs, self._session.run(self._outputs, dict(inputs)), strict=True))


def available_providers() -> tuple[str, ...]:
    """The execution providers of this machine's ONNX Runtime."""
    return tuple(_library().get_available_providers())


def load_session(model: bytes | Path, *, threads: int = 1, providers: Sequence[str] = _CPU) -> Session:
    """A session over ``model``, deterministic: operators one after another, each on ``threads`` threads.

    Raises PackError where a provider is missing or the model cannot be read; a provider is never silently replaced.
    """
    _check_providers(providers)
    library = _library()
    options = library.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = library.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    # An arena for each network would keep the most that the network ever took; the process has one pool for all.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = _ONLY_ERRORS
    content = model if isinstance(model, bytes) else str(model)
    try:
        size = len(model) if isinstance(model, bytes) else model.stat().st_size
        session = Session(library.InferenceSession(content, sess_options=options, providers=list(providers)), size)
    except Exception as error:  # ONNX Runtime's own classes share no public base
        name = "a model in memory" if isinstance(model, bytes) else str(model)
        raise PackError(
            f"expected {name} to be an ONNX model that ONNX Runtime {library.__version__} runs; found: {error}. "
            "Run `mobilefaceswap packs verify` and reinstall the pack"
        ) from error
    if session.providers[: len(providers)] != tuple(providers):
        raise PackError(
            f"expected ONNX Runtime to run on {', '.join(providers)}; it fell back to {', '.join(session.providers)}. "
            "Check the device's driver with `mobilefaceswap doctor`, or choose another (--device, Device in a host)"
        )
    return session


def _check_providers(providers: Sequence[str]) -> None:
    missing = [name for name in providers if name not in available_providers()]
    if missing or not providers:
        raise PackError(
            f"expected ONNX Runtime to offer {', '.join(missing) or 'a provider'}; it offers "
            f"{', '.join(available_providers())}. Install the build of ONNX Runtime for your device (see the "
            "README), or choose another (--device, Device in a host)"
        )


def chosen_device(device: str = AUTOMATIC) -> str:
    """``device``, or what MOBILEFACESWAP_DEVICE asks for where it is ``auto``: ``auto``, or one of ``DEVICES``.

    Raises UserInputError on anything else.
    """
    wanted = device if device != AUTOMATIC else os.environ.get(_VARIABLE, "") or AUTOMATIC
    if wanted != AUTOMATIC and wanted not in DEVICES:
        name = _VARIABLE if device == AUTOMATIC else "the device"
        raise UserInputError(f"expected {name} to be {AUTOMATIC}, {', '.join(DEVICES)}; found {wanted!r}. Correct it")
    return wanted


def on_device(model: bytes | Path, device: str = AUTOMATIC) -> Session:
    """A session for a swapping network, on a device as ``chosen_device`` takes it.

    Raises PackError where a device that was named cannot run it; ``auto`` goes on to the next, and ``network_device``
    says so.
    """
    *preferred, last = _candidates(device)
    for name in preferred:
        with suppress(PackError):
            return load_session(model, providers=DEVICES[name])
    return load_session(model, providers=DEVICES[last])


def network_device(device: str = AUTOMATIC) -> str:
    """The device that swapping networks run on, for people to read, with those that were tried in vain.

    Raises as ``on_device`` does.
    """
    candidates = _candidates(device)
    if candidates == ["cpu"]:
        return "cpu"
    used = opened.get("device", chosen_device(device), lambda: on_device(_SMALL_MODEL, device)).providers[0]
    place = next(number for number, name in enumerate(candidates) if DEVICES[name][0] == used)
    vain = f" ({', '.join(candidates[:place])} failed: check the driver)" if place else ""
    return f"{candidates[place]}{vain}"


def _candidates(device: str) -> list[str]:
    """The device that was asked for, or those that ``auto`` tries: what this build offers, the processor last."""
    wanted = chosen_device(device)
    return [wanted] if wanted != AUTOMATIC else [name for name in _TRIED if DEVICES[name][0] in available_providers()]


def open_session(path: Path, *, providers: Sequence[str] = _CPU) -> Session:
    """The session of the file at ``path``, opened once per process while the file stays the same."""
    status = path.stat()
    key = (path, status.st_ino, status.st_size, status.st_mtime_ns, tuple(providers))
    return opened.get("session", key, lambda: load_session(path, providers=providers))
