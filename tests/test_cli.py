"""The command line as a user types it: files in, files out, exit codes, messages without tracebacks."""

from __future__ import annotations

import hashlib
import json
import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from commands import run
from media_made import make_clip
from mobilefaceswap import __version__
from mobilefaceswap.cli import greeting, ofx
from mobilefaceswap.cli.doctor import examined
from mobilefaceswap.cli.greeting import EngineCommand, engine_command, greet_engine
from mobilefaceswap.errors import EngineError
from mobilefaceswap.frame import ColourSpace
from mobilefaceswap.media import create_output, open_clip, read_picture
from mobilefaceswap.ofx import install
from mobilefaceswap.ofx.install import BUNDLE, binary_of


def test_swap_writes_video_and_matte(shot, grace_hopper):
    out, matte = shot.parent / "out.mp4", shot.parent / "matte.mp4"
    done = run("swap", shot, "--source", grace_hopper, "-o", out, "--matte", matte, "--no-disk-cache", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["frames"], summary["without_a_swap"]) == (12, [])
    with open_clip(shot) as before, open_clip(out) as after, open_clip(matte) as mattes:
        assert (after.size, after.last, after.frame_rate) == (before.size, before.last, before.frame_rate)
        assert np.abs(after.frame(5).pixels - before.frame(5).pixels).max() > 0.1
        assert mattes.frame(5).pixels.max() > 0.9


def test_frame_is_the_frame_of_the_full_render(shot, grace_hopper):
    place = shot.parent / "full.%03d.exr"
    full = run("swap", shot, "-s", grace_hopper, "-o", place, "--range", "3-4", "--no-disk-cache")
    one = run("frame", shot, "-s", grace_hopper, "--frame", 4, "-o", shot.parent / "four.exr")
    assert (full.returncode, one.returncode) == (0, 0), full.stderr + one.stderr
    expected, found = read_picture(shot.parent / "full.004.exr"), read_picture(shot.parent / "four.exr")
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert found.colour_space is ColourSpace.LINEAR


def test_a_frame_is_rendered_without_the_cache_on_disk(shot, grace_hopper):
    cache = shot.parent / "cache"
    words = ("frame", shot, "-s", grace_hopper, "-f", 4, "-o", shot.parent / "four.png", "-y")
    for option, kept in (("--no-disk-cache", False), ("--disk-cache", True)):
        done = run(*words, option, env={**os.environ, "XDG_CACHE_HOME": str(cache)})
        assert (done.returncode, any(cache.rglob("swap-*"))) == (0, kept), done.stderr


def test_an_identity_file_is_small_and_reusable(shot, grace_hopper):
    place = shot.parent / "actor.idn"
    made = run("identity", grace_hopper, "-o", place, "--release", "contract 12")
    assert made.returncode == 0, made.stderr
    assert place.stat().st_size < 3_000_000
    used = run("frame", shot, "-s", place, "--frame", 0, "-o", shot.parent / "zero.png")
    assert used.returncode == 0, used.stderr


def test_analyse_writes_a_track_that_swap_reads(shot, grace_hopper):
    place = shot.parent / "track.json"
    made = run("analyse", shot, "-o", place, "--json")
    assert json.loads(made.stdout)["frames"] == 12
    words = ("frame", shot, "-s", grace_hopper, "--frame", 2, "--track", place, "--smoothing", 2)
    used = run(*words, "-o", shot.parent / "two.png", "--json")
    assert json.loads(used.stdout)["quality"]["faces_swapped"] == 1, used.stderr


def test_analyse_offers_the_settings_that_decide_its_track_and_no_others(shot):
    shown = run("analyse", "--help").stdout
    for name in ("analysis-size", "detection-threshold", "colour-space", "ocio-config", "view-exposure"):
        assert f"--{name}" in shown
    place = shot.parent / "refused.json"
    for words in (("--smoothing", 0), ("--matte-feather", 20), ("--output-mode", "face"), ("--no-enable",)):
        assert str(words[0]).replace("no-", "") not in shown
        done = run("analyse", shot, "-o", place, *words)
        assert (done.returncode, "No such option" in done.stderr) == (2, True), done.stderr
    assert not place.exists()


