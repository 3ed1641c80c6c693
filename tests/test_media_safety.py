"""Nothing that a user has is destroyed, and what cannot be written is said."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media_made import little_room, luma, make_clip, stamps
from mobilefaceswap.errors import MediaError
from mobilefaceswap.files import temporary_path
from mobilefaceswap.media import check_free, check_output, create_output, open_clip
from mobilefaceswap.media.video.clock import Clock
from mobilefaceswap.media.video.encoders import choose_encoder

GREY = np.full((16, 16, 3), 0.5, np.float32)


def copied(source: Path, target: Path, **options: object) -> tuple[str, ...]:
    """Every frame of ``source`` written to ``target``; the notes of the output."""
    with open_clip(source) as clip, create_output(target, clip, **options) as writer:
        for time in range(clip.first, clip.last + 1):
            writer.write(time, clip.frame(time).pixels)
    return writer.notes


@pytest.mark.parametrize("name", ["out.partial.mp4", ".out.partial.mp4", "out.mp4.part"])
def test_an_input_that_is_called_like_a_temporary_file_survives(tmp_path: Path, name: str) -> None:
    source = make_clip(tmp_path / "in.mp4").rename(tmp_path / name)
    before = source.read_bytes()
    copied(source, tmp_path / "out.mp4")
    assert source.read_bytes() == before
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted([name, "out.mp4"])


def test_a_picture_that_is_called_like_a_temporary_file_survives(tmp_path: Path) -> None:
    with create_output(tmp_path / "a.partial.png") as writer:
        writer.write(0, GREY)
    before = (tmp_path / "a.partial.png").read_bytes()
    copied(tmp_path / "a.partial.png", tmp_path / "a.png")
    assert (tmp_path / "a.partial.png").read_bytes() == before


def test_temporary_names_are_never_shared(tmp_path: Path) -> None:
    places = [temporary_path(tmp_path / "out.mp4") for _ in range(20)]
    assert len(set(places)) == 20
    assert all(not place.exists() and place.suffix == ".mp4" for place in places)


@pytest.mark.parametrize("name", ["out.png", "out.mp4"])
def test_an_interruption_at_the_first_moment_leaves_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch = Path.touch

    def interrupted(place: Path, mode: int = 0o666, exist_ok: bool = True) -> None:
        touch(place, mode, exist_ok)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "touch", interrupted)
    with pytest.raises(KeyboardInterrupt), create_output(tmp_path / name) as writer:
        writer.write(0, GREY)
    assert not list(tmp_path.iterdir())


def test_two_outputs_of_one_name_do_not_disturb_each_other(tmp_path: Path) -> None:
    first, second = create_output(tmp_path / "out.mp4"), create_output(tmp_path / "out.mp4")
    for writer, frames in ((first, 3), (second, 5)):
        for time in range(frames):
            writer.write(time, GREY)
    first.close()
    assert len(luma(tmp_path / "out.mp4")) == 3
    second.close()
    assert len(luma(tmp_path / "out.mp4")) == 5


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_link_to_the_input_is_the_input(tmp_path: Path, link: object) -> None:
    source = make_clip(tmp_path / "in.mp4", frames=2)
    link(source, tmp_path / "link.mp4")
    with open_clip(source) as clip, pytest.raises(MediaError, match="the same"):
        create_output(tmp_path / "link.mp4", clip)


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_linked_frame_of_a_sequence_is_the_input(tmp_path: Path, link: object) -> None:
    for time in (1, 2):
        with create_output(tmp_path / "in.%04d.png") as writer:
            writer.write(time, GREY)
    link(tmp_path / "in.0002.png", tmp_path / "out.0002.png")
    with open_clip(tmp_path / "in.%04d.png") as clip, pytest.raises(MediaError, match="the same"):
        create_output(tmp_path / "out.%04d.png", clip)


@pytest.mark.parametrize("name", ["out.mp4", "out.png"])
def test_a_linked_output_keeps_its_link(tmp_path: Path, name: str) -> None:
    target = tmp_path / "elsewhere" / name
    target.parent.mkdir()
    target.write_bytes(b"old")
    (tmp_path / name).symlink_to(target)
    with create_output(tmp_path / name) as writer:
        writer.write(0, GREY)
    assert (tmp_path / name).is_symlink()
    assert target.read_bytes() != b"old"
    assert [item.name for item in target.parent.iterdir()] == [name]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("out.%04d.exr", "out.####.exr", True),
        ("out.%04d.exr", "./out.%d.exr", True),
        ("out.%02d.exr", "out.%03d.exr", True),
        ("out.%04d.exr", "out.0009.exr", True),
        ("out.%04d.exr", "matte.%04d.exr", False),
        ("out.%04d.exr", "out.%04d.png", False),
    ],
)
def test_patterns_that_mean_the_same_files_are_refused(tmp_path: Path, one: str, other: str, same: bool) -> None:
    if same:
        with pytest.raises(MediaError, match="the same"):
            check_output(str(tmp_path / one), str(tmp_path / other))
    else:
        check_output(str(tmp_path / one), str(tmp_path / other))


def test_an_output_that_exists_is_replaced_only_if_asked(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"dear")
    with pytest.raises(MediaError, match="exists already"):
        create_output(tmp_path / "out.mp4", overwrite=False)
    create_output(tmp_path / "new.mp4", overwrite=False)
    (tmp_path / "out.0007.png").write_bytes(b"dear")
    with pytest.raises(MediaError, match=r"out\.0007\.png exists already"):
        create_output(tmp_path / "out.%04d.png", overwrite=False)
    create_output(tmp_path / "out.%04d.png", overwrite=False, resume=True)
    (tmp_path / "out.0030.png").write_bytes(b"dear")
    with pytest.raises(MediaError, match=r"out\.0007\.png and 1 more frame exist already"):
        create_output(tmp_path / "out.%04d.png", overwrite=False)
    check_free(str(tmp_path / "out.%04d.png"), range(8, 20))


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out.%04d.png"])
def test_a_file_that_appears_during_the_render_is_not_replaced(tmp_path: Path, name: str) -> None:
    place = tmp_path / name.replace("%04d", "0001")
    with open_clip(make_clip(tmp_path / "in.mp4", frames=2)) as clip:
        writer = create_output(tmp_path / name, clip, overwrite=False)

        def finish() -> None:
            writer.write(1, clip.frame(1).pixels)
            writer.close()

        writer.write(0, clip.frame(0).pixels)
        place.write_bytes(b"dear")
        with pytest.raises(MediaError, match="one has appeared there since"):
            finish()
    assert place.read_bytes() == b"dear"
    with open_clip(place.with_name(f"{place.stem}.partial{place.suffix}")) as kept:
        assert kept.last == (0 if "%" in name else 1)


def test_a_resumed_run_replaces_what_it_found_damaged_and_nothing_newer(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"out.000{number}.png").write_bytes(b"damaged")
    writer = create_output(tmp_path / "out.%04d.png", resume=True, overwrite=False)
    assert not any(writer.has(time) for time in (1, 3))
    (tmp_path / "out.0003.png").write_bytes(b"of another machine")
    writer.write(1, GREY)
    assert (tmp_path / "out.0001.png").read_bytes() != b"damaged"
    with pytest.raises(MediaError, match="one has appeared there since"):
        writer.write(3, GREY)
    assert (tmp_path / "out.0003.png").read_bytes() == b"of another machine"


FULL = """
import resource, sys
import numpy as np
from mobilefaceswap.errors import MediaError
from mobilefaceswap.media import create_output
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with create_output(sys.argv[1]) as writer:
        for time in range(40 if sys.argv[1].endswith("mp4") else 1):
            writer.write(time, np.random.default_rng(time).random((300, 300, 3), np.float32))
