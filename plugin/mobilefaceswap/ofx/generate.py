"""Prints the bridge's table of parameters from the one table of settings and the shipped pack's defaults.

``python -m mobilefaceswap.ofx.generate`` rewrites ofx_bridge/src/settings.gen.h; a test proves that it is fresh.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..engine.wire import FINGERPRINT
from ..settings import GROUPS, OUTPUTS, Output, Setting, table

__all__ = ["header", "main"]

_PREAMBLE = """\
// Written by `python -m mobilefaceswap.ofx.generate` from the table of settings and the shipped pack's defaults.
// Do not edit.
#pragma once

#include <cstdint>

#include "pixels.h"

namespace mfs::settings {

enum class Type { Boolean, Integer, Double, Choice, File, Text };
enum class Alpha { Plate, Premultiplied, Straight, Opaque };
enum class Outside { Plate, Zero };

// What an output mode shows. picture: in the plate's colour space; otherwise data.
struct Output {
  Alpha alpha;
  Outside outside;
  bool picture;
  // Matte to Alpha replaces its alpha.
  bool alphaSwitch;
  // The first that holds it.
  Depth depth;
};

struct Row {
  Type type;
  const char* name;
  const char* group;
  const char* label;
  const char* hint;
  double byDefault, minimum, maximum;
  const char* textByDefault;
  bool animates;
  // The setting's position without whose value this one has no effect; -1 for none. A text counts as 0 or 1.
  int dependsOn;
  double dependsOnValue;
  int entries;
  const char* const* entryLabels;
};
"""


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
        *(_row(row, rows) for row in rows),
        "};\n",
        "// In the order of the output modes.",
        "constexpr Output kOutputs[] = {",
        *(_output(row) for row in OUTPUTS.values()),
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


def _output(row: Output) -> str:
    alpha, outside = row.alpha.value.capitalize(), row.outside.value.capitalize()
    switches = f"{_boolean(row.picture)}, {_boolean(row.alpha_switch)}"
    return f"    {{Alpha::{alpha}, Outside::{outside}, {switches}, Depth::{row.depth.value.capitalize()}}},"


def _number(row: Setting, value: Any) -> float:
    """A value as the bridge holds it: choices by position, texts by whether there is one."""
    if row.kind == "choice":
        return list(row.entries).index(value)
    return float(bool(value) if row.textual else value)


def _dependence(row: Setting, rows: Sequence[Setting]) -> str:
    if row.only_with is None:
        return "-1, 0"
    name, value = row.only_with
    position = [other.name for other in rows].index(name)
    return f"{position}, {_number(rows[position], value):g}"


def _row(row: Setting, rows: Sequence[Setting]) -> str:
    hint = f"{row.hint} In {row.unit}." if row.unit else row.hint
    low, high = (row.minimum, row.maximum) if row.minimum is not None else (0, 1)
    text = row.textual
    fields = (
        f"Type::{row.kind.capitalize()}",
        *map(_quoted, (row.name, row.group, row.label, hint)),
        *(f"{number:.17g}" for number in (0 if text else _number(row, row.default), low, high)),
        _quoted(row.default if text else ""),
        _boolean(row.animates),
        _dependence(row, rows),
        f"{len(row.entries)}, k_{row.name}" if row.kind == "choice" else "0, nullptr",
    )
    return f"    {{{', '.join(fields)}}},"


def _boolean(value: bool) -> str:
    return str(value).lower()


if __name__ == "__main__":
    main()
