"""A small OpenFX host: loads the built bundle through the C interface, makes instances, renders frames.

It plays the strict host in the tests and serves `mobilefaceswap ofx check`. Handles are numbers; suites are C functions
made from Python methods. Pixels are numpy arrays (rows, columns, channels), top row first.
"""

from __future__ import annotations

import ctypes as c
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EngineError

__all__ = ["Effect", "Host", "Instance", "Layout"]

_OK, _FAILED, _UNKNOWN, _NO, _DEFAULT = 0, 1, 3, 13, 14
_P, _I, _D, _S = c.c_void_p, c.c_int, c.c_double, c.c_char_p
_DEPTHS = {
    "uint8": "OfxBitDepthByte",
    "uint16": "OfxBitDepthShort",
    "float16": "OfxBitDepthHalf",
    "float32": "OfxBitDepthFloat",
}
_COMPONENTS = {1: "OfxImageComponentAlpha", 3: "OfxImageComponentRGB", 4: "OfxImageComponentRGBA"}


class _HostRecord(c.Structure):
    _fields_ = [("host", _P), ("fetch", _P)]


class _Plugin(c.Structure):
    _fields_ = [
        ("api", _S),
        ("api_version", _I),
        ("identifier", _S),
        ("major", c.c_uint),
        ("minor", c.c_uint),
        ("set_host", _P),
        ("main_entry", _P),
    ]


_MAIN_ENTRY = c.CFUNCTYPE(_I, _S, _P, _P, _P)
_FETCH = c.CFUNCTYPE(_P, _P, _S, _I)


@dataclass(frozen=True)
class Layout:
    """How an image lies in memory, and what the host says of it.

    origin: (x, y) of the lower left corner; padding: bytes after each row. field: OfxFieldLower and OfxFieldUpper mean
    that the image holds every other line. colour_space: OpenFX 1.5's name of it, "" for a host that says nothing.
    """

    bottom_up: bool = True
    padding: int = 0
    origin: tuple[int, int] = (0, 0)
    premultiplied: bool = False
    scale: tuple[float, float] = (1.0, 1.0)
    pixel_aspect: float = 1.0
    field: str = "OfxFieldNone"
    colour_space: str = ""


@dataclass
class _Image:
    """An image in its own memory. ``array`` is a view, top row first."""

    memory: np.ndarray[Any, Any]
    array: np.ndarray[Any, Any]
    first: int
    row_bytes: int


def _allocated(shape: tuple[int, int, int], dtype: Any, layout: Layout) -> _Image:
    height, width, channels = shape
    pitch = width * channels * np.dtype(dtype).itemsize + layout.padding
    memory = np.full(height * pitch, 0xA5, np.uint8)
    rows = memory.reshape(height, pitch)[:, : pitch - layout.padding].view(dtype).reshape(shape)
    start = memory.ctypes.data
    if layout.bottom_up:
        return _Image(memory, rows[::-1], start, pitch)
    return _Image(memory, rows, start + (height - 1) * pitch, -pitch)


Properties = dict[str, list[Any]]


@dataclass
class Instance:
    """One node. ``values`` may be set by script name; ``messages`` is what it told the user.

    footage: what the Source shows at a time outside of a render, None where it shows nothing. bounds: of the timeline.
    progress: what the node reported; after ``patience`` reports the user cancels.
    """

    handle: int
    effect: Effect
    values: dict[str, Any]
    messages: list[str] = field(default_factory=list)
    persistent: str = ""
    images: dict[str, tuple[np.ndarray[Any, Any], Layout]] = field(default_factory=dict)
    abort: bool = False
    held: int = 0
    footage: Callable[[float], np.ndarray[Any, Any] | None] | None = None
    bounds: tuple[float, float] = (0.0, 0.0)
    progress: list[float] = field(default_factory=list)
    patience: int | None = None

    def render(
        self,
        source: np.ndarray[Any, Any] | None,
        time: float = 0,
        layout: Layout | None = None,
        window: tuple[int, int, int, int] | None = None,
        channels: int | None = None,
        **clips: np.ndarray[Any, Any],
    ) -> tuple[int, np.ndarray[Any, Any]]:
        """(status, output) of the render action. window: half-open, in pixels of the image, y up."""
        return self.effect.host.render(self, source, time, layout or Layout(), window, channels, clips)

    def is_identity(self, time: float = 0) -> bool:
        """Whether the node says that it passes the source on."""
        status, _ = self.effect.action("OfxImageEffectActionIsIdentity", self.handle, {"OfxPropTime": [time]})
        return status == _OK

    def press(self, name: str) -> int:
        """Presses a button, or tells that the user edited a parameter."""
        given: Properties = {"OfxPropType": ["OfxTypeParameter"], "OfxPropName": [name]}
        reason: Properties = {"OfxPropChangeReason": ["OfxChangeUserEdited"], "OfxPropTime": [0.0]}
        return self.effect.action("OfxActionInstanceChanged", self.handle, {**given, **reason})[0]

    def destroy(self) -> int:
        """Ends the node."""
        return self.effect.action("OfxActionDestroyInstance", self.handle, {})[0]


