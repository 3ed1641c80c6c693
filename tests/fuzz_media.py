"""Damaged media through every parser: an error with a remedy or the right frames, never a crash, a hang or a traceback.

``python tests/fuzz_media.py --cases 20000`` runs as long as it takes; the tests run a few hundred of the same cases.
Cases are the same in every run.
"""

from __future__ import annotations

import argparse
import faulthandler
import tempfile
from collections import Counter
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from media_made import make_clip
from mobilefaceswap.errors import MediaError
from mobilefaceswap.media import open_clip

SLOWEST = 20_000
"""Milliseconds a case may take."""
FOLDER = Path(tempfile.mkdtemp())
STRUCTURED = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".png", ".exr", ".jpg", ".tif", ".bmp")
"""Formats that say how long they are: a file that is cut short is refused, or whole all the same."""
OUTCOMES: Counter[str] = Counter()

Change = tuple[str, float, float]


def _video(name: str, **more: object) -> bytes:
    return make_clip(FOLDER / name, size=(48, 32), frames=8, rate=Fraction(25), **more).read_bytes()


def _picture(name: str, **more: object) -> bytes:
    codes = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    Image.fromarray(codes).save(FOLDER / name, **more)
    return (FOLDER / name).read_bytes()


def _exr() -> bytes:
    output = oiio.ImageOutput.create("x.exr")
    specs = [oiio.ImageSpec(32, 24, channels, "half") for channels in (1, 4)]
    for number, spec in enumerate(specs):
        spec.attribute("oiio:subimagename", str(number))
        spec.x, spec.full_x, spec.full_width = -5, -3, 28
    output.open(str(FOLDER / "x.exr"), specs)
    output.write_image(np.ones((24, 32, 1), np.float32))
    output.open(str(FOLDER / "x.exr"), specs[1], "AppendSubimage")
    output.write_image(np.ones((24, 32, 4), np.float32))
    output.close()
    return (FOLDER / "x.exr").read_bytes()


def _animation(name: str) -> bytes:
    pictures = [Image.new("RGB", (32, 24), (30 * n, 0, 0)) for n in range(6)]
    pictures[0].save(FOLDER / name, save_all=True, append_images=pictures[1:], duration=50)
    return (FOLDER / name).read_bytes()


@cache
def originals() -> dict[str, bytes]:
    """Small files of every kind by ending; what is in them is known."""
    return {
        ".mp4": _video("a.mp4", sound=True, timecode="01:00:00:00"),
        ".mov": _video("b.mov", codec="prores_ks", pixel_format="yuva444p10le"),
        ".mkv": _video("c.mkv", codec="ffv1", sound="flac"),
        ".webm": _video("d.webm", codec="libvpx-vp9"),
        ".avi": _video("e.avi", options={"bf": "2"}),
        ".ts": _video("f.ts", sound=True),
        ".mpg": _video("g.mpg", codec="mpeg2video"),
        ".png": _picture("h.png"),
        ".jpg": _picture("i.jpg"),
        ".tif": _picture("j.tif"),
        ".bmp": _picture("k.bmp"),
        ".webp": _picture("l.webp"),
        ".exr": _exr(),
        ".gif": _animation("m.gif"),
        ".avif": _picture("n.avif"),
    }


def changed(content: bytes, changes: list[Change], other: bytes) -> bytes:
    """``content`` after the changes; positions are shares of its length."""
    data = bytearray(content)
    for kind, where, size in changes:
        start = int(where * max(0, len(data) - 1))
        length = 1 + int(size * len(data) / 8)
        if kind == "cut":
            del data[start:]
        elif kind == "flip" and data:
            data[start] ^= 1 << int(size * 7)
        elif kind == "erase":
            data[start : start + length] = bytes(len(data[start : start + length]))
        elif kind == "remove":
            del data[start : start + length]
        elif kind == "repeat":
            data[start:start] = data[start : start + length]
        elif kind == "mix":
            data[start : start + length] = other[start : start + length]
    return bytes(data)


def read_all(path: Path) -> int:
    """How many frames decode; those that do not are refused one by one."""
    good = 0
    with open_clip(path, allow_interlaced=True) as clip:
        assert all(isinstance(note, str) for note in clip.notes)
        for time in range(clip.first, min(clip.last, clip.first + 12) + 1):
            try:
                frame = clip.frame(time)
            except MediaError:
                continue
            assert frame.pixels.dtype == np.float32
            good += 1
    return good


SHARE = st.floats(0, 1, allow_nan=False)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["cut", "flip", "flip", "flip", "erase", "remove", "repeat", "mix"]), SHARE, SHARE),
    min_size=1,
    max_size=4,
)


def check(ending: str, changes: list[Change], other: str) -> None:
    """One case: raises anything but MediaError, or AssertionError where frames are lost without a word."""
    content = originals()[ending]
    path = FOLDER / f"case{ending}"
    path.write_bytes(changed(content, changes, originals()[other]))
    try:
        good = read_all(path)
    except MediaError as error:
        if len(str(error)) < 20:
            raise AssertionError("an error without a remedy") from error
        OUTCOMES["refused"] += 1
        return
    OUTCOMES["read"] += 1
    if ending in STRUCTURED and [kind for kind, _, _ in changes] == ["cut"] and path.stat().st_size < len(content):
        (FOLDER / f"whole{ending}").write_bytes(content)
        assert good == read_all(FOLDER / f"whole{ending}"), "frames are lost without a word"


def run(cases: int) -> None:
    """Raises what a case raised, the smallest of its kind."""

    @settings(
        max_examples=cases,
        deadline=SLOWEST,
        derandomize=True,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(st.sampled_from(sorted(originals())), CHANGES, st.sampled_from(sorted(originals())))
    def cases_of_all_kinds(ending: str, changes: list[Change], other: str) -> None:
        check(ending, changes, other)

    cases_of_all_kinds()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    faulthandler.enable()
    run(parser.parse_args().cases)
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(OUTCOMES.items())))


if __name__ == "__main__":
    main()
