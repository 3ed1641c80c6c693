"""ICC profiles of pictures: RGB profiles made of a matrix and three curves, and grey ones, exactly and unclipped.

Such are the profiles of cameras, phones and displays (Display P3, Adobe RGB, ProPhoto). Specification ICC.1:2022:
header 7.2, curves 10.6 and 10.18, model F.3. The profile connection space is XYZ of D50, so that the way to sRGB is
one 3x3 matrix between two curves. Values beyond black and white are kept: curves are continued as odd functions.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...frame import Floats

__all__ = ["Profile"]

_SRGB_TO_XYZ = np.array(
    [[0.43606567, 0.38514709, 0.14306641], [0.22248840, 0.71687317, 0.06060791], [0.01391602, 0.09707642, 0.71409607]]
)
"""sRGB's primaries adapted to D50, as the ICC's own sRGB profile has them."""
_TABLE = np.linspace(0, 1, 4097)
_SAME = 2e-3
"""Profiles of sRGB differ from each other by less than this in the last digits of their curves and primaries."""
_CURVE_TERMS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}


@dataclass(frozen=True, eq=False)
class Profile:
    """data: the profile as embedded."""

    data: bytes

    @cached_property
    def name(self) -> str:
        """Its description, for messages."""
        from PIL import ImageCms

        try:
            return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(self.data))).strip()
        except (ImageCms.PyCMSError, OSError, ValueError):
            return "unreadable"

    @property
    def known(self) -> bool:
        """Whether it is of the kinds that ``to_srgb`` can apply."""
        return self._model is not None

    def to_srgb(self, pixels: Floats) -> Floats:
        """(H, W, 3|4) values in the profile's encoding as sRGB-encoded ones, beyond 0..1 where sRGB ends."""
        return self._applied(pixels, forward=True)

    def from_srgb(self, pixels: Floats) -> Floats:
        """The inverse of ``to_srgb``."""
        return self._applied(pixels, forward=False)

    def _applied(self, pixels: Floats, forward: bool) -> Floats:
        if self._model is None or self._is_srgb:
            return pixels
        curves, matrix = self._model
        rgb = pixels[..., :3].astype(np.float64)
        if forward:
            linear = np.stack([_looked_up(rgb[..., i], _TABLE, curves[i]) for i in range(3)], axis=-1)
            found = _srgb_encoded(linear @ matrix.T)
        else:
            linear = _srgb_decoded(rgb) @ np.linalg.inv(matrix).T
            found = np.stack([_looked_up(linear[..., i], curves[i], _TABLE) for i in range(3)], axis=-1)
        return np.concatenate([found, pixels[..., 3:]], axis=-1).astype(np.float32)

    @cached_property
    def _is_srgb(self) -> bool:
        assert self._model is not None
        curves, matrix = self._model
        curve = _srgb_decoded(_TABLE)
        return bool(np.abs(matrix - np.eye(3)).max() < _SAME and np.abs(np.array(curves) - curve).max() < _SAME)

    @cached_property
    def _model(self) -> tuple[list[np.ndarray], np.ndarray] | None:
        """Three curves over ``_TABLE``, and the matrix from the profile's linear RGB to linear sRGB."""
        try:
            tags = _tags(self.data)
            if self.data[16:20] == b"GRAY":
                return [_curve(tags[b"kTRC"])] * 3, np.eye(3)
            if self.data[16:20] != b"RGB " or b"A2B0" in tags:
                return None
            curves = [_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")]
            columns = [struct.unpack(">3i", tags[name][8:20]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
            return curves, np.linalg.inv(_SRGB_TO_XYZ) @ np.array(columns).T / 65536
        except (KeyError, ValueError, struct.error, IndexError, np.linalg.LinAlgError):
            return None


def _tags(data: bytes) -> dict[bytes, bytes]:
    if data[36:40] != b"acsp":
        raise ValueError("no ICC profile")
    (count,) = struct.unpack(">I", data[128:132])
    rows = (struct.unpack(">4sII", data[132 + 12 * i : 144 + 12 * i]) for i in range(min(count, 100)))
    return {name: data[start : start + size] for name, start, size in rows}


def _curve(tag: bytes) -> np.ndarray:
    """The curve at every place of ``_TABLE``; it rises, or ValueError is raised."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack(">I", tag[8:12])
        values = np.frombuffer(tag[12 : 12 + 2 * count], ">u2").astype(np.float64)
        if len(values) != count:
            raise ValueError("curve cut short")
        found: Any = _TABLE if not count else _TABLE ** (values[0] / 256) if count == 1 else None
        if found is None:
            found = np.interp(_TABLE, np.linspace(0, 1, count), values / 65535)
    elif tag[:4] == b"para":
        (kind,) = struct.unpack(">H", tag[8:10])
        count = _CURVE_TERMS[kind]
        found = _parametric(kind, *np.array(struct.unpack(f">{count}i", tag[12 : 12 + 4 * count])) / 65536)
    else:
        raise ValueError("unknown curve")
    if not np.isfinite(found).all() or np.diff(found).min() < 0 or found[-1] <= found[0]:
        raise ValueError("curve that does not rise")
    return np.asarray(found)


def _parametric(kind: int, g: float, a: float = 1, b: float = 0, c: float = 0, d: float = 0, *ends: float) -> Any:
    """ICC.1:2022, table 70."""
    power = np.maximum(a * _TABLE + b, 0) ** g
    if kind == 0:
        return _TABLE**g
    if kind in (1, 2):
        return np.where(-b / a <= _TABLE, power, 0) + (c if kind == 2 else 0)
    e, f = ends or (0.0, 0.0)
    return np.where(d <= _TABLE, power + e, c * _TABLE + f)


def _looked_up(values: np.ndarray, places: np.ndarray, table: np.ndarray) -> np.ndarray:
    """``table`` at ``values``, continued beyond its ends by its last slope and as an odd function below 0."""
    size = np.abs(values)
    beyond = np.maximum(size - places[-1], 0) * (table[-1] - table[-2]) / max(places[-1] - places[-2], 1e-9)
    return np.asarray(np.sign(values) * (np.interp(size, places, table) + beyond))


def _srgb_decoded(values: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, as an odd function."""
    size = np.abs(values)
    return np.asarray(np.sign(values) * np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4))


def _srgb_encoded(values: np.ndarray) -> np.ndarray:
    size = np.abs(values)
    low = size <= 0.0031308
    return np.asarray(
        np.sign(values) * np.where(low, 12.92 * size, 1.055 * np.where(low, 1, size) ** (1 / 2.4) - 0.055)
    )
