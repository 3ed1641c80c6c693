"""Encoder options: what a quality means for each codec."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from ...errors import MediaError
from ..clip import MediaClip
from ..declared import HDRMetadata, PlaneLayout

__all__ = ["encoder_options", "held_by"]

_PRORES = ("proxy", "lt", "standard", "hq", "4444", "4444xq")
_DNXHR = ("lb", "sq", "hq", "hqx", "444")
_CRF = {"libx264": 16, "libx265": 18, "libvpx": 10, "libvpx-vp9": 20, "libsvtav1": 20, "libaom-av1": 20}
_DNXHD_RATES = {
    (1920, 1080): {24: 175, 25: 185, 30: 220, 50: 365, 60: 440},
    (1280, 720): {24: 90, 25: 90, 30: 110, 50: 180, 60: 220},
}
"""The highest bit rates of DNxHD (SMPTE ST 2019-1), in Mbit/s, by size and frames per second."""


def held_by(codec: str, quality: str | int | None, wanted: PlaneLayout) -> PlaneLayout:
    """What a quality that was asked for holds of ``wanted``: chroma, alpha and, in DNxHR, bits are the profile's."""
    if codec == "prores_ks" and quality is not None:
        profile = _prores_profile(quality)
        if profile in _PRORES:
            return replace(wanted, step=(1, 1)) if profile.startswith("4444") else _without_fine_chroma(wanted)
    if codec == "dnxhd" and quality is not None:
        profile = _dnxhr_profile(quality)
        if profile == "444":
            return replace(wanted, step=(1, 1), bits=max(wanted.bits, 10))
        if profile in _DNXHR:
            return replace(_without_fine_chroma(wanted), bits=max(wanted.bits, 10) if profile == "hqx" else 8)
    return wanted


def _without_fine_chroma(wanted: PlaneLayout) -> PlaneLayout:
    step = (2, 1) if wanted.step == (1, 1) else wanted.step
    return replace(wanted, kind="yuv", alpha=False, step=step)


def encoder_options(
    asked: str, codec: str, quality: str | int | None, layout: PlaneLayout, size: tuple[int, int], like: MediaClip
) -> dict[str, str]:
    """FFmpeg's options. asked: the codec as the user named it. Raises MediaError on a quality that is not known, or
    that does not hold pictures of this ``layout``.
    """
    if codec == "prores_ks":
        return _prores(quality, layout)
    if codec == "dnxhd":
        return _dnx(asked, quality, layout, size, like.frame_rate)
    if codec not in _CRF:
        return {} if quality is None else {"global_quality": str(_number(quality, codec))}
    options = {"crf": str(_CRF[codec] if quality is None else _number(quality, codec))}
    if codec in ("libx264", "libx265"):
        # A third of the work of "fast" for files of the same size and 0.9 dB less: rendering shares the processor.
        options["preset"] = "veryfast"
    if codec.startswith("libvpx"):
        options |= {"b": "0" if codec.endswith("vp9") else "100M", "row-mt": "1", "cpu-used": "3", "auto-alt-ref": "0"}
    own = _hdr_parameters(codec, like.format.hdr)
    if codec == "libx265":
        own = ["log-level=error", *own]
    if own:
        options[{"libx264": "x264-params", "libx265": "x265-params"}.get(codec, "svtav1-params")] = ":".join(own)
    return options


def _hdr_parameters(codec: str, hdr: HDRMetadata) -> list[str]:
    """Mastering display and content light level in the words of the encoders that write them into their stream."""
    mastering, light = hdr.mastering, hdr.light
    found = []
    if mastering is not None and codec in ("libx264", "libx265"):
        points = [round(value * 50000) for value in mastering[:8]]
        red, green, blue, white = (f"({points[i]},{points[i + 1]})" for i in range(0, 8, 2))
        least, most = (round(value * 10000) for value in mastering[8:])
        name = "master-display" if codec == "libx265" else "mastering-display"
        found.append(f"{name}=G{green}B{blue}R{red}WP{white}L({most},{least})")
    elif mastering is not None and codec == "libsvtav1":
        exact = [f"{float(value):.5f}" for value in mastering]
        red, green, blue, white = (f"({exact[i]},{exact[i + 1]})" for i in range(0, 8, 2))
        found.append(f"mastering-display=G{green}B{blue}R{red}WP{white}L({exact[9]},{exact[8]})")
    if light is not None:
        names = {"libx264": "cll", "libx265": "max-cll", "libsvtav1": "content-light"}
        found += [f"{names[codec]}={light[0]},{light[1]}"] if codec in names else []
    return found


def _prores(quality: str | int | None, layout: PlaneLayout) -> dict[str, str]:
    least = "4444" if layout.step == (1, 1) else "hq"
    profile = least if quality is None else _prores_profile(quality)
    if profile not in _PRORES:
        raise MediaError(f"expected a ProRes quality: {', '.join(_PRORES)}; found {quality!r}. Choose one of these")
    if layout.step == (1, 1) and not profile.startswith("4444"):
        raise MediaError(_odd("ProRes", profile, "4444"))
    options = {"profile": str(_PRORES.index(profile)), "vendor": "apl0"}
    return options | ({"alpha_bits": "16"} if layout.alpha else {})


def _prores_profile(quality: str | int) -> str:
    """Its name, which may also be given by its number."""
    profile = str(quality).lower()
    return _PRORES[int(profile)] if profile.isdigit() and int(profile) < len(_PRORES) else profile


def _odd(codec: str, profile: str, other: str) -> str:
    return (
        f"expected pictures of even width and height for {codec} {profile}, whose chroma has half the width; found "
        f"an odd one. Choose quality {other}, or leave it out"
    )


def _dnx(
    asked: str, quality: str | int | None, layout: PlaneLayout, size: tuple[int, int], rate: Fraction | None
) -> dict[str, str]:
    """DNxHD where it was asked for and has a bit rate for size and rate; DNxHR, which has none, everywhere else."""
    rates = _DNXHD_RATES.get(size, {})
    if asked.lower() == "dnxhd" and quality is None and layout.step == (2, 1) and round(rate or 25) in rates:
        return {"profile": "dnxhd", "b": f"{rates[round(rate or 25)]}M"}
    least = "444" if layout.step == (1, 1) else "hqx" if layout.bits > 8 else "hq"
    profile = least if quality is None else _dnxhr_profile(quality)
    if profile not in _DNXHR:
        raise MediaError(f"expected a DNxHR quality: {', '.join(_DNXHR)}; found {quality!r}. Choose one of these")
    if layout.step == (1, 1) and profile != "444":
        raise MediaError(_odd("DNxHR", profile, "444"))
    return {"profile": f"dnxhr_{profile}"}


def _dnxhr_profile(quality: str | int) -> str:
    return str(quality).lower().removeprefix("dnxhr_")


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
