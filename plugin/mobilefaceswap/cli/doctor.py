"""``mobilefaceswap doctor``: the report to attach to a question."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distributions, version
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .. import __version__
from ..errors import FaceSwapError
from ..folders import pack_folder, render_cache_folder, track_folder
from .options import JsonOption
from .terminal import print_json

if TYPE_CHECKING:
    from ..frame import Floats
    from ..packs import Pack

__all__ = ["doctor"]

_LIBRARIES = ("numpy", "onnxruntime", "opencv-python", "av", "opencolorio", "openimageio", "onnx", "insightface")
_STEPS = ("detect", "encode", "swap", "hands")
"""What a pack's networks do, in the order in which they are tried."""


def doctor(as_json: JsonOption = False) -> None:
    """Report versions, providers, packs with licences and folders; run every network once and start an engine."""
    report = examined()
    if as_json:
        print_json(report)
    else:
        _print(report)
    if report["problems"]:
        raise typer.Exit(1)


def examined() -> dict[str, Any]:
    """Everything the command reports, as plain data. problems: one sentence each, with the command that fixes it."""
    from ..packs import REINSTALL, pack_places
    from ..runtime import available_providers, chosen_device, network_device

    places = pack_places()
    bundles = _bundles()
    problems = [*_doubled_runtimes(), *_unwritable(), *_foreign(bundles)]
    if not places:
        problems.append(f"no model pack found: {REINSTALL}")
    try:
        device = f"{network_device()}, asked for {chosen_device()}"
    except FaceSwapError as error:
        device = "none"
        problems.append(str(error))
    tested = [_self_test(place) for place in places]
    engine = _engine_test()
    problems += [test["error"] for test in (*tested, engine) if "error" in test]
    return {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "providers": list(available_providers()),
        "device": device,
        "packs": tested,
        "engine": engine,
        "bundles": {str(bundle): built_as for bundle, built_as in bundles.items()},
        "folders": {name: str(place) for name, place in _folders().items()},
        "problems": list(dict.fromkeys(problems)),
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


def _bundles() -> dict[Path, str]:
    """The installed bundles with their versions, in the order in which hosts find them."""
    from ..ofx.install import bundle_version, installed_bundles

    return {bundle: bundle_version(bundle) for bundle in installed_bundles()}


def _foreign(bundles: Mapping[Path, str]) -> list[str]:
    """Bundles that this package's engine refuses."""
    from ..ofx.install import command_for

    return [
        f"expected the bundle {bundle} to be of version {__version__}, as the package is; found {built_as}. Run "
        f"`{command_for('install', bundle)}` and start the host again"
        for bundle, built_as in bundles.items()
        if built_as != __version__
    ]


def _self_test(place: Path) -> dict[str, Any]:
    """What a pack is, and the seconds that each of its networks took, or the error."""
    from ..packs import find_pack

    described: dict[str, Any] = {"name": place.name, "version": "", "licence": ""}
    try:
        pack = find_pack(place)
        described |= {"name": pack.name, "version": pack.version, "licence": pack.licence}
        described |= _run_networks(pack)
    except FaceSwapError as error:
        described["error"] = str(error)
    return described


def _run_networks(pack: Pack) -> dict[str, float]:
    """Opens and runs each network once, on empty pictures: the seconds for detector, encoder, swap and hands."""
    import numpy as np

    from ..faces import Face, HandFinder, open_detector
    from ..frame import Frame
    from ..identity import encode_face
    from ..packs import FaceInput
    from ..swap import network_class

    def portrait(wanted: FaceInput) -> Floats:
        return np.zeros((1, 3, wanted.crop.size, wanted.crop.size), np.float32)

    picture, side = Frame(np.zeros((360, 640, 3), np.float32)), pack.crop.size
    moments = [time.perf_counter()]
    open_detector(pack).find(picture, 640, 0.7)
    moments.append(time.perf_counter())
    encoded = encode_face(picture, Face.around(pack.crop.template.on(side)), pack)
    moments.append(time.perf_counter())
    network = network_class(pack)
    network(pack, network.prepared(pack, encoded, portrait))(np.zeros((1, side, side, 3), np.float32))
    moments.append(time.perf_counter())
    HandFinder(pack).try_out()
    moments.append(time.perf_counter())
    return {f"{step}_seconds": after - before for step, (before, after) in zip(_STEPS, pairwise(moments), strict=True)}


def _engine_test() -> dict[str, Any]:
    """Starts an engine as a host would: what it says of itself and the seconds taken, or the error."""
    from .greeting import engine_command, greet_engine

    tested: dict[str, Any] = {}
    try:
        command = engine_command()
        tested["interpreter"] = command.interpreter
        start = time.perf_counter()
        tested |= {"says": greet_engine(command), "seconds": time.perf_counter() - start}
    except FaceSwapError as error:
        tested["error"] = str(error)
    return tested


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
        steps = (f"{step} {pack[f'{step}_seconds']:.3f} s" for step in _STEPS if f"{step}_seconds" in pack)
        result = pack.get("error") or ", ".join(steps)
        packs.add_row(pack["name"], pack["version"], pack["licence"], result)
    console.print(packs)
    for name, place in report["folders"].items():
        console.print(f"{name} folder: {place}", markup=False)
    for place, built_as in report["bundles"].items():
        console.print(f"bundle for hosts: {place}, version {built_as}", markup=False)
    engine = report["engine"]
    if "says" in engine:
        started = f"{engine['interpreter']} in {engine['seconds']:.1f} s"
        console.print(f"engine for hosts: {engine['says']}, started with {started}", markup=False)
    for problem in report["problems"]:
        console.print(f"problem: {problem}", markup=False, style="bold red")
    if not report["problems"]:
        console.print("no problem found")