def test_the_settings_that_analyse_offers_change_its_track(shot):
    tracks = {}
    for words in ((), ("--analysis-size", 200), ("--view-exposure", -3), ("--color-space", "linear-rec709")):
        place = shot.parent / "asked.json"
        made = run("analyse", shot, "-r", "0", "-o", place, "-y", *words)
        assert made.returncode == 0, made.stderr
        tracks[words] = json.loads(place.read_text())["frames"]
    assert all(track != tracks[()] for words, track in tracks.items() if words)
    sure = run("analyse", shot, "-r", "0", "-o", place, "-y", "--detection-threshold", 1, "--json")
    assert json.loads(sure.stdout)["without_a_face"] == [0], sure.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [("sh010.v001", "ends in .json"), ("sh010", "ends in .json"), ("a.track.edits.json", "keeps corrections")],
)
def test_a_track_takes_no_name_under_which_corrections_would_lie_elsewhere(shot, name, said):
    """Corrections of sh010.v001 and sh010.v002 would share a file."""
    done = run("analyse", shot, "-r", "0", "-o", shot.parent / name, "-y")
    assert (done.returncode, said in " ".join(done.stderr.split())) == (2, True), done.stderr
    assert not (shot.parent / name).exists()


def test_a_track_that_has_corrections_is_not_replaced(shot):
    place = shot.parent / "corrected.track.json"
    words = "analyse", shot, "-r", "0-1", "-o", place, "--overwrite"
    assert run(*words).returncode == 0
    before = place.read_bytes()
    assert run("track", "edit", place, "--frames", 0, "--off").returncode == 0
    refused = run(*words)
    assert refused.returncode == 2, refused.stderr
    assert f"found 1 in {place.with_suffix('.edits.json')}" in " ".join(refused.stderr.split())
    assert place.read_bytes() == before
    assert run("track", "edit", place, "--undo").returncode == 0
    assert run(*words).returncode == 0


def test_a_track_does_not_depend_on_the_number_of_threads(shot):
    places = [shot.parent / f"track{threads}.json" for threads in (1, 3)]
    for threads, place in zip((1, 3), places, strict=True):
        made = run("analyse", shot, "-o", place, env={**os.environ, "MOBILEFACESWAP_THREADS": str(threads)})
        assert made.returncode == 0, made.stderr
    assert places[0].read_bytes() == places[1].read_bytes()


def test_a_command_loads_no_other_command():
    told = "import sys; from mobilefaceswap.cli.app import run; run(['swap', '--nope']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True).stdout.split()
    assert "mobilefaceswap.cli.swap" in loaded
    assert not {f"mobilefaceswap.cli.{name}" for name in ("packs", "ofx", "bench", "doctor", "source")} & {*loaded}
    assert not {"numpy", "cv2", "onnxruntime", "av"} & {*loaded}


def test_a_depth_is_kept_unless_another_is_asked_for(shot, grace_hopper):
    for depth, words in ((8, ()), (16, ("--bit-depth", 16))):
        place = shot.parent / f"deep{depth}.tif"
        done = run("frame", shot, "-s", grace_hopper, "--frame", 1, "-o", place, "--layer", "face", *words)
        assert done.returncode == 0, done.stderr
        with open_clip(place) as clip:
            assert (clip.bit_depth, clip.has_alpha) == (depth, True)


def test_settings_are_listed_for_machines():
    rows = json.loads(run("settings", "--json").stdout)
    assert {"mix", "matte_expand", "output_mode"} <= {row["name"] for row in rows}


def test_doctor_reports_packs_with_their_licences():
    report = json.loads(run("doctor", "--json").stdout)
    assert report["packs"][0]["licence"]
    assert all(report["packs"][0][f"{step}_seconds"] > 0 for step in ("detect", "encode", "swap", "hands"))


