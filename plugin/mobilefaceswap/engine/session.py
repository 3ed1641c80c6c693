"""Handles the bridge's requests: renders, analyses, prepares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..analyse_clip import analyse_plate
from ..cache import RenderCache, memory_bound
from ..colour import ColourSpace
from ..errors import UserInputError
from ..faces import thumbnail
from ..faces.detector import DETECTORS, open_detector
from ..frame import EMPTY_ALPHA, Floats, Frame, Window
from ..look import Composition
from ..node import FaceSwapNode, Look, QualityRecord, RenderResult, Search, cut_ahead, handed_in, look, uncovered
from ..runtime import network_device
from ..settings import OUTPUTS, HostSettings, Settings, output_of, table
from .around import THUMBNAIL, Around, Needed, NotAtHandError, Ongoing, Sight, Underway
from .boxes import found_boxes, rendered_boxes
from .choices import detector_licence
from .nodes import Nodes, detector_of, pack_of
from .ranges import Ranges
from .segment import Inputs
from .spaces import declared_space, plate_space
from .windows import display_of
from .wire import Changed, FaceBox, Flags, Picture, Values

__all__ = ["Rendered", "Session", "read_settings", "with_settings"]

_DRAFT_ANALYSIS = 320
_INTERACTIVE, _BATCH = 2 / 3, 1 / 16
"""Shares of the memory setting for each of the cache's two stores: a batch asks for a frame again for its matte, and to
steady those around it; somebody who tweaks a matte asks for it at any time.
"""

_BROKEN = (
    "{} broken pixels under the matte: NaN or infinite colour counts as black, such an alpha as 1, and one below 0 as 0"
)
_UNSTEADIED = (
    "Deflicker does nothing in this frame: what was cut out of those around it is not what it needs. Check that all "
    "have one pixel aspect, or set it to 0"
)


@dataclass(frozen=True, eq=False)
class Rendered:
    """The changed part of a frame. pixels: (h, w) or (h, w, channels), at ``corner`` (x, y) of the plate."""

    pixels: Floats
    corner: tuple[int, int]
    faces: tuple[FaceBox, ...]
    note: str = ""

    def changed(self, offset: int) -> Changed:
        """What the bridge is told; the pixels lie at ``offset``."""
        height, width = self.pixels.shape[:2]
        channels = 1 if self.pixels.ndim == 2 else self.pixels.shape[2]
        x, y = self.corner
        return Changed(offset, (x, y, x + width, y + height), channels, self.faces, self.note)


def read_settings(values: Values) -> tuple[HostSettings, Settings]:
    """The settings that the bridge read from its host. Raises SettingsError, UserInputError."""
    numbers, texts = iter(values.numbers), iter(values.texts)
    host: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    try:
        for row in table(host=True):
            value: Any = next(texts) if row.textual else next(numbers)
            if row.kind == "choice":
                value = list(row.entries)[int(value)]
            (host if row.host_only else shared)[row.name] = value
    except (StopIteration, IndexError) as error:
        raise UserInputError(
            f"expected a value for every one of {len(table(host=True))} settings; found "
            f"{len(values.numbers)} numbers and {len(values.texts)} texts. Run `mobilefaceswap ofx install`"
        ) from error
    if host["other_space"]:
        shared["colour_space"] = host["other_space"]
    return HostSettings.from_mapping(host), Settings.from_mapping(shared)


def with_settings(values: Values, settings: Settings) -> Values:
    """``values`` with those of ``settings`` replaced."""
    numbers = list(values.numbers)
    for place, row in enumerate(row for row in table(host=True) if not row.textual):
        value = None if row.host_only else getattr(settings, row.name)
        # A choice that is not listed stays where it is: it came from a text.
        if value is not None and (row.kind != "choice" or value in row.entries):
            numbers[place] = float(list(row.entries).index(value) if row.kind == "choice" else value)
    return Values(numbers, values.texts)


class Session:
    """Everything that the instances of one host process share. Thread-safe.

    cache: for renders; None for one in memory, kept small in a batch.
    """

    def __init__(self, cache: RenderCache | None = None) -> None:
        self.cache = RenderCache() if cache is None else cache
        self.nodes = Nodes(self.cache)
        self.ranges = Ranges()
        self.underway = Underway()

    def describe(self, values: Values | None = None) -> str:
        """Version, pack and detector with their licences, and the device; of a new node where ``values`` are left out.

        Raises PackError, UserInputError.
        """
        host = HostSettings() if values is None else read_settings(values)[0]
        pack, detector = pack_of(host), detector_of(host)
        detected_by = f"{detector or next(iter(DETECTORS))} ({detector_licence(pack, detector)})"
        device = network_device(host.device)
        return f"MobileFaceSwap {__version__}, pack {pack.name} ({pack.licence}), detector {detected_by}, {device}"

    def render(
        self, picture: Picture, values: Values, inputs: Inputs, sights: Mapping[int, bytes] | None = None
    ) -> Rendered | Needed:
        """One frame, or which others have to be looked at first. Raises FaceSwapError.

        sights: what `sight` found in others, by frame.
        """
        ongoing = self.underway.frame(picture.frame, picture.oldest)
        ongoing.window = picture.window
        answer: Rendered | Needed | None = None
        try:
            answer = self._rendered(picture, values, inputs, sights or {}, ongoing)
            return answer
        finally:
            if not isinstance(answer, Needed):
                self.underway.end(picture.frame)

    def _rendered(
        self, picture: Picture, values: Values, inputs: Inputs, sights: Mapping[int, bytes], ongoing: Ongoing
    ) -> Rendered | Needed:
        self.cache.limit(int(memory_bound() * (_BATCH if Flags.BATCH in picture.flags else _INTERACTIVE)))
        host, settings = _read(picture, values)
        if not settings.enable:
            return _rendered(_untouched(picture, inputs, settings), picture, settings)
        plate, note = _plate(picture, inputs, settings)
        node = self.nodes.node(host, _shown(picture, inputs, settings))
        around = _around(picture, node, settings, sights, ongoing)
        if around is not None:
            wanted = around.wanted(picture.time, settings, tracked=node.track is not None)
            if wanted:
                return Needed(wanted)
        mattes, unsteadied = {"inside": inputs.inside, "outside": inputs.outside}, ""
        try:
            result = node.render(picture.time, settings, plate, **mattes, around=around)
        except NotAtHandError:
            assert around is not None
            needed = around.missing | around.uncut(picture.time, settings)
            if needed:
                return Needed(tuple(sorted(needed)))
            # Nothing to ask for: other faces were cut out there than are wanted here.
            unsteadied = _UNSTEADIED
            result = node.render(picture.time, settings.replaced(deflicker=0), plate, **mattes, around=around)
        if around is not None and around.missing:
            return Needed(tuple(sorted(around.missing)))
        broken = result.quality.not_finite
        notes = [
            note,
            EMPTY_ALPHA if result.plate.taken_as_opaque and result.faces else "",
            unsteadied,
            _BROKEN.format(broken) if broken else "",
            # Drafts go without other frames, which the frame that is rendered for keeps may well get.
            _unsmoothed(node, settings) if around is None and Flags.DRAFT not in picture.flags else "",
        ]
        width = node.pack.crop.template.face_width
        boxes = rendered_boxes(result, width, outlined=Flags.OUTLINES in picture.flags)
        return _rendered(result, picture, settings, boxes, "; ".join(filter(None, notes)))

    def sight(self, picture: Picture, values: Values, inputs: Inputs, sights: Mapping[int, bytes]) -> bytes:
        """What is found in another frame than the one that is rendered; needs no source. Raises FaceSwapError.

        sights: of others, by frame; where they are enough, the faces that are swapped are cut out, for its render.
        """
        ongoing = self.underway.frame(picture.frame, picture.oldest)
        host, settings = _read(picture, values)
        pack = pack_of(host)
        search = Search(pack, lambda: open_detector(pack, detector_of(host)), self.cache)
        track, window = self.nodes.track(host), ongoing.window or picture.window
        frame, find = _plate(picture, inputs, settings)[0], search.finder(picture.time, track, settings)
        seen: Look = (), np.zeros(THUMBNAIL, np.uint8)
        if track is None:
            frame = uncovered(frame, find)
            seen = look(search.detector, self.cache, handed_in(picture.time, frame, settings, self.cache), settings)
        if window != picture.window:
            frame = _in_window(frame, picture, window, settings)
            seen = seen[0], thumbnail(frame.straight())
        if track is not None:
            # Its faces lie on the plate that is rendered.
            frame = uncovered(frame, find)
        plate = replace(handed_in(picture.time, frame, settings, self.cache), kept={})
        sight = Sight(seen, picture.window, plate.key).packed()
        if settings.deflicker and settings.enable:
            around = Around({**sights, picture.time: sight}, window)
            if not around.wanted(picture.time, settings.replaced(deflicker=0), tracked=track is not None):
                cut_ahead(search, plate, settings, around, track)
                if not around.missing:
                    ongoing.made[picture.time] = plate.kept or {}
        return sight

    def analyse(self, picture: Picture, values: Values, inputs: Inputs) -> Rendered:
        """Adds the faces of one frame to its range; needs no source. Raises FaceSwapError."""
        host, settings = read_settings(values)
        plate, note = _plate(picture, inputs, settings)
        pack = pack_of(host)
        detector = open_detector(pack, detector_of(host))
        found = analyse_plate(plate, pack, detector, settings)
        display, counted = display_of(picture)
        self.ranges.add(picture.range, picture.time, found, picture.window, display)
        empty = EMPTY_ALPHA if found.taken_as_opaque and found.sighting.faces else ""
        said = "; ".join(filter(None, (note, empty, counted)))
        return Rendered(np.zeros((0, 0), np.float32), (0, 0), found_boxes(found.sighting.faces), said)

    def prepare(self, values: Values) -> str:
        """Reads the source now; says what was found. Raises FaceSwapError."""
        host, _ = read_settings(values)
        identity = self.nodes.node(host, None).identity
        used = [picture.name for picture in identity.pictures if picture.used] or [Path(host.source).name]
        notes = [f"{picture.name}: {picture.note}" for picture in identity.pictures if picture.note]
        return "; ".join([f"Source prepared from {', '.join(used)}", *notes])

    def clear(self) -> str:
        """Forgets renders and identities."""
        self.cache.clear()
        self.nodes.clear()
        return "The engine's cache is empty"


def _read(picture: Picture, values: Values) -> tuple[HostSettings, Settings]:
    """The settings, drafts with a smaller search."""
    host, settings = read_settings(values)
    if Flags.DRAFT in picture.flags:
        settings = settings.replaced(analysis_size=min(settings.analysis_size, _DRAFT_ANALYSIS))
    return host, settings


def _around(
    picture: Picture, node: FaceSwapNode, settings: Settings, sights: Mapping[int, bytes], ongoing: Ongoing
) -> Around | None:
    """The frames around, where the host hands them out and they are looked at; None otherwise."""
    follows = node.track is None and (settings.smoothing or settings.gap or settings.fade)
    looks = settings.enable and (follows or settings.deflicker)
    return Around(sights, picture.window, ongoing.made) if Flags.TEMPORAL in picture.flags and looks else None


def _default_space(picture: Picture) -> ColourSpace:
    return ColourSpace.LINEAR if Flags.LINEAR_HOST in picture.flags else ColourSpace.REC709


def _plate(picture: Picture, inputs: Inputs, settings: Settings) -> tuple[Frame, str]:
    space, note = plate_space(settings, picture.space, picture.config, _default_space(picture))
    premultiplied = Flags.PREMULTIPLIED in picture.flags
    display, _ = display_of(picture)
    shown = display and display.within(picture.window)
    return Frame(inputs.plate, space, premultiplied, picture.pixel_aspect, inputs.hashed, shown), note


def _in_window(frame: Frame, picture: Picture, window: Window, settings: Settings) -> Frame:
    """The plate of ``picture`` as if the host had handed out ``window``: cropped, and black where it has nothing."""
    x, y, width, height = astuple(window)
    there = replace(picture, x=x, y=y, width=width, height=height)
    moved, _ = _plate(there, Inputs(picture.window.moved(frame.pixels, window)), settings)
    return replace(moved, taken_as_opaque=frame.taken_as_opaque)


def _untouched(picture: Picture, inputs: Inputs, settings: Settings) -> RenderResult:
    """A frame of a node that is switched off: neither its source nor its track is read."""
    plate = Frame(inputs.plate, _default_space(picture), Flags.PREMULTIPLIED in picture.flags)
    drawn = Composition(plate, (), matte_to_alpha=settings.matte_to_alpha)
    return RenderResult(plate, (), (), QualityRecord(), drawn)


def _shown(picture: Picture, inputs: Inputs, settings: Settings) -> Frame | None:
    """The picture at the Identity input. Its own declaration wins over the Working Space, which is the plate's."""
    if inputs.identity is None:
        return None
    declared = picture.identity_space
    if declared:
        space, _ = declared_space(declared, picture.config, _default_space(picture))
    else:
        space, _ = plate_space(settings, "", picture.config, _default_space(picture))
    premultiplied = Flags.IDENTITY_PREMULTIPLIED in picture.flags
    return Frame(inputs.identity, space, premultiplied, picture.identity_aspect)


def _unsmoothed(node: FaceSwapNode, settings: Settings) -> str:
    """Says what somebody asked for that does nothing; the defaults are on only where they can be."""
    usual, notes = Settings(), []
    if settings.smoothing not in (0, usual.smoothing) and node.track is None:
        notes.append("Smoothing does nothing without a Track File; press Analyse Range or run `mobilefaceswap analyse`")
    if settings.deflicker not in (0, usual.deflicker):
        notes.append("Deflicker does nothing where the host gives no other frames; use `mobilefaceswap swap` for it")
    return "; ".join(notes)


def _rendered(
    result: RenderResult, picture: Picture, settings: Settings, faces: tuple[FaceBox, ...] = (), note: str = ""
) -> Rendered:
    matte_only = Flags.MATTE_ONLY in picture.flags
    mode = "matte" if matte_only else settings.output_mode
    whole = OUTPUTS[mode].whole if matte_only else output_of(settings).whole
    pixels = result.layer(mode) if whole else result.changed_part(mode)
    corner = (0, 0) if whole else (result.changed.x1, result.changed.y1)
    return Rendered(pixels, corner, faces, note)
