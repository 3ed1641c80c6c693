"""What must never happen in somebody's host: a crash, a hang, a leak, an unswapped frame that looks finished."""

from __future__ import annotations

import os
import select
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bundles import MAGENTA, is_failure_picture, own_copy, rendered
from mobilefaceswap.ofx.host import Host, Layout
from mobilefaceswap.ofx.host.suites import Suites
from mobilefaceswap.ofx.install import BUNDLE, binary_of, install, uninstall
from mobilefaceswap.settings import OUTPUTS


def engines(parent: int) -> list[int]:
    """Processes of the engine whose parent is ``parent``; the dead ones that nobody asked for, too."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                found.append(int(entry.name))
    return found


def script(folder: Path, body: str) -> str:
    """An interpreter that is none: runs ``body`` with the bridge's socket under number 3."""
    place = folder / "interpreter"
    place.write_text(f"#!{sys.executable}\n" + textwrap.dedent(body))
    place.chmod(place.stat().st_mode | stat.S_IXUSR)
    return str(place)


def test_without_a_source_the_frame_fails_with_advice(effects, plate) -> None:
    node = effects[0].create()
    status, output = node.render(plate)
    assert status == 1
    assert "Choose a picture" in node.persistent
    assert is_failure_picture(output)
    assert node.held == 0


@pytest.mark.parametrize("name", ["missing.png", "not an image.png", "damaged.idn"])
def test_an_unreadable_source(effects, plate, tmp_path: Path, name: str) -> None:
    if name != "missing.png":
        (tmp_path / name).write_bytes(b"\0" * 300)
    node = effects[0].create(source=str(tmp_path / name))
    status, output = node.render(plate)
    assert status == 1
    assert name in node.persistent
    assert is_failure_picture(output)


def test_the_message_goes_once_the_frame_is_right(effects, plate, identity) -> None:
    node = effects[0].create()
    node.render(plate)
    node.values["source"] = str(identity)
    assert node.render(plate)[0] == 0
    assert node.persistent == ""


def test_pass_through_where_the_artist_chose_it(effects, plate) -> None:
    node = effects[0].create(engine_failure=1)
    status, output = node.render(plate)
    assert status == 0
    np.testing.assert_array_equal(output, plate)
    assert node.persistent


ODD = Layout(colour_space="house_log")


def test_frames_that_passed_through_are_told_until_they_are_right(effects, plate, identity) -> None:
    node = effects[0].create(source=str(identity), engine_failure=1)
    for moment in (1, 2, 3, 7):
        status, output = node.render(plate, moment, layout=ODD)
        assert (status, node.notice) == (0, "OfxMessageError")
        np.testing.assert_array_equal(output, plate)
        assert node.logged[-1].startswith(f"MobileFaceSwap: frame {moment} passed through unswapped: expected a colour")
    node.render(plate, 8)
    assert node.notice == "OfxMessageWarning"
    assert node.persistent == "MobileFaceSwap: frames passed through unswapped: 1-3, 7"
    for moment in (1, 2, 7):
        node.render(plate, moment)
    assert node.persistent.endswith("unswapped: 3")
    node.render(plate, 3)
    assert (node.persistent, len(node.logged)) == ("", 4)


def test_frames_that_passed_through_stand_beside_what_is_said_of_a_good_one(effects, plate, identity) -> None:
    node = effects[0].create(source=str(identity), engine_failure=1, smoothing=5)
    node.render(plate, 1, layout=ODD)
    node.render(plate, 2)
    assert node.persistent.startswith("MobileFaceSwap: frames passed through unswapped: 1; Smoothing does nothing")


def test_an_edit_takes_frames_that_passed_through_off_the_node(effects, plate, identity) -> None:
    node = effects[0].create(source=str(identity), engine_failure=1)
    node.render(plate, 1, layout=ODD)
    node.render(plate, 2)
    assert node.persistent
    node.edit(mix=0.5)
    node.render(plate, 2)
    assert node.persistent == ""


def test_a_button_leaves_frames_that_passed_through_on_the_node(effects, plate, identity) -> None:
    node = effects[0].create(source=str(identity), engine_failure=1)
    node.render(plate, 1, layout=ODD)
    node.render(plate, 2)
    told = node.persistent
    node.press("clear_cache")
    assert (node.persistent, node.notice) == (told, "OfxMessageWarning") != ("", "")
    node.render(plate, 3, layout=ODD)
    node.press("clear_cache")
    assert node.persistent == "MobileFaceSwap: frames passed through unswapped: 1, 3", "not the error any more"


