"""The benchmark's own arithmetic, and that it measures what it says. No figure of it is tested: machines differ."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from media_made import luma
from mobilefaceswap.demo.bench.bare import transcode
from mobilefaceswap.demo.bench.bridge import _render
from mobilefaceswap.demo.bench.clips import write_clip
from mobilefaceswap.demo.bench.marks import Mark, Spread, markdown, ratios, spread
from mobilefaceswap.demo.bench.networks import _operations, _simswap
from mobilefaceswap.demo.bench.process import measured
from mobilefaceswap.demo.bench.report import measure
from mobilefaceswap.demo.bench.shots import Bench
from mobilefaceswap.errors import EngineError, UserInputError
from mobilefaceswap.media import open_clip


def test_ratios_are_taken_pair_by_pair() -> None:
    # The machine was twice as slow in the second round, for both.
    assert ratios([3.0, 6.0, 5.0], [2.0, 4.0, 4.0]) == Spread(1.5, 1.25, 1.5)


@pytest.mark.parametrize(("value", "at_least", "holds"), [(1.5, False, True), (1.6, False, False), (1.6, True, True)])
def test_a_mark_says_whether_it_holds(value: float, at_least: bool, holds: bool) -> None:
    mark = Mark("a / b", spread([value]), 1.5, at_least=at_least)
    assert mark.holds is mark.document()["holds"] is holds
    assert ("| yes |" in markdown([mark])) is holds


def test_frames_that_the_bridge_does_not_render_are_not_measured() -> None:
    node = SimpleNamespace(render=lambda plate, layout: (status, plate), persistent="no engine")
    status = 0
    _render(node, np.zeros((2, 2, 4), np.float32))
    status = 1
    with pytest.raises(EngineError, match="no engine"):
        _render(node, np.zeros((2, 2, 4), np.float32))


def test_a_process_is_measured_whole() -> None:
    hungry = "import time\nkept = bytearray(200 << 20)\nwhile time.process_time() < 0.3: pass\nprint('done')"
    busy, idle = measured([sys.executable, "-c", hungry]), measured([sys.executable, "-c", ""])
    assert busy.output == "done\n"
    assert busy.wall >= busy.processor * 0.9 >= 0.2
    if sys.platform != "win32":
        assert busy.peak > 200 > idle.peak > 0


def test_modules_are_compiled_once_and_not_at_every_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "compiled.py").write_text("")
    measured([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import compiled"])
    assert list(tmp_path.rglob("compiled.*.pyc"))


def test_a_command_that_fails_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="end with 0; found 3"):
        measured([sys.executable, "-c", "raise SystemExit(3)"])


def test_the_bare_transcode_keeps_every_frame(tmp_path: Path) -> None:
    shot = write_clip(tmp_path / "shot.mp4", (192, 108), 9)
    lossless = {"codec": "libx264", "pix_fmt": "yuv420p", "options": {"qp": "0"}}
    transcode(str(shot), str(tmp_path / "bare.mp4"), lossless)
    assert np.array_equal(luma(tmp_path / "bare.mp4"), luma(shot))


def test_the_yardstick_uses_the_encoder_of_the_swap(tmp_path: Path) -> None:
    shot = write_clip(tmp_path / "shot.mp4", (192, 108), 2)
    *_, described = Bench(shot, tmp_path / "a.idn", tmp_path, 2, 1).bare()
    assert json.loads(described) == {
        "codec": "libx264",
        "pix_fmt": "yuv420p",
        "options": {"crf": "16", "preset": "veryfast"},
    }


def test_four_faces_share_a_picture_of_the_same_size(tmp_path: Path) -> None:
    with open_clip(write_clip(tmp_path / "crowd.mp4", (320, 180), 2, faces=4)) as clip:
        assert clip.size == (320, 180)
        quarters = clip.frame(0).pixels.reshape(2, 90, 2, 160, 3)
    assert np.abs(quarters[0, :, 0] - quarters[1, :, 1]).mean() < 0.02


def test_operations_are_counted() -> None:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 4, 4, 4])
    weights = numpy_helper.from_array(np.zeros((4, 3, 3, 3), np.float32), "w")
    node = helper.make_node("Conv", ["image", "w"], ["out"], pads=[1, 1, 1, 1], strides=[2, 2])
    model = helper.make_model(helper.make_graph([node], "g", [image], [out], [weights]))
    assert _operations(model.SerializeToString()) == 4 * 4 * 4 * 3 * 3 * 3


def test_the_large_network_has_the_size_of_simswap() -> None:
    model = onnx.load_from_string(_simswap())
    onnx.checker.check_model(model)
    assert 46e9 < _operations(model.SerializeToString()) < 50e9


def test_an_unknown_revision_or_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match="no-such-revision to be a revision"):
        measure(("start",), clip=tmp_path / "never-opened.mp4", against="no-such-revision", say=pytest.fail)
    with pytest.raises(UserInputError, match="found speed"):
        measure(("speed",))
