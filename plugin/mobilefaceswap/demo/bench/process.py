"""Runs a command and measures the whole process: wall and processor seconds, peak memory.

A process starts with its parent's peak, so each command has a small parent of its own: this file, run as a script by
an interpreter that imports nothing else.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any

__all__ = ["Run", "measured"]


class Run:
    """One finished process. wall, processor: seconds. peak: megabytes, 0 where the system does not tell."""

    def __init__(self, wall: float, processor: float, peak: float, output: str) -> None:
        self.wall, self.processor, self.peak, self.output = wall, processor, peak, output


def measured(command: list[str], environment: dict[str, str] | None = None, expected: int = 0) -> Run:
    """Runs ``command`` to its end. Raises RuntimeError, with what it printed, where it ends with another code."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", __file__, *command],
        capture_output=True,
        text=True,
        env={**_ordinary(), **(environment or {})},
    )
    told: dict[str, Any] = json.loads(done.stdout) if done.stdout else {"code": done.returncode}
    if told["code"] != expected:
        raise RuntimeError(f"expected {' '.join(command)} to end with {expected}; found {told['code']}: {done.stderr}")
    return Run(told["wall"], told["processor"], told["peak"], told["output"])


def _ordinary() -> dict[str, str]:
    """The environment, but that modules are compiled once, as they are where nobody forbids it, not at every start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _run(command: list[str]) -> dict[str, object]:
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    output = process.stdout.read().decode("utf-8", "replace")
    if sys.platform == "win32":
        code, processor, peak = process.wait(), 0.0, 0.0
    else:
        _, status, used = os.wait4(process.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        processor = used.ru_utime + used.ru_stime
        peak = used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    wall = time.perf_counter() - started
    return {"code": code, "wall": wall, "processor": processor, "peak": peak, "output": output}


if __name__ == "__main__":
    print(json.dumps(_run(sys.argv[1:])))
