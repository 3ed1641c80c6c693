"""The one table of settings: command-line options, OpenFX parameters, documentation and messages are made from it.

A field's name is its script name everywhere (``matte_feather`` in Python and in a host, ``--matte-feather`` on the
command line) and is permanent; labels and hints may change. Sizes are in percent of the face's width, which is twice
the distance between the eyes of the crop template, so a proxy looks like the full picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Literal, Self

from .errors import SettingsError

__all__ = [
    "GROUPS",
    "EngineFailure",
    "FaceChoice",
    "HostSettings",
    "OutputMode",
    "PlateColourSpace",
    "Setting",
    "Settings",
    "table",
]

GROUPS = (
    "Source",
    "Analysis & Tracking",
    "Face Selection",
    "Swap",
    "Matte",
    "Colour & Detail",
    "Output",
)

Kind = Literal["boolean", "integer", "double", "choice", "file"]


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


class OutputMode(StrEnum):
    """The picture that a one-output node shows."""

    COMPOSITE = "composite"
    FACE = "face"
    FACE_UNPREMULTIPLIED = "face-unpremultiplied"
    MATTE = "matte"
    STATUS = "status"
    OVERLAY = "overlay"


class EngineFailure(StrEnum):
    """What a host shows where the engine cannot render a frame."""

    FAIL = "fail"
    PASS_THROUGH = "pass-through"


@dataclass(frozen=True)
class Setting:
    """One row of the table. ``entries`` maps a choice's value to its label, in the order shown."""

    name: str
    kind: Kind
    default: Any
    group: str
    label: str
    hint: str
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    entries: Mapping[str, str] = field(default_factory=dict)
    animates: bool = True
    host_only: bool = False

    def check(self, value: Any) -> Any:
        """``value`` in the setting's own type. Raises SettingsError naming what was expected."""
        if self.kind == "choice":
            return self._checked_choice(value)
        if self.kind == "boolean":
            return self._checked_boolean(value)
        if self.kind == "file":
            return str(value)
        return self._checked_number(value)

    def _checked_choice(self, value: Any) -> Any:
        try:
            return type(self.default)(value)
        except ValueError:
            raise self._refusal(f"one of {', '.join(self.entries)}", value) from None

    def _checked_boolean(self, value: Any) -> bool:
        if value in (True, False):
            return bool(value)
        raise self._refusal("true or false", value)

    def _checked_number(self, value: Any) -> float | int:
        expected = f"a number from {self.minimum:g} to {self.maximum:g}{self.unit and ' ' + self.unit}"
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self._refusal(expected, value) from None
        assert self.minimum is not None
        assert self.maximum is not None
        if not math.isfinite(number) or not self.minimum <= number <= self.maximum:
            raise self._refusal(expected, value)
        if self.kind == "double":
            return number
        if number != int(number):
            raise self._refusal(expected.replace("a number", "a whole number"), value)
        return int(number)

    def _refusal(self, expected: str, value: Any) -> SettingsError:
        return SettingsError(
            f"{self.name} ({self.label}): expected {expected}, found {value!r}; "
            "`mobilefaceswap settings` lists every setting with its range"
        )


def _row(group: str, label: str, hint: str, default: Any, **more: Any) -> Any:
    """A dataclass field that carries its row of the table."""
    if isinstance(default, StrEnum):
        kind = "choice"
    elif isinstance(default, bool):
        kind = "boolean"
    elif isinstance(default, str):
        kind = "file"
    else:
        kind = "integer" if isinstance(default, int) else "double"
    row = {"kind": kind, "group": group, "label": label, "hint": hint, **more}
    return field(default=default, metadata=row)


