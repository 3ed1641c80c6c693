"""The pictures that a node can show: one row for each, from which every front and the bridge's table are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .table import Settings

__all__ = ["OUTPUTS", "Alpha", "Depth", "Output", "Outside", "output_of"]


class Alpha(StrEnum):
    """What the alpha of an output is, and how its colour relates to it.

    PLATE: as the plate's. PREMULTIPLIED, STRAIGHT: the matte, with colour multiplied by it or not. OPAQUE: data or a
    diagram, which nobody may multiply or divide.
    """

    PLATE = "plate"
    PREMULTIPLIED = "premultiplied"
    STRAIGHT = "straight"
    OPAQUE = "opaque"


class Outside(StrEnum):
    """What lies outside the rectangle that a frame changes."""

    PLATE = "plate"
    ZERO = "zero"


class Depth(StrEnum):
    """What the pixels of a host hold: integers of 8 and of 16 bits, floats of 16 and of 32; the later hold more."""

    BYTE = "byte"
    SHORT = "short"
    HALF = "half"
    FLOAT = "float"


@dataclass(frozen=True)
class Output:
    """The facts of one output.

    label: as people read it. draw: the function of `look` that makes the picture of a `Composition`, as
    ``module:function``. picture: in the plate's colour space; otherwise data. whole: every pixel may differ from what
    lies outside, so that the whole picture is made. alpha_switch: Matte to Alpha replaces its alpha. layer: its name
    among the layers of an EXR, "" where it is none; channels: theirs, where not R, G, B and A; usual: whether it is
    stored without being asked for; exact: in 32 bits, whatever the picture has. depth: the first of a host that holds
    it: a difference is below 0, too, an ST map has finer steps than 8 bits, and an id of a Cryptomatte is every bit of
    a float. changes: the output whose difference to the plate it is: what is stored is then the difference of what is
    stored of both.
    """

    label: str
    draw: str
    alpha: Alpha
    outside: Outside
    picture: bool = True
    whole: bool = False
    alpha_switch: bool = False
    layer: str = ""
    channels: tuple[str, ...] = ()
    usual: bool = False
    exact: bool = False
    depth: Depth = Depth.BYTE
    changes: str = ""


OUTPUTS: Mapping[str, Output] = {
    "composite": Output(
        "Composite",
        "mobilefaceswap.look.over:composite",
        Alpha.PLATE,
        Outside.PLATE,
        alpha_switch=True,
        layer="composite",
    ),
    "face": Output(
        "Face (premultiplied)",
        "mobilefaceswap.look.over:face",
        Alpha.PREMULTIPLIED,
        Outside.ZERO,
        layer="face",
        usual=True,
    ),
    "face-unpremultiplied": Output(
        "Face (unpremultiplied)", "mobilefaceswap.look.over:straight_face", Alpha.STRAIGHT, Outside.ZERO
    ),
    "matte": Output(
        "Matte",
        "mobilefaceswap.look.over:matte",
        Alpha.OPAQUE,
        Outside.ZERO,
        picture=False,
        layer="matte",
        channels=("A",),
        usual=True,
    ),
    "status": Output(
        "Status", "mobilefaceswap.look.views:status", Alpha.OPAQUE, Outside.ZERO, picture=False, whole=True
    ),
    "overlay": Output("Overlay", "mobilefaceswap.look.views:overlay", Alpha.PLATE, Outside.PLATE, whole=True),
    "learned-matte": Output(
        "Learned Matte",
        "mobilefaceswap.look.over:learned_matte",
        Alpha.OPAQUE,
        Outside.ZERO,
        picture=False,
        whole=True,
        layer="learned",
        channels=("A",),
    ),
    "occlusion": Output(
        "Occlusion",
        "mobilefaceswap.look.over:occlusion_matte",
        Alpha.OPAQUE,
        Outside.ZERO,
        picture=False,
        whole=True,
        layer="occlusion",
        channels=("A",),
    ),
    "trust": Output(
        "Trust",
        "mobilefaceswap.look.over:trust",
        Alpha.OPAQUE,
        Outside.ZERO,
        picture=False,
        whole=True,
        layer="trust",
        channels=("A",),
    ),
    "difference": Output(
        "Difference",
        "mobilefaceswap.look.layers:difference",
        Alpha.OPAQUE,
        Outside.ZERO,
        picture=False,
        whole=True,
        layer="difference",
        channels=("R", "G", "B"),
        depth=Depth.HALF,
        changes="composite",
    ),
    "st-map": Output(
        "ST Map of the Crop",
        "mobilefaceswap.look.layers:crop_map",
        Alpha.OPAQUE,
        Outside.ZERO,
        picture=False,
        whole=True,
        layer="forward",
        channels=("u", "v", "A"),
        exact=True,
        depth=Depth.SHORT,
    ),
    "people": Output(
        "People (Cryptomatte)",
        "mobilefaceswap.look.layers:people",
        Alpha.OPAQUE,
        Outside.ZERO,
        picture=False,
        layer="CryptoPerson00",
        exact=True,
        depth=Depth.FLOAT,
    ),
}
"""Every output by name, in the order shown. A new one is a row here, the last, since projects of hosts keep a choice's
place; and a function in `look`.
"""


def output_of(settings: Settings) -> Output:
    """The facts of the output that ``settings`` choose, Matte to Alpha taken into account."""
    row = OUTPUTS[settings.output_mode]
    if row.alpha_switch and settings.matte_to_alpha:
        return replace(row, alpha=Alpha.STRAIGHT, whole=True)
    return row
