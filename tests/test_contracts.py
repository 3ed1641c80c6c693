"""Promises between rooms and to users: public names, direction of imports, one runtime module, README that runs."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mobilefaceswap
from media_made import make_clip
from mobilefaceswap import errors
from mobilefaceswap.demo.samples import AstronautClip
from mobilefaceswap.media import create_output

PACKAGE = Path(mobilefaceswap.__file__).parent
README = PACKAGE.parents[1] / "README.md"

ROOMS = [
    ["errors", "files", "folders", "threads", "colour"],
    ["settings", "frame", "cache"],
    ["packs", "media"],
    ["geometry", "runtime"],
    ["faces", "swap"],
    ["exchange", "identity", "look"],
    ["node"],
    ["analyse_clip", "render_shot", "convert"],
    ["demo", "cli", "engine", "ofx"],
]
RANK = {name: rank for rank, names in enumerate(ROOMS) for name in names}


def imported_rooms(path: Path) -> set[str]:
    """Names of the rooms that a module of the package imports."""
    depth = len(path.relative_to(PACKAGE).parts)
    rooms = set()
    for item in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(item, ast.ImportFrom) and item.level == depth:
            rooms |= {item.module.split(".")[0]} if item.module else {alias.name for alias in item.names}
    return rooms & set(RANK)


def test_nothing_imports_upwards():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        wrong += [f"{own} imports {room}" for room in imported_rooms(path) if room != own and RANK[room] > RANK[own]]
    assert wrong == []


def test_every_module_belongs_to_a_room():
    found = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert found - {"__init__", "__pycache__", "py.typed", "models"} <= set(RANK)


def test_one_room_alone_touches_onnx_runtime():
    users = {
        path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^\s*(import|from) onnxruntime", path.read_text("utf-8"), re.MULTILINE)
    }
    assert users == {"runtime"}


ONE_SYSTEM = {
    *("crypt", "fcntl", "grp", "nis", "posix", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty"),
    *("_winapi", "msvcrt", "nt", "winreg", "winsound"),
}


def imported_at_once(body: list[ast.stmt]) -> set[str]:
    """What a module imports when it is imported itself, apart from what it asks ``sys.platform`` about first."""
    names: set[str] = set()
    for item in body:
        if isinstance(item, ast.Import):
            names |= {alias.name.split(".")[0] for alias in item.names}
        elif isinstance(item, ast.ImportFrom) and item.level == 0 and item.module:
            names.add(item.module.split(".")[0])
        elif isinstance(item, ast.If) and "platform" not in ast.unparse(item.test):
            names |= imported_at_once([*item.body, *item.orelse])
        elif isinstance(item, (ast.Try, ast.With)):
            names |= imported_at_once(item.body)
    return names


def test_no_module_needs_one_system_to_be_imported():
    wrong = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        found = imported_at_once(ast.parse(path.read_text("utf-8")).body) & ONE_SYSTEM
        if found:
            wrong[str(path.relative_to(PACKAGE))] = found
    assert wrong == {}


def test_a_translated_error_keeps_its_cause():
    """``--debug`` shows what really happened: nothing says ``from None``."""
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for item in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(item, ast.Raise) and isinstance(item.cause, ast.Constant):
                wrong.append(f"{path.relative_to(PACKAGE)}:{item.lineno}")
    assert wrong == []


def test_every_public_name_exists():
    for name in mobilefaceswap.__all__:
        assert getattr(mobilefaceswap, name) is not None
    with pytest.raises(AttributeError, match="Nothing"):
        _ = mobilefaceswap.Nothing


HEAVY = {"numpy", "cv2", "onnx", "onnxruntime", "av", "OpenImageIO", "PyOpenColorIO", "insightface", "rich"}


def loaded_by(code: str) -> set[str]:
    """The large libraries that a fresh interpreter has loaded once it has run ``code``."""
    asked = f"import sys\ntry:\n    {code}\nfinally:\n    print(*sys.modules, sep='\\n', file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert "mobilefaceswap" in done.stderr
    return HEAVY & set(done.stderr.splitlines())


def test_the_import_itself_loads_no_library():
    assert loaded_by("import mobilefaceswap") == set()


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--help",),
        ("--version",),
        ("swap", "--help"),
        ("packs", "--help"),
        ("swap",),
        ("swap", "--no-such-option"),
        ("swap", "a.mov", "-s", "b.jpg", "-o", "c.mov", "--mix", "7"),
        ("no-such-command",),
    ],
    ids=" ".join,
)
def test_help_and_usage_errors_load_no_library(words):
    assert loaded_by(f"from mobilefaceswap.cli import main; sys.argv[1:] = {words!r}; main()") == set()


def test_a_node_that_is_switched_off_loads_only_what_moves_pictures(tmp_path, grace_hopper):
    clip, out = make_clip(tmp_path / "clip.mp4"), tmp_path / "out.mp4"
    words = ("swap", str(clip), "-s", str(grace_hopper), "-o", str(out), "--no-enable", "--json")
    assert loaded_by(f"from mobilefaceswap.cli import main; sys.argv[1:] = {words!r}; main()") == {"numpy", "cv2", "av"}
    assert out.exists()


def test_the_guard_against_loaded_libraries_can_fail():
    assert loaded_by("import mobilefaceswap, numpy") == {"numpy"}


def test_the_error_tree_is_the_one_that_is_drawn():
    drawn = set(re.findall(r"\b\w+Error\b", errors.__doc__))
    classes = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert drawn - {"ValueError", "FileNotFoundError", "RuntimeError"} == classes
    codes = {getattr(errors, name).exit_code for name in classes}
    assert codes == {1, 2, 3, 4}


def test_the_readme_s_python_runs(tmp_path, grace_hopper, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    shutil.copy(grace_hopper, "actor.jpg")
    plates = AstronautClip((320, 180), frames=4)
    with create_output("shot.mov") as writer:
        for time in range(4):
            writer.write(time, plates.frame(time).pixels)
    names: dict[str, object] = {}
    exec(compile(code, "README", "exec"), names)
    assert Path("out.mov").stat().st_size > 1000
    assert names["matte"].max() > 0.9
