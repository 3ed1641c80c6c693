"""Makes a model pack from a published swapping network that the user holds a licence for. Nothing is downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
from onnx import numpy_helper

from ..errors import PackError, UserInputError
from ..packs import TEMPLATES, FaceInput, Normalisation, Pack, Template, find_pack
from .graph import OPSET, Graph
from .published import ARCFACE, Published
from .signature import Signature, read_signature, recognise
from .written import NetworkFile, check_empty, write_pack

__all__ = ["NO_LICENCE", "adopt_network"]

NO_LICENCE = (
    "Not stated: no licence text was given when the network was adopted. Ask those who publish it before any use."
)


def adopt_network(
    network: Path,
    folder: Path,
    *,
    encoder: Path | None = None,
    converter: Path | None = None,
    name: str | None = None,
    licence: str = NO_LICENCE,
) -> tuple[Pack, Published]:
    """Writes a pack around ``network`` into ``folder``; returns it, verified, and the published network recognised.

    encoder: the recogniser whose embeddings the network takes. converter: a network from InsightFace's embeddings to
    those. name: which published network it is, if its signature is ambiguous. Raises PackError if a file does not fit
    or ``folder`` is not empty, UserInputError if more must be named.
    """
    check_empty(folder)
    model = _loaded(network)
    signature = read_signature(model, network)
    row = recognise(signature, name)
    files = {"swapper": _file("swapper.onnx", model, network)}
    recogniser, numbers = _recogniser(row, encoder, converter)
    files["encoder"] = recogniser
    if row.maps:
        files["identity"] = _mapping(model, network, signature.source)
    elif converter is not None:
        files["identity"] = _converter(converter, row)
    # A converter takes the embedding as the recogniser gives it, and divides by the length itself.
    unit_length = row.unit_length and converter is None
    head = {
        "name": folder.resolve().name,
        "version": "1.0.0",
        "title": f"{row.name}, adopted",
        "description": f"Made on this machine from {network.name}, taken for {row.name} by {row.by}.",
        "commercial_use": False,
        "kind": "embedding",
    }
    tables = {
        "crop": {"size": signature.size, "template": row.template, "fit": "similarity"},
        "network": _network_table(row, signature, unit_length=unit_length),
        "encoder": _face_table(numbers),
    }
    return write_pack(folder, head, tables, files, licence), row


def _loaded(path: Path) -> Any:
    try:
        model = onnx.load(str(path), load_external_data=False)
        onnx.checker.check_model(model)
    except FileNotFoundError as error:
        raise PackError(f"expected an ONNX file at {path}; found none. Check the path") from error
    except Exception as error:  # the errors of onnx and protobuf share no public base
        raise PackError(f"expected {path} to be an ONNX file; found: {error}. Download or export it again") from error
    if any(item.data_location == onnx.TensorProto.EXTERNAL for item in model.graph.initializer):
        raise PackError(f"expected the weights inside {path}; they are in a file beside it. Save the model as one file")
    return model


def _file(place: str, model: Any, origin: Path) -> NetworkFile:
    constants = {item.name for item in model.graph.initializer}
    content = cast(bytes, model.SerializeToString())
    return NetworkFile(
        place,
        content,
        next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), OPSET),
        f"adopted from {origin.name} (sha256 {hashlib.sha256(origin.read_bytes()).hexdigest()})",
        "not stated",
        [item.name for item in model.graph.input if item.name not in constants],
        [item.name for item in model.graph.output],
    )


def _recogniser(row: Published, encoder: Path | None, converter: Path | None) -> tuple[NetworkFile, FaceInput]:
    """The file that reads the source, and how it takes a face; the default pack's where the network takes a picture."""
    if row.picture is not None:
        default = find_pack()
        path = default.path("encoder")
        return _file("encoder.onnx", _loaded(path), path), default.encoder
    if encoder is None or (row.encoder is None and converter is None):
        extra = "" if row.encoder else " and --converter"
        raise UserInputError(
            f"expected the recogniser whose embeddings {row.name} takes; found none. Name it with --encoder{extra}: "
            "its own, or InsightFace's w600k_r50.onnx with a converter"
        )
    file = _file("encoder.onnx", _loaded(encoder), encoder)
    if len(file.inputs) != 1:
        raise PackError(
            f"expected {encoder} to take one face; found the inputs {', '.join(file.inputs)}. Choose another"
        )
    numbers = ARCFACE if converter is not None else row.encoder
    assert numbers is not None
    return file, numbers


def _mapping(model: Any, path: Path, length: int) -> NetworkFile:
    """inswapper's own step from an embedding to what the network is fed: times its last constant, at unit length."""
    matrix = numpy_helper.to_array(model.graph.initializer[-1])
    if matrix.shape != (length, length):
        raise PackError(
            f"expected the last constant of {path} to be a matrix of {length} x {length}; found {matrix.shape}. "
            "It is not the published file, or a tool has changed it: use the original"
        )
    graph = Graph("embedding to identity")
    product = graph.node("MatMul", graph.input("embedding", ["N", length]), graph.constant(matrix.astype(np.float32)))
    graph.output(graph.unit_length(product), "identity", ["N", length])
    content = graph.serialised({"data": f"the last constant of {path.name}"})
    return NetworkFile("identity.onnx", content, OPSET, f"from {path.name}", "not stated", ["embedding"], ["identity"])


def _converter(path: Path, row: Published) -> NetworkFile:
    """The converter with the contract's names; its embedding at unit length where the network wants that."""
    model = _loaded(path)
    graph = model.graph
    constants = {item.name for item in graph.initializer}
    inputs = [item for item in graph.input if item.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise PackError(
            f"expected {path} to turn one embedding into another; found {len(inputs)} inputs. Choose another"
        )
    before, after = inputs[0].name, graph.output[0].name
    graph.node.insert(0, onnx.helper.make_node("Identity", ["embedding"], [before]))
    inputs[0].name, graph.output[0].name = "embedding", "identity"
    operator, more = ("LpNormalization", {"axis": 1, "p": 2}) if row.unit_length else ("Identity", {})
    graph.node.append(onnx.helper.make_node(operator, [after], ["identity"], **more))
    return _file("identity.onnx", model, path)


def _network_table(row: Published, signature: Signature, *, unit_length: bool) -> dict[str, Any]:
    table: dict[str, Any] = {
        "input": _numbers(row.input),
        "output": _numbers(row.output),
        "image": signature.image,
        "identity": signature.identity,
        "colour": signature.colour,
        "unit_length": unit_length,
    }
    if signature.mask:
        table["mask"] = signature.mask
    if row.picture is not None:
        table |= {"source": "picture", "picture": _face_table(row.picture)}
    return table


def _face_table(wanted: FaceInput) -> dict[str, Any]:
    crop = wanted.crop
    return {"size": crop.size, "template": _template(crop.template), "fit": crop.fit, **_numbers(wanted.numbers)}


def _template(template: Template) -> str | Sequence[Sequence[float]]:
    names = [name for name, known in TEMPLATES.items() if known == template]
    return names[0] if names else (template.on(1)).tolist()


def _numbers(numbers: Normalisation) -> Mapping[str, Any]:
    return {"range": numbers.range, "mean": list(numbers.mean), "std": list(numbers.std)}