class _Table:
    """What both records share: checked on construction, made from plain mappings."""

    def __post_init__(self) -> None:
        for row in _rows(type(self)):
            object.__setattr__(self, row.name, row.check(getattr(self, row.name)))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Settings from names and values, the rest at their defaults. Raises SettingsError on an unknown name."""
        known = {row.name for row in _rows(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise SettingsError(f"unknown setting {', '.join(unknown)}; `mobilefaceswap settings` lists the known ones")
        return cls(**values)


@dataclass(frozen=True)
class Settings(_Table):
    """What an artist may change from frame to frame. Ranges and meanings stand in the rows below."""

    analysis_size: int = _row(
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
    detection_threshold: float = _row(
        "Analysis & Tracking",
        "Detection Threshold",
        "Faces found with less confidence than this are ignored.",
        0.7,
        minimum=0.1,
        maximum=1.0,
        animates=False,
    )
    smoothing: int = _row(
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
    face_choice: FaceChoice = _row(
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
    face_index: int = _row(
        "Face Selection",
        "Face Number",
        "With By Number: the face counted from the left of the picture, beginning with 0.",
        0,
        minimum=0,
        maximum=99,
    )
    face_point_x: float = _row(
        "Face Selection",
        "Point X",
        "With Nearest to Point: 0 is the left edge of the picture, 1 the right.",
        0.5,
        minimum=0.0,
        maximum=1.0,
    )
    face_point_y: float = _row(
        "Face Selection",
        "Point Y",
        "With Nearest to Point: 0 is the bottom edge of the picture, 1 the top.",
        0.5,
        minimum=0.0,
        maximum=1.0,
    )
    reference: str = _row(
        "Face Selection",
        "Reference Picture",
        "With Like Reference Picture: a picture of the person of the plate who is to be swapped. Nobody else ever is.",
        "",
        animates=False,
    )
    reference_threshold: float = _row(
        "Face Selection",
        "Reference Threshold",
        "How like the reference a face must be (cosine of their embeddings) to be swapped.",
        0.3,
        minimum=-1.0,
        maximum=1.0,
    )
    enable: bool = _row("Swap", "Enable", "Off passes the plate on untouched, with an empty matte.", True)
    mix: float = _row(
        "Swap",
        "Mix",
        "0 is the plate, 1 the full swap. It scales the matte.",
        1.0,
        minimum=0.0,
        maximum=1.0,
    )
    matte_islands: bool = _row(
        "Matte",
        "Remove Islands",
        "Keeps of the network's mask only what is connected with the face: no specks on hair or background.",
        True,
    )
    matte_holes: float = _row(
        "Matte",
        "Fill Holes",
        "Fills holes of the network's mask that are narrower than this; what reaches its edge, such as a hand, stays.",
        10.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
    )
    matte_smooth: float = _row(
        "Matte",
        "Smooth Outline",
        "Takes the wobble out of the mask before it is clipped. Lower it where fingers or hair must stay out.",
        8.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
    )
    matte_black_clip: float = _row(
        "Matte",
        "Black Clip",
        "Values of the network's mask at and below this become 0.",
        0.25,
        minimum=0.0,
        maximum=1.0,
    )
    matte_white_clip: float = _row(
        "Matte",
        "White Clip",
        "Values of the network's mask at and above this become 1.",
        0.8,
        minimum=0.0,
        maximum=1.0,
    )
    matte_expand: float = _row(
        "Matte",
        "Expand",
        "Moves the matte's edge outwards; negative values contract.",
        0.0,
        minimum=-25.0,
        maximum=25.0,
        unit="% of the face's width",
    )
    matte_feather: float = _row(
        "Matte",
        "Feather",
        "Softens the matte's edge.",
        4.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
    )
    matte_left: float = _row(
        "Matte",
        "Crop Left",
        "Takes the matte away from the viewer's left side of the face.",
        0.0,
        minimum=0.0,
        maximum=100.0,
        unit="% of the face's width",
    )
    matte_right: float = _row(
        "Matte",
        "Crop Right",
        "Takes the matte away from the viewer's right side of the face.",
        0.0,
        minimum=0.0,
        maximum=100.0,
        unit="% of the face's width",
    )
    matte_top: float = _row(
        "Matte",
        "Crop Top",
        "Takes the matte away from the forehead down.",
        0.0,
        minimum=0.0,
        maximum=100.0,
        unit="% of the face's width",
    )
    matte_bottom: float = _row(
        "Matte",
        "Crop Bottom",
        "Takes the matte away from the chin up.",
        0.0,
        minimum=0.0,
        maximum=100.0,
        unit="% of the face's width",
    )
    colour_space: PlateColourSpace = _row(
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
    colour_match: float = _row(
        "Colour & Detail",
        "Colour Match",
        "How far the face takes on the colour and the light of the plate, part by part; 0 is the network's own.",
        1.0,
        minimum=0.0,
        maximum=1.0,
    )
    plate_detail: float = _row(
        "Colour & Detail",
        "Plate Detail",
        "How much of the plate's grain and of what is finer than the network's crop comes back into the face, "
        "highlights beyond white included.",
        0.5,
        minimum=0.0,
        maximum=1.0,
    )
    output_mode: OutputMode = _row(
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
    matte_to_alpha: bool = _row(
        "Output",
        "Matte to Alpha",
        "Writes the matte into the composite's alpha instead of passing the plate's alpha on.",
        False,
    )

    def replaced(self, **changes: Any) -> Settings:
        """A copy with some values changed, checked like any other. Raises SettingsError."""
        return replace(self, **changes)


@dataclass(frozen=True)
class HostSettings(_Table):
    """What a host's node holds besides: the inputs that the Python node takes as arguments."""

    source: str = _row(
        "Source",
        "Source",
        "A picture of the person whose face is put in, a folder of such pictures, or a prepared identity (.idn).",
        "",
        animates=False,
        host_only=True,
    )
    source_face: int = _row(
        "Source",
        "Source Face",
        "Which face of the source picture, counted from the largest, beginning with 0.",
        0,
        minimum=0,
        maximum=99,
        animates=False,
        host_only=True,
    )
    track_file: str = _row(
        "Analysis & Tracking",
        "Track File",
        "What `mobilefaceswap analyse` wrote for this clip. With it nothing is searched in the frame.",
        "",
        animates=False,
        host_only=True,
    )
    engine_failure: EngineFailure = _row(
        "Output",
        "If the Engine Fails",
        "Fail marks the frame so that nobody ships it by mistake. Pass Through shows the unswapped plate.",
        EngineFailure.FAIL,
        entries={"fail": "Fail the Frame", "pass-through": "Pass Through"},
        animates=False,
        host_only=True,
    )


def _rows(record: type) -> tuple[Setting, ...]:
    return tuple(Setting(name=item.name, default=item.default, **item.metadata) for item in fields(record))


def table(*, host: bool = False) -> tuple[Setting, ...]:
    """Every row in display order; with ``host`` the rows that only a host's node has as well."""
    rows = _rows(HostSettings) + _rows(Settings) if host else _rows(Settings)
    return tuple(sorted(rows, key=lambda row: GROUPS.index(row.group)))
