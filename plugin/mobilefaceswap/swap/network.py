"""The protocol of swapping networks, and how an identity's network is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pkgutil import resolve_name
from typing import Protocol, cast

import numpy as np

from ..cache import opened
from ..frame import Floats
from ..packs import CONTRACTS, FaceInput, Normalisation, Pack
from ..runtime import AUTOMATIC, chosen_device

__all__ = ["Portrait", "SwapNetwork", "from_planar", "mean_of", "network_class", "open_network", "to_planar"]

Portrait = Callable[[FaceInput], Floats]
"""Gives the source's most typical face as a network takes it: (1, 3, S, S)."""


class SwapNetwork(Protocol):
    """The network of one identity. Thread-safe. nbytes: approximate size in memory."""

    nbytes: int

    def __init__(self, pack: Pack, weights: Mapping[str, Floats], device: str = AUTOMATIC) -> None:
        """weights: what ``prepared`` gave. device: as ``runtime.on_device`` takes it.

        Raises PackError where the weights do not fit or the device cannot run them.
        """
        ...

    @staticmethod
    def prepared(pack: Pack, encoded: Mapping[str, Floats], portrait: Portrait) -> dict[str, Floats]:
        """What an identity stores for this kind of network, made from the recogniser's output for the source.

        encoded: ``embedding`` (1, D), not normalised, and whatever else the pack's encoder gives. Raises PackError.
        """
        ...

    @staticmethod
    def mixed(pack: Pack, weights: Sequence[Mapping[str, Floats]], shares: Sequence[float]) -> dict[str, Floats]:
        """What ``prepared`` gave for several identities as one; ``shares`` add up to 1. Raises PackError."""
        ...

    @property
    def runtime(self) -> str:
        """Runtime version and provider, for cache keys."""
        ...

    def __call__(self, crops: Floats) -> tuple[Floats, Floats]:
        """(N, S, S, 3) display-referred sRGB, 0..1, in; colour, alike, and masks (N, S, S), 0..1, out.

        Colour is the face as the network draws it, also beyond the mask: nothing is composited.
        """
        ...


def network_class(pack: Pack) -> type[SwapNetwork]:
    """The class that runs networks of the pack's kind."""
    return cast(type[SwapNetwork], resolve_name(CONTRACTS[pack.kind].network))


def open_network(pack: Pack, weights: Mapping[str, Floats], identity: str, device: str = AUTOMATIC) -> SwapNetwork:
    """The network of an identity, opened once per process, since hosts recreate their nodes at every edit.

    identity: the content hash of the identity that ``weights`` belong to. device: as ``runtime.on_device`` takes it.
    """
    key = pack.content_hash, identity, chosen_device(device)
    return opened.get("network", key, lambda: network_class(pack)(pack, weights, device))


def mean_of(weights: Sequence[Mapping[str, Floats]], shares: Sequence[float]) -> dict[str, Floats]:
    """Array by array, the mean by ``shares``, which add up to 1."""
    return {
        name: np.asarray(sum(share * one[name] for share, one in zip(shares, weights, strict=True)), np.float32)
        for name in weights[0]
    }


def to_planar(crops: Floats, numbers: Normalisation) -> Floats:
    """(N, S, S, 3) RGB 0..1 as (N, 3, S, S), normalised for a network."""
    values = crops if numbers == Normalisation() else numbers.applied(crops)
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def from_planar(values: Floats, numbers: Normalisation) -> Floats:
    """(N, 3, S, S) network values as (N, S, S, 3) RGB."""
    colour = np.ascontiguousarray(values.transpose(0, 2, 3, 1))
    return colour if numbers == Normalisation() else numbers.undone(colour)
