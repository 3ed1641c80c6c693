"""The converter: answers as the authors' own code does, and runs nothing that stands in a file."""

from __future__ import annotations

import collections
import io
import json
import os
import pickle
import pickletools
import subprocess
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from golden.authors.make_golden import Arrays, sampled, seeded, seeded_inputs
from mobilefaceswap.convert import convert_authors_files
from mobilefaceswap.convert.pdparams import read_pdparams
from mobilefaceswap.errors import PackError
from mobilefaceswap.packs import Pack
from mobilefaceswap.runtime import load_session, open_session
from mobilefaceswap.swap.specialise import specialise

GOLDEN = Path(__file__).parent / "golden/authors/parity.npz"
TOLERANCE = 1e-4


def _save(path: Path, arrays: Mapping[str, Any], protocol: int = 4) -> Path:
    """As the authors' framework saves: arrays by name and a table of its own names."""
    table = {name: f"param_{at}" for at, name in enumerate(arrays)}
    with path.open("wb") as file:
        pickle.dump({**arrays, "StructuredToParameterName@@": table}, file, protocol)
    return path


@pytest.fixture(scope="module")
def golden() -> Mapping[str, npt.NDArray[Any]]:
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module")
def converted(golden: Mapping[str, npt.NDArray[Any]], tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """The pack made from files with the golden file's weights."""
    folder = tmp_path_factory.mktemp("authors")
    shapes = json.loads(str(golden["shapes"]))
    files = [_save(folder / f"{name}.pdparams", seeded(shapes[name])) for name in ("MobileFaceSwap_224", "arcface")]
    pack = convert_authors_files(files[0], files[1], folder / "pack")
    for file in files:
        file.unlink()
    return pack


def _answers(pack: Pack) -> Arrays:
    inputs = seeded_inputs()
    encoded = open_session(pack.path("encoder")).run({"face": inputs["face"]})
    weights = open_session(pack.path("identity")).run(encoded)
    drawn = load_session(specialise(pack.path("idn").read_bytes(), weights)).run({"image": inputs["image"]})
    # The authors' network composites, ours leaves that to `look`.
    swapped = drawn["colour"] * drawn["mask"] + inputs["image"] * (1 - drawn["mask"])
    return {**encoded, **weights, "mask": drawn["mask"], "swapped": swapped}


def test_a_converted_pack_answers_as_the_authors_code(converted: Pack, golden: Mapping[str, npt.NDArray[Any]]) -> None:
    answers = _answers(converted)
    assert len(answers) == 22
    assert set(answers) == set(golden) - {"shapes"}
    for name, found in answers.items():
        expected = golden[name]
        assert expected.std() > 0.01, f"{name} is too flat to tell anything"
        np.testing.assert_allclose(sampled(found), expected, rtol=0, atol=TOLERANCE, err_msg=name)


def test_a_converted_pack_declares_what_the_authors_do(converted: Pack) -> None:
    assert converted.crop.fit == "affine"
    assert converted.encoder.numbers.range == 1.0
    assert converted.encoder.numbers.mean == (0.485, 0.456, 0.406)
    assert not converted.commercial_use
    assert converted.licence.startswith("Unclear")
    assert "not the published" in converted.files["idn"].origin


def test_the_golden_file_stays_small() -> None:
    assert GOLDEN.stat().st_size < 2_000_000


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(PackError, match="new or empty folder"):
        convert_authors_files(tmp_path / "a", tmp_path / "b", tmp_path)
    assert [place.name for place in tmp_path.iterdir()] == ["notes.txt"]


def test_files_in_each_others_place_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    file = _save(tmp_path / "other.pdparams", {"weight": np.zeros(3, np.float32)})
    with pytest.raises(PackError, match=r"conv1\.weight of shape \(64, 3, 3, 3\); found no such array"):
        convert_authors_files(file, file, tmp_path / "pack")
    assert [place.name for place in tmp_path.iterdir()] == ["other.pdparams"]


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", "<f2"])
def test_arrays_of_every_protocol_are_read(tmp_path: Path, protocol: int, kind: str) -> None:
    array = np.asfortranarray(np.arange(6).reshape(2, 3).astype(kind))
    found = read_pdparams(_save(tmp_path / "a.pdparams", {"weight": array}, protocol)).take("weight", (2, 3))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.float32


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_old_and_new_names_of_numpy_are_read(tmp_path: Path, module: bytes) -> None:
    content = pickle.dumps({"weight": np.arange(3, dtype=np.float32)}, 2)
    for name in (b"numpy._core.multiarray", b"numpy.core.multiarray"):
        content = content.replace(b"c" + name + b"\n", b"c" + module + b"\n")
    assert module in content
    place = tmp_path / "a.pdparams"
    place.write_bytes(content)
    np.testing.assert_array_equal(read_pdparams(place).take("weight", (3,)), [0, 1, 2])


def test_arrays_beside_their_framework_names_are_read(tmp_path: Path) -> None:
    file = _save(tmp_path / "a.pdparams", collections.OrderedDict(weight=("linear_0.w_0", np.ones(2, np.float32))))
    np.testing.assert_array_equal(read_pdparams(file).take("weight", (2,)), [1, 1])


class _Call:
    """Pickles as a call of ``function``, which happens when an ordinary unpickler reads it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._reduced = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self._reduced


def _attacks(mark: Path) -> dict[str, Any]:
    return {
        "a call": {"weight": _Call(Path.touch, mark)},
        "a shell": {"weight": _Call(os.system, f"touch {mark}")},
        "an evaluation": {"weight": _Call(eval, f"open({str(mark)!r}, 'w')")},
        "a call in the name table": {"StructuredToParameterName@@": _Call(os.system, f"touch {mark}")},
        "a call in a tuple": {"weight": ("name", _Call(os.system, f"touch {mark}"))},
        "an attribute": {"weight": _Call(getattr, "text", "format")},
        "numpy's loader": {"weight": _Call(np.load, str(mark))},
        "an array of objects": {"weight": np.array([_Call(os.system, f"touch {mark}")], object)},
        "an array of plain objects": {"weight": np.array([{}, ()], object)},
        "an array of text": {"weight": np.array(["a"])},
        "a record array": {"weight": np.zeros(1, [("a", "f4")])},
        "a text": {"weight": "text"},
        "a set": {"weight": {1, 2}},
        "no dictionary": [np.zeros(1, np.float32)],
        "a number for a name": {3: np.zeros(1, np.float32)},
    }


@pytest.mark.parametrize("attack", list(_attacks(Path("unused"))))
def test_anything_but_named_arrays_is_refused_and_never_run(tmp_path: Path, attack: str) -> None:
    mark, place = tmp_path / "mark", tmp_path / "attack.pdparams"
    place.write_bytes(pickle.dumps(_attacks(mark)[attack], 4))
    with pytest.raises(PackError, match="named arrays and nothing else"):
        read_pdparams(place)
    assert not mark.exists()


def test_the_attacks_would_run_in_an_ordinary_unpickler(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    pickle.load(io.BytesIO(pickle.dumps(_attacks(mark)["a shell"], 4)))
    assert mark.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04",
        b"\x80\x04}",
        b"not a pickle at all",
        zlib.compress(b"not a pickle"),
        # The stand-in of a permitted name is given other contents: BUILD with a state of attributes.
        b"\x80\x02cnumpy\nndarray\n}X\x05\x00\x00\x00_makeX\x01\x00\x00\x00asb.",
        b"\x80\x02cnumpy\nndarray\nN}X\x05\x00\x00\x00_makeX\x01\x00\x00\x00as\x86b.",
        # An array made by calling the class itself, with a size that nobody has the memory for.
        b"\x80\x02}X\x01\x00\x00\x00acnumpy\nndarray\n(J\xff\xff\xff\x7ftRs.",
        # A persistent object, and an extension code.
        b"\x80\x02X\x01\x00\x00\x00aQ.",
        b"\x80\x02\x82\x01.",
        # A text that claims to be longer than the file.
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
    ],
)
def test_broken_and_hostile_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "attack.pdparams"
    place.write_bytes(content)
    with pytest.raises(PackError):
        read_pdparams(place)


def test_an_array_whose_bytes_do_not_fill_its_shape_is_refused(tmp_path: Path) -> None:
    content = pickle.dumps({"weight": np.zeros(4, np.float32)}, 2)
    numbers = [(at, value) for code, value, at in pickletools.genops(content) if code.name == "BININT1"]
    changed = bytearray(content)
    changed[next(at for at, value in numbers if value == 4) + 1] = 5
    place = tmp_path / "a.pdparams"
    place.write_bytes(changed)
    with pytest.raises(PackError, match="16 bytes for the shape"):
        read_pdparams(place)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    content = _save(tmp_path / "whole.pdparams", {"weight": np.ones(3, np.float32)}).read_bytes()
    place = tmp_path / "cut.pdparams"
    for length in range(len(content)):
        place.write_bytes(content[:length])
        with pytest.raises(PackError):
            read_pdparams(place)


def test_a_missing_file_and_broken_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="readable file"):
        read_pdparams(tmp_path / "none.pdparams")
    parameters = read_pdparams(_save(tmp_path / "a.pdparams", {"weight": np.array([np.nan], np.float32)}))
    with pytest.raises(PackError, match="finite"):
        parameters.take("weight", (1,))


@pytest.mark.slow
def test_the_authors_code_still_says_the_same(
    request: pytest.FixtureRequest, golden: Mapping[str, npt.NDArray[Any]], tmp_path: Path
) -> None:
    """Runs the authors' code with Paddle, and converts files that Paddle itself has written."""
    repository = request.config.getoption("--authors-repo")
    if not repository:
        pytest.skip("--authors-repo names no checkout of the authors' repository")
    python = os.environ.get("MOBILEFACESWAP_PADDLE_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import paddle"], capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has no Paddle; name one that has in MOBILEFACESWAP_PADDLE_PYTHON")
    script, output = GOLDEN.parent / "make_golden.py", tmp_path / "parity.npz"
    command = [python, str(script), "--authors-repo", repository, "--output", str(output), "--pdparams", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    with np.load(output) as again:
        for name, expected in golden.items():
            if name == "shapes":
                assert json.loads(str(again[name])) == json.loads(str(expected))
            else:
                np.testing.assert_allclose(again[name], expected, rtol=0, atol=TOLERANCE, err_msg=name)
    idn, encoder = tmp_path / "MobileFaceSwap_224.pdparams", tmp_path / "arcface.pdparams"
    for name, found in _answers(convert_authors_files(idn, encoder, tmp_path / "pack")).items():
        np.testing.assert_allclose(sampled(found), golden[name], rtol=0, atol=TOLERANCE, err_msg=name)
