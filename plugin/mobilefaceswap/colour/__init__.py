"""Colour spaces, and the way from each to the display-referred sRGB that the networks were trained on.

A `space` is one of the usual ones, or any that an OpenColorIO `config` defines; `display` converts; `view` says how
much of the light beyond white the network gets to see.
"""

from .display import from_display, luma_of, safe_codes, to_display
from .space import (
    AUTOMATIC,
    BUILT_IN,
    OPENFX_FAMILY,
    SPACES,
    ColourSpace,
    coded_space,
    space_in,
    space_named,
    unused_config,
)
from .view import exposure_for, shouldered, white_of

__all__ = [
    "AUTOMATIC",
    "BUILT_IN",
    "OPENFX_FAMILY",
    "SPACES",
    "ColourSpace",
    "coded_space",
    "exposure_for",
    "from_display",
    "luma_of",
    "safe_codes",
    "shouldered",
    "space_in",
    "space_named",
    "to_display",
    "unused_config",
    "white_of",
]
