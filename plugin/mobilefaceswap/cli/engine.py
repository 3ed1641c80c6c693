"""``mobilefaceswap engine``: the process that renders for a host; the bridge starts it by itself."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["engine"]


def engine(
    number: Annotated[int, typer.Argument(help="Number of the connection that the bridge left open.")],
    token: Annotated[str, typer.Argument(help="What names the memory that both share; Windows only.")] = "",
) -> None:
    """Serve a host's bridge; started by the bridge, not by hand."""
    import signal

    from ..engine.__main__ import serve_bridge

    # The engine has nothing to finish: it ends at once, whatever its threads are doing.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    serve_bridge(number, token)
