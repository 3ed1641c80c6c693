"""``mobilefaceswap doctor``: the report to attach to a question."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

import typer

from .. import __version__
from ..errors import FaceSwapError
from ..folders import pack_folder, render_cache_folder, track_folder
from .options import JsonOption
from .terminal import print_json

__all__ = ["doctor"]

_LIBRARIES = ("numpy", "onnxruntime", "opencv-python", "av", "opencolorio", "openimageio", "onnx", "insightface")


def doctor(as_json: JsonOption = False) -> None:
    """Report versions, providers, packs with their licences and writable folders, and run a timed self-test."""
    report = examined()
    if as_json:
        print_json(report)
    else:
        _print(report)
    if report["problems"]:
        raise typer.Exit(1)


def examined() -> dict[str, Any]:
    """Everything the command reports, as plain data. problems: one sentence each, with the command that fixes it."""
    from ..packs import pack_places
    from ..runtime import available_providers, chosen_device, network_device

    places = pack_places()
    problems = [*_doubled_runtimes(), *_unwritable()]
    if not places:
        problems.append("no model pack found: reinstall with `pip install --force-reinstall mobilefaceswap-ofx`")
    try:
        device = f"{network_device()}, asked for {chosen_device()}"
    except FaceSwapError as error:
        device = "none"
        problems.append(str(error))
    tested = [_self_test(place) for place in places]
    problems += [test["error"] for test in tested if "error" in test]
    return {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "providers": list(available_providers()),
        "device": device,
        "packs": tested,
        "folders": {name: str(place) for name, place in _folders().items()},
        "problems": problems,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _installed(prefixes: Iterable[str]) -> list[str]:
    names = {(item.metadata["Name"] or "").lower().replace("_", "-") for item in distributions()}
    return sorted(name for name in names if any(name == part or name.startswith(part + "-") for part in prefixes))


def _doubled_runtimes() -> list[str]:
    """Distributions that share one import folder and overwrite each other's files."""
    problems = []
    for prefix, keep in (("onnxruntime", "onnxruntime"), ("opencv", "opencv-python")):
        found = _installed([prefix])
        if len(found) > 1:
            problems.append(
                f"{' and '.join(found)} are installed side by side and overwrite each other: run "
                f"`pip uninstall -y {' '.join(found)}` and then `pip install {keep}` (or the one you need)"
            )
    return problems


def _folders() -> dict[str, Path]:
    return {
        "cache": render_cache_folder(),
        "packs": pack_folder(),
        "tracks": track_folder(),
        "temporary": Path(tempfile.gettempdir()),
    }


def _unwritable() -> list[str]:
    problems = []
    for name, place in _folders().items():
        nearest = next(folder for folder in (place, *place.parents) if folder.exists())
        if not os.access(nearest, os.W_OK):
            problems.append(f"the {name} folder {place} cannot be written: change its permissions, or HOME")
    return problems


def _self_test(place: Path) -> dict[str, Any]:
    """Runs detector and encoder once, on empty pictures: the seconds taken, or the error."""
    import numpy as np

    from ..faces import open_detector
    from ..frame import Frame
    from ..packs import find_pack
    from ..runtime import open_session

    described: dict[str, Any] = {"name": place.name, "version": "", "licence": ""}
    try:
        pack = find_pack(place)
        described |= {"name": pack.name, "version": pack.version, "licence": pack.licence}
        side = pack.encoder.crop.size
        start = time.perf_counter()
        open_detector(pack).find(Frame(np.zeros((360, 640, 3), np.float32)), 640, 0.7)
        found = time.perf_counter()
        encoder = open_session(pack.path("encoder"))
        encoder.run(dict.fromkeys(encoder.inputs, np.zeros((1, 3, side, side), np.float32)))
        described |= {"detect_seconds": found - start, "encode_seconds": time.perf_counter() - found}
    except FaceSwapError as error:
        described["error"] = str(error)
    return described


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"mobilefaceswap {report['version']}, Python {report['python']}, {report['platform']}")
    console.print("providers: " + ", ".join(report["providers"]))
    console.print(f"networks run on: {report['device']}", markup=False)
    libraries = Table("Library", "Version")
    for name, found in report["libraries"].items():
        libraries.add_row(name, found or "missing")
    console.print(libraries)
    packs = Table("Pack", "Version", "Licence", "Self-test")
    for pack in report["packs"]:
        result = pack.get("error") or f"detect {pack['detect_seconds']:.3f} s, encode {pack['encode_seconds']:.3f} s"
        packs.add_row(pack["name"], pack["version"], pack["licence"], result)
    console.print(packs)
    for name, place in report["folders"].items():
        console.print(f"{name} folder: {place}", markup=False)
    for problem in report["problems"]:
        console.print(f"problem: {problem}", markup=False, style="bold red")
    if not report["problems"]:
        console.print("no problem found")
