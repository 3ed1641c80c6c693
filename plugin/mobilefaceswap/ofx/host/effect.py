"""An effect of the bundle, described in a context, and its instances."""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...errors import EngineError
from .abi import MAIN_ENTRY, OK, Plugin, Properties, place
from .described import POINT, faults_of
from .images import Array, Image, Layout
from .standard import RESULTS

if TYPE_CHECKING:
    from .load import Host

__all__ = ["Effect", "Instance"]

_WITHOUT_VALUE = ("OfxParamTypeGroup", "OfxParamTypePage", "OfxParamTypePushButton")


@dataclass
class Instance:
    """One node. ``values`` may be set by script name; ``messages`` is what it told the user.

    logged: its lines in the host's log. persistent, notice: the message that stands on the node, and its type.
    parameters: what the effect told of each control since, such as whether it is enabled. preferences: what it prefers
    of its clips, asked anew where the effect says that a parameter counts. interact: the handle of its overlay.
    footage: what the Source shows at a time outside of a render, None where it shows nothing; a pair says how it is
    laid out. format: x1, y1, x2, y2 of the Source in pixels, as one host tells it. bounds: of the timeline. frames:
    first and last of the Source; None for those of the timeline. keys: how many keyframes a parameter has, by name.
    progress: what the node reported; after ``patience`` reports the user cancels. undo: the steps that the effect's own
    changes make, each with its label and the parameters set, without those that the effect keeps from undo; editing:
    whether one of them goes on.
    """

    handle: int
    effect: Effect
    values: dict[str, Any]
    parameters: dict[str, Properties]
    messages: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    persistent: str = ""
    notice: str = ""
    abort: bool = False
    held: int = 0
    footage: Callable[[float], Array | tuple[Array, Layout] | None] | None = None
    format: tuple[int, int, int, int] | None = None
    bounds: tuple[float, float] = (0.0, 0.0)
    frames: tuple[float, float] | None = None
    keys: dict[str, int] = field(default_factory=dict)
    progress: list[float] = field(default_factory=list)
    patience: int | None = None
    preferences: Properties = field(default_factory=dict)
    preferred_with: object = None
    interact: int = 0
    undo: list[tuple[str, list[str]]] = field(default_factory=list)
    editing: bool = False

    def render(
        self,
        source: Array | None,
        time: float = 0,
        layout: Layout | None = None,
        window: tuple[int, int, int, int] | None = None,
        channels: int | None = None,
        more: Mapping[str, list[Any]] | None = None,
        **clips: Array | tuple[Array, Layout],
    ) -> tuple[int, Array]:
        """(status, output) of the render action.

        window: half-open, in pixels of the image, y up. channels: of the output; None for what the node prefers.
        more: further arguments of the action. clips: further inputs, laid out like the source or in their own way.
        """
        return self.effect.host.render(self, source, time, layout or Layout(), window, channels, more or {}, clips)

    def is_identity(self, time: float = 0, **more: list[Any]) -> bool:
        """Whether the node says that it passes the source on."""
        status, _ = self.effect.action("OfxImageEffectActionIsIdentity", self.handle, {"OfxPropTime": [time], **more})
        return status == OK

    def ask(self, action: str, **given: list[Any]) -> Properties:
        """What the node answers to an action that asks for something; {} where it leaves that to the host."""
        status, results = self.effect.action(
            f"OfxImageEffectAction{action}", self.handle, {"OfxPropTime": [0], **given}
        )
        return results if status == OK else {}

    def press(self, name: str, reason: str = "OfxChangeUserEdited") -> int:
        """Presses a button, or tells that a parameter was edited."""
        given: Properties = {"OfxPropType": ["OfxTypeParameter"], "OfxPropName": [name]}
        given |= {"OfxPropChangeReason": [reason], "OfxPropTime": [0.0]}
        return self.effect.action("OfxActionInstanceChanged", self.handle, given)[0]

    def edit(self, **values: Any) -> None:
        """The user edits parameters, one after the other."""
        for name, value in values.items():
            self.values[name] = value
            self.press(name)

    def overlay(
        self,
        action: str,
        pen: tuple[float, float] = (0.0, 0.0),
        time: float = 0,
        clip: Image | None = None,
        *,
        zoom: float = 1.0,
        opengl: bool = False,
    ) -> tuple[int, list[tuple[str, tuple[float, ...]]]]:
        """(status, what was drawn) of an action of the overlay. clip: the Source, as the viewer shows it.

        zoom: pixels of the screen for one of the canonical plane. opengl: the overlay draws by itself into the current
        context, and nothing is noted.
        """
        version = "1" if opengl else "2"
        (entry,) = self.effect.properties[f"OfxImageEffectPluginPropOverlayInteractV{version}"]
        given: Properties = {
            "OfxPropEffectInstance": [self.handle],
            "OfxPropTime": [time],
            "OfxInteractPropPixelScale": [1 / zoom, 1 / zoom],
            "OfxInteractPropPenPosition": list(pen),
        }
        host = self.effect.host
        if not opengl:
            given["OfxInteractPropDrawContext"] = [1]
        host.drawn.clear()
        arguments = host.sets.new(given, ())
        name = action if action.startswith("OfxAction") else f"OfxInteractAction{action}"
        with host.showing({} if clip is None else {"Source": clip}):
            status = MAIN_ENTRY(entry)(name.encode(), self.interact, arguments, None)
        host.sets.drop(arguments)
        self.effect.refuse_violations(name)
        return status, list(host.drawn)

    def enabled(self, name: str) -> bool:
        """Whether a control is not greyed out."""
        return bool(self.parameters[name].get("OfxParamPropEnabled", [1])[0])

    def set_project(self, offset: tuple[float, float], size: tuple[float, float]) -> None:
        """The project's window in canonical coordinates."""
        told = self.effect.host.sets.sets[self.handle]
        told.update(OfxImageEffectPropProjectOffset=[*offset], OfxImageEffectPropProjectSize=[*size])

    def destroy(self) -> int:
        """Ends the node."""
        status = self.effect.action("OfxActionDestroyInstance", self.handle, {})[0]
        self.effect.host.instances.pop(self.handle, None)
        return status


