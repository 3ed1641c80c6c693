"""Cryptomatte, specification 1.2.0 (Friedman and Jones, Psyop): ids as floats, ranked by coverage, and the manifest."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping

import numpy as np

from ..frame import Floats

__all__ = ["LAYER", "hashed", "id_of", "manifest", "ranked"]

LAYER = "CryptoPerson"
_MASK = 0xFFFFFFFF


def hashed(name: str) -> int:
    """The 32-bit MurmurHash3 of ``name`` in UTF-8, with a seed of 0 (Appleby, x86 variant)."""
    data = name.encode("utf-8")
    whole = len(data) // 4 * 4
    code = 0
    for (block,) in struct.iter_unpack("<I", data[:whole]):
        code = (_rotated(code ^ _mixed(block), 13) * 5 + 0xE6546B64) & _MASK
    code ^= _mixed(int.from_bytes(data[whole:], "little"))
    code ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        code = ((code ^ (code >> shift)) * factor) & _MASK
    return code


def _mixed(block: int) -> int:
    return _rotated(block * 0xCC9E2D51 & _MASK, 15) * 0x1B873593 & _MASK


def _rotated(code: int, bits: int) -> int:
    return (code << bits | code >> (32 - bits)) & _MASK


def id_of(name: str) -> np.float32:
    """The id of ``name``: its hash as a float's bits, moved out of the exponents of NaN, infinity and denormals."""
    code = hashed(name)
    if code >> 23 & 0xFF in (0, 0xFF):
        code ^= 1 << 23
    return np.float32(struct.unpack("<f", struct.pack("<I", code))[0])


def ranked(shares: Mapping[str, Floats], size: tuple[int, int]) -> Floats:
    """(H, W, 4): id and coverage of the name that covers most of each pixel, then of the second.

    shares: (H, W) coverages, together at most 1, by name. size: (height, width).
    """
    picture = np.zeros((*size, 4), np.float32)
    for name, share in shares.items():
        first, second = share > picture[..., 1], share > picture[..., 3]
        picture[first, 2:] = picture[first, :2]
        for place, chosen in ((0, first), (2, second & ~first)):
            picture[chosen, place], picture[chosen, place + 1] = id_of(name), share[chosen]
    return picture


def manifest(names: Iterable[str]) -> dict[str, str]:
    """The header's attributes: what the layer is called, how ids are made, and the id of every name."""
    key = f"cryptomatte/{hashed(LAYER):08x}"[: len("cryptomatte/") + 7]
    ids = {name: struct.pack(">f", id_of(name)).hex() for name in names}
    return {
        f"{key}/name": LAYER,
        f"{key}/hash": "MurmurHash3_32",
        f"{key}/conversion": "uint32_to_float32",
        f"{key}/manifest": json.dumps(ids),
    }
