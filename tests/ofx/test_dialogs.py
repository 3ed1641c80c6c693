"""Buttons that ask: through a dialog of the screen, with a stand-in that answers at once."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bundles import own_copy
from mobilefaceswap.engine.documentation import page_of
from mobilefaceswap.faces import Edit, Edits, Face, Track, load_track
from mobilefaceswap.folders import track_folder
from mobilefaceswap.ofx.host import Effect, Host
from mobilefaceswap.ofx.install import binary_of
from mobilefaceswap.packs import Pack
from mobilefaceswap.settings import GROUPS
from tiny_pack import make_tiny_pack

ZENITY = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
(here / "asked.json").write_text(json.dumps(sys.argv[1:]))
answer = (here / "answer").read_text()
sys.exit(1) if not answer else print(answer)
"""
FAILING = """#!/bin/sh
echo '{said}' >&2
exit {code}
"""
BROWSER = """#!{python}
import pathlib, sys
(pathlib.Path(__file__).parent / "opened").write_text(sys.argv[1])
"""


class Desk:
    """A screen whose user answers every dialog with the same text; "" closes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, body in (("zenity", ZENITY), ("browser", BROWSER)):
            self.program(name, body.format(python=sys.executable))

    def program(self, name: str, body: str) -> None:
        (self.folder / name).write_text(body)
        (self.folder / name).chmod(0o755)

    def break_zenity(self, code: int, said: str) -> None:
        """From now on it ends with ``code`` and says why."""
        self.program("zenity", FAILING.format(code=code, said=said))

    def answer(self, text: object) -> None:
        (self.folder / "answer").write_text(str(text))

    @property
    def asked(self) -> list[str]:
        return json.loads((self.folder / "asked.json").read_text())

    @property
    def opened(self) -> str:
        return (self.folder / "opened").read_text()


@pytest.fixture
def desk(environment: pytest.MonkeyPatch, tmp_path: Path) -> Desk:
    if sys.platform != "linux":
        pytest.skip("other systems have a dialog of their own")
    folder = tmp_path / "desk"
    folder.mkdir()
    environment.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    environment.setenv("DISPLAY", ":no-such-screen")
    environment.setenv("BROWSER", f"{folder / 'browser'} %s")
    return Desk(folder)


def test_a_look_goes_from_shot_to_shot(desk: Desk, effects, tmp_path: Path) -> None:
    node, other = effects[0].create(matte_feather=7.5, mix=0.25), effects[0].create(face_index=3)
    before = dict(other.values)
    desk.answer(tmp_path / "look.json")
    assert node.press("save_look") == 0
    assert str(tmp_path / "look.json") in node.messages[-1]
    assert other.press("load_look") == 0
    changed = {name for name, value in other.values.items() if value != before[name]}
    assert changed == {"matte_feather", "mix", "engine_status"}
    assert (other.values["matte_feather"], other.values["mix"]) == (7.5, 0.25)
    label, names = other.undo[0]
    assert (label, set(names)) == ("Load Look", {"matte_feather", "mix"})


@pytest.mark.parametrize("button", ["save_look", "load_look", "choose_source", "choose_pack", "choose_detector"])
def test_a_closed_dialog_changes_nothing(desk: Desk, effects, button: str) -> None:
    node = effects[0].create()
    before = {**node.values, "engine_status": None}
    desk.answer("")
    assert node.press(button) == 0
    assert {**node.values, "engine_status": None} == before
    assert node.messages == []
    assert node.persistent == ""


NO_DISPLAY = "(zenity:7): Gtk-WARNING **: cannot open display: :no-such-screen"


@pytest.mark.parametrize(
    ("code", "said"),
    [(1, NO_DISPLAY), (127, "zenity: error while loading shared libraries: libgtk-3.so.0"), (255, "")],
)
def test_a_dialog_that_cannot_be_shown_is_no_closed_one(desk: Desk, effects, code: int, said: str) -> None:
    desk.break_zenity(code, said)
    for button, instead in (
        ("choose_source", "Type the path"),
        ("save_look", "Save the project"),
        ("choose_pack", "Type one of"),
    ):
        node = effects[0].create()
        node.press(button)
        assert f"zenity ended with code {code}: {said or 'no word of why'}. " in node.persistent
        assert instead in node.persistent


def test_a_warning_does_not_make_a_closed_dialog_a_broken_one(desk: Desk, effects) -> None:
    desk.break_zenity(1, "Gtk-Message: GtkDialog mapped without a transient parent. This is discouraged.")
    node = effects[0].create()
    node.press("choose_source")
    assert (node.messages, node.persistent) == ([], "")


def test_kdialog_asks_where_zenity_cannot(desk: Desk, effects) -> None:
    desk.break_zenity(1, NO_DISPLAY)
    desk.program("kdialog", ZENITY.format(python=sys.executable))
    desk.answer("/shots/actor.idn")
    node = effects[0].create()
    node.press("choose_source")
    assert node.values["source"] == "/shots/actor.idn"
    assert "--getopenfilename" in desk.asked


@pytest.mark.parametrize(("button", "name"), [("save_look", "look"), ("export_track", "track")])
def test_no_file_of_another_shot_is_replaced_by_a_press_of_enter(
    desk: Desk, effects, tmp_path: Path, button: str, name: str
) -> None:
    desk.answer("")
    held = {"source": str(tmp_path / "actor.idn"), "track_file": str(analysed(tmp_path / "shot.json"))}
    for proposed in (f"{name}.json", f"{name}_2.json", f"{name}_3.json"):
        effects[0].create(**held).press(button)
        assert {"--save", "--confirm-overwrite", f"--filename={tmp_path / proposed}"} <= set(desk.asked)
        (tmp_path / proposed).write_text("of another shot")
    effects[0].create(**held).press("load_look")
    assert "--confirm-overwrite" not in desk.asked


def test_a_copy_of_a_private_track_is_for_other_machines(desk: Desk, effects, environment, tmp_path: Path) -> None:
    environment.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    project, private = tmp_path / "project", track_folder()
    for folder in (project, private):
        folder.mkdir(parents=True)
    track = analysed(private / "0-2-abc.json")
    desk.answer(project / "track.json")
    node = effects[0].create(source=str(project / "actor.idn"), track_file=str(track))
    node.press("export_track")
    assert f"--filename={project / 'track.json'}" in desk.asked, "not beside the one that nobody else sees"
    assert f"saved as {project / 'track.json'}. Choose it as Track File" in node.messages[-1]
    node.edit(track_file=str(project / "track.json"))
    desk.answer(project / "copy.json")
    node.press("export_track")
    assert node.messages[-1].endswith(f"Track saved as {project / 'copy.json'}")


def test_a_track_is_exported(desk: Desk, effects, tmp_path: Path) -> None:
    track = tmp_path / "track.json"
    Track((64, 48), {3: ()}).save(track)
    desk.answer(tmp_path / "copy.json")
    assert effects[0].create(track_file=str(track)).press("export_track") == 0
    assert set(Track.load(tmp_path / "copy.json").frames) == {3}
    node = effects[0].create()
    node.press("export_track")
    assert "Press Analyse Range first" in node.persistent


def analysed(place: Path) -> Path:
    """A track with one face on three frames."""
    face = Face.around(np.array([(20.0, 20.0), (30.0, 20.0), (25.0, 26.0), (21.0, 31.0), (29.0, 31.0)]))
    Track((64, 48), dict.fromkeys(range(3), (replace(face, person=1),))).save(place)
    return place


def correct(track: Path, *edits: Edit) -> Path:
    return Edits(edits, Edits.beside(track).track).save(track)


def points(track: Path) -> dict[int, list[list[float]]]:
    return {time: [face.row().tolist() for face in faces] for time, faces in load_track(track).frames.items()}


MOVED, OFF = Edit(1, 1, 1, move=(3.0, -2.0)), Edit(2, 2, 1, off=True)


def test_corrections_go_with_the_track(desk: Desk, effects, tmp_path: Path) -> None:
    track, copy = analysed(tmp_path / "shot.track.json"), tmp_path / "copy.track.json"
    bare = points(track)
    correct(track, MOVED)
    desk.answer(copy)
    node = effects[0].create(track_file=str(track))
    for edits in ((MOVED,), (MOVED, OFF), ()):
        correct(track, *edits)
        node.press("export_track")
        assert node.persistent == ""
        assert str(copy) in node.messages[-1]
        assert "copy.track.edits.json" in node.messages[-1]
        assert points(copy) == points(track)
        assert (points(copy) != bare) == bool(edits)
        assert len(Edits.beside(copy).edits) == len(edits), "each can be taken back"


def test_an_export_replaces_nothing_that_somebody_made(desk: Desk, effects, tmp_path: Path) -> None:
    track, other = analysed(tmp_path / "shot.track.json"), tmp_path / "other.json"
    Track((64, 48), {0: ()}).save(other)
    corrected = [correct(track, MOVED), correct(other, Edit(0, 0, 1, off=True))]
    before = {place: place.read_bytes() for place in (track, other, *corrected)}
    for place, said in ((track, "other than the input"), (corrected[0], "other than the input"), (other, "another")):
        desk.answer(place)
        node = effects[0].create(track_file=str(track))
        node.press("export_track")
        assert said in node.persistent
    assert {place: place.read_bytes() for place in before} == before


def test_corrections_of_another_analysis_are_not_exported(desk: Desk, effects, tmp_path: Path) -> None:
    track = analysed(tmp_path / "shot.track.json")
    correct(track, MOVED)
    Track((64, 48), {0: ()}).save(track)
    desk.answer(tmp_path / "copy.json")
    node = effects[0].create(track_file=str(track))
    node.press("export_track")
    assert "analysed again since" in node.persistent
    assert not (tmp_path / "copy.json").exists()


@pytest.fixture
def two_packs(pack: Pack, bundle: Path, environment: pytest.MonkeyPatch, tmp_path: Path) -> Effect:
    """An effect whose engine finds two packs under different licences."""
    more = make_tiny_pack(tmp_path / "packs" / "another", seed=1)
    document = (more / "pack.toml").read_text()
    licence = re.search(r'^licence = "(.*)"$', document, re.MULTILINE)
    assert licence
    (more / "pack.toml").write_text(
        document.replace('name = "tiny"', 'name = "another"').replace(licence[0], 'licence = "Research only"', 1)
    )
    environment.setenv("MOBILEFACESWAP_PACKS", f"{pack.folder.parent}{os.pathsep}{more.parent}")
    return Host(binary_of(own_copy(bundle, tmp_path))).effects()[0]


def test_packs_are_offered_with_their_licences(desk: Desk, two_packs: Effect, pack: Pack) -> None:
    node = two_packs.create()
    desk.answer("another")
    assert node.press("choose_pack") == 0
    assert node.values["pack"] == "another"
    rows = desk.asked[desk.asked.index("--column=Licence") + 1 :]
    offered = dict(zip(rows[::2], rows[1::2], strict=True))
    assert (offered["another"], offered[pack.folder.name]) == ("Research only", pack.licence)
    assert "pack another (Research only)" in node.values["engine_status"]
    node.edit(pack="")
    assert f"pack {pack.name} ({pack.licence})" in node.values["engine_status"]
    node.edit(pack="nowhere")
    assert "nowhere" in node.persistent
    two_packs.unload()


def test_detectors_are_offered_and_named_with_their_licence(desk: Desk, effects, environment, tmp_path: Path) -> None:
    (tmp_path / ".insightface" / "models" / "buffalo_x").mkdir(parents=True)
    environment.setenv("HOME", str(tmp_path))
    node = effects[0].create()
    desk.answer("insightface:buffalo_x")
    assert node.press("choose_detector") == 0
    assert "yunet" in desk.asked
    assert node.values["detector"] == "insightface:buffalo_x"
    assert "detector insightface:buffalo_x (InsightFace model packs: non-commercial" in node.values["engine_status"]
    assert node.values["engine_status"].endswith(", cpu")


def test_without_a_screen_the_packs_are_told(effects, environment, pack: Pack) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        environment.delenv(name, raising=False)
    node = effects[0].create()
    node.press("choose_pack")
    assert f"{pack.folder.name} ({pack.licence})" in node.persistent


def help_buttons(effect: Effect) -> dict[str, str]:
    """The ? of each group, by the group's label."""
    shown = {name: properties for name, properties in effect.parameters.items() if name.startswith("help_")}
    assert all(properties["OfxPropLabel"] == ["?"] for properties in shown.values())
    parents = {name: effect.parameters[properties["OfxParamPropParent"][0]] for name, properties in shown.items()}
    return {parent["OfxPropLabel"][0]: name for name, parent in parents.items()}


