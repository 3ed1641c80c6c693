"""The messages between bridge and engine: the twin of ofx_bridge/src/wire.h, which describes the fields.

Little-endian, fixed layouts, versioned. tests/ofx/wire.bin holds one message of each kind, and both sides are tested
against it.
"""

from .faces import Changed, FaceBox
from .message import (
    FINGERPRINT,
    HEADER_SIZE,
    VERSION,
    Kind,
    Message,
    body_size,
    greeting,
    handle_of,
    read_greeting,
    read_header,
)
from .picture import Flags, Picture
from .values import Values, packed_sights, packed_times, range_number, read_sights

__all__ = [
    "FINGERPRINT",
    "HEADER_SIZE",
    "VERSION",
    "Changed",
    "FaceBox",
    "Flags",
    "Kind",
    "Message",
    "Picture",
    "Values",
    "body_size",
    "greeting",
    "handle_of",
    "packed_sights",
    "packed_times",
    "range_number",
    "read_greeting",
    "read_header",
    "read_sights",
]
