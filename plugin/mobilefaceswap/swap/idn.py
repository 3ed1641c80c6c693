"""MobileFaceSwap's network: its weights are predicted once per identity and become constants of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..frame import Floats
from ..packs import Pack
from ..runtime import AUTOMATIC, on_device, open_session
from .network import Portrait, from_planar, mean_of, to_planar
from .specialise import specialise

__all__ = ["IdnNetwork"]


class IdnNetwork:
    """See `SwapNetwork`."""

    def __init__(self, pack: Pack, weights: Mapping[str, Floats], device: str = AUTOMATIC) -> None:
        self._session = on_device(specialise(pack.path("idn").read_bytes(), weights), device)
        self._numbers = pack.network
        self.nbytes = self._session.nbytes

    @staticmethod
    def prepared(pack: Pack, encoded: Mapping[str, Floats], portrait: Portrait) -> dict[str, Floats]:
        """The predicted weights by name."""
        session = open_session(pack.path("identity"))
        return session.run({name: encoded[name] for name in ("feature_map", "embedding")})

    @staticmethod
    def mixed(pack: Pack, weights: Sequence[Mapping[str, Floats]], shares: Sequence[float]) -> dict[str, Floats]:
        """The mean of the predicted weights: the network is steady between two people's."""
        return mean_of(weights, shares)

    @property
    def runtime(self) -> str:
        """See `SwapNetwork`."""
        return self._session.runtime

    def __call__(self, crops: Floats) -> tuple[Floats, Floats]:
        """See `SwapNetwork`."""
        out = self._session.run({"image": to_planar(crops, self._numbers.input)})
        return from_planar(out["colour"], self._numbers.output), np.ascontiguousarray(out["mask"][:, 0])
