"""The C records and numbers of the interface. Handles are numbers."""

from __future__ import annotations

import ctypes as c
from typing import Any

__all__ = [
    "DEFAULT",
    "FAILED",
    "FETCH",
    "MAIN_ENTRY",
    "NO",
    "OK",
    "UNKNOWN",
    "HostRecord",
    "Plugin",
    "Properties",
    "callback",
    "double",
    "integer",
    "place",
    "text",
]

OK, FAILED, UNKNOWN, NO, DEFAULT = 0, 1, 3, 13, 14
place, integer, double, text = c.c_void_p, c.c_int, c.c_double, c.c_char_p

Properties = dict[str, list[Any]]


class HostRecord(c.Structure):
    _fields_ = (("host", place), ("fetch", place))


class Plugin(c.Structure):
    _fields_ = (
        ("api", text),
        ("api_version", integer),
        ("identifier", text),
        ("major", c.c_uint),
        ("minor", c.c_uint),
        ("set_host", place),
        ("main_entry", place),
    )


MAIN_ENTRY = c.CFUNCTYPE(integer, text, place, place, place)
FETCH = c.CFUNCTYPE(place, place, text, integer)


def callback(function: Any, *types: Any) -> Any:
    """A C function of these types that returns a status."""
    return c.CFUNCTYPE(integer, *types)(function)
