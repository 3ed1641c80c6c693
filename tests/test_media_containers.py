"""Every kind of video file that people have: the right frames, in order, and what else the file holds."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type

from media_made import copied, decoded, luma, make_clip, noise_frame, notes_of_a_copy, planes_of, stamps
from mobilefaceswap.errors import MediaError
from mobilefaceswap.media import MediaClip, create_output, open_clip
from mobilefaceswap.media.declared import Orientation
from mobilefaceswap.media.video.planes import LUMA_WEIGHTS

TONES = [40 + 8 * number for number in range(12)]
VIDEO_ENDINGS = [".mp4", ".mov", ".mkv", ".webm", ".avi"]


def seen(path: Path) -> list[int]:
    """The tone of every frame that the clip delivers, as luma."""
    with open_clip(path) as clip:
        frames = [clip.frame(time) for time in range(clip.first, clip.last + 1)]
        backwards = [clip.frame(time).pixels for time in range(clip.last, clip.first - 1, -1)]
    assert all(np.array_equal(one.pixels, other) for one, other in zip(frames, backwards[::-1], strict=True))
    return [round(float(frame.pixels[:, -8:].mean()) * 219 + 16) for frame in frames]


def luma_of(clip: MediaClip, time: int) -> np.ndarray:
    """The frame's luma codes, from its RGB."""
    coding = clip.format.coding
    red, blue = LUMA_WEIGHTS[coding.matrix]
    black, white = (0, 255) if coding.full_range else (16, 219)
    return clip.frame(time).pixels @ np.array([red, 1 - red - blue, blue], np.float32) * white + black


def patched(path: Path, change: Callable[[bytearray], None]) -> Path:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    return path


# Edit lists


