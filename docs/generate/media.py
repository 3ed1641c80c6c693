"""Tables of formats, containers, codecs and colour spaces, from the rows in the code."""

from __future__ import annotations

from mobilefaceswap.colour import SPACES
from mobilefaceswap.colour.config import aliases_of
from mobilefaceswap.media.pictures.formats import FORMATS
from mobilefaceswap.media.video.containers import CONTAINERS
from mobilefaceswap.media.video.encoders import CODECS

_ENCODINGS = {
    "linear": "scene-linear",
    "log": "scene, logarithmic",
    "display": "display-referred",
    "hdr": "display-referred, HDR",
}


def picture_formats() -> str:
    """A table of the picture formats that can be read and written."""
    lines = ["| Format | Endings | Taken as | Written with bits | Alpha |", "|---|---|---|---|---|"]
    for row in dict.fromkeys(FORMATS.values()):
        depths = ", ".join(map(str, row.depths)) + (" (16 is half float)" if row.half else "")
        alpha = ("premultiplied" if row.premultiplied else "unpremultiplied") if row.alpha else "no"
        written = depths if row.write else "not written"
        endings = ", ".join(f"`{ending}`" for ending in row.endings)
        lines.append(f"| {row.name} | {endings} | {row.colour_space.label} | {written} | {alpha} |")
    return "\n".join(lines)


def containers() -> str:
    """The endings of video files that can be written, in one line."""
    return ", ".join(f"`{ending}`" for ending in CONTAINERS)


def codecs() -> str:
    """The short names of codecs, in one line."""
    return ", ".join(f"`{name}`" for name in CODECS)


def colour_spaces() -> str:
    """A table of the working spaces."""
    lines = ["| Working Space | `--colour-space` | Kind | Names in OpenFX hosts |", "|---|---|---|---|"]
    for space in SPACES.values():
        kind = _ENCODINGS[space.encoding]
        names = ", ".join(f"`{name}`" for name in (*aliases_of(space)[:1], *space.openfx))
        lines.append(f"| *{space.label}* | `{space.name}` | {kind} | {names} |")
    return "\n".join(lines)
