"""Prints the bridge's table of parameters from the one table of settings.

``python -m mobilefaceswap.ofx.generate`` rewrites ofx_bridge/src/settings.gen.h; a test proves that it is fresh.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from .. import __version__
from ..settings import GROUPS, Setting, table

__all__ = ["FINGERPRINT", "header", "main"]

_TYPES = {"boolean": "Boolean", "integer": "Integer", "double": "Double", "choice": "Choice"}

_PREAMBLE = """\
// Written by `python -m mobilefaceswap.ofx.generate` from the table of settings. Do not edit.
#pragma once

#include <cstdint>

namespace mfs::settings {

enum class Type { Boolean, Integer, Double, Choice, File };

struct Row {
  Type type;
  const char* name;
  const char* group;
  const char* label;
  const char* hint;
  double byDefault, minimum, maximum;
  bool animates;
  int entries;
  const char* const* entryLabels;
};
"""


def _fingerprint(rows: tuple[Setting, ...]) -> int:
    """Of what both sides must agree on to read a request: names, kinds and entries, in order."""
    agreed = [[row.name, row.kind, list(row.entries)] for row in rows]
    return int.from_bytes(hashlib.sha256(json.dumps(agreed).encode()).digest()[:8], "little")


FINGERPRINT = _fingerprint(table(host=True))
"""Bridge and engine refuse one another where it differs."""


def header() -> str:
    """The text of settings.gen.h."""
    rows = table(host=True)
    groups = [group for group in GROUPS if any(row.group == group for row in rows)]
    parts = [
        _PREAMBLE,
        f"constexpr char kVersion[] = {_quoted(__version__)};",
        f"constexpr uint64_t kFingerprint = {FINGERPRINT:#x};\n",
        f"constexpr const char* kGroups[] = {{{', '.join(map(_quoted, groups))}}};\n",
        *(_entry_labels(row) for row in rows if row.kind == "choice"),
        "constexpr Row kRows[] = {",
        *(_row(row) for row in rows),
        "};\n",
        "// Positions in kRows.",
        "enum class Position {",
        *(f"  {row.name}," for row in rows),
        "};\n",
        "// Positions of the entries of choices.",
        *(_entry_positions(row) for row in rows if row.kind == "choice"),
        "\n}  // namespace mfs::settings\n",
    ]
    return "\n".join(parts)


def main() -> None:
    """Rewrites the header of this checkout."""
    place = Path(__file__).resolve().parents[3] / "ofx_bridge" / "src" / "settings.gen.h"
    place.write_text(header())
    print(place)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)


def _entry_labels(row: Setting) -> str:
    return f"constexpr const char* k_{row.name}[] = {{{', '.join(map(_quoted, row.entries.values()))}}};"


def _entry_positions(row: Setting) -> str:
    entries = ", ".join("k" + "".join(word.capitalize() for word in entry.split("-")) for entry in row.entries)
    return f"namespace {row.name}_entry {{\nenum Entry {{ {entries} }};\n}}"


def _default(row: Setting) -> float:
    if row.kind == "choice":
        return list(row.entries).index(row.default)
    return 0 if row.textual else float(row.default)


def _row(row: Setting) -> str:
    hint = f"{row.hint} In {row.unit}." if row.unit else row.hint
    low, high = (row.minimum, row.maximum) if row.minimum is not None else (0, 1)
    choice = f"{len(row.entries)}, k_{row.name}" if row.kind == "choice" else "0, nullptr"
    kind = _TYPES.get(row.kind, "File")
    words = ", ".join(map(_quoted, (row.name, row.group, row.label, hint)))
    numbers = f"{_default(row):.17g}, {low:.17g}, {high:.17g}"
    return f"    {{Type::{kind}, {words}, {numbers}, {str(row.animates).lower()}, {choice}}},"


if __name__ == "__main__":
    main()
