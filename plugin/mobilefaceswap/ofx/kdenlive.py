"""Generates Kdenlive's description of the effect, so that its panel shows names, groups and ranges.

``python -m mobilefaceswap.ofx.kdenlive`` prints it; ofx_bridge/hosts/mlt holds a copy, and a test proves that it is
fresh. Kdenlive reads such files from ``~/.local/share/kdenlive/effects``.
"""

from __future__ import annotations

import sys
from xml.etree import ElementTree as xml

from ..settings import Setting, table

__all__ = ["description"]

_SERVICE = "openfx.org.mobilefaceswap.FaceSwap"
_KINDS = {"boolean": "bool", "integer": "constant", "double": "constant", "choice": "list", "file": "url"}


def description() -> str:
    """The XML of Face Swap."""
    effect = xml.Element("effect", {"tag": _SERVICE, "id": _SERVICE})
    xml.SubElement(effect, "name").text = "Face Swap"
    xml.SubElement(effect, "description").text = "Replaces a face in the clip with the face of a source person."
    xml.SubElement(effect, "author").text = "MobileFaceSwap"
    for row in table(host=True):
        effect.append(_parameter(row))
    xml.indent(effect)
    return '<?xml version="1.0"?>\n<!DOCTYPE kpartgui>\n' + xml.tostring(effect, "unicode") + "\n"


def _parameter(row: Setting) -> xml.Element:
    # MLT takes the label of a choice, and keyframes of what animates.
    kind = "animated" if row.animates and row.kind == "double" else _KINDS.get(row.kind, "simpletext")
    parameter = xml.Element("parameter", {"type": kind, "name": row.name, "default": _default(row)})
    if row.minimum is not None and row.maximum is not None:
        parameter.set("min", f"{row.minimum:g}")
        parameter.set("max", f"{row.maximum:g}")
        parameter.set("decimals", "3" if row.kind == "double" else "0")
    if row.kind == "choice":
        parameter.set("paramlist", ";".join(row.entries.values()))
    xml.SubElement(parameter, "name").text = row.label
    xml.SubElement(parameter, "comment").text = row.hint
    return parameter


def _default(row: Setting) -> str:
    if row.kind == "choice":
        return row.entries[row.default]
    return str(row.default) if row.textual else f"{float(row.default):g}"


if __name__ == "__main__":
    sys.stdout.write(description())
