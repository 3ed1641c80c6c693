"""What was typed counts, or it is said that it does not: settings that need another, a track or a person in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import run
from mobilefaceswap.cli.shot import with_defaults
from mobilefaceswap.errors import SettingsError


@pytest.mark.parametrize(
    ("typed", "choice"),
    [
        ({"face_index": 0}, "index"),
        ({"face_point_x": 0.2, "face_point_y": 0.5}, "nearest"),
        ({"reference": "somebody.jpg"}, "reference"),
        ({"face_person": 2}, "person"),
        ({}, "largest"),
    ],
)
def test_an_option_of_one_way_of_choosing_chooses_that_way(typed, choice, capsys):
    assert with_defaults(typed, None).face_choice == choice
    assert capsys.readouterr().err == ""


def test_options_of_two_ways_of_choosing_are_refused():
    with pytest.raises(SettingsError, match=r"one way of choosing a face; found index, reference\. .*--face-choice"):
        with_defaults({"face_index": 1, "reference": "somebody.jpg"}, None)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"face_choice": "largest", "face_index": 1}, "Face Number is not used: it counts with --face-choice index"),
        ({"output_mode": "face", "matte_to_alpha": True}, "Matte to Alpha is not used: it counts with --output-mode"),
        ({"motion_blur": 0.5}, "Motion Blur is not used: it takes the face's way from a track (--track)"),
        ({"motion_blur": 0.0}, ""),
    ],
)
def test_what_does_nothing_is_said(typed, said, capsys):
    with_defaults(typed, None)
    assert said in (heard := capsys.readouterr().err)
    assert bool(said) == bool(heard)
    with_defaults({"motion_blur": 0.5}, None, Path("shot.track.json"))
    assert capsys.readouterr().err == ""


def test_somebody_who_is_not_in_the_track_is_refused_before_the_work(shot, grace_hopper, tmp_path):
    track, people = tmp_path / "shot.track.json", tmp_path / "people.toml"
    assert run("analyse", shot, "-o", track, "-r", "0-3").returncode == 0
    rows = "\n".join(f"[[person]]\nsource = {str(grace_hopper)!r}\nface_person = {person}" for person in (1, 7))
    people.write_text(f"{rows}\nmotion_blur = 0.5", "utf-8")
    words = ("swap", shot, "-r", "0-1", "-o", tmp_path / "out.%d.png", "--track", track)
    for named, who in ((("--people", people), f"person 2 ({grace_hopper.name}): "), (("-s", grace_hopper), "")):
        done = run(*words, *named, *(() if who else ("--face-person", 7)))
        assert done.returncode == 2
        assert f": {who}expected a person of the track, 1; found 7. Choose one" in done.stderr
        assert "Stopped at" not in done.stderr
    people.write_text(rows.replace("7", "7\nenable = false"), "utf-8")
    assert run(*words, "--people", people, "-y").returncode == 0


def test_a_person_who_gets_no_face_is_named_at_the_end(shot, grace_hopper, tmp_path):
    people = tmp_path / "people.toml"
    row = f"[[person]]\nsource = {str(grace_hopper)!r}\nface_index ="
    people.write_text(f"{row} 0\n{row} 1\nmotion_blur = 0.5\n{row} 2\nenable = false", "utf-8")
    words = ("swap", shot, "--people", people, "-r", "0-1", "-o", tmp_path / "out.%d.png", "-y")
    done, who = run(*words), f"person 2 ({grace_hopper.name})"
    assert done.returncode == 0, done.stderr
    assert "faces swapped in 2 frames" in done.stdout
    assert f"{who}: Motion Blur is not used" in done.stderr
    assert [line for line in done.stderr.splitlines() if "no face" in line] == [f"{who}: no face in any of 2 frames"]
    assert json.loads(run(*words, "--json").stdout.splitlines()[-1])["people_without_a_face"] == [who]
    shown = run(*words, "--dry-run").stdout
    assert f"{who}: no face in any of the sample" in shown


@pytest.mark.parametrize(
    "words",
    [
        ("swap", "{shot}", "-s", "{portrait}", "-o", "{there}.mp4", "--track", "{there}"),
        ("swap", "{shot}", "-s", "{there}", "-o", "{there}.mp4"),
        ("measure", "{shot}", "-s", "{portrait}", "--track", "{there}"),
        ("identity", "{there}", "-o", "{there}.idn"),
        ("track", "show", "{there}"),
        ("track", "import", "{portrait}", "--track", "{there}"),
    ],
)
def test_a_mistyped_name_is_called_missing(shot, grace_hopper, tmp_path, words):
    there = tmp_path / "nope.idn"
    done = run(*(word.format(shot=shot, portrait=grace_hopper, there=there) for word in words))
    assert done.returncode == 2
    assert f"expected a file at {there}; found none. Check the path" in done.stderr


def test_a_device_that_is_not_known_is_the_option_s_fault(shot, grace_hopper, tmp_path):
    done = run("swap", shot, "-s", grace_hopper, "-o", tmp_path / "out.mp4", "--device", "gpu")
    assert done.returncode == 2
    assert "expected one of auto, cpu, cuda, " in done.stderr
    assert "MOBILEFACESWAP_DEVICE" not in done.stderr
