"""Where outputs go and what they may replace; several clips in one call; what a dry run says."""

from __future__ import annotations

import json
import os
import shutil
import sys

import av
import numpy as np
import pytest

from commands import run, start
from media_made import make_clip
from mobilefaceswap.cli.outputs import Job, plan_jobs
from mobilefaceswap.cli.shot import with_defaults
from mobilefaceswap.errors import UserInputError
from mobilefaceswap.media import create_output, open_clip, read_picture
from mobilefaceswap.settings import Settings
from tiny_pack import make_tiny_pack


def test_an_output_that_exists_is_replaced_only_on_request(shot, grace_hopper, tmp_path):
    place = tmp_path / "out.mp4"
    place.write_bytes(b"of yesterday")
    words = ("swap", shot, "-s", grace_hopper, "-o", place, "--range", "0-1")
    refused = run(*words)
    assert (refused.returncode, "--overwrite" in refused.stderr) == (2, True)
    assert place.read_bytes() == b"of yesterday"
    assert run(*words, "--overwrite").returncode == 0
    assert place.stat().st_size > 1000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(("answer", "code"), [("n", 2), ("", 2), ("y", 0)])
def test_somebody_at_a_terminal_is_asked(shot, grace_hopper, tmp_path, answer, code):
    import pty

    place = tmp_path / "out.png"
    place.write_bytes(b"mine")
    keyboard, terminal = pty.openpty()
    words = ("frame", shot, "-s", grace_hopper, "-o", place, "-f", "1", "--json")
    process = start(*words, stdin=terminal, stderr=terminal)
    os.close(terminal)
    os.write(keyboard, f"{answer}\n".encode())
    process.communicate()
    os.close(keyboard)
    assert process.returncode == code
    assert (place.read_bytes() == b"mine") == (code != 0)


@pytest.mark.parametrize(
    "words",
    [
        ("frame", "{shot}", "-s", "{portrait}", "-f", "1", "-o", "{there}.png"),
        ("identity", "{portrait}", "-o", "{there}.idn"),
        ("analyse", "{shot}", "-r", "0", "-o", "{there}.json"),
        ("swap", "{shot}", "-s", "{portrait}", "-r", "0", "-o", "{there}.%d.png", "--matte", "{there}.png"),
    ],
    ids=lambda words: words[0],
)
def test_every_command_asks_before_it_replaces(shot, grace_hopper, tmp_path, words):
    there = tmp_path / "there"
    words = [word.format(shot=shot, portrait=grace_hopper, there=there) for word in words]
    for ending in (".png", ".idn", ".json"):
        there.with_suffix(ending).write_bytes(b"mine")
    done = run(*words)
    assert (done.returncode, "--overwrite" in done.stderr) == (2, True), done.stderr
    assert there.with_suffix(".png").read_bytes() == b"mine"
    assert run(*words, "--overwrite").returncode == 0


MEANWHILE = """
from pathlib import Path
from mobilefaceswap.cli import shots
def render(node, output, *more, real=shots.render_shot, **named):
    Path(output.path).write_bytes(b"dear")
    return real(node, output, *more, **named)
shots.render_shot = render
"""
"""A file appears under the output's name when the render begins."""


@pytest.mark.parametrize("count", [1, 2])
def test_what_appears_during_the_render_is_not_replaced(shot, grace_hopper, tmp_path, count):
    clips = [shutil.copy(shot, tmp_path / f"{number}.mp4") for number in range(count)]
    folder = tmp_path / "out"
    folder.mkdir()
    words = ("swap", *clips, "-s", grace_hopper, "-o", folder, "--range", "0-1", "--no-disk-cache")
    process = start(*words, before=MEANWHILE)
    said = " ".join(process.communicate()[1].split())
    assert process.returncode == 2, said
    assert said.count("one has appeared there since") == count
    for number in range(count):
        assert (folder / f"{number}.mp4").read_bytes() == b"dear"
        with open_clip(folder / f"{number}.partial.mp4") as kept:
            assert kept.last == 1


def test_resuming_and_replacing_at_once_are_refused(shot, grace_hopper, tmp_path):
    words = ("swap", shot, "-s", grace_hopper, "-o", tmp_path / "a.%d.png", "--range", "0", "--resume")
    done = run(*words, "--overwrite")
    assert (done.returncode, "found both" in " ".join(done.stderr.split())) == (2, True)
    assert run(*words).returncode == 0
    assert "1 finished frame is kept; nobody checked" in " ".join(run(*words).stderr.split())


