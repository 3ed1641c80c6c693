"""Which codec, pixel format and tags an output gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
from av.codec.codec import UnknownCodecError

from ...errors import MediaError
from ..clip import MediaClip
from ..declared import ColourTags, PlaneLayout
from .options import encoder_options, held_by
from .planes import sampling, writable_layout

__all__ = ["CODECS", "DEPTHS", "Encoder", "choose_encoder"]

CODECS = {
    "h264": "libx264",
    "avc": "libx264",
    "h265": "libx265",
    "hevc": "libx265",
    "prores": "prores_ks",
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "dnxhr": "dnxhd",
}
"""Short names of codecs and FFmpeg's names of their encoders."""
DEPTHS = (8, 10, 12, 16, 32)
"""Bits that may be asked for; the codec has the nearest."""
_UNUSABLE = {"libvpx-vp9": ("yuva422p", "yuva444p"), "libx265": ("yuva420p", "yuva420p10le")}
"""Pixel formats that an encoder lists and refuses, or that no decoder gives back."""

_MATTE = PlaneLayout("", "grey", 16)


@dataclass(frozen=True)
class Encoder:
    """codec: FFmpeg's name. matrix, full_range: what the planes are made with. notes: what is not kept."""

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
    matte: bool = False,
) -> Encoder:
    """The encoder for pictures of ``size`` (width, height) in ``path``. matte: one channel of data without chroma to
    lose, which FFV1, where it is asked for, stores in 16 bits of grey.

    Raises MediaError on a codec or quality that is not known.
    """
    if bit_depth is not None and bit_depth not in DEPTHS:
        raise MediaError(
            f"expected {', '.join(map(str, DEPTHS[:-1]))} or {DEPTHS[-1]} bits; found {bit_depth} for {path}. Choose "
            "one of these"
        )
    grey = matte and codec == "ffv1"
    wanted = _MATTE if grey else _wanted(like, bit_depth, alpha)
    name = CODECS.get((codec or "").lower(), codec) or _default_codec(path, wanted)
    notes: tuple[str, ...] = ()
    if wanted.alpha and not any(layout.alpha for layout in _formats(name, grey=False)):
        # An alpha that is not written asks for no finer chroma.
        wanted = _wanted(like, bit_depth, alpha=False)
        notes = (f"{name} has no alpha: written without it (ProRes in .mov, or EXR, keeps it)",)
    held = held_by(name, quality, wanted)
    layout = _nearest(name, _even(held, size), grey=grey)
    matrix, full_range, tags = _coding(like, layout)
    if layout.kind == "grey":
        full_range, tags = True, replace(tags, full_range=True)
    options = encoder_options(codec or name, name, quality, layout, size, like)
    notes += _losses(name, held, layout, asked=bit_depth is not None)
    if like.format.planes is not None and not matte:
        notes += _coarser_chroma(name, held, layout)
    notes += _left_out(f"{name} {quality}", wanted, held, matte=matte)
    return Encoder(name, layout, matrix, full_range, tags, options, notes)


def _wanted(like: MediaClip, bit_depth: int | None, alpha: bool) -> PlaneLayout:
    """The layout that would keep everything."""
    depth = bit_depth or min(like.bit_depth, 16)
    if like.format.planes is not None:
        return replace(like.format.planes, bits=depth, alpha=alpha)
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
        return "libsvtav1" if wanted.bits > 8 and not wanted.alpha else "libvpx-vp9"
    if ending == ".mov" and (wanted.bits > 8 or wanted.alpha):
        return "prores_ks"
    if ending == ".mkv" and wanted.alpha:
        return "ffv1"
    return "libx264"


def _formats(codec: str, *, grey: bool) -> list[PlaneLayout]:
    try:
        found = av.Codec(codec, "w").video_formats or []
    except (UnknownCodecError, ValueError) as error:
        raise MediaError(
            f"expected a video codec such as {', '.join(sorted(CODECS))}; found {codec!r}. Choose one of these, or a "
            "name of FFmpeg's"
        ) from error
    layouts = [writable_layout(item.name) for item in found if item.name not in _UNUSABLE.get(codec, ())]
    known = [layout for layout in layouts if layout is not None and (grey or layout.kind != "grey")]
    if not known:
        raise MediaError(f"expected a codec that takes planar pictures; {codec} does not. Choose h264 or prores")
    return known


def _nearest(codec: str, wanted: PlaneLayout, *, grey: bool) -> PlaneLayout:
    """The codec's pixel format that loses least and, of those, is smallest."""

    def loss(layout: PlaneLayout) -> tuple[object, ...]:
        kind = "yuv" if wanted.kind == "grey" and not grey else wanted.kind
        finer = wanted.step[0] * wanted.step[1] - layout.step[0] * layout.step[1]
        return (
            wanted.alpha and not layout.alpha,
            layout.kind != kind,
            _is_coarser(layout, wanted),
            max(0, wanted.bits - layout.bits),
            layout.alpha and not wanted.alpha,
            finer,
            layout.bits,
        )

    return min(_formats(codec, grey=grey), key=loss)


def _left_out(quality: str, wanted: PlaneLayout, held: PlaneLayout, *, matte: bool) -> tuple[str, ...]:
    """What a quality that was asked for does not hold."""
    lost = {
        "no alpha": wanted.alpha and not held.alpha,
        "chroma of half the width": not matte and held.step[0] > wanted.step[0],
        f"{held.bits} bits": held.bits < wanted.bits,
    }
    found = " and ".join(name for name, is_lost in lost.items() if is_lost)
    return (f"{quality} has {found}: the rest is left out (without --quality it is kept)",) if found else ()


def _losses(codec: str, wanted: PlaneLayout, layout: PlaneLayout, *, asked: bool) -> tuple[str, ...]:
    """asked: whether the depth that is wanted was asked for, and need not be the clip's."""
    if layout.bits >= wanted.bits:
        return ()
    of_these = f"the {wanted.bits} asked for" if asked else f"the clip's {wanted.bits}"
    return (f"{codec} holds {layout.bits} bits of {of_these}",)


def _coarser_chroma(codec: str, wanted: PlaneLayout, layout: PlaneLayout) -> tuple[str, ...]:
    if wanted.kind == "grey" or not _is_coarser(layout, wanted):
        return ()
    return (f"{codec} holds {sampling(layout)} of the clip's {sampling(wanted)}",)


def _is_coarser(layout: PlaneLayout, wanted: PlaneLayout) -> bool:
    return layout.step[0] > wanted.step[0] or layout.step[1] > wanted.step[1]


def _coding(like: MediaClip, layout: PlaneLayout) -> tuple[int, bool, ColourTags]:
    """(matrix, whether full range, tags) of the planes that are written."""
    coding = like.format.coding
    if layout.kind == "gbr":
        return 1, True, replace(coding.tags, matrix=0, full_range=True)
    if coding.tags.matrix == 0:
        # RGB is stored as YUV: the matrix has to be said.
        return coding.matrix, False, replace(coding.tags, matrix=coding.matrix, full_range=False)
    return coding.matrix, coding.full_range, coding.tags
