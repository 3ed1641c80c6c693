"""Makes the wheels of a release: for each platform one that carries the bundle's binary for it.

python ofx_bridge/wheels.py BUNDLE -o dist
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_HOOK_VARIABLES = ("MOBILEFACESWAP_WHEEL_BUNDLE", "MOBILEFACESWAP_WHEEL_TAG")
# The Linux binary needs glibc 2.17, which is what manylinux2014 stands for.
TAGS = {
    "Linux-x86-64": "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "Win64": "win_amd64",
    "MacOS": "macosx_11_0_universal2",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """A wheel for every platform that the bundle holds; prints their paths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="what `build.py --release` made")
    parser.add_argument("-o", "--output", type=Path, default=_ROOT / "dist", help="folder of the wheels")
    options = parser.parse_args(arguments)
    try:
        held = [platform for platform in TAGS if (options.bundle / "Contents" / platform).is_dir()]
        if not held:
            raise OSError(f"expected {', '.join(TAGS)} in {options.bundle}/Contents; found none. Run `make release`")
        for platform in held:
            print(make_wheel(options.bundle, platform, options.output))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"the wheels were not made: {error}", file=sys.stderr)
        return 1
    return 0


def make_wheel(bundle: Path, platform: str, output: Path) -> Path:
    """The wheel that carries ``bundle`` with its binary for one platform (a key of TAGS) alone.

    Raises OSError, subprocess.CalledProcessError.
    """
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / bundle.name
        others = [other for other in TAGS if other != platform]
        # What the installation on this machine recorded is none of the wheel's.
        shutil.copytree(bundle, alone, ignore=shutil.ignore_patterns(*others, "engine.txt"))
        made = Path(folder) / "made"
        chosen = dict(zip(_HOOK_VARIABLES, (str(alone), TAGS[platform]), strict=True))
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(made)]
        subprocess.run(command, cwd=_ROOT, env={**os.environ, **chosen}, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = made.glob("*.whl")
        output.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(wheel, output / wheel.name))


if __name__ == "__main__":
    raise SystemExit(main())