class Effect:
    """One of the bundle's effects, described in a context. Raises EngineError where it does not load."""

    def __init__(self, host: Host, plugin: Plugin, context: str) -> None:
        self.host = host
        self.identifier = plugin.identifier.decode()
        self._entry = MAIN_ENTRY(plugin.main_entry)
        c.CFUNCTYPE(None, place)(plugin.set_host)(c.addressof(host.record))
        self.parameters: dict[str, Properties] = {}
        self.types: dict[str, str] = {}
        self.clips: dict[str, Properties] = {}
        self.context = context
        self.statuses = [self.action("OfxActionLoad", None, {})[0]]
        self.descriptor = host.sets.new({})
        host.describing[self.descriptor] = self
        self.statuses.append(self.action("OfxActionDescribe", self.descriptor, {})[0])
        asked = {"OfxImageEffectPropContext": [context]}
        self.statuses.append(self.action("OfxImageEffectActionDescribeInContext", self.descriptor, asked)[0])
        if any(self.statuses):
            raise EngineError(
                f"expected {self.identifier} to load and describe itself; it answered {self.statuses}. "
                "Run `mobilefaceswap ofx install` again"
            )
        if faults := faults_of(context, self.properties, self.clips, self.types, self.parameters):
            raise EngineError(f"expected {self.identifier} to describe itself as hosts ask; {'; '.join(faults)}")

    @property
    def properties(self) -> Properties:
        """What Describe set."""
        return self.host.sets.sets[self.descriptor]

    def action(self, name: str, handle: int | None, given: Properties) -> tuple[int, Properties]:
        """(status, what the effect set in the out arguments). Raises EngineError on what the standard forbids."""
        sets = self.host.sets
        arguments, results = sets.new(dict(given), ()), sets.new({}, RESULTS.get(name, ()))
        sets.clips.update(self.clips)
        try:
            answer = self._entry(name.encode(), handle, arguments, results), sets.sets[results]
        finally:
            sets.drop(arguments)
            sets.drop(results)
        self.refuse_violations(name)
        return answer

    def refuse_violations(self, action: str) -> None:
        """Raises EngineError where the effect did something that the standard forbids."""
        if violations := self.host.sets.violations:
            found = "; ".join(dict.fromkeys(violations))
            violations.clear()
            raise EngineError(f"expected {action} to keep to the standard; {found}. Please report it")

    def create(self, **values: Any) -> Instance:
        """A node with these values, the rest at their defaults."""
        defaults = {
            name: _default(self.types[name], properties)
            for name, properties in self.parameters.items()
            if self.types[name] not in _WITHOUT_VALUE
        }
        told = {name: dict(properties) for name, properties in self.parameters.items()}
        handle = self.host.sets.new({"OfxImageEffectPropContext": [self.context]})
        instance = Instance(handle, self, {**defaults, **values}, told)
        instance.interact = self.host.sets.new({}, ("OfxInteractPropSlaveToParam",))
        self.host.instances[handle] = instance
        status, _ = self.action("OfxActionCreateInstance", handle, {})
        if status != OK:
            raise EngineError(f"expected {self.identifier} to make an instance; it answered {status}")
        return instance

    def unload(self) -> int:
        """The last action."""
        return self.action("OfxActionUnload", None, {})[0]


def _default(kind: str, told: Properties) -> Any:
    values = told.get("OfxParamPropDefault", [""])
    return tuple(values) if kind == POINT else values[0]
