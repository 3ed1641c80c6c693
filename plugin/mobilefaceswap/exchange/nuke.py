"""Nuke scripts: Tracker4 and CornerPin2D, as they are pasted into a script."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from .motion import CORNERS, NAMES, Motion, frame_number, from_nuke, nuke

__all__ = ["corner_pin", "read", "tracker"]

_HEADER = "set cut_paste_input [stack 0]\nversion 13.0 v1\npush $cut_paste_input\n"
_PINS = ("bottom_left", "bottom_right", "top_right", "top_left")
"""Which corner to1 to to4 are."""
_COLUMNS = (
    *("5 1 20 enable e 1", "3 1 75 name name 1", "2 1 58 track_x track_x 1", "2 1 58 track_y track_y 1"),
    *("2 1 63 offset_x offset_x 1", "2 1 63 offset_y offset_y 1", "4 1 27 T T 1", "4 1 27 R R 1", "4 1 27 S S 1"),
    *("2 0 45 error error 1", "1 1 0 error_min error_min 1", "1 1 0 error_max error_max 1"),
    *(f"1 1 0 pattern_{side} pattern_{side} 1" for side in "xyrt"),
    *(f"1 1 0 search_{side} search_{side} 1" for side in "xyrt"),
    "2 1 0 key_track key_track 1",
    *(f"2 1 0 key_search_{side} key_search_{side} 1" for side in "xyrt"),
    *(f"2 1 0 key_track_{side} key_track_{side} 1" for side in "xyrt"),
    *(f"2 1 0 key_centre_offset_{side} key_centre_offset_{side} 1" for side in "xy"),
)
"""Of the table that the knob ``tracks`` holds: 31, each with its kind, visibility, width and names."""
_FIXED = f"{{}} {{}} 1 1 1 {{}} 1 0 -32 -32 32 32 -22 -22 22 22 {' '.join(['{}'] * 11)}"
"""Of a track's row behind its position: offsets, T, R and S on, error, pattern and search areas, keys."""
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|([{}])|([^\s{}"]+)')


def tracker(motion: Motion) -> str:
    """The five points as one Tracker4."""
    rows = "\n".join(
        f' {{ {{curve K x{min(motion.points[name])} 1}} "{name}" {_curves(motion, name)} {_FIXED} }}' for name in NAMES
    )
    table = "\n".join(f"{{ {column} }}" for column in _COLUMNS)
    count = f"{{ 1 {len(_COLUMNS)} {len(NAMES)} }}"
    first = min(motion.points[NAMES[0]])
    return (
        f"{_HEADER}Tracker4 {{\n tracks {{ {count}\n{{ {table}\n}}\n{{\n{rows}\n}}\n}}\n reference_frame {first}\n"
        " name FaceTracker\n selected true\n}\n"
    )


def corner_pin(motion: Motion) -> str:
    """A CornerPin2D that puts a picture of the crop's size, bottom left in its own frame, on the plate."""
    to = "\n".join(f" to{number} {{{_curves(motion, name)}}}" for number, name in enumerate(_PINS, 1))
    side = motion.crop
    square = ((0, 0), (side, 0), (side, side), (0, side))
    start = "\n".join(f" from{number} {{{x} {y}}}" for number, (x, y) in enumerate(square, 1))
    return f"{_HEADER}CornerPin2D {{\n{to}\n{start}\n name FaceCornerPin\n selected true\n}}\n"


def _curves(motion: Motion, name: str) -> str:
    keys = {time: nuke(at, motion.size) for time, at in sorted(motion.points[name].items())}
    return " ".join(f"{{curve {' '.join(f'x{time} {at[axis]:.9g}' for time, at in keys.items())}}}" for axis in (0, 1))


def read(text: str, size: tuple[int, int]) -> Motion:
    """The points of the first Tracker4 or CornerPin2D of a script, for a plate of ``size``.

    Raises ValueError where there is none.
    """
    for kind, found in _nodes(text):
        if kind == "Tracker4":
            return Motion(size, dict(_tracks(found["tracks"], size)))
        if kind == "CornerPin2D":
            pins = {name: found.get(f"to{number}") for number, name in enumerate(_PINS, 1)}
            return Motion(size, {name: _keys(pin, size) for name, pin in pins.items() if pin})
    raise ValueError("no Tracker4 or CornerPin2D in the script")


def _nodes(text: str) -> Iterator[tuple[str, Mapping[str, list[object]]]]:
    """Kind and knobs of every node of a script; a knob's value is words and lists of them."""
    words = _parsed(iter(_WORD.findall(re.sub(r"^#.*$", "", text, flags=re.MULTILINE))))
    for kind, body in pairwise(words):
        if isinstance(kind, str) and isinstance(body, list) and kind[:1].isupper():
            knobs = {str(name): value for name, value in pairwise(body) if isinstance(value, list)}
            yield kind, knobs


def _parsed(words: Iterator[tuple[str, str, str]]) -> list[object]:
    found: list[object] = []
    for quoted, brace, plain in words:
        if brace == "{":
            found.append(_parsed(words))
        elif brace == "}":
            return found
        else:
            found.append(quoted or plain)
    return found


def _tracks(table: Sequence[object], size: tuple[int, int]) -> Iterator[tuple[str, dict[int, tuple[float, float]]]]:
    rows = table[2] if len(table) > 2 else []
    for place, row in enumerate(rows if isinstance(rows, list) else []):
        name = str(row[1])
        known = name if name in (*NAMES, *CORNERS) else (*NAMES, *[f"track{n}" for n in range(6, 99)])[place]
        yield known, _keys(row[2:4], size)


def _keys(curves: Sequence[object], size: tuple[int, int]) -> dict[int, tuple[float, float]]:
    """A point by frame from two curves, at their keys alone: frames between keys are not filled."""
    x, y = (_curve(curve) for curve in curves)
    if x.keys() != y.keys():
        raise ValueError("keys of x and y at different frames; bake the animation first")
    return {time: from_nuke((x[time], y[time]), size) for time in x}


def _curve(words: object) -> dict[int, float]:
    """Keys of ``curve x1 10 11 x5 12``: a value without a frame belongs to the frame after the last.

    Raises ValueError on keys between frames, as in ``x1.5``.
    """
    keys: dict[int, float] = {}
    time = 0
    for word in words if isinstance(words, list) else [words]:
        text = str(word)
        if text.startswith("x") and _NUMBER.fullmatch(text[1:]):
            time = frame_number(text[1:])
        elif _NUMBER.fullmatch(text):
            keys[time] = float(text)
            time += 1
    return keys
