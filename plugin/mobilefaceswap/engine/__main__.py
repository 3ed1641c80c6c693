"""``python -m mobilefaceswap.engine DESCRIPTOR``: started by the bridge with its end of the connection."""

from __future__ import annotations

import os
import socket
import sys

__all__ = ["main", "serve_descriptor"]


def main() -> None:
    """Serves the socket that the bridge left open under the given number."""
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit("expected the number of the bridge's socket; the bridge in a host starts the engine by itself")
    serve_descriptor(int(sys.argv[1]))


def serve_descriptor(descriptor: int) -> None:
    """Serves the socket ``descriptor`` until the host is gone; ends the process."""
    try:
        control = socket.socket(fileno=descriptor)
    except OSError as error:
        sys.exit(
            f"expected a socket under number {descriptor}; {error.strerror}: the bridge starts the engine by itself"
        )
    # What a host left open for its children is none of ours.
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))
    os.set_inheritable(descriptor, False)
    from .server import serve

    serve(control)


if __name__ == "__main__":
    main()