except MediaError as error:
    print("refused:", error)
"""


@pytest.mark.parametrize(
    "ending", ["exr", "png", "tif", "jpg", "webp", "bmp", "tga", "gif", "dpx", "hdr", "avif", "mp4"]
)
def test_a_full_disk_ends_neither_the_process_nor_never(tmp_path: Path, ending: str) -> None:
    """In a process of its own: libraries have been seen to abort, and to write for ever."""
    pytest.importorskip("resource")
    code = [sys.executable, "-c", FULL, str(tmp_path / f"out.{ending}")]
    done = subprocess.run(code, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("refused: expected"), done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["jpg", "webp", "png", "mp4"])
def test_a_run_can_be_interrupted(tmp_path: Path, ending: str) -> None:
    code = (
        "import sys, numpy as np\nfrom mobilefaceswap.media import create_output\n"
        "with create_output(sys.argv[1]) as writer:\n"
        "    for time in range(10**6):\n"
        "        writer.write(time, np.full((64, 64, 3), 0.5, np.float32))\n"
        "        print(time, flush=True)\n"
    )
    name = f"out.{ending}" if ending == "mp4" else f"out.%d.{ending}"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / name)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in complaint
    assert all(item.stat().st_size for item in tmp_path.iterdir())
    assert not [item for item in tmp_path.iterdir() if item.name.startswith(".")]


def test_a_failed_file_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "out.jpg").write_bytes(b"old")
    with little_room(100), pytest.raises(MediaError), create_output(tmp_path / "out.jpg") as writer:
        writer.write(0, np.random.default_rng(0).random((64, 64, 3), np.float32))
    assert (tmp_path / "out.jpg").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_partial_file_never_takes_a_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out.partial.mp4").write_bytes(b"dear")

    def interrupted() -> None:
        with create_output(tmp_path / "out.mp4") as writer:
            writer.write(0, GREY)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "out.partial.mp4").read_bytes() == b"dear"
    assert len(luma(tmp_path / "out.partial-2.mp4")) == 1


@pytest.mark.parametrize(
    ("ending", "codec", "pixel_format"), [("mxf", "mpeg2video", "yuv422p"), ("flv", "libx264", "yuv420p")]
)
def test_a_file_that_was_copied_in_part_is_refused(tmp_path: Path, ending: str, codec: str, pixel_format: str) -> None:
    whole = make_clip(
        tmp_path / f"in.{ending}", codec=codec, pixel_format=pixel_format, rate=Fraction(25), frames=20, step=4
    )
    with open_clip(whole) as clip:
        assert clip.last == 19
    content = whole.read_bytes()
    for share in (0.5, 0.9):
        whole.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(MediaError, match=r"more bytes in .*; the file is cut short: copy it again"):
            open_clip(whole)


def test_a_stream_of_another_size_than_its_server_s_file_is_read(tmp_path: Path) -> None:
    """Recorders of streams keep what the server's file declares."""
    whole = make_clip(tmp_path / "in.flv", rate=Fraction(25), frames=20, step=4)
    name = b"filesize\x00"
    before, _, behind = whole.read_bytes().partition(name)
    whole.write_bytes(before + name + struct.pack(">d", 1e9) + behind[8:])
    with open_clip(whole) as clip:
        assert clip.last == 19


