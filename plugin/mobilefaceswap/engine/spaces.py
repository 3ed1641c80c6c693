"""Maps OpenFX's names of colour spaces to the node's."""

from __future__ import annotations

from ..colour import SPACES, ColourSpace
from ..errors import UserInputError

__all__ = ["plate_space"]

_NAMED = {name: space for space in SPACES.values() for name in space.openfx}
# A host of OpenFX's basic style names a family only, so that its primaries remain open.
_FAMILY = "ofx_"


def plate_space(chosen: str, declared: str, by_default: ColourSpace) -> tuple[ColourSpace, str]:
    """(the space of a picture, a note for the user or "").

    chosen: the Working Space setting, which wins unless it is "auto". declared: OpenFX's name, "" where the host
    declares none; by_default counts then. Raises UserInputError on a space that the node does not know.
    """
    if chosen in SPACES:
        return SPACES[chosen], ""
    if not declared:
        return by_default, ""
    if declared not in _NAMED:
        raise UserInputError(
            f'expected a colour space that the node knows ({", ".join(_NAMED)}); the host declares "{declared}". '
            "Convert the clip before the node, or set Working Space by hand"
        )
    space = _NAMED[declared]
    if not declared.startswith(_FAMILY):
        return space, ""
    return space, f'the host calls the colour space just "{declared}", taken as {space.label}; else set Working Space'
