"""Installs the bundle where hosts look for it, and records how the bridge starts the engine."""

from __future__ import annotations

import os
import plistlib
import runpy
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from xml.parsers.expat import ExpatError

from .. import __version__
from ..errors import EngineError, UserInputError

__all__ = [
    "BUNDLE",
    "binary_of",
    "build",
    "bundle_version",
    "command_for",
    "find_installed",
    "install",
    "installed_bundles",
    "record_places",
    "system_folder",
    "uninstall",
    "user_folder",
]

BUNDLE = "MobileFaceSwap.ofx.bundle"
_BINARIES = {"darwin": "MacOS", "win32": "Win64"}
_MAC_RECORD = Path("Library", "Application Support", "mobilefaceswap", "engine.txt")
"""In a home, and at the root for every user; ofx_bridge/src/process_posix.cpp says the same."""


def system_folder() -> Path:
    """The folder that every host searches. Writing to it needs administrator rights."""
    if sys.platform == "darwin":
        return Path("/Library/OFX/Plugins")
    if sys.platform == "win32":
        return Path(os.environ.get("COMMONPROGRAMFILES", r"C:\Program Files\Common Files")) / "OFX" / "Plugins"
    return Path("/usr/OFX/Plugins")


def user_folder() -> Path:
    """The user's own folder; hosts search it if OFX_PLUGIN_PATH names it."""
    return Path.home() / "OFX" / "Plugins"


def binary_of(bundle: Path) -> Path:
    """The file that hosts of this system load."""
    return bundle / "Contents" / _BINARIES.get(sys.platform, "Linux-x86-64") / "MobileFaceSwap.ofx"


def build(output: Path | None = None, *, release: bool = False) -> Path:
    """Builds the bundle from a checkout; returns where it lies. Raises EngineError, UserInputError."""
    script = _checkout() / "ofx_bridge" / "build.py"
    if not script.is_file():
        raise UserInputError(f"expected a checkout with {script}; found none. Clone the repository to build the bundle")
    run: Callable[..., Path] = runpy.run_path(str(script))["release" if release else "build"]
    try:
        return run(output or script.parent / "build")
    except Exception as error:
        raise EngineError(f"expected the bundle to build; {error}. Read the compiler's message above") from error


def install(folder: Path, bundle: Path | None = None) -> Path:
    """Copies the bundle into ``folder``, whole or not at all, and records the engine; returns where it lies.

    bundle: None for the one that the package carries, or that the checkout builds. Raises UserInputError where the
    folder cannot be written, EngineError where there is no bundle.
    """
    source = bundle or _own_bundle()
    place = folder / BUNDLE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="@", dir=folder) as part:
            fresh = Path(part) / BUNDLE
            shutil.copytree(source, fresh)
            _record(fresh, everybody=folder == system_folder())
            if place.exists():
                place.rename(Path(part) / "before")
            fresh.rename(place)
    except OSError as error:
        way = "Use --user, or run the command with administrator's rights"
        if folder != system_folder():
            way = "Make the folder writable, or name another with --dir"
        raise UserInputError(f"expected to write {place}; {error.strerror}. {way}") from error
    return place


def uninstall(folder: Path) -> Path:
    """Removes the bundle from ``folder``; returns where it was. Raises UserInputError where there is none."""
    place = folder / BUNDLE
    if not place.is_dir():
        raise UserInputError(f"expected the bundle at {place}; found none. `mobilefaceswap ofx path` says where it is")
    try:
        shutil.rmtree(place)
    except OSError as error:
        raise UserInputError(
            f"expected to remove {place}; {error.strerror}. Close the hosts that use it, then try again"
        ) from error
    return place


def find_installed() -> Path:
    """The installed bundle that a host would find first. Raises UserInputError where there is none."""
    for bundle in installed_bundles():
        return bundle
    raise UserInputError(
        f"expected {BUNDLE} in {', '.join(map(str, _plugin_folders()))}; found none. Run `mobilefaceswap ofx install`"
    )


def installed_bundles() -> list[Path]:
    """Every installed bundle, in the order in which a host finds them; most load the first."""
    return [folder / BUNDLE for folder in _plugin_folders() if binary_of(folder / BUNDLE).is_file()]


def bundle_version(bundle: Path) -> str:
    """The version that a bundle was built as; "an unknown one" where it does not say."""
    try:
        said = plistlib.loads((bundle / "Contents" / "Info.plist").read_bytes())
        return str(said["CFBundleShortVersionString"])
    except (OSError, ValueError, KeyError, plistlib.InvalidFileException, ExpatError):
        return "an unknown one"


def command_for(action: str, bundle: Path) -> str:
    """What installs or uninstalls, by ``action``, where ``bundle`` lies."""
    options = {system_folder(): "", user_folder(): " --user"}
    option = options.get(bundle.parent, f" --dir {shlex.quote(str(bundle.parent))}")
    return f"mobilefaceswap ofx {action}{option}"


def _plugin_folders() -> list[Path]:
    named = [Path(place) for place in os.environ.get("OFX_PLUGIN_PATH", "").split(os.pathsep) if place]
    return list(dict.fromkeys([*named, system_folder(), user_folder()]))


def _checkout() -> Path:
    return Path(__file__).resolve().parents[3]


def _own_bundle() -> Path:
    for bundle in (Path(__file__).parent / BUNDLE, _checkout() / "ofx_bridge" / "build" / BUNDLE):
        if binary_of(bundle).is_file():
            return bundle
    return build()


def record_places(bundle: Path) -> list[Path]:
    """Where the bridge looks for the record of how the engine is started, in this order."""
    inside = bundle / "Contents" / "Resources" / "engine.txt"
    # Within the bundle it would spoil the bundle's signature on macOS.
    return [*_mac_records(), inside] if sys.platform == "darwin" else [inside]


def _mac_records() -> tuple[Path, Path]:
    """The user's own record, and that of every user."""
    return Path.home() / _MAC_RECORD, Path("/") / _MAC_RECORD


def _record(bundle: Path, *, everybody: bool) -> None:
    package = Path(__file__).resolve().parents[2]
    text = f"version={__version__}\npython={sys.executable}\npackage={package}\n"
    place = record_places(bundle)[0]
    if sys.platform == "darwin" and everybody:
        own, place = _mac_records()
        # It would be read first, for whoever installs.
        with suppress(OSError):
            own.unlink()
    # Wheels carry no empty folders.
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
