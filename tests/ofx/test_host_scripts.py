"""Scripts and example graphs for hosts, run against stand-ins that have the documented names and no others."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from host_modules import CLIPS, SETTINGS, FusionComp, FusionTool, Natron, NatronApp, NatronNode, Nuke, NukeNode

from mobilefaceswap.ofx.host import Host
from mobilefaceswap.ofx.install import binary_of

HOSTS = Path(__file__).parents[2] / "ofx_bridge" / "hosts"
NAMED = (
    "mlt/face_swap.mlt",
    "natron/FaceSwapBeauty.py",
    "natron/face_swap_panel.py",
    "nuke/FaceSwapBeauty.gizmo",
    "nuke/face_swap_panel.py",
    "resolve/face_swap_shot.py",
)
ANSWERS = {"source": "/shots/actor.idn", "track": "/shots/track.json"}


def plain(name: str) -> NatronNode:
    node = NatronNode("fr.inria.built-in.Output")
    node.setPosition(10, 20)
    return node


def run_in(natron: Natron, monkeypatch: pytest.MonkeyPatch, script: str) -> dict[str, Any]:
    """What a script of Natron defines."""
    for name in ("NatronEngine", "NatronGui"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name, module in natron.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return runpy.run_path(str(HOSTS / "natron" / script))


def test_the_stand_ins_know_the_effect_as_the_binary_describes_it(bundle: Path) -> None:
    swap, _ = Host(binary_of(bundle)).effects("OfxImageEffectContextGeneral")
    assert tuple(swap.clips) == (*CLIPS, "Output")
    for name, row in SETTINGS.items():
        assert swap.parameters[name].get("OfxParamPropChoiceOption", []) == list(row.entries.values())
    scripts = {name: (HOSTS / name).read_text() for name in NAMED}
    # Nuke makes a class of its own of an identifier and its major version, in small letters.
    classes = {"nuke": f"OFX{swap.identifier.lower()}_v1", "resolve": f"ofx.{swap.identifier}", "mlt": swap.identifier}
    for name, text in scripts.items():
        assert classes.get(name.partition("/")[0], swap.identifier) in text, name


@pytest.mark.parametrize("track", ["/shots/track.json", ""])
def test_natron_s_panel_sets_the_node_up(monkeypatch: pytest.MonkeyPatch, track: str) -> None:
    plate = plain("plate")
    natron = Natron(NatronApp([plate], ANSWERS | {"track": track}))
    script = run_in(natron, monkeypatch, "face_swap_panel.py")
    ((_, command),) = natron.commands.items()
    module, _, function = command.partition(".")
    assert module == "face_swap_panel"
    script[function]()
    (swap,) = natron.app.nodes
    assert (swap.plugin, swap.inputs, swap.position) == ("org.mobilefaceswap.FaceSwap", {0: plate}, (10, 140))
    assert swap.getParam("source").get() == "/shots/actor.idn"
    assert swap.getParam("track_file").get() == (track or None)
    assert swap.getParam("smoothing").get() == (3 if track else None)


@pytest.mark.parametrize(
    ("selected", "answers", "said"),
    [([], ANSWERS, "Select the node"), ([plain("plate")], None, ""), ([plain("plate")], {"source": ""}, "a source")],
)
def test_natron_s_panel_makes_nothing_without_what_it_needs(monkeypatch, selected, answers, said: str) -> None:
    natron = Natron(NatronApp(selected, answers))
    run_in(natron, monkeypatch, "face_swap_panel.py")["ask"]()
    assert natron.app.nodes == []
    assert said in " ".join(natron.errors)
    assert bool(said) == bool(natron.errors)


def test_natron_s_scripts_say_that_the_node_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    natron = Natron(NatronApp([plain("plate")], ANSWERS))
    natron.app.missing = "org.mobilefaceswap.FaceSwap"
    run_in(natron, monkeypatch, "face_swap_panel.py")["ask"]()
    (said,) = natron.errors
    assert "mobilefaceswap ofx check" in said
    plug = run_in(natron, monkeypatch, "FaceSwapBeauty.py")
    with pytest.raises(RuntimeError, match="mobilefaceswap ofx check"):
        plug["createInstance"](natron.app, NatronNode("group"))


def test_natron_s_panel_loads_where_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    natron = Natron(NatronApp([], None), background=True)
    script = run_in(natron, monkeypatch, "face_swap_panel.py")
    assert natron.commands == {}
    assert script["set_up"](natron.app, plain("plate"), "/a.png").inputs


def test_natron_s_beauty_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (HOSTS / "natron" / "FaceSwapBeauty.py").read_text()
    assert re.search(r"^# Natron PyPlug$", script, re.MULTILINE), "or Natron does not take it for one"
    natron = Natron(NatronApp([], None), background=True)
    plug = run_in(natron, monkeypatch, "FaceSwapBeauty.py")
    assert {"getLabel", "getGrouping", "createInstance"} <= plug.keys()
    assert plug["getLabel"]().isidentifier()
    group = NatronNode("group")
    plug["createInstance"](natron.app, group)
    named = {node.name: node for node in natron.app.nodes}
    plate, garbage, swap, grade, merge = (named[name] for name in ("Plate", "Garbage", "Swap", "Beauty", "Over"))
    assert swap.inputs == {CLIPS.index("Source"): plate, CLIPS.index("OutM"): garbage}
    assert garbage.getParam("optional").get() is True
    assert swap.getParam("output_mode").get() == "Face (premultiplied)"
    assert (grade.inputs, merge.inputs, named["Output1"].inputs) == ({0: swap}, {0: plate, 1: grade}, {0: merge})
    (page,) = group.pages
    assert group.refreshed
    for control in page.held:
        assert control.alias is swap.getParam(control.name)
    assert "source" in {control.name for control in page.held}


def comp_in_nuke() -> tuple[NukeNode, NukeNode, NukeNode]:
    """A selected plate, a Write behind it, and another node."""
    plate, write, other = NukeNode("Read"), NukeNode("Write"), NukeNode("Read")
    write.setInput(0, plate)
    plate.setSelected(True)
    return plate, write, other


def run_in_nuke(nuke: Nuke, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the panel of Nuke defines."""
    monkeypatch.setitem(sys.modules, "nuke", nuke.module())
    return runpy.run_path(str(HOSTS / "nuke" / "face_swap_panel.py"))


