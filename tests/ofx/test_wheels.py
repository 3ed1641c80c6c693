"""The wheels of a release: each carries the bundle for its platform, and installs it without a compiler."""

from __future__ import annotations

import functools
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mobilefaceswap.ofx.install import BUNDLE, binary_of

WHEELS = runpy.run_path(str(Path(__file__).parents[2] / "ofx_bridge" / "wheels.py"))
PLACE = f"mobilefaceswap/ofx/{BUNDLE}/Contents"


@pytest.fixture(scope="module")
def everywhere(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a binary for every platform: the local one, and for the others its bytes under their folders."""
    if sys.platform != "linux":
        pytest.skip("the local bundle must be the one for Linux")
    whole = tmp_path_factory.mktemp("every") / BUNDLE
    shutil.copytree(bundle, whole)
    for platform in ("Win64", "MacOS"):
        shutil.copytree(whole / "Contents" / "Linux-x86-64", whole / "Contents" / platform)
    (whole / "Contents" / "Resources" / "engine.txt").write_text("python=/of/this/machine\n")
    return whole


@pytest.fixture(scope="module")
def wheel_for(everywhere: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The wheel for a platform, built once in a run."""
    return functools.cache(lambda platform: WHEELS["make_wheel"](everywhere, platform, tmp_path_factory.mktemp("made")))


@pytest.mark.parametrize("platform", WHEELS["TAGS"])
def test_a_wheel_carries_its_platform_alone(wheel_for: Callable[[str], Path], platform: str) -> None:
    wheel = wheel_for(platform)
    assert wheel.name.endswith(f"-py3-none-{WHEELS['TAGS'][platform]}.whl")
    with zipfile.ZipFile(wheel) as archive:
        carried = {name.removeprefix(PLACE) for name in archive.namelist() if name.startswith(PLACE)}
        (about,) = (name for name in archive.namelist() if name.endswith("/WHEEL"))
        assert b"Root-Is-Purelib: false" in archive.read(about)
    icons = {name for name in carried if name.startswith("/Resources/org.mobilefaceswap.")}
    assert len(icons) == 4
    assert carried - icons == {"/Info.plist", f"/{platform}/MobileFaceSwap.ofx"}


def test_the_bundle_of_a_wheel_is_installed_without_a_compiler(
    everywhere: Path, wheel_for: Callable[[str], Path], tmp_path: Path
) -> None:
    wheel = wheel_for("Linux-x86-64")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    place = tmp_path / "OFX"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PATH": "", "CXX": ""}
    code = "from mobilefaceswap.cli import main; main()"
    command = [sys.executable, "-c", code, "ofx", "install", "--dir", str(place)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert binary_of(place / BUNDLE).read_bytes() == binary_of(everywhere).read_bytes()
    assert f"package={tmp_path / 'site'}" in (place / BUNDLE / "Contents" / "Resources" / "engine.txt").read_text()


def test_a_bundle_without_binaries_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert WHEELS["main"]([str(tmp_path)]) == 1
    assert "make release" in capsys.readouterr().err