@pytest.mark.parametrize(("start", "length"), [(0, 7), (0, 12), (3, 5), (4, 1), (7, 5)])
def test_edit_lists_trim_at_any_frame(tmp_path: Path, start: int, length: int) -> None:
    """Frames 3 to 7 lie within groups of 6: what the player shows is the clip."""
    path = make_clip(tmp_path / "in.mp4", rate=Fraction(25))

    def trim(content: bytearray) -> None:
        box = content.index(b"elst")
        _, media_time = struct.unpack_from(">Ii", content, box + 12)
        scale = content.index(b"mdhd") + 16
        (ticks,) = struct.unpack_from(">I", content, scale)
        struct.pack_into(">Ii", content, box + 12, length * 40, media_time + start * ticks // 25)

    assert seen(patched(path, trim)) == TONES[start : start + length]


def test_a_clip_trimmed_by_an_edit_list(media: Path) -> None:
    with open_clip(media / "faults" / "mp4_edit_list_trims_end_g12.mp4") as clip:
        assert (clip.last + 1, clip.duration) == (20, Fraction(20, 25))


# Counts and timestamps


@pytest.mark.parametrize("frames", [2, 12, 60])
def test_avi_with_b_frames_is_whole_and_in_order(tmp_path: Path, frames: int) -> None:
    """AVI keeps no times of presentation: FFmpeg's guesses put the frames in the wrong order."""
    path = make_clip(tmp_path / "in.avi", frames=frames, rate=Fraction(25), options={"bf": "3", "g": "30"}, step=3)
    assert seen(path) == [40 + 3 * number for number in range(frames)]
    assert seen(copied(path, tmp_path / "out.avi", quality=4)) == seen(path)


def test_avi_with_dropped_frames_is_whole(tmp_path: Path) -> None:
    """A frame that was dropped while capturing is a chunk of no bytes, which the header counts."""
    stamps = [0, 1, 2, 3, 5, 6, 7, 9]
    path = make_clip(
        tmp_path / "in.avi", frames=8, stamps=stamps, base=Fraction(1, 25), codec="mpeg4", rate=Fraction(25)
    )
    with open_clip(path) as clip:
        assert clip.last + 1 == 8
        assert clip.format.timing.stamps == tuple(stamps)


def test_an_avi_that_declares_twice_its_frames_is_whole(media: Path) -> None:
    with open_clip(media / "faults" / "h264_bframes.avi") as clip:
        assert (clip.last + 1, clip.frame_rate) == (16, 25)
        found = [luma_of(clip, time) for time in range(16)]
        with av.open(clip.path) as container:
            expected = [planes_of(frame)[0] for frame in container.decode(video=0)]
    assert all(one == pytest.approx(other, abs=0.6) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("ending", [".avi", ".mkv", ".webm"])
@pytest.mark.parametrize("share", [0.4, 0.8, 0.97])
def test_a_real_loss_is_called_one(tmp_path: Path, ending: str, share: float) -> None:
    path = make_clip(tmp_path / f"in{ending}", size=(320, 240), codec="mpeg4" if ending == ".avi" else "libvpx-vp9")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(MediaError, match=r"cut short|again"):
        open_clip(path)


@pytest.mark.parametrize("ending", [".ts", ".mpg"])
@pytest.mark.parametrize("offset", [0, 90000 * 3600])
def test_joined_recordings_are_one_clip(tmp_path: Path, ending: str, offset: int) -> None:
    """The second file's clock starts again, or is an hour ahead."""
    codec = "libx264" if ending == ".ts" else "mpeg2video"
    parts = [
        make_clip(tmp_path / f"{number}{ending}", codec=codec, rate=Fraction(25), sound=ending == ".ts", delay=delay)
        for number, delay in enumerate((0, offset))
    ]
    path = tmp_path / f"joined{ending}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    tones = [*TONES, *TONES]
    with open_clip(path) as clip:
        assert "start again" in clip.notes[0]
        assert clip.frame_rate == 25
        order = [20, 3, 13, 0, 23]
        found = [round(float(clip.frame(time).pixels[:, -8:].mean()) * 219 + 16) for time in order]
    assert found == pytest.approx([tones[time] for time in order], abs=2)
    assert seen(path) == pytest.approx(tones, abs=2)
    out = copied(path, tmp_path / "out.mp4", quality=4)
    assert luma(out) == pytest.approx(tones, abs=2)
    if ending == ".ts":
        with av.open(str(out)) as container:
            heard = sum(packet.duration * packet.time_base for packet in container.demux(audio=0) if packet.size)
        assert 0.9 < heard < 1.1


def test_forty_frames_of_two_joined_transport_streams(media: Path) -> None:
    with open_clip(media / "faults" / "ts_two_parts_same_timestamps_40frames.ts") as clip:
        assert (clip.last + 1, clip.frame_rate) == (40, 25)
        assert clip.frame(39).pixels.mean() == pytest.approx(clip.frame(39).pixels.mean())


def test_variable_timing_into_avi_is_refused_before_the_work(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", frames=4, stamps=[0, 3, 4, 9], base=Fraction(1, 100))
    with open_clip(path) as clip, pytest.raises(MediaError, match="variable frame timing"):
        create_output(tmp_path / "out.avi", clip)


# Orientation


def shown(pixels: np.ndarray, matrix: tuple[int, ...]) -> np.ndarray:
    """What a player shows: every stored pixel goes where the display matrix sends it (ISO/IEC 14496-12, 6.2.2)."""
    height, width = pixels.shape[:2]
    a, b, c, d = (int(np.sign(matrix[place])) for place in (0, 1, 3, 4))
    y, x = np.mgrid[:height, :width]
    there_x, there_y = a * x + c * y, b * x + d * y
    there_x, there_y = there_x - there_x.min(), there_y - there_y.min()
    canvas = np.zeros((there_y.max() + 1, there_x.max() + 1, 3), np.float32)
    canvas[there_y, there_x] = pixels
    return canvas


ONE = 1 << 16
MATRICES = [
    (x * ONE, 0, 0, 0, y * ONE, 0, 0, 0, 1 << 30) for x in (1, -1) for y in (1, -1)
] + [(0, x * ONE, 0, y * ONE, 0, 0, 0, 0, 1 << 30) for x in (1, -1) for y in (1, -1)]  # fmt: skip


@pytest.mark.parametrize("matrix", MATRICES)
def test_every_display_matrix_is_shown_and_kept(tmp_path: Path, matrix: tuple[int, ...]) -> None:
    plain = make_clip(tmp_path / "plain.mp4", frames=2, corner=True)
    source = make_clip(tmp_path / "in.mp4", frames=2, corner=True, matrix=matrix)
    with open_clip(plain) as clip:
        expected = shown(clip.frame(1).pixels, matrix)
    for ending in (".mp4", ".mov", ".mkv", ".avi"):
        target = copied(source, tmp_path / f"out{ending}", quality=4)
        for path in (source, target):
            with open_clip(path) as clip:
                assert clip.size == expected.shape[1::-1]
                assert clip.frame(1).pixels == pytest.approx(expected, abs=0.04)
        with av.open(str(target)) as container:
            stored = container.streams.video[0].codec_context
            assert (stored.width, stored.height) == ((64, 48) if ending != ".avi" else clip.size)


def test_a_mirrored_clip_is_mirrored(media: Path) -> None:
    with open_clip(media / "faults" / "mp4_display_matrix_hflip.mp4") as clip:
        assert clip.orientation == Orientation(mirrored=True)
        with av.open(clip.path) as container:
            first = planes_of(next(container.decode(video=0)))[0]
        assert luma_of(clip, 0) == pytest.approx(first[:, ::-1], abs=0.6)


# Alpha, depth, sizes


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_alpha_of_vp8_and_vp9_is_read_and_written(tmp_path: Path, codec: str) -> None:
    alpha = np.zeros((48, 64), np.float32)
    alpha[:, 32:] = 1
    pixels = np.dstack([np.full((48, 64, 3), 0.5, np.float32), alpha])
    with create_output(tmp_path / "in.webm", codec=codec, alpha=True) as writer:
        for time in range(3):
            writer.write(time, pixels)
    for path in (tmp_path / "in.webm", copied(tmp_path / "in.webm", tmp_path / "out.webm", codec=codec)):
        with open_clip(path) as clip:
            assert clip.has_alpha
            assert clip.frame(2).alpha == pytest.approx(alpha, abs=0.1)


def test_alpha_of_a_webm_of_other_origin(media: Path) -> None:
    with open_clip(media / "faults" / "vp9_alpha.webm") as clip:
        alpha = clip.frame(5).alpha
    assert alpha is not None
    assert alpha.min() < 0.1 < 0.9 < alpha.max()


@pytest.mark.parametrize(
    ("pixel_format", "size", "rate", "codec", "profile"),
    [
        ("yuv420p", (1280, 720), 25, "dnxhr", "DNXHR HQ"),
        ("yuv420p10le", (1280, 720), 25, "dnxhr", "DNXHR HQX"),
        ("yuv444p10le", (640, 360), 25, "dnxhr", "DNXHR 444"),
        ("yuv422p", (1920, 1080), 25, "dnxhd", "DNXHD"),
        ("yuv422p", (1280, 720), 50, "dnxhd", "DNXHD"),
        ("yuv422p10le", (1920, 1080), 24, "dnxhd", "DNXHD"),
        ("yuv422p", (1024, 576), 30, "dnxhd", "DNXHR HQ"),
    ],
)
def test_dnx_chooses_its_profile(
    tmp_path: Path, pixel_format: str, size: tuple[int, int], rate: int, codec: str, profile: str
) -> None:
    source = make_clip(
        tmp_path / "in.mkv", codec="ffv1", pixel_format=pixel_format, size=size, frames=2, rate=Fraction(rate)
    )
    with av.open(str(copied(source, tmp_path / "out.mov", codec=codec))) as container:
        assert container.streams.video[0].codec_context.name == "dnxhd"
        assert container.streams.video[0].profile == profile


@pytest.mark.parametrize(
    ("pixel_format", "codec", "quality", "written", "said"),
    [
        ("yuva444p10le", "prores", "hq", ("HQ", "yuv422p10le"), "hq has no alpha and chroma of half the width"),
        ("yuv444p10le", "prores", 1, ("LT", "yuv422p10le"), "1 has chroma of half the width"),
        ("yuva444p10le", "prores", "4444", ("4444", "yuva444p12le"), ""),
        ("yuv420p", "prores", "4444", ("4444", "yuv444p12le"), ""),
        ("yuv422p10le", "prores", "4444xq", ("XQ", "yuv444p12le"), ""),
        ("yuv444p10le", "dnxhr", "hq", ("DNXHR HQ", "yuv422p"), "hq has chroma of half the width and 8 bits"),
        ("yuv422p10le", "dnxhr", "sq", ("DNXHR SQ", "yuv422p"), "sq has 8 bits"),
        ("yuv420p", "dnxhr", "hqx", ("DNXHR HQX", "yuv422p10le"), ""),
        ("yuv420p", "dnxhr", "444", ("DNXHR 444", "yuv444p10le"), ""),
    ],
)
def test_a_profile_that_is_asked_for_is_written_and_what_it_lacks_is_said(
    tmp_path: Path, pixel_format: str, codec: str, quality: str | int, written: tuple[str, str], said: str
) -> None:
    source = make_clip(tmp_path / "in.mkv", codec="ffv1", pixel_format=pixel_format, size=(320, 180), frames=2)
    with open_clip(source) as clip, create_output(tmp_path / "out.mov", clip, codec=codec, quality=quality) as output:
        for time in range(2):
            output.write(time, clip.frame(time).pixels)
    with av.open(str(tmp_path / "out.mov")) as container:
        stream = container.streams.video[0]
        assert (stream.profile, stream.codec_context.format.name) == written
    notes = [note for note in output.notes if "is left out" in note]
    assert bool(notes) == bool(said)
    assert all(said in note for note in notes)


@pytest.mark.parametrize(("codec", "quality", "other"), [("prores", "hq", "4444"), ("dnxhr", "hqx", "444")])
def test_a_profile_that_cannot_hold_an_odd_size_is_refused(
    tmp_path: Path, codec: str, quality: str, other: str
) -> None:
    source = make_clip(tmp_path / "in.mkv", codec="ffv1", pixel_format="yuv444p", size=(321, 180), frames=1)
    with open_clip(source) as clip, pytest.raises(MediaError, match=f"even width and height .* Choose quality {other}"):
        create_output(tmp_path / "out.mov", clip, codec=codec, quality=quality)


def test_a_depth_that_was_asked_for_is_not_called_the_clip_s(tmp_path: Path) -> None:
    with open_clip(make_clip(tmp_path / "in.mp4", frames=1)) as clip:
        notes = create_output(tmp_path / "out.mp4", clip, codec="h264", bit_depth=16).notes
    assert notes == ("libx264 holds 10 bits of the 16 asked for",)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".m4v"])
def test_hevc_is_tagged_as_players_expect(tmp_path: Path, ending: str) -> None:
    source = make_clip(tmp_path / "in.mp4", frames=2)
    with av.open(str(copied(source, tmp_path / f"out{ending}", codec="h265"))) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_clip_shorter_than_the_encoders_delay(tmp_path: Path, frames: int) -> None:
    """x265 gives packets of two frames random decoding times: most files failed, so a few are made."""
    source = make_clip(tmp_path / "in.mp4", frames=frames)
    for _ in range(6):
        assert len(luma(copied(source, tmp_path / "out.mov", codec="h265"))) == frames


@pytest.mark.parametrize(
    ("pixel_format", "codec", "ending"),
    [("bgr0", "ffv1", ".mkv"), ("bgra", "ffv1", ".mkv"), ("rgb24", "png", ".mov"), ("argb", "qtrle", ".mov")],
)
def test_8_bit_rgb_is_exact_in_ffv1(tmp_path: Path, pixel_format: str, codec: str, ending: str) -> None:
    path = tmp_path / f"in{ending}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        for number in range(2):
            frame = noise_frame(64, 48, pixel_format, number)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    copy = copied(path, tmp_path / "out.mkv", codec="ffv1")
    for one, other in zip(decoded(path, "rgba"), decoded(copy, "rgba"), strict=True):
        assert np.array_equal(one, other)
    with av.open(str(copy)) as container:
        assert (container.streams.video[0].codec_context.colorspace, container.streams.video[0].format.is_rgb) == (
            0,
            True,
        )


@pytest.mark.parametrize("size", [(63, 47), (65, 48), (64, 33)])
@pytest.mark.parametrize("codec", ["av1", "h264", "h265", "vp9", "ffv1", "prores"])
def test_odd_sizes_are_written_by_every_codec(tmp_path: Path, codec: str, size: tuple[int, int]) -> None:
    pixels = np.full((size[1], size[0], 3), 0.5, np.float32)
    with create_output(tmp_path / "out.mkv", codec=codec) as writer:
        for time in range(2):
            writer.write(time, pixels)
    with open_clip(tmp_path / "out.mkv") as clip:
        assert clip.size == size
        assert clip.frame(1).pixels == pytest.approx(pixels, abs=0.02)


# Sound, tracks, words


def side_data(path: Path, kind: Type) -> bytes | None:
    with av.open(str(path)) as container:
        first = next(container.decode(video=0))
        found = next((item for item in first.side_data if item.type == kind), None)
        return None if found is None else bytes(found)


HDR10 = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"


@pytest.mark.parametrize("codec", ["h265", "h264", "av1"])
def test_hdr_metadata_is_kept(tmp_path: Path, codec: str) -> None:
    source = make_clip(
        tmp_path / "in.mp4",
        codec="libx265",
        pixel_format="yuv420p10le",
        frames=3,
        tags=(9, 9, 16, 1),
        options={"x265-params": f"log-level=error:{HDR10}"},
    )
    target = copied(source, tmp_path / "out.mp4", codec=codec)
    with open_clip(source) as clip, open_clip(target) as other:
        assert clip.format.hdr.light == other.format.hdr.light == (1000, 400)
        assert clip.format.hdr.mastering[-2:] == (Fraction(1, 10000), 1000)
        assert [float(value) for value in other.format.hdr.mastering] == pytest.approx(
            [float(value) for value in clip.format.hdr.mastering], rel=1e-3, abs=1e-4
        )


def test_hdr_metadata_that_a_codec_cannot_hold_is_said(tmp_path: Path, media: Path) -> None:
    with open_clip(media / "faults" / "hdr10_mastering_display_cll.mp4") as clip:
        with create_output(tmp_path / "out.mov", clip) as writer:
            writer.write(0, clip.frame(0).pixels)
        assert any(note.startswith("HDR metadata: left out") for note in writer.notes)


@pytest.mark.parametrize("ending", VIDEO_ENDINGS)
@pytest.mark.parametrize("sound", ["aac", "pcm_s16le", "opus", "flac", "ac3", "mp3"])
def test_sound_is_in_every_container(tmp_path: Path, ending: str, sound: str) -> None:
    """As it is, or converted and said; of the same length, channels and language."""
    source = make_clip(tmp_path / "in.mkv", frames=30, rate=Fraction(25), sound=sound, language="fra", step=2)
    with open_clip(source) as clip, create_output(tmp_path / f"out{ending}", clip) as writer:
        for time in range(30):
            writer.write(time, clip.frame(time).pixels)
    with av.open(str(tmp_path / f"out{ending}")) as container:
        stream = container.streams.audio[0]
        name, channels = stream.codec_context.name, stream.codec_context.layout.name
        samples = sum(frame.samples for frame in container.decode(audio=0)) / stream.codec_context.sample_rate
        language = stream.language
    said = [note for note in writer.notes if note.startswith("sound")]
    assert (name in (sound, f"{sound}float")) is not bool(said), (name, writer.notes)
    assert channels in ("mono", "1 channels")
    assert samples == pytest.approx(1.2, abs=0.06)
    if ending == ".avi":
        assert any("languages" in note for note in writer.notes)
    else:
        assert language in ("fra", "fre")


@pytest.mark.parametrize("ending", VIDEO_ENDINGS)
@pytest.mark.parametrize("kind", [".mov", ".mp4", ".mkv"])
def test_tracks_keep_their_titles(tmp_path: Path, kind: str, ending: str) -> None:
    source = make_clip(tmp_path / f"in{kind}", frames=3, sound=True, title="Boom")
    with open_clip(source) as clip, create_output(tmp_path / f"out{ending}", clip) as writer:
        for time in range(3):
            writer.write(time, clip.frame(time).pixels)
    with av.open(str(tmp_path / f"out{ending}")) as container:
        streams = [stream.metadata for stream in container.streams if stream.type in ("video", "audio")]
    titles = [words.get("title", words.get("name")) for words in streams]
    assert titles == ["Boom (video)", "Boom (audio)"], writer.notes
    assert not any("NAME" in words for words in streams)
    assert not any("titles" in note for note in writer.notes)


def test_titles_of_tracks_that_are_lost_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_clip(tmp_path / "in.mov", frames=3, sound=True, title="Boom")
    monkeypatch.setattr("mobilefaceswap.media.video.streams._carry", lambda stream, target: None)
    with open_clip(source) as clip, create_output(tmp_path / "out.mov", clip) as writer:
        writer.write(0, clip.frame(0).pixels)
    said = "titles of tracks (Boom (audio), Boom (video)): left out, this kind of file does not hold them"
    assert said in writer.notes


def test_sound_is_left_out_if_asked(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", sound=True)
    target = copied(source, tmp_path / "out.mp4", audio=False)
    with av.open(str(target)) as container:
        assert not container.streams.audio


def test_sound_behind_the_last_picture_is_kept(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", sound=True, seconds=Fraction(2))
    with av.open(str(copied(source, tmp_path / "out.mp4"))) as container:
        heard = sum(packet.duration * packet.time_base for packet in container.demux(audio=0) if packet.size)
    assert heard > 1.9


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".avi"])
def test_streams_without_a_decoder_are_named(tmp_path: Path, ending: str) -> None:
    """Phones write a second sound track of a codec that nobody else decodes."""
    source = make_clip(tmp_path / "in.mov", sound=True)
    source.write_bytes(source.read_bytes().replace(b"mp4a", b"apac").replace(b"esds", b"dapa"))
    with open_clip(source) as clip, create_output(tmp_path / f"out{ending}", clip) as writer:
        writer.write(0, clip.frame(0).pixels)
    assert [note for note in writer.notes if note.startswith("sound (unknown codec): left out")]


def test_a_phone_with_spatial_sound(tmp_path: Path, media: Path) -> None:
    source = media / "faults" / "iphone_like_apac_second_audio_unknown_codec.mov"
    with av.open(str(copied(source, tmp_path / "out.mov"))) as container:
        assert [stream.type for stream in container.streams][:3] == ["video", "audio", "subtitle"]
        assert container.streams.audio[0].language == "eng"


def many_things(path: Path) -> Path:
    """Two languages, of which the second is the default, a title, a date, subtitles, chapters."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        tracks = [container.add_stream("aac", rate=48000, layout="mono") for _ in range(2)]
        for track, language in zip(tracks, ("eng", "jpn"), strict=True):
            track.metadata["language"] = language
            track.disposition = int(av.stream.Disposition.default) if language == "jpn" else 0
        tracks[1].metadata["title"] = "Commentary"
        words = container.add_stream("mov_text" if path.suffix in (".mp4", ".mov") else "subrip")
        words.codec_context.subtitle_header = b"[Script Info]\n[V4+ Styles]\n[Events]\n"
        words.codec_context.time_base = Fraction(1, 1000)
        words.metadata["language"] = "spa"
        container.metadata.update(title="A title", comment="Words", creation_time="2024-05-01T10:00:00.000000Z")
        container.set_chapters(
            [
                {
                    "id": n,
                    "start": n * 500,
                    "end": n * 500 + 500,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": f"Part {n}"},
                }
                for n in range(2)
            ]
        )
        for number in range(25):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for track in tracks:
            for start in range(0, 48000, 1024):
                part = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                part.sample_rate, part.pts = 48000, start
                container.mux(track.encode(part))
            container.mux(track.encode(None))
        text = b"Hello"
        packet = av.Packet(len(text).to_bytes(2) + text if path.suffix in (".mp4", ".mov") else text)
        packet.stream, packet.time_base = words, Fraction(1, 1000)
        packet.pts = packet.dts = 200
        packet.duration = 300
        container.mux(packet)
    return path


@pytest.mark.parametrize("source", [".mp4", ".mkv"])
@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_languages_titles_chapters_and_subtitles_are_kept(tmp_path: Path, source: str, ending: str) -> None:
    target = copied(many_things(tmp_path / f"in{source}"), tmp_path / f"out{ending}")
    with av.open(str(target)) as container:
        assert [track.language for track in container.streams.audio] == ["eng", "jpn"]
        default = av.stream.Disposition.default
        assert [bool(track.disposition & default) for track in container.streams.audio] == [False, True]
        assert container.streams.subtitles[0].language == "spa"
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["Part 0", "Part 1"]
        found = {key.lower(): value for key, value in container.metadata.items()}
        assert (found["title"], found["comment"]) == ("A title", "Words")
        assert found["creation_time"].startswith("2024-05-01T10:00:00")
        words = [bytes(packet) for packet in container.demux(container.streams.subtitles[0]) if packet.size]
        assert any(b"Hello" in word for word in words)


def test_a_range_moves_chapters_and_subtitles(tmp_path: Path) -> None:
    source = many_things(tmp_path / "in.mkv")
    target = copied(source, tmp_path / "out.mkv", span=(5, 24))
    with av.open(str(target)) as container:
        assert [chapter["start"] for chapter in container.chapters()] == [0, 300 * 1000000]
        stream = container.streams.subtitles[0]
        shown_at = [packet.pts * packet.time_base for packet in container.demux(stream) if packet.size]
        assert shown_at == [0]


def test_what_avi_cannot_hold_is_said(tmp_path: Path) -> None:
    source = many_things(tmp_path / "in.mkv")
    with open_clip(source) as clip, create_output(tmp_path / "out.avi", clip) as writer:
        for time in range(25):
            writer.write(time, clip.frame(time).pixels)
    for words in ("subtitles", "chapters", "creation_time", "languages"):
        assert any(words in note for note in writer.notes), words


@pytest.mark.parametrize("key", ["com.apple.quicktime.make", "com.android.version", "location"])
def test_what_phones_write_is_kept(tmp_path: Path, key: str) -> None:
    path = tmp_path / "in.mov"
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        container.metadata.update({key: "+27.5916+086.5640/", "title": "x"})
        frame = av.VideoFrame(64, 48, "yuv420p")
        frame.pts = 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    for ending in (".mov", ".mp4", ".mkv"):
        with av.open(str(copied(path, tmp_path / f"out{ending}"))) as container:
            assert {name.lower(): value for name, value in container.metadata.items()}[key] == "+27.5916+086.5640/"


def test_attachments_and_cover_pictures(tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        container.add_attachment("font.ttf", "application/x-truetype-font", b"letters")
        frame = av.VideoFrame(64, 48, "yuv420p")
        frame.pts = 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with av.open(str(copied(path, tmp_path / "out.mkv"))) as container:
        (attached,) = [stream for stream in container.streams if stream.type == "attachment"]
        assert (attached.name, attached.data) == ("font.ttf", b"letters")
    with open_clip(path) as clip, create_output(tmp_path / "out.mp4", clip) as writer:
        writer.write(0, clip.frame(0).pixels)
    assert any(note.startswith("attachment") and "left out" in note for note in writer.notes)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_cover_picture_is_kept_or_said(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "in.mp4"
    with av.open(str(path), "w") as container:
        # As drones write it; it is read back under two names.
        container.metadata["location"] = "+47.0000-122.0000/"
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        cover = container.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = int(av.stream.Disposition.attached_pic)
        frame = av.VideoFrame(64, 48, "yuv420p")
        frame.pts = 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
        picture = av.VideoFrame(32, 32, "yuvj420p")
        picture.pts = 0
        container.mux([*cover.encode(picture), *cover.encode(None)])
    with open_clip(path) as clip, create_output(tmp_path / f"out{ending}", clip) as writer:
        assert (clip.last, clip.size) == (0, (64, 48))
        writer.write(0, clip.frame(0).pixels)
    with open_clip(tmp_path / f"out{ending}") as clip:
        kept = "cover picture" in [content.kind for content in clip.format.contents]
        assert "location" in {key.lower() for key, _ in clip.format.metadata}
    assert kept is not any(note.startswith("cover picture") for note in writer.notes)
    assert kept is (ending in (".mp4", ".mkv"))


def test_pcm_that_mp4_does_not_have_is_converted(tmp_path: Path) -> None:
    """8 bits, of old cameras."""
    source = make_clip(tmp_path / "in.avi", sound="pcm_u8", rate=Fraction(25))
    with av.open(str(copied(source, tmp_path / "out.mp4"))) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


def with_channels(path: Path, codec: str, layout: str) -> Path:
    """12 frames of 24 frames/s; every sample of the first channel is 100, of the second 200, and so on."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video" if path.suffix == ".mxf" else "libx264", rate=24)
        stream.width, stream.height = 64, 48
        heard = container.add_stream(codec, rate=48000, layout=layout)
        values = np.arange(1, len(heard.codec_context.layout.channels) + 1, dtype=np.int16) * 100
        part = av.AudioFrame.from_ndarray(np.tile(values, 24000)[None], "s16", layout)
        part.sample_rate, part.pts = 48000, 0
        for number in range(12):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux([*stream.encode(None), *heard.encode(part), *heard.encode(None)])
    return path


