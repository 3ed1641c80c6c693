"""What is written about the product agrees with it: versions, commands, options, settings, links, examples."""

from __future__ import annotations

import ast
import hashlib
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mobilefaceswap import __version__
from mobilefaceswap.errors import FaceSwapError
from mobilefaceswap.ofx import generate
from mobilefaceswap.ofx.install import BUNDLE
from mobilefaceswap.packs.document import read_pack
from mobilefaceswap.settings import OUTPUTS, table
from test_contracts import ROOMS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted((DOCS / "pages").rglob("*.md"))
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
WRITTEN = [*TOP, ROOT / "ofx_bridge/README.md", ROOT / "models/README.md", *PAGES]
DIAGRAMS = sorted((DOCS / "pages/diagrams").glob("*.d2"))


def generated(name: str) -> dict[str, Any]:
    """The names of one of the scripts that make pages; they import one another as scripts do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS / "generate")
        return runpy.run_path(str(DOCS / "generate" / f"{name}.py"))


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    """Every command by its full name."""
    return dict(generated("command_line")["commands"]())


def released() -> list[str]:
    """The changelog's headings of released versions, newest first."""
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    return headings[1:] if headings[0] == "Unreleased" else headings


def test_the_version_is_the_changelogs_newest_and_the_plug_ins():
    headings = released()
    versions = []
    for heading in headings:
        match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+), \d{4}-\d{2}-\d{2}", heading)
        assert match, f"expected a heading such as 0.2.0, 2026-12-01; found {heading}"
        versions.append(tuple(map(int, match.groups())))
    assert versions == sorted(versions, reverse=True)
    assert headings[0].split(",")[0] == __version__
    header = (ROOT / "ofx_bridge/src/settings.gen.h").read_text("utf-8")
    assert re.search(r'kVersion\[\] = "([^"]*)"', header)[1] == __version__
    assert __version__ in generate.header()