def test_of_many_frames_that_passed_through_the_first_are_named_and_all_counted(effects, plate, identity) -> None:
    node = effects[0].create(source=str(identity), engine_failure=1)
    for moment in [*range(0, 20, 2), 19]:
        node.render(plate, moment, layout=ODD)
    node.render(plate, 1)
    assert node.persistent.endswith("unswapped: 0, 2, 4, 6, 8, 10, 12, 14, 16, 18-19")
    for moment in (22, 23):
        node.render(plate, moment, layout=ODD)
    node.render(plate, 1)
    assert node.persistent.endswith("unswapped: 0, 2, 4, 6, 8, 10, 12, 14, 16, 18-19, ... (13)")


def test_a_good_frame_hides_none_that_passes_through_meanwhile(
    bundle, environment, plate, identity, tmp_path: Path
) -> None:
    """Between what a good frame finds on the node and what it shows, another thread's frame fails."""
    cleared, meanwhile = Suites._cleared, []

    def failing_meanwhile(suites: Suites, effect: int) -> int:
        if meanwhile:
            thread = threading.Thread(target=meanwhile.pop())
            thread.start()
            thread.join()
        return cleared(suites, effect)

    environment.setattr(Suites, "_cleared", failing_meanwhile)
    swap, matte = Host(binary_of(own_copy(bundle, tmp_path))).effects()
    node = swap.create(source=str(identity), engine_failure=1)
    node.render(plate, 1, layout=ODD)
    meanwhile.append(lambda: node.render(plate, 5, layout=ODD))
    node.render(plate, 1)
    assert not meanwhile, "the other frame has failed"
    assert node.persistent == "MobileFaceSwap: frames passed through unswapped: 5"
    assert [swap.unload(), matte.unload()] == [0, 0]


def test_a_node_that_is_switched_off_has_no_error(effects, plate) -> None:
    node = effects[0].create(source="/nowhere/actor.png")
    node.render(plate)
    assert node.persistent
    node.values["enable"] = 0
    assert node.is_identity(OfxImageEffectPropThumbnailRender=["true"])
    assert node.persistent, "an icon proves nothing"
    assert node.is_identity()
    assert node.persistent == ""


def test_an_edit_takes_the_error_off_the_node(effects, plate) -> None:
    node = effects[0].create(source="/nowhere/actor.png")
    node.render(plate)
    assert node.persistent
    node.edit(mix=0.5)
    assert node.persistent == ""
    node.render(plate)
    assert "/nowhere/actor.png" in node.persistent


@pytest.fixture
def modal(bundle: Path, environment: pytest.MonkeyPatch, tmp_path: Path):
    """Face Swap in a host of OpenFX 1.0 to 1.1: no message stands on a node, each is a dialog."""
    old = Host(binary_of(own_copy(bundle, tmp_path)), without=[("OfxMessageSuite", 2)])
    loaded = old.effects()
    yield loaded[0]
    assert [effect.unload() for effect in loaded] == [0, 0]


def with_broken(plate: np.ndarray, count: int) -> np.ndarray:
    pixels = plate.copy()
    pixels[128, 128 : 128 + count, 0] = np.nan
    return pixels


def test_a_warning_is_one_dialog_however_many_frames_have_it(modal, identity, plate) -> None:
    node = modal.create(source=str(identity))
    for moment, count in enumerate((1, 2, 0, 3, 0, 3)):
        assert node.render(with_broken(plate, count), moment)[0] == 0
    node.edit(mix=0.5)
    node.render(with_broken(plate, 4))
    (told,) = node.messages
    assert "1 broken pixels" in told


def test_an_error_is_one_dialog_until_something_is_chosen(modal, plate) -> None:
    node = modal.create(source="/nowhere/actor.0001.png")
    for number in (1, 2, 2):
        node.values["source"] = f"/nowhere/actor.{number:04}.png"
        assert node.render(plate, number)[0] == 1
    assert len(node.messages) == 1
    for dialogs, chosen in enumerate(({"source": "/nowhere/other.png"}, {"pack": "base-224"}, {"face_choice": 1}), 2):
        node.edit(**chosen)
        for _ in range(2):
            node.render(plate)
        assert len(node.messages) == dialogs
    node.values["source"] = ""
    node.render(plate)
    assert "none is chosen" in node.messages[-1], "another kind"