def test_doctor_runs_the_networks_that_find_hands(base_pack, tmp_path):
    place = tmp_path / "packs" / "damaged"
    shutil.copytree(base_pack.folder, place)
    damaged = base_pack.path("hands").read_bytes()[:1000]
    (place / base_pack.files["hands"].path).write_bytes(damaged)
    known = (place / "pack.toml").read_text("utf-8")
    known = known.replace(base_pack.files["hands"].sha256, hashlib.sha256(damaged).hexdigest())
    (place / "pack.toml").write_text(known, "utf-8")
    done = run("doctor", "--json", env={**os.environ, "MOBILEFACESWAP_PACKS": str(place.parent)})
    assert (done.returncode, "hands.onnx" in json.loads(done.stdout)["problems"][0]) == (1, True), done.stdout


def test_doctor_hands_on_what_the_engine_asks_for(monkeypatch):
    monkeypatch.setenv("MOBILEFACESWAP_ENGINE_IDLE", "0")
    with pytest.raises(EngineError, match=r"expected MOBILEFACESWAP_ENGINE_IDLE to be a number.*start the host again$"):
        greet_engine(engine_command())


def test_doctor_starts_the_engine_that_a_host_would(monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/of/a/host")
    monkeypatch.setenv("MOBILEFACESWAP_PYTHON", sys.executable)
    report = examined()
    assert report["problems"] == []
    assert report["engine"]["interpreter"] == sys.executable
    assert report["engine"]["says"].startswith(f"MobileFaceSwap {__version__}")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows runs no shell scripts")
@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("exit 1", "a program that ended with 1, and no engine"),
        ("exit 0", "a program that ended with 0, and no engine"),
        ("echo some words; echo No module named mobilefaceswap >&2; exit 1", "No module named mobilefaceswap"),
        ("exec tail -f /dev/null", "no answer within 0.1 s"),
    ],
)
def test_doctor_tells_why_an_engine_does_not_start(tmp_path, monkeypatch, script, found):
    place = tmp_path / "python"
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    monkeypatch.setenv("MOBILEFACESWAP_PYTHON", str(place))
    if "0.1" in found:
        monkeypatch.setenv("MOBILEFACESWAP_TIMEOUT", "0.1")
    with pytest.raises(EngineError, match=f"{place}, which MOBILEFACESWAP_PYTHON names; found .*{found}"):
        greet_engine(engine_command())


def test_doctor_ends_with_a_problem_where_no_engine_starts():
    done = run("doctor", env={**os.environ, "MOBILEFACESWAP_PYTHON": "/nowhere/python"})
    said = " ".join(done.stdout.split())
    assert (done.returncode, "no problem found" in said) == (1, False)
    assert "expected an engine to start with /nowhere/python" in said


def bundle_in(folder: Path, version: str) -> Path:
    """As much of an installed bundle as tells its version."""
    bundle = folder / BUNDLE
    binary_of(bundle).parent.mkdir(parents=True)
    binary_of(bundle).touch()
    (bundle / "Contents" / "Info.plist").write_bytes(plistlib.dumps({"CFBundleShortVersionString": version}))
    return bundle


def test_doctor_says_which_bundle_is_of_another_version(tmp_path, monkeypatch):
    old, new = bundle_in(tmp_path / "an old one", "0.0.9"), bundle_in(tmp_path / "new", __version__)
    monkeypatch.setenv("OFX_PLUGIN_PATH", os.pathsep.join([str(old.parent), str(new.parent)]))
    monkeypatch.setenv("MOBILEFACESWAP_PYTHON", sys.executable)
    report = examined()
    assert report["bundles"] == {str(old): "0.0.9", str(new): __version__}
    (problem,) = report["problems"]
    assert f"found 0.0.9. Run `mobilefaceswap ofx install --dir '{old.parent}'` and start the host" in problem


