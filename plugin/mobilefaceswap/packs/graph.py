"""Reads and changes ONNX files as the protocol buffers that they are, since importing `onnx` takes a tenth of a second.

Numbers of fields are those of `onnx.proto`; the encoding is that of https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from ..errors import PackError
from ..frame import Floats

__all__ = ["inputs_of", "outputs_of", "resized", "with_constants"]

_GRAPH = 7
_INITIALISER, _INPUT, _OUTPUT, _VALUE_INFO = 5, 11, 12, 13
_NAME, _TYPE = 1, 2
_TENSOR_TYPE, _ELEMENT, _SHAPE, _DIMENSION, _SIZE = 1, 1, 2, 1, 1
_DIMS, _DATA_TYPE, _TENSOR_NAME, _RAW = 1, 2, 8, 9
_FLOAT = 1
_VARINT, _BYTES = 0, 2
_LAST_SHIFT = 63
"""Of an integer's last group: no integer has more than 64 bits."""

Field = tuple[int, int | bytes]
"""The number of a field and its content: an integer, or the bytes of a text or message."""


def inputs_of(model: bytes) -> dict[str, tuple[int, ...]]:
    """Name and shape of every input of an ONNX file; 0 for a size that is not fixed. Raises PackError."""
    return dict(_described(value) for number, value in _graph(model) if number == _INPUT)


def outputs_of(model: bytes) -> list[str]:
    """The names of the outputs of an ONNX file. Raises PackError."""
    return [_described(value)[0] for number, value in _graph(model) if number == _OUTPUT]


def with_constants(model: bytes, arrays: Mapping[str, Floats]) -> bytes:
    """The ONNX file with the inputs named in ``arrays`` turned into constants, stored as float32.

    arrays: by the names of inputs and of their shapes, which is not checked. Raises PackError.
    """
    kept = [field for field in _graph(model) if field[0] != _INPUT or _described(field[1])[0] not in arrays]
    return _regraphed(model, [*kept, *((_INITIALISER, _tensor(name, arrays[name])) for name in sorted(arrays))])


def resized(model: bytes, shapes: Mapping[str, Sequence[int]]) -> bytes:
    """The ONNX file with other shapes of its inputs; those of everything else are left to be inferred.

    shapes: of every input, by name; an input that is left out is dropped. Inputs and outputs must be float32. Raises
    PackError.
    """
    described = (_INPUT, _OUTPUT, _VALUE_INFO)
    inputs = [(_INPUT, _value(name, shape)) for name, shape in shapes.items()]
    outputs = [(_OUTPUT, _value(name, None)) for name in outputs_of(model)]
    return _regraphed(model, [*(field for field in _graph(model) if field[0] not in described), *inputs, *outputs])


def _graph(model: bytes) -> list[Field]:
    for number, value in _read(model):
        if number == _GRAPH:
            return _read(value)
    raise _unreadable("it holds no graph")


def _regraphed(model: bytes, graph: Sequence[Field]) -> bytes:
    return _written((number, _written(graph) if number == _GRAPH else value) for number, value in _read(model))


def _described(value: int | bytes) -> tuple[str, tuple[int, ...]]:
    """Name and shape of a `ValueInfoProto`."""
    name = dict(_read(value)).get(_NAME, b"")
    reached = [value]
    for number in (_TYPE, _TENSOR_TYPE, _SHAPE, _DIMENSION):
        reached = [part for message in reached for part in _parts(message, number)]
    sizes = [dict(_read(dimension)).get(_SIZE, 0) for dimension in reached]
    if not isinstance(name, bytes):
        raise _unreadable("it is damaged")
    shape = tuple(size for size in sizes if isinstance(size, int))
    if len(shape) != len(sizes):
        raise _unreadable("it is damaged")
    return name.decode("utf-8", "replace"), shape


def _value(name: str, shape: Sequence[int] | None) -> bytes:
    """A `ValueInfoProto` of float32; without a shape where that is None."""
    sizes = [(_DIMENSION, _written([(_SIZE, size)])) for size in shape or ()]
    shaped: list[Field] = [] if shape is None else [(_SHAPE, _written(sizes))]
    tensor = _written([(_ELEMENT, _FLOAT), *shaped])
    return _written([(_NAME, name.encode()), (_TYPE, _written([(_TENSOR_TYPE, tensor)]))])


def _tensor(name: str, array: Floats) -> bytes:
    """A `TensorProto` of float32."""
    raw = np.ascontiguousarray(array, "<f4").tobytes()
    dims: list[Field] = [(_DIMS, size) for size in array.shape]
    return _written([*dims, (_DATA_TYPE, _FLOAT), (_TENSOR_NAME, name.encode()), (_RAW, raw)])


def _parts(message: int | bytes, wanted: int) -> list[int | bytes]:
    return [value for number, value in _read(message) if number == wanted]


def _read(message: int | bytes) -> list[Field]:
    """The fields of a message in their order. Raises PackError where it is none."""
    try:
        return list(_fields(message))
    except (IndexError, TypeError, ValueError) as error:
        raise _unreadable("it is damaged") from error


def _fields(message: int | bytes) -> Iterator[Field]:
    if isinstance(message, int):
        raise TypeError(message)
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 not in (_VARINT, _BYTES):
            raise ValueError(key)
        value, at = _varint(message, at)
        if key & 7 == _VARINT:
            yield key >> 3, value
        elif at + value <= len(message):
            yield key >> 3, message[at : at + value]
            at += value
        else:
            raise IndexError(at)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """An integer in groups of seven bits, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        if shift > _LAST_SHIFT:
            raise ValueError(shift)
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return value, at


def _written(fields: Iterable[Field]) -> bytes:
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts += [_as_varint(number << 3 | _VARINT), _as_varint(value)]
        else:
            parts += [_as_varint(number << 3 | _BYTES), _as_varint(len(value)), value]
    return b"".join(parts)


def _as_varint(value: int) -> bytes:
    groups = bytearray()
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _unreadable(reason: str) -> PackError:
    return PackError(f"expected an ONNX file; {reason}. Run `mobilefaceswap packs verify` and reinstall the pack")
