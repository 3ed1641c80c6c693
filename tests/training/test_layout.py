"""The folders of the recipe: which imports which, how much there is to read, and that documented commands exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[2] / "models"
IMPORTS = {
    "training": set(),
    "conversion": {"training"},
    "evaluation": {"training"},
    "release": {"training", "conversion"},
}
"""For each folder those beside it that it may import."""
MOST_LINES = 2000
"""Of Python in `training`: what can be read in an evening."""


def imported(file: Path) -> set[str]:
    """The folders that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: name the folder, so that it can be seen who imports whom"
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
    return found & set(IMPORTS)


@pytest.mark.parametrize("folder", IMPORTS)
def test_imports_go_one_way(folder: str) -> None:
    files = sorted((MODELS / folder).glob("*.py"))
    assert len(files) > 2
    for file in files:
        assert imported(file) <= IMPORTS[folder] | {folder}, file


def test_the_training_folder_can_be_read_in_an_evening() -> None:
    lines = sum(len(file.read_text("utf-8").splitlines()) for file in (MODELS / "training").rglob("*.py"))
    assert lines <= MOST_LINES


@pytest.mark.parametrize("folder", IMPORTS)
def test_commands_of_the_readme_name_modules_options_and_files_that_exist(folder: str) -> None:
    text = (MODELS / folder / "README.md").read_text("utf-8").replace("\\\n", " ")
    commands = re.findall(r"^python -m (\w+)\.(\w+) (.*)$", text, re.MULTILINE)
    assert commands
    for place, module, rest in commands:
        code = (MODELS / place / f"{module}.py").read_text("utf-8")
        words = rest.split("#")[0].split()
        for option in (word for word in words if word.startswith("--") and word != "--help"):
            assert f'"{option}"' in code, f"{folder}: {module} {option}"
        for word in words:
            if word.split("/")[0] in IMPORTS:
                assert (MODELS / word).is_file(), f"{folder}: {word}"
