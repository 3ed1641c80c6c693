"""What a host's node starts with: the defaults of the pack that ships, over those of the table of settings."""

from __future__ import annotations

from dataclasses import replace

from ..packs import shipped_pack
from ..settings import Setting, Settings, table

__all__ = ["default_settings", "host_table"]


def host_table() -> tuple[Setting, ...]:
    """Every row of a host's node in display order, with the default that the host shows. Raises PackError."""
    tuned = shipped_pack().defaults
    return tuple(replace(row, default=tuned.get(row.name, row.default)) for row in table(host=True))


def default_settings() -> Settings:
    """The settings of a new node in a host. Raises PackError."""
    return Settings.from_mapping(shipped_pack().defaults)
