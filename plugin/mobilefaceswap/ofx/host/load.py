"""The host itself: loads the binary, feeds the clips, and refuses what the effect did not declare."""

from __future__ import annotations

import ctypes as c
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import EngineError
from .abi import FETCH, HostRecord, Plugin, Properties, place
from .effect import Effect, Instance
from .images import COMPONENTS, Array, Image, Layout, allocated
from .sets import PropertySets
from .suites import Suites

__all__ = ["Host"]


class Host:
    """Loads the binary of a bundle. name, properties: what it says of itself; without: suites that it does not offer,
    or (suite, version); crosshairs: its viewer shows points that effects ask for.

    Raises EngineError where the binary does not load.
    """

    def __init__(
        self,
        binary: Path,
        name: str = "org.mobilefaceswap.check",
        without: Sequence[str | tuple[str, int]] = (),
        properties: Properties | None = None,
        *,
        crosshairs: bool = False,
    ) -> None:
        self.sets = PropertySets()
        self.crosshairs = crosshairs
        self.instances: dict[int, Instance] = {}
        self.describing: dict[int, Effect] = {}
        self.drawn: list[tuple[str, tuple[float, ...]]] = []
        self._shown = threading.local()
        tables = Suites(self).tables
        self._suites = {key: _table(functions) for key, functions in tables.items() if not {key, key[0]} & {*without}}
        self._fetch = FETCH(self._fetched)
        told: Properties = {"OfxPropName": [name], "OfxImageEffectPropSupportsOverlays": [1], **(properties or {})}
        self.record = HostRecord(self.sets.new(told, ()), c.cast(self._fetch, place))
        try:
            self.library = c.CDLL(str(binary))
        except OSError as error:
            raise EngineError(f"expected {binary} to load; {error}. Run `mobilefaceswap ofx install` again") from error
        self.library.OfxGetPlugin.restype = c.POINTER(Plugin)

    @property
    def pictures(self) -> dict[str, Image]:
        """What this thread's render shows at each clip; empty outside of a render."""
        return getattr(self._shown, "pictures", {})

    @contextmanager
    def showing(self, pictures: dict[str, Image], *, rendering: bool = False, time: float = 0.0) -> Iterator[None]:
        """Shows pictures, which are those of ``time``, at the clips to what this thread does meanwhile."""
        self._shown.pictures, self._shown.rendering, self._shown.time = pictures, rendering, time
        try:
            yield
        finally:
            self._shown.pictures, self._shown.rendering = {}, False

    @property
    def time(self) -> float:
        """Of the pictures that this thread is shown."""
        return float(getattr(self._shown, "time", 0.0))

    @property
    def rendering(self) -> bool:
        """Whether this thread is inside a render, where no parameter may be set."""
        return bool(getattr(self._shown, "rendering", False))

    def effects(self, context: str = "OfxImageEffectContextFilter") -> list[Effect]:
        """Every effect of the binary, loaded and described."""
        count = self.library.OfxGetNumberOfPlugins()
        return [Effect(self, self.library.OfxGetPlugin(index).contents, context) for index in range(count)]

    def clip_properties(self, effect: int, name: str) -> Properties:
        """What the host tells of a clip of an instance."""
        image = self.pictures.get(name)
        footage = name == "Source" and self.instances[effect].footage is not None
        told: Properties = {"OfxImageClipPropConnected": [int(image is not None or footage)]}
        if name == "Source" and (own := self.instances[effect].format):
            told["OfxImageClipPropFormat"] = [*own]
        if footage:
            told["OfxImageEffectPropFrameRange"] = list(self.instances[effect].frames or self.instances[effect].bounds)
        if image is not None:
            told["OfxImageEffectPropComponents"] = [COMPONENTS[image.array.shape[2]]]
            told["OfxImageEffectPropPreMultiplication"] = [image.layout.premultiplication]
            told["OfxImagePropPixelAspectRatio"] = [image.layout.pixel_aspect]
            if image.layout.colour_space:
                told["OfxImageClipPropColourspace"] = [image.layout.colour_space]
        return told

    def render(
        self,
        instance: Instance,
        source: Array | None,
        time: float,
        layout: Layout,
        window: tuple[int, int, int, int] | None,
        channels: int | None,
        more: Mapping[str, list[Any]],
        clips: Mapping[str, Array | tuple[Array, Layout]],
    ) -> tuple[int, Array]:
        """See Instance.render. Safe from several threads, also for one instance.

        Raises EngineError where the effect did not declare that it takes such inputs, as hosts refuse to connect them.
        """
        given = clips if source is None else {"Source": (source, layout), **clips}
        pictures = {name: _shown(clip, layout) for name, clip in given.items()}
        _refuse_undeclared(instance.effect, pictures)
        shape = (1, 1, 4) if source is None else source.shape
        with self.showing(pictures, rendering=True, time=time):
            self._prefer(instance)
            wanted = channels or _preferred_channels(instance, shape[2])
            dtype = np.float32 if source is None else source.dtype
            output = pictures["Output"] = allocated((shape[0], shape[1], wanted), dtype, layout)
            arguments: Properties = {
                "OfxPropTime": [time],
                "OfxImageEffectPropRenderWindow": list(window or output.bounds),
                "OfxImageEffectPropRenderScale": list(layout.scale),
                "OfxImageEffectPropFieldToRender": [layout.field],
                **more,
            }
            status, _ = instance.effect.action("OfxImageEffectActionRender", instance.handle, arguments)
        return status, output.array

    def _prefer(self, instance: Instance) -> None:
        """Asks for the clip preferences where a clip changed, or a parameter that the effect says counts."""
        slaves = instance.effect.properties.get("OfxImageEffectPropClipPreferencesSlaveParam", [])
        clips = {name: (image.array.shape[2], image.layout) for name, image in self.pictures.items()}
        state = ([(instance.values.get(name), instance.keys.get(name)) for name in slaves], clips)
        if state != instance.preferred_with:
            instance.preferences = instance.ask("GetClipPreferences")
            instance.preferred_with = state

    def _fetched(self, host: int, name: bytes, version: int) -> int | None:
        suite = self._suites.get((name.decode(), version))
        return None if suite is None else c.addressof(suite)


