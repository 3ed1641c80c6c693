"""Video files in and out."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from compare import assert_same
from media_made import copied, little_room, luma, make_clip, planes_of, stamps
from mobilefaceswap.colour import SPACES
from mobilefaceswap.errors import MediaError
from mobilefaceswap.frame import ColourSpace
from mobilefaceswap.media import MediaClip, create_output, open_clip
from mobilefaceswap.media.declared import Orientation
from mobilefaceswap.media.video import source
from mobilefaceswap.media.video.clock import shifted_timecode


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov"])
def test_frames_are_found_in_any_order(tmp_path: Path, ending: str) -> None:
    path = make_clip(tmp_path / f"clip{ending}", frames=20)
    with open_clip(path) as clip:
        forward = [clip.frame(time).pixels for time in range(20)]
        assert [round(float(frame[:, -8:].mean()) * 219 + 16) for frame in forward] == [40 + 8 * n for n in range(20)]
        order = random.Random(1).sample(range(20), 20)
        clip._most_kept = 1
        assert all(np.array_equal(clip.frame(time).pixels, forward[time]) for time in order)


@pytest.mark.parametrize("pixel_format", ["gray", "gray16le"])
def test_grey_without_a_tag_has_full_range(tmp_path: Path, pixel_format: str) -> None:
    """As FFmpeg takes it: a roto's 0 and 1 are 0 and 1."""
    most = 255 if pixel_format == "gray" else 65535
    ramp = np.tile(np.linspace(0, most, 64).round().astype(np.uint8 if most == 255 else np.uint16), (48, 1))
    with av.open(str(tmp_path / "ramp.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        container.mux(stream.encode(av.VideoFrame.from_ndarray(ramp, format=pixel_format)))
        container.mux(stream.encode(None))
    with open_clip(tmp_path / "ramp.mkv") as clip:
        assert_same(clip.frame(0).pixels[..., 0], (ramp / most).astype(np.float32), atol=1e-5)


def test_threads_read_the_same_frames(tmp_path: Path) -> None:
    with open_clip(make_clip(tmp_path / "clip.mp4", frames=20)) as clip:
        forward = [clip.frame(time).pixels for time in range(20)]
        clip._most_kept = 1
        with ThreadPoolExecutor(4) as pool:
            threaded = list(pool.map(lambda time: clip.frame(time).pixels, [*range(19, -1, -1)]))
        assert all(np.array_equal(one, other) for one, other in zip(threaded[::-1], forward, strict=True))


def of_one_group(place: Path) -> Path:
    """Sixty frames of which the first alone is a key frame."""
    with create_output(place) as writer:
        for time in range(60):
            writer.write(time, np.full((48, 64, 3), time / 60, np.float32))
    return place


def test_reading_as_far_ahead_as_faces_are_followed_decodes_no_picture_twice(tmp_path: Path, monkeypatch) -> None:
    decoded, keep = [], source.VideoClip._keep
    monkeypatch.setattr(source.VideoClip, "_keep", lambda *given: decoded.append(given[1].pts) or keep(*given))
    with open_clip(of_one_group(tmp_path / "clip.mp4")) as clip:
        clip._limit = source._MANY  # as for pictures of any size
        for time in range(60):
            for ahead in (-(-(time + 12) // 8) * 8, time + 12, time):
                clip.frame(min(ahead, 59))
    assert len({*decoded}) == len(decoded) == 60


def test_as_many_pictures_are_kept_as_are_asked_for_again(tmp_path: Path) -> None:
    with open_clip(of_one_group(tmp_path / "clip.mp4")) as clip:
        for time in (0, 1, 3, 2, 4, 5):
            clip.frame(time)
        assert clip._most_kept == source._FEW
        for time in (12, 6, 7):
            clip.frame(time)
        assert source._FEW < clip._most_kept < source._MANY
        for time in (*range(13, 40), 0):
            clip.frame(time)
        assert clip._most_kept == clip._limit


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25), Fraction(60000, 1001)])
@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_rate_and_times_are_kept(tmp_path: Path, rate: Fraction, ending: str) -> None:
    source = make_clip(tmp_path / "in.mp4", rate=rate)
    target = copied(source, tmp_path / f"out{ending}")
    with open_clip(target) as clip:
        assert clip.frame_rate == rate
        assert clip.last == 11
    tolerance = Fraction(1, 1000) if ending == ".mkv" else 0
    assert all(abs(one - other) <= tolerance for one, other in zip(stamps(source), stamps(target), strict=True))


@pytest.mark.parametrize("shown", [2, 3, 4])
def test_the_rate_of_animation_is_read_of_a_short_clip(tmp_path: Path, shown: int) -> None:
    """Each picture stands for some frames of 25 a second, of which the file's clock counts no fraction."""
    source = make_clip(tmp_path / "in.mov", rate=Fraction(25, shown), frames=20)
    with open_clip(source) as clip, create_output(tmp_path / "out.mov", clip) as writer:
        for time in range(14, 20):
            writer.write(time, clip.frame(time).pixels)
    with open_clip(tmp_path / "out.mov") as clip:
        assert clip.frame_rate == Fraction(25, shown)


@pytest.mark.parametrize(
    "times",
    [
        [0, 10, 25, 60, 61, 100, 180, 200, 230, 300, 310, 400],
        [0, 20, 34, 60, 72, 100, 106, 122],
        [0, 20, 34, 60, 72, 100, 106, 122, 123],
    ],
    ids=["slowing", "even", "short at the end"],
)
def test_variable_timing_is_kept(tmp_path: Path, times: list[int]) -> None:
    more = {} if len(times) > 9 else {"options": {"bf": "3", "g": "250"}}
    source = make_clip(tmp_path / "in.mp4", frames=len(times), stamps=times, base=Fraction(1, 600), **more)
    with open_clip(source) as clip:
        duration = clip.duration
    target = copied(source, tmp_path / "out.mp4")
    assert stamps(target) == stamps(source) == [Fraction(time, 600) for time in times]
    with open_clip(target) as clip:
        assert clip.duration == duration


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_is_shown_and_kept(tmp_path: Path, rotation: int) -> None:
    source = make_clip(tmp_path / "in.mp4", rotation=rotation)
    target = copied(source, tmp_path / "out.mp4", quality=0)
    with open_clip(source) as clip, open_clip(target) as other:
        assert clip.size == ((48, 64) if rotation % 180 else (64, 48))
        assert other.orientation == clip.orientation != Orientation()
        assert other.frame(3).pixels == pytest.approx(clip.frame(3).pixels, abs=0.01)
    with av.open(str(target)) as container:
        assert container.streams.video[0].codec_context.width == 64


def test_turned_frames_are_upright(tmp_path: Path) -> None:
    with open_clip(make_clip(tmp_path / "in.mp4", rotation=90)) as clip:
        pixels = clip.frame(2).pixels
    # The stored left half is darker; turned counter-clockwise, left comes to lie at the bottom.
    assert pixels[-8:].mean() < pixels[:8].mean() - 0.05


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (6, 6, 6, 1), (1, 1, 13, 2), (2, 2, 2, 0)])
def test_colour_tags_are_kept(tmp_path: Path, tags: tuple[int, int, int, int]) -> None:
    source = make_clip(tmp_path / "in.mp4", tags=tags)
    target = copied(source, tmp_path / "out.mp4", quality=0)
    with open_clip(source) as clip, open_clip(target) as other:
        assert clip.colour_tags == other.colour_tags
        assert (clip.colour_tags.matrix, clip.colour_tags.primaries, clip.colour_tags.transfer) == tags[:3]
        assert clip.colour_space is (ColourSpace.SRGB if tags[2] == 13 else ColourSpace.REC709)


