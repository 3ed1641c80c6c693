"""MobileFaceSwap's network: its weights are predicted once per identity and become constants of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import PackError
from ..frame import Floats
from ..packs import FaceInput, Pack
from ..packs.crop import Crop
from ..runtime import AUTOMATIC, Session, on_device, open_session
from .network import Portrait, from_planar, mean_of, to_planar
from .specialise import specialise

__all__ = ["IdnNetwork", "portrait_size"]


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
        inputs = {name: encoded[name] for name in ("feature_map", "embedding")}
        if "face" in session.inputs:
            crop, numbers = pack.encoder.crop, pack.encoder.numbers
            size = portrait_size(session)
            inputs["face"] = portrait(FaceInput(Crop(size, crop.template, crop.fit), numbers))
        return session.run(inputs)

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


def portrait_size(session: Session) -> int:
    """Side in pixels of the square face that an identity graph takes. Raises PackError if it is not fixed."""
    shape = session.inputs["face"]
    if len(shape) != 4 or not isinstance(shape[-1], int) or shape[-2] != shape[-1]:
        raise PackError(
            "expected the identity graph of the pack to take a square face of a fixed size, as (1, 3, 224, 224); "
            f"found {shape}. Export the graph again with a fixed size, or choose another pack"
        )
    return shape[-1]
