"""Reads the authors' parameter files, which are pickles, without running anything in them.

A pickle can name any function and call it. Here each name that an array needs maps to an inert stand-in, every other
name is refused, and arrays are built from the bytes that the stand-ins hold.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from ..errors import PackError

__all__ = ["Parameters", "read_pdparams"]

_NAME_TABLE = "StructuredToParameterName@@"
_NUMBERS = {"f2", "f4", "f8", "i4", "i8"}
_ORDERS = {"<": "<", ">": ">", "=": "=", "|": "="}


class Parameters:
    """Named arrays; each is requested with the shape that the network needs."""

    def __init__(self, origin: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._origin = origin
        self._arrays = arrays

    def take(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """The array called ``name``, float32. Raises PackError where it is missing, misshapen or not finite."""
        found = self._arrays.get(name)
        if found is None or found.shape != shape:
            has = "no such array" if found is None else f"shape {found.shape}"
            raise PackError(
                f"expected {self._origin} to hold {name} of shape {shape}; found {has}. "
                "Give the files that the authors of MobileFaceSwap publish, --idn and --encoder in the right places"
            )
        if not np.isfinite(found).all():
            raise PackError(
                f"expected {name} in {self._origin} to hold finite numbers; found others. Download the file again"
            )
        return np.asarray(found, np.float32)


def read_pdparams(path: Path) -> Parameters:
    """The arrays of a ``.pdparams`` file. Raises PackError on anything but named arrays."""
    try:
        with path.open("rb") as file:
            document = _Unpickler(file).load()
        arrays = _named_arrays(document)
    except OSError as error:
        raise PackError(f"expected {path} to be a readable file; {error.strerror}. Check the path") from error
    except Exception as error:  # a hostile pickle can raise anything from the unpickler
        raise PackError(
            f"expected {path} to hold named arrays and nothing else; found {type(error).__name__}: {error}. "
            "Nothing in it was run. Download the file again from where the authors publish it"
        ) from error
    return Parameters(str(path), arrays)


class _Element:
    """An array's element type as a pickle stores it: a code such as f4, then a state with the byte order."""

    __slots__ = ("_code", "_order")

    def __init__(self, code: object) -> None:
        if code not in _NUMBERS:
            raise ValueError(f"elements of type {code!r}")
        self._code = code
        self._order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._order = _ORDERS[state[1]]

    def to_numpy(self) -> np.dtype[Any]:
        return np.dtype(f"{self._order}{self._code}")


class _Array:
    """An array under construction. The state that follows it in the pickle fills it and must fit its shape."""

    __slots__ = ("value",)

    value: npt.NDArray[Any]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, element, by_columns, content = state
        if not isinstance(element, _Element) or not isinstance(content, bytes):
            raise TypeError("an array without plain numbers")
        if not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError(f"the shape {shape!r}")
        kind = element.to_numpy()
        if len(content) != math.prod(shape) * kind.itemsize:
            raise ValueError(f"{len(content)} bytes for the shape {shape}")
        self.value = np.frombuffer(content, kind).reshape(shape, order="F" if by_columns else "C")


class _Allowed:
    """Stand-in for a permitted name. It can be called; it cannot be changed."""

    __slots__ = ("_make",)

    _make: Callable[..., Any]

    def __init__(self, make: Callable[..., Any]) -> None:
        object.__setattr__(self, "_make", make)

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise pickle.UnpicklingError(f"an attempt to set {name}")

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError("an attempt to change a function")


def _latin_bytes(text: object, encoding: object = None) -> bytes:
    """Bytes, as old pickle protocols encode them."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ValueError("encoded text that is not the bytes of an array")
    return text.encode("latin-1")


def _plain_tuple(items: object = ()) -> tuple[Any, ...]:
    if not isinstance(items, (list, tuple)):
        raise TypeError("a tuple of something other than a list")
    return tuple(items)


def _permitted() -> dict[tuple[str, str], _Allowed]:
    array, element = _Allowed(lambda *_: _Array()), _Allowed(lambda code, *_: _Element(code))
    return {
        ("numpy.core.multiarray", "_reconstruct"): array,
        ("numpy._core.multiarray", "_reconstruct"): array,
        ("numpy", "ndarray"): _Allowed(_refuse_call),
        ("numpy", "dtype"): element,
        ("_codecs", "encode"): _Allowed(_latin_bytes),
        ("builtins", "tuple"): _Allowed(_plain_tuple),
        ("__builtin__", "tuple"): _Allowed(_plain_tuple),
        ("collections", "OrderedDict"): _Allowed(lambda: {}),
    }


def _refuse_call(*_: object) -> NoReturn:
    raise pickle.UnpicklingError("an array built in an unexpected way")


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self._names = _permitted()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._names:
            raise pickle.UnpicklingError(f"the name {module}.{name}, which is no part of an array")
        return self._names[module, name]


def _named_arrays(document: object) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a state dictionary; newer files store (the framework's own name, array) under each name."""
    if not isinstance(document, dict):
        raise TypeError(f"a {type(document).__name__} where a dictionary was expected")
    arrays = {}
    for name, value in document.items():
        if name == _NAME_TABLE:
            continue
        held = value[1] if isinstance(value, tuple) and len(value) == 2 else value
        if not isinstance(name, str) or not isinstance(held, _Array):
            raise TypeError(f"{type(held).__name__} under {name!r} where an array was expected")
        arrays[name] = held.value
    return arrays
