"""The network of one identity: a graph whose predicted weights are constants."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import PackError
from ..frame import Floats
from ..packs.graph import inputs_of, with_constants

__all__ = ["specialise"]


def specialise(model: bytes, weights: Mapping[str, Floats]) -> bytes:
    """The IDN ``model`` with its predicted ``weights`` as constants; only ``image`` remains an input.

    With constants the runtime lays out the kernels once, which is about twice as fast as feeding them at every call.
    Raises PackError where names or shapes are not those that the model asks for.
    """
    wanted = {name: shape for name, shape in inputs_of(model).items() if name != "image"}
    given = {name: array.shape for name, array in weights.items()}
    if wanted != given:
        raise _mismatch(wanted, given)
    return with_constants(model, weights)


def _mismatch(wanted: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]) -> PackError:
    name = min(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
    return PackError(
        f"expected the predicted weight {name} to have the shape {wanted.get(name, 'of nothing: the network has none')}"
        f"; found {given.get(name, 'none')}. Prepare the identity again with this pack"
    )
