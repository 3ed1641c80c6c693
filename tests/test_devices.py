"""What swapping networks run on: chosen, never silently another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from commands import run
from mobilefaceswap import runtime
from mobilefaceswap.cache import opened
from mobilefaceswap.cli.doctor import examined
from mobilefaceswap.engine.session import Session
from mobilefaceswap.errors import PackError, UserInputError
from mobilefaceswap.runtime import DEVICES, network_device, on_device
from mobilefaceswap.settings import table

SMALL = runtime._SMALL_MODEL


@pytest.fixture(autouse=True)
def nothing_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOBILEFACESWAP_DEVICE", raising=False)
    opened.forget("device")


@pytest.fixture
def broken_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build of ONNX Runtime that offers CUDA, on a machine that has none."""
    monkeypatch.setattr(runtime, "available_providers", lambda: ("CUDAExecutionProvider", "CPUExecutionProvider"))


def test_what_devices_are_tried_with_is_what_the_onnx_library_writes() -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "small", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    assert onnx.load_from_string(SMALL) == model


def test_without_a_choice_a_device_is_found() -> None:
    session = on_device(SMALL)
    assert session.run({"x": np.array([1.5], np.float32)})["y"] == 3
    assert any(session.providers[: len(names)] == names for names in DEVICES.values())


def test_a_device_that_is_named_is_used_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, providers in DEVICES.items():
        monkeypatch.setenv("MOBILEFACESWAP_DEVICE", name)
        if {*providers} <= {*runtime.available_providers()}:
            assert on_device(SMALL).providers[0] == providers[0]
        else:
            with pytest.raises(PackError, match=rf"{providers[0]}.*--device"):
                on_device(SMALL)


def test_a_device_that_cannot_run_is_never_replaced_silently(
    monkeypatch: pytest.MonkeyPatch, broken_driver: None
) -> None:
    assert on_device(SMALL).providers == ("CPUExecutionProvider",)
    assert network_device() == "cpu (cuda failed: check the driver)"
    assert network_device() in Session().describe()
    assert examined()["device"] == "cpu (cuda failed: check the driver), asked for auto"
    monkeypatch.setenv("MOBILEFACESWAP_DEVICE", "cuda")
    with pytest.raises(PackError, match="CUDAExecutionProvider"):
        on_device(SMALL)
    report = examined()
    assert report["device"] == "none"
    assert any("CUDAExecutionProvider" in problem for problem in report["problems"])


def test_a_host_s_choices_are_the_devices() -> None:
    (row,) = (row for row in table(host=True) if row.name == "device")
    assert row.entries.keys() == {runtime.AUTOMATIC, *DEVICES}


def test_a_node_s_own_device_wins(monkeypatch: pytest.MonkeyPatch, broken_driver: None) -> None:
    for device in ("auto", "cpu", "cuda"):
        monkeypatch.setenv("MOBILEFACESWAP_DEVICE", device)
        assert network_device("cpu") == "cpu"
        assert on_device(SMALL, "cpu").providers == ("CPUExecutionProvider",)
        with pytest.raises(PackError, match=r"CUDAExecutionProvider.*Device in a host"):
            on_device(SMALL, "cuda")


def test_an_unknown_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBILEFACESWAP_DEVICE", "abacus")
    with pytest.raises(UserInputError, match=r"auto, cuda.*found 'abacus'"):
        network_device()


def test_the_command_line_says_what_ran(shot: Path, grace_hopper: Path, tmp_path: Path) -> None:
    words = ("swap", shot, "-s", grace_hopper, "-o", tmp_path / "ran.mp4", "--range", "0-1", "--no-disk-cache")
    done = run(*words, "--device", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["network_ran_on"].endswith("CPUExecutionProvider"), done.stderr
    wrong = run(*words, "-y", "--device", "abacus")
    assert (wrong.returncode, "abacus" in wrong.stderr) == (2, True)
