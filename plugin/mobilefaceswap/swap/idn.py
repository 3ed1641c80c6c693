"""Aligned crop in, swapped crop and learned mask out: the specialised network and its declared normalisation."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from ..errors import IdentityFileError
from ..frame import Floats
from ..identity import Identity
from ..packs import Pack
from ..runtime import Session, load_session, specialise

__all__ = ["SwapNetwork", "swap_network"]

_MOST_NETWORKS = 16
_networks: OrderedDict[tuple[str, str], SwapNetwork] = OrderedDict()
_lock = threading.Lock()


class SwapNetwork:
    """The identity-aware network of one identity, its predicted weights held as constants. Thread-safe."""

    def __init__(self, pack: Pack, identity: Identity) -> None:
        """Raises IdentityFileError where the identity was prepared with another pack."""
        if identity.pack_hash != pack.content_hash:
            raise IdentityFileError(
                f"expected an identity prepared with pack {pack.name} ({pack.content_hash[:12]}); this one "
                f"was prepared with {identity.pack_name} ({identity.pack_hash[:12]}). "
                "Prepare it again from the pictures with `mobilefaceswap identity`, or choose the other pack"
            )
        self.key = (pack.content_hash, identity.content_hash)
        self._session: Session = load_session(specialise(pack.path("idn").read_bytes(), identity.weights))

    @property
    def runtime(self) -> str:
        """Runtime version and provider, for cache keys."""
        return self._session.runtime

    def __call__(self, crops: Floats) -> tuple[Floats, Floats]:
        """(N, S, S, 3) display-referred sRGB, 0..1, in; the swapped crops, alike, and masks (N, S, S), 0..1, out.

        The swapped crop is network colour * mask + crop * (1 - mask), as in the paper.
        """
        planar = np.ascontiguousarray(crops.transpose(0, 3, 1, 2))
        out = self._session.run({"image": planar})
        swapped = np.ascontiguousarray(out["swapped"].transpose(0, 2, 3, 1))
        return swapped, np.ascontiguousarray(out["mask"][:, 0])


def swap_network(pack: Pack, identity: Identity) -> SwapNetwork:
    """The network of ``identity``, built once in a process; hosts recreate their nodes at every edit."""
    key = (pack.content_hash, identity.content_hash)
    with _lock:
        if key not in _networks:
            _networks[key] = SwapNetwork(pack, identity)
        _networks.move_to_end(key)
        while len(_networks) > _MOST_NETWORKS:
            _networks.popitem(last=False)
        return _networks[key]