@pytest.mark.parametrize("track", ["/shots/track.json", ""])
def test_nuke_s_panel_sets_the_node_up(monkeypatch: pytest.MonkeyPatch, track: str) -> None:
    plate, write, other = comp_in_nuke()
    nuke = Nuke([plate, write, other], {"Source": "/shots/actor.idn", "Track File": track})
    run_in_nuke(nuke, monkeypatch)
    ((_, command),) = nuke.commands.items()
    command()
    swap, garbage = nuke.nodes[3:]
    assert (swap.kind, garbage.kind) == ("OFXorg.mobilefaceswap.faceswap_v1", "Roto")
    assert swap.inputs == {0: plate, CLIPS.index("OutM"): garbage}
    assert garbage.inputs == {}
    assert write.inputs == {0: swap}, "the comp goes on from the swap"
    assert [node for node in nuke.nodes if node.selected] == [swap]
    assert (swap["source"].get(), swap["smoothing"].get()) == ("/shots/actor.idn", 3 if track else None)


def test_nuke_s_set_up_takes_its_plate_and_not_the_selected_node(monkeypatch: pytest.MonkeyPatch) -> None:
    selected, write, plate = comp_in_nuke()
    nuke = Nuke([selected, write, plate], None)
    swap = run_in_nuke(nuke, monkeypatch)["set_up"](plate, "/shots/actor.idn")
    assert swap.inputs[0] is plate
    assert write.inputs == {0: selected}


@pytest.mark.parametrize(("selected", "answers"), [(False, {}), (True, None)])
def test_nuke_s_panel_makes_nothing_without_what_it_needs(monkeypatch, selected: bool, answers) -> None:
    plate = NukeNode("Read")
    plate.setSelected(selected)
    nuke = Nuke([plate], answers)
    run_in_nuke(nuke, monkeypatch)
    next(iter(nuke.commands.values()))()
    assert nuke.nodes == [plate]
    assert len(nuke.messages) == (not selected)


def test_nuke_s_panel_says_that_the_node_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    plate, write, other = comp_in_nuke()
    nuke = Nuke([plate, write, other], {"Source": "/a.idn", "Track File": ""})
    nuke.missing = "OFXorg.mobilefaceswap.faceswap_v1"
    run_in_nuke(nuke, monkeypatch)
    next(iter(nuke.commands.values()))()
    assert nuke.nodes == [plate, write, other]
    (said,) = nuke.messages
    assert "mobilefaceswap ofx check" in said