def _table(functions: Sequence[Any]) -> Any:
    table = (place * len(functions))(*(c.cast(function, place) if function else None for function in functions))
    table.kept = functions  # type: ignore[attr-defined]
    return table


def _shown(clip: Array | tuple[Array, Layout], layout: Layout) -> Image:
    pixels, own = clip if isinstance(clip, tuple) else (clip, layout)
    return allocated(pixels.shape, pixels.dtype, own, pixels)


def _preferred_channels(instance: Instance, otherwise: int) -> int:
    (preferred,) = instance.preferences.get("OfxImageClipPropComponents_Output", [None])
    return next((count for count, name in COMPONENTS.items() if name == preferred), otherwise)


def _refuse_undeclared(effect: Effect, pictures: Mapping[str, Image]) -> None:
    def declares(name: str) -> bool:
        return effect.properties.get(name) == [1]

    bounds = {image.bounds for image in pictures.values()}
    elsewhere = any(image.layout.origin != (0, 0) for image in pictures.values())
    if (len(bounds) > 1 or elsewhere) and not declares("OfxImageEffectPropSupportsMultiResolution"):
        raise EngineError(f"{effect.identifier} does not declare inputs of other sizes and origins; not connected")
    aspects = {image.layout.pixel_aspect for image in pictures.values()}
    if len(aspects) > 1 and not declares("OfxImageEffectPropSupportsMultipleClipPARs"):
        raise EngineError(f"{effect.identifier} does not declare inputs of other pixel aspects; not connected")