def test_frames_outside_the_range_may_exist(shot, grace_hopper, tmp_path):
    (tmp_path / "a.0007.png").write_bytes(b"mine")
    words = ("swap", shot, "-s", grace_hopper, "-o", tmp_path / "a.%04d.png", "--range")
    assert run(*words, "1-2").returncode == 0
    assert run(*words, "6-8").returncode == 2
    assert (tmp_path / "a.0007.png").read_bytes() == b"mine"


def test_two_patterns_of_the_same_files_are_refused(shot, grace_hopper, tmp_path):
    words = ("swap", shot, "-s", grace_hopper, "-r", "0-1", "-o", tmp_path / "a.%04d.png")
    done = run(*words, "--matte", tmp_path / "a.####.png")
    assert (done.returncode, "are the same" in done.stderr) == (2, True), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_several_clips_go_into_a_folder(shot, grace_hopper, tmp_path):
    other = tmp_path / "other.mp4"
    shutil.copy(shot, other)
    (tmp_path / "out").mkdir()
    words = ("-s", grace_hopper, "-o", tmp_path / "out", "--matte", tmp_path / "out", "--range", "0-1", "--json")
    done = run("swap", shot, other, *words[:4], *words[6:])
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {shot.name, "other.mp4"}
    assert run("swap", shot, other, *words, "--overwrite").returncode == 2, "picture and matte would be one file"


