"""The release bundle, compiled by zig: inspected here, run only where the machine is of its kind."""

from __future__ import annotations

import importlib.util
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from mobilefaceswap.ofx.install import build

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("needs zig: pip install ziglang")
    return build(tmp_path_factory.mktemp("release"), release=True) / "Contents"


def test_linux_needs_no_glibc_newer_than_2_17(release: Path) -> None:
    if shutil.which("objdump") is None:
        pytest.skip("no objdump")
    binary = release / "Linux-x86-64" / "MobileFaceSwap.ofx"
    symbols = subprocess.run(["objdump", "-T", binary], capture_output=True, text=True, check=True).stdout
    versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([\d.]+)", symbols)}
    assert max(versions) <= (2, 17)
    exported = {line.split()[-1] for line in symbols.splitlines() if ".text" in line}
    assert exported == {"OfxGetNumberOfPlugins", "OfxGetPlugin"}


def test_macos_is_universal(release: Path) -> None:
    content = (release / "MacOS" / "MobileFaceSwap.ofx").read_bytes()
    magic, count = struct.unpack_from(">II", content)
    assert (magic, count) == (0xCAFEBABE, 2)
    slices = [struct.unpack_from(">IIIII", content, 8 + 20 * index) for index in range(count)]
    assert {kind for kind, *_ in slices} == {0x0100000C, 0x01000007}, "arm64 and x86-64"
    for _, _, offset, size, _ in slices:
        part = content[offset : offset + size]
        assert part[:4] == b"\xcf\xfa\xed\xfe"
        assert b"_OfxGetPlugin\0" in part
        assert b"_OfxGetNumberOfPlugins\0" in part
