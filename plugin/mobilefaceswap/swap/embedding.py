"""Networks that take an identity with every frame: inswapper, SimSwap, GHOST and the like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from ..cache import opened
from ..errors import PackError
from ..frame import Floats
from ..packs import Crop, Pack
from ..runtime import AUTOMATIC, chosen_device, on_device, open_session
from .network import Portrait, from_planar, mean_of, to_planar

__all__ = ["EmbeddingNetwork", "template_mask"]

_HALF_WIDTH, _HALF_HEIGHT, _SOFT = 0.54, 0.68, 0.3
"""Of the drawn mask: half axes in widths of the face, and the share of them over which the edge fades."""


class EmbeddingNetwork:
    """See `SwapNetwork`. The identity holds the one array that is fed to the network."""

    def __init__(self, pack: Pack, weights: Mapping[str, Floats], device: str = AUTOMATIC) -> None:
        place, chosen = pack.path("swapper"), chosen_device(device)
        self._session = opened.get("swapper", (pack.content_hash, chosen), lambda: on_device(place, device))
        self._described, self._crop = pack.network, pack.crop
        self._identity = weights["identity"]
        self.nbytes = self._identity.nbytes

    @staticmethod
    def prepared(pack: Pack, encoded: Mapping[str, Floats], portrait: Portrait) -> dict[str, Floats]:
        """The embedding, mapped by the pack's identity graph if it has one; or the source picture."""
        if pack.network.picture is not None:
            return {"identity": portrait(pack.network.picture)}
        embedding = encoded["embedding"]
        if pack.network.unit_length:
            embedding = embedding / max(float(np.linalg.norm(embedding)), 1e-12)
        if "identity" in pack.files:
            return {"identity": open_session(pack.path("identity")).run({"embedding": embedding})["identity"]}
        return {"identity": np.asarray(embedding, np.float32)}

    @staticmethod
    def mixed(pack: Pack, weights: Sequence[Mapping[str, Floats]], shares: Sequence[float]) -> dict[str, Floats]:
        """The mean of the identity vectors, of their own length. Raises PackError where the network takes a picture."""
        if pack.network.picture is not None:
            raise PackError(
                f"expected a pack whose network takes an identity vector; {pack.name} takes a picture, and "
                "a mean of pictures is nobody. Choose another pack to mix identities"
            )
        mean = mean_of(weights, shares)["identity"]
        length = sum(share * float(np.linalg.norm(one["identity"])) for share, one in zip(shares, weights, strict=True))
        return {"identity": np.asarray(mean * (length / max(float(np.linalg.norm(mean)), 1e-12)), np.float32)}

    @property
    def runtime(self) -> str:
        """See `SwapNetwork`."""
        return self._session.runtime

    def __call__(self, crops: Floats) -> tuple[Floats, Floats]:
        """See `SwapNetwork`. One crop at a time: most published networks fix the batch at 1."""
        names = self._described
        colours, masks = [], []
        for planar in to_planar(crops, names.input):
            out = self._session.run({names.image: planar[None], names.identity: self._identity})
            colours.append(out[names.colour])
            masks.append(out[names.mask].reshape(planar.shape[1:]) if names.mask else template_mask(self._crop))
        colour = np.clip(from_planar(np.concatenate(colours), names.output), 0.0, 1.0)
        return colour, np.clip(np.stack(masks), 0.0, 1.0)


@cache
def template_mask(crop: Crop) -> Floats:
    """(S, S), 0..1: a soft ellipse over the face of the template, for networks that give no mask."""
    points = crop.template.on(crop.size)
    width = crop.template.face_width * crop.size
    x, y = np.meshgrid(np.arange(crop.size), np.arange(crop.size))
    middle = points.mean(axis=0)
    away = np.hypot((x - middle[0]) / (_HALF_WIDTH * width), (y - middle[1]) / (_HALF_HEIGHT * width))
    mask = np.asarray(np.clip((1 - away) / _SOFT + 0.5, 0.0, 1.0), np.float32)
    mask.setflags(write=False)
    return mask
