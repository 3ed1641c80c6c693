"""Who is swapped in: one person of ``--source``, or several of ``--people``, a table in TOML.

The table has a ``[[person]]`` for each: a source, and any setting that may differ between people. What a row does not
set is the run's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError, UserInputError
from ..files import text_of
from ..identity import picture_files
from ..settings import Setting, Settings, Stage, table
from ..settings.setting import shown
from .app import british

if TYPE_CHECKING:
    from ..node import QualityRecord

__all__ = ["People", "Person", "people_of", "read_people", "with_choice"]

_OWN_STAGES: tuple[Stage, ...] = ("choose", "align", "swap", "outline", "matte", "look")
_OWN = {row.name: row for row in table() if row.stage in _OWN_STAGES or row.name == "enable"}
_RUN = {row.name for row in table()} - set(_OWN)
_OF_SOURCE = {row.name: row for row in table(host=True) if row.name in ("source_face", "source_age")}
_KEYS = ("source", *_OF_SOURCE, *_OWN)


@dataclass(frozen=True)
class Person:
    """Who is put into the clip. source: pictures, folders or identities, of which ``source_face`` and ``source_age``
    say what to take. settings: this person's own, by name.
    """

    source: Sequence[Path]
    source_face: int = 0
    source_age: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class People:
    """Everybody who is put into the clip, and what reads their sources. table: the file that names them, if any."""

    rows: Sequence[Person]
    pack: str | None = None
    faces: str | None = None
    table: Path | None = None

    def files(self) -> list[Path | str]:
        """Every file that is read of them. Raises UserInputError on an empty folder."""
        pictures = [file for person in self.rows for place in person.source for file in picture_files(place)]
        references = [person.settings.get("reference", "") for person in self.rows]
        return [*pictures, *filter(None, [self.table, *references])]

    def named(self) -> list[str]:
        """Each for messages, in order."""
        sources = (", ".join(Path(place).name for place in person.source) for person in self.rows)
        return [f"person {number} ({source})" for number, source in enumerate(sources, 1)]

    def without_a_face(self, quality: Iterable[QualityRecord], settings: Settings) -> list[str]:
        """Those of a table who are swapped into none of these frames, though they are not switched off.

        settings: the run's.
        """
        swapped = [sum(counts) for counts in zip(*(found.by_person for found in quality), strict=True)]
        on = [settings.replaced(**person.settings).enable for person in self.rows]
        return [who for who, count, wanted in zip(self.named(), swapped, on, strict=False) if wanted and not count]


def people_of(
    source: Sequence[Path] | None, file: Path | None, pack: str | None, faces: str | None, **of_source: float
) -> People:
    """From what was typed. of_source: source_face and source_age. Raises UserInputError unless there is either a source
    or a table of people.
    """
    if bool(source) == (file is not None):
        found = "both" if source else "neither"
        raise UserInputError(
            f"expected --source for one person, or --people for several; found {found}. Name one of them"
        )
    if file is None:
        known = {name: _OF_SOURCE[name].check(value) for name, value in of_source.items()}
        return People([Person([*(source or ())], **known)], pack, faces)
    for name, value in of_source.items():
        if value:
            option = f"--{name.replace('_', '-')}"
            raise UserInputError(f"expected {name} in the row of a person; found {option}. Write it there")
    return People(read_people(file), pack, faces, file)


def read_people(file: Path) -> tuple[Person, ...]:
    """The people of a table; places in it are relative to its folder. Raises UserInputError, SettingsError."""
    try:
        document = tomllib.loads(text_of(file))
    except OSError as error:
        raise UserInputError(
            f"expected a table of people at {file}; {error.strerror}. Name a TOML file with a [[person]] for each"
        ) from error
    except ValueError as error:
        raise UserInputError(f"expected a table of people in TOML; found {file}: {error}. Correct it there") from error
    rows = document.pop("person", [])
    if document or not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        found = ", ".join(document) or "no [[person]]"
        raise UserInputError(f"expected a [[person]] for everybody in {file}, and nothing else; found {found}")
    return tuple(_person(row, f"person {number} of {file.name}", file.parent) for number, row in enumerate(rows, 1))


def _person(row: Mapping[str, Any], who: str, folder: Path) -> Person:
    named = {british(name).replace("-", "_"): value for name, value in row.items()}
    for name in named:
        _check_name(name, who)
    source = named.pop("source", None)
    places = [source] if isinstance(source, str) else source
    if not isinstance(places, list) or not places or not all(map(_is_place, places)):
        raise UserInputError(
            f'{who}: expected source = "FILE", a picture, a folder of pictures or an .idn file, or a list of such; '
            f"found {shown(source)}. Write it so"
        )
    taken = {name: _checked(row, named.pop(name), who, folder) for name, row in _OF_SOURCE.items() if name in named}
    own = {name: _checked(_OWN[name], value, who, folder) for name, value in named.items()}
    try:
        settings = with_choice(own)
    except SettingsError as error:
        raise SettingsError(f"{who}: {error}. Set face_choice") from error
    return Person([folder / place for place in places], settings=settings, **taken)


def _is_place(value: Any) -> bool:
    """Whether ``value`` can be the name of a file: no system takes a null character in one."""
    return isinstance(value, str) and bool(value) and "\0" not in value


def _check_name(name: str, who: str) -> None:
    if name in _RUN:
        option = f"--{name.replace('_', '-')}"
        raise SettingsError(
            f"{who}: expected a setting of one person; found {name}, the whole run's. Give it as {option}"
        )
    if name not in _KEYS:
        near = ", ".join(get_close_matches(name, _KEYS, 3)) or "source"
        raise SettingsError(
            f"{who}: expected source, source_face, source_age or a setting; found {name}. The nearest: {near}. "
            "`mobilefaceswap settings` lists every one"
        )


def _checked(row: Setting, value: Any, who: str, folder: Path) -> Any:
    try:
        known = row.check(british(value) if row.kind == "choice" and isinstance(value, str) else value)
    except SettingsError as error:
        raise SettingsError(f"{who}: {error}") from error
    return str(folder / known) if row.kind == "file" and known else known


def with_choice(settings: Mapping[str, Any]) -> dict[str, Any]:
    """``settings``, by name, with the way of choosing a face that they imply: a reference is meant to be used.

    Raises SettingsError where they imply several.
    """
    if "face_choice" in settings:
        return {**settings}
    implied = {row.only_with for name, row in _OWN.items() if name in settings and row.stage == "choose"} - {None}
    if len(implied) > 1:
        ways = ", ".join(sorted(str(way[1]) for way in implied if way))
        raise SettingsError(f"expected one way of choosing a face; found {ways}")
    return {**settings, **dict(way for way in implied if way)}