@pytest.mark.parametrize("answers", [{"Source": "/a.idn", "Track": "/t.json"}, {"Source": "/a.idn"}, None])
def test_fusion_s_script_sets_the_node_up(answers) -> None:
    comp = FusionComp(FusionTool("Loader"), answers)
    runpy.run_path(str(HOSTS / "resolve" / "face_swap_shot.py"), {"comp": comp})
    assert comp.locks == 0
    if answers is None:
        assert comp.tools == []
        return
    (swap,) = comp.tools
    assert swap.kind == "ofx.org.mobilefaceswap.FaceSwap"
    wanted: dict[str, Any] = {"Source": comp.ActiveTool, "source": "/a.idn"}
    assert swap.inputs == wanted | ({"track_file": "/t.json", "smoothing": 3} if "Track" in answers else {})


def test_fusion_s_script_says_that_the_node_is_not_installed(capsys) -> None:
    comp = FusionComp(FusionTool("Loader"), {"Source": "/a.idn"})
    comp.missing = "ofx.org.mobilefaceswap.FaceSwap"
    runpy.run_path(str(HOSTS / "resolve" / "face_swap_shot.py"), {"comp": comp})
    assert comp.locks == 0, "or Fusion updates nothing any more"
    assert "Video Plugins" in capsys.readouterr().out


def test_fusion_s_script_without_a_tool(capsys) -> None:
    comp = FusionComp(None, {})
    runpy.run_path(str(HOSTS / "resolve" / "face_swap_shot.py"), {"comp": comp})
    assert comp.tools == []
    assert "Select the tool" in capsys.readouterr().out


WORD = re.compile(r'"(?:\\.|[^"\\])*"|\{(?:[^{}])*\}|\S+')


def gizmo_graph(text: str) -> tuple[list[list[str]], dict[str, tuple[str, dict[str, str], list[str | None]]]]:
    """(the user knobs, every node by name as (class, knobs, names of its inputs)) of a gizmo.

    Nuke reads such a file as commands for a stack: ``push`` puts something on it, and a node takes its inputs from
    there, the topmost first.
    """
    knobs: list[list[str]] = []
    nodes: dict[str, tuple[str, dict[str, str], list[str | None]]] = {}
    stack: list[str | None] = []
    variables: dict[str, str | None] = {}
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert lines.pop() == "end_group"
    place = iter(lines)
    for line in place:
        words = line.split()
        if words[0] == "version":
            continue
        if words[0] == "set":
            assert words[2:] == ["[stack", "0]"]
            variables[words[1]] = stack[-1]
        elif words[0] == "push":
            stack.append(None if words[1] == "0" else variables[words[1].removeprefix("$")])
        else:
            assert words[1:] == ["{"], line
            held: dict[str, str] = {}
            for knob in place:
                if knob == "}":
                    break
                name, _, value = knob.partition(" ")
                if name == "addUserKnob":
                    knobs.append([word.strip('"') for word in WORD.findall(value.strip("{}"))])
                else:
                    held[name] = value.strip('"')
            if words[0] == "Gizmo":
                continue
            inputs = [stack.pop() for _ in range(int(held.pop("inputs", "1")))]
            nodes[held["name"]] = (words[0], held, inputs)
            stack.append(held["name"])
    return knobs, nodes


def test_nuke_s_beauty_pass() -> None:
    knobs, nodes = gizmo_graph((HOSTS / "nuke" / "FaceSwapBeauty.gizmo").read_text())
    known = {"Input", "Output", "Grade", "Merge2", "OFXorg.mobilefaceswap.faceswap_v1"}
    assert {kind for kind, *_ in nodes.values()} <= known
    _, swap, inputs = nodes["Swap"]
    assert dict(zip(CLIPS, inputs, strict=True)) == {
        "Source": "Plate",
        "Identity": None,
        "InM": None,
        "OutM": "Garbage",
    }
    assert swap["output_mode"] in SETTINGS["output_mode"].entries.values()
    assert swap["output_mode"] == SETTINGS["output_mode"].entries["face"]
    # The first input of a merge is B, what lies below.
    assert nodes["Over"] == (
        "Merge2",
        {"operation": "over", "name": "Over", "xpos": "0", "ypos": "300"},
        ["Plate", "Beauty"],
    )
    assert (nodes["Beauty"][2], nodes["Output1"][2]) == (["Swap"], ["Over"])
    links = [words for words in knobs if words[0] == "41"]
    targets = {words[words.index("T") + 1] for words in links}
    settings = {target.partition(".")[2] for target in targets if target.startswith("Swap.")}
    assert settings <= SETTINGS.keys()
    assert {"source", "matte_feather"} <= settings
    assert {target for target in targets if not target.startswith("Swap.")} == {"Beauty.multiply", "Beauty.gamma"}
