"""What each kind of file keeps of a clip, measured: ``python docs/generate/kept.py`` writes the page.

A clip that has everything is made, written to every container with every codec, read back, and compared.
"""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenImageIO as oiio
from PIL import Image, ImageCms

from mobilefaceswap.errors import MediaError
from mobilefaceswap.media import MediaClip, create_output, open_clip
from mobilefaceswap.media.pictures.formats import FORMATS
from mobilefaceswap.media.video.containers import CONTAINERS

PAGE = Path(__file__).parents[1] / "pages" / "reference" / "formats.md"
CODECS = ("h264", "h265", "prores", "dnxhr", "vp9", "av1", "ffv1")
FRAMES = 12
SIZE = (320, 176)
HDR = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
YES, NO, SAID = "yes", "**lost**", "no, said"


@dataclass(frozen=True)
class Feature:
    """Something that a clip has. kept: whether the copy has it, too. said: how a note about it begins."""

    name: str
    kept: Callable[[MediaClip, MediaClip], bool]
    said: tuple[str, ...]


def _kind(name: str) -> Callable[[MediaClip, MediaClip], bool]:
    return lambda _, copy: any(content.kind == name for content in copy.format.contents)


def _languages(clip: MediaClip) -> list[str | None]:
    with av.open(clip.path) as container:
        return [stream.language for stream in container.streams.audio]


FEATURES = (
    Feature("10 bits", lambda _, copy: copy.bit_depth >= 10, ("holds 8 bits",)),
    Feature("Rate", lambda clip, copy: copy.frame_rate == clip.frame_rate, ()),
    Feature("Colour tags", lambda clip, copy: copy.colour_tags.transfer == clip.colour_tags.transfer, ("colour tags",)),
    Feature("HDR metadata", lambda _, copy: copy.format.hdr.light == (1000, 400), ("HDR metadata",)),
    Feature("Pixel aspect", lambda clip, copy: copy.format.pixel_aspect == clip.format.pixel_aspect, ("pixel aspect",)),
    Feature("Turned", lambda clip, copy: copy.size == clip.size, ()),
    Feature("Sound", _kind("sound"), ("sound",)),
    Feature("Languages", lambda _, copy: _languages(copy) in (["eng", "fra"], ["eng", "fre"]), ("languages",)),
    Feature("Subtitles", _kind("subtitles"), ("subtitles",)),
    Feature("Chapters", _kind("chapters"), ("chapters",)),
    Feature("Title", lambda _, copy: "title" in {key.lower() for key, _ in copy.format.metadata}, ("metadata",)),
    Feature("Date", lambda _, copy: "creation_time" in {key.lower() for key, _ in copy.format.metadata}, ("metadata",)),
    Feature("Timecode", lambda clip, copy: copy.timecode == clip.timecode, ("timecode",)),
)


