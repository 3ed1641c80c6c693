"""What a picture's colour space is, by the setting and by what the host declares."""

from __future__ import annotations

from ..colour import BUILT_IN, OPENFX_FAMILY, ColourSpace, space_in, space_named
from ..errors import SettingsError, UserInputError
from ..settings import Settings

__all__ = ["declared_space", "plate_space"]


def plate_space(settings: Settings, declared: str, config: str, by_default: ColourSpace) -> tuple[ColourSpace, str]:
    """(the space of a picture, a note for the user or ""): the Working Space wins. Raises as ``declared_space``."""
    if settings.space is not None:
        return settings.space, ""
    return declared_space(declared, config, by_default)


def declared_space(declared: str, config: str, by_default: ColourSpace) -> tuple[ColourSpace, str]:
    """(the space that a host declares, a note for the user or "").

    declared: a name of OpenFX's or of the host's OpenColorIO configuration, "" where there is none; by_default counts
    then. config: that configuration, a file or ``ocio://…``; "" for OpenFX's own names. Raises UserInputError on a
    space that neither knows, and on a configuration that cannot be used.
    """
    if not declared:
        return by_default, ""
    try:
        space = space_in(config, declared) if config else space_named(declared, BUILT_IN)
    except SettingsError as error:
        raise UserInputError(
            f'expected a colour space that the node knows; the host declares "{declared}": {error}. Convert the clip '
            "before the node, or set Working Space by hand"
        ) from error
    if not declared.startswith(OPENFX_FAMILY):
        return space, ""
    return space, f'the host calls the colour space just "{declared}", taken as {space.label}; else set Working Space'
