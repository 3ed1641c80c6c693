"""The documentation page of a group of controls, for the ? buttons of the node."""

from __future__ import annotations

import os
import re
import sys
import webbrowser
from pathlib import Path

from ..settings import GROUPS
from .dialog import has_screen

__all__ = ["open_page", "page_of"]

_VARIABLE = "MOBILEFACESWAP_DOCS"
_PAGE = "reference/settings.html"
_CHECKOUT = Path(__file__).resolve().parents[3] / "build" / "site"


def page_of(group: str) -> str:
    """Where in the documentation a group of controls is described: its anchor is made like the site makes it."""
    words = re.sub(r"[^\w\s-]", "", group).strip().lower()
    anchor = re.sub(r"[-\s]+", "-", words)
    return f"{_PAGE}#{anchor}"


def open_page(group: str) -> str:
    """Shows the page of ``group`` in the browser where the site lies on this machine; returns what to tell the user.

    MOBILEFACESWAP_DOCS names the site's folder, or its address, which is told and never opened. Without it a
    checkout's own site counts. Of a group that there is not, the page is told.
    """
    page = page_of(group) if group in GROUPS else _PAGE
    named = os.environ.get(_VARIABLE, "")
    if "://" in named:
        return f"{group} is described at {named.rstrip('/')}/{page}"
    site = Path(named) if named else _CHECKOUT
    if not (site / _PAGE).is_file():
        return (
            f"{group} is described on the page {page} of the documentation, which is not in {site}. Name the folder "
            f"or the address of the documentation in {_VARIABLE}, or run `make docs` in a checkout"
        )
    address = f"{site.resolve().as_uri()}/{page}"
    if (sys.platform in ("win32", "darwin") or has_screen()) and webbrowser.open(address):
        return ""
    return f"{group} is described at {address}"
