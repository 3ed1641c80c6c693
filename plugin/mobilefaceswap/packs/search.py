"""Where packs are found."""

from __future__ import annotations

import os
from importlib.resources import files as package_files
from pathlib import Path

from ..cache import opened
from ..errors import PackNotFoundError
from ..folders import pack_folder
from .document import read_pack
from .integrity import REINSTALL, verify
from .records import Pack

__all__ = ["DEFAULT_PACK", "find_pack", "list_packs", "locate_pack", "pack_folders", "pack_places"]

DEFAULT_PACK = "base-224"


def pack_folders() -> list[Path]:
    """Where packs are looked for, in order: MOBILEFACESWAP_PACKS, a checkout's models, the package's, the user's."""
    named = [Path(place) for place in os.environ.get("MOBILEFACESWAP_PACKS", "").split(os.pathsep) if place]
    return [*named, *_own_folders(), pack_folder()]


def _own_folders() -> list[Path]:
    """Where the packs that ship lie: a checkout's models, then the package's."""
    package = Path(str(package_files("mobilefaceswap")))
    checkout = package.parents[1]
    own = [checkout / "models"] if (checkout / "pyproject.toml").is_file() else []
    return [*own, package / "models"]


def pack_places() -> list[Path]:
    """The folder of every pack that can be found, damaged ones included; the first of a folder name wins."""
    places: dict[str, Path] = {}
    for folder in pack_folders():
        for described in sorted(folder.glob("*/pack.toml")):
            places.setdefault(described.parent.name, described.parent.resolve())
    return list(places.values())


def locate_pack(name: str | os.PathLike[str] | None = None) -> Path:
    """The folder of the pack called ``name``, or the folder ``name`` itself; None for the default pack.

    Raises PackNotFoundError where no such folder holds a ``pack.toml``.
    """
    wanted = os.fspath(name) if name is not None else DEFAULT_PACK
    given = [Path(wanted)] if name is not None else []
    for place in [*given, *(folder / wanted for folder in pack_folders())]:
        if (place / "pack.toml").is_file():
            return place.resolve()
    raise PackNotFoundError(
        f"expected a model pack called {wanted!r}, or a folder with a pack.toml; found none in "
        f"{', '.join(str(folder) for folder in pack_folders())}. `mobilefaceswap packs list` shows what is there; "
        f"{REINSTALL}, or name the folders that hold packs in "
        "MOBILEFACESWAP_PACKS"
    )


def find_pack(name: str | os.PathLike[str] | None = None) -> Pack:
    """The verified pack called ``name``, or in the folder ``name``; None for the default pack.

    Raises PackNotFoundError where there is none or a file is missing, PackError on a bad ``pack.toml``,
    PackIntegrityError on a file whose SHA-256 is not the recorded one.
    """
    return _opened(locate_pack(name))


def list_packs() -> list[Pack]:
    """Every pack that can be found. Raises like ``find_pack`` on a damaged one."""
    return [_opened(place) for place in pack_places()]


def _opened(folder: Path) -> Pack:
    """One record as long as ``pack.toml`` stays the same, so that its networks open once; verified at every call."""
    status = (folder / "pack.toml").stat()
    key = (folder, status.st_ino, status.st_mtime_ns, status.st_size)
    pack = opened.get("pack", key, lambda: read_pack(folder))
    verify(pack)
    return pack