@pytest.mark.parametrize(("ending", "timecode", "later"), [("ts", None, None), ("mov", "10:00:00:20", "10:00:01:03")])
def test_a_clip_cut_out_of_a_stream_begins_with_its_first_key_frame(
    tmp_path: Path, ending: str, timecode: str | None, later: str | None
) -> None:
    source = make_clip(
        tmp_path / f"whole.{ending}",
        frames=30,
        rate=Fraction(25),
        options={"g": "10", "sc_threshold": "0"},
        step=4,
        timecode=timecode,
    )
    cut = without_first_packets(source, tmp_path / f"cut.{ending}", 3)
    with open_clip(cut) as clip:
        assert (clip.first, clip.last, clip.frame_rate, clip.duration) == (0, 19, 25, Fraction(20, 25))
        assert clip.notes == ("begins in the middle of a GOP: 7 frames without their key frame left out",)
        assert clip.timecode == later
        for time in (0, 19, 3):
            assert abs(float(clip.frame(time).pixels[0, -1, 1]) * 219 + 16 - (80 + 4 * time)) < 3
        assert Clock(clip, 0).start == stamps(source)[10], "sound goes on from there"


@pytest.mark.parametrize(("codec", "ending"), [("mpeg4", "mp4"), ("mpeg4", "mkv"), ("mpeg2video", "ts")])
def test_a_decoder_that_does_without_its_key_frame_begins_with_the_next(
    tmp_path: Path, codec: str, ending: str
) -> None:
    """MPEG-4 with B-frames, cut in the middle of a group: its decoder delivers garbage up to the next one."""
    texture = np.kron(np.random.default_rng(1).integers(0, 256, (30, 50, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    source = tmp_path / f"in.{ending}"
    with av.open(str(source), "w") as container:
        options = {"g": "12", "bf": "2", "sc_threshold": "1000000000"}
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 160, 120, "yuv420p", 2_000_000
        for number in range(36):
            window = texture[number : number + 120, 2 * number : 2 * number + 160]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(window), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    cut = without_first_packets(source, tmp_path / f"cut.{ending}", 4)
    with open_clip(source) as whole, open_clip(cut) as clip:
        assert [note.partition(":")[0] for note in clip.notes] == ["begins in the middle of a GOP"]
        for time in (0, 5, 1, clip.last):
            expected = whole.frame(whole.last - clip.last + time).pixels
            assert np.array_equal(clip.frame(time).pixels, expected), time


def without_first_packets(source: Path, target: Path, count: int) -> Path:
    """The pictures of ``source`` without the first packets of the file, as a stream that is switched on late."""
    with av.open(str(source)) as whole, av.open(str(target), "w") as cut:
        stream = cut.add_stream_from_template(whole.streams.video[0])
        stream.metadata.update(whole.streams.video[0].metadata)
        packets = [packet for packet in whole.demux(whole.streams.video[0]) if packet.size]
        for packet in packets[count:]:
            packet.stream = stream
            cut.mux(packet)
    return target


@pytest.mark.parametrize(
    ("source", "codec", "name", "notes"),
    [
        ("yuv422p10le", None, "a.webm", ("libsvtav1 holds 4:2:0 of the clip's 4:2:2",)),
        ("yuv444p10le", "av1", "a.mp4", ("libsvtav1 holds 4:2:0 of the clip's 4:4:4",)),
        ("bgr0", "vp8", "a.webm", ("libvpx holds 4:2:0 of the clip's RGB",)),
        ("yuv411p", "h264", "a.mp4", ()),
        ("gray", "av1", "a.mp4", ()),
        ("yuv420p", "av1", "a.mp4", ()),
    ],
)
def test_chroma_that_a_codec_cannot_hold_is_said(
    tmp_path: Path, source: str, codec: str | None, name: str, notes: tuple[str, ...]
) -> None:
    made = make_clip(tmp_path / "in.mkv", codec="ffv1", pixel_format=source, frames=1)
    with open_clip(made) as clip:
        chosen = choose_encoder(name, clip, clip.size, codec=codec, quality=None, bit_depth=None, alpha=False)
    assert chosen.notes == notes


@pytest.mark.parametrize(
    ("source", "name", "options"),
    [("yuv422p10le", "a.webm", {}), ("yuv444p10le", "a.mov", {"codec": "prores", "quality": "hq"})],
)
def test_a_matte_has_no_chroma_to_lose(tmp_path: Path, source: str, name: str, options: dict[str, str]) -> None:
    made = make_clip(tmp_path / "in.mkv", codec="ffv1", pixel_format=source, frames=1)
    with open_clip(made) as clip, create_output(tmp_path / name, clip, **options) as writer:
        writer.write(0, np.full((48, 64), 0.5, np.float32))
    assert writer.notes == ()


def test_counts_of_another_program_are_not_handed_on(tmp_path: Path) -> None:
    counts = {"BPS-eng": "9", "NUMBER_OF_FRAMES-eng": "240", "DURATION": "10", "_STATISTICS_TAGS-eng": "BPS"}
    kept = {"TITLE-eng": "Take 3", "BPSX": "kept"}
    made = make_clip(tmp_path / "made.mkv", frames=2)
    with av.open(str(made)) as whole, av.open(str(tmp_path / "in.mkv"), "w") as tagged:
        tagged.metadata.update({**counts, **kept})
        stream = tagged.add_stream_from_template(whole.streams.video[0])
        stream.metadata.update({**counts, **kept})
        for packet in whole.demux(whole.streams.video[0]):
            if packet.size:
                packet.stream = stream
                tagged.mux(packet)
    with open_clip(tmp_path / "in.mkv") as clip:
        assert dict(clip.format.metadata) == kept
    copied(tmp_path / "in.mkv", tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as copy:
        words = copy.streams.video[0].metadata
        assert "BPSX" in words
        assert not {"BPS-eng", "NUMBER_OF_FRAMES-eng", "_STATISTICS_TAGS-eng"} & words.keys()


def test_names_with_a_colon_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_clip(tmp_path / "take.mp4").rename(tmp_path / "take:2.mp4")
    monkeypatch.chdir(tmp_path)
    copied(Path("take:2.mp4"), Path("out:3.mp4"))
    copied(Path("take:2.mp4"), Path("frame: %04d.png"))
    assert len(luma(tmp_path / "out:3.mp4")) == len(list(tmp_path.glob("frame:*.png"))) == 12


@pytest.mark.parametrize("ending", ["png", "jpg", "exr", "tif", "webp", "avif"])
def test_names_with_marks_of_other_programs_are_files(tmp_path: Path, ending: str) -> None:
    name = tmp_path / f"what? 100% #1 [a].{ending}"
    with create_output(name) as writer:
        writer.write(0, GREY)
    with open_clip(name) as clip:
        assert clip.size == (16, 16)
