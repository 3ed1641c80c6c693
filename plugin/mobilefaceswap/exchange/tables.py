"""Points as text: a table (CSV), PFTrack's 2D tracks, After Effects keyframes."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence

from .motion import CORNERS, NAMES, Motion, frame_number, from_nuke, nuke

__all__ = ["after_effects", "is_table", "pftrack", "read_pftrack", "read_table", "table"]

_PINS = {"top_left": "Upper Left #2", "top_right": "Upper Right #3", "bottom_left": "Lower Left #4"}
_PINS |= {"bottom_right": "Lower Right #5"}


def table(motion: Motion) -> str:
    """A row for each frame: x and y of every point, in pixels from the bottom left, as Nuke counts."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [name for name in (*NAMES, *CORNERS) if motion.points.get(name)]
    writer.writerow(["frame", *(f"{name}_{axis}" for name in names for axis in "xy")])
    for time in sorted(motion.points[names[0]]):
        at = [nuke(motion.points[name][time], motion.size) for name in names]
        writer.writerow([time, *(f"{value:.9g}" for point in at for value in point)])
    return out.getvalue()


def read_table(text: str, size: tuple[int, int]) -> Motion:
    """The inverse of ``table``; columns in any order, in any case, apart by commas, semicolons or tabs. Empty rows and
    comments (#) are passed over; a point with an empty cell has no key there. Raises ValueError on anything else.
    """
    (_, first), *rows = _rows(text) or [(0, "")]
    header = _cells(first)
    names = [column[:-2] for column in header if column.endswith("_x") and f"{column[:-2]}_y" in header]
    if not rows or not is_table(text) or not names:
        raise ValueError("no columns called frame, left_eye_x, left_eye_y …")
    points: dict[str, dict[int, tuple[float, float]]] = {name: {} for name in names}
    times: set[int] = set()
    for number, row in rows:
        try:
            cells = dict(zip(header, next(csv.reader([row])), strict=False))
            time = frame_number(cells.get("frame", ""))
            for name in names:
                if at := _point(cells, name):
                    points[name][time] = from_nuke(at, size)
        except (ValueError, csv.Error) as error:
            raise ValueError(f"in row {number}: {error}") from error
        times.add(time)
    known = [set(keys) for keys in points.values() if keys]
    if not known:
        raise ValueError("no numbers below the names of the columns")
    return Motion(size, points, left_out=len(times - known[0].intersection(*known)))


def _point(cells: Mapping[str, str], name: str) -> tuple[float, float] | None:
    """x and y of a point in a row; None where a cell is empty. Raises ValueError on anything but finite numbers."""
    x, y = (cells.get(f"{name}_{axis}", "").strip() for axis in "xy")
    return _finite(float(x), float(y)) if x and y else None


def _finite(x: float, y: float) -> tuple[float, float]:
    if not math.isfinite(x + y):
        raise ValueError(f"{x:g}, {y:g} is no place in the picture")
    return x, y


def is_table(text: str) -> bool:
    """Whether the first row names columns, ``frame`` among them, as ``table`` does."""
    rows = _rows(text)
    header = _cells(rows[0][1]) if rows else []
    # A name alone in its row is a track of PFTrack's.
    return len(header) > 1 and "frame" in header


def _cells(row: str) -> list[str]:
    """The cells of the row of names, whoever has written, quoted or capitalised them."""
    return [cell.strip(' "').lower() for cell in row.split(",")]


def _rows(text: str) -> list[tuple[int, str]]:
    """Number and text of every row with something in it that is no comment, apart by commas.

    Where decimals have commas, spreadsheets put semicolons or tabs between cells.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if _says_something(line)]
    first = lines[0][1] if lines else ""
    between = next((mark for mark in ";\t" if mark in first), "")
    return [(number, line.replace(",", ".").replace(between, ",") if between else line) for number, line in lines]


def _says_something(line: str) -> bool:
    """Whether a row has content and is no comment. Spreadsheets leave rows of empty cells, and quote comments."""
    content = line.strip(' ,;\t"')
    return bool(content) and not content.startswith("#")


def pftrack(motion: Motion) -> str:
    """The five points as PFTrack's tracks: name, clip, number of frames, then frame, x, y, similarity."""
    lines = ['# "Name"', "# clipNumber", "# frameCount", "# frame, xpos, ypos, similarity"]
    for name in NAMES:
        keys = {time: nuke(at, motion.size) for time, at in sorted(motion.points[name].items())}
        lines += ["", f'"{name}"', "1", str(len(keys)), *(f"{time} {x:.9g} {y:.9g} 1" for time, (x, y) in keys.items())]
    return "\n".join(lines) + "\n"


def read_pftrack(text: str, size: tuple[int, int]) -> Motion:
    """PFTrack's tracks, with or without the clip's number, between spaces or commas. Raises ValueError."""
    points: dict[str, dict[int, tuple[float, float]]] = {}
    keys: dict[int, tuple[float, float]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        words = line.replace(",", " ").split()
        if not words or line.startswith("#"):
            continue
        numbers = _numbers(words)
        if numbers is None or line.startswith('"'):
            name = line.strip('"')
            keys = points.setdefault(name if name in (*NAMES, *CORNERS) else _numbered(len(points)), {})
        elif len(numbers) >= 3:
            try:
                keys[frame_number(words[0])] = from_nuke(_finite(*numbers[1:3]), size)
            except ValueError as error:
                raise ValueError(f"in row {number}: {error}") from error
    if not any(points.values()):
        raise ValueError("no tracks of a name and rows of frame, x, y")
    return Motion(size, points)


def after_effects(motion: Motion) -> str:
    """Keyframes to paste on a layer: a corner pin of the crop, and a point control for each of the five points.

    From the top left, in pixels whose corners are integers. Frames are counted from the beginning of the composition.
    Effects place pixels in the layer, so its own corner is put on the composition's: anchor point and position are 0.
    """
    width, height = motion.size
    lines = [
        "Adobe After Effects 8.0 Keyframe Data",
        "",
        f"\tUnits Per Second\t{motion.rate:.6g}",
        f"\tSource Width\t{width}",
        f"\tSource Height\t{height}",
        f"\tSource Pixel Aspect Ratio\t{motion.pixel_aspect:.6g}",
        f"\tComp Pixel Aspect Ratio\t{motion.pixel_aspect:.6g}",
    ]
    for property_ in ("Anchor Point", "Position"):
        lines += ["", f"Transform\t{property_}", "\tFrame\tX pixels\tY pixels\tZ pixels\t", "\t\t0\t0\t0\t"]
    for name, label in _PINS.items():
        lines += _block(f"Effects\tCorner Pin #1\t{label}", motion, name)
    for number, name in enumerate(NAMES, 1):
        lines += _block(f"Effects\tPoint Control #{number + 1}\tPoint #2", motion, name)
    return "\r\n".join([*lines, "", "", "End of Keyframe Data", ""])


def _block(title: str, motion: Motion, name: str) -> Iterator[str]:
    yield from ("", title, "\tFrame\tX pixels\tY pixels\t")
    for time, (x, y) in sorted(motion.points[name].items()):
        yield f"\t{time}\t{x + 0.5:.9g}\t{y + 0.5:.9g}\t"


def _numbers(words: Sequence[str]) -> list[float] | None:
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def _numbered(place: int) -> str:
    return NAMES[place] if place < len(NAMES) else f"track{place + 1}"