class Effect:
    """One of the bundle's effects, described in a context."""

    def __init__(self, host: Host, plugin: _Plugin, context: str) -> None:
        self.host = host
        self.identifier = plugin.identifier.decode()
        self._entry = _MAIN_ENTRY(plugin.main_entry)
        c.CFUNCTYPE(None, _P)(plugin.set_host)(c.addressof(host.record))
        self.statuses = [self.action("OfxActionLoad", None, {})[0]]
        self.descriptor = host.handle({})
        self.parameters: dict[str, Properties] = {}
        self.types: dict[str, str] = {}
        self.clips: dict[str, Properties] = {}
        self.context = context
        host.describing[self.descriptor] = self
        self.statuses.append(self.action("OfxActionDescribe", self.descriptor, {})[0])
        asked = {"OfxImageEffectPropContext": [context]}
        self.statuses.append(self.action("OfxImageEffectActionDescribeInContext", self.descriptor, asked)[0])
        if any(self.statuses):
            raise EngineError(
                f"expected {self.identifier} to load and describe itself; it answered {self.statuses}. "
                "Run `mobilefaceswap ofx install` again"
            )

    @property
    def properties(self) -> Properties:
        """What Describe set."""
        return self.host.sets[self.descriptor]

    def action(self, name: str, handle: int | None, given: Properties) -> tuple[int, Properties]:
        """(status, what the effect set in the out arguments)."""
        arguments, results = self.host.handle(dict(given)), self.host.handle({})
        try:
            return self._entry(name.encode(), handle, arguments, results), self.host.sets[results]
        finally:
            self.host.sets.pop(arguments)
            self.host.sets.pop(results)

    def create(self, **values: Any) -> Instance:
        """A node with these values, the rest at their defaults."""
        defaults = {
            name: properties.get("OfxParamPropDefault", [""])[0]
            for name, properties in self.parameters.items()
            if self.types[name] not in ("OfxParamTypeGroup", "OfxParamTypePage", "OfxParamTypePushButton")
        }
        handle = self.host.handle({"OfxImageEffectPropContext": [self.context]})
        instance = Instance(handle, self, {**defaults, **values})
        self.host.instances[handle] = instance
        status, _ = self.action("OfxActionCreateInstance", handle, {})
        if status != _OK:
            raise EngineError(f"expected {self.identifier} to make an instance; it answered {status}")
        return instance

    def unload(self) -> int:
        """The last action."""
        return self.action("OfxActionUnload", None, {})[0]


