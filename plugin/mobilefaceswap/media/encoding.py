"""Which codec, pixel format and tags an output gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
from av.codec.codec import UnknownCodecError

from ..errors import MediaError
from .clip import ColourTags, MediaClip
from .planes import PlaneLayout, parse_layout
from .video import VideoClip

__all__ = ["Encoder", "choose_encoder"]

_NAMES = {
    "h264": "libx264",
    "avc": "libx264",
    "h265": "libx265",
    "hevc": "libx265",
    "prores": "prores_ks",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "dnxhr": "dnxhd",
}
_PRORES = ("proxy", "lt", "standard", "hq", "4444", "4444xq")
_CRF = {"libx264": 16, "libx265": 18, "libvpx-vp9": 20, "libsvtav1": 20}
_BT709 = ColourTags(1, 1, 1, False)


@dataclass(frozen=True)
class Encoder:
    """codec: FFmpeg's name. matrix, full_range: what the planes are made with. notes: what could not be kept."""

    codec: str
    layout: PlaneLayout
    matrix: int
    full_range: bool
    tags: ColourTags
    options: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def choose_encoder(
    path: str,
    like: MediaClip,
    size: tuple[int, int],
    *,
    codec: str | None,
    quality: str | int | None,
    bit_depth: int | None,
    alpha: bool,
) -> Encoder:
    """The encoder for pictures of ``size`` (width, height) in ``path``.

    Raises MediaError on a codec or quality that is not known.
    """
    wanted = _wanted(like, bit_depth, alpha)
    name = _NAMES.get((codec or "").lower(), codec) or _default_codec(path, wanted)
    layout = _nearest(name, _even(wanted, size))
    notes = _losses(name, wanted, layout)
    matrix, full_range, tags = _coding(like, layout)
    return Encoder(name, layout, matrix, full_range, tags, _options(name, quality, layout), notes)


def _wanted(like: MediaClip, bit_depth: int | None, alpha: bool) -> PlaneLayout:
    """The layout that would keep everything."""
    depth = bit_depth or min(like.bit_depth, 16)
    if isinstance(like, VideoClip):
        layout = parse_layout(like.pixel_format)
        assert layout is not None
        return replace(layout, bits=depth, alpha=alpha)
    return PlaneLayout("", "yuv", min(depth, 10), alpha, (1, 1) if alpha else (2, 2))


def _even(wanted: PlaneLayout, size: tuple[int, int]) -> PlaneLayout:
    """Odd sizes have no half chroma sample: they are written with chroma at full size, neither padded nor cropped."""
    width, height = size
    if wanted.kind == "yuv" and (width % wanted.step[0] or height % wanted.step[1] or width % 2 or height % 2):
        return replace(wanted, step=(1, 1))
    return wanted


def _default_codec(path: str, wanted: PlaneLayout) -> str:
    ending = Path(path).suffix.lower()
    if ending == ".webm":
        return "libvpx-vp9"
    if ending == ".mov" and (wanted.bits > 8 or wanted.alpha):
        return "prores_ks"
    if ending == ".mkv" and wanted.alpha:
        return "ffv1"
    return "libx264"


def _formats(codec: str) -> list[PlaneLayout]:
    try:
        found = av.Codec(codec, "w").video_formats or []
    except (UnknownCodecError, ValueError):
        raise MediaError(
            f"expected a video codec such as {', '.join(sorted(_NAMES))}; found {codec!r}. Choose one of these, or a "
            "name of FFmpeg's"
        ) from None
    layouts = [parse_layout(item.name) for item in found if "j4" not in item.name]
    known = [layout for layout in layouts if layout is not None and layout.kind != "grey"]
    if not known:
        raise MediaError(f"expected a codec that takes planar pictures; {codec} does not. Choose h264 or prores")
    return known


def _nearest(codec: str, wanted: PlaneLayout) -> PlaneLayout:
    """The codec's pixel format that loses least and, of those, is smallest."""

    def loss(layout: PlaneLayout) -> tuple[object, ...]:
        kind = "yuv" if wanted.kind == "grey" else wanted.kind
        coarser = layout.step[0] > wanted.step[0] or layout.step[1] > wanted.step[1]
        finer = wanted.step[0] * wanted.step[1] - layout.step[0] * layout.step[1]
        return (
            wanted.alpha and not layout.alpha,
            layout.kind != kind,
            coarser,
            max(0, wanted.bits - layout.bits),
            layout.alpha and not wanted.alpha,
            finer,
            layout.bits,
        )

    return min(_formats(codec), key=loss)


def _losses(codec: str, wanted: PlaneLayout, layout: PlaneLayout) -> tuple[str, ...]:
    notes = []
    if wanted.alpha and not layout.alpha:
        notes.append(f"{codec} has no alpha: written without it (ProRes in .mov, or EXR, keeps it)")
    if layout.bits < wanted.bits:
        notes.append(f"{codec} holds {layout.bits} bits of the clip's {wanted.bits}")
    return tuple(notes)


def _coding(like: MediaClip, layout: PlaneLayout) -> tuple[int, bool, ColourTags]:
    if layout.kind == "gbr":
        tags = like.colour_tags if isinstance(like, VideoClip) else _BT709
        return 1, True, replace(tags, matrix=0, full_range=True)
    if isinstance(like, VideoClip):
        matrix, full_range = like.coding
        tags = like.colour_tags
        if tags.matrix == 0:
            # RGB is stored as YUV: the matrix has to be said.
            return matrix, False, replace(tags, matrix=matrix, full_range=False)
        return matrix, full_range, tags
    return 1, False, _BT709


def _options(codec: str, quality: str | int | None, layout: PlaneLayout) -> dict[str, str]:
    if codec == "prores_ks":
        return _prores(quality, layout)
    if codec not in _CRF:
        return {} if quality is None else {"global_quality": str(_number(quality, codec))}
    options = {"crf": str(_CRF[codec] if quality is None else _number(quality, codec))}
    if codec in ("libx264", "libx265"):
        # A third of the work of "fast" for files of the same size and 0.9 dB less: rendering shares the processor.
        options["preset"] = "veryfast"
    if codec == "libx265":
        options["x265-params"] = "log-level=error"
    if codec == "libvpx-vp9":
        options |= {"b": "0", "row-mt": "1", "cpu-used": "3"}
    return options


def _prores(quality: str | int | None, layout: PlaneLayout) -> dict[str, str]:
    least = "4444" if layout.step == (1, 1) else "hq"
    profile = str(quality or least).lower()
    if profile.isdigit() and int(profile) < len(_PRORES):
        profile = _PRORES[int(profile)]
    if profile not in _PRORES:
        raise MediaError(f"expected a ProRes quality: {', '.join(_PRORES)}; found {quality!r}. Choose one of these")
    if layout.step == (1, 1) and not profile.startswith("4444"):
        profile = "4444"
    options = {"profile": str(_PRORES.index(profile)), "vendor": "apl0"}
    return options | ({"alpha_bits": "16"} if layout.alpha else {})


def _number(quality: str | int, codec: str) -> float | int:
    try:
        number = float(quality)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 63:
        raise MediaError(
            f"expected the quality of {codec} as a number from 0 (lossless) to 51 (poor); found {quality!r}. Try 16"
        )
    return int(number) if number == int(number) else number