@pytest.mark.parametrize("engine_failure", [0, 1])
def test_a_drag_opens_no_dialogs(modal, plate, engine_failure: int) -> None:
    node = modal.create(source="/nowhere/actor.png", engine_failure=engine_failure)
    for tick in range(10):
        node.edit(mix=0.5 + tick / 100, smoothing=tick, face_point_x=tick / 10)
        node.render(plate, 1)
    assert len(node.messages) == 1


def test_an_error_that_was_gone_is_another_dialog(modal, identity, plate) -> None:
    node = modal.create(source=str(identity))
    for dialogs in (1, 2):
        for moment in (1, 2):
            node.render(plate, moment, layout=ODD)
        assert len(node.messages) == dialogs
        node.render(plate, 3)


def test_frames_that_passed_through_are_two_dialogs_and_a_line_each_in_the_log(modal, identity, plate) -> None:
    node = modal.create(source=str(identity), engine_failure=1)
    for moment in range(6):
        node.render(plate, moment, layout=ODD if moment % 2 else Layout())
    assert len(node.messages) == 2
    assert len(node.logged) == 3


PASSED = {mode: {"output_mode": number} for number, mode in enumerate(OUTPUTS)} | {"to alpha": {"matte_to_alpha": 1}}


@pytest.mark.parametrize("mode", PASSED)
def test_pass_through_shows_what_a_node_shows_that_is_off(effects, plate, mode: str) -> None:
    """A plate in the place of a matte would be taken for one."""
    status, output = effects[0].create(engine_failure=1, **PASSED[mode]).render(plate)
    off = rendered(effects[0].create(enable=0, **PASSED[mode]), plate)
    assert status == 0
    if mode == "status":
        # The engine's to draw.
        off = np.zeros_like(off)
    # Nobody reads the alpha of what is declared to be opaque.
    channels = 3 if mode in OUTPUTS and OUTPUTS[mode].alpha == "opaque" else 4
    np.testing.assert_array_equal(output[..., :channels], off[..., :channels])


@pytest.mark.parametrize("channels", [1, 4])
def test_pass_through_leaves_the_matte_s_own_effect_empty(effects, plate, channels: int) -> None:
    status, output = effects[1].create(engine_failure=1).render(plate, channels=channels)
    assert (status, output.any()) == (0, False)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16])
def test_pass_through_of_any_depth_has_no_matte(effects, plate, dtype: type) -> None:
    pixels = (np.clip(plate, 0, 1) * (np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1)).astype(dtype)
    status, output = effects[0].create(engine_failure=1, matte_to_alpha=1).render(pixels)
    assert (status, output[..., 3].any()) == (0, False)
    np.testing.assert_array_equal(output[..., :3], pixels[..., :3])


def test_a_message_that_the_host_took_away_comes_back(effects, plate) -> None:
    node = effects[0].create()
    node.render(plate)
    told, node.persistent = node.persistent, ""
    node.render(plate)
    assert node.persistent == told != ""


def test_no_picture_at_the_source(effects) -> None:
    node = effects[0].create()
    status, output = node.render(None)
    assert status == 1
    assert "Source input" in node.persistent
    assert output[0, 0].tolist() in (MAGENTA.tolist(), [0, 0, 0, 1]), "filled by us, not left as it was"


def test_an_aborted_frame_is_no_error(effects, plate, identity) -> None:
    node = effects[0].create(source=str(identity))
    node.abort = True
    status, output = node.render(plate)
    assert status == 0
    assert is_failure_picture(output), "whoever shows an abandoned frame must see that it is one"
    node.abort = False
    assert node.render(plate)[0] == 0
    assert node.persistent == ""


def test_an_engine_killed_between_frames_is_started_again(effects, plate, identity, expected) -> None:
    node = effects[0].create(source=str(identity))
    before = set(engines(os.getpid()))
    node.render(plate)
    (first,) = set(engines(os.getpid())) - before
    os.kill(first, signal.SIGKILL)
    status, output = node.render(plate)
    assert status == 0
    np.testing.assert_array_equal(output, expected(plate).composite)
    assert first not in engines(os.getpid()), "the dead process must be reaped"