class Host:
    """Loads the binary of a bundle. without: suites that are not offered, to play a poorer host."""

    def __init__(self, binary: Path, name: str = "org.mobilefaceswap.check", without: Sequence[str] = ()) -> None:
        self.sets: dict[int, Properties] = {}
        self.instances: dict[int, Instance] = {}
        self.describing: dict[int, Effect] = {}
        self._named: dict[int, tuple[int, str]] = {}
        self._texts = threading.local()
        self._lock = threading.Lock()
        self._next = 0x1000
        self._without = set(without)
        self._suites = {key: self._suite(functions) for key, functions in self._functions().items()}
        self._fetch = _FETCH(self._fetched)
        self.record = _HostRecord(self.handle({"OfxPropName": [name]}), c.cast(self._fetch, _P))
        try:
            self.library = c.CDLL(str(binary))
        except OSError as error:
            raise EngineError(f"expected {binary} to load; {error}. Run `mobilefaceswap ofx install` again") from None
        self.library.OfxGetPlugin.restype = c.POINTER(_Plugin)

    def effects(self, context: str = "OfxImageEffectContextFilter") -> list[Effect]:
        """Every effect of the binary, loaded and described."""
        count = self.library.OfxGetNumberOfPlugins()
        return [Effect(self, self.library.OfxGetPlugin(index).contents, context) for index in range(count)]

    def handle(self, properties: Properties) -> int:
        """A new handle with its property set."""
        with self._lock:
            self._next += 16
            self.sets[self._next] = properties
            return self._next

    def render(
        self,
        instance: Instance,
        source: np.ndarray[Any, Any] | None,
        time: float,
        layout: Layout,
        window: tuple[int, int, int, int] | None,
        channels: int | None,
        clips: dict[str, np.ndarray[Any, Any]],
    ) -> tuple[int, np.ndarray[Any, Any]]:
        """See Instance.render. Safe from several threads, also for one instance."""
        shape = (1, 1, 4) if source is None else source.shape
        dtype = np.float32 if source is None else source.dtype
        output = _allocated((shape[0], shape[1], channels or shape[2]), dtype, layout)
        pictures: dict[str, tuple[_Image, Layout]] = {"Output": (output, layout)}
        given = clips if source is None else {"Source": source, **clips}
        for name, pixels in given.items():
            held = _allocated(pixels.shape, pixels.dtype, layout)
            held.array[...] = pixels
            pictures[name] = (held, layout)
        x, y = layout.origin
        box = window or (x, y, x + shape[1], y + shape[0])
        arguments: Properties = {
            "OfxPropTime": [time],
            "OfxImageEffectPropRenderWindow": list(box),
            "OfxImageEffectPropRenderScale": list(layout.scale),
            "OfxImageEffectPropFieldToRender": [layout.field],
        }
        self._texts.pictures = pictures
        try:
            status, _ = instance.effect.action("OfxImageEffectActionRender", instance.handle, arguments)
        finally:
            self._texts.pictures = {}
        return status, output.array

    def _fetched(self, host: int, name: bytes, version: int) -> int | None:
        text = name.decode()
        if text in self._without or (text, version) not in self._suites:
            return None
        return c.addressof(self._suites[text, version])

    @staticmethod
    def _suite(functions: Sequence[Any]) -> Any:
        table = (_P * len(functions))(*(c.cast(function, _P) if function else None for function in functions))
        table.kept = functions  # type: ignore[attr-defined]
        return table

    def _functions(self) -> dict[tuple[str, int], list[Any]]:
        def call(function: Callable[..., int], *types: Any) -> Any:
            return c.CFUNCTYPE(_I, *types)(function)

        none = call(lambda *_: _OK)
        setters = [call(self._set, _P, _S, _I, kind) for kind in (_P, _S, _D, _I)]
        getters = [call(self._getter(kind), _P, _S, _I, c.POINTER(kind)) for kind in (_P, _S, _D, _I)]
        properties = [*setters, none, none, none, none, *getters, none, none, none, none, none]
        properties.append(call(self._dimension, _P, _S, c.POINTER(_I)))
        effect = [
            call(self._property_set, _P, c.POINTER(_P)),
            call(self._property_set, _P, c.POINTER(_P)),
            call(self._clip_define, _P, _S, c.POINTER(_P)),
            call(self._clip_handle, _P, _S, c.POINTER(_P), c.POINTER(_P)),
            call(self._property_set, _P, c.POINTER(_P)),
            call(self._image, _P, _D, _P, c.POINTER(_P)),
            call(self._release, _P),
            call(self._region, _P, _D, c.POINTER(_D)),
            call(lambda handle: int(self.instances[handle].abort), _P),
            none, none, none, none,
        ]  # fmt: skip
        # Values are handed over as variable arguments, whose pointers travel like ordinary ones on x86-64 and Linux.
        parameter = [
            call(self._define, _P, _S, _S, c.POINTER(_P)),
            call(self._parameter, _P, _S, c.POINTER(_P), _P),
            none, none,
            call(self._value, _P, _P),
            call(lambda handle, time, out: self._value(handle, out), _P, _D, _P),
            none, none,
            call(self._set_text, _P, _S),
            *[none] * 9,
        ]  # fmt: skip
        message = call(self._message, _P, _S, _S, _S, _S)
        return {
            ("OfxPropertySuite", 1): properties,
            ("OfxImageEffectSuite", 1): effect,
            ("OfxParameterSuite", 1): parameter,
            ("OfxProgressSuite", 1): [
                call(self._progress_started, _P, _S),
                call(self._progress, _P, _D),
                call(lambda effect: _OK, _P),
            ],
            ("OfxTimeLineSuite", 1): [
                call(self._now, _P, c.POINTER(_D)),
                call(lambda effect, time: _OK, _P, _D),
                call(self._bounds, _P, c.POINTER(_D), c.POINTER(_D)),
            ],
            ("OfxMessageSuite", 1): [message],
            ("OfxMessageSuite", 2): [
                message,
                call(self._persistent, _P, _S, _S, _S, _S),
                call(self._cleared, _P),
            ],
        }

    def _set(self, handle: int, name: bytes, index: int, value: Any) -> int:
        values = self.sets[handle].setdefault(name.decode(), [])
        values.extend([None] * (index + 1 - len(values)))
        values[index] = value.decode() if isinstance(value, bytes) else value
        return _OK

    def _getter(self, kind: Any) -> Callable[..., int]:
        def get(handle: int, name: bytes, index: int, out: Any) -> int:
            values = self.sets.get(handle, {}).get(name.decode(), [])
            if not 0 <= index < len(values):
                return _UNKNOWN
            out[0] = self._kept(values[index]) if kind is _S else values[index]
            return _OK

        return get

    def _kept(self, text: str) -> bytes:
        """Text stays valid until the thread's next few calls only: an effect must copy it."""
        kept: list[bytes] = getattr(self._texts, "kept", [])
        self._texts.kept = [*kept[-8:], text.encode()]
        last: bytes = self._texts.kept[-1]
        return last

    def _dimension(self, handle: int, name: bytes, out: Any) -> int:
        out[0] = len(self.sets[handle].get(name.decode(), []))
        return _OK

    def _property_set(self, handle: int, out: Any) -> int:
        out[0] = handle
        return _OK

    def _clip_define(self, effect: int, name: bytes, out: Any) -> int:
        properties: Properties = {}
        self.describing[effect].clips[name.decode()] = properties
        out[0] = self.handle(properties)
        return _OK

    def _clip_handle(self, effect: int, name: bytes, clip: Any, properties: Any) -> int:
        text = name.decode()
        if effect not in self.instances or text not in self.instances[effect].effect.clips:
            return _FAILED
        pictures = getattr(self._texts, "pictures", {})
        shown = text in pictures or (text == "Source" and self.instances[effect].footage is not None)
        handle = self._once(effect, "clip " + text)
        properties_of_clip: Properties = {"OfxImageClipPropConnected": [int(shown)]}
        if text in pictures and pictures[text][1].colour_space:
            properties_of_clip["OfxImageClipPropColourspace"] = [pictures[text][1].colour_space]
        self.sets[handle] = properties_of_clip
        clip[0] = handle
        if properties:
            properties[0] = handle
        return _OK

    def _once(self, effect: int, name: str) -> int:
        for handle, known in list(self._named.items()):
            if known == (effect, name):
                return handle
        handle = self.handle({})
        self._named[handle] = (effect, name)
        return handle

    def _image(self, clip: int, time: float, region: Any, out: Any) -> int:
        effect, name = self._named[clip]
        held = getattr(self._texts, "pictures", {}).get(name.removeprefix("clip ")) or self._shot(effect, name, time)
        if held is None:
            return _FAILED
        image, layout = held
        height, width, channels = image.array.shape
        x, y = layout.origin
        premultiplied = "OfxImageAlphaPremultiplied" if layout.premultiplied else "OfxImageAlphaUnPremultiplied"
        self.instances[effect].held += 1
        out[0] = self.handle(
            {
                "OfxImagePropData": [image.first],
                "OfxImagePropRowBytes": [image.row_bytes],
                "OfxImagePropBounds": [x, y, x + width, y + height],
                "OfxImageEffectPropPixelDepth": [_DEPTHS[image.array.dtype.name]],
                "OfxImageEffectPropComponents": [_COMPONENTS[channels]],
                "OfxImageEffectPropPreMultiplication": [premultiplied],
                "OfxImageEffectPropRenderScale": list(layout.scale),
                "OfxImagePropPixelAspectRatio": [layout.pixel_aspect],
                "OfxImagePropField": [layout.field],
                "effect": [effect],
                "memory": [image],
            }
        )
        return _OK

    def _shot(self, effect: int, name: str, time: float) -> tuple[_Image, Layout] | None:
        """The footage's picture at a time; it lives as long as the handle that the effect gets."""
        footage = self.instances[effect].footage
        pixels = footage(time) if footage is not None and name == "clip Source" else None
        if pixels is None:
            return None
        image = _allocated(pixels.shape, pixels.dtype, Layout())
        image.array[...] = pixels
        return image, Layout()

    def _release(self, image: int) -> int:
        released = self.sets.pop(image, None)
        if released is None:
            return _FAILED
        self.instances[released["effect"][0]].held -= 1
        return _OK

    def _region(self, clip: int, time: float, out: Any) -> int:
        _, name = self._named[clip]
        held = getattr(self._texts, "pictures", {}).get(name.removeprefix("clip "))
        if held is None:
            return _FAILED
        image, layout = held
        height, width, _ = image.array.shape
        lines = 2 if layout.field in ("OfxFieldLower", "OfxFieldUpper") else 1
        x_unit, y_unit = layout.pixel_aspect / layout.scale[0], lines / layout.scale[1]
        x, y = layout.origin
        out[0], out[1], out[2], out[3] = x * x_unit, y * y_unit, (x + width) * x_unit, (y + height) * y_unit
        return _OK

    def _progress_started(self, effect: int, label: bytes) -> int:
        self.instances[effect].progress.clear()
        return _OK

    def _progress(self, effect: int, share: float) -> int:
        instance = self.instances[effect]
        instance.progress.append(share)
        return _NO if instance.patience is not None and len(instance.progress) >= instance.patience else _OK

    def _now(self, effect: int, time: Any) -> int:
        time[0] = self.instances[effect].bounds[0]
        return _OK

    def _bounds(self, effect: int, first: Any, last: Any) -> int:
        first[0], last[0] = self.instances[effect].bounds
        return _OK

    def _define(self, effect: int, kind: bytes, name: bytes, out: Any) -> int:
        described = self.describing[effect]
        properties: Properties = {}
        described.parameters[name.decode()] = properties
        described.types[name.decode()] = kind.decode()
        out[0] = self.handle(properties)
        return _OK

    def _parameter(self, effect: int, name: bytes, out: Any, properties: Any) -> int:
        if effect not in self.instances or name.decode() not in self.instances[effect].values:
            return _UNKNOWN
        out[0] = self._once(effect, name.decode())
        return _OK

    def _value(self, parameter: int, out: int) -> int:
        effect, name = self._named[parameter]
        instance = self.instances[effect]
        kind, value = instance.effect.types[name], instance.values[name]
        if kind == "OfxParamTypeDouble":
            c.cast(out, c.POINTER(_D))[0] = value
        elif kind == "OfxParamTypeString":
            c.cast(out, c.POINTER(_S))[0] = self._kept(value)
        else:
            c.cast(out, c.POINTER(_I))[0] = int(value)
        return _OK

    def _set_text(self, parameter: int, value: bytes) -> int:
        effect, name = self._named[parameter]
        if getattr(self._texts, "pictures", None):
            raise AssertionError("a parameter was set from render")
        self.instances[effect].values[name] = value.decode()
        return _OK

    def _message(self, effect: int, kind: bytes, name: bytes, form: bytes, text: bytes) -> int:
        self.instances[effect].messages.append(text.decode())
        return _OK

    def _persistent(self, effect: int, kind: bytes, name: bytes, form: bytes, text: bytes) -> int:
        self.instances[effect].persistent = text.decode()
        return _OK

    def _cleared(self, effect: int) -> int:
        self.instances[effect].persistent = ""
        return _OK
