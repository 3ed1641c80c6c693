"""The kinds of networks: which files a pack of each kind holds, and by which names they are fed and read.

A new kind is a row here and the class that runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .records import Pack

__all__ = ["BESIDES", "CONTRACTS", "Contract", "Rule"]

BESIDES = ("palms", "hands")
"""Roles of networks that a pack of any kind may carry and no swap depends on: they find what stands before a face."""

Rule = tuple[str, tuple[str, ...], list[str]]
"""The name of a field of ``pack.toml``, what was found there, what is expected."""


@dataclass(frozen=True)
class Contract:
    """One kind of network. needed, optional: the roles of its files. network: the class that runs it, as
    ``module:class``; see ``swap.network.SwapNetwork``. rules: what the names of inputs and outputs must be.
    """

    needed: tuple[str, ...]
    network: str
    rules: Callable[[Pack], Iterator[Rule]]
    optional: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role that a file of such a pack can have."""
        return *self.needed, *self.optional, *BESIDES


def _idn(pack: Pack) -> Iterator[Rule]:
    files = pack.files
    yield "files.encoder.inputs", files["encoder"].inputs, ["face"]
    yield "files.encoder.outputs", files["encoder"].outputs, ["feature_map", "embedding"]
    yield "files.identity.inputs", files["identity"].inputs, ["feature_map", "embedding"]
    yield "files.idn.inputs", files["idn"].inputs, ["image", *files["identity"].outputs]
    yield "files.idn.outputs", files["idn"].outputs, ["colour", "mask"]


def _embedding(pack: Pack) -> Iterator[Rule]:
    files, names = pack.files, pack.network
    yield "files.encoder.inputs", files["encoder"].inputs, list(files["encoder"].inputs[:1])
    yield "files.swapper.inputs", files["swapper"].inputs, [names.image, names.identity]
    outputs = [name for name in files["swapper"].outputs if name in (names.colour, names.mask)]
    yield "files.swapper.outputs", tuple(outputs), [names.colour, *filter(None, [names.mask])]
    if "identity" in files:
        yield "files.identity.inputs", files["identity"].inputs, ["embedding"]
        yield "files.identity.outputs", files["identity"].outputs, ["identity"]


CONTRACTS: Mapping[str, Contract] = {
    "idn": Contract(("detector", "encoder", "identity", "idn"), "mobilefaceswap.swap.idn:IdnNetwork", _idn),
    "embedding": Contract(
        ("detector", "encoder", "swapper"), "mobilefaceswap.swap.embedding:EmbeddingNetwork", _embedding, ("identity",)
    ),
}
"""``idn``: an identity's weights are predicted once and become constants of the network (MobileFaceSwap).
``embedding``: the network takes an identity vector with every frame (inswapper, SimSwap, GHOST and their kind).
"""