def test_an_engine_killed_while_rendering(effects, plate, identity, expected) -> None:
    node = effects[0].create(source=str(identity))
    wanted = expected(plate).composite
    before = set(engines(os.getpid()))
    results: list[bool] = []

    def render() -> None:
        for _ in range(6):
            status, output = node.render(plate)
            results.append(
                (status == 0 and np.array_equal(output, wanted)) or (status == 1 and is_failure_picture(output))
            )

    node.render(plate)
    threads = [threading.Thread(target=render) for _ in range(2)]
    for thread in threads:
        thread.start()
    for engine in set(engines(os.getpid())) - before:
        os.kill(engine, signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert len(results) == 12
    assert all(results), "a frame is right or marked, nothing between"


FALSE_ENGINES = {
    "ends at once": ("import sys; sys.exit('no module named that')", "no module named that"),
    "says nothing": ("import time; time.sleep(60)", "in time"),
    "talks nonsense": (
        """
        import array, os, socket
        control = socket.socket(fileno=3)
        _, rights, _, _ = control.recvmsg(16, socket.CMSG_SPACE(4))
        lane = socket.socket(fileno=array.array('i', rights[0][2])[0])
        lane.sendall(b'nonsense' * 100)
        control.recv(1)
        """,
        "no message of ours",
    ),
}


@pytest.mark.parametrize(("body", "reason"), FALSE_ENGINES.values(), ids=FALSE_ENGINES.keys())
def test_an_engine_that_is_none(effects, plate, environment, tmp_path: Path, body: str, reason: str) -> None:
    environment.setenv("MOBILEFACESWAP_PYTHON", script(tmp_path, body))
    environment.setenv("MOBILEFACESWAP_TIMEOUT", "2")
    before = set(engines(os.getpid()))
    node = effects[0].create()
    started = time.monotonic()
    status, output = node.render(plate)
    assert time.monotonic() - started < 15, "the engine would sleep for a minute"
    assert status == 1
    assert reason in node.persistent
    assert "doctor" in node.persistent
    assert is_failure_picture(output)
    assert set(engines(os.getpid())) <= before, "no process may stay"


def test_no_interpreter(effects, plate, environment) -> None:
    environment.setenv("MOBILEFACESWAP_PYTHON", "/nowhere/python")
    node = effects[0].create()
    assert node.render(plate)[0] == 1
    assert "/nowhere/python" in node.persistent


FOREIGN_ENGINE = """
import array, socket, struct
control = socket.socket(fileno=3)
_, rights, _, _ = control.recvmsg(16, socket.CMSG_SPACE(4))
lane = socket.socket(fileno=array.array('i', rights[0][2])[0])
text = b'expected a bundle of version 9'
lane.sendall(struct.pack('<IHHII', 0x5753464d, 99, {kind}, len(text), 0) + text)
control.recv(1)
"""


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (6, "expected a bundle of version 9"),
        (2, "found version 99. Run `mobilefaceswap ofx install` and start the host again"),
    ],
    ids=["says what failed", "says anything else"],
)
def test_an_engine_of_another_version(effects, plate, environment, tmp_path: Path, kind: int, told: str) -> None:
    environment.setenv("MOBILEFACESWAP_PYTHON", script(tmp_path, FOREIGN_ENGINE.format(kind=kind)))
    node = effects[0].create()
    for _ in range(2):
        status, output = node.render(plate)
        assert (status, is_failure_picture(output)) == (1, True)
        assert node.persistent.endswith(told)


@pytest.mark.parametrize("seconds", ["1e9", "1e300", "inf"])
def test_a_timeout_may_be_as_long_as_one_likes(effects, plate, identity, environment, seconds: str) -> None:
    environment.setenv("MOBILEFACESWAP_TIMEOUT", seconds)
    rendered(effects[0].create(source=str(identity)), plate)


@pytest.mark.parametrize("seconds", ["1e12", "inf"])
def test_memory_may_stay_for_as_long_as_one_likes(effects, plate, identity, environment, seconds: str) -> None:
    """And who waits for the end of that time does nothing else."""
    environment.setenv("MOBILEFACESWAP_MEMORY_IDLE", seconds)
    node, tasks = effects[0].create(source=str(identity)), Path("/proc/self/task")
    before = {task.name for task in tasks.iterdir()}
    rendered(node, plate)
    started = time.monotonic()
    for shift in range(20):
        rendered(node, np.ascontiguousarray(np.roll(plate, shift, axis=1)))
    elapsed = time.monotonic() - started
    ours = [task for task in tasks.iterdir() if task.name not in before]
    # Nanoseconds on a processor come first.
    assert sum(int((task / "schedstat").read_text().split()[0]) for task in ours) < 1e8 * elapsed


