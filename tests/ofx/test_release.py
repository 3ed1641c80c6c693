"""The release bundle, compiled by zig: inspected here, run only where the machine is of its kind."""

from __future__ import annotations

import importlib.util
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mobilefaceswap.ofx.install import build

pytestmark = pytest.mark.slow

ENTRY_POINTS = {"OfxGetNumberOfPlugins", "OfxGetPlugin"}


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
    assert exported == ENTRY_POINTS
    headers = subprocess.run(["objdump", "-p", binary], capture_output=True, text=True, check=True).stdout
    needed = {name.split(".so")[0] for name in re.findall(r"NEEDED\s+(\S+)", headers)}
    assert needed <= {"libc", "libm", "libpthread", "libdl", "librt", "ld-linux-x86-64"}, "libc++ is linked in"


def test_macos_is_universal(release: Path) -> None:
    content = (release / "MacOS" / "MobileFaceSwap.ofx").read_bytes()
    magic, count = struct.unpack_from(">II", content)
    assert (magic, count) == (0xCAFEBABE, 2)
    slices = [struct.unpack_from(">IIIII", content, 8 + 20 * index) for index in range(count)]
    assert {kind for kind, *_ in slices} == {0x0100000C, 0x01000007}, "arm64 and x86-64"
    for _, _, offset, size, _ in slices:
        part = content[offset : offset + size]
        assert part[:4] == b"\xcf\xfa\xed\xfe"
        commands = dict(load_commands(part))
        assert struct.unpack_from("<II", commands[BUILD_VERSION], 8) == (1, 11 << 16), "macOS 11.0"
        # The linker names the image and its header; nobody looks these up.
        assert exports(part, commands) - {"___dso_handle", "__mh_dylib_header"} == {"_" + name for name in ENTRY_POINTS}
        assert text_of(commands[INSTALL_NAME]) == "@rpath/MobileFaceSwap.ofx", "no path of the machine that built it"
        libraries = {text_of(command) for kind, command in load_commands(part) if kind == LOAD_LIBRARY}
        assert libraries == {"/usr/lib/libSystem.B.dylib"}


LOAD_LIBRARY, INSTALL_NAME, DYNAMIC_INFO, BUILD_VERSION = 0xC, 0xD, 0x80000022, 0x32


def load_commands(part: bytes) -> Iterator[tuple[int, bytes]]:
    """(kind, bytes) of the load commands of a 64-bit Mach-O file."""
    place = 32
    for _ in range(struct.unpack_from("<I", part, 16)[0]):
        kind, size = struct.unpack_from("<II", part, place)
        yield kind, part[place : place + size]
        place += size


def text_of(command: bytes) -> str:
    """The path that a library's command holds."""
    return command[struct.unpack_from("<I", command, 8)[0] :].rstrip(b"\0").decode()


def exports(part: bytes, commands: dict[int, bytes]) -> set[str]:
    """The names in a Mach-O file's tree of exported symbols."""
    start, size = struct.unpack_from("<II", commands[DYNAMIC_INFO], 40)
    return names_below(part[start : start + size], 0, "")


def names_below(tree: bytes, node: int, prefix: str) -> set[str]:
    described, place = number_at(tree, node)
    found = {prefix} if described else set()
    place += described
    count, place = tree[place], place + 1
    for _ in range(count):
        end = tree.index(b"\0", place)
        child, following = number_at(tree, end + 1)
        found |= names_below(tree, child, prefix + tree[place:end].decode())
        place = following
    return found


def number_at(tree: bytes, place: int) -> tuple[int, int]:
    """(a number of 7 bits a byte, lowest first; where the next field begins)."""
    number = shift = 0
    while True:
        byte = tree[place]
        number, shift, place = number | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128:
            return number, place


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
