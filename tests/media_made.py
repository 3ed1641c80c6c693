"""Clips made with PyAV for the tests of clips in and out: coded noise and gradients, exactly known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from mobilefaceswap.media import create_output, open_clip


def planes_of(frame: av.VideoFrame) -> list[np.ndarray]:
    """The visible samples of every plane."""
    kind = np.uint8 if max(component.bits for component in frame.format.components) == 8 else np.dtype("<u2")
    size = np.dtype(kind).itemsize
    return [
        np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // size)[:, : plane.width].copy()
        for plane in frame.planes
    ]


def noise_frame(width: int, height: int, pixel_format: str, seed: int = 0) -> av.VideoFrame:
    """Noise over every code, which holds super-white and colours out of gamut."""
    frame = av.VideoFrame(width, height, pixel_format)
    random = np.random.default_rng(seed)
    bits = frame.format.components[0].bits
    for plane in frame.planes:
        kind = np.dtype(np.uint8 if bits == 8 else "<u2")
        rows = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
        rows[:] = random.integers(0, 2**bits, rows.shape)
    return frame


def make_clip(
    path: Path,
    *,
    size: tuple[int, int] = (64, 48),
    frames: int = 12,
    rate: Fraction = Fraction(24000, 1001),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    stamps: list[int] | None = None,
    base: Fraction | None = None,
    tags: tuple[int, int, int, int] | None = None,
    rotation: int = 0,
    timecode: str | None = None,
    sound: bool | str = False,
    seconds: Fraction | None = None,
    language: str = "",
    title: str = "",
    step: int = 8,
    delay: int = 0,
    matrix: tuple[int, ...] | None = None,
    aspect: Fraction | None = None,
    corner: bool = False,
) -> Path:
    """A clip whose frame n is filled with luma 40 + ``step`` n, its left half darker.

    tags: matrix, primaries, transfer, range. sound: a tone, of a codec where it is named, for ``seconds`` where they
    are given. title: of both tracks, with their kind. delay: of all timestamps, in 1/90000 s. corner: a bright top left
    corner.
    """
    with av.open(str(path), "w") as container:
        defaults = {"crf": "4", "g": "6", "bf": "2"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=rate, options={**defaults, **(options or {})})
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        if base is not None:
            stream.codec_context.time_base = base
        if tags:
            context = stream.codec_context
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = tags
        if rotation:
            stream.set_display_rotation(rotation)
        if matrix:
            stream.set_display_matrix(matrix)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if timecode:
            stream.metadata["timecode"] = timecode
        tone = _tone_stream(container, sound if isinstance(sound, str) else "aac", language) if sound else None
        for track in container.streams if title else ():
            track.metadata["title"] = f"{title} ({track.type})"
        for number in range(frames):
            frame = _toned(size, pixel_format, step * number, corner)
            frame.pts = number if stamps is None else stamps[number]
            frame.time_base = base or 1 / rate
            _mux(container, stream.encode(frame), delay)
        _mux(container, stream.encode(None), delay)
        if tone is not None:
            _add_tone(container, tone, seconds or frames / rate, delay)
    return path


def _tone_stream(container: av.container.OutputContainer, codec: str, language: str) -> av.AudioStream:
    encoder = {"opus": "libopus", "mp3": "libmp3lame"}.get(codec, codec)
    stream = container.add_stream(encoder, rate=48000, layout="mono")
    if language:
        stream.metadata["language"] = language
    return stream


def _mux(container: av.container.OutputContainer, packets: list[av.Packet], delay: int) -> None:
    for packet in packets:
        shift = round(Fraction(delay, 90000) / Fraction(packet.time_base))
        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
        container.mux(packet)


def _toned(size: tuple[int, int], pixel_format: str, tone: int, corner: bool) -> av.VideoFrame:
    frame = av.VideoFrame(*size, pixel_format)
    unit = 2 ** (frame.format.components[0].bits - 8)
    kind = np.dtype(np.uint8 if unit == 1 else "<u2")
    for index, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
        rows[:] = (128 if index in (1, 2) else 40 + tone) * unit
        if index == 0:
            rows[:, : size[0] // 2] -= 20 * unit
        if index == 0 and corner:
            rows[: size[1] // 2, : size[0] // 4] = 200 * unit
    return frame


def _add_tone(container: av.container.OutputContainer, tone: av.AudioStream, seconds: Fraction, delay: int) -> None:
    samples = np.sin(np.arange(int(seconds * 48000)) / 20).astype(np.float32)[None]
    for start in range(0, samples.shape[1], 1024):
        part = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, start : start + 1024]), "fltp", "mono")
        part.sample_rate, part.pts, part.time_base = 48000, start, Fraction(1, 48000)
        _mux(container, tone.encode(part), delay)
    _mux(container, tone.encode(None), delay)


def notes_of_a_copy(source: Path, target: Path, span: tuple[int, int] | None = None, **options: object) -> list[str]:
    """What is said where every frame of ``source``, or of ``span`` of it, is written to ``target``."""
    with open_clip(source) as clip:
        first, last = span or (clip.first, clip.last)
        with create_output(target, clip, **options) as writer:
            writer.begin(range(first, last + 1))
            for time in range(first, last + 1):
                writer.write(time, clip.frame(time).pixels)
        return [*writer.notes]


def copied(source: Path, target: Path, span: tuple[int, int] | None = None, **options: object) -> Path:
    """Every frame of ``source``, or of ``span`` of it, written to ``target``."""
    notes_of_a_copy(source, target, span, **options)
    return target


def decoded(path: Path, pixel_format: str) -> list[np.ndarray]:
    """Every frame of a video in a packed format of FFmpeg's."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format=pixel_format) for frame in container.decode(video=0)]


def luma(path: Path) -> list[int]:
    """Luma in the right half of every frame, in order of presentation."""
    with av.open(str(path)) as container:
        return [int(np.median(planes_of(frame)[0][:, -8:])) for frame in container.decode(video=0)]


def stamps(path: Path) -> list[Fraction]:
    """Presentation times in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


@contextmanager
def little_room(most: int = 4096) -> Iterator[None]:
    """No file may grow beyond ``most`` bytes, as on a disk that runs full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
