"""What is built is whole: wheel and sdist carry the pack, the sdist the recipe, and both render without a network."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECIPE = [Path("models", name) for name in ("training", "conversion", "evaluation", "release")]
RENDER = """
import numpy as np, socket
def refuse(*args, **kwargs): raise OSError("no network in this test")
socket.socket.connect = refuse
import mobilefaceswap
from mobilefaceswap import FaceSwapNode, Frame
from mobilefaceswap.demo.samples import AstronautClip, grace_hopper
assert {folder!r} in mobilefaceswap.__file__, mobilefaceswap.__file__
result = FaceSwapNode(grace_hopper(), AstronautClip((320, 180), 3)).render(1)
assert len(result.swapped) == 1
print("rendered", result.matte.max())
"""
IMPORT = """
from importlib import import_module
for name in {names!r}:
    assert import_module(name).__file__.startswith({root!r}), name
print("imported")
"""


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """The folder of the wheel and the sdist, built once in a run."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


@pytest.fixture(scope="session")
def unpacked(built, tmp_path_factory) -> Path:
    """The sdist's own folder."""
    (archive,) = built.glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    (own,) = folder.iterdir()
    return own


@pytest.mark.parametrize("ending", [".whl", ".tar.gz"])
def test_what_is_built_renders_in_an_empty_environment(built, tmp_path, ending):
    (archive,) = built.glob(f"*{ending}")
    venv.create(tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    # The dependencies come from this environment, so that the test needs no network; the package itself does not.
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    (site / "dependencies.pth").write_text("".join(f"{place}\n" for place in sys.path if "site-packages" in place))
    command = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index"]
    done = subprocess.run([*command, "--no-build-isolation", archive], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    code = RENDER.format(folder=str(tmp_path / "env"))
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "rendered" in done.stdout, done.stderr[-2000:]


def recipe_files(root: Path) -> set[str]:
    """Every file of the recipe but the checkpoints, which are large and made anew by it."""
    listed = subprocess.run(
        ["git", "ls-files", "--", *map(str, RECIPE)], cwd=root, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    return {name for name in listed if "/checkpoints/" not in name}


def test_the_sdist_holds_every_file_of_the_recipe(unpacked):
    wanted = recipe_files(ROOT)
    if not wanted:
        pytest.skip("the checkout knows no git, which lists the recipe's files")
    assert sorted(name for name in wanted if not (unpacked / name).is_file()) == []
    assert {Path(name).suffix for name in wanted} >= {".py", ".toml"}


@pytest.mark.parametrize("folder", RECIPE, ids=lambda folder: folder.name)
def test_every_module_of_the_sdists_recipe_imports_what_it_needs(unpacked, folder):
    """In a process for each folder, with the package of the sdist, since the recipe stands on it."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("the recipe needs torch (extra: torch)")
    place = unpacked / folder
    names = sorted(f"{place.name}.{path.stem}" for path in place.glob("*.py"))
    assert len(names) > 2
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(place.parent), str(unpacked / "plugin")])}
    command = [sys.executable, "-c", IMPORT.format(names=names, root=str(place))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert "imported" in done.stdout, done.stderr[-2000:]
