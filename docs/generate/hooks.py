"""What `mkdocs build` asks for: the pages that are generated from the code, so that they cannot disagree with it.

A written page may also hold ``<!-- generated: NAME -->``, which is replaced by the fragment of that name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import bridge
import chain
import command_line
import errors
import media
import packs
import pictures
import python
import settings
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]

PAGES: dict[str, Callable[[], str]] = {
    "reference/settings.md": settings.page,
    "reference/command-line.md": command_line.page,
    "reference/python.md": python.page,
    "changelog.md": lambda: (ROOT / "CHANGELOG.md").read_text("utf-8"),
}
FRAGMENTS: dict[str, Callable[[], str]] = {
    "exit-codes": errors.exit_codes,
    "errors": errors.tree,
    "exr-layers": settings.exr_layers,
    "output-modes": settings.output_modes,
    "picture-formats": media.picture_formats,
    "containers": media.containers,
    "codecs": media.codecs,
    "colour-spaces": media.colour_spaces,
    "buttons": bridge.buttons,
    "two nodes": settings.chain_figures,
    "pack-kinds": packs.kinds,
    "published-networks": packs.published,
    "templates": packs.templates,
    "tuned-settings": packs.tuned,
    **{f"pictures of {name}": partial(settings.figures, name) for name in pictures.SHOWN},
}
_MARKER = re.compile(r"<!-- generated: ([a-z_ -]+) -->")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages and pictures."""
    for place, make in PAGES.items():
        files.append(File.generated(config, place, content=make()))
    for setting in pictures.SHOWN:
        for shown in pictures.of(setting):
            files.append(File.generated(config, shown.name, content=shown.content))
    for shown in chain.of():
        files.append(File.generated(config, shown.name, content=shown.content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fills in the generated fragments of a page. A name that does not exist fails the build."""

    def fragment(match: re.Match[str]) -> str:
        if match[1] not in FRAGMENTS:
            raise PluginError(
                f"{page.file.src_uri}: expected one of {', '.join(FRAGMENTS)} as a generated fragment; found {match[1]}"
            )
        return FRAGMENTS[match[1]]()

    return _MARKER.sub(fragment, markdown)
