"""``mobilefaceswap track``, and tracks in ``swap``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from commands import run
from mobilefaceswap.faces import Edits, Track
from mobilefaceswap.media import create_output, open_clip, read_picture


@pytest.fixture(scope="module")
def analysed(shot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tracks") / "shot.track.json"
    made = run("analyse", shot, "-o", place, "--json")
    assert json.loads(made.stdout)["people"] == 1, made.stderr
    return place


@pytest.fixture
def track(analysed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(analysed, tmp_path / "shot.track.json"))


def test_people_cuts_and_corrections_are_shown(track):
    run("track", "edit", track, "--frames", "3-5", "--move", "1,2")
    shown = json.loads(run("track", "show", track, "--json").stdout)
    assert [(row["id"], row["frames"]) for row in shown["people"]] == [(1, 12)]
    assert shown["edits"] == [{"first": 3, "last": 5, "person": 1, "move": [1, 2]}]
    assert "person 1: 12 frames from 0 to 11" in run("track", "show", track).stdout


def test_a_correction_is_made_rendered_and_taken_back(track, shot, grace_hopper, tmp_path):
    made = run("track", "edit", track, "--frames", "2", "--off")
    assert made.returncode == 0, made.stderr
    words = ("frame", shot, "-s", grace_hopper, "--track", track, "--frame", 2, "--json")
    off = run(*words, "-o", tmp_path / "off.png")
    assert json.loads(off.stdout)["quality"]["faces_swapped"] == 0, off.stderr
    assert run("track", "edit", track, "--undo").returncode == 0
    on = run(*words, "-o", tmp_path / "on.png")
    assert json.loads(on.stdout)["quality"]["faces_swapped"] == 1, on.stderr
    assert run("track", "edit", track, "--undo").returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--off",), "--frames"),
        (
            (
                "--frames",
                "3",
            ),
            "expected one of",
        ),
        (("--frames", "3", "--off", "--move", "1,2"), "expected one of"),
        (("--frames", "3", "--move", "1"), "X,Y"),
        (("--frames", "3", "--points", "1,2 3,4"), "five"),
        (("--frames", "3", "--move", "nan,0"), "X,Y in pixels, such as 12.5,-3; found 'nan,0'"),
        (("--frames", "3", "--move", "3,inf"), "found '3,inf'"),
        (("--frames", "3", "--points", "1,2 3,4 5,6 7,8 9,nan"), "found '9,nan'"),
        (("--frames", "900-910", "--move", "3,0"), "frames of the track, 12 from 0 to 11; found 900 to 910"),
        (("--frames", "3", "--person", "7", "--move", "3,0"), "a person of the track, 1; found 7"),
    ],
)
def test_corrections_that_cannot_be_meant_are_refused(track, words, said):
    done = run("track", "edit", track, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert not track.with_suffix(".edits.json").exists()


def test_points_go_out_to_nuke_and_come_back_as_corrections(track, tmp_path):
    out = run("track", "export", track, "--as", "nuke-tracker", "-o", tmp_path / "face.nk", "--frame-offset", 1001)
    assert out.returncode == 0, out.stderr
    assert "x1001 " in (tmp_path / "face.nk").read_text()
    refused = run("track", "import", tmp_path / "face.nk", "--track", track)
    assert refused.returncode == 2
    assert "--frame-offset" in refused.stderr
    back = run("track", "import", tmp_path / "face.nk", "--track", track, "--frame-offset", 1001)
    assert "12 frames of person 1" in back.stdout, back.stderr
    assert len(Edits.beside(track).edits) == 12


def test_maps_and_crops_are_written(track, shot, tmp_path):
    for kind, words, names in (
        ("st-maps", (), {"forward.0011.exr", "inverse.0000.exr"}),
        ("crops", ("--clip", shot, "--frame-offset", 1001), {"crop.1004.exr", "matrices.json"}),
    ):
        done = run("track", "export", track, "--as", kind, "-o", tmp_path / kind, *words)
        assert done.returncode == 0, done.stderr
        assert names <= {path.name for path in (tmp_path / kind).iterdir()}
    assert "--clip" in run("track", "export", track, "--as", "crops", "-o", tmp_path / "no").stderr
    assert "after-effects" in run("track", "export", track, "--as", "mocha", "-o", tmp_path / "no").stderr
    assert "person 7" in run("track", "export", track, "--as", "csv", "--person", 7, "-o", tmp_path / "no").stderr


def test_corrections_of_another_analysis_are_refused_with_what_the_command_can_do(track, shot, grace_hopper, tmp_path):
    run("track", "edit", track, "--frames", "3", "--move", "1,2")
    track.write_text(track.read_text() + " ")
    export = ("export", track, "--as", "csv", "-o", tmp_path / "a.csv")
    for words in (("show", track), ("edit", track, "--undo"), export):
        done = run("track", *words)
        assert done.returncode == 2
        assert "Remove the file and make them again" in done.stderr
        assert "--force-track" not in done.stderr
    done = run("swap", shot, "-s", grace_hopper, "-o", tmp_path / "out.mov", "--track", track)
    assert (done.returncode, "--force-track" in done.stderr) == (2, True)


@pytest.mark.parametrize("kind", ["csv", "crops", "st-maps"])
def test_an_export_never_replaces_what_it_reads(track, shot, tmp_path, kind):
    run("track", "edit", track, "--frames", "3", "--move", "1,2")
    folder, clip = tmp_path / "pictures", tmp_path / "shot.mp4"
    folder.mkdir()
    if kind == "csv":
        shutil.copy(shot, clip)
        outputs = {track: track, track.with_suffix(".edits.json"): track, clip: track}
    elif kind == "crops":
        clip = folder / "crop.%04d.exr"
        with open_clip(shot) as plates, create_output(clip, plates) as writer:
            for time in range(12):
                writer.write(time, plates.frame(time).pixels)
        outputs = {folder: track}
    else:
        clip = shutil.copy(shot, clip)
        # The first map's name, which is no track's usual one.
        outputs = {folder: Path(shutil.copy(track, folder / "forward.0000.exr"))}
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for output, read in outputs.items():
        done = run("track", "export", read, "--as", kind, "--clip", clip, "-o", output, "-y")
        assert done.returncode == 2
        assert "other than the input" in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("kind", ["csv", "crops", "st-maps"])
def test_an_export_that_exists_is_replaced_only_on_request(track, shot, tmp_path, kind):
    place = tmp_path / "made"
    words = ("track", "export", track, "--as", kind, "--clip", shot, "-o", place)
    assert run(*words).returncode == 0
    files = [place] if kind == "csv" else sorted(place.iterdir())
    for file in files:
        file.write_bytes(b"mine")
    refused = run(*words)
    assert (refused.returncode, "--overwrite" in refused.stderr) == (2, True)
    assert {file.read_bytes() for file in files} == {b"mine"}
    assert run(*words, "-y").returncode == 0
    assert b"mine" not in {file.read_bytes() for file in files}


def test_maps_of_other_frames_may_lie_in_the_folder(track, tmp_path):
    words = ("track", "export", track, "--as", "st-maps", "-o", tmp_path / "st")
    for offset in (0, 1001):
        done = run(*words, "--frame-offset", offset)
        assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "st").iterdir())) == 48


def test_a_place_that_does_not_suit_an_export_is_refused(track, shot, tmp_path):
    picture = tmp_path / "there.png"
    picture.write_bytes(b"mine")
    for kind, place, said in (
        ("crops", picture, "expected a folder for the pictures; found the file"),
        ("st-maps", picture / "st", "expected the folder of"),
        ("csv", tmp_path, "is a folder"),
    ):
        done = run("track", "export", track, "--as", kind, "--clip", shot, "-o", place, "-y")
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
    missing = run("track", "export", track, "--as", "st-maps", "--person", 7, "-o", tmp_path / "new")
    assert (missing.returncode, (tmp_path / "new").exists()) == (2, False), "nothing is made before all is checked"
    assert picture.read_bytes() == b"mine"


def test_maps_need_a_folder_not_the_name_of_a_file(track, tmp_path):
    place = tmp_path / "zz.####.exr"
    done = run("track", "export", track, "--as", "st-maps", "-o", place)
    assert done.returncode == 2
    assert f"expected a folder for the pictures; found the file name {place}" in done.stderr
    assert not place.exists()


def test_a_track_that_ends_early_or_is_another_clip_s_is_refused(track, shot, grace_hopper, tmp_path):
    whole = Track.load(track)
    early = Track(whole.size, {time: whole.frames[time] for time in range(8)}, hashes=whole.hashes)
    early.save(tmp_path / "early.json")
    words = ("swap", shot, "-s", grace_hopper, "-o", tmp_path / "out.mov", "--track")
    done = run(*words, tmp_path / "early.json")
    assert done.returncode == 2
    assert "8 frames from 0 to 7" in done.stderr
    Track(whole.size, whole.frames, hashes={0: "0" * 32}).save(tmp_path / "other.json")
    done = run(*words, tmp_path / "other.json")
    assert done.returncode == 2
    assert "--force-track" in done.stderr
    assert not (tmp_path / "out.mov").exists()
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((20, 30), np.uint8))
    small, broken = tmp_path / "small.png", tmp_path / "broken.ocio"
    mattes = ("--inside", small, "--outside", small, "--ocio-config", broken)
    done = run(*words, tmp_path / "other.json", *mattes)
    assert done.returncode == 2
    everything = done.stderr.splitlines()[-1]
    assert everything.count("--matte-fit") == 2, "everything that is wrong is said at once"
    assert "--force-track" in everything
    assert "OpenColorIO Config is not used, since the working space Automatic needs none. Also: " in done.stderr
    forced = run(*words, tmp_path / "other.json", "--force-track", "--range", "0-1")
    assert forced.returncode == 0, forced.stderr


@pytest.fixture
def with_a_gap(shot, tmp_path):
    """A sequence of five frames without the third."""
    with open_clip(shot) as clip, create_output(tmp_path / "in.%02d.png", clip) as writer:
        for time in range(5):
            writer.write(time, clip.frame(time).pixels)
    (tmp_path / "in.02.png").unlink()
    return tmp_path / "in.%02d.png"


@pytest.mark.parametrize(("choice", "written"), [("fail", 2), ("hold", 5), ("skip", 4)])
def test_frames_that_a_sequence_lacks_fail_are_held_or_skipped(with_a_gap, grace_hopper, tmp_path, choice, written):
    place = tmp_path / "out.%02d.png"
    done = run("swap", with_a_gap, "-s", grace_hopper, "-o", place, "--missing-frames", choice)
    assert done.returncode == (2 if choice == "fail" else 0), done.stderr
    assert len(list(tmp_path.glob("out.*.png"))) == written
    if choice == "hold":
        before, held = (read_picture(tmp_path / f"out.0{time}.png").pixels for time in (1, 2))
        assert abs(before - held).mean() < 0.01


@pytest.mark.parametrize(("choice", "written"), [("fail", 0), ("hold", 5), ("skip", 4)])
def test_frames_that_a_sequence_lacks_are_left_out_of_its_track(with_a_gap, grace_hopper, tmp_path, choice, written):
    track, place = tmp_path / "in.track.json", tmp_path / "out.%02d.png"
    made = run("analyse", with_a_gap, "-o", track)
    assert made.returncode == 0, made.stderr
    assert "without 1 frame: 2, which the sequence lacks" in made.stderr
    assert [*Track.load(track).frames] == [0, 1, 3, 4]
    words = ("swap", with_a_gap, "-s", grace_hopper, "-o", place, "--track", track)
    done = run(*words, "--missing-frames", choice)
    assert done.returncode == (2 if choice == "fail" else 0), done.stderr
    assert len(list(tmp_path.glob("out.*.png"))) == written
    assert run("analyse", with_a_gap, "-o", tmp_path / "none.json", "-r", "2").returncode == 2
