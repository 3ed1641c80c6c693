"""OpenEXR, with its windows, parts, layers and metadata kept.

A picture is one part's R, G, B and A. Every other channel of that part and every other part is copied from the clip's
file into the output, as is, with the data window that it has there. Only what an earlier swap added is left behind,
since it says nothing of the picture that is written. Integers that shared a part with other channels get one of their
own: OpenImageIO takes the channels of a part as one type in Python, and no float holds every id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from ...colour import ColourSpace
from ...errors import MediaError
from ...frame import Floats, Window
from ..headers import exr_space, unknown_interchange
from .openimageio import MAIN, attributes_of, carry, colour_channels, opened, stamp, write_error
from .smpte import TIMECODE
from .still import Metadata, Still, Stored, unreadable

__all__ = ["read", "read_channel", "windows", "write"]

_ADDED = "mobilefaceswap/added"
"""The attribute that names the channels and attributes which a swap added to its plate's."""
_INTEGERS = ".uint"
"""Ends the name of a part of integers that shared one with other channels."""

_Part = tuple[int, Any, Any]
"""The part's number in the clip's file, header and pixels."""


def read(path: Path) -> Still:
    """The RGB(A) part of the file, wherever it stands. Raises MediaError."""
    file = opened(path)
    try:
        parts = _parts(file)
        part = _colour_part(parts, path)
        header = parts[part]
        _readable(header, path)
        places = colour_channels(header.channelnames, path)
        stored = _pixels(file, part, header, path)
    finally:
        file.close()
    pixels = np.ascontiguousarray(stored[..., places])
    window, display = _windows(header)
    added = _added(header)
    others = [name for place, name in enumerate(header.channelnames) if place not in places and name not in added]
    elsewhere = [name for more in parts[:part] + parts[part + 1 :] for name in _full_names(more)]
    metadata = Metadata(
        path,
        window,
        display,
        attributes_of(header),
        part=part,
        parts=len(parts),
        channels=tuple(others),
        layers=frozenset(_layers(others + elsewhere)),
    )
    first = header.channelformats[places[0]] if header.channelformats else header.format
    return Still(
        pixels,
        exr_space(_named(header)) or ColourSpace.LINEAR,
        pixels.shape[2] == 4,
        8 * int(first.basesize()),
        True,
        metadata.without(*added),
        float(header.get_float_attribute("PixelAspectRatio", 1.0)) or 1.0,
        _not_honoured(header, parts)
        + _chosen_layer([header.channelnames[place] for place in places], metadata.channels),
    )


def windows(path: Path) -> tuple[Window, Window]:
    """(data window, display window) of the part that holds the colour. Raises MediaError."""
    file = opened(path)
    try:
        parts = _parts(file)
        return _windows(parts[_colour_part(parts, path)])
    finally:
        file.close()


def read_channel(path: Path, channel: str) -> tuple[Floats, Window, Window]:
    """((h, w) values, data window, display window) of one channel, in whichever part it stands.

    channel: its full name, such as ``roto.A``. Raises MediaError where it is not there, naming those that are.
    """
    file = opened(path)
    try:
        parts = _parts(file)
        there = {
            name: (part, place) for part, header in enumerate(parts) for place, name in enumerate(_full_names(header))
        }
        if channel not in there:
            raise MediaError(f"expected a channel {channel} in {path}; found {', '.join(there)}. Name one of these")
        part, place = there[channel]
        _readable(parts[part], path)
        return np.ascontiguousarray(_pixels(file, part, parts[part], path)[..., place]), *_windows(parts[part])
    finally:
        file.close()


def write(path: Path, stored: Stored) -> None:
    """Writes the picture, its layers, and what else the clip's file holds. Raises OSError."""
    names, planes, kinds = _own_channels(stored)
    canvas = Window(0, 0, stored.pixels.shape[1], stored.pixels.shape[0])
    source = stored.metadata if stored.metadata and stored.metadata.path.suffix.lower() == ".exr" else None
    window, display = canvas, canvas
    if source is not None:
        canvas, window, display = source.canvas or source.display, source.window, source.display
    pixels = canvas.moved(np.concatenate(planes, axis=2), window)
    own, others = source.part if source is not None else 0, list[_Part]()
    for number, header, more in _other_parts(source, names) if source is not None else ():
        _agree(stored, header)
        if number == own and more.dtype != np.uint32:
            pixels = np.concatenate([pixels, more], axis=2)
            names, kinds = [*names, *header.channelnames], [*kinds, *_kinds(header)]
        else:
            others.append((number, header, more))
    spec = _header(stored, window, display, names, kinds)
    if source is not None and others:
        spec.attribute("oiio:subimagename", _part_name(source, own, source.get("oiio:subimagename")))
    parts = sorted([(own, spec, pixels), *others], key=lambda part: part[0])
    _save(path, [(header, pixels) for _, header, pixels in parts])


