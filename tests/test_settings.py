"""The table: every row is complete, every value checked, every name permanent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mobilefaceswap.errors import SettingsError
from mobilefaceswap.settings import GROUPS, FaceChoice, Settings, table

NAMES = Path(__file__).parent / "golden" / "setting_names.json"


def test_every_row_says_what_a_front_needs():
    for row in table(host=True):
        assert row.label, row.name
        assert row.hint.endswith("."), row.name
        assert row.group in GROUPS
        assert row.check(row.default) == row.default
        if row.kind == "choice":
            assert row.default in row.entries
        if row.kind in ("integer", "double"):
            assert row.minimum < row.maximum


def test_help_and_hosts_show_the_defaults_that_a_run_with_the_pack_that_ships_uses(base_pack):
    assert Settings.from_mapping(base_pack.defaults) == Settings()


def test_script_names_are_permanent():
    published = json.loads(NAMES.read_text())
    assert [name for name in published if name not in {row.name for row in table(host=True)}] == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mix", 1.5, "from 0 to 1"),
        ("mix", float("nan"), "from 0 to 1"),
        ("mix", "much", "from 0 to 1"),
        ("face_index", 0.5, "whole number"),
        ("face_choice", "tallest", "largest, index, nearest, reference, all, person"),
        ("enable", "perhaps", "true or false"),
    ],
)
def test_a_value_outside_its_range_is_refused_by_name(name, value, expected):
    with pytest.raises(SettingsError, match=name) as refusal:
        Settings(**{name: value})
    assert expected in str(refusal.value)


def test_an_unknown_name_is_refused():
    with pytest.raises(SettingsError, match="matte_father"):
        Settings.from_mapping({"matte_father": 3})


def test_values_take_the_type_of_their_row():
    settings = Settings.from_mapping({"face_choice": "all", "mix": 1, "face_index": 2.0})
    assert settings.face_choice is FaceChoice.ALL
    assert isinstance(settings.mix, float)
    assert isinstance(settings.face_index, int)