def make_everything(path: Path) -> Path:
    """A QuickTime file of HEVC that has every feature."""
    with av.open(str(path), "w") as container:
        options = {"x265-params": f"log-level=error:{HDR}"}
        stream = container.add_stream("libx265", rate=Fraction(24000, 1001), options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, 16, 1
        context.sample_aspect_ratio = Fraction(4, 3)
        stream.set_display_rotation(90)
        stream.metadata["timecode"] = "01:00:00:00"
        tracks = [container.add_stream("aac", rate=48000, layout="stereo") for _ in range(2)]
        for track, language in zip(tracks, ("eng", "fra"), strict=True):
            track.metadata["language"] = language
        words = container.add_stream("mov_text")
        words.codec_context.subtitle_header = b"[Script Info]\n[V4+ Styles]\n[Events]\n"
        words.codec_context.time_base = Fraction(1, 1000)
        container.metadata.update(title="A title", creation_time="2024-05-01T10:00:00.000000Z")
        chapter = {"id": 0, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}}
        container.set_chapters([chapter])
        for number in range(FRAMES):
            frame = av.VideoFrame(*SIZE, "yuv420p10le")
            frame.pts, frame.time_base = number, Fraction(1001, 24000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for track in tracks:
            for start in range(0, 24000, 1024):
                part = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
                part.sample_rate, part.pts = 48000, start
                container.mux(track.encode(part))
            container.mux(track.encode(None))
        packet = av.Packet(struct.pack(">H", 5) + b"Hello")
        packet.stream, packet.time_base, packet.pts, packet.dts, packet.duration = words, Fraction(1, 1000), 40, 40, 200
        container.mux(packet)
    return path


def make_transparent(path: Path) -> Path:
    """A short ProRes 4444 with alpha."""
    with create_output(path, codec="prores", alpha=True, bit_depth=10) as writer:
        for time in range(3):
            writer.write(time, np.dstack([np.full((*SIZE[::-1], 3), 0.5), np.full(SIZE[::-1], 0.5)]).astype(np.float32))
    return path


def copied(clip: MediaClip, target: Path, **options: object) -> tuple[str, ...]:
    """Writes every frame; the notes of the output. Raises MediaError."""
    with create_output(target, clip, **options) as writer:
        for time in range(clip.first, clip.last + 1):
            writer.write(time, clip.frame(time).pixels)
    return writer.notes


def video_row(clip: MediaClip, soft: MediaClip, ending: str, codec: str, folder: Path) -> list[str] | None:
    """One line of the table of video files; None where the container does not take the codec."""
    target = folder / f"{codec}{ending}"
    try:
        notes = copied(clip, target, codec=codec)
        copied(soft, folder / f"soft{codec}{ending}", codec=codec)
    except MediaError:
        return None
    cells = [f"`{ending}`", codec]
    with open_clip(target) as copy:
        for feature in FEATURES:
            said = any(word in note for note in notes for word in feature.said)
            kept = feature.kept(clip, copy)
            changed = next(
                (note for note in notes if note.startswith(feature.name.lower()) and "converted" in note), ""
            )
            new = changed.partition("converted to ")[2].partition(",")[0].removeprefix("lib")
            cells.append((f"as {new}" if new else YES) if kept else SAID if said else NO)
    with open_clip(folder / f"soft{codec}{ending}") as copy:
        cells.append(YES if copy.has_alpha else SAID)
    return cells


def videos() -> str:
    """The table of containers and codecs."""
    heads = ["File", "Codec", *(feature.name for feature in FEATURES), "Alpha"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, soft = make_everything(folder / "everything.mov"), make_transparent(folder / "soft.mov")
        with open_clip(source) as clip, open_clip(soft) as transparent:
            for ending in CONTAINERS:
                rows = [video_row(clip, transparent, ending, codec, folder) for codec in CODECS]
                lines += [_line(row) for row in rows if row]
    return "\n".join(lines)


def pictures() -> str:
    """The table of picture formats."""
    heads = ["File", "Bits", "Alpha", "ICC profile", "Animation", "Other parts", "Overscan", "Timecode", "Artist"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    for ending, row in FORMATS.items():
        with tempfile.TemporaryDirectory() as name:
            cells = picture_row(ending, Path(name)) if row.write else ["read only", *["–"] * 7]
        lines.append(_line([f"`{ending}`", *cells]))
    return "\n".join(lines)


def picture_row(ending: str, folder: Path) -> list[str]:
    """What a copy of made pictures keeps."""
    source, multi, moving = (folder / name for name in ("in.png", "multi.exr", "moving.webp"))
    codes = np.random.default_rng(0).integers(0, 65536, (16, 16, 4), np.uint16)
    _save_png(source, codes)
    _save_exr(multi)
    pictures = [Image.new("RGBA", (16, 16), (60 * n, 0, 0, 200)) for n in range(3)]
    pictures[0].save(moving, save_all=True, append_images=pictures[1:], duration=[40, 80, 120], kmin=1, kmax=1)
    with open_clip(source) as clip:
        notes = first_notes = copied(clip, folder / f"out{ending}")
    with open_clip(folder / f"out{ending}") as copy:
        profile, frame = copy.metadata(0).profile, copy.frame(0)
        artist = _artist(folder / f"out{ending}")
        cells = [str(copy.bit_depth) + (" float" if copy.format.floating else "")]
        cells.append(YES if frame.alpha is not None else _said(notes, "alpha"))
        cells.append(YES if profile is not None else _said(notes, "ICC"))
    with open_clip(moving) as clip:
        try:
            copied(clip, folder / f"moved{ending}")
            with open_clip(folder / f"moved{ending}") as copy:
                kept = copy.format.timing is not None and copy.format.timing.durations == (40, 80, 120)
            cells.append(YES if kept else NO)
        except MediaError:
            cells.append("as a sequence")
    with open_clip(multi) as clip:
        notes = copied(clip, folder / f"parts{ending}")
    with open_clip(folder / f"parts{ending}") as copy:
        kinds = [content.kind for content in copy.format.contents]
        cells.append(YES if "layers" in kinds else _said(notes, "layers"))
        cells.append(YES if "overscan" in kinds else _said(notes, "overscan"))
        cells.append(YES if copy.timecode == clip.timecode else _said(notes, "timecode"))
    return [*cells, YES if artist else _said(first_notes, "Artist")]


def _said(notes: tuple[str, ...], word: str) -> str:
    return SAID if any(word in note for note in notes) else NO


def _artist(path: Path) -> bool:
    file = oiio.ImageInput.open(str(path))
    if file is None:
        oiio.geterror()
        with Image.open(path) as picture:
            return bool(picture.getexif().get(315))
    return bool(file.spec().get_string_attribute("Artist"))


def _save_png(path: Path, codes: np.ndarray) -> None:
    header = oiio.ImageSpec(16, 16, 4, "uint16")
    data = np.frombuffer(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), np.uint8)
    header.attribute("ICCProfile", oiio.TypeDesc(f"uint8[{len(data)}]"), data)
    header.attribute("oiio:UnassociatedAlpha", 1)
    header.attribute("Artist", "A. Nobody")
    output = oiio.ImageOutput.create(str(path))
    output.open(str(path), header)
    output.write_image(codes)
    output.close()


def _save_exr(path: Path) -> None:
    headers = [oiio.ImageSpec(16, 16, channels, "half") for channels in (3, 1)]
    for number, header in enumerate(headers):
        header.x, header.y, header.full_width, header.full_height = -2, -2, 12, 12
        header.full_x = header.full_y = 0
        header.attribute("oiio:subimagename", f"part{number}")
        header.attribute("smpte:TimeCode", oiio.TypeTimeCode, (0x01020304, 0))
    output = oiio.ImageOutput.create(str(path))
    output.open(str(path), headers)
    output.write_image(np.ones((16, 16, 3), np.float32))
    output.open(str(path), headers[1], "AppendSubimage")
    output.write_image(np.ones((16, 16, 1), np.float32))
    output.close()


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def page() -> str:
    """The whole page."""
    text = io.StringIO()
    text.write(
        "# What each kind of file keeps\n\n"
        "Measured by `docs/generate/kept.py`: a clip that has everything was written to every kind of file, read back, "
        f"and compared. *{SAID}* means that the render says in a line what is left out.\n\n"
        f"## Video\n\n{videos()}\n\n"
        "Turned pictures are stored upright in AVI. Sound and text subtitles that a container cannot hold are "
        f"converted, and that is said.\n\n## Pictures\n\n{pictures()}\n"
    )
    return text.getvalue()


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