@pytest.mark.parametrize("span", [None, (3, 8)])
@pytest.mark.parametrize(
    ("ending", "codec", "layout"),
    [
        (".avi", "pcm_s16le", "stereo"),
        (".mxf", "pcm_s24le", "stereo"),
        (".mkv", "pcm_s24le", "quad"),
        (".mkv", "pcm_s16le", "5.1"),
    ],
)
def test_pcm_whose_channels_have_no_names_is_kept_in_mp4(
    tmp_path: Path, ending: str, codec: str, layout: str, span: tuple[int, int] | None
) -> None:
    """MP4 has to name them, and FFmpeg fails where it cannot when all frames are written."""
    source = with_channels(tmp_path / f"in{ending}", codec, layout)
    notes = notes_of_a_copy(source, tmp_path / "out.mp4", span)
    with av.open(str(tmp_path / "out.mp4")) as container:
        heard = container.streams.audio[0].codec_context
        assert (heard.name, heard.layout.name) == (codec, layout)
        frame = next(container.decode(audio=0))
        count = len(heard.layout.channels)
        unit = 1 << 8 * frame.format.bytes - 16
        assert (frame.to_ndarray().reshape(-1, count)[9] / unit).tolist() == [100 * n for n in range(1, count + 1)]
    renamed = f"sound ({codec}): {count} channels called {layout}, .mp4 cannot hold them without a name"
    assert notes == ([] if layout == "stereo" else [renamed])


