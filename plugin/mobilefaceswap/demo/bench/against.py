"""An earlier revision of the program beside this one."""

from __future__ import annotations

import os
import subprocess
import tarfile
from importlib.resources import files as package_files
from io import BytesIO
from pathlib import Path

from ...errors import UserInputError
from .marks import ratios
from .process import measured
from .shots import Bench

__all__ = ["compared", "unpacked"]

_NEEDED = ("plugin", "models/base-224", "pyproject.toml")


def compared(bench: Bench, revision: str, folder: Path) -> dict[str, object]:
    """Ours by that ``revision``, `unpacked` into ``folder``: wall and processor time and peak memory of the shot."""
    theirs = {"PYTHONPATH": str(folder / "plugin"), "MOBILEFACESWAP_PACKS": str(folder / "models")}
    pairs = []
    for _ in range(bench.rounds):
        other = measured(_with_pictures(bench), theirs)
        pairs.append((measured(_with_pictures(bench)), other))
    return {
        "revision": revision,
        **{
            f"{name}_ratio": ratios([getattr(a, name) for a, _ in pairs], [getattr(b, name) for _, b in pairs]).__dict__
            for name in ("wall", "processor", "peak")
        },
    }


def unpacked(revision: str, folder: Path) -> Path:
    """``folder``, with the files of ``revision`` that a swap needs. Raises UserInputError where there is none."""
    root = Path(str(package_files("mobilefaceswap"))).parents[1]
    words = ["git", "-C", os.fspath(root), "archive", revision, *_NEEDED]
    try:
        done = subprocess.run(words, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", b"").decode("utf-8", "replace").strip() or str(error)
        raise UserInputError(
            f"expected {revision} to be a revision of the repository at {root}; git says: {reason}. "
            "Run the benchmark from a checkout, and name a commit, tag or branch"
        ) from error
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _with_pictures(bench: Bench) -> list[str]:
    """The source as a picture: an identity belongs to one pack, and a revision may have another."""
    from ..samples import grace_hopper

    return [str(grace_hopper()) if word == str(bench.identity) else word for word in bench.swap()]
