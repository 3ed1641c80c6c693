"""Tables of packs: kinds of networks, published networks that can be adopted, templates, tunable settings."""

from __future__ import annotations

from mobilefaceswap.convert.published import PUBLISHED
from mobilefaceswap.packs import CONTRACTS
from mobilefaceswap.packs.crop import TEMPLATES
from mobilefaceswap.settings import table


def kinds() -> str:
    """A table of the kinds of networks and the files that their packs hold."""
    lines = ["| `kind` | Files needed | Optional |", "|---|---|---|"]
    for name, contract in CONTRACTS.items():
        needed, optional = (", ".join(map("`{}`".format, roles)) for roles in (contract.needed, contract.optional))
        lines.append(f"| `{name}` | {needed} | {optional or '–'} |")
    return "\n".join(lines)


def published() -> str:
    """A table of the networks that `packs adopt` recognises."""
    lines = ["| Network | Published by | Crop | Takes | Recogniser |", "|---|---|---|---|---|"]
    for row in PUBLISHED:
        takes = f"a picture of {row.picture.crop.size} pixels" if row.picture else "an embedding"
        reads = "the default pack's" if row.picture else "`--encoder`" + ("" if row.encoder else " and `--converter`")
        lines.append(f"| `{row.name}` | {row.by} | {row.size} pixels | {takes} | {reads} |")
    return "\n".join(lines)


def templates() -> str:
    """The names of templates, in one line."""
    return ", ".join(map("`{}`".format, TEMPLATES))


def tuned() -> str:
    """The settings whose defaults a pack may set, in one line, linked."""
    return ", ".join(f"[{row.label}](reference/settings.md#{row.name})" for row in table() if row.tuned)