def test_sound_of_more_channels_than_mp4_can_name_is_left_out_and_said(tmp_path: Path) -> None:
    source = with_channels(tmp_path / "in.mov", "pcm_s16le", "16C")
    said = "sound (pcm_s16le): left out, .mp4 cannot hold it"
    assert notes_of_a_copy(source, tmp_path / "out.mp4") == [said]
    assert len(stamps(tmp_path / "out.mp4")) == 12


def test_a_raw_stream_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.h264"), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        for number in range(4):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match="container"):
        open_clip(tmp_path / "in.h264")


def test_a_writer_that_cannot_open_says_why(tmp_path: Path) -> None:
    """FFmpeg's own words, not an AttributeError, and not the disk."""
    with (
        pytest.raises(MediaError, match=r"(?i)size|dimension|256") as caught,
        create_output(tmp_path / "out.mov", codec="dnxhr") as writer,
    ):
        writer.write(0, np.zeros((16, 16, 3), np.float32))
    assert "isk" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_pixel_aspect_is_kept_or_said(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", frames=2, aspect=Fraction(4, 3))
    for ending in VIDEO_ENDINGS:
        with open_clip(source) as clip, create_output(tmp_path / f"out{ending}", clip) as writer:
            assert clip.format.pixel_aspect == Fraction(4, 3)
            writer.write(0, clip.frame(0).pixels)
        with open_clip(tmp_path / f"out{ending}") as clip:
            kept = clip.format.pixel_aspect == Fraction(4, 3)
        assert kept is not any("pixel aspect" in note for note in writer.notes), ending


def test_an_editor_s_mxf_and_a_camcorder_s_dv_come_through(tmp_path: Path) -> None:
    """DNxHR in MXF with timecode and PCM, as Premiere writes it; interlaced DV in AVI, whose pixels are not square."""
    mxf, dv = tmp_path / "a.mxf", tmp_path / "b.avi"
    options = {"profile": "dnxhr_hq"}
    make_clip(mxf, size=(256, 144), rate=Fraction(25), codec="dnxhd", pixel_format="yuv422p", options=options,
              timecode="01:00:00:00", sound="pcm_s16le")  # fmt: skip
    with open_clip(copied(mxf, tmp_path / "a.mov", codec="dnxhr")) as clip:
        assert (clip.timecode, clip.frame_rate, len(clip.format.contents)) == ("01:00:00:00", 25, 1)
    assert seen(tmp_path / "a.mov") == TONES
    make_clip(dv, size=(720, 576), rate=Fraction(25), codec="dvvideo", frames=4, aspect=Fraction(64, 45))
    with pytest.raises(MediaError, match="interlaced"):
        open_clip(dv)
    with open_clip(dv, allow_interlaced=True) as clip, create_output(tmp_path / "b.mov", clip) as writer:
        writer.write(0, clip.frame(0).pixels)
        assert clip.format.pixel_aspect == Fraction(64, 45)
    assert any(note.startswith("field order") for note in writer.notes)


# Where tracks begin and end

RAMP = np.arange(96000, dtype=np.int16) // 4
"""Samples that tell where they come from: two seconds, in steps of four samples."""
ASS = b"[Script Info]\n[V4+ Styles]\n[Events]\n"


def with_tracks(
    path: Path,
    *,
    tracks: int = 1,
    sound: str = "pcm_s16le",
    sound_at: int = 0,
    pictures_at: int = 0,
    words: tuple[str, list[tuple[int, int, str]]] | None = None,
    chapters: int = 0,
) -> Path:
    """48 frames of 24 frames/s, sound that is put in by half seconds, subtitles, and chapters of half a second.

    sound_at, pictures_at: when they begin, in milliseconds. words: a codec, and (start, end, text) in milliseconds.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height = 64, 48
        heard = [container.add_stream(sound, rate=48000, layout="mono") for _ in range(tracks)]
        text = container.add_stream(words[0]) if words else None
        if text is not None:
            text.codec_context.subtitle_header, text.codec_context.time_base = ASS, Fraction(1, 1000)
        spans = [(number * 500, number * 500 + 500) for number in range(chapters)]
        container.set_chapters(
            [{"id": n, "start": a, "end": b, "time_base": Fraction(1, 1000)} for n, (a, b) in enumerate(spans)]
        )
        for half in range(4):
            for track in heard:
                part = av.AudioFrame.from_ndarray(RAMP[None, half * 24000 : half * 24000 + 24000], "s16", "mono")
                part.sample_rate, part.pts = 48000, half * 24000 + sound_at * 48
                container.mux(track.encode(part))
            for number in range(half * 12, half * 12 + 12):
                frame = av.VideoFrame(64, 48, "yuv420p")
                frame.pts, frame.time_base = number + pictures_at * 24 // 1000, Fraction(1, 24)
                container.mux(stream.encode(frame))
        container.mux([*stream.encode(None), *(packet for track in heard for packet in track.encode(None))])
        for number, (start, end, line) in enumerate(words[1] if words else ()):
            content = f"{number},0,Default,,0,0,0,,{line}" if words and words[0] == "ass" else line
            packet = av.Packet(content.encode())
            packet.stream, packet.time_base = text, Fraction(1, 1000)
            packet.pts = packet.dts = start
            packet.duration = end - start
            container.mux(packet)
    return path


def heard_in(path: Path, track: int = 0) -> tuple[Fraction, np.ndarray]:
    """(when its first sample is heard, samples) of a track of sound."""
    with av.open(str(path)) as container:
        parts = list(container.decode(audio=track))
    return parts[0].pts * parts[0].time_base, np.concatenate([part.to_ndarray()[0] for part in parts])


def shown_words(path: Path) -> list[tuple[float, float, str]]:
    """(start, end, text) of the subtitles that show, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        coded = stream.codec_context.name == "mov_text"
        packets = [
            (packet.pts, packet.pts + packet.duration, bytes(packet)[2 if coded else 0 :].decode())
            for packet in container.demux(stream)
            if packet.size
        ]
        seconds = float(stream.time_base)
    return [(a * seconds, b * seconds, words.split(",")[-1]) for a, b, words in packets if b > a and words]


@pytest.mark.parametrize("ending", [".mov", ".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("span", [(0, 5), (0, 17), (6, 15)])
def test_a_range_has_every_track_of_sound_to_its_end(tmp_path: Path, ending: str, span: tuple[int, int]) -> None:
    """Cameras write tracks in chunks of half a second: one ends where the next has not begun."""
    source = with_tracks(tmp_path / "in.mov", tracks=3)
    target = tmp_path / f"out{ending}"
    assert notes_of_a_copy(source, target, span) == []
    first, length = span[0] * 2000, (span[1] + 1 - span[0]) * 2000
    for track in range(3):
        begins, samples = heard_in(target, track)
        assert begins == 0
        # The clock of Matroska counts milliseconds, and so does the length of a QuickTime film.
        assert samples.size == pytest.approx(length, abs=48)
        assert samples[0] == pytest.approx(RAMP[first], abs=12)
    assert stamps(target)[0] == (Fraction(1, 24) if ending == ".avi" else 0)


@pytest.mark.parametrize("sound", ["flac", "aac", "mp3"])
def test_a_range_in_matroska_begins_with_its_picture(tmp_path: Path, sound: str) -> None:
    """Packets of sound that cannot be cut began before it."""
    source = make_clip(tmp_path / "in.mkv", frames=30, rate=Fraction(25), sound=sound, step=2)
    assert stamps(copied(source, tmp_path / "out.mkv", span=(7, 29)))[0] == 0


@pytest.mark.parametrize("ending", [".mkv", ".webm", ".mov", ".mp4"])
@pytest.mark.parametrize("codec", ["ass", "subrip"])
def test_subtitles_of_a_range_are_cut_at_its_ends(tmp_path: Path, codec: str, ending: str) -> None:
    """Otherwise Matroska begins with as much of nothing as the first has shown before, and QuickTime loses it."""
    events = [(0, 1500, "long"), (1000, 1250, "before"), (1500, 1900, "late"), (1900, 2000, "after")]
    source = with_tracks(tmp_path / "in.mkv", words=(codec, events))
    target = copied(source, tmp_path / f"out{ending}", span=(30, 40))
    assert stamps(target)[0] == heard_in(target)[0] == 0
    found = shown_words(target)
    assert [words for _, _, words in found] == ["long", "late"]
    assert np.array([span[:2] for span in found]) == pytest.approx(np.array([(0, 0.25), (0.25, 11 / 24)]), abs=0.002)


@pytest.mark.parametrize("ending", [".mkv", ".webm", ".mov", ".mp4"])
@pytest.mark.parametrize("codec", ["ass", "subrip"])
def test_subtitles_that_overlap_are_all_kept(tmp_path: Path, codec: str, ending: str) -> None:
    events = [(0, 1500, "sign"), (1000, 1400, "one"), (1000, 1200, "two"), (1500, 1900, "late")]
    target = copied(with_tracks(tmp_path / "in.mkv", words=(codec, events)), tmp_path / f"out{ending}")
    expected = [(start / 1000, end / 1000, words) for start, end, words in events]
    if ending in (".mov", ".mp4"):
        # QuickTime shows one at a time: it has the words of all.
        expected = [
            (0, 1, "sign"),
            (1, 1.2, "sign\none\ntwo"),
            (1.2, 1.4, "sign\none"),
            (1.4, 1.5, "sign"),
            expected[3],
        ]
    found = shown_words(target)
    assert [words for _, _, words in found] == [words for _, _, words in expected]
    times = [np.array([span[:2] for span in spans]) for spans in (found, expected)]
    assert times[0] == pytest.approx(times[1], abs=0.002)


@pytest.mark.parametrize("ending", [".mov", ".mp4", ".mkv"])
def test_chapters_behind_a_range_are_left_out(tmp_path: Path, ending: str) -> None:
    """A QuickTime film lasts as long as its chapters."""
    source = with_tracks(tmp_path / "in.mov", chapters=4)
    target = copied(source, tmp_path / f"out{ending}", span=(6, 17))
    with av.open(str(target)) as container:
        spans = [
            (chapter["start"] * chapter["time_base"], chapter["end"] * chapter["time_base"])
            for chapter in container.chapters()
        ]
        assert spans == [(0, Fraction(1, 4)), (Fraction(1, 4), Fraction(1, 2))]
        assert container.duration == pytest.approx(500000, abs=1000)


@pytest.mark.parametrize("ending", [".mov", ".mp4"])
def test_a_render_that_stops_early_ends_subtitles_and_chapters_there(tmp_path: Path, ending: str) -> None:
    source = with_tracks(tmp_path / "in.mkv", words=("subrip", [(0, 1900, "long")]), chapters=4)
    with open_clip(source) as clip:
        writer = create_output(tmp_path / f"out{ending}", clip)
        writer.begin(range(48))
        for time in range(6):
            writer.write(time, clip.frame(time).pixels)
        writer.abandon()
    kept = tmp_path / f"out.partial{ending}"
    assert shown_words(kept) == [(0, 0.25, "long")]
    with av.open(str(kept)) as container:
        assert len(container.chapters()) == 1
        assert container.duration <= 500000, "a chunk of sound is half a second"


def test_what_a_range_has_not_is_not_put_down_to_the_file(tmp_path: Path) -> None:
    source = with_tracks(tmp_path / "in.mkv", sound_at=1000)
    assert notes_of_a_copy(source, tmp_path / "out.mov", (0, 5)) == [
        "sound (pcm_s16le): left out, these frames have none"
    ]


@pytest.mark.parametrize("ending", VIDEO_ENDINGS)
def test_damaged_sound_is_left_out_and_said(tmp_path: Path, ending: str) -> None:
    """A recording of television lost a second of its sound: the pictures, and the rest of the sound, go on."""
    source = make_clip(tmp_path / "in.ts", frames=100, rate=Fraction(25), sound=True, step=1)

    def lose(content: bytearray) -> None:
        packets = range(0, len(content), 188)
        heard = [start for start in packets if int.from_bytes(content[start + 1 : start + 3]) & 0x1FFF == 257]
        for start in heard[len(heard) // 4 : len(heard) // 2]:
            content[start + 20 : start + 180] = bytes(160)

    notes = notes_of_a_copy(patched(source, lose), tmp_path / f"out{ending}")
    *others, said = notes
    assert all("converted to" in note for note in others)
    lost = re.match(r"sound \(aac\): damaged from (\S+) s to (\S+) s, left out there", said)
    assert lost is not None, said
    assert [float(time) for time in lost.groups()] == pytest.approx([1, 2.05], abs=0.1)
    assert ("cannot hold a gap" in said) is (ending == ".avi")
    assert len(luma(tmp_path / f"out{ending}")) == 100
    with av.open(str(tmp_path / f"out{ending}")) as container:
        *_, last = (packet for packet in container.demux(audio=0) if packet.size)
    assert last.pts * last.time_base > (2.5 if ending == ".avi" else 3.8)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi"])
def test_sound_that_is_damaged_to_its_end_is_said_to_be(tmp_path: Path, ending: str) -> None:
    source = make_clip(tmp_path / "in.ts", frames=50, rate=Fraction(25), sound=True, step=2)

    def lose(content: bytearray) -> None:
        packets = range(0, len(content), 188)
        heard = [start for start in packets if int.from_bytes(content[start + 1 : start + 3]) & 0x1FFF == 257]
        for start in heard[3:]:
            content[start + 20 : start + 180] = bytes(160)

    *_, said = notes_of_a_copy(patched(source, lose), tmp_path / f"out{ending}")
    nothing = "left out, all of it is damaged"
    assert re.fullmatch(rf"sound \(aac\): (damaged from 0\.0\d s to its end, left out there|{nothing})", said), said


@pytest.mark.parametrize(("sound", "kind"), [("flac", ".mkv"), ("alac", ".mov")])
@pytest.mark.parametrize("span", [(6, 40), (7, 40), (9, 40)])
def test_sound_of_a_range_that_avi_plays_early_is_said(
    tmp_path: Path, sound: str, kind: str, span: tuple[int, int]
) -> None:
    """A packet that began before the range is left out, and the next is heard in its place."""
    notes = notes_of_a_copy(with_tracks(tmp_path / f"in{kind}", sound=sound), tmp_path / "out.avi", span)
    begins, samples = heard_in(tmp_path / "out.avi")
    early = samples[0] * 4 / 48000 - span[0] / 24 - begins
    said = [re.search(r": (\d\.\d\d) s early, .avi cannot hold that it begins after", note) for note in notes]
    expected = [float(early)] if early > 0.045 else []
    assert [float(match[1]) for match in said if match] == pytest.approx(expected, abs=0.006)


def test_what_cannot_begin_where_the_pictures_do_is_said(tmp_path: Path) -> None:
    late = with_tracks(tmp_path / "late.mov", sound_at=500)
    early = with_tracks(tmp_path / "early.mov", pictures_at=500)
    lead = "sound (pcm_s16le): 0.50 s early, .avi cannot hold that it begins after the picture"
    cut = "sound (pcm_s16le): the 0.50 s before the first picture are left out"
    for ending in (".mov", ".mp4", ".mkv", ".avi"):
        said = notes_of_a_copy(late, tmp_path / f"a{ending}")
        assert said == ([lead] if ending == ".avi" else []), ending
        said = notes_of_a_copy(early, tmp_path / f"b{ending}")
        assert said == ([] if ending == ".mkv" else [cut]), ending
        if ending != ".mkv":
            begins, samples = heard_in(tmp_path / f"b{ending}")
            assert (begins, samples[0]) == (0, pytest.approx(RAMP[24000], abs=1))


@pytest.mark.parametrize("ending", VIDEO_ENDINGS)
def test_the_reel_s_name_is_kept_or_said(tmp_path: Path, ending: str) -> None:
    """Resolve and Avid find a clip's original by it."""
    path = tmp_path / "in.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        stream.metadata.update(timecode="01:00:00:00", reel_name="A001C003_210101")
        frame = av.VideoFrame(64, 48, "yuv420p")
        frame.pts = 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    notes = notes_of_a_copy(path, tmp_path / f"out{ending}")
    with av.open(str(tmp_path / f"out{ending}")) as container:
        words = [{key.lower(): value for key, value in stream.metadata.items()} for stream in container.streams]
    kept = "A001C003_210101" in [word.get("reel_name") for word in words]
    assert kept is (ending in (".mov", ".mkv", ".webm"))
    said = "reel name (A001C003_210101): left out, this kind of file does not hold it"
    assert notes == ([] if kept else [said])


@pytest.mark.parametrize("ending", VIDEO_ENDINGS)
def test_a_start_timecode_that_is_not_kept_is_said(tmp_path: Path, ending: str) -> None:
    """QuickTime has drop frame at 29.97 frames/s and its multiples alone; FFmpeg says so in its log."""
    source = make_clip(tmp_path / "in.mkv", frames=2, rate=Fraction(24))
    with av.open(str(source)) as container, av.open(str(tmp_path / "tagged.mkv"), "w") as tagged:
        copy = tagged.add_stream_from_template(container.streams.video[0])
        tagged.metadata["timecode"] = "01:00:00;12"
        for packet in container.demux(video=0):
            if packet.size:
                packet.stream = copy
                tagged.mux(packet)
    notes = notes_of_a_copy(tmp_path / "tagged.mkv", tmp_path / f"out{ending}")
    with open_clip(tmp_path / f"out{ending}") as clip:
        kept = clip.timecode == "01:00:00;12"
    assert kept is (ending not in (".mov", ".mp4"))
    reason = "left out, this kind of file does not hold it at its frame rate"
    assert notes == ([] if kept else [f"start timecode (01:00:00;12): {reason}"])
