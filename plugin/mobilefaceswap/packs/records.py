"""What ``pack.toml`` says, as frozen records; refused by field name and type where it says it wrongly."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal, cast, get_args

from ..errors import PackError, PackNotFoundError

__all__ = ["ROLES", "Crop", "EncoderInput", "Fit", "Pack", "PackFile", "Role", "read_pack"]

Role = Literal["detector", "encoder", "identity", "idn"]
Fit = Literal["similarity", "affine"]
ROLES: tuple[Role, ...] = get_args(Role)
TEMPLATE = "arcface-112"
_SCHEMA = 1


@dataclass(frozen=True)
class PackFile:
    """One ONNX file as ``pack.toml`` records it. path, licence_file: relative to the pack's folder, with slashes."""

    role: Role
    path: str
    sha256: str
    bytes: int
    opset: int
    licence: str
    licence_file: str
    origin: str
    data: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Crop:
    """The aligned crop that the network sees: side in pixels, and how the five points are laid on which template."""

    size: int
    template: str
    fit: Fit


@dataclass(frozen=True)
class EncoderInput:
    """network input = (rgb in 0..1 * range - mean) / std, planar RGB, on an aligned crop of ``size``."""

    size: int
    range: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Pack:
    """A model pack. ``document`` is all of ``pack.toml``: also how it was trained and what was measured."""

    folder: Path
    name: str
    version: str
    title: str
    description: str
    licence: str
    commercial_use: bool
    crop: Crop
    encoder: EncoderInput
    files: Mapping[Role, PackFile]
    document: Mapping[str, Any]

    def path(self, role: Role) -> Path:
        """Where the file of ``role`` lies. ``find_pack`` has verified its content."""
        return self.folder / self.files[role].path

    @cached_property
    def content_hash(self) -> str:
        """Over what pixels depend on: the files, the crop and the encoder's input. Not over descriptions."""
        parts = [f"{role}:{self.files[role].sha256}" for role in ROLES]
        text = "\n".join([*parts, repr(self.crop), repr(self.encoder)])
        return hashlib.sha256(text.encode()).hexdigest()


def read_pack(folder: Path) -> Pack:
    """The pack that ``folder`` describes; its files are not looked at. Raises PackError naming the field at fault."""
    place = folder / "pack.toml"
    try:
        document = tomllib.loads(place.read_text("utf-8"))
    except FileNotFoundError:
        raise PackNotFoundError(f"expected a model pack in {folder}; found no pack.toml there") from None
    except (OSError, ValueError) as error:
        raise PackError(f"expected {place} to be a readable TOML file; {error}. Reinstall the pack") from None
    reader = _Reader(place, document)
    reader.number("schema", least=_SCHEMA, most=_SCHEMA)
    pack = Pack(
        folder,
        reader.text("name"),
        reader.text("version"),
        reader.text("title"),
        reader.text("description"),
        reader.text("licence"),
        reader.field("commercial_use", bool),
        _crop(reader.table("crop")),
        _encoder_input(reader.table("encoder")),
        _files(reader.table("files")),
        document,
    )
    _check_contract(pack, reader)
    return pack


class _Reader:
    """Fields of one table of ``pack.toml``, refused by name."""

    def __init__(self, place: Path, table: Mapping[str, Any], prefix: str = "") -> None:
        self._place = place
        self._table = table
        self._prefix = prefix
        self.names = tuple(table)

    def field(self, name: str, kind: type) -> Any:
        """The value, of exactly that type, except that a whole number serves as a float."""
        value = self._table.get(name)
        if type(value) is int and kind is float:
            return float(value)
        if type(value) is not kind:
            raise self.refusal(name, f"a value of type {kind.__name__}", value)
        return value

    def table(self, name: str) -> _Reader:
        return _Reader(self._place, self.field(name, dict), f"{self._prefix}{name}.")

    def text(self, name: str) -> str:
        value = self.field(name, str)
        if not value.strip():
            raise self.refusal(name, "a text that is not empty", value)
        return cast(str, value)

    def number(self, name: str, least: int, most: int) -> int:
        value = self.field(name, int)
        if not least <= value <= most:
            raise self.refusal(name, f"{least}" if least == most else f"a number from {least} to {most}", value)
        return cast(int, value)

    def triple(self, name: str) -> tuple[float, float, float]:
        value = self.field(name, list)
        if len(value) != 3 or not all(type(item) in (int, float) for item in value):
            raise self.refusal(name, "three numbers", value)
        return float(value[0]), float(value[1]), float(value[2])

    def names_list(self, name: str) -> tuple[str, ...]:
        value = self.field(name, list)
        if not value or not all(type(item) is str for item in value):
            raise self.refusal(name, "a list of names", value)
        return tuple(value)

    def inner_path(self, name: str) -> str:
        """A relative path that stays inside the pack on every system."""
        value = self.text(name)
        path = PurePosixPath(value)
        foreign = "\\" in value or PureWindowsPath(value).drive
        if foreign or path.is_absolute() or ".." in path.parts or path == PurePosixPath("."):
            raise self.refusal(name, "a path inside the pack's folder", value)
        return value

    def refusal(self, name: str, expected: str, found: object) -> PackError:
        return PackError(
            f"expected {self._prefix}{name} in {self._place} to be {expected}; found {found!r}. "
            "Reinstall the pack, or mend the file and run `mobilefaceswap packs verify`"
        )


def _crop(reader: _Reader) -> Crop:
    template, fit = reader.text("template"), reader.text("fit")
    if template != TEMPLATE:
        raise reader.refusal("template", TEMPLATE, template)
    if fit not in get_args(Fit):
        raise reader.refusal("fit", " or ".join(get_args(Fit)), fit)
    return Crop(reader.number("size", 32, 4096), template, cast(Fit, fit))


def _encoder_input(reader: _Reader) -> EncoderInput:
    std = reader.triple("std")
    if 0 in std:
        raise reader.refusal("std", "three numbers other than 0", list(std))
    return EncoderInput(reader.number("size", 32, 4096), reader.field("range", float), reader.triple("mean"), std)


def _files(reader: _Reader) -> dict[Role, PackFile]:
    unknown = sorted(set(reader.names) - set(ROLES))
    if unknown:
        raise reader.refusal(unknown[0], f"absent: the roles are {', '.join(ROLES)}", unknown[0])
    return {role: _file(role, reader.table(role)) for role in ROLES}


def _file(role: Role, reader: _Reader) -> PackFile:
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


def _check_contract(pack: Pack, reader: _Reader) -> None:
    """The names by which the rooms feed the networks and read them."""
    files = pack.files
    identity_inputs = ["feature_map", "embedding", *(["face"] if "face" in files["identity"].inputs else [])]
    rules = (
        ("files.encoder.inputs", files["encoder"].inputs, ["face"]),
        ("files.encoder.outputs", files["encoder"].outputs, ["feature_map", "embedding"]),
        ("files.identity.inputs", files["identity"].inputs, identity_inputs),
        ("files.idn.inputs", files["idn"].inputs, ["image", *files["identity"].outputs]),
        ("files.idn.outputs", files["idn"].outputs, ["swapped", "mask"]),
    )
    for name, found, expected in rules:
        if sorted(found) != sorted(expected):
            raise reader.refusal(name, ", ".join(expected), ", ".join(found))
