"""Whole shots."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from drawn import DrawnClip
from media_made import luma
from mobilefaceswap.errors import MediaError
from mobilefaceswap.frame import Frame
from mobilefaceswap.media import Writer, create_output, open_clip
from mobilefaceswap.node import FaceSwapNode
from mobilefaceswap.render_shot import ShotProgress, render_shot
from mobilefaceswap.settings import Settings


class _Kept(Writer):
    """A writer that keeps what it is given."""

    def __init__(self, there: tuple[int, ...] = (), fails_at: int = -1) -> None:
        self.there, self.fails_at = there, fails_at
        self.frames: list[tuple[int, np.ndarray]] = []

    def has(self, time: int) -> bool:
        return time in self.there

    def write(self, time: int, pixels: np.ndarray, layers: object = None) -> None:
        if time == self.fails_at:
            raise MediaError("expected room; the disk is full")
        self.frames.append((time, pixels))

    def close(self) -> None: ...

    def abandon(self) -> None: ...

    @property
    def times(self) -> list[int]:
        return [time for time, _ in self.frames]


class _Damaged(DrawnClip):
    """Frame 9 cannot be decoded."""

    def frame(self, time: int) -> Frame:
        if time == 9:
            raise MediaError("expected to decode frame 9; its data are damaged")
        return super().frame(time)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_frames_come_in_order_and_equal_single_renders(node: FaceSwapNode, workers: int) -> None:
    output, matte = _Kept(), _Kept()
    report = render_shot(node, output, range(3, 13), matte=matte, workers=workers)
    assert output.times == matte.times == list(range(3, 13))
    assert report.frames == 10
    for (time, pixels), (_, mask) in zip(output.frames, matte.frames, strict=True):
        single = node.render(time)
        assert np.array_equal(pixels, single.composite)
        assert np.array_equal(mask, single.matte)


def test_progress_and_report_tell_of_every_frame(node: FaceSwapNode) -> None:
    steps: list[ShotProgress] = []
    report = render_shot(node, _Kept(), range(6), progress=steps.append)
    assert [(step.time, step.done, step.total) for step in steps] == [(n, n + 1, 6) for n in range(6)]
    assert all(report.quality[time].faces_found == 1 for time in range(6))
    assert {"faces", "swap", "encode"} <= set(report.stages)


def test_a_damaged_frame_ends_the_shot_behind_what_is_done(node: FaceSwapNode) -> None:
    node.target = _Damaged()
    output = _Kept()
    with pytest.raises(MediaError, match=r"frame 9.*Frames 4 to 8 are written.*--range 10-20"):
        render_shot(node, output, range(4, 21))
    assert output.times == list(range(4, 9))
    with pytest.raises(MediaError, match=r"Frames 3 to 7 are written.*--range 11-19x2$"):
        render_shot(node, _Kept(), range(3, 21, 2))


def test_a_failing_output_ends_the_shot_and_its_threads(node: FaceSwapNode) -> None:
    before = threading.active_count()
    with pytest.raises(MediaError, match="disk is full"):
        render_shot(node, _Kept(fails_at=6), range(21))
    assert threading.active_count() == before


def test_few_frames_are_under_way_at_once(node: FaceSwapNode) -> None:
    pulled = node.target.pulled  # type: ignore[union-attr]
    ahead = []
    alone = Settings(smoothing=0, gap=0, fade=0, deflicker=0)
    render_shot(node, _Kept(), range(24), settings=alone, progress=lambda step: ahead.append(len(pulled) - step.done))
    assert max(ahead) <= 4


def test_interruption_leaves_a_partial_file_that_plays(node: FaceSwapNode, tmp_path: Path) -> None:
    def interrupt(step: ShotProgress) -> None:
        if step.done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), create_output(tmp_path / "out.mp4") as output:
        render_shot(node, output, range(21), progress=interrupt)
    assert not (tmp_path / "out.mp4").exists()
    assert len(luma(tmp_path / "out.partial.mp4")) == 6


def test_a_resumed_sequence_renders_what_is_missing(node: FaceSwapNode, tmp_path: Path) -> None:
    name = tmp_path / "out.####.png"
    with create_output(name) as output:
        render_shot(node, output, range(4))
    stamped = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("out.*")}
    with create_output(name, resume=True) as output:
        report = render_shot(node, output, range(8))
    assert (report.frames, report.skipped) == (4, 4)
    assert output.notes == ("4 finished frames are kept; nobody checked that source and settings were the same",)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("out.000[0-3].png")} == stamped
    with open_clip(name) as clip:
        assert (clip.first, clip.last, clip.missing) == (0, 7, ())


@pytest.mark.parametrize("resume", [False, True])
def test_several_frames_into_one_picture_are_refused_before_the_first(
    node: FaceSwapNode, tmp_path: Path, resume: bool
) -> None:
    name = tmp_path / "out.png"
    with create_output(name) as output:
        render_shot(node, output, [2])
    before = name.read_bytes()
    with create_output(name, resume=resume) as output, pytest.raises(MediaError, match=r"Name it out\.%04d\.png"):
        render_shot(node, output, range(4))
    assert name.read_bytes() == before