def test_a_released_commit_is_tagged_with_its_version():
    asked = ["git", "-C", str(ROOT), "tag", "--points-at", "HEAD", "v*"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no git checkout")
    assert set(done.stdout.split()) <= {f"v{__version__}"}


def test_every_setting_has_its_section_with_range_default_and_choices():
    page = generated("settings")["page"]()
    for row in table(host=True):
        section = page.split(f"{{ #{row.name} }}")[1].split("###")[0]
        assert row.hint in section
        if row.minimum is not None:
            assert f"{row.minimum:g} to {row.maximum:g}" in section
        for value, label in row.entries.items():
            assert f"{label} (`{value}`)" in section


def test_pictures_of_a_setting_differ_from_one_another():
    pictures = generated("pictures")
    for setting in pictures["SHOWN"]:
        contents = [shown.content for shown in pictures["of"](setting)]
        assert len(set(contents)) == len(contents) > 1, setting


def test_every_output_mode_command_and_exit_code_is_documented(commands):
    modes = generated("settings")["output_modes"]()
    assert all(f"`{name}`" in modes for name in OUTPUTS)
    page = generated("command_line")["page"]()
    assert all(f"## {name}\n" in page for name in commands)
    assert {"mobilefaceswap swap", "mobilefaceswap packs verify", "mobilefaceswap ofx check"} <= set(commands)
    codes = generated("errors")["exit_codes"]()
    for code in {0, 1, 2, 3, 4, 130, 143} | {error.exit_code for error in FaceSwapError.__subclasses__()}:
        assert f"| {code} |" in codes


def test_a_command_with_some_of_the_settings_names_them():
    page = generated("command_line")["page"]()
    sections = {part.split("\n")[0]: part for part in page.split("\n## ")}
    assert "[Analysis Size](settings.md#analysis_size)" in sections["mobilefaceswap analyse"]
    assert "one for each [setting](settings.md)" not in sections["mobilefaceswap analyse"]
    assert "one for each [setting](settings.md)" in sections["mobilefaceswap swap"]


def command_lines() -> Iterator[tuple[Path, str]]:
    """Every call of the command line that any page shows, in a block or in the text."""
    for path in WRITTEN:
        text = path.read_text("utf-8").replace("\\\n", " ")
        for block in re.findall(r"```(?:sh|text)\n(.*?)```", text, re.DOTALL):
            for line in block.splitlines():
                if match := re.match(
                    r"\s*(?:\$ )?(?:sudo )?(?:\S*/)?(?:mobilefaceswap|\"\$\(command -v mobilefaceswap\)\")\s", line
                ):
                    yield path, "mobilefaceswap " + line[match.end() :]
        for quoted in re.findall(r"`(mobilefaceswap [^`\n]+)`", text):
            yield path, quoted


def test_every_command_and_option_that_a_page_shows_exists(commands):
    seen = 0
    for path, line in command_lines():
        words = shlex.split(line, comments=True)
        name = "mobilefaceswap"
        for word in words[1:]:
            if f"{name} {word}" in commands:
                name = f"{name} {word}"
            else:
                break
        group = hasattr(commands[name], "list_commands")
        rest = words[len(name.split()) :]
        assert not group or not rest or rest[0].startswith("-") or rest[0] in ("COMMAND", "…"), f"{path}: {line}"
        known = {text for item in commands[name].params for text in (*item.opts, *item.secondary_opts)}
        used = {word.split("=")[0] for word in rest if word.startswith("--")}
        assert used <= known | {"--help", "--debug", "--version"}, f"{path}: {line}: {sorted(used - known)}"
        seen += 1
    assert seen > 10


def test_every_option_and_setting_that_a_page_names_exists(commands):
    options = {
        text for command in commands.values() for item in command.params for text in (*item.opts, *item.secondary_opts)
    }
    rows = {row.name: row.label for row in table(host=True)}
    foreign = {"--help", "--debug", "--shm-size"}
    for path in WRITTEN:
        text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
        if path.parent.name != "training" and path != ROOT / "models/README.md":
            named = {word.split("=")[0] for word in re.findall(r"`(--[a-z][a-z-]*)[^`]*`", text)}
            assert named <= options | foreign, f"{path}: {sorted(named - options - foreign)}"
        for label, name in re.findall(r"\[([^\]]*)\]\([./a-z]*settings\.md#([a-z_]+)\)", text):
            assert name in rows, f"{path}: {name}"
            # "Crop Left, Right" may leave out what two labels share.
            assert rows[name].endswith(label), f"{path}: {name} is called {rows[name]}, not {label}"


@pytest.mark.parametrize(
    "path", [*TOP, ROOT / "ofx_bridge/README.md", ROOT / "models/README.md"], ids=lambda path: path.name
)
def test_links_to_files_and_headings_lead_somewhere(path):
    """Pages below docs/pages are checked by `mkdocs build --strict`."""
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if re.match(r"https?:", target):
            continue
        place, _, anchor = target.partition("#")
        file = (path.parent / place).resolve() if place else path
        assert file.exists(), f"{path}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{path}: {target}"


def test_the_documented_example_is_the_readmes():
    """Which test_contracts runs."""
    example = (DOCS / "examples/ten_lines.py").read_text("utf-8")
    body = example.split("[start:body]\n")[1].split("# --8<-- [end:body]")[0].strip()
    assert f"```python\n{body}\n```" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("text", DIAGRAMS, ids=lambda path: path.stem)
def test_diagrams_are_drawn_from_their_text(text):
    drawn = text.with_suffix(".svg").read_text("utf-8")
    digest = hashlib.sha256(text.read_bytes()).hexdigest()
    assert f"<!-- {text.name} sha256 {digest} -->" in drawn, f"run {sys.executable} docs/generate/diagrams.py"


def test_the_drawing_of_the_rooms_has_them_in_their_layers():
    text = (DOCS / "pages/diagrams/rooms.d2").read_text("utf-8")
    drawn = [re.findall(r"^    (\w+): ", layer, re.MULTILINE) for layer in text.split("class: layer")[1:]]
    assert [sorted(layer) for layer in drawn] == [sorted(layer) for layer in reversed(ROOMS)]


def test_every_environment_variable_is_documented():
    sources = [*(ROOT / "plugin").rglob("*.py"), *(ROOT / "ofx_bridge/src").glob("*.cpp")]
    named = {name for path in sources for name in re.findall(r'"(MOBILEFACESWAP_[A-Z_]+)"', path.read_text("utf-8"))}
    page = (DOCS / "pages/reference/environment.md").read_text("utf-8")
    assert len(named) >= 6
    assert all(f"`{name}`" in page for name in named), named


def messages() -> list[str]:
    """Every text of the program with a gap (NUL) for each value that is filled in: Python's by syntax, the bridge's by
    its literals."""
    found = []
    for path in (ROOT / "plugin").rglob("*.py"):
        for item in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(item, ast.JoinedStr):
                found.append("".join(part.value if isinstance(part, ast.Constant) else "\0" for part in item.values))
            elif isinstance(item, ast.Constant) and isinstance(item.value, str):
                found.append(item.value)
    for path in (ROOT / "ofx_bridge/src").glob("*.cpp"):
        text = re.sub(r'"\s*\n\s*"', "", path.read_text("utf-8"))
        literals = r'"((?:[^"\\]|\\.)*)"'
        found += ["\0".join(re.findall(literals, statement)) for statement in text.split(";\n")]
    return found


def test_every_message_that_troubleshooting_explains_is_one_of_the_programs():
    known = messages()
    headings = re.findall(r"^### `(.*)`$", (DOCS / "pages/troubleshooting.md").read_text("utf-8"), re.MULTILINE)
    assert len(headings) > 15
    missing = []
    for heading in headings:
        pattern = ".*".join(re.escape(part) for part in heading.replace(BUNDLE, "…").split("…"))
        if not any(re.search(pattern, message, re.DOTALL) for message in known):
            missing.append(heading)
    assert not missing


def test_pages_that_lay_the_face_over_the_plate_say_that_it_must_be_opaque():
    found = [path for path in PAGES if "with *over*" in path.read_text("utf-8")]
    assert len(found) == 2
    for path in found:
        (sentence,) = re.findall(r"with \*over\*[^-]*", path.read_text("utf-8"))
        assert "opaque" in sentence, path


def test_the_pack_that_is_shown_is_one(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", (DOCS / "pages/packs.md").read_text("utf-8"), re.DOTALL)
    text = text.replace('sha256 = "…"', f'sha256 = "{"0" * 64}"')
    swapper = text[text.index("[files.swapper]") :]
    others = swapper.replace('["target", "source"]', '["face"]')
    parts = [others.replace("swapper", role) for role in ("detector", "encoder")]
    (tmp_path / "pack.toml").write_text("\n".join([text, *parts]), "utf-8")
    pack = read_pack(tmp_path)
    assert pack.kind == "embedding"
    assert pack.defaults == {"matte_black_clip": 0.2}


def test_the_readme_s_figures_are_those_of_the_pack_that_ships():
    readme = re.sub(r"[\s>]+", " ", (ROOT / "README.md").read_text("utf-8"))
    pack = read_pack(ROOT / "models/base-224")
    measured = pack.document["measured"]
    assert f"({pack.name} {pack.version})" in readme
    assert f"among {measured['people']} people in {100 * measured['source_found_first']:.0f} %" in readme
    assert f"the target in {100 * measured['target_found_first']:.0f} %" in readme
