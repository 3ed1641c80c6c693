"""The buttons of the OpenFX node, from the bridge's own table."""

from __future__ import annotations

import re
from pathlib import Path

_DESCRIBE = Path(__file__).parents[2] / "ofx_bridge" / "src" / "describe.cpp"
_BUTTON = re.compile(r'\{control::k\w+,\s*"([^"]*)",\s*"([^"]*)",\s*((?:"[^"]*"\s*)+)\}')


def buttons() -> str:
    """A table of every button: group, label, what it does."""
    found = _BUTTON.findall(_DESCRIBE.read_text("utf-8"))
    assert found
    lines = ["| Group | Button | What it does |", "|---|---|---|"]
    for group, label, hint in found:
        words = "".join(re.findall('"([^"]*)"', hint))
        lines.append(f"| {group} | *{label}* | {words} |")
    return "\n".join(lines)
