"""The built bundle in tests: copies of it, interpreters for its engine, and what a frame of it must be."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np

from mobilefaceswap.ofx.host import Instance
from mobilefaceswap.ofx.install import BUNDLE

MAGENTA = np.array([1, 0, 1, 1], np.float32)


def own_copy(bundle: Path, folder: Path) -> Path:
    """A copy has an engine of its own, which starts with this test's environment."""
    copy = folder / "a host" / BUNDLE
    shutil.copytree(bundle, copy)
    return copy


def python_with(folder: Path) -> str:
    """An interpreter like this one that looks for modules in ``folder`` first."""
    place = folder / "python"
    place.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n')
    place.chmod(0o755)
    return str(place)


def is_failure_picture(output: np.ndarray) -> bool:
    """Whether nobody can take it for a finished frame."""
    colours = np.unique(output.reshape(-1, 4), axis=0)
    return len(colours) == 2 and (colours == MAGENTA).all(axis=1).any()


def rendered(node: Instance, plate: np.ndarray) -> np.ndarray:
    """The frame of a node that must render."""
    status, output = node.render(plate)
    assert (status, node.persistent) == (0, "")
    return output


def failed(node: Instance, plate: np.ndarray) -> str:
    """What a node that must not render tells the user."""
    status, output = node.render(plate)
    assert status == 1
    assert is_failure_picture(output)
    return node.persistent
