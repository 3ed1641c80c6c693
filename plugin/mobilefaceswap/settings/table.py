"""The one table of settings: command-line options, OpenFX parameters, documentation and messages are made from it.

A field's name is its script name everywhere (``matte_feather`` in Python and in a host, ``--matte-feather`` on the
command line) and is permanent; labels and hints may change. Sizes are in percent of the face's width, which is twice
the distance between the eyes of the crop template, so a proxy looks like the full picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from .outputs import OutputMode
from .setting import Setting, Table, row, rows_of

__all__ = ["GROUPS", "EngineFailure", "FaceChoice", "HostSettings", "PlateColourSpace", "Settings", "table"]

GROUPS = (
    "Source",
    "Analysis & Tracking",
    "Face Selection",
    "Swap",
    "Matte",
    "Colour & Detail",
    "Output",
)


class FaceChoice(StrEnum):
    """Which of the faces in the plate is swapped."""

    LARGEST = "largest"
    INDEX = "index"
    NEAREST = "nearest"
    REFERENCE = "reference"
    ALL = "all"


class PlateColourSpace(StrEnum):
    """The working space of the plate; ``AUTO`` takes what the clip declares."""

    AUTO = "auto"
    SRGB = "srgb"
    REC709 = "rec709"
    LINEAR = "linear-rec709"


class EngineFailure(StrEnum):
    """What a host shows where the engine cannot render a frame."""

    FAIL = "fail"
    PASS_THROUGH = "pass-through"


@dataclass(frozen=True)
class Settings(Table):
    """What an artist may change from frame to frame. Ranges and meanings stand in the rows below."""

    analysis_size: int = row(
        "Analysis & Tracking",
        "Analysis Size",
        "Longest side, in pixels, at which the plate is searched for faces. Raise it for small faces; "
        "the search time grows with its square.",
        640,
        minimum=160,
        maximum=2560,
        unit="pixels",
        animates=False,
    )
    detection_threshold: float = row(
        "Analysis & Tracking",
        "Detection Threshold",
        "Faces found with less confidence than this are ignored.",
        0.7,
        minimum=0.1,
        maximum=1.0,
        animates=False,
    )
    smoothing: int = row(
        "Analysis & Tracking",
        "Smoothing",
        "Frames to either side over which the face's position is smoothed; a face lost for a moment within "
        "them is filled in. 0 is off. In a host without temporal access it needs a track file.",
        0,
        minimum=0,
        maximum=12,
        unit="frames",
        animates=False,
    )
    face_choice: FaceChoice = row(
        "Face Selection",
        "Face",
        "Which face of the plate is swapped.",
        FaceChoice.LARGEST,
        entries={
            "largest": "Largest",
            "index": "By Number",
            "nearest": "Nearest to Point",
            "reference": "Like Reference Picture",
            "all": "All Faces",
        },
    )
    face_index: int = row(
        "Face Selection",
        "Face Number",
        "With By Number: the face counted from the left of the picture, beginning with 0.",
        0,
        minimum=0,
        maximum=99,
    )
    face_point_x: float = row(
        "Face Selection",
        "Point X",
        "With Nearest to Point: 0 is the left edge of the picture, 1 the right.",
        0.5,
        minimum=0.0,
        maximum=1.0,
    )
    face_point_y: float = row(
        "Face Selection",
        "Point Y",
        "With Nearest to Point: 0 is the bottom edge of the picture, 1 the top.",
        0.5,
        minimum=0.0,
        maximum=1.0,
    )
    reference: str = row(
        "Face Selection",
        "Reference Picture",
        "With Like Reference Picture: a picture of the person of the plate who is to be swapped. Nobody else ever is.",
        "",
        animates=False,
    )
    reference_threshold: float = row(
        "Face Selection",
        "Reference Threshold",
        "How like the reference a face must be (cosine of their embeddings) to be swapped.",
        0.3,
        minimum=-1.0,
        maximum=1.0,
    )
    enable: bool = row("Swap", "Enable", "Off passes the plate on untouched, with an empty matte.", True)
    mix: float = row(
        "Swap",
        "Mix",
        "0 is the plate, 1 the full swap. It scales the matte.",
        1.0,
        minimum=0.0,
        maximum=1.0,
    )
    matte_islands: bool = row(
        "Matte",
        "Remove Islands",
        "Keeps of the network's mask only what is connected with the face: no specks on hair or background.",
        True,
    )
    matte_holes: float = row(
        "Matte",
        "Fill Holes",
        "Fills holes of the network's mask that are narrower than this; what reaches its edge, such as a hand, stays.",
        10.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
    )
    matte_smooth: float = row(
        "Matte",
        "Smooth Outline",
        "Takes the wobble out of the mask before it is clipped. Lower it where fingers or hair must stay out.",
        8.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
    )
    matte_black_clip: float = row(
        "Matte",
        "Black Clip",
        "Values of the network's mask at and below this become 0.",
        0.25,
        minimum=0.0,
        maximum=1.0,
    )
    matte_white_clip: float = row(
        "Matte",
        "White Clip",
        "Values of the network's mask at and above this become 1.",
        0.8,
        minimum=0.0,
        maximum=1.0,
    )
    matte_expand: float = row(
        "Matte",
        "Expand",
        "Moves the matte's edge outwards; negative values contract.",
        0.0,
        minimum=-25.0,
        maximum=25.0,
        unit="% of the face's width",
    )
    matte_feather: float = row(
        "Matte",
        "Feather",
        "Softens the matte's edge.",
        4.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
    )
    matte_left: float = row(
        "Matte",
        "Crop Left",
        "Takes the matte away from the viewer's left side of the face.",
        0.0,
        minimum=0.0,
        maximum=100.0,
        unit="% of the face's width",
    )
    matte_right: float = row(
        "Matte",
        "Crop Right",
        "Takes the matte away from the viewer's right side of the face.",
        0.0,
        minimum=0.0,
        maximum=100.0,
        unit="% of the face's width",
    )
    matte_top: float = row(
        "Matte",
        "Crop Top",
        "Takes the matte away from the forehead down.",
        0.0,
        minimum=0.0,
        maximum=100.0,
        unit="% of the face's width",
    )
    matte_bottom: float = row(
        "Matte",
        "Crop Bottom",
        "Takes the matte away from the chin up.",
        0.0,
        minimum=0.0,
        maximum=100.0,
        unit="% of the face's width",
    )
    colour_space: PlateColourSpace = row(
        "Colour & Detail",
        "Working Space",
        "What the plate's numbers mean. Automatic takes what the clip or the host declares.",
        PlateColourSpace.AUTO,
        entries={
            "auto": "Automatic",
            "srgb": "sRGB",
            "rec709": "Rec.709",
            "linear-rec709": "Linear Rec.709",
        },
        animates=False,
    )
    colour_match: float = row(
        "Colour & Detail",
        "Colour Match",
        "How far the face takes on the colour and the light of the plate, part by part; 0 is the network's own.",
        1.0,
        minimum=0.0,
        maximum=1.0,
    )
    plate_detail: float = row(
        "Colour & Detail",
        "Plate Detail",
        "How much of the plate's grain and of what is finer than the network's crop comes back into the face, "
        "highlights beyond white included.",
        0.5,
        minimum=0.0,
        maximum=1.0,
    )
    output_mode: OutputMode = row(
        "Output",
        "Output Mode",
        "Composite is the finished frame. Face layers carry the matte as alpha. Status shows the core white, "
        "the soft edge grey, and what holdout and garbage mattes did in blue and red. Overlay draws what was found.",
        OutputMode.COMPOSITE,
        entries={
            "composite": "Composite",
            "face": "Face (premultiplied)",
            "face-unpremultiplied": "Face (unpremultiplied)",
            "matte": "Matte",
            "status": "Status",
            "overlay": "Overlay",
        },
    )
    matte_to_alpha: bool = row(
        "Output",
        "Matte to Alpha",
        "Writes the matte into the composite's alpha instead of passing the plate's alpha on.",
        False,
    )

    def replaced(self, **changes: Any) -> Settings:
        """A copy with some values changed, checked like any other. Raises SettingsError."""
        return replace(self, **changes)


@dataclass(frozen=True)
class HostSettings(Table):
    """What a host's node holds besides: the inputs that the Python node takes as arguments."""

    source: str = row(
        "Source",
        "Source",
        "A picture of the person whose face is put in, a folder of such pictures, or a prepared identity (.idn).",
        "",
        animates=False,
        host_only=True,
    )
    source_face: int = row(
        "Source",
        "Source Face",
        "Which face of the source picture, counted from the largest, beginning with 0.",
        0,
        minimum=0,
        maximum=99,
        animates=False,
        host_only=True,
    )
    track_file: str = row(
        "Analysis & Tracking",
        "Track File",
        "What `mobilefaceswap analyse` wrote for this clip. With it nothing is searched in the frame.",
        "",
        animates=False,
        host_only=True,
    )
    engine_failure: EngineFailure = row(
        "Output",
        "If the Engine Fails",
        "Fail marks the frame so that nobody ships it by mistake. Pass Through shows the unswapped plate.",
        EngineFailure.FAIL,
        entries={"fail": "Fail the Frame", "pass-through": "Pass Through"},
        animates=False,
        host_only=True,
    )


def table(*, host: bool = False) -> tuple[Setting, ...]:
    """Every row in display order; with ``host`` the rows that only a host's node has as well."""
    rows = rows_of(HostSettings) + rows_of(Settings) if host else rows_of(Settings)
    return tuple(sorted(rows, key=lambda row: GROUPS.index(row.group)))
