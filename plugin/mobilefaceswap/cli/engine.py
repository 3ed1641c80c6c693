"""``mobilefaceswap engine``: the process that renders for a host; the bridge starts it by itself."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["engine"]


def engine(descriptor: Annotated[int, typer.Argument(help="Number of the socket that the bridge left open.")]) -> None:
    """Serve a host's bridge; started by the bridge, not by hand."""
    from ..engine.__main__ import serve_descriptor

    serve_descriptor(descriptor)