def test_a_bundle_that_does_not_say_its_version_is_reported(tmp_path, monkeypatch):
    bundle = bundle_in(tmp_path, __version__)
    (bundle / "Contents" / "Info.plist").write_text("<nothing", "utf-8")
    monkeypatch.setenv("OFX_PLUGIN_PATH", str(tmp_path))
    assert "found an unknown one" in " ".join(examined()["problems"])


def test_installing_tells_of_bundles_that_hosts_may_load_instead(tmp_path, monkeypatch):
    old, fresh = bundle_in(tmp_path / "old", "0.0.9"), bundle_in(tmp_path / "fresh", __version__)
    monkeypatch.setattr(install, "_own_bundle", lambda: fresh)
    monkeypatch.setenv("OFX_PLUGIN_PATH", os.pathsep.join([str(old.parent), str(tmp_path / "other")]))
    done = CliRunner().invoke(ofx.app, ["install", "--dir", str(tmp_path / "other")])
    assert done.exit_code == 0
    assert f"another at {old}, version 0.0.9" in done.stdout
    assert f"`mobilefaceswap ofx uninstall --dir {old.parent}`" in done.stdout
    assert done.stdout.count("another at") == 1


def test_on_macos_an_install_for_every_user_is_recorded_for_every_user(tmp_path, monkeypatch):
    everybody, own = tmp_path / "Library" / "engine.txt", tmp_path / "home" / "engine.txt"
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(install, "_mac_records", lambda: (own, everybody))
    monkeypatch.setattr(install, "system_folder", lambda: tmp_path / "system")
    fresh = bundle_in(tmp_path / "fresh", __version__)
    for folder, written, other in (("user", own, everybody), ("system", everybody, own)):
        install.install(tmp_path / folder, fresh)
        assert f"python={sys.executable}" in written.read_text("utf-8")
        assert not other.exists()
    assert install.record_places(fresh)[:2] == [own, everybody]


@pytest.mark.skipif(sys.platform == "darwin", reason="the record lies in the user's library")
def test_doctor_asks_the_interpreter_that_the_installed_bundle_records(tmp_path, monkeypatch):
    bundle = tmp_path / BUNDLE
    binary, record = binary_of(bundle), bundle / "Contents" / "Resources" / "engine.txt"
    for place in (binary, record):
        place.parent.mkdir(parents=True)
    binary.touch()
    monkeypatch.setenv("OFX_PLUGIN_PATH", str(tmp_path))
    monkeypatch.delenv("MOBILEFACESWAP_PYTHON", raising=False)
    with pytest.raises(EngineError, match="expected a record of where the engine is installed"):
        engine_command()
    record.write_text("version=0.0\npython=/moved/away/python\npackage=/moved/away\n", "utf-8")
    with pytest.raises(
        EngineError, match=r"start with /moved/away/python, which .*engine\.txt names.*ofx install` again"
    ):
        greet_engine(engine_command())


def test_where_no_engine_can_be_greeted_its_python_is_asked_for_the_package(tmp_path, monkeypatch):
    """As on Windows."""
    known = EngineCommand(sys.executable, "", "", "")
    with (tmp_path / "log").open("w+b") as log:
        assert greeting._asked_version(known, log, 60) == f"MobileFaceSwap {__version__}"
        monkeypatch.setattr(greeting, "_ASK_VERSION", "import nowhere")
        with pytest.raises(ConnectionError, match="ended with 1"):
            greeting._asked_version(known, log, 60)
        assert greeting._last_words(log) == "ModuleNotFoundError: No module named 'nowhere'"


def test_a_clip_that_breaks_in_the_middle_leaves_a_partial_file_and_says_where(shot, grace_hopper):
    whole = shot.parent / "frames.%03d.png"
    with open_clip(shot) as clip, create_output(whole, clip) as writer:
        for time in range(4):
            writer.write(time, clip.frame(time).pixels)
    (shot.parent / "frames.002.png").write_bytes(b"broken")
    done = run("swap", whole, "-s", grace_hopper, "-o", shot.parent / "cut.mp4", "--no-disk-cache")
    assert done.returncode == 2
    assert "cut.partial.mp4" in done.stderr
    assert "Frames 0 to 1 are written; go on behind it with --range 3-3" in done.stderr.replace("\n", " ")
    with open_clip(shot.parent / "cut.partial.mp4") as clip:
        assert clip.last == 1


