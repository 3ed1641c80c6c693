"""Stand-ins for the scripting modules of hosts: they have the names that our scripts use, and no others.

What a script does is noted, so that tests see the graph that it builds. The names were looked up in Natron's Python
reference of 2.5, in part in Nuke's Python API reference of 16, and for Fusion in public scripts.
"""

# ruff: noqa: N802, N803, N815  (the hosts named them)

from __future__ import annotations

from types import ModuleType
from typing import Any

from mobilefaceswap.settings import table

CLIPS = ("Source", "Identity", "InM", "OutM")
SETTINGS = {row.name: row for row in table(host=True)}
NATRON_PARAMETERS = {
    "org.mobilefaceswap.FaceSwap": tuple(SETTINGS),
    "fr.inria.built-in.Input": ("optional", "isMask"),
    "fr.inria.built-in.Output": (),
    "net.sf.openfx.GradePlugin": ("multiply", "gamma"),
    "net.sf.openfx.MergePlugin": ("operation", "mix"),
    "group": (),
}
NATRON_INPUTS = {"org.mobilefaceswap.FaceSwap": 4, "fr.inria.built-in.Input": 0, "net.sf.openfx.MergePlugin": 65}
NUKE_KNOBS = {"OFXorg.mobilefaceswap.faceswap_v1": tuple(SETTINGS), "Roto": ("label", "output")}


class Value:
    """A parameter of a node."""

    def __init__(self, name: str) -> None:
        self.name, self.value, self.alias = name, None, None

    def setValue(self, value: Any) -> None:
        row = SETTINGS.get(self.name)
        if row is not None and row.kind == "choice":
            value = list(row.entries.values())[value] if isinstance(value, int) else value
            assert value in row.entries.values(), f"{self.name} has no entry {value}"
        elif row is not None:
            row.check(value)
        self.value = value

    def get(self) -> Any:
        return self.value

    def setAsAlias(self, other: Value) -> bool:
        self.alias = other
        return True


class NatronNode:
    """An Effect. Only the node's own parameters are there."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin
        self.parameters = {name: Value(name) for name in NATRON_PARAMETERS[plugin]}
        self.inputs: dict[int, NatronNode] = {}
        self.name, self.pages, self.refreshed = "", [], False
        self.position = (0.0, 0.0)

    def connectInput(self, number: int, node: NatronNode) -> bool:
        assert 0 <= number < NATRON_INPUTS.get(self.plugin, 1), f"{self.plugin} has no input {number}"
        self.inputs[number] = node
        return True

    def getParam(self, name: str) -> Value | None:
        return self.parameters.get(name)

    def getPosition(self) -> tuple[float, float]:
        return self.position

    def setPosition(self, x: float, y: float) -> None:
        self.position = (x, y)

    def setScriptName(self, name: str) -> bool:
        assert name.isidentifier()
        self.name = name
        return True

    def setLabel(self, name: str) -> None: ...

    def setPagesOrder(self, pages: list[str]) -> None: ...

    def refreshUserParamsGUI(self) -> None:
        self.refreshed = True

    def createPageParam(self, name: str, label: str) -> NatronPage:
        page = NatronPage()
        self.pages.append(page)
        return page

    def createFileParam(self, name: str, label: str) -> Value:
        return self.parameters.setdefault(name, Value(name))

    createDoubleParam = createFileParam


class NatronPage:
    def __init__(self) -> None:
        self.held: list[Value] = []

    def addParam(self, param: Value) -> None:
        self.held.append(param)


class NatronDialog:
    """A PyModalDialog that the user answers as ``answers`` say; None closes it."""

    def __init__(self, answers: dict[str, str] | None) -> None:
        self._answers, self._parameters = answers, {}

    def createFileParam(self, name: str, label: str) -> Value:
        return self._parameters.setdefault(name, Value("dialog_" + name))

    def getParam(self, name: str) -> Value | None:
        return self._parameters.get(name)

    def refreshUserParamsGUI(self) -> None: ...

    def exec_(self) -> int:
        if self._answers is None:
            return 0
        for name, value in self._answers.items():
            self._parameters[name].value = value
        return 1


class NatronApp:
    """A GuiApp with one project."""

    missing = ""
    """A plug-in that Natron does not have."""

    def __init__(self, selected: list[NatronNode], answers: dict[str, str] | None) -> None:
        self.nodes: list[NatronNode] = []
        self._selected, self._answers = selected, answers

    def createNode(self, pluginID: str, majorVersion: int = -1, group: NatronNode | None = None) -> NatronNode | None:
        if pluginID == self.missing:
            return None
        node = NatronNode(pluginID)
        self.nodes.append(node)
        return node

    def getSelectedNodes(self, group: NatronNode | None = None) -> list[NatronNode]:
        return self._selected

    def createModalDialog(self) -> NatronDialog:
        return NatronDialog(self._answers)


class Natron:
    """PyCoreApplication and PyGuiApplication in one."""

    def __init__(self, app: NatronApp, background: bool = False) -> None:
        self.app, self.background = app, background
        self.commands: dict[str, str] = {}
        self.errors: list[str] = []

    def isBackground(self) -> bool:
        return self.background

    def getNumInstances(self) -> int:
        return 1

    def getGuiInstance(self, idx: int) -> NatronApp:
        assert idx == 0
        return self.app

    def addMenuCommand(self, grouping: str, function: str) -> None:
        self.commands[grouping] = function

    def errorDialog(self, title: str, message: str) -> None:
        self.errors.append(message)

    def modules(self) -> dict[str, ModuleType]:
        """NatronEngine, and NatronGui where there is a screen."""
        names = ("NatronEngine",) if self.background else ("NatronEngine", "NatronGui")
        return {name: _module(name, natron=self) for name in names}


class NukeNode:
    """A Node. Only the knobs of its class are there."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._knobs = {name: Value(name) for name in NUKE_KNOBS.get(kind, ())}
        self.inputs: dict[int, NukeNode | None] = {}
        self.selected = False
        self._place = (0, 0)

    def __getitem__(self, name: str) -> Value:
        return self._knobs[name]

    def setInput(self, number: int, node: NukeNode | None) -> bool:
        self.inputs[number] = node
        return True

    def setSelected(self, selected: bool) -> None:
        self.selected = selected

    def xpos(self) -> int:
        return self._place[0]

    def ypos(self) -> int:
        return self._place[1]

    def setXYpos(self, x: int, y: int) -> None:
        self._place = (x, y)


