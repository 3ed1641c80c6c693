"""Colour management of OpenFX 1.5: names of the standard, and those of the host's OpenColorIO configuration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bundles import is_failure_picture
from mobilefaceswap.colour import SPACES, ColourSpace, space_named
from mobilefaceswap.engine.spaces import declared_space
from mobilefaceswap.errors import UserInputError
from mobilefaceswap.frame import Frame
from mobilefaceswap.identity import Identity
from mobilefaceswap.node import FaceSwapNode
from mobilefaceswap.ofx.host import Effect, Instance, Layout
from mobilefaceswap.packs import Pack
from mobilefaceswap.settings import Settings
from test_colour import CONFIG


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A show's configuration, which calls a space of its own as ACES calls another."""
    place = tmp_path / "the show.ocio"
    place.write_text(CONFIG.replace("[house lin]", "[house lin, ACEScg]"))
    return str(place)


@pytest.fixture
def managed(effects: tuple[Effect, Effect], identity: Path, config: str) -> Instance:
    """A node in a host that manages colour with the show's configuration."""
    node = effects[0].create(source=str(identity))
    effects[0].host.sets.sets[node.handle] |= {
        "OfxImageEffectPropColourManagementStyle": ["OfxImageEffectColourManagementOCIO"],
        "OfxImageEffectPropColourManagementConfig": ["ofx-native-v1.5_aces-v1.3_ocio-v2.3"],
        "OfxImageEffectPropOCIOConfig": [config],
    }
    return node


def in_space(identity: Path, pack: Pack, plate: np.ndarray, space: ColourSpace) -> np.ndarray:
    node = FaceSwapNode(Identity.load(identity), pack=pack, settings=Settings())
    return node.render(0, plate=Frame(plate, space)).composite


@pytest.mark.parametrize("name", ["Stage", "house lin", "scene_linear", "ACEScg"])
def test_the_host_s_configuration_says_what_a_name_means(managed, identity, pack, plate, config: str, name) -> None:
    status, output = managed.render(plate, layout=Layout(colour_space=name))
    wanted = in_space(identity, pack, plate, space_named("Stage", config))
    assert (status, managed.persistent) == (0, "")
    assert not np.array_equal(wanted, in_space(identity, pack, plate, SPACES["acescg"]))
    np.testing.assert_array_equal(output, wanted)


@pytest.mark.parametrize(
    ("name", "said"),
    [("lin_ap1_house", "Nearest"), ("depth", "data in"), ("srgb_display", "the show.ocio")],
    ids=["unknown", "data", "the standard's"],
)
def test_what_the_configuration_lacks_is_refused(managed, plate, name: str, said: str) -> None:
    status, output = managed.render(plate, layout=Layout(colour_space=name))
    assert status == 1
    assert is_failure_picture(output)
    for word in (name, said, "Working Space"):
        assert word in managed.persistent


def test_a_configuration_that_is_gone_is_refused_by_its_path(managed, plate, config: str) -> None:
    Path(config).unlink()
    assert managed.render(plate, layout=Layout(colour_space="Stage"))[0] == 1
    assert config in managed.persistent


def test_a_family_needs_no_place_in_the_configuration(managed, identity, pack, plate) -> None:
    status, output = managed.render(plate, layout=Layout(colour_space="ofx_scene_linear"))
    assert (status, managed.notice) == (0, "OfxMessageWarning")
    np.testing.assert_array_equal(output, in_space(identity, pack, plate, ColourSpace.LINEAR))


def test_other_space_is_looked_for_in_the_host_s_configuration(managed, identity, pack, plate, config: str) -> None:
    managed.values["other_space"] = "house lin"
    status, output = managed.render(plate, layout=Layout(colour_space="curve"))
    assert (status, managed.persistent) == (0, "")
    np.testing.assert_array_equal(output, in_space(identity, pack, plate, space_named("Stage", config)))


def test_the_node_s_own_configuration_wins_for_other_space(managed, identity, pack, plate, tmp_path: Path) -> None:
    own = tmp_path / "own.ocio"
    own.write_text(
        CONFIG.replace("matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2,", "matrix: [3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3,")
    )
    managed.values |= {"other_space": "house lin", "ocio_config": str(own)}
    output = managed.render(plate, layout=Layout(colour_space="Stage"))[1]
    np.testing.assert_array_equal(output, in_space(identity, pack, plate, space_named("Stage", str(own))))


def test_other_space_is_looked_for_in_ocio_where_the_host_manages_no_colour(
    effects, environment, identity, pack, plate, config: str
) -> None:
    environment.setenv("OCIO", config)
    node = effects[0].create(source=str(identity), other_space="house lin")
    assert node.render(plate)[0] == 0
    output = node.render(plate)[1]
    np.testing.assert_array_equal(output, in_space(identity, pack, plate, space_named("Stage", config)))


def test_buttons_know_the_host_s_configuration(managed) -> None:
    managed.values["other_space"] = "house lin"
    assert managed.press("prepare_identity") == 0
    assert managed.persistent == ""


def test_names_of_the_standard_do_not_depend_on_ocio(monkeypatch: pytest.MonkeyPatch, config: str) -> None:
    monkeypatch.setenv("OCIO", config)
    assert declared_space("lin_ap1", "", ColourSpace.REC709) == (SPACES["acescg"], "")
    for name in ("house lin", "ofx_raw", "Raw"):
        with pytest.raises(UserInputError, match=name):
            declared_space(name, "", ColourSpace.REC709)