@pytest.mark.parametrize(("ending", "codec"), [(".mov", "prores"), (".mp4", "h265"), (".mkv", "ffv1")])
def test_colour_tags_survive_a_change_of_codec(tmp_path: Path, ending: str, codec: str) -> None:
    source = make_clip(tmp_path / "in.mp4", tags=(9, 9, 14, 1), pixel_format="yuv420p10le", frames=2)
    target = copied(source, tmp_path / f"out{ending}", codec=codec)
    with open_clip(target) as clip:
        found = clip.colour_tags
        assert (found.matrix, found.primaries, found.transfer) == (9, 9, 14)
    with av.open(str(target)) as container:
        frame = next(container.decode(video=0))
        assert (int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc)) == (9, 9, 14)


def test_untagged_standard_definition_is_read_as_601_and_high_as_709(tmp_path: Path) -> None:
    with open_clip(make_clip(tmp_path / "sd.mp4", frames=1)) as clip:
        assert (clip.format.coding.matrix, clip.format.coding.full_range) == (6, False)
    with open_clip(make_clip(tmp_path / "hd.mp4", frames=1, size=(1280, 720))) as clip:
        assert (clip.format.coding.matrix, clip.format.coding.full_range) == (1, False)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv420p10le", "yuv422p10le", "yuv444p"])
