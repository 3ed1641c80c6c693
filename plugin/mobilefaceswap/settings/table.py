"""The one table of settings: command-line options, OpenFX parameters, documentation and messages are made from it.

A field's name is its script name everywhere (``matte_feather`` in Python and in a host, ``--matte-feather`` on the
command line) and is permanent; labels and hints may change. Sizes are in percent of the face's width, which is twice
the distance between the eyes of the crop template, so a proxy looks like the full picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ..colour import AUTOMATIC, BUILT_IN, SPACES, ColourSpace, space_named, unused_config
from .outputs import OUTPUTS
from .setting import Labels, Setting, Table, row, rows_of

__all__ = [
    "GROUPS",
    "ColourMatch",
    "EngineFailure",
    "FaceChoice",
    "HostSettings",
    "MatteSource",
    "MissingFrames",
    "RegrainFrom",
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


class FaceChoice(StrEnum):
    """Which of the faces in the plate is swapped."""

    LARGEST = "largest"
    INDEX = "index"
    NEAREST = "nearest"
    REFERENCE = "reference"
    ALL = "all"
    PERSON = "person"


class MatteSource(StrEnum):
    """What the matte is shaped from."""

    LEARNED = "learned"
    HULL = "hull"
    BOTH = "both"
    EITHER = "either"


class ColourMatch(StrEnum):
    """How the face's colour is matched to the plate's."""

    OFF = "off"
    MEAN_DEVIATION = "mean-deviation"
    COVARIANCE = "covariance"
    LOCAL = "local"


class RegrainFrom(StrEnum):
    """Where the grain on the face comes from."""

    NEW = "new"
    PLATE = "plate"


class MissingFrames(StrEnum):
    """What stands in for a frame that the clip or the track lacks."""

    FAIL = "fail"
    HOLD = "hold"
    SKIP = "skip"


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
        "Longest side of the picture that is searched for faces. Raise it to find small faces; the time for the "
        "search grows with its square.",
        640,
        minimum=160,
        maximum=2560,
        unit="pixels",
        animates=False,
        only_with=("track_file", ""),
        stage="detect",
    )
    detection_threshold: float = row(
        "Analysis & Tracking",
        "Detection Threshold",
        "Faces that the detector is less confident of are ignored.",
        0.7,
        minimum=0.1,
        maximum=1.0,
        animates=False,
        only_with=("track_file", ""),
        stage="detect",
    )
    smoothing: int = row(
        "Analysis & Tracking",
        "Smoothing",
        "Steadies the face's position by this many frames before and after, without lag: firmly at rest, hardly in "
        "fast motion, never across a cut. 0 is off. Where a host gives no access to other frames, it needs a track "
        "file.",
        3,
        minimum=0,
        maximum=12,
        unit="frames",
        animates=False,
        stage="smooth",
    )
    gap: int = row(
        "Analysis & Tracking",
        "Fill Gaps",
        "A face that is lost for at most this many frames is filled in between. Needs other frames, as Smoothing does.",
        6,
        minimum=0,
        maximum=48,
        unit="frames",
        animates=False,
        stage="smooth",
    )
    fade: int = row(
        "Analysis & Tracking",
        "Fade",
        "Where a face is lost for longer, the swap fades out over this many frames before, and in over as many after. "
        "0 is a hard change. Needs other frames, as Smoothing does.",
        3,
        minimum=0,
        maximum=24,
        unit="frames",
        animates=False,
        stage="smooth",
    )
    missing_frames: MissingFrames = row(
        "Analysis & Tracking",
        "Missing Frames",
        "For frames that an image sequence or the track lacks. Fail stops the render. Hold takes the last one before. "
        "Skip leaves a frame of the sequence out, and passes the plate where the track lacks it.",
        MissingFrames.FAIL,
        entries={"fail": "Fail", "hold": "Hold", "skip": "Skip"},
        animates=False,
        stage="smooth",
    )
    face_choice: FaceChoice = row(
        "Face Selection",
        "Face",
        "Which face in the plate to replace.",
        FaceChoice.LARGEST,
        entries={
            "largest": "Largest",
            "index": "By Number",
            "nearest": "Nearest to Point",
            "reference": "Like Reference Picture",
            "all": "All Faces",
            "person": "By Track ID",
        },
        stage="choose",
    )
    face_person: int = row(
        "Face Selection",
        "Track ID",
        "For By Track ID: the person's id in the track, which stays with them through gaps, crossings and cuts. "
        "`mobilefaceswap track show` lists the ids.",
        1,
        minimum=1,
        maximum=999,
        only_with=("face_choice", FaceChoice.PERSON),
        stage="choose",
    )
    face_index: int = row(
        "Face Selection",
        "Face Number",
        "For By Number: counts faces from the left of the picture, starting at 0.",
        0,
        minimum=0,
        maximum=99,
        only_with=("face_choice", FaceChoice.INDEX),
        stage="choose",
    )
    face_point_x: float = row(
        "Face Selection",
        "Point X",
        "For Nearest to Point: 0 is the left edge of the picture, 1 the right.",
        0.5,
        minimum=0.0,
        maximum=1.0,
        only_with=("face_choice", FaceChoice.NEAREST),
        stage="choose",
    )
    face_point_y: float = row(
        "Face Selection",
        "Point Y",
        "For Nearest to Point: 0 is the bottom edge of the picture, 1 the top.",
        0.5,
        minimum=0.0,
        maximum=1.0,
        only_with=("face_choice", FaceChoice.NEAREST),
        stage="choose",
    )
    reference: str = row(
        "Face Selection",
        "Reference Picture",
        "For Like Reference Picture: a photo of the person in the plate to replace. Other faces are left alone.",
        "",
        animates=False,
        only_with=("face_choice", FaceChoice.REFERENCE),
        stage="choose",
    )
    reference_threshold: float = row(
        "Face Selection",
        "Reference Threshold",
        "Least similarity to the reference (cosine of the embeddings) for a face to be replaced.",
        0.3,
        minimum=-1.0,
        maximum=1.0,
        only_with=("face_choice", FaceChoice.REFERENCE),
        stage="choose",
    )
    enable: bool = row(
        "Swap", "Enable", "Off passes the plate through untouched, with an empty matte.", True, stage="output"
    )
    mix: float = row(
        "Swap",
        "Mix",
        "0 is the plate, 1 the full swap. Scales the matte.",
        1.0,
        minimum=0.0,
        maximum=1.0,
        stage="matte",
    )
    deflicker: int = row(
        "Swap",
        "Deflicker",
        "Averages what the network draws over this many frames before and after, along the plate's own motion: what "
        "flickers goes, expressions stay. Never across a cut. 0 is off. Needs the frames themselves: in a host that "
        "hands out no others it does nothing, with a track file or without.",
        2,
        minimum=0,
        maximum=4,
        unit="frames",
        animates=False,
        stage="smooth",
    )
    matte_source: MatteSource = row(
        "Matte",
        "Matte From",
        "What the matte begins with: the mask that the network puts out, a face-shaped hull drawn from the "
        "landmarks, where both are, or where either is.",
        MatteSource.LEARNED,
        entries={"learned": "Learned Mask", "hull": "Hull", "both": "Both", "either": "Either"},
        stage="outline",
    )
    matte_islands: bool = row(
        "Matte",
        "Remove Islands",
        "Keeps only the part of the mask connected to the face; removes specks on hair and background.",
        True,
        stage="outline",
        tuned=True,
    )
    matte_holes: float = row(
        "Matte",
        "Fill Holes",
        "Fills holes in the mask narrower than this. Openings that reach its edge, such as a hand, stay open.",
        10.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
        stage="outline",
        tuned=True,
    )
    matte_smooth: float = row(
        "Matte",
        "Smooth Outline",
        "Smooths the outline of the mask before it is clipped. Lower it to keep fingers and hair out of the matte.",
        8.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
        stage="outline",
        tuned=True,
    )
    matte_black_clip: float = row(
        "Matte",
        "Black Clip",
        "Mask values at or below this become 0.",
        0.25,
        minimum=0.0,
        maximum=1.0,
        stage="matte",
        tuned=True,
    )
    matte_white_clip: float = row(
        "Matte",
        "White Clip",
        "Mask values at or above this become 1.",
        0.8,
        minimum=0.0,
        maximum=1.0,
        stage="matte",
        tuned=True,
    )
    matte_gamma: float = row(
        "Matte",
        "Gamma",
        "Above 1 lifts the greys of the matte, below 1 lowers them; black and white stay.",
        1.0,
        minimum=0.1,
        maximum=10.0,
        stage="matte",
    )
    matte_expand: float = row(
        "Matte",
        "Expand",
        "Moves the edge of the matte outwards; negative values move it inwards.",
        0.0,
        minimum=-25.0,
        maximum=25.0,
        unit="% of the face's width",
        stage="matte",
        tuned=True,
    )
    matte_feather: float = row(
        "Matte",
        "Feather",
        "Softens the edge of the matte.",
        4.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
        stage="matte",
        tuned=True,
    )
    matte_soft_inside: float = row(
        "Matte",
        "Soften Inside",
        "Fades the edge inwards from where it is; outside it nothing is added.",
        0.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
        stage="matte",
    )
    matte_soft_outside: float = row(
        "Matte",
        "Soften Outside",
        "Fades the edge outwards from where it is; the core stays solid up to it.",
        0.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
        stage="matte",
    )
    matte_soft_edge: float = row(
        "Matte",
        "Soften Edge Only",
        "Softens the outline as Feather does, but leaves greys inside the matte as they are.",
        0.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
        stage="matte",
    )
    matte_erode_dark: float = row(
        "Matte",
        "Erode Where Dark",
        "Moves the edge inwards where the plate is darker than the face, as at hair and beards.",
        0.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
        stage="matte",
    )
    matte_erode_bright: float = row(
        "Matte",
        "Erode Where Bright",
        "Moves the edge inwards where the plate is brighter than the face, as at a rim light or a bright background.",
        0.0,
        minimum=0.0,
        maximum=25.0,
        unit="% of the face's width",
        stage="matte",
    )
    matte_left: float = row(
        "Matte",
        "Crop Left",
        "Crops the matte from the left, as you see the face.",
        0.0,
        minimum=0.0,
        maximum=100.0,
        unit="% of the face's width",
        stage="matte",
    )
    matte_right: float = row(
        "Matte",
        "Crop Right",
        "Crops the matte from the right, as you see the face.",
        0.0,
        minimum=0.0,
        maximum=100.0,
        unit="% of the face's width",
        stage="matte",
    )
    matte_top: float = row(
        "Matte",
        "Crop Top",
        "Crops the matte from the forehead down.",
        0.0,
        minimum=0.0,
        maximum=100.0,
        unit="% of the face's width",
        stage="matte",
    )
    matte_bottom: float = row(
        "Matte",
        "Crop Bottom",
        "Crops the matte from the chin up.",
        0.0,
        minimum=0.0,
        maximum=100.0,
        unit="% of the face's width",
        stage="matte",
    )
    matte_invert: bool = row(
        "Matte",
        "Invert",
        "Turns the shaped matte around inside the crop, before kept features and external mattes.",
        False,
        stage="matte",
    )
    keep_mouth: float = row(
        "Matte",
        "Keep Mouth",
        "Keeps the plate between the lips, with a soft edge: teeth, tongue and speech are the actor's own.",
        0.0,
        minimum=0.0,
        maximum=1.0,
        stage="matte",
    )
    keep_eyes: float = row(
        "Matte",
        "Keep Eyes",
        "Keeps the plate's eyes and lids, with a soft edge.",
        0.0,
        minimum=0.0,
        maximum=1.0,
        stage="matte",
    )
    keep_brows: float = row(
        "Matte",
        "Keep Brows",
        "Keeps the plate's brows, with a soft edge.",
        0.0,
        minimum=0.0,
        maximum=1.0,
        stage="matte",
    )
    keep_skin: float = row(
        "Matte",
        "Keep Skin",
        "Keeps the plate's skin, so that only eyes, brows and mouth are swapped.",
        0.0,
        minimum=0.0,
        maximum=1.0,
        stage="matte",
    )
    occlusion: float = row(
        "Matte",
        "Occlusion",
        "Keeps what stands before the face: hands, and whatever differs from the face in colour, such as hair, "
        "microphones, dark glasses and food.",
        0.0,
        minimum=0.0,
        maximum=1.0,
        stage="matte",
    )
    colour_space: str = row(
        "Colour & Detail",
        "Working Space",
        "The colour space of the plate. Automatic uses what the clip or the host declares. Besides those listed, any "
        "name, alias or role of the OpenColorIO configuration.",
        AUTOMATIC,
        entries=Labels(SPACES, auto="Automatic"),
        open=True,
        animates=False,
        only_with=("other_space", ""),
        stage="plate",
    )
    ocio_config: str = row(
        "Colour & Detail",
        "OpenColorIO Config",
        "A configuration file (.ocio, .ocioz) or ocio:// name that defines further working spaces. Empty for $OCIO or, "
        "where that is not set, the built-in ACES studio configuration. The spaces listed need none.",
        "",
        animates=False,
        stage="plate",
    )
    view_exposure: float = row(
        "Colour & Detail",
        "View Exposure",
        "Brightens or darkens the plate for detector and network alone, as a viewer's gain does. The picture keeps its "
        "exposure. With Automatic Exposure it is added to it.",
        0.0,
        minimum=-10.0,
        maximum=10.0,
        unit="stops",
        stage="plate",
    )
    auto_exposure: bool = row(
        "Colour & Detail",
        "Automatic Exposure",
        "Shows the network every face as if well exposed, measured in each frame. For underexposed and overexposed "
        "plates, and day for night. The picture keeps its exposure.",
        False,
        stage="align",
    )
    colour_match: float = row(
        "Colour & Detail",
        "Colour Match",
        "Matches the colour and light of the face to the plate, region by region. 0 keeps the network's own.",
        1.0,
        minimum=0.0,
        maximum=1.0,
        stage="look",
        tuned=True,
    )
    colour_match_method: ColourMatch = row(
        "Colour & Detail",
        "Match By",
        "Local matches colour and light region by region. Mean and Deviation, and Covariance, match the face as a"
        " whole and keep its own shading; Covariance turns hues as well.",
        ColourMatch.LOCAL,
        entries={"local": "Local", "mean-deviation": "Mean and Deviation", "covariance": "Covariance", "off": "Off"},
        stage="look",
        tuned=True,
    )
    colour_match_size: float = row(
        "Colour & Detail",
        "Match Size",
        "For Local: what is coarser than this becomes the plate's colour and light. Lower it where the skin has patches"
        " of shade or hue that the plate does not; the source's own shading goes with them. Features keep theirs.",
        25.0,
        minimum=5.0,
        maximum=50.0,
        unit="% of the face's width",
        stage="look",
        tuned=True,
    )
    edge_match: float = row(
        "Colour & Detail",
        "Edge Match",
        "Brings the face to the plate's colour along the edge of its matte and fades inwards: removes a seam where the "
        "light on the two differs at cheek or forehead. Features in the middle keep their shading.",
        0.0,
        minimum=0.0,
        maximum=1.0,
        stage="look",
        tuned=True,
    )
    likeness: float = row(
        "Swap",
        "Likeness",
        "From the target's own face at 0 to the source at 1, and beyond it up to 1.3, where traits are exaggerated.",
        1.0,
        minimum=0.0,
        maximum=1.3,
        stage="look",
    )
    face_exposure: float = row(
        "Colour & Detail",
        "Face Exposure",
        "Brightens or darkens the swapped face, in scene-linear light.",
        0.0,
        minimum=-4.0,
        maximum=4.0,
        unit="stops",
        stage="look",
    )
    face_saturation: float = row(
        "Colour & Detail",
        "Face Saturation",
        "0 is grey, 1 leaves the face as it is.",
        1.0,
        minimum=0.0,
        maximum=2.0,
        stage="look",
    )
    face_warmth: float = row(
        "Colour & Detail",
        "Face Warmth",
        "Warms or cools the swapped face at the same luminance: at 1 red gains one stop over blue.",
        0.0,
        minimum=-1.0,
        maximum=1.0,
        stage="look",
    )
    sharpness_match: float = row(
        "Colour & Detail",
        "Sharpness Match",
        "Blurs or sharpens the face until it is as sharp as the plate is in this frame: for shots in soft focus "
        "and focus pulls.",
        0.0,
        minimum=0.0,
        maximum=1.0,
        stage="look",
        tuned=True,
    )
    motion_blur: float = row(
        "Colour & Detail",
        "Motion Blur",
        "Blurs the face along its way through the frame, as a shutter that is open for this share of the frame: "
        "0.5 is 180 degrees. Needs a track.",
        0.0,
        minimum=0.0,
        maximum=1.0,
        unit="frames",
        stage="look",
    )
    plate_detail: float = row(
        "Colour & Detail",
        "Plate Detail",
        "How much of the plate's grain and fine detail shows in the face: all that the network's crop is too "
        "small to hold.",
        1.0,
        minimum=0.0,
        maximum=1.0,
        stage="look",
        tuned=True,
    )
    regrain: float = row(
        "Colour & Detail",
        "Regrain",
        "Adds the plate's own grain, measured on the skin in this frame, as far as the face lacks it. 1 is "
        "the plate's.",
        0.0,
        minimum=0.0,
        maximum=2.0,
        stage="look",
        tuned=True,
    )
    regrain_from: RegrainFrom = row(
        "Colour & Detail",
        "Regrain With",
        "New Grain is drawn like the plate's, another in every frame. Plate Grain is the plate's own where it is, and "
        "moves as it does: for compressed clips, whose grain stands still for several frames.",
        RegrainFrom.NEW,
        entries={"new": "New Grain", "plate": "Plate Grain"},
        stage="look",
        tuned=True,
    )
    face_scale: float = row(
        "Swap",
        "Face Scale",
        "Makes the swapped face larger or smaller than the one in the plate, about its middle.",
        1.0,
        minimum=0.5,
        maximum=1.5,
        stage="look",
    )
    face_offset_x: float = row(
        "Swap",
        "Face Offset X",
        "Moves the swapped face to the right, as the face stands.",
        0.0,
        minimum=-25.0,
        maximum=25.0,
        unit="% of the face's width",
        stage="look",
    )
    face_offset_y: float = row(
        "Swap",
        "Face Offset Y",
        "Moves the swapped face upwards, as the face stands.",
        0.0,
        minimum=-25.0,
        maximum=25.0,
        unit="% of the face's width",
        stage="look",
    )
    pixel_boost: str = row(
        "Swap",
        "Pixel Boost",
        "Runs the network on crops of 2, 3 or 4 times the resolution, in interleaved parts: more detail for large"
        " faces, at 4, 9 or 16 times the work.",
        "1x",
        entries={"1x": "1x", "2x": "2x", "3x": "3x", "4x": "4x"},
        stage="swap",
        animates=False,
    )
    output_mode: str = row(
        "Output",
        "Output Mode",
        "Composite is the finished frame. Face layers carry the matte as alpha. Status shows the core in white, the "
        "soft edge in grey, areas added by the inside matte in blue and removed by the outside matte in red. Overlay "
        "draws the faces found.",
        "composite",
        entries=Labels(OUTPUTS),
        animates=False,
        stage="output",
    )
    matte_to_alpha: bool = row(
        "Output",
        "Matte to Alpha",
        "Puts the matte into the alpha of the composite, in place of the plate's alpha.",
        False,
        only_with=("output_mode", "composite"),
        animates=False,
        stage="output",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.space

    @property
    def space(self) -> ColourSpace | None:
        """The working space; None for what the clip or the host declares. Raises SettingsError on an unknown one."""
        return None if self.colour_space == AUTOMATIC else space_named(self.colour_space, self.ocio_config)

    @property
    def unused(self) -> str:
        """What a user should hear of a configuration that the working space does not come from; else ""."""
        own = self.space
        if not self.ocio_config or (own and (own.config or BUILT_IN) == self.ocio_config):
            return ""
        return unused_config(self.ocio_config, own.label if own else "Automatic")

    def replaced(self, **changes: Any) -> Settings:
        """A copy with some values changed, checked like any other. Raises SettingsError."""
        return replace(self, **changes)


@dataclass(frozen=True)
class HostSettings(Table):
    """Settings only a host's node has. The Python node takes them as constructor arguments."""

    source: str = row(
        "Source",
        "Source",
        "A photo of the person whose face to use, a folder of such photos, or a prepared identity (.idn).",
        "",
        animates=False,
        host_only=True,
        stage="swap",
    )
    source_face: int = row(
        "Source",
        "Source Face",
        "Which face in the source picture, counting from the largest, starting at 0.",
        0,
        minimum=0,
        maximum=99,
        animates=False,
        host_only=True,
        stage="swap",
    )
    source_age: float = row(
        "Source",
        "Source Age",
        "For portraits taken years apart: those before and after this age count, by how near they are. The ages stand "
        'in a file ages.toml beside the portraits, a line such as "at_25.jpg" = 25 for each. 0 for all alike.',
        0.0,
        minimum=0.0,
        maximum=9999.0,
        animates=False,
        host_only=True,
        stage="swap",
    )
    other_space: str = row(
        "Colour & Detail",
        "Other Space",
        "A colour space that Working Space does not list: a name, alias or role of the OpenColorIO configuration. "
        "Empty for Working Space.",
        "",
        kind="text",
        animates=False,
        host_only=True,
        stage="plate",
    )
    detector: str = row(
        "Analysis & Tracking",
        "Face Detector",
        "Empty for the model pack's own, or insightface:NAME_OR_FOLDER for an InsightFace pack on this machine.",
        "",
        kind="text",
        animates=False,
        host_only=True,
        stage="detect",
    )
    track_file: str = row(
        "Analysis & Tracking",
        "Track File",
        "Faces stored for this clip by `mobilefaceswap analyse` or Analyse Range, used instead of searching the frame.",
        "",
        animates=False,
        host_only=True,
        stage="detect",
    )
    pack: str = row(
        "Swap",
        "Model Pack",
        "Empty for the pack that ships, or the name or folder of another. Controls keep their values: defaults of the "
        "other pack do not apply.",
        "",
        kind="text",
        animates=False,
        host_only=True,
        stage="swap",
    )
    device: str = row(
        "Swap",
        "Device",
        "What the swapping network runs on. Automatic takes MOBILEFACESWAP_DEVICE, else the first that works; one that "
        "you name runs or the frame fails. Engine says which it is.",
        "auto",
        entries={
            "auto": "Automatic",
            "cpu": "CPU",
            "cuda": "CUDA",
            "tensorrt": "TensorRT",
            "coreml": "Core ML",
            "directml": "DirectML",
            "openvino": "OpenVINO",
        },
        animates=False,
        host_only=True,
        stage="swap",
    )
    engine_failure: EngineFailure = row(
        "Output",
        "If the Engine Fails",
        "Fail the Frame stops the render, so that no frame ships unswapped by mistake. Pass Through shows the plate.",
        EngineFailure.FAIL,
        entries={"fail": "Fail the Frame", "pass-through": "Pass Through"},
        animates=False,
        host_only=True,
        stage="output",
    )


def table(*, host: bool = False) -> tuple[Setting, ...]:
    """Every row in display order; with ``host`` the rows that only a host's node has as well."""
    rows = rows_of(HostSettings) + rows_of(Settings) if host else rows_of(Settings)
    return tuple(sorted(rows, key=lambda row: GROUPS.index(row.group)))
