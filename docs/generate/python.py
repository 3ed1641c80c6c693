"""The reference of the Python package: every public name, from its docstring."""

from __future__ import annotations

import mobilefaceswap

_HEAD = """# Python

What `mobilefaceswap` exports is public; other names may change between versions. Importing the package does no work:
a name is loaded when it is first used.

```python
--8<-- "docs/examples/ten_lines.py:body"
```

Conventions: pixels are float32, `(height, width, channels)`, top-left origin, the centre of the top-left pixel at
(0, 0). Alpha and mattes are 0 to 1. Time is an integer frame number. Errors are listed [below](#errors).
"""


def page() -> str:
    """The whole page as Markdown; mkdocstrings fills in signatures and docstrings."""
    names = [name for name in mobilefaceswap.__all__ if name != "FaceSwapError"]
    first = [
        name for name in ("FaceSwapNode", "RenderResult", "Settings", "open_clip", "create_output") if name in names
    ]
    ordered = [*first, *(name for name in names if name not in first)]
    blocks = [_block(name) for name in ordered]
    return "\n".join([_HEAD, *blocks, "## Errors\n", "<!-- generated: errors -->\n"])


def _block(name: str) -> str:
    if name != "Settings":
        return f"::: mobilefaceswap.{name}\n"
    # Its signature is the table of settings, which has a page of its own.
    listed = "Keyword arguments: every [setting](settings.md) that is not for hosts only.\n"
    return f"::: mobilefaceswap.{name}\n    options: {{show_signature: false}}\n\n{listed}"
