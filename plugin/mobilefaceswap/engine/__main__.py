"""``python -m mobilefaceswap.engine NUMBER [TOKEN]``: started by the bridge with its end of the connection."""

from __future__ import annotations

import sys

from ..cache.memory import keep_freed_memory
from .channel import open_control

__all__ = ["main", "serve_bridge"]


def main() -> None:
    """Serves the connection that the bridge left open under the given number."""
    if len(sys.argv) not in (2, 3) or not sys.argv[1].isdigit():
        sys.exit("expected the number of the bridge's connection; the bridge in a host starts the engine by itself")
    serve_bridge(int(sys.argv[1]), *sys.argv[2:])


def serve_bridge(number: int, token: str = "") -> None:
    """Serves the connection ``number`` until the host is gone; ends the process. token: names what Windows shares."""
    try:
        control = open_control(number, token)
    except OSError as error:
        sys.exit(
            f"expected a connection under number {number}; {error.strerror}: the bridge starts the engine by itself"
        )
    keep_freed_memory()
    from .server import serve

    serve(control)


if __name__ == "__main__":
    main()
