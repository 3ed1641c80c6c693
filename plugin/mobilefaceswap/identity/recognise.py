"""A face as the pack's encoder sees it, and what the encoder says of it."""

from __future__ import annotations

import numpy as np

from ..colour import to_display
from ..errors import PackError
from ..faces import Face
from ..frame import Floats, Frame
from ..geometry import fit_crop, sample_crop
from ..packs import Pack
from ..runtime import Session, encoder_session

__all__ = ["display_crop", "encode_face", "encoder_input", "portrait_size"]


def display_crop(picture: Frame, face: Face, pack: Pack, size: int) -> Floats:
    """The aligned (size, size, 3) crop of ``face``, display-referred sRGB, 0..1."""
    matrix = fit_crop(face.landmarks, size, pack.crop.fit, picture.pixel_aspect)
    crop = to_display(sample_crop(np.nan_to_num(picture.rgb), matrix, size), picture.colour_space)
    return np.asarray(np.clip(np.nan_to_num(crop), 0.0, 1.0), np.float32)


def encode_face(picture: Frame, face: Face, pack: Pack) -> tuple[Floats, Floats]:
    """(feature map (1, C, h, w), embedding (1, D), not normalised) of one face by the pack's encoder."""
    out = encoder_session(pack).run({"face": encoder_input(picture, face, pack, pack.encoder.size)})
    return out["feature_map"], out["embedding"]


def encoder_input(picture: Frame, face: Face, pack: Pack, size: int) -> Floats:
    """The aligned face (1, 3, size, size) in the range and normalisation that the pack's encoder declares."""
    declared = pack.encoder
    crop = display_crop(picture, face, pack, size) * declared.range
    normalised = (crop - np.array(declared.mean)) / np.array(declared.std)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None], np.float32)


def portrait_size(session: Session) -> int:
    """Pixels of the square face that a pack's identity graph asks for. Raises PackError where it leaves them open."""
    shape = session.inputs["face"]
    if len(shape) != 4 or not isinstance(shape[-1], int) or shape[-2] != shape[-1]:
        raise PackError(
            "expected the identity graph of the pack to take a square face of a fixed size, as (1, 3, 224, 224); "
            f"found {shape}. Export the graph again with a fixed size, or choose another pack"
        )
    return shape[-1]