def test_lossless_copy_has_the_same_planes(tmp_path: Path, pixel_format: str) -> None:
    source = make_clip(tmp_path / "in.mkv", codec="ffv1", pixel_format=pixel_format, frames=3)
    target = copied(source, tmp_path / "out.mkv", codec="ffv1")
    with av.open(str(source)) as one, av.open(str(target)) as other:
        for before, after in zip(one.decode(video=0), other.decode(video=0), strict=True):
            assert before.format.name == after.format.name == pixel_format
            for plane, copy in zip(planes_of(before), planes_of(after), strict=True):
                assert np.array_equal(plane, copy)


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", pixel_format="yuv420p10le", frames=3)
    for ending, codec in ((".mp4", "h264"), (".mov", "prores")):
        with av.open(str(copied(source, tmp_path / f"out{ending}"))) as container:
            assert container.streams.video[0].codec_context.name == codec
            assert "10le" in str(container.streams.video[0].codec_context.pix_fmt)
    with open_clip(copied(source, tmp_path / "eight.mp4", bit_depth=8)) as clip:
        assert clip.bit_depth == 8


def test_alpha_is_kept_by_prores(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mov", codec="prores_ks", pixel_format="yuva444p10le", frames=3)
    with open_clip(source) as clip:
        alpha = clip.frame(1).alpha
        assert clip.has_alpha
        assert alpha is not None
    with open_clip(copied(source, tmp_path / "out.mov")) as clip:
        assert clip.frame(1).alpha == pytest.approx(alpha, abs=0.01)
    with open_clip(source) as clip:
        assert any("alpha" in note for note in create_output(tmp_path / "out.mp4", clip).notes)


def soft_clip(folder: Path) -> MediaClip:
    """Linear light of 0.2 in EXR, premultiplied by an alpha of 0.5."""
    with create_output(folder / "in.exr", bit_depth=32, alpha=True, colour_space=ColourSpace.LINEAR) as writer:
        writer.write(0, np.tile(np.float32([0.4, 0.4, 0.4, 0.5]), (48, 64, 1)))
    return open_clip(folder / "in.exr")


@pytest.mark.parametrize(("ending", "kind"), [("mp4", "yuv420p10le"), ("mov", "yuva444p12le")])
def test_the_alpha_that_is_written_decides_the_chroma(tmp_path: Path, ending: str, kind: str) -> None:
    with soft_clip(tmp_path) as clip, create_output(tmp_path / f"out.{ending}", clip) as writer:
        writer.write(0, clip.frame(0).pixels)
    with av.open(str(tmp_path / f"out.{ending}")) as container:
        assert container.streams.video[0].codec_context.pix_fmt == kind
    assert ("no alpha" in " ".join(writer.notes)) is (ending == "mp4")


@pytest.mark.parametrize("premultiplied", [None, True])
def test_video_with_alpha_holds_straight_colour(tmp_path: Path, premultiplied: bool | None) -> None:
    """That of the plate as much as that of a face layer, which is premultiplied."""
    with soft_clip(tmp_path) as clip, create_output(tmp_path / "out.mov", clip, premultiplied=premultiplied) as writer:
        writer.write(0, clip.frame(0).pixels)
    with open_clip(tmp_path / "out.mov") as clip:
        frame = clip.frame(0)
    assert frame.alpha[24, 32] == pytest.approx(0.5, abs=0.01)
    assert frame.rgb[24, 32] == pytest.approx([0.4 ** (1 / 2.4)] * 3, abs=0.01)


def test_sound_and_timecode_are_copied(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mov", sound=True, frames=24, timecode="01:00:00:00")
    target = copied(source, tmp_path / "out.mov")
    with av.open(str(source)) as one, av.open(str(target)) as other:
        before = [bytes(packet) for packet in one.demux(audio=0) if packet.size]
        after = [bytes(packet) for packet in other.demux(audio=0) if packet.size]
    assert after == before
    with open_clip(target) as clip:
        assert clip.timecode == "01:00:00:00"


def test_a_range_carries_its_own_sound_and_timecode(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mov", sound=True, frames=24, rate=Fraction(24), timecode="01:00:00:00")
    target = copied(source, tmp_path / "out.mov", span=(12, 17))
    assert stamps(target)[0] == 0
    with open_clip(target) as clip:
        assert clip.timecode == "01:00:00:12"
        assert clip.duration == Fraction(6, 24)
    with av.open(str(target)) as container:
        heard = sum(packet.duration * packet.time_base for packet in container.demux(audio=0) if packet.size)
    assert 0.24 < heard < 0.30


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (64, 49), (8192, 16)])
@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_odd_sizes_are_written_as_they_are(tmp_path: Path, size: tuple[int, int], ending: str) -> None:
    pixels = np.full((size[1], size[0], 3), 0.5, np.float32)
    with create_output(tmp_path / f"odd{ending}") as writer:
        for time in range(3):
            writer.write(time, pixels)
    with open_clip(tmp_path / f"odd{ending}") as clip:
        assert clip.size == size
        assert clip.frame(2).pixels == pytest.approx(pixels, abs=0.02)


def test_interlaced_video_is_refused_unless_allowed(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", options={"flags": "+ildct+ilme", "x264-params": "tff=1"})
    with pytest.raises(MediaError, match="Deinterlace"):
        open_clip(path)
    with open_clip(path, allow_interlaced=True) as clip:
        assert clip.field_order != "progressive"
        assert "combing" in clip.notes[0]
        with create_output(tmp_path / "out.mp4", clip) as writer:
            writer.write(0, clip.frame(0).pixels)
    assert any(note.startswith("field order") for note in writer.notes)


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ((9, 9, 16, 1), "pq"),
        ((9, 9, 18, 1), "hlg"),
        ((9, 9, 14, 1), "rec2020"),
        ((1, 12, 1, 1), "display-p3"),
        ((1, 1, 1, 1), "rec709"),
        ((1, 1, 13, 1), "srgb"),
        ((6, 6, 6, 1), "rec709"),
        ((9, 1, 16, 1), "pq"),
    ],
)
def test_tags_decide_the_colour_space_and_are_kept(tmp_path: Path, tags: tuple[int, ...], name: str) -> None:
    source = make_clip(tmp_path / "in.mp4", tags=tags, pixel_format="yuv420p10le", frames=2)
    with open_clip(source) as clip, open_clip(copied(source, tmp_path / "out.mp4")) as other:
        assert clip.colour_space is SPACES[name]
        assert clip.notes == ()
        assert_same(clip.frame(1).pixels, other.frame(1).pixels, atol=0.05)
        assert clip.colour_tags == other.colour_tags


