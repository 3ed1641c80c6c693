"""``mobilefaceswap track``, and tracks in ``swap``."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from commands import run
from mobilefaceswap.exchange.motion import NAMES
from mobilefaceswap.faces import Edits, Track, load_track
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
    told = run("track", "show", track).stdout
    assert "person 1: 12 frames from 0 to 11" in told
    assert "correction 1: frames 3-5, person 1: moved by 1,2\n" in told


def test_a_correction_is_made_rendered_and_taken_back(track, shot, grace_hopper, tmp_path):
    made = run("track", "edit", track, "--frames", "2", "--off")
    assert made.stdout == f"frame 2, person 1: off\n{track.with_suffix('.edits.json')}: 1 correction\n", made.stderr
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
        (
            ("--frames", "3", "--points", "1,2 3,4"),
            "expected five points, X,Y with a space between: eyes",
        ),
        (("--frames", "10-5", "--off"), "IN-OUT, IN first, such as 10-20 or 12; found '10-5'"),
        (("--frames", "3", "--points", "30,20 10,20 20,30 28,40 12,40"), "left is the viewer's left, not the actor's"),
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


@pytest.fixture
def without(track: Path) -> Callable[..., None]:
    """Takes faces out of the track: of some frames; there, another may be seen instead, or on all the others, too."""

    def write(times: Collection[int], *, other: bool = False) -> None:
        known = Track.load(track)
        frames = dict(known.frames)
        for time, (face,) in known.frames.items():
            second = [replace(face.moved(40, 0), person=2)] if other else []
            frames[time] = (*([] if time in times else [face]), *second)
        replace(known, frames=frames).save(track)

    return write


def test_an_exchange_tells_where_the_other_is_seen_alone_and_its_advice_can_be_followed(track, without):
    without((4, 6, 7), other=True)
    words = ("track", "edit", track, "--frames", "3-9", "--person", 1, "--another", 2)
    first = run(*words)
    told, *advised = first.stderr.splitlines()
    assert told == "person 2 is seen alone on 3 frames: 4, 6, 7, and keeps the id. Where it is person 1:", first.stderr
    assert [shlex.split(line)[4:6] for line in advised] == [["--frames", "4-4"], ["--frames", "6-7"]]
    for line in advised:
        program, *more = shlex.split(line)
        done = run(*more)
        assert (program, done.returncode, done.stderr) == ("mobilefaceswap", 0, "")
    shown = load_track(track).frames
    assert [[face.person for face in shown[time]] for time in (2, *range(3, 8))] == [
        *([1, 2], [2, 1], [1], [2, 1], [1], [1])
    ]


@pytest.mark.parametrize("kind", ["csv", "nuke-tracker", "fusion-tracker"])
def test_what_was_exported_of_a_person_who_leaves_and_comes_back_can_be_imported(track, without, tmp_path, kind):
    without(range(2, 10))
    place = tmp_path / "face"
    assert run("track", "export", track, "--as", kind, "-o", place).returncode == 0
    done = run("track", "import", place, "--track", track)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(": 4 frames of person 1\n"), "nothing is said of frames without that person"


def test_runs_of_keys_put_in_somebody_who_was_not_found_but_single_keys_do_not(track, table):
    words = ("--track", track, "--person", 7)
    runs = run("track", "import", table((0, 1, 10, 11)), *words)
    assert "4 frames of person 7\n" in runs.stdout, runs.stderr
    run("track", "edit", track, "--undo")
    single = run("track", "import", table((0, 1, 6, 11)), *words)
    assert "keys on 4 of the 12 frames from 0 to 11. Bake" in single.stderr


def test_points_go_out_to_nuke_and_come_back_as_corrections(track, tmp_path):
    out = run("track", "export", track, "--as", "nuke-tracker", "-o", tmp_path / "face.nk", "--frame-offset", 1001)
    assert out.returncode == 0, out.stderr
    assert "x1001 " in (tmp_path / "face.nk").read_text()
    refused = run("track", "import", tmp_path / "face.nk", "--track", track)
    assert refused.returncode == 2
    assert "--frame-offset" in refused.stderr
    back = run("track", "import", tmp_path / "face.nk", "--track", track, "--frame-offset", 1001)
    assert "12 frames of person 1" in back.stdout, back.stderr
    (edit,) = Edits.beside(track).edits
    assert list(edit.keys) == list(range(12))


@pytest.fixture
def table(track: Path, tmp_path: Path) -> Callable[..., Path]:
    """Writes the track's points of some frames as a table of Nuke's counting, changed by a function."""

    def write(times: Iterable[int], changed: Callable[[np.ndarray], np.ndarray] = np.array) -> Path:
        known = Track.load(track)
        rows = [["frame", *(f"{name}_{axis}" for name in NAMES for axis in "xy")]]
        for time in times:
            points = changed(known.frames[min(time, max(known.frames))][0].landmarks)
            counted = points * (1, -1) + (0.5, known.size[1] - 0.5)
            rows.append([time, *np.round(counted, 3).ravel()])
        place = tmp_path / "points.csv"
        place.write_text("\n".join(",".join(map(str, row)) for row in rows))
        return place

    return write


def test_an_import_is_taken_back_as_one_and_a_new_one_takes_its_place(track, table):
    run("track", "edit", track, "--frames", "3", "--off")
    for _ in range(2):
        done = run("track", "import", table(range(12)), "--track", track)
        assert done.returncode == 0, done.stderr
        assert len(Edits.beside(track).edits) == 2
    undone = run("track", "edit", track, "--undo")
    assert undone.stdout.startswith("taken back: frames 0-11, person 1: points imported on 12 of them\n")
    assert [str(edit) for edit in Edits.beside(track).edits] == ["frame 3, person 1: off"]


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ((1, 9), "keys on 2 of the 9 frames from 1 to 9. Bake the animation to a key on every frame"),
        ((0, 1, 2, 9), "keys on 4 of the 10 frames from 0 to 9"),
    ],
)
def test_an_animation_with_few_keys_is_refused(track, table, times, said):
    done = run("track", "import", table(times), "--track", track)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not track.with_suffix(".edits.json").exists()


def test_an_import_says_on_which_frames_it_changes_nothing(track, table):
    for times, said in (
        (
            (*range(4), *range(6, 13)),
            "10 frames of person 1; without a key the found points stay, on 2 frames: 4, 5; 1 is",
        ),
        ((7,), "1 frame of person 1; a single key counts on its frame alone\n"),
    ):
        done = run("track", "import", table(times), "--track", track)
        assert said in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda points: points[[1, 0, 2, 4, 3]], "left is the viewer's left, not the actor's"),
        (lambda points: points * (1, -1) + (0, 179), "files count y from the bottom"),
        (lambda points: points * 0 + 7, "found all five at one on 3 frames: 4, 5, 6"),
    ],
    ids=["left and right", "y from the top", "one place"],
)
def test_points_that_were_mixed_up_are_refused_on_import(track, table, changed, said):
    done = run("track", "import", table(range(4, 7), changed), "--track", track)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not track.with_suffix(".edits.json").exists()


def test_an_import_says_who_is_new_and_what_is_hardly_a_face(track, table):
    new = run("track", "import", table(range(4, 7)), "--track", track, "--person", 7)
    assert "person 7 is new to the track, which knows 1: a face is put in" in new.stderr
    later = run("track", "import", table(range(6, 9)), "--track", track, "--person", 7)
    assert "person 7 was not found on 2 frames: 7, 8: a face is put in" in later.stderr
    shuffled = run("track", "import", table(range(4, 7), lambda points: points[[2, 0, 1, 3, 4]]), "--track", track)
    assert (shuffled.returncode, shuffled.stderr.count("check the order of the points")) == (0, 1)
    assert run("track", "import", table(range(4, 7)), "--track", track).stderr == ""


def test_faces_of_nobody_known_are_not_shown_as_one_person(track):
    document = json.loads(track.read_text())
    for faces in document["frames"].values():
        faces[:] = [{name: face[name] for name in ("landmarks", "box", "confidence", "filled")} for face in faces] * 2
    track.write_text(json.dumps({**document, "version": 1, "people": {}}))
    shown = run("track", "show", track)
    assert "person 0" not in shown.stdout
    assert "faces of nobody known: on 12 frames from 0 to 11. Analyse the clip again" in shown.stdout


def test_crops_are_cut_from_the_track_s_own_clip_unless_that_is_asked_for(track, shot, tmp_path):
    folder, other, short = tmp_path / "crops", tmp_path / "other.%02d.png", tmp_path / "short.%02d.png"
    with open_clip(shot) as clip, create_output(other, clip) as longer, create_output(short, clip) as shorter:
        for time in range(12):
            longer.write(time, 1 - clip.frame(time).pixels)
            if time < 9 and time != 4:
                shorter.write(time, clip.frame(time).pixels)
    words = ("track", "export", track, "--as", "crops", "-o", folder, "--clip")
    refused = run(*words, other)
    assert (refused.returncode, "--force-track" in refused.stderr) == (2, True), refused.stderr
    lacking = run(*words, short, "--force-track")
    assert (lacking.returncode, "it lacks 4 frames: 4, 9, 10, 11" in lacking.stderr) == (2, True), lacking.stderr
    assert not folder.exists(), "nothing is made before all is checked"
    forced = run(*words, other, "--force-track")
    assert forced.returncode == 0, forced.stderr
    assert len(list(folder.iterdir())) == 13


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
        assert "Check them and use --force-track, or remove the file and make them again" in done.stderr
    measured = run("measure", shot, "-s", grace_hopper, "--track", track)
    assert (measured.returncode, "Remove the file and make them again" in measured.stderr) == (2, True)
    assert "--force-track" not in measured.stderr
    done = run("swap", shot, "-s", grace_hopper, "-o", tmp_path / "out.mov", "--track", track)
    assert (done.returncode, "--force-track" in done.stderr) == (2, True)
    assert "correction 1: frame 3" in run("track", "show", track, "--force-track").stdout
    assert run("track", *export, "--force-track").returncode == 0
    assert run("track", "import", tmp_path / "a.csv", "--track", track).returncode == 2
    taken = run("track", "edit", track, "--frames", "4", "--off", "--force-track")
    assert "2 corrections" in taken.stdout, taken.stderr
    assert run("track", "show", track).returncode == 0, "they are the new track's from then on"


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


@pytest.mark.parametrize(("choice", "written"), [("fail", 0), ("hold", 5), ("skip", 4)])
def test_frames_that_a_sequence_lacks_fail_are_held_or_skipped(with_a_gap, grace_hopper, tmp_path, choice, written):
    place = tmp_path / "out.%02d.png"
    done = run("swap", with_a_gap, "-s", grace_hopper, "-o", place, "--missing-frames", choice)
    assert done.returncode == (2 if choice == "fail" else 0), done.stderr
    assert len(list(tmp_path.glob("out.*.png"))) == written
    if choice == "fail":
        assert "lacks 1 frame: 2." in done.stderr
        assert "--missing-frames hold or skip" in done.stderr
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
