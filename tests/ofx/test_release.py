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


ENTRY_POINTS = {"OfxGetNumberOfPlugins", "OfxGetPlugin"}


def test_windows_exports_the_entry_points_and_needs_the_system_alone(release: Path) -> None:
    binary = release / "Win64" / "MobileFaceSwap.ofx"
    assert [entry.name for entry in binary.parent.iterdir()] == [binary.name], "no import library, no debug file"
    content = binary.read_bytes()
    header = struct.unpack_from("<I", content, 0x3C)[0]
    assert content[header : header + 4] == b"PE\0\0"
    assert struct.unpack_from("<H", content, header + 4)[0] == 0x8664, "x86-64"
    exported, imported = tables(content)
    assert exported == ENTRY_POINTS
    own = {name for name in imported if not name.startswith("api-ms-win-crt-")}
    assert own <= {"kernel32.dll", "advapi32.dll"}


def tables(content: bytes) -> tuple[set[str], set[str]]:
    """(exported names, imported libraries in lower case) of a 64-bit PE file."""
    header = struct.unpack_from("<I", content, 0x3C)[0]
    sections, optional = (
        struct.unpack_from("<H", content, header + 6)[0],
        struct.unpack_from("<H", content, header + 20)[0],
    )
    first = header + 24 + optional
    spans = [struct.unpack_from("<IIII", content, first + 40 * index + 8) for index in range(sections)]

    def at(address: int) -> int:
        for size, start, stored, place in spans:
            if start <= address < start + max(size, stored):
                return int(address - start + place)
        raise AssertionError(f"no section holds {address:#x}")

    def text(address: int) -> str:
        place = at(address)
        return content[place : content.index(b"\0", place)].decode()

    exports, _, imports = struct.unpack_from("<III", content, header + 24 + 112)
    count, names = (
        struct.unpack_from("<I", content, at(exports) + 24)[0],
        struct.unpack_from("<I", content, at(exports) + 32)[0],
    )
    exported = {text(struct.unpack_from("<I", content, at(names) + 4 * index)[0]) for index in range(count)}
    imported = set()
    for place in range(at(imports), len(content), 20):
        library = struct.unpack_from("<I", content, place + 12)[0]
        if not library:
            break
        imported.add(text(library).lower())
    return exported, imported
