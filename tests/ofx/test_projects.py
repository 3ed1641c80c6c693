"""What artists do with a node: undo, copy, delete, open last year's project, install it where they like."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import mobilefaceswap
from bundles import failed, own_copy, python_with, rendered
from mobilefaceswap.cli.ofx import app
from mobilefaceswap.errors import UserInputError
from mobilefaceswap.ofx import install as places
from mobilefaceswap.ofx.host import Effect, Host
from mobilefaceswap.ofx.install import BUNDLE, binary_of
from mobilefaceswap.packs import Pack
from mobilefaceswap.settings import Settings

CHANGED = {"matte_feather": 11.5, "matte_expand": -6.0, "mix": 0.75}


@pytest.mark.parametrize("other", [{"matte_feather": 12.0}, {"plate_detail": 0.0}, {"colour_match": 0.0}])
def test_undo_gives_the_first_frame_again(effects, identity, expected, plate, other: dict[str, float]) -> None:
    node = effects[0].create(source=str(identity))
    first, before = rendered(node, plate), dict(node.values)
    node.values.update(other)
    changed = rendered(node, plate)
    np.testing.assert_array_equal(changed, expected(plate, Settings().replaced(**other)).composite)
    node.values.update(before)
    assert not np.array_equal(first, changed)
    np.testing.assert_array_equal(rendered(node, plate), first)


def test_a_copy_goes_its_own_way(effects, identity, expected, plate) -> None:
    node = effects[0].create(source=str(identity), **CHANGED)
    first = rendered(node, plate)
    copy = effects[0].create(**node.values)
    np.testing.assert_array_equal(rendered(copy, plate), first)
    copy.values["matte_expand"] = 8.0
    want = expected(plate, Settings().replaced(**{**CHANGED, "matte_expand": 8.0})).composite
    assert not np.array_equal(want, first)
    np.testing.assert_array_equal(rendered(copy, plate), want)
    np.testing.assert_array_equal(rendered(node, plate), first)


class Meanwhile:
    """Stands for a host's answer "go on": while the effect asks, something else happens once."""

    def __init__(self, happens) -> None:
        self.happens, self.done = happens, False

    def __int__(self) -> int:
        if not self.done:
            self.done = True
            self.happens()
        return 0


def test_a_copy_may_be_deleted_while_the_other_renders(effects, identity, expected, plate) -> None:
    node, copy = (effects[0].create(source=str(identity)) for _ in range(2))
    deleted: list[int] = []

    def delete() -> None:
        thread = threading.Thread(target=lambda: deleted.append(copy.destroy()))
        thread.start()
        thread.join()

    # The engine starts with the first frame: the host is asked more than once whether to go on.
    node.abort = Meanwhile(delete)
    np.testing.assert_array_equal(rendered(node, plate), expected(plate).composite)
    assert deleted == [0]
    np.testing.assert_array_equal(rendered(node, plate), expected(plate).composite)


@pytest.mark.parametrize("kind", ["identity file", "picture"])
def test_a_project_whose_source_is_gone(effects, identity, grace_hopper, plate, tmp_path: Path, kind: str) -> None:
    original = identity if kind == "identity file" else grace_hopper
    place = tmp_path / f"the {kind}{original.suffix}"
    shutil.copy(original, place)
    node = effects[0].create(source=str(place), **CHANGED)
    wanted, stored = rendered(node, plate), dict(node.values)
    place.rename(tmp_path / "elsewhere")
    reopened = effects[0].create(**stored)
    for _ in range(2):
        message = failed(reopened, plate)
        assert str(place) in message
        assert "Choose it again" in message
        assert reopened.values == stored
    (tmp_path / "elsewhere").rename(place)
    np.testing.assert_array_equal(rendered(reopened, plate), wanted)