def _parts(file: Any) -> list[Any]:
    found: list[Any] = []
    while file.seek_subimage(len(found), 0):
        found.append(file.spec())
    return found


def _colour_part(parts: list[Any], path: Path) -> int:
    """The part that a compositor would call the picture: unprefixed R, G, B; named as main pictures are, or first."""

    def rank(place: int) -> tuple[bool, bool, bool, int]:
        names = list(parts[place].channelnames)
        name = str(parts[place].get_string_attribute("oiio:subimagename", "")).lower().rpartition(".")[2]
        plain = {"R", "G", "B"} <= set(names)
        layered = any({f"{layer}.R", f"{layer}.G", f"{layer}.B"} <= set(names) for layer in _layers(names))
        return not plain, not (plain or layered), name not in MAIN, place

    return min(range(len(parts)), key=rank)


def _full_names(header: Any) -> list[str]:
    """A part's channels with their layer: the part's name where the channel itself bears none."""
    part = str(header.get_string_attribute("oiio:subimagename", "")).removesuffix(_INTEGERS)
    plain = part.lower() in MAIN
    return [name if plain or "." in name else f"{part}.{name}" for name in header.channelnames]


def _part_name(source: Metadata, number: int, named: str | None) -> str:
    """What a part is called in a file of several, where the clip's has one."""
    return named or ("rgba" if source.parts == 1 else f"part{number}")


def _added(header: Any) -> set[str]:
    """The channels and attributes that an earlier swap added to its plate's, by its own word."""
    return {_ADDED, *header.get_string_attribute(_ADDED, "").split()}


def _layers(names: Iterable[str]) -> set[str]:
    return {name.rpartition(".")[0] for name in names if "." in name}


def _readable(header: Any, path: Path) -> None:
    if header.deep:
        raise MediaError(
            f"expected flat pixels in {path}; found deep data, which has no single colour for a pixel. "
            "Flatten it first (Nuke: DeepToImage)"
        )


def _windows(header: Any) -> tuple[Window, Window]:
    data = Window(header.x, header.y, header.width, header.height)
    if not header.full_width:
        return data, data
    return data, Window(header.full_x, header.full_y, header.full_width, header.full_height)


def _pixels(file: Any, part: int, header: Any, path: Path) -> Floats:
    stored = file.read_image(part, 0, 0, header.nchannels, oiio.FLOAT)
    complaint = file.geterror()
    if stored is None or complaint:
        raise unreadable(path, complaint)
    return np.asarray(stored, np.float32).reshape(header.height, header.width, header.nchannels)


def _not_honoured(header: Any, parts: list[Any]) -> tuple[str, ...]:
    notes, space = [], exr_space(_named(header))
    if space is None:
        notes.append(
            "declares primaries of no usual space, which are taken as Rec.709: the plate is kept, but the swapped "
            "face's colour may be off. Say what they are with Working Space"
        )
    elif unknown := unknown_interchange(_named(header)):
        notes.append(
            f"its colorInteropID, {unknown}, is not known here: taken as {space.label}; otherwise set Working Space"
        )
    views = [part.get_string_attribute("view", "") for part in parts]
    if len(set(filter(None, views))) > 1 or len(header.getattribute("multiView") or ()) > 1:
        notes.append("holds several views; faces are swapped in the first one alone")
    if deep := sum(part.deep for part in parts):
        notes.append(f"{'a deep part is' if deep == 1 else f'{deep} deep parts are'} left out of what is written")
    return tuple(notes)


def _chosen_layer(colour: list[str], others: tuple[str, ...]) -> tuple[str, ...]:
    """Says which layer is the picture where a file has no plain R, G and B, and several layers that may be it."""
    chosen = colour[0].rpartition(".")[0]
    rivals = sorted(layer for layer in _layers(others) if {f"{layer}.R", f"{layer}.G", f"{layer}.B"} <= {*others})
    if chosen and "A" in others and len(colour) > 3:
        rivals.append("the alpha beside it")
    if not chosen or not rivals:
        return ()
    return (f"has no plain R, G and B: its layer {chosen} is taken for the picture, not {', '.join(rivals)}",)


def _named(header: Any) -> list[tuple[str, Any]]:
    return [(name, value) for name, _, value in attributes_of(header)]


