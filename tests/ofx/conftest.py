"""The built bundle in our own host, with an engine that renders with the pack of random numbers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bundles import own_copy
from mobilefaceswap.frame import ColourSpace, Frame
from mobilefaceswap.identity import Identity
from mobilefaceswap.node import FaceSwapNode, RenderResult
from mobilefaceswap.ofx.host import Effect, Host
from mobilefaceswap.ofx.install import binary_of, build
from mobilefaceswap.packs import Pack, find_pack
from mobilefaceswap.settings import Settings
from tiny_pack import make_tiny_pack


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle as this machine's compiler makes it, in a folder with a space in its name."""
    if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        pytest.skip("no C++ compiler")
    return build(tmp_path_factory.mktemp("of x"))


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """The pack of random numbers under the default pack's name, so that the engine takes it."""
    return find_pack(make_tiny_pack(tmp_path_factory.mktemp("packs") / "base-224"))


@pytest.fixture(scope="session")
def plate(astronaut: Frame) -> np.ndarray:
    """(256, 256, 4): a face, values above 1 and below 0, and an alpha that varies."""
    rgb = astronaut.pixels[:256, 96:352] * np.float32(1.3) - np.float32(0.1)
    alpha = np.linspace(0.2, 1, 256, dtype=np.float32)[None].repeat(256, axis=0)
    return np.ascontiguousarray(np.dstack([rgb, alpha]), np.float32)


@pytest.fixture(scope="session")
def identity(grace_hopper: Path, pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared identity's file."""
    place = tmp_path_factory.mktemp("identity") / "an actor.idn"
    FaceSwapNode(grace_hopper, pack=pack).identity.save(place)
    return place


@pytest.fixture
def environment(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The engine is this interpreter, its pack the one of random numbers."""
    monkeypatch.setenv("MOBILEFACESWAP_PYTHON", sys.executable)
    monkeypatch.setenv("MOBILEFACESWAP_PACKS", str(pack.folder.parent))
    return monkeypatch


@pytest.fixture
def effects(bundle: Path, environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Effect, Effect]]:
    """Face Swap and Face Matte, loaded for this test alone: a copy of the binary has its own state."""
    swap, matte = Host(binary_of(own_copy(bundle, tmp_path))).effects()
    yield swap, matte
    assert swap.unload() == 0
    assert matte.unload() == 0


@pytest.fixture(scope="session")
def expected(identity: Path, pack: Pack):
    """What the Python node makes of a plate as the bridge declares it, by default with the settings of a new node."""
    node = FaceSwapNode(Identity.load(identity), pack=pack)

    def render(pixels: np.ndarray, settings: Settings | None = None, **declared: object) -> RenderResult:
        inside, outside = declared.pop("inside", None), declared.pop("outside", None)
        frame = Frame(np.ascontiguousarray(pixels, np.float32), ColourSpace.REC709, **declared)
        return node.render(0, settings or Settings(), frame, inside=inside, outside=outside)

    return render