@pytest.fixture
def packs(pack: Pack, environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder where the engine looks for packs: it is no checkout and has none of its own."""
    package = Path(mobilefaceswap.__file__).parent
    shutil.copytree(package, tmp_path / "site" / package.name, ignore=shutil.ignore_patterns("models", BUNDLE))
    folder = tmp_path / "model packs"
    shutil.copytree(pack.folder, folder / "base-224")
    environment.setenv("MOBILEFACESWAP_PYTHON", python_with(tmp_path / "site"))
    environment.setenv("MOBILEFACESWAP_PACKS", str(folder))
    environment.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return folder


@pytest.fixture
def swap(bundle: Path, packs: Path, tmp_path: Path):
    """Face Swap with an engine that starts with ``packs``."""
    loaded = Host(binary_of(own_copy(bundle, tmp_path))).effects()
    yield loaded[0]
    for effect in loaded:
        assert effect.unload() == 0


@pytest.mark.parametrize("lost", ["base-224", "base-224/idn.onnx"], ids=["the pack", "a file of it"])
@pytest.mark.parametrize("running", [True, False], ids=["while the engine runs", "before it starts"])
def test_a_project_whose_pack_is_gone(
    swap: Effect, packs: Path, identity: Path, expected, plate, tmp_path: Path, lost: str, running: bool
) -> None:
    node = swap.create(source=str(identity), **CHANGED)
    if running:
        rendered(node, plate)
    stored = dict(node.values)
    (packs / lost).rename(tmp_path / "elsewhere")
    for _ in range(2):
        message = failed(node, plate)
        assert Path(lost).name in message
        assert str(packs) in message
        assert "reinstall" in message
        assert node.values == stored
    (tmp_path / "elsewhere").rename(packs / lost)
    np.testing.assert_array_equal(rendered(node, plate), expected(plate, Settings().replaced(**CHANGED)).composite)


@pytest.fixture
def shot(astronaut, tmp_path: Path) -> Path:
    """A picture with a face."""
    place = tmp_path / "a shot.png"
    cv2.imwrite(str(place), np.rint(255 * astronaut.pixels[:256, 96:352, ::-1]))
    return place


@pytest.fixture
def installation(bundle: Path, environment: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine whose every place for plug-ins has a space in its name and is empty; the record alone counts."""
    environment.delenv("MOBILEFACESWAP_PYTHON")
    environment.delenv("OFX_PLUGIN_PATH", raising=False)
    environment.setenv("HOME", str(tmp_path / "an artist"))
    environment.setattr(places, "system_folder", lambda: tmp_path / "every user" / "OFX" / "Plugins")
    environment.setattr(places, "_own_bundle", lambda: bundle)
    return environment


WHERE = {"--user": ["--user"], "--system": ["--system"], "the default": [], "--dir": ["--dir", "my plug ins"]}


@pytest.mark.parametrize("options", WHERE.values(), ids=WHERE.keys())
def test_check_passes_after_an_installation(installation, identity, shot, tmp_path: Path, options: list[str]) -> None:
    installation.chdir(tmp_path)
    installed = CliRunner().invoke(app, ["install", *options])
    assert installed.exit_code == 0, installed.output
    (place,) = tmp_path.rglob(BUNDLE)
    assert " " in str(place.relative_to(tmp_path))
    given = options if "--dir" in options else []
    checked = CliRunner().invoke(app, ["check", *given, "--source", str(identity), "--plate", str(shot)])
    assert checked.exit_code == 0, (checked.output, checked.exception)
    assert f"bundle: {place.relative_to(tmp_path) if given else place}\n" in checked.output
    assert checked.output.endswith("bit for bit\n")


def test_a_place_that_only_an_administrator_may_write_is_named(installation) -> None:
    # Nobody writes there, the administrator included.
    installation.setattr(places, "system_folder", lambda: Path("/proc/nobody"))
    installation.setattr(places, "user_folder", lambda: Path("/proc/nobody/user"))
    for folder, way in (("--system", "Use --user"), ("--user", "name another with --dir")):
        refused = CliRunner().invoke(app, ["install", folder])
        assert isinstance(refused.exception, UserInputError)
        assert "/proc/nobody" in str(refused.exception)
        assert way in str(refused.exception)
