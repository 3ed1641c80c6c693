"""The page of every setting, from the table of settings."""

from __future__ import annotations

from collections.abc import Sequence

import chain
import pictures

from mobilefaceswap.settings import GROUPS, OUTPUTS, Setting, table
from mobilefaceswap.settings.outputs import Alpha, Outside

_KINDS = {
    "boolean": "on or off",
    "integer": "whole number",
    "double": "number",
    "choice": "choice",
    "text": "text",
    "file": "path",
}
_ALPHA = {
    Alpha.PLATE: "as the plate's",
    Alpha.PREMULTIPLIED: "the matte; colour premultiplied",
    Alpha.STRAIGHT: "the matte; colour unpremultiplied",
    Alpha.OPAQUE: "none: data or a diagram",
}
_OUTSIDE = {Outside.PLATE: "the plate", Outside.ZERO: "0"}
_HEAD = """# Settings

One table in the code makes this page, the controls of the OpenFX node, the options of the command line and the
keyword arguments of `Settings` in Python. The **script name** is the same everywhere and never changes; labels may.

- In a host: the label. In a host's scripts and project files: the script name.
- On the command line: the script name with dashes, `--matte-feather 6`; switches as `--matte-islands` and
  `--no-matte-islands`.
- In Python: `Settings(matte_feather=6)`.

Sizes in percent of the face's width mean the same on a close-up, a wide shot and a proxy. `mobilefaceswap settings`
prints this table in a terminal.
"""


def page() -> str:
    """The whole page as Markdown: a section for each group, a heading for each setting."""
    parts = [_HEAD]
    for group in GROUPS:
        rows = [row for row in table(host=True) if row.group == group]
        parts.append(f"## {group}\n\n" + "\n".join(_section(row) for row in rows))
    return "\n".join(parts)


def output_modes() -> str:
    """A table of the outputs: label, value, alpha, what lies outside the face."""
    lines = ["| Output Mode | `--output-mode` | Alpha and colour | Outside the face |", "|---|---|---|---|"]
    lines += [
        f"| *{item.label}* | `{name}` | {_ALPHA[item.alpha]} | {_OUTSIDE[item.outside]} |"
        for name, item in OUTPUTS.items()
    ]
    return "\n".join(lines)


def exr_layers() -> str:
    """A table of the layers of an EXR: label, channels, samples, when they are stored."""
    lines = ["| Layer | Channels | Samples | Stored |", "|---|---|---|---|"]
    for row in OUTPUTS.values():
        if row.layer:
            channels = ", ".join(f"`{row.layer}.{channel}`" for channel in row.channels or "RGBA")
            samples = "32 bits" if row.exact else "as the picture"
            stored = "usually" if row.usual else "with `--layers all`"
            lines.append(f"| {row.label} | {channels} | {samples} | {stored} |")
    return "\n".join(lines)


def figures(name: str) -> str:
    """The pictures of one setting in a row, for a page one folder down."""
    label = next(row.label for row in table() if row.name == name)
    return _figures(pictures.of(name), f"{label}: ")


def chain_figures() -> str:
    """The pictures of two nodes in a row, for a page one folder down."""
    return _figures(chain.of(), "")


def _figures(shown: Sequence[pictures.Picture], before: str) -> str:
    parts = [
        f'<figure markdown="span">\n![{before}{picture.caption}](../{picture.name})\n'
        f"<figcaption>{before}{picture.caption}</figcaption>\n</figure>"
        for picture in shown
    ]
    return '<div class="pictures" markdown>\n' + "\n".join(parts) + "\n</div>\n"


def _section(row: Setting) -> str:
    facts = [
        ("Script name", f"`{row.name}`"),
        ("Kind", _KINDS[row.kind]),
        ("Default", _default(row)),
    ]
    if row.minimum is not None:
        facts.append(("Range", f"{row.minimum:g} to {row.maximum:g} {row.unit}".rstrip()))
    if row.entries:
        facts.append(("Choices", ", ".join(f"{label} (`{value}`)" for value, label in row.entries.items())))
    if row.tuned:
        facts.append(("Model pack", "may set another default"))
    if row.only_with is not None:
        facts.append(("Effective with", _condition(*row.only_with)))
    facts.append(("Keyframes", "yes" if row.animates else "no"))
    if row.host_only:
        facts.append(("Where", "in hosts only"))
    shown = f"{figures(row.name)}\n" if row.name in pictures.SHOWN else ""
    listed = "\n".join(f"| {name} | {value} |" for name, value in facts)
    return f"### {row.label} {{ #{row.name} }}\n\n{row.hint}\n\n{shown}| | |\n|---|---|\n{listed}\n"


def _default(row: Setting) -> str:
    if row.kind == "boolean":
        return "on" if row.default else "off"
    if row.kind == "choice":
        return row.entries[str(row.default)]
    if row.textual:
        return str(row.default) or "empty"
    return f"{row.default:g}"


def _condition(name: str, value: object) -> str:
    other = next(row for row in table(host=True) if row.name == name)
    if other.textual:
        return f"{other.label} {value or 'empty'}"
    return f"{other.label} {other.entries[str(value)] if other.entries else value}"
