"""The pictures that a node can show."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["OutputMode"]


class OutputMode(StrEnum):
    """The picture that a one-output node shows."""

    COMPOSITE = "composite"
    FACE = "face"
    FACE_UNPREMULTIPLIED = "face-unpremultiplied"
    MATTE = "matte"
    STATUS = "status"
    OVERLAY = "overlay"