class NukePanel:
    def __init__(self, title: str, answers: dict[str, str] | None) -> None:
        self._answers, self._fields = answers, set()

    def addFilenameSearch(self, name: str, value: str) -> bool:
        self._fields.add(name)
        return True

    def show(self) -> int:
        return 0 if self._answers is None else 1

    def value(self, name: str) -> str:
        assert name in self._fields
        assert self._answers is not None
        return self._answers[name]


class Nuke:
    """The module ``nuke`` with the nodes of a comp."""

    missing = ""
    """A class of nodes that Nuke does not have."""

    def __init__(self, nodes: list[NukeNode], answers: dict[str, str] | None) -> None:
        self.nodes = nodes
        self.commands: dict[str, Any] = {}
        self.messages: list[str] = []
        self._answers = answers

    def module(self) -> ModuleType:
        return _module(
            "nuke",
            createNode=self._create,
            selectedNode=self._one_selected,
            selectedNodes=self._selected,
            message=self.messages.append,
            Panel=lambda title: NukePanel(title, self._answers),
            menu=self._menu,
        )

    def _create(self, node: str, knobs: str = "", inpanel: bool = True) -> NukeNode:
        if node == self.missing:
            raise RuntimeError(f"{node}: Unknown command")
        made = NukeNode(node)
        # Nuke puts what is created between what is selected and what follows it, and selects it.
        for before in self._selected():
            for after in self.nodes:
                if after.inputs.get(0) is before:
                    after.setInput(0, made)
            made.setInput(0, before)
            before.setSelected(False)
        made.setSelected(True)
        self.nodes.append(made)
        return made

    def _selected(self) -> list[NukeNode]:
        return [node for node in self.nodes if node.selected]

    def _one_selected(self) -> NukeNode:
        if not self._selected():
            raise ValueError("no node selected")
        return self._selected()[0]

    def _menu(self, name: str) -> Any:
        assert name in ("Nuke", "Nodes", "Properties", "Animation", "Viewer", "Node Graph", "Axis")
        return _module("menu", addCommand=lambda path, command: self.commands.__setitem__(path, command))


class FusionTool:
    """A tool; inputs by the names that OpenFX gives them."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.inputs: dict[str, Any] = {}

    def ConnectInput(self, name: str, tool: FusionTool) -> bool:
        assert name in CLIPS
        self.inputs[name] = tool
        return True

    def SetInput(self, name: str, value: Any) -> None:
        SETTINGS[name].check(value)
        self.inputs[name] = value


class FusionComp:
    """A composition."""

    missing = ""
    """A tool that Fusion does not have."""

    def __init__(self, active: FusionTool | None, answers: dict[str, str] | None) -> None:
        self.ActiveTool, self.tools = active, []
        self._answers, self.locks = answers, 0

    def AskUser(self, title: str, fields: dict[int, dict[Any, Any]]) -> dict[str, str] | None:
        for field in fields.values():
            assert field[2] in ("FileBrowse", "PathBrowse", "Text", "Checkbox", "Slider", "Screw", "Dropdown")
            assert isinstance(field[1], str)
        return self._answers

    def AddTool(self, kind: str, x: int, y: int) -> FusionTool | None:
        if kind == self.missing:
            return None
        tool = FusionTool(kind)
        self.tools.append(tool)
        return tool

    def Lock(self) -> None:
        self.locks += 1

    def Unlock(self) -> None:
        self.locks -= 1


def _module(name: str, **content: Any) -> ModuleType:
    made = ModuleType(name)
    made.__dict__.update(content)
    return made
