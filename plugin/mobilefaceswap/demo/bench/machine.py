"""What a measurement was made on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from ... import __version__

__all__ = ["described"]

_LIBRARIES = ("numpy", "onnxruntime", "opencv-python", "av")


def described() -> dict[str, object]:
    """Processor, cores, versions, providers, and the load before the run."""
    from ...runtime import available_providers

    return {
        "version": __version__,
        "processor": _processor(),
        "cores": _cores(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "providers": list(available_providers()),
    }


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    names = [line for line in listed.read_text().splitlines() if "model name" in line] if listed.is_file() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
