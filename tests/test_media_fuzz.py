"""A slice of the damaged files of ``fuzz_media``, the same in every run; what it found stands beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fuzz_media import FOLDER, Change, check, originals

FOUND: list[tuple[str, list[Change], str]] = [
    (".avi", [("flip", 0.0, 0.0)], ".avi"),
    (".exr", [("flip", 0.0, 0.0), ("flip", 0.0, 0.0), ("mix", 0.5, 1.0)], ".avif"),
    (".avif", [("flip", 0.3125, 0.0)], ".avi"),
    (".gif", [("cut", 0.703125, 0.0)], ".avi"),
]
"""Cases that once ended in a traceback: a seek that fails, an error message that is no text, decoders' own errors."""


@pytest.mark.parametrize(("ending", "changes", "other"), FOUND)
def test_what_was_found_is_mended(ending: str, changes: list[Change], other: str) -> None:
    check(ending, changes, other)


def test_damaged_files_neither_crash_nor_hang() -> None:
    """In a process of its own, since a crash would take the tests with it."""
    script = Path(__file__).parent / "fuzz_media.py"
    done = subprocess.run(
        [sys.executable, str(script), "--cases", "150"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "read" in done.stdout
    assert "refused" in done.stdout


def test_the_originals_are_whole() -> None:
    """Otherwise the cases would prove nothing."""
    from fuzz_media import read_all

    for ending, content in originals().items():
        (FOLDER / f"original{ending}").write_bytes(content)
        assert read_all(FOLDER / f"original{ending}") in (1, 6, 8), ending