def test_nothing_is_rendered_where_one_of_several_cannot_be(shot, grace_hopper, tmp_path):
    (tmp_path / shot.name).write_bytes(b"mine")
    other = shutil.copy(shot, tmp_path / "other.mov")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "other.mov").write_bytes(b"mine")
    done = run("swap", shot, other, "-s", grace_hopper, "-o", tmp_path / "out", "-r", "0")
    assert (done.returncode, "other.mov exists" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out" / shot.name).exists()


def test_a_clip_that_fails_is_reported_at_the_end_and_the_others_are_rendered(shot, grace_hopper, tmp_path):
    damaged, other = tmp_path / "damaged.mp4", tmp_path / "other.mp4"
    damaged.write_bytes(shot.read_bytes()[:400])
    shutil.copy(shot, other)
    for folder in ("out", "more"):
        (tmp_path / folder).mkdir()
    done = run("swap", damaged, shot, other, "-s", grace_hopper, "-o", tmp_path / "out", "-r", "0-1")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {shot.name, "other.mp4"}
    assert done.returncode == 2
    said = done.stderr[done.stderr.index("1 of 3 clips failed:") :]
    assert "damaged.mp4" in said
    assert "Traceback" not in said
    again = run("swap", damaged, shot, "-s", grace_hopper, "-o", tmp_path / "more", "-r", "0", "--json")
    assert list(json.loads(again.stdout.splitlines()[-1])["failed"]) == [str(damaged)]
    assert (again.returncode, (tmp_path / "more" / shot.name).exists()) == (2, True)


def test_names_in_a_folder_are_the_targets_own(tmp_path):
    assert plan_jobs(["a/x.mov", "b/y.mts"], str(tmp_path), None) == [
        Job("a/x.mov", str(tmp_path / "x.mov"), None),
        Job("b/y.mts", str(tmp_path / "y.mov"), None),
    ]
    assert plan_jobs(["a/s.%04d.exr"], str(tmp_path), None)[0].output == str(tmp_path / "s.%04d.exr")
    assert plan_jobs(["a/x.mov"], "y.mov", "m.mov") == [Job("a/x.mov", "y.mov", "m.mov")]
    with pytest.raises(UserInputError, match="folder"):
        plan_jobs(["a.mov", "b.mov"], "c.mov", None)


def test_sound_is_left_out_on_request(grace_hopper, tmp_path):
    clip = make_clip(tmp_path / "in.mp4", frames=3, sound=True)
    words = ("swap", clip, "-s", grace_hopper, "-o")
    assert run(*words, tmp_path / "with.mp4").returncode == 0
    assert run(*words, tmp_path / "without.mp4", "--no-audio").returncode == 0
    for name, tracks in (("with", 1), ("without", 0)):
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            assert len(container.streams.audio) == tracks


def test_every_second_frame_keeps_its_time(shot, grace_hopper, tmp_path):
    place = tmp_path / "half.mp4"
    done = run("swap", shot, "-s", grace_hopper, "-o", place, "-r", "2-10x2", "--json")
    assert json.loads(done.stdout.splitlines()[-1])["frames"] == 5
    with open_clip(shot) as before, open_clip(place) as after:
        stamps = after.format.timing.stamps
        assert [float(stamp * after.format.timing.base * before.frame_rate) for stamp in stamps] == [0, 2, 4, 6, 8]


def test_a_dry_run_says_everything_and_writes_nothing(shot, grace_hopper, tmp_path):
    place, matte = tmp_path / "out.mov", tmp_path / "matte.%03d.png"
    place.write_bytes(b"mine")
    words = ("swap", shot, "-s", grace_hopper, "-o", place, "--matte", matte, "-r", "2-", "-c", "prores", "--dry-run")
    plan = json.loads(run(*words, "--json").stdout)
    assert plan["frames"] == {"first": 2, "last": 11, "step": 1, "count": 10}
    assert plan["holds"].startswith("h264, 320 x 180, ")
    assert plan["outputs"][str(place)].startswith("prores, 320 x 180, 10 bits")
    assert plan["outputs"][str(matte)].startswith("png, 320 x 180, 16 bits")
    assert (plan["replaced"], plan["refused"], plan["without_a_swap"]) == ([], [str(place)], [])
    assert len(plan["sampled"]) == 5
    assert plan["seconds"] == pytest.approx(10 / plan["frames_per_second"])
    listed = run(*words)
    shown = listed.stdout
    assert listed.returncode == 2, "the run would be refused"
    assert all(part in shown for part in ("would read", "would write", "10 frames, about"))
    assert "out.mov: prores" in shown
    assert "which exists already: add --overwrite" in shown
    assert "replacing" not in shown
    again = run(*words, "--overwrite", "--json")
    assert again.returncode == 0
    assert (json.loads(again.stdout)["replaced"], json.loads(again.stdout)["refused"]) == ([str(place)], [])
    assert "replacing what is there" in run(*words, "-y").stdout
    assert [path.name for path in tmp_path.iterdir()] == ["out.mov"]
    assert place.read_bytes() == b"mine"


def test_a_dry_run_reads_a_relative_name_with_a_colon(shot, grace_hopper, tmp_path):
    shutil.copyfile(shot, tmp_path / "take:1.mp4")
    words = ("swap", "take:1.mp4", "-s", grace_hopper, "-o", "swapped:1.mov", "-r", "2-3", "--dry-run", "--json")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["holds"].startswith("h264, 320 x 180, ")
    assert set(plan["outputs"]) == {"swapped:1.mov"}
    assert [path.name for path in tmp_path.iterdir()] == ["take:1.mp4"]


@pytest.fixture
def gap(shot, tmp_path):
    """A sequence of four frames that lacks its third."""
    folder = tmp_path / "gap"
    folder.mkdir()
    place = folder / "shot.%03d.png"
    with open_clip(shot) as clip, create_output(place, clip) as writer:
        for time in range(4):
            writer.write(time, clip.frame(time).pixels)
    (folder / "shot.002.png").unlink()
    return place


def test_a_dry_run_skips_the_frames_that_the_run_would_skip(gap, grace_hopper, tmp_path):
    words = ("swap", gap, "-s", grace_hopper, "-o", tmp_path / "out.%03d.png", "--missing-frames", "skip", "--dry-run")
    done = run(*words, "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["frames"] == {"first": 0, "last": 3, "step": 1, "count": 3}
    assert plan["sampled"] == [0, 1, 3]
    assert plan["seconds"] == pytest.approx(3 / plan["frames_per_second"])
    assert "rendered" not in plan
    nothing = run(*words, "-r", "2")
    assert (nothing.returncode, "0 frames, about" in nothing.stdout) == (0, True), nothing.stderr


def test_a_dry_run_says_which_rate_is_made_up(gap, grace_hopper, tmp_path):
    words = ("swap", gap, "-s", grace_hopper, "-o", tmp_path / "out.mov", "-r", "0-1", "--dry-run")
    done = run(*words)
    assert "the clip declares no frame rate: written at 24 frames/s" in done.stdout, done.stderr


def test_a_frame_that_is_held_is_the_one_before_it_once_more(gap, grace_hopper, tmp_path):
    place = tmp_path / "out.%03d.exr"
    done = run("swap", gap, "-s", grace_hopper, "-o", place, "-r", "1-2", "--missing-frames", "hold")
    assert done.returncode == 0, done.stderr
    before, held = (read_picture(tmp_path / f"out.00{time}.exr").pixels for time in (1, 2))
    np.testing.assert_array_equal(held, before)


def test_a_dry_run_that_fails_does_not_say_that_frames_are_written(gap, grace_hopper, tmp_path):
    words = ("swap", gap, "-s", grace_hopper, "-o", tmp_path / "out.%03d.png", "--dry-run")
    done = run(*words)
    said = " ".join(done.stderr.split())
    assert (done.returncode, "lacks 1 frame: 2" in said) == (2, True), done.stderr
    assert "written" not in said
    assert "go on" not in said


def test_a_dry_run_skips_what_a_resumed_run_would_skip(shot, grace_hopper, tmp_path):
    words = ("swap", shot, "-s", grace_hopper, "-o", tmp_path / "out.%03d.png", "-r", "0-3", "--resume")
    assert run(*words, "-r", "0-1").returncode == 0
    plan = json.loads(run(*words, "--dry-run", "--json").stdout)
    assert (plan["skipped"], plan["sampled"], plan["frames"]["count"], plan["replaced"]) == (2, [2, 3], 2, [])
    assert run(*words).returncode == 0
    shown = run(*words, "--dry-run").stdout
    assert "0 frames, 4 skipped" in shown
    assert "replacing" not in shown
    file = run("swap", shot, "-s", grace_hopper, "-o", tmp_path / "out.mov", "--resume", "--dry-run")
    assert (file.returncode, "expected an image sequence to resume" in file.stderr) == (2, True)


def test_a_clip_too_short_for_the_range_is_reported_at_the_end(shot, grace_hopper, tmp_path):
    short = make_clip(tmp_path / "short.mp4", frames=3)
    (tmp_path / "out").mkdir()
    words = ("swap", short, shot, "-s", grace_hopper, "-o", tmp_path / "out", "-r")
    planned = run(*words, "0-4", "--dry-run")
    assert (planned.returncode, f"would read {shot}" in planned.stdout) == (2, True), planned.stderr
    done = run(*words, "0-4")
    assert (done.returncode, "1 of 2 clips failed:" in done.stderr) == (2, True), done.stderr
    assert "expected a range within 0-2 of" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [shot.name]
    mistyped = run(*words, "0..4")
    assert (mistyped.returncode, "clips failed" in mistyped.stderr) == (2, False), "it fits no clip"


def test_two_clips_of_one_name_are_told_apart_from_a_matte_over_the_picture(shot, grace_hopper, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "out").mkdir()
    other = shutil.copy(shot, tmp_path / "other")
    words = ("swap", shot, "-s", grace_hopper, "-o")
    clips = run(*words, tmp_path / "out", other)
    assert (clips.returncode, f"two clips would both be {tmp_path / 'out' / shot.name}" in clips.stderr) == (2, True)
    matte = run(*words, tmp_path / "x.mp4", "-m", tmp_path / "x.mp4")
    assert (matte.returncode, "expected a file of its own for the matte" in matte.stderr) == (2, True)


@pytest.mark.parametrize(("command", "name"), [("swap", "out.mov"), ("swap", "out.%d.png"), ("frame", "out.png")])
def test_all_layers_need_a_file_that_holds_them(shot, grace_hopper, tmp_path, command, name):
    more = ("-f", 0) if command == "frame" else ("-r", "0")
    done = run(command, shot, "-s", grace_hopper, "-o", tmp_path / name, "--layers", "all", *more)
    assert done.returncode == 2
    assert f"expected an EXR for --layers all; found {tmp_path / name}" in done.stderr


def test_a_single_frame_says_what_its_picture_cannot_keep(shot, grace_hopper, tmp_path):
    place = tmp_path / "plate.png"
    with open_clip(shot) as clip:
        pixels = clip.frame(0).rgb
    create_output(place).write(0, np.dstack([pixels, np.full(pixels.shape[:2], 0.5, np.float32)]))
    for ending, said in (("jpg", "JPEG has no alpha: written without it"), ("png", "")):
        done = run("frame", place, "-s", grace_hopper, "-f", 0, "-o", tmp_path / f"out.{ending}", "--json")
        assert done.returncode == 0, done.stderr
        assert said in done.stderr
        assert ("no alpha" in done.stderr) == bool(said)


def test_a_packs_defaults_hold_unless_something_else_is_typed(tmp_path):
    place = make_tiny_pack(tmp_path / "tuned")
    with (place / "pack.toml").open("a") as file:
        file.write("\n[defaults]\nmatte_black_clip = 0.1\nmatte_feather = 7.0\n")
    chosen = with_defaults({"matte_feather": 2.0}, str(place))
    assert (chosen.matte_black_clip, chosen.matte_feather, chosen.matte_smooth) == (0.1, 2.0, Settings().matte_smooth)
