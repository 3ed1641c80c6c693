"""The command line: words in, the node's calls, files and exit codes out. The one place that prints an error."""

from __future__ import annotations

import signal
import sys
from types import FrameType

__all__ = ["main"]

_INTERRUPTED, _TERMINATED = 130, 143


def main() -> None:
    """The command ``mobilefaceswap``; its exit codes stand in ``app.EXIT_CODES``.

    Importing this module imports nothing else of the package: an interruption while the rest loads is caught here.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        from .app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code)


def _terminate(number: int, frame: FrameType | None) -> None:
    """A farm's stop ends like Ctrl-C: outputs closed, a playable partial file, no traceback."""
    # Once: another signal must not break off what the first has set going.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(_TERMINATED)
