"""Reads ``pack.toml`` into a `Pack`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast, get_args

from ..errors import PackError, PackNotFoundError, SettingsError
from ..files import text_of
from ..settings import table
from .contracts import CONTRACTS
from .crop import TEMPLATES, Crop, FaceInput, Fit, Normalisation, Template
from .reader import Reader
from .records import Network, Pack, PackFile

__all__ = ["read_pack"]

_SCHEMA = 2
_SIZES = 32, 4096


def read_pack(folder: Path) -> Pack:
    """The pack described in ``folder``; its other files are not read. Raises PackError naming the field at fault."""
    place = folder / "pack.toml"
    try:
        document = tomllib.loads(text_of(place))
    except FileNotFoundError as error:
        raise PackNotFoundError(f"expected a model pack in {folder}; found no pack.toml there") from error
    except (OSError, ValueError) as error:
        raise PackError(f"expected {place} to be a readable TOML file; {error}. Reinstall the pack") from error
    reader = Reader(place, document)
    reader.number("schema", least=_SCHEMA, most=_SCHEMA)
    crop = _crop(reader.table("crop"), None)
    kind = reader.one_of("kind", CONTRACTS)
    pack = Pack(
        folder,
        reader.text("name"),
        reader.text("version"),
        reader.text("title"),
        reader.text("description"),
        reader.text("licence"),
        reader.field("commercial_use", bool),
        kind,
        crop,
        _face_input(reader.table("encoder"), crop),
        _network(reader.optional("network"), crop),
        _defaults(reader.optional("defaults")),
        _files(kind, reader.table("files")),
        document,
    )
    for name, found, expected in CONTRACTS[kind].rules(pack):
        if sorted(found) != sorted(expected):
            raise reader.refusal(name, ", ".join(expected), ", ".join(found))
    return pack


def _crop(reader: Reader, like: Crop | None) -> Crop:
    """The crop of a table; template and fit default to those of ``like``."""
    size = reader.number("size", *_SIZES)
    template = like.template if like and "template" not in reader.names else _template(reader)
    return Crop(size, template, cast(Fit, reader.one_of("fit", get_args(Fit), like.fit if like else None)))


def _template(reader: Reader) -> Template:
    points = reader.value("template")
    if not isinstance(points, list):
        return TEMPLATES[reader.one_of("template", TEMPLATES)]
    numbers = [value for pair in points if isinstance(pair, list) and len(pair) == 2 for value in pair]
    if len(points) != 5 or len(numbers) != 10 or not all(type(value) in (int, float) for value in numbers):
        raise reader.refusal("template", "five pairs of numbers, as shares of the crop's side", points)
    return Template(tuple((float(x), float(y)) for x, y in points))


def _numbers(reader: Reader) -> Normalisation:
    values = Normalisation(reader.field("range", float), reader.triple("mean"), reader.triple("std"))
    for name, found in (("range", [values.range]), ("std", values.std)):
        if 0 in found:
            raise reader.refusal(name, "other than 0", list(found))
    return values


def _face_input(reader: Reader, like: Crop) -> FaceInput:
    return FaceInput(_crop(reader, like), _numbers(reader))


def _network(reader: Reader | None, crop: Crop) -> Network:
    plain = Network()
    if reader is None:
        return plain
    source = cast(Literal["embedding", "picture"], reader.one_of("source", ("embedding", "picture"), plain.source))
    return Network(
        _numbers(part) if (part := reader.optional("input")) else plain.input,
        _numbers(part) if (part := reader.optional("output")) else plain.output,
        reader.text("image", plain.image),
        reader.text("identity", plain.identity),
        reader.text("colour", plain.colour),
        reader.text("mask", plain.mask),
        source,
        _face_input(reader.table("picture"), crop) if source == "picture" else None,
        reader.field("unit_length", bool) if "unit_length" in reader.names else plain.unit_length,
    )


def _defaults(reader: Reader | None) -> Mapping[str, Any]:
    """Values of settings that a pack may tune, checked."""
    tuned = {row.name: row for row in table() if row.tuned}
    values: dict[str, Any] = {}
    for name in reader.names if reader else ():
        assert reader is not None
        if name not in tuned:
            raise reader.refusal(name, f"absent, since a pack may tune only {', '.join(tuned)}", reader.value(name))
        try:
            values[name] = tuned[name].check(reader.value(name))
        except SettingsError as error:
            raise reader.refusal(name, f"a value of the setting {name}", reader.value(name)) from error
    return values


def _files(kind: str, reader: Reader) -> dict[str, PackFile]:
    contract = CONTRACTS[kind]
    known = contract.roles
    for name in reader.names:
        if name not in known:
            raise reader.refusal(name, f"absent, since the roles of kind {kind} are {', '.join(known)}", name)
    return {role: _file(role, reader.table(role)) for role in known if role in contract.needed or role in reader.names}


def _file(role: str, reader: Reader) -> PackFile:
    digest = reader.text("sha256")
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise reader.refusal("sha256", "64 hexadecimal digits", digest)
    return PackFile(
        role,
        reader.inner_path("path"),
        digest,
        reader.number("bytes", 1, 2**40),
        reader.number("opset", 1, 1000),
        reader.text("licence"),
        reader.inner_path("licence_file"),
        reader.text("origin"),
        reader.text("data"),
        reader.names_list("inputs"),
        reader.names_list("outputs"),
    )
