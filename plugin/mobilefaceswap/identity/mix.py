"""Several prepared identities mixed into one person who is none of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..packs import Pack
from ..swap import network_class
from .record import Identity, Part, joined_releases
from .weigh import shares_of

__all__ = ["mixed"]


def mixed(
    identities: Sequence[Identity], weights: Sequence[float], pack: Pack, names: Sequence[str] | None = None
) -> Identity:
    """The mean of ``identities`` by ``weights``, which need not add up to 1.

    What the pack's network is given is mixed, never pixels. The icon is that of the one with the most weight; every
    release note is kept, equal ones once. names: of their files, to be recorded beside their shares. Raises
    UserInputError on weights that do not fit, IdentityFileError where one was prepared with another pack, PackError
    where the pack's network takes a picture, of which there is no mean.
    """
    shares = shares_of(weights, len(identities), "identities")
    for one in identities:
        one.check_pack(pack)
    network = network_class(pack)
    heaviest = identities[int(np.argmax(shares))]
    embedding = sum(share * _unit(one.embedding) for share, one in zip(shares, identities, strict=True))
    return Identity(
        network.mixed(pack, [one.weights for one in identities], shares.tolist()),
        np.asarray(embedding * np.linalg.norm(heaviest.embedding), np.float32),
        pack.name,
        pack.content_hash,
        heaviest.thumbnail,
        joined_releases(*(one.releases for one in identities)),
        parts=tuple(_parts(identities, shares.tolist(), names or [""] * len(identities))),
    )


def _parts(identities: Sequence[Identity], shares: Sequence[float], names: Sequence[str]) -> Iterator[Part]:
    """The people who are mixed: of an identity that is a mix itself, those in it."""
    for one, share, name in zip(identities, shares, names, strict=True):
        known = one.parts or (Part(1.0, one.content_hash, name, one.releases),)
        yield from (replace(part, share=share * part.share) for part in known)


def _unit(
    embedding: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(embedding / max(float(np.linalg.norm(embedding)), 1e-12), np.float32)
