"""What is built is whole: wheel and sdist carry the pack and render without the checkout and without a network."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
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


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


@pytest.mark.parametrize("ending", [".whl", ".tar.gz"])
def test_what_is_built_renders_in_an_empty_environment(built, tmp_path, ending):
    (archive,) = built.glob(f"*{ending}")
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    # The dependencies come from this environment, so that the test needs no network; the package itself does not.
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation", archive]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    code = RENDER.format(folder=str(tmp_path / "env"))
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "rendered" in done.stdout, done.stderr[-2000:]
