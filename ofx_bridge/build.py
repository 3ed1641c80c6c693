"""Builds MobileFaceSwap.ofx.bundle.

python ofx_bridge/build.py              for this machine, with the system's C++ compiler (zig where there is none)
python ofx_bridge/build.py --release    for Linux, Windows and macOS, with zig (pip install ziglang)
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_SOURCES = _HERE / "src"
_PARTS = (
    "plugin",
    "describe",
    "instance",
    "needs",
    "overlay",
    "point",
    "handles",
    "seen",
    "pen",
    "render",
    "buttons",
    "request",
    "inputs",
    "engine",
    "host",
    "hosts",
    "pixels",
    "process",
)
_FLAGS = ("-std=c++17", "-O2", "-fvisibility=hidden", "-fvisibility-inlines-hidden")
_WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Werror")
_ELF = ("-shared", f"-Wl,--version-script={_HERE / 'exports.map'}", "-Wl,--no-undefined", "-Wl,-z,relro,-z,now", "-s")
_ELF_LIBRARIES = ("-ldl", "-lpthread", "-lrt")
_PE = ("-shared", "-s", "-DUNICODE", "-DNOMINMAX", "-DWIN32_LEAN_AND_MEAN", "-ladvapi32")
# Without a name of its own a library for macOS is called after the place where it was built.
_MACH_O = (
    "-fPIC",
    "-shared",
    "-Wl,-install_name,@rpath/MobileFaceSwap.ofx",
    "-fvisibility-global-new-delete=force-hidden",
)
_POSIX, _WINDOWS, _MACOS = ("process_posix",), ("process_win32",), ("process_posix", "memory_macos")
_BUNDLE = "MobileFaceSwap.ofx.bundle"
_BINARY = "MobileFaceSwap.ofx"


@dataclass(frozen=True)
class Target:
    """One binary of the bundle. zig: the compiler's name of the target; folder: where hosts look for it; parts: what
    it has besides the parts of every system.
    """

    zig: str
    folder: str
    flags: tuple[str, ...]
    parts: tuple[str, ...] = _POSIX


_RELEASE = (
    Target("x86_64-linux-gnu.2.17", "Linux-x86-64", ("-fPIC", *_ELF, *_ELF_LIBRARIES)),
    Target("x86_64-windows-gnu", "Win64", _PE, _WINDOWS),
    Target("aarch64-macos.11.0", "MacOS/arm64", _MACH_O, _MACOS),
    Target("x86_64-macos.11.0", "MacOS/x86_64", _MACH_O, _MACOS),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds what the arguments say and prints where it lies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", action="store_true", help="for every system, with zig")
    parser.add_argument("-o", "--output", type=Path, default=_HERE / "build", help="folder of the bundle")
    options = parser.parse_args(arguments)
    try:
        print(release(options.output) if options.release else build(options.output))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"the bundle was not built: {error}", file=sys.stderr)
        return 1
    return 0


def build(output: Path) -> Path:
    """The bundle for this machine. Seconds."""
    contents = _contents(output)
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    command = compiler.split() if compiler else _zig()
    static = ("-static-libstdc++", "-static-libgcc") if compiler else ()
    if sys.platform == "darwin":
        _compile(command, ("-fPIC", "-bundle"), contents / "MacOS" / _BINARY)
    elif sys.platform == "win32":
        _compile([*_zig(), "-target", "x86_64-windows-gnu"], _PE, contents / "Win64" / _BINARY, _WINDOWS)
    else:
        flags = ("-fPIC", *static, *(_unique(command)), *_ELF, *_ELF_LIBRARIES)
        _compile(command, flags, contents / "Linux-x86-64" / _BINARY)
    return contents.parent


def release(output: Path) -> Path:
    """The bundle for every system. The first build of a target compiles its C++ library: minutes."""
    contents = _contents(output)
    for target in _RELEASE:
        _compile([*_zig(), "-target", target.zig], target.flags, contents / target.folder / _BINARY, target.parts)
    slices = [contents / "MacOS" / name for name in ("arm64", "x86_64")]
    _join_mach_o([folder / _BINARY for folder in slices], contents / "MacOS" / _BINARY)
    for folder in slices:
        shutil.rmtree(folder)
    return contents.parent


def _contents(output: Path) -> Path:
    """An empty Contents folder with what is the same on every system."""
    contents = output / _BUNDLE / "Contents"
    shutil.rmtree(contents.parent, ignore_errors=True)
    shutil.copytree(_HERE / "resources", contents / "Resources")
    (contents / "Info.plist").write_text((_HERE / "Info.plist.in").read_text().replace("@VERSION@", _version()))
    return contents


def _version() -> str:
    header = (_SOURCES / "settings.gen.h").read_text()
    found = re.search(r'kVersion\[\] = "([^"]+)"', header)
    if found is None:
        raise OSError("settings.gen.h names no version; run `python -m mobilefaceswap.ofx.generate`")
    return found[1]


def _zig() -> list[str]:
    if importlib.util.find_spec("ziglang") is None:
        raise OSError("expected a C++ compiler (c++, g++ or clang++) or zig; found none. Run `pip install ziglang`")
    return [sys.executable, "-m", "ziglang", "c++"]


def _unique(command: Sequence[str]) -> tuple[str, ...]:
    """GCC would make some symbols unique over the whole process, which keeps hosts from unloading the binary."""
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    return ("-fno-gnu-unique",) if "Free Software Foundation" in version else ()


def _compile(command: Sequence[str], flags: Sequence[str], binary: Path, parts: Sequence[str] = _POSIX) -> None:
    binary.parent.mkdir(parents=True, exist_ok=True)
    sources = [str(_SOURCES / f"{name}.cpp") for name in (*_PARTS, *parts)]
    subprocess.run([*command, *_FLAGS, *_WARNINGS, *sources, *flags, "-o", str(binary)], check=True)
    # Linkers of Windows leave import libraries and debug files beside it, which no host needs.
    for other in set(binary.parent.iterdir()) - {binary}:
        other.unlink()


def _join_mach_o(slices: Sequence[Path], universal: Path) -> None:
    """One universal file: a big-endian table of (type, subtype, offset, size, alignment), then the files."""
    alignment = 14
    page = 1 << alignment
    files = [path.read_bytes() for path in slices]
    table, body = struct.pack(">II", 0xCAFEBABE, len(files)), b""
    start = page
    for file in files:
        kind, subtype = struct.unpack_from("<II", file, 4)
        table += struct.pack(">IIIII", kind, subtype, start + len(body), len(file), alignment)
        body += file + bytes(-len(file) % page)
    universal.write_bytes(table.ljust(page, b"\0") + body)


if __name__ == "__main__":
    raise SystemExit(main())
