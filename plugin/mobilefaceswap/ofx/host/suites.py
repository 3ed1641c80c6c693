"""The suites that the host offers, as C functions made from Python methods."""

from __future__ import annotations

import ctypes as c
from typing import TYPE_CHECKING, Any

from .abi import FAILED, NO, OK, UNKNOWN, Properties, callback, double, integer, place, text
from .described import POINT, value_fault
from .images import Layout, allocated, image_properties, region
from .standard import is_value

if TYPE_CHECKING:
    from .load import Host

__all__ = ["Suites"]

_NONE = callback(lambda *_: OK)


class Suites:
    """Of one host. ``tables`` holds them by (name, version)."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._sets = host.sets
        self._named: dict[int, tuple[int, str]] = {}
        message = callback(self._message, place, text, text, text)
        self.tables = {
            ("OfxPropertySuite", 1): host.sets.suite(),
            ("OfxImageEffectSuite", 1): self._effect_suite(),
            ("OfxParameterSuite", 1): self._parameter_suite(),
            ("OfxProgressSuite", 1): [
                callback(self._progress_started, place, text),
                callback(self._progress, place, double),
                callback(lambda effect: OK, place),
            ],
            ("OfxTimeLineSuite", 1): [
                callback(self._now, place, c.POINTER(double)),
                callback(lambda effect, time: OK, place, double),
                callback(self._bounds, place, c.POINTER(double), c.POINTER(double)),
            ],
            ("OfxDrawSuite", 1): self._draw_suite(),
            ("OfxInteractSuite", 1): [_NONE, _NONE, callback(self._property_set, place, c.POINTER(place))],
            ("OfxMessageSuite", 1): [message],
            ("OfxMessageSuite", 2): [
                message,
                callback(self._persistent, place, text, text, text),
                callback(self._cleared, place),
            ],
        }

    def _effect_suite(self) -> list[Any]:
        out = c.POINTER(place)
        return [
            callback(self._property_set, place, out),
            callback(self._property_set, place, out),
            callback(self._clip_define, place, text, out),
            callback(self._clip_handle, place, text, out, out),
            callback(self._property_set, place, out),
            callback(self._image, place, double, place, out),
            callback(self._release, place),
            callback(self._region, place, double, c.POINTER(double)),
            callback(lambda handle: int(self._host.instances[handle].abort), place),
            _NONE, _NONE, _NONE, _NONE,
        ]  # fmt: skip

    def _parameter_suite(self) -> list[Any]:
        # Values are variable arguments: on x86-64 and 64-bit ARM under Linux pointers and whole numbers come in the
        # next ordinary register, and doubles in the first of their own.
        return [
            callback(self._define, place, text, text, c.POINTER(place)),
            callback(self._parameter, place, text, c.POINTER(place), c.POINTER(place)),
            _NONE, _NONE,
            callback(self._value, place, place, place),
            callback(lambda handle, time, *out: self._value(handle, *out), place, double, place, place),
            _NONE, _NONE,
            callback(self._set_value, place, place, double, double),
            _NONE,
            callback(self._key_count, place, c.POINTER(c.c_uint)),
            *[_NONE] * 5,
            callback(self._edit_begun, place, text),
            callback(self._edit_ended, place),
        ]  # fmt: skip

    def _draw_suite(self) -> list[Any]:
        numbers = c.POINTER(double)
        return [
            _NONE,
            callback(self._colour, place, c.POINTER(c.c_float)),
            callback(lambda context, width: OK, place, c.c_float),
            _NONE,
            callback(self._lines, place, integer, numbers, integer),
            callback(self._words, place, text, numbers, integer),
        ]

    def _colour(self, context: int, colour: Any) -> int:
        self._host.drawn.append(("colour", tuple(colour[:3])))
        return OK

    def _lines(self, context: int, primitive: int, points: Any, count: int) -> int:
        self._host.drawn.append(("lines", tuple(points[: 2 * count])))
        return OK

    def _words(self, context: int, words: bytes, at: Any, alignment: int) -> int:
        self._host.drawn.append((words.decode(), tuple(at[:2])))
        return OK

    def _property_set(self, handle: int, out: Any) -> int:
        out[0] = handle
        return OK

    def _clip_define(self, effect: int, name: bytes, out: Any) -> int:
        properties: Properties = {}
        self._host.describing[effect].clips[name.decode()] = properties
        self._sets.clips.add(name.decode())
        out[0] = self._sets.new(properties)
        return OK

    def _clip_handle(self, effect: int, name: bytes, clip: Any, properties: Any) -> int:
        key = name.decode()
        if effect not in self._host.instances or key not in self._host.instances[effect].effect.clips:
            return FAILED
        handle = self._once(effect, "clip " + key)
        self._sets.sets[handle] = self._host.clip_properties(effect, key)
        clip[0] = handle
        if properties:
            properties[0] = handle
        return OK

    def _once(self, effect: int, name: str) -> int:
        for handle, known in list(self._named.items()):
            if known == (effect, name):
                return handle
        handle = self._sets.new({})
        self._named[handle] = (effect, name)
        return handle

    def _image(self, clip: int, time: float, wanted: Any, out: Any) -> int:
        effect, name = self._named[clip]
        instance, key = self._host.instances[effect], name.removeprefix("clip ")
        image = self._host.pictures.get(key)
        if key == "Source" and instance.footage is not None and (image is None or time != self._host.time):
            pixels = instance.footage(time)
            layout = Layout() if image is None else image.layout
            if isinstance(pixels, tuple):
                pixels, layout = pixels
            # It lives as long as the handle that the effect gets.
            image = None if pixels is None else allocated(pixels.shape, pixels.dtype, layout, pixels)
        if image is None:
            return FAILED
        instance.held += 1
        out[0] = self._sets.new({**image_properties(image), "effect": [effect], "memory": [image]})
        return OK

    def _release(self, image: int) -> int:
        released = self._sets.drop(image)
        if released is None:
            self._sets.violations.append("an image was released that was not handed out")
            return FAILED
        self._host.instances[released["effect"][0]].held -= 1
        return OK

    def _region(self, clip: int, time: float, out: Any) -> int:
        _, name = self._named[clip]
        image = self._host.pictures.get(name.removeprefix("clip "))
        if image is None:
            return FAILED
        for index, corner in enumerate(region(image)):
            out[index] = corner
        return OK

    def _progress_started(self, effect: int, label: bytes) -> int:
        self._host.instances[effect].progress.clear()
        return OK

    def _progress(self, effect: int, share: float) -> int:
        instance = self._host.instances[effect]
        instance.progress.append(share)
        return NO if instance.patience is not None and len(instance.progress) >= instance.patience else OK

    def _now(self, effect: int, time: Any) -> int:
        time[0] = self._host.instances[effect].bounds[0]
        return OK

    def _bounds(self, effect: int, first: Any, last: Any) -> int:
        first[0], last[0] = self._host.instances[effect].bounds
        return OK

    def _define(self, effect: int, kind: bytes, name: bytes, out: Any) -> int:
        described = self._host.describing[effect]
        properties: Properties = {}
        if not is_value(kind.decode(), ()):
            self._sets.violations.append(f"there is no parameter type {kind.decode()}")
        if name.decode() in described.parameters:
            self._sets.violations.append(f"there are two parameters {name.decode()}")
        if kind.decode() == POINT and self._host.crosshairs:
            properties["OfxParamPropHasHostOverlayHandle"] = [1]
        described.parameters[name.decode()] = properties
        described.types[name.decode()] = kind.decode()
        out[0] = self._sets.new(properties)
        return OK

    def _parameter(self, effect: int, name: bytes, out: Any, properties: Any) -> int:
        key = name.decode()
        if effect not in self._host.instances or key not in self._host.instances[effect].parameters:
            return UNKNOWN
        out[0] = self._once(effect, key)
        if properties:
            self._sets.sets[out[0]] = self._host.instances[effect].parameters[key]
            properties[0] = out[0]
        return OK

    def _value(self, parameter: int, out: int, second: int) -> int:
        effect, name = self._named[parameter]
        instance = self._host.instances[effect]
        kind, value = instance.effect.types[name], instance.values[name]
        if kind == "OfxParamTypeDouble":
            c.cast(out, c.POINTER(double))[0] = value
        elif kind == POINT:
            for number, axis in zip((out, second), value, strict=True):
                c.cast(number, c.POINTER(double))[0] = axis
        elif kind == "OfxParamTypeString":
            c.cast(out, c.POINTER(text))[0] = self._sets.kept(value)
        else:
            c.cast(out, c.POINTER(integer))[0] = int(value)
        return OK

    def _set_value(self, parameter: int, whole: int | None, number: float, second: float) -> int:
        effect, name = self._named[parameter]
        instance = self._host.instances[effect]
        if self._host.rendering:
            self._sets.violations.append(f"{name} was set from render")
            return FAILED
        kind = instance.effect.types[name]
        value: object
        if kind == "OfxParamTypeString":
            value = c.string_at(whole or 0).decode()
        elif kind == POINT:
            value = (number, second)
        else:
            value = number if kind == "OfxParamTypeDouble" else c.c_int(whole or 0).value
        for fault in value_fault(kind, instance.effect.parameters[name], value):
            self._sets.violations.append(f"{name}: {fault}")
        instance.values[name] = value
        if instance.effect.parameters[name].get("OfxParamPropCanUndo") == [0]:
            return OK
        if instance.editing:
            instance.undo[-1][1].append(name)
        else:
            instance.undo.append((name, [name]))
        return OK

    def _key_count(self, parameter: int, out: Any) -> int:
        effect, name = self._named[parameter]
        out[0] = self._host.instances[effect].keys.get(name, 0)
        return OK

    def _edit_begun(self, effect: int, label: bytes) -> int:
        instance = self._host.instances[effect]
        if instance.editing or self._host.rendering:
            self._sets.violations.append(f"the edit {label.decode()} begins inside another one or a render")
        instance.editing = True
        instance.undo.append((label.decode(), []))
        return OK

    def _edit_ended(self, effect: int) -> int:
        instance = self._host.instances[effect]
        if not instance.editing:
            self._sets.violations.append("an edit ends that did not begin")
        instance.editing = False
        return OK

    def _told(self, kind: bytes, form: bytes) -> str:
        """What a host shows that hands the arguments on in a way that loses them: the format and nothing else."""
        if not is_value(kind.decode(), ()):
            self._sets.violations.append(f"there is no message type {kind.decode()}")
        shown = form.decode()
        if "%" in shown.replace("%%", ""):
            self._sets.violations.append(f"a message depends on further arguments: {shown}")
        return shown.replace("%%", "%")

    def _message(self, effect: int, kind: bytes, name: bytes, form: bytes) -> int:
        instance = self._host.instances[effect]
        told = instance.logged if kind == b"OfxMessageLog" else instance.messages
        told.append(self._told(kind, form))
        return OK

    def _persistent(self, effect: int, kind: bytes, name: bytes, form: bytes) -> int:
        instance = self._host.instances[effect]
        instance.persistent, instance.notice = self._told(kind, form), kind.decode()
        return OK

    def _cleared(self, effect: int) -> int:
        self._host.instances[effect].persistent = self._host.instances[effect].notice = ""
        return OK
