"""A face-swap node for video editing and compositing hosts: the public names. Importing this does no work."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cache import RenderCache
    from .colour import SPACES, ColourSpace
    from .errors import FaceSwapError
    from .faces import Face, Track
    from .frame import Clip, Frame
    from .identity import Identity
    from .media import create_output, open_clip, read_picture
    from .node import FaceSwapNode, PeopleNode, PersonNode, QualityRecord, RenderResult
    from .packs import Pack, find_pack
    from .settings import OUTPUTS, FaceChoice, Output, Settings

__version__ = "0.1.0"

# ONNX Runtime's official builds report to Microsoft and keep an identifier of the machine, unless this is set before
# the library is loaded. Every process that imports this package, and every process that such a one starts, has it set.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_PLACES = {
    "cache": ("RenderCache",),
    "colour": ("SPACES", "ColourSpace"),
    "errors": ("FaceSwapError",),
    "faces": ("Face", "Track"),
    "frame": ("Clip", "Frame"),
    "identity": ("Identity",),
    "media": ("create_output", "open_clip", "read_picture"),
    "node": ("FaceSwapNode", "PeopleNode", "PersonNode", "QualityRecord", "RenderResult"),
    "packs": ("Pack", "find_pack"),
    "settings": ("OUTPUTS", "FaceChoice", "Output", "Settings"),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "OUTPUTS",
    "SPACES",
    "Clip",
    "ColourSpace",
    "Face",
    "FaceChoice",
    "FaceSwapError",
    "FaceSwapNode",
    "Frame",
    "Identity",
    "Output",
    "Pack",
    "PeopleNode",
    "PersonNode",
    "QualityRecord",
    "RenderCache",
    "RenderResult",
    "Settings",
    "Track",
    "create_output",
    "find_pack",
    "open_clip",
    "read_picture",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used: a host that asks for the version loads no network."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
