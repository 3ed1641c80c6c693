"""Nobody hears of a run: no connection is opened, and nothing is written but what was asked for and our own folders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mobilefaceswap.demo.samples import AstronautClip
from mobilefaceswap.media import create_output

WATCH = """
import os, sys
def watch(event, arguments, place=os.environ["WATCHED"]):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.bind"):
        with open(place, "a") as log:
            log.write(f"{event} {arguments[1:]}\\n")
sys.addaudithook(watch)
"""
SWAP = "swap shot.mp4 -s actor.jpg -o out.mp4 --matte matte.png --range 2"
IN_PYTHON = (
    "from mobilefaceswap import FaceSwapNode, open_clip; FaceSwapNode('actor.jpg', open_clip('shot.mp4')).render(2)"
)


class User:
    """A user with an empty home, a folder to work in, and a record of what a process does to the world."""

    def __init__(self, root: Path) -> None:
        self.root, self.work = root, root / "work"
        for name in ("home", "work", "temporary", "hook"):
            (root / name).mkdir()
        (root / "hook" / "sitecustomize.py").write_text(WATCH)
        (root / "connections").touch()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))},
            "HOME": str(root / "home"),
            "TMPDIR": str(root / "temporary"),
            "WATCHED": str(root / "connections"),
            "PYTHONPATH": str(root / "hook"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.before = self.files()

    def files(self) -> set[str]:
        """Every file of the user's, relative to the root."""
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}

    def run(self, *command: str, code: int = 0) -> None:
        """Runs a Python process to its end, under strace where there is one."""
        traced = [sys.executable, *command]
        if shutil.which("strace"):
            trace = ["strace", "-f", "-qq", "-e", "trace=connect,sendto", "-e", "signal=none"]
            traced = [*trace, "-o", str(self.root / "trace"), *traced]
        done = subprocess.run(traced, env=self.environment, cwd=self.work, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr

    @property
    def connections(self) -> list[str]:
        """What Python's sockets were asked for, and every connection that the kernel was asked for."""
        trace = self.root / "trace"
        calls = trace.read_text().splitlines() if trace.exists() else []
        remote = [line for line in calls if re.search(r"AF_INET6?\b", line)]
        return [*(self.root / "connections").read_text().splitlines(), *remote]

    @property
    def written(self) -> set[str]:
        """Files that are there now and were not before, the record of this test aside."""
        return self.files() - self.before - {"trace"}


@pytest.fixture
def user(tmp_path, grace_hopper) -> User:
    found = User(tmp_path)
    shutil.copy(grace_hopper, found.work / "actor.jpg")
    plates = AstronautClip((320, 180), frames=4)
    with create_output(found.work / "shot.mp4") as writer:
        for time in range(4):
            writer.write(time, plates.frame(time).pixels)
    found.before = found.files()
    return found


def cli(words: str) -> tuple[str, str]:
    return "-c", f"import sys; from mobilefaceswap.cli import main; sys.argv[1:] = {words.split()!r}; main()"


@pytest.mark.parametrize(
    ("command", "asked_for"),
    [
        (cli(SWAP), {"work/out.mp4", "work/matte.png"}),
        (cli("identity actor.jpg -o actor.idn"), {"work/actor.idn"}),
        (cli("analyse shot.mp4 -o track.json"), {"work/track.json"}),
        (cli("doctor"), set()),
        (("-c", IN_PYTHON), set()),
    ],
    ids=["swap", "identity", "analyse", "doctor", "python"],
)
def test_nobody_hears_of_a_run(user, command, asked_for):
    user.run(*command)
    own = {name for name in user.written if name.startswith("home/.cache/mobilefaceswap/")}
    assert user.written - own == asked_for
    assert user.connections == []


def test_the_watch_notices_a_connection_and_a_file(user):
    user.run("-c", "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))")
    assert user.connections
    user.run("-c", "import os; open(os.path.expanduser('~/told'), 'w')")
    assert user.written == {"home/told"}
