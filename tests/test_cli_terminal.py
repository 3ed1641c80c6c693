"""What reaches the terminal and when: help, reasons, no chatter, no traceback; what an interruption leaves."""

from __future__ import annotations

import os
import re
import signal
import sys

import pytest

from commands import run, start
from mobilefaceswap import __version__
from mobilefaceswap.cli.app import EXIT_CODES
from mobilefaceswap.media import open_clip
from mobilefaceswap.media.video.encoders import CODECS
from mobilefaceswap.settings import GROUPS, table

INTERRUPTED_IMPORT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.{signal})
sys.meta_path.insert(0, Finder())
"""


def test_the_version_is_the_packages():
    for flag in ("--version", "-V"):
        assert run(flag).stdout.split() == ["mobilefaceswap", __version__]


def test_help_of_swap_fits_on_three_screens_and_names_everything():
    text = run("swap", "--help", env={**os.environ, "COLUMNS": "80"}).stdout
    lines = text.splitlines()
    assert len(lines) <= 72
    assert max(map(len, lines)) <= 80
    for row in table():
        assert re.search(rf"--(\[no-\])?{row.name.replace('_', '-')}\b", text), row.name
    places = [text.index(f"{group}:") for group in GROUPS if any(row.group == group for row in table())]
    assert places == sorted(places)
    assert text.index("--output") < text.index("--codec") < text.index("More options") < places[0]
    (codecs,) = (line for line in lines if "--codec" in line)
    assert all(name in codecs for name in set(CODECS) - {"avc", "hevc", "vp8"})


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_output_that_cannot_be_written_is_no_fault_of_the_program():
    with open("/dev/full", "w") as full:
        process = start("settings", "--json", stdout=full)
        _, said = process.communicate()
    assert (process.returncode, said.count("the disk is full. Make room")) == (1, 1), said
    assert "fault of the program" not in said


def test_exit_codes_stand_in_the_help():
    shown = " ".join(run("--help").stdout.split())
    assert EXIT_CODES in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("swap", "--color-match", "7"), "colour_match (Colour Match)"),
        (("swap", "--colour-match", "7"), "colour_match (Colour Match)"),
        (("analyze", "--color-space", "nowhere"), "expected a colour space; found 'nowhere'"),
    ],
)
def test_american_spelling_means_the_same(words, said, tmp_path):
    done = run(*words, "none.mov", "-o", tmp_path / "out.json", *(("-s", "a.jpg") if words[0] == "swap" else ()))
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_a_shell_can_complete_options():
    asked = {
        "_MOBILEFACESWAP_COMPLETE": "complete_bash",
        "COMP_WORDS": "mobilefaceswap swap --matte-fe",
        "COMP_CWORD": "2",
    }
    assert run(env={**os.environ, **asked}).stdout.split() == ["--matte-feather"]
    shown = run("--show-completion", "bash", env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"})
    assert "_MOBILEFACESWAP_COMPLETE=complete_bash" in shown.stdout, shown.stderr


def test_ffmpegs_own_reason_is_shown(grace_hopper, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0\0\0\x18ftypmp42" + b"x" * 500)
    words = ("swap", broken, "-s", grace_hopper, "-o", tmp_path / "out.mp4")
    done = run(*words)
    assert done.returncode == 2
    assert re.search(r"^  FFmpeg: \[mov.*\] moov atom not found$", done.stderr, re.MULTILINE), done.stderr
    shown = run(*words, "--debug")
    assert shown.returncode == 2
    assert "moov atom not found" in shown.stderr
    assert "Traceback" in shown.stderr
    assert "av.error.InvalidDataError" in shown.stderr, "the cause is chained"


def test_a_refusal_of_our_own_quotes_no_log(shot, grace_hopper, tmp_path):
    done = run("swap", shot, "-s", grace_hopper, "-o", tmp_path / "out.mp4", "-c", "h265", "-q", "abc")
    assert (done.returncode, "FFmpeg:" in done.stderr) == (2, False)


@pytest.mark.parametrize("codec", ["av1", "h264", "h265", "vp9"])
def test_encoders_keep_off_the_terminal(shot, grace_hopper, tmp_path, codec):
    words = ("swap", shot, "-s", grace_hopper, "-o", tmp_path / "out.mkv", "-c", codec, "-r", "0-1", "--json")
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")


def test_whatever_a_library_prints_keeps_off_the_terminal():
    code = "from mobilefaceswap.cli.terminal import quiet_libraries; import os, sys\n"
    code += "with quiet_libraries(): os.write(2, b'chatter'); print('ours', file=sys.stderr)\n"
    code += "os.write(2, b'behind')"
    done = start(before=f"{code}\nsys.exit()")
    assert done.communicate()[1] == "ours\nbehind"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("module", ["typer", "numpy", "av", "onnxruntime"])
def test_an_interruption_during_imports_leaves_no_traceback(shot, grace_hopper, tmp_path, module, name, code):
    before = INTERRUPTED_IMPORT.format(name=module, signal=name)
    process = start("swap", shot, "-s", grace_hopper, "-o", tmp_path / "out.mp4", before=before)
    _, error = process.communicate()
    assert (process.returncode, "Traceback" in error) == (code, False), error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_an_interruption_leaves_a_playable_partial_file(shot, grace_hopper, tmp_path, number, code):
    process = start("swap", shot, "-s", grace_hopper, "-o", tmp_path / "out.mp4", "--no-disk-cache", "--json")
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline().startswith("{")
    process.send_signal(number)
    _, error = process.communicate()
    assert (process.returncode, "Traceback" in error) == (code, False), error
    (partial,) = tmp_path.iterdir()
    assert partial.name != "out.mp4"
    assert partial.name in error
    with open_clip(partial) as clip:
        assert clip.last >= 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("replaced", [False, True])
def test_an_interrupted_sequence_says_what_is_written_and_how_to_go_on(shot, grace_hopper, tmp_path, replaced):
    place = tmp_path / "out.%02d.png"
    if replaced:
        (tmp_path / "out.11.png").write_bytes(b"of yesterday")
    process = start("swap", shot, "-s", grace_hopper, "-o", place, "--no-disk-cache", "--json", *["-y"] * replaced)
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline().startswith("{")
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    found = re.search(r"out\.%02d\.png: stopped; frames 0 to (\d+) are written\. Go on with (.*)", error)
    assert (process.returncode, found is not None) == (130, True), error
    last = int(found[1])
    assert (tmp_path / f"out.{last:02}.png").stat().st_size > 1000
    # Frames of yesterday would be kept by --resume.
    assert found[2] == (f"--range {last + 1}-11" if replaced else "--resume")