def test_resuming_with_a_matte_renders_only_what_is_missing(shot, grace_hopper):
    places = shot.parent / "part.%03d.png", shot.parent / "part_matte.%03d.png"
    words = ("swap", shot, "-s", grace_hopper, "-o", places[0], "--matte", places[1], "--json", "--resume")
    assert run(*words, "--range", "0-1").returncode == 0
    done = run(*words, "--range", "0-2")
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["frames"], summary["skipped"]) == (1, 2), done.stderr


def test_an_hdr_clip_needs_no_warning(tmp_path, grace_hopper):
    clip = make_clip(tmp_path / "hdr.mp4", tags=(9, 9, 16, 1), pixel_format="yuv420p10le", frames=2)
    done = run("swap", clip, "-s", grace_hopper, "-o", tmp_path / "out.mp4", "--json")
    assert done.returncode == 0, done.stderr
    assert "PQ" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("swap", "{shot}", "-s", "{portrait}", "-o", "{shot}"), 2, "other than the input"),
        (("swap", "{folder}/none.mp4", "-s", "{portrait}", "-o", "{folder}/a.mp4"), 2, "none.mp4"),
        (("swap", "{text}", "-s", "{portrait}", "-o", "{folder}/a.mp4"), 2, "notes.mp4"),
        (("swap", "{shot}", "-s", "{portrait}", "-o", "{folder}/no/a.mp4"), 2, "folder"),
        (("swap", "{shot}", "-s", "{portrait}", "-o", "{folder}/a.mp4", "--range", "5-99"), 2, "0-11"),
        (("swap", "{shot}", "-s", "{portrait}", "-o", "{folder}/a.mp4", "--mix", "7"), 2, "from 0 to 1"),
        (("swap", "{shot}", "-s", "{wall}", "-o", "{folder}/a.mp4"), 3, "wall.png"),
        (("swap", "{shot}", "-s", "{portrait}", "-o", "{folder}/a.mp4", "--pack", "nobody"), 4, "nobody"),
        (("identity", "{portrait}", "-o", "{folder}/actor.bin"), 2, ".idn"),
        (("identity", "{portrait}", "-o", "{folder}/no/actor.idn"), 2, "expected the folder"),
        (("analyse", "{shot}", "-o", "{folder}/no/track.json"), 2, "expected the folder"),
        (("analyse", "{shot}", "-o", "{shot}"), 2, "other than the input"),
        (("swap", "{shot}", "-s", "{folder}/own.png", "-o", "{folder}/own.png", "--range", "0"), 2, "other than"),
        (("swap", "{shot}", "-s", "{portrait}", "-o", "{folder}/a.mp4", "--matte", "{folder}/a.mp4"), 2, "the matte;"),
        (("frame", "{shot}", "-s", "{folder}/own.png", "--frame", "0", "-o", "{folder}/own.png"), 2, "other than"),
    ],
)
def test_bad_input_gets_its_exit_code_and_a_sentence(shot, grace_hopper, words, code, message):
    folder = shot.parent
    (folder / "notes.mp4").write_text("these are notes, not footage\n" * 50)
    create_output(folder / "wall.png").write(0, np.full((200, 300, 3), 0.5, np.float32))
    (folder / "own.png").write_bytes((folder / "wall.png").read_bytes())
    names = {
        "shot": shot,
        "folder": folder,
        "portrait": grace_hopper,
        "text": folder / "notes.mp4",
        "wall": folder / "wall.png",
    }
    done = run(*(word.format(**names) for word in words))
    assert done.returncode == code, done.stderr
    assert message in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert not (folder / "a.mp4").exists()
    assert (folder / "own.png").read_bytes() == (folder / "wall.png").read_bytes()