@pytest.mark.parametrize("seconds", ["ten", "0", "-1", "nan"])
def test_an_idle_time_that_is_none_is_told_and_ends_no_engine(effects, plate, environment, seconds: str) -> None:
    environment.setenv("MOBILEFACESWAP_ENGINE_IDLE", seconds)
    before = set(engines(os.getpid()))
    node = effects[0].create()
    for _ in range(2):
        assert node.render(plate)[0] == 1
        assert f"expected MOBILEFACESWAP_ENGINE_IDLE to be a number of seconds above 0; found '{seconds}'" in (
            node.persistent
        )
        assert "Traceback" not in node.persistent
    assert len(set(engines(os.getpid())) - before) == 1


@pytest.mark.parametrize("seconds", ["", "1e9", "inf"])
def test_an_engine_may_stay_for_as_long_as_one_likes(effects, plate, identity, environment, seconds: str) -> None:
    environment.setenv("MOBILEFACESWAP_ENGINE_IDLE", seconds)
    node = effects[0].create(source=str(identity))
    assert node.render(plate)[0] == 0
    assert node.persistent == ""


def test_an_engine_without_work_ends(effects, plate, identity, environment) -> None:
    environment.setenv("MOBILEFACESWAP_ENGINE_IDLE", "1")
    before = set(engines(os.getpid()))
    node = effects[0].create(source=str(identity))
    assert node.render(plate)[0] == 0
    (engine,) = set(engines(os.getpid())) - before
    handle = os.pidfd_open(engine)
    try:
        assert select.select([handle], [], [], 20)[0]
    finally:
        os.close(handle)
    assert node.render(plate)[0] == 0, "another one is started"


def test_never_installed(effects, plate, environment) -> None:
    environment.delenv("MOBILEFACESWAP_PYTHON")
    node = effects[0].create()
    assert node.render(plate)[0] == 1
    assert "ofx install" in node.persistent


@pytest.mark.parametrize("suite", ["OfxMessageSuite", "OfxProgressSuite", "OfxTimeLineSuite"])
def test_a_host_without_a_suite(bundle, environment, plate, suite: str) -> None:
    swap, _ = Host(binary_of(bundle), without=[suite]).effects()
    status, output = swap.create().render(plate)
    assert status == 1
    assert is_failure_picture(output)
    swap.unload()


def test_nothing_is_left_in_shared_memory_and_no_descriptor_leaks(effects, plate, identity) -> None:
    swap = effects[0]
    swap.create(source=str(identity)).render(plate)
    before, named = len(os.listdir("/proc/self/fd")), _own_shared_memory()
    for _ in range(20):
        node = swap.create(source=str(identity))
        node.render(plate)
        node.destroy()
    assert len(os.listdir("/proc/self/fd")) <= before
    assert _own_shared_memory() <= named


def _own_shared_memory() -> set[str]:
    """What the plug-in has named there; other programs come and go."""
    return {name for name in os.listdir("/dev/shm") if name.startswith(("mfs", "mobilefaceswap"))}


HOST = """
import os, sys, numpy as np
from pathlib import Path
from mobilefaceswap.ofx.host import Host
swap, _ = Host(Path(sys.argv[1])).effects()
swap.create().render(np.zeros((16, 16, 4), np.float32))
children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
print(children[0], flush=True)
sys.stdin.read()
"""


def test_a_killed_host_takes_the_engine_with_it(bundle, environment) -> None:
    command = [sys.executable, "-c", HOST, str(binary_of(bundle))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        engine = int(host.stdout.readline())
        handle = os.pidfd_open(engine)
        host.kill()
        host.wait()
    try:
        assert select.select([handle], [], [], 10)[0], "the engine must end with its host"
    finally:
        os.close(handle)


def test_install_and_uninstall(bundle, tmp_path: Path) -> None:
    place = install(tmp_path / "OFX", bundle)
    assert place == tmp_path / "OFX" / BUNDLE
    assert f"python={sys.executable}" in (place / "Contents" / "Resources" / "engine.txt").read_text()
    assert install(tmp_path / "OFX", bundle) == place, "a second time replaces the first"
    assert [entry.name for entry in (tmp_path / "OFX").iterdir()] == [BUNDLE]
    uninstall(tmp_path / "OFX")
    assert not place.exists()
