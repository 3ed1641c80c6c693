"""Ranges of frames as editors type them."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from media_made import copied, make_clip
from mobilefaceswap.cli.clips import exact_rate
from mobilefaceswap.cli.range import frame_range
from mobilefaceswap.errors import UserInputError
from mobilefaceswap.media import open_clip
from mobilefaceswap.media.declared import Timing
from mobilefaceswap.render_shot import span_of


def clip(
    first: int = 0,
    last: int = 99,
    rate: float | None = 25,
    timecode: str | None = None,
    timing: Timing | None = None,
) -> SimpleNamespace:
    rate = None if rate is None else Fraction(rate).limit_denominator(1001)
    declared = SimpleNamespace(timing=timing)
    return SimpleNamespace(path="shot.mov", first=first, last=last, frame_rate=rate, timecode=timecode, format=declared)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, range(100)),
        ("42", range(42, 43)),
        ("10-20", range(10, 21)),
        ("10:20", range(10, 21)),
        (" 10-20 ", range(10, 21)),
        ("10-", range(10, 100)),
        ("10:", range(10, 100)),
        ("-10", range(11)),
        (":10", range(11)),
        ("0-99", range(100)),
        ("10-20x5", range(10, 21, 5)),
        ("10-x30", range(10, 100, 30)),
        ("-x50", range(0, 100, 50)),
        ("00:00:01:00", range(25, 26)),
        ("00:00:01:00-00:00:02:00", range(25, 51)),
        ("00:00:01:00:00:00:02:00", range(25, 51)),
        ("00:00:03:00-", range(75, 100)),
        ("-00:00:01:00", range(26)),
        ("10-00:00:01:00", range(10, 26)),
    ],
)
def test_a_range_is_read(text, expected):
    assert frame_range(text, clip()) == expected


@pytest.mark.parametrize(
    "text", ["", "-", ":", "x2", "20-10", "0-100", "-1-5", "10-20x0", "10--20", "ten", "1,5", "1-2-3"]
)
def test_anything_else_is_refused_with_the_frames_there_are(text):
    with pytest.raises(UserInputError, match="0-99"):
        frame_range(text, clip())


def test_numbers_of_a_sequence_are_its_own():
    assert frame_range("1001-1010", clip(1001, 1100)) == range(1001, 1011)
    assert frame_range("-5:-1", clip(-9, 9)) == range(-5, 0)
    with pytest.raises(UserInputError, match="1001-1100"):
        frame_range("1-10", clip(1001, 1100))


def test_a_timecode_counts_from_the_clips_own():
    assert frame_range("01:00:02:00-", clip(timecode="01:00:00:00")) == range(50, 100)
    with pytest.raises(UserInputError, match="begins at 01:00:00:00"):
        frame_range("00:59:59:24", clip(timecode="01:00:00:00"))


def test_drop_frame_timecode_leaves_out_its_numbers():
    """One minute at 29.97 is 1,798 frames behind 00:00:02;00, since ;00 and ;01 of minute 1 do not exist."""
    drop = clip(last=3000, rate=30000 / 1001, timecode="00:00:00;00")
    assert frame_range("00:01:00;02", drop) == range(1800, 1801)


DROP = {"last": 20000, "rate": 30000 / 1001, "timecode": "01:00:00;00"}
PLAIN = {**DROP, "timecode": "01:00:00:00"}


@pytest.mark.parametrize("mark", [":", ";", "."])
@pytest.mark.parametrize(
    ("like", "typed", "frame"),
    [
        (DROP, "01:00:10{}00", 300),
        (DROP, "01:01:00{}02", 1800),
        (DROP, "01:10:00{}00", 17982),
        (PLAIN, "01:00:10{}00", 300),
        (PLAIN, "01:01:00{}00", 1800),
        (PLAIN, "01:10:00{}00", 18000),
        ({**PLAIN, "rate": 25}, "01:01:00{}00", 1500),
    ],
)
def test_a_timecode_counts_as_the_clips_own_whatever_separates_its_frames(like, typed, frame, mark):
    assert frame_range(typed.format(mark), clip(**like)) == range(frame, frame + 1)
    assert frame_range(typed.replace(":", mark).format(mark), clip(**like)) == range(frame, frame + 1)


@pytest.mark.parametrize(("typed", "frame"), [("00:01:00;02", 1800), ("00:01:00:02", 1802)])
def test_where_a_clip_has_no_timecode_it_counts_as_typed(typed, frame):
    assert frame_range(typed, clip(last=3000, rate=30000 / 1001)) == range(frame, frame + 1)
    assert frame_range("00:01:00;02", clip(last=3000, rate=25)) == range(1502, 1503), "25 frames/s know no drop frame"


@pytest.mark.parametrize(
    ("like", "typed", "said"),
    [
        (PLAIN, "01:00:10:77", "non-drop frame at 29.97 frames/s: minutes and seconds to 59, frames to 29; found '01"),
        (DROP, "01:00:10:30", " drop frame at 29.97 frames/s"),
        (DROP, "01:01:00;01", "frames to 29, where each minute but the tenth begins with 02; found '01:01:00;01'"),
        ({**DROP, "rate": 60000 / 1001}, "01:01:00;03", "frames to 59, where each minute but the tenth begins with 04"),
        (PLAIN, "01:00:60:00", "found '01:00:60:00'"),
        (PLAIN, "01:00:10:77-", "found '01:00:10:77'"),
    ],
)
def test_a_timecode_that_does_not_exist_is_refused(like, typed, said):
    with pytest.raises(UserInputError) as refused:
        frame_range(typed, clip(**like))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("like", "typed", "found"),
    [
        ({"last": 47, "rate": 24, "timecode": "23:59:59:00"}, "00:00:00:05-", range(29, 48)),
        ({**DROP, "timecode": "23:59:59;00"}, "00:00:00;05-00:01:00;02", range(35, 1831)),
    ],
)
def test_a_clip_may_last_past_midnight(like, typed, found):
    assert frame_range(typed, clip(**like)) == found
    with pytest.raises(UserInputError, match="begins at 23:59:59"):
        frame_range("23:59:58:20-", clip(**like))


def varying(left_out: set[int], frames: int, tick: int, base: Fraction) -> dict:
    """A clip that shows frames for ``tick`` ``base`` seconds, some of which it left out, as a phone does."""
    kept = [number for number in range(frames) if number not in left_out]
    gaps = [after - before for before, after in pairwise([*kept, frames])]
    timing = Timing(base, tuple(tick * number for number in kept), tuple(tick * gap for gap in gaps))
    return {"last": len(kept) - 1, "rate": len(kept) / timing.duration, "timing": timing}


@pytest.mark.parametrize(
    ("typed", "frame"), [("04", 4), ("05", 4), ("06", 5), ("08", 7), ("09", 7), ("10", 8), ("29", 27)]
)
@pytest.mark.parametrize(
    ("tick", "base", "timecode"),
    [
        (3003, Fraction(1, 90000), "01:00:00;"),
        (3000, Fraction(1, 90000), "01:00:00:"),
        (1001, Fraction(1, 30000), "01:00:00:"),
        (20, Fraction(1, 600), "01:00:00:"),
    ],
)
def test_variable_timing_is_counted_by_time(typed, frame, tick, base, timecode):
    like = clip(**varying({5, 9}, 30, tick, base), timecode=f"{timecode}00")
    assert frame_range(timecode + typed, like) == range(frame, frame + 1)
    with pytest.raises(UserInputError, match=r"within 0-27 "):
        frame_range("01:00:01:00", like)
    with pytest.raises(UserInputError, match=rf"at {float(1 / (tick * base)):.5g} frames/s: .* frames to 29[;,]"):
        frame_range(f"{timecode}30", like)


def test_a_piece_of_variable_timing_begins_at_the_timecode_of_its_first_frame(tmp_path: Path):
    shown = [1001 * number for number in range(32) if number not in (5, 9)]
    base = Fraction(1, 30000)
    source = make_clip(
        tmp_path / "in.mov", frames=30, rate=1 / (1001 * base), stamps=shown, base=base, timecode="01:00:00;00", step=4
    )
    with open_clip(source) as whole, open_clip(copied(source, tmp_path / "whole.mov")) as copy:
        assert whole.frame_rate < 29
        assert copy.timecode == whole.timecode == "01:00:00;00"
        assert copy.format.timing.stamps == whole.format.timing.stamps
    with open_clip(copied(source, tmp_path / "piece.mov", (10, 20))) as piece:
        assert piece.timecode == "01:00:00;12"


@pytest.mark.parametrize(
    ("typed", "rate"),
    [
        ("25", 25),
        (" 24000/1001 ", Fraction(24000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("24.0", 24),
        ("10.0", 10),
        ("8.0", 8),
        ("0.005", Fraction(1, 200)),
        ("119.88", Fraction(120000, 1001)),
        (None, None),
    ],
)
def test_a_rate_as_typed_is_exact(typed, rate):
    assert exact_rate(typed) == rate


@pytest.mark.parametrize("typed", ["0", "1/0", "-25", "29,97", "25fps", "1e3", "1001", ""])
def test_a_rate_that_is_none_is_refused(typed):
    with pytest.raises(UserInputError, match=re.escape(f"23.976 or 24000/1001, and at most 1000; found {typed!r}")):
        exact_rate(typed)


def test_a_timecode_needs_a_frame_rate():
    with pytest.raises(UserInputError, match="no frame rate"):
        frame_range("00:00:01:00-", clip(rate=None))


@pytest.mark.parametrize(
    ("times", "typed"), [([5], "5-5"), ([5, 6], "5-6"), ([-4, -1, 2], "-4-2x3"), ([1, 2, 4], "1-4"), ([1, 3], "1-3x2")]
)
def test_what_is_left_of_a_range_is_told_as_it_is_typed(times, typed):
    assert span_of(times) == typed
    assert {*times} <= {*frame_range(typed, clip(first=-10))}