@pytest.mark.parametrize(
    ("start", "frames", "rate", "expected"),
    [
        ("01:00:00:00", 25, Fraction(25), "01:00:01:00"),
        ("23:59:59:23", 1, Fraction(24000, 1001), "00:00:00:00"),
        ("00:00:59;29", 1, Fraction(30000, 1001), "00:01:00;02"),
        ("00:09:59;29", 1, Fraction(30000, 1001), "00:10:00;00"),
        ("00:00:00;00", 107892, Fraction(30000, 1001), "01:00:00;00"),
        ("00:00:59;59", 1, Fraction(60000, 1001), "00:01:00;04"),
    ],
)
def test_timecode_counts_as_smpte_does(start: str, frames: int, rate: Fraction, expected: str) -> None:
    assert shifted_timecode(start, frames, rate) == expected


def _sound_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def test_bad_files_are_refused_with_a_remedy(tmp_path: Path) -> None:
    good = make_clip(tmp_path / "good.mp4", frames=24).read_bytes()
    bad = {"empty.mp4": b"", "text.mp4": b"not a clip at all", "cut.mp4": good[: len(good) // 2]}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MediaError, match="again"):
            open_clip(tmp_path / name)
    with pytest.raises(MediaError, match="video stream"):
        open_clip(_sound_only(tmp_path / "sound.mp4"))
    with pytest.raises(MediaError, match="found none"):
        open_clip(tmp_path / "missing.mp4")
    with pytest.raises(MediaError, match="folder"):
        open_clip(tmp_path)


def test_a_file_cut_short_behind_its_index_is_refused(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mov", frames=24, size=(320, 240), options={"crf": "0"})
    with (
        av.open(str(path)) as source,
        av.open(str(tmp_path / "fast.mov"), "w", options={"movflags": "faststart"}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    content = (tmp_path / "fast.mov").read_bytes()
    (tmp_path / "cut.mov").write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(MediaError, match="cut short"):
        open_clip(tmp_path / "cut.mov")


def test_a_damaged_frame_in_the_middle_is_named(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mov", codec="prores_ks", pixel_format="yuv422p10le", frames=8)
    with av.open(str(path)) as container:
        places = sorted((packet.pts, packet.pos, packet.size) for packet in container.demux(video=0) if packet.size)
    content = bytearray(path.read_bytes())
    _, position, size = places[4]
    content[position : position + size] = bytes(size)
    path.write_bytes(content)
    with open_clip(path) as clip:
        assert clip.frame(3).size == (64, 48)
        with pytest.raises(MediaError, match="frame 4"):
            clip.frame(4)
        assert clip.frame(5).size == (64, 48)


@pytest.mark.parametrize("time", [-1, 12, 1000])
def test_frames_outside_the_clip_are_refused(tmp_path: Path, time: int) -> None:
    with open_clip(make_clip(tmp_path / "in.mp4")) as clip, pytest.raises(MediaError, match="from 0 to 11"):
        clip.frame(time)


def test_names_with_spaces_quotes_and_letters_of_other_alphabets(tmp_path: Path) -> None:
    folder = tmp_path / "Łódź 'take' \"2\""
    folder.mkdir()
    source = make_clip(folder / "plán %1 日本.mp4")
    assert luma(copied(source, folder / "výstup #1.mp4", quality=2)) == pytest.approx(luma(source), abs=2)


def test_output_places_are_checked(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4")
    (tmp_path / "link.mp4").symlink_to(source)
    with open_clip(source) as clip:
        for path, words in (
            (source, "other than the input"),
            (tmp_path / "link.mp4", "other than the input"),
            (tmp_path / "none" / "out.mp4", "mkdir"),
            (tmp_path / "out.xyz", "endings"),
        ):
            with pytest.raises(MediaError, match=words):
                create_output(path, clip)
        with pytest.raises(MediaError, match="codec"):
            create_output(tmp_path / "out.mp4", clip, codec="nonsense")
        with pytest.raises(MediaError, match="quality"):
            create_output(tmp_path / "out.mp4", clip, quality="best")
        with pytest.raises(MediaError, match="sequence"):
            create_output(tmp_path / "out.mp4", clip, resume=True)


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4")
    with little_room(1000), pytest.raises(MediaError, match="disk"):
        copied(source, tmp_path / "out.mp4", quality=0)
    assert [item.name for item in tmp_path.iterdir()] == ["in.mp4"]


def test_an_interrupted_file_plays_and_stays_partial(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4")

    def interrupted() -> None:
        with open_clip(source) as clip, create_output(tmp_path / "out.mp4", clip) as writer:
            for time in range(5):
                writer.write(time, clip.frame(time).pixels)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not (tmp_path / "out.mp4").exists()
    assert len(luma(tmp_path / "out.partial.mp4")) == 5


def test_a_video_without_a_frame_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    writer = create_output(tmp_path / "out.mp4")
    with pytest.raises(MediaError, match=r"at least one frame for .*out\.mp4"):
        writer.close()
    assert not list(tmp_path.iterdir())


def test_a_file_holds_one_size(tmp_path: Path) -> None:
    with create_output(tmp_path / "out.mp4") as writer:
        writer.write(0, np.zeros((8, 8, 3), np.float32))
        with pytest.raises(MediaError, match="one size"):
            writer.write(1, np.zeros((10, 8, 3), np.float32))


def test_real_clips_read_back(media: Path) -> None:
    for path in sorted((media / "clips").glob("*.mp4"))[:3]:
        with open_clip(path) as clip:
            middle = (clip.first + clip.last) // 2
            assert clip.frame(middle).size == clip.size
            assert np.array_equal(clip.frame(middle).pixels, clip.frame(middle).pixels)


def test_a_frame_has_a_key_without_decoding(tmp_path: Path) -> None:
    """Caches ask for it: it changes with the frame and with the file, and with nothing else."""
    path = make_clip(tmp_path / "in.mp4", frames=3)
    with open_clip(path) as clip, open_clip(path) as again:
        assert clip.key(1) == again.key(1) != clip.key(2)
        before = clip.key(1)
    make_clip(path, frames=3, options={"crf": "9"})
    with open_clip(path) as clip:
        assert clip.key(1) != before


def test_threads_asked_for_reach_decoder_and_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBILEFACESWAP_THREADS", "3")
    with open_clip(make_clip(tmp_path / "in.mp4")) as clip, create_output(tmp_path / "out.mp4", clip) as writer:
        assert clip._decoder.thread_count == 3
        writer.write(0, clip.frame(0).pixels)
        assert writer._pictures.stream.codec_context.thread_count == 3