def _own_channels(stored: Stored) -> tuple[list[str], list[Floats], list[str]]:
    """(channel names, planes, sample types) of the picture and its layers."""
    kind = "half" if stored.bit_depth == 16 else "float"
    names = ["Y"] if stored.pixels.shape[2] == 1 else list("RGBA"[: stored.pixels.shape[2]])
    planes, kinds = [stored.pixels], [kind] * len(names)
    for layer in stored.layers:
        planes.append(layer.pixels)
        names += [f"{layer.name}.{channel}" for channel in layer.channels]
        kinds += ["float" if layer.exact else kind] * len(layer.channels)
    return names, planes, kinds


def _other_parts(source: Metadata, written: list[str]) -> Iterator[_Part]:
    """What the clip's file holds besides the picture, whose channels are ``written``; integers behind their part."""
    if source.parts == 1 and not source.channels:
        return
    file = opened(source.path)
    try:
        for number, header in enumerate(_parts(file)):
            wanted = [
                place
                for place, name in enumerate(header.channelnames)
                if number != source.part or (name in source.channels and name not in written)
            ]
            if not header.deep:
                yield from _copied(file, source, number, header, wanted)
    finally:
        file.close()


def _copied(file: Any, source: Metadata, number: int, header: Any, wanted: list[int]) -> Iterator[_Part]:
    """The channels ``wanted`` of a part: those of floats, and those of integers, whose pixels are uint32."""
    kinds = _kinds(header)
    file.seek_subimage(number, 0)
    if floats := [place for place in wanted if kinds[place] != "uint"]:
        pixels = _pixels(file, number, header, source.path)
        yield number, _header_of(header, floats), np.ascontiguousarray(pixels[..., floats])
    if integers := [place for place in wanted if kinds[place] == "uint"]:
        spec, ids = _header_of(header, integers), file.read_image(number, 0, 0, header.nchannels, oiio.UINT)
        if ids is None:
            raise unreadable(source.path, file.geterror())
        if len(integers) < header.nchannels:
            name = header.get_string_attribute("oiio:subimagename", "")
            spec.attribute("oiio:subimagename", _part_name(source, number, name) + _INTEGERS)
        yield number, spec, np.ascontiguousarray(np.asarray(ids)[..., integers])


def _header_of(header: Any, places: list[int]) -> Any:
    """The header of a part that keeps the channels at ``places``."""
    kinds, spec = _kinds(header), oiio.ImageSpec(header)
    spec.nchannels = len(places)
    spec.channelnames = tuple(header.channelnames[place] for place in places)
    spec.set_format(oiio.TypeDesc(kinds[places[0]]))
    spec.channelformats = tuple(oiio.TypeDesc(kinds[place]) for place in places)
    for name in _added(header):
        spec.erase_attribute(name)
    return spec


def _agree(stored: Stored, header: Any) -> None:
    """Timecode and pixel aspect ratio are the same in all parts, or OpenEXR refuses them."""
    if stored.metadata is None or stored.metadata.get(TIMECODE) is None:
        header.erase_attribute(TIMECODE)
    stamp(stored, header)
    header.attribute("PixelAspectRatio", float(stored.pixel_aspect))


def _kinds(header: Any) -> list[str]:
    return [str(kind) for kind in header.channelformats] or [str(header.format)] * header.nchannels


def _header(stored: Stored, window: Window, display: Window, names: list[str], kinds: list[str]) -> Any:
    header = oiio.ImageSpec(window.width, window.height, len(names), kinds[0])
    carry(stored, header)
    # What the plate says itself stays, and is not ours to take away again.
    told = {name: value for name, value in stored.header.items() if header.getattribute(name) is None}
    for name, value in told.items():
        header.attribute(name, value)
    if added := [f"{layer.name}.{channel}" for layer in stored.layers for channel in layer.channels]:
        header.attribute(_ADDED, " ".join([*added, *told]))
    header.x, header.y = window.x, window.y
    header.full_x, header.full_y = display.x, display.y
    header.full_width, header.full_height = display.width, display.height
    header.channelnames = tuple(names)
    header.alpha_channel = names.index("A") if "A" in names else -1
    if len(set(kinds)) > 1:
        header.channelformats = tuple(oiio.TypeDesc(kind) for kind in kinds)
    header.attribute("compression", "zip")
    return header


def _save(path: Path, parts: list[tuple[Any, Any]]) -> None:
    output: Any = oiio.ImageOutput.create(str(path))
    headers = [header for header, _ in parts]
    try:
        done = output.open(str(path), headers if len(parts) > 1 else headers[0])
        for place, (header, pixels) in enumerate(parts):
            if place:
                done = done and output.open(str(path), header, "AppendSubimage")
            done = done and output.write_image(pixels)
        if not (done and output.close()):
            # Half of what they take here: halves, as a rule.
            raise write_error(path, sum(pixels.nbytes for _, pixels in parts) // 2, output.geterror())
    finally:
        output.close()