@pytest.fixture
def site(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    page = tmp_path / "a site" / "reference" / "settings.html"
    page.parent.mkdir(parents=True)
    page.write_text("<html></html>")
    environment.setenv("MOBILEFACESWAP_DOCS", str(tmp_path / "a site"))
    return page


def test_every_group_has_a_button_that_opens_its_page(desk: Desk, site: Path, effects) -> None:
    for effect in effects:
        assert list(help_buttons(effect)) == [group for group in GROUPS if group in help_buttons(effect)]
        groups = [name for name, kind in effect.types.items() if kind == "OfxParamTypeGroup"]
        assert len(help_buttons(effect)) == len(groups)
    node = effects[0].create()
    assert node.press(help_buttons(effects[0])["Analysis & Tracking"]) == 0
    assert desk.opened == f"{site.as_uri()}#analysis-tracking"
    assert (node.messages, node.persistent) == ([], "")


@pytest.mark.parametrize("named", ["https://example.org/docs/", "/no/such/folder", ""])
def test_a_page_that_is_not_here_is_told_and_not_opened(desk: Desk, effects, environment, named: str) -> None:
    environment.setenv("MOBILEFACESWAP_DOCS", named)
    node = effects[0].create()
    node.press("help_matte")
    opened = (desk.folder / "opened").exists()
    if named or not opened:
        assert "reference/settings.html#matte" in node.messages[-1]
        assert not opened
    if named.startswith("https"):
        assert node.messages[-1].endswith("https://example.org/docs/reference/settings.html#matte")


@pytest.mark.parametrize("group", GROUPS)
def test_anchors_are_those_of_the_site(group: str) -> None:
    toc = pytest.importorskip("markdown.extensions.toc")
    assert page_of(group).partition("#")[2] == toc.slugify(group, "-")


def test_what_every_shot_needs_is_open_and_the_rest_folded(effects) -> None:
    opened = {
        properties["OfxPropLabel"][0]: properties["OfxParamPropGroupOpen"] == [1]
        for name, properties in effects[0].parameters.items()
        if effects[0].types[name] == "OfxParamTypeGroup"
    }
    assert [group for group, is_open in opened.items() if is_open] == ["Source", "Face Selection", "Swap", "Output"]
    assert len(opened) > 4
