"""Options and what most tests start from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drawn import DrawnClip, MarkerDetector
from mobilefaceswap.demo.samples import AstronautClip
from mobilefaceswap.frame import Frame
from mobilefaceswap.identity import Identity, prepare_identity
from mobilefaceswap.media import create_output
from mobilefaceswap.node import FaceSwapNode
from mobilefaceswap.packs import Pack, find_pack
from tiny_pack import make_tiny_pack


@pytest.fixture(scope="session", autouse=True)
def private_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's cache and data of this run, empty at its start: no test sees what another program or run has kept."""
    home = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        for name in ("CACHE", "DATA", "CONFIG", "STATE"):
            patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
        patch.delenv("MOBILEFACESWAP_PACKS", raising=False)
        yield home


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With ``-n``, tests of one file share a process; so do all that load the bundle, which is built once."""
    for item in items:
        group = "bundle" if item.path.parent.name == "ofx" else item.path.name
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--authors-repo", help="a checkout of the authors' repository, to remake their golden file")


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of further media, which holds clips, faces and portraits."""
    folder = os.environ.get("MOBILEFACESWAP_MEDIA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("MOBILEFACESWAP_MEDIA names no folder with clips, faces and portraits")
    return Path(folder)


@pytest.fixture(scope="session")
def tiny_pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """A complete pack of a few kilobytes whose mask follows the picture."""
    return find_pack(make_tiny_pack(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="session")
def base_pack() -> Pack:
    """The pack that ships."""
    return find_pack("base-224")


@pytest.fixture(scope="session")
def tiny_identity(tiny_pack: Pack) -> Identity:
    """An identity prepared from a drawn picture."""
    return prepare_identity([("drawn", DrawnClip().frame(0))], tiny_pack, MarkerDetector())


@pytest.fixture
def node(tiny_pack: Pack, tiny_identity: Identity) -> FaceSwapNode:
    """A node over the drawn clip, with its own detector and cache."""
    return FaceSwapNode(tiny_identity, DrawnClip(), pack=tiny_pack, faces=MarkerDetector())


@pytest.fixture(scope="session")
def astronaut() -> Frame:
    """scikit-image's portrait of an astronaut (NASA, public domain), 512 x 512."""
    from skimage.data import astronaut

    return Frame(astronaut()[..., :3].astype(np.float32) / 255)


@pytest.fixture(scope="session")
def grace_hopper() -> Path:
    """matplotlib's sample portrait of Grace Hopper (US Navy, public domain)."""
    from matplotlib import get_data_path

    return Path(get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="session")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of the moving astronaut, in a folder whose name is as awkward as users' folders are."""
    folder = tmp_path_factory.mktemp("it's a “shoot” für Zoë")
    plates = AstronautClip((320, 180), frames=12)
    with create_output(folder / "plate one.mp4") as writer:
        for time in range(12):
            writer.write(time, plates.frame(time).pixels)
    return folder / "plate one.mp4"
