"""OpenColorIO configurations: the built-in one, $OCIO's, or a file's.

The usual spaces come from the built-in ACES studio configuration, whatever $OCIO says, so that they mean the same
everywhere. Conversions are made without OpenColorIO's fast approximations, so that machines agree.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SettingsError
from .space import BUILT_IN, ColourSpace, Encoding

if TYPE_CHECKING:
    import PyOpenColorIO as ocio

__all__ = ["aliases_of", "defined", "names_of", "processor"]

_ENCODINGS: dict[str, Encoding] = {
    "scene-linear": "linear",
    "display-linear": "linear",
    "log": "log",
    "sdr-video": "display",
    "hdr-video": "hdr",
    "edr-video": "hdr",
}
_BEYOND_WHITE = 2.5
"""Light at code value 1 above which an encoding that does not say what it is cannot be a display's."""


def defined(name: str, place: str) -> dict[str, Any] | None:
    """The fields of the ``ColourSpace`` that a configuration defines under a name, alias or role; None if it has none.

    place: as in ``space_named``. Raises SettingsError.
    """
    config, where = _opened(place), _place(place)
    found = config.getColorSpace(name)
    if found is None:
        return None
    own = found.getName()
    if found.isData():
        raise SettingsError(
            f"expected a colour space; {name!r} is data in {where or 'the built-in configuration'}, and not colour "
            "managed. Choose the space that the plate is in"
        )
    encoding = _ENCODINGS.get(found.getEncoding()) or _guessed(own, where)
    version = config.getCacheID() if where else ""
    return {"name": own, "label": own, "ocio": own, "encoding": encoding, "config": where, "version": version}


def aliases_of(space: ColourSpace) -> tuple[str, ...]:
    """Other names of a space in its configuration; those of the built-in one are OpenFX's names, too."""
    return tuple(_built(space.config).getColorSpace(space.ocio).getAliases())


def names_of(place: str) -> list[str]:
    """Names, aliases and roles of a configuration. Raises SettingsError."""
    config = _opened(place)
    spaces = [config.getColorSpace(name) for name in config.getColorSpaceNames()]
    roles = [role[0] if isinstance(role, tuple) else role for role in config.getRoles()]
    return [word for space in spaces for word in (space.getName(), *space.getAliases())] + roles


@cache
def processor(source: ColourSpace, destination: ColourSpace) -> ocio.CPUProcessor:
    """Converts pixels between two spaces, whose exposure does not count. Raises SettingsError."""
    import PyOpenColorIO as ocio

    ends = [(_built(space.config), space.ocio) for space in (source, destination)]
    try:
        if source.config == destination.config:
            made = ends[0][0].getProcessor(ends[0][1], ends[1][1])
        else:
            # The two configurations meet in ACES or XYZ, which the standard names of their roles identify.
            made = ocio.Config.GetProcessorFromConfigs(*ends[0], *ends[1])
    except (ocio.Exception, ocio.ExceptionMissingFile) as error:
        raise SettingsError(
            f"expected to convert {source.label} to {destination.label}; {_one_line(error)}. Check the OpenColorIO "
            "configuration: it needs the role aces_interchange, and its files"
        ) from error
    return made.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS)


def _guessed(name: str, where: str) -> Encoding:
    """The encoding of a space whose configuration is silent on it: by the light that code values stand for."""
    space = ColourSpace(name, name, name, config=where)
    light = np.repeat(np.array([[0.25], [0.5], [1.0]], np.float32), 3, axis=1)
    processor(space, ColourSpace.LINEAR).applyRGB(light)
    quarter, half, white = light.mean(axis=1).tolist()
    if abs(half - 2 * quarter) < 1e-3 * half and abs(white - 2 * half) < 1e-3 * white:
        return "linear"
    return "log" if white > _BEYOND_WHITE else "display"


def _place(place: str) -> str:
    """Where the configuration lies; "" for the built-in one."""
    found = place or os.environ.get("OCIO", "")
    return "" if found == BUILT_IN else found


def _opened(place: str) -> Any:
    return _built(_place(place))


def _built(where: str) -> Any:
    """The configuration at ``where``, read once and again when its file changes."""
    if not where:
        return _studio()
    path = Path(where)
    return _read(where, path.stat().st_mtime_ns if path.is_file() else None)


@cache
def _read(where: str, _: int | None) -> Any:
    import PyOpenColorIO as ocio

    try:
        config = ocio.Config.CreateFromFile(where)
        config.validate()
    except (ocio.Exception, ocio.ExceptionMissingFile) as error:
        raise SettingsError(
            f"expected an OpenColorIO configuration at {where}; {_one_line(error)}. Mend it, choose another "
            "(OpenColorIO Config, $OCIO), or choose one of the usual spaces, which need none"
        ) from error
    return config


@cache
def _studio() -> Any:
    """The built-in configuration, and with it the Cineon curve, which ACES' configurations leave out.

    Cineon: Kodak, Conversion of 10-bit Log Film Data to 8-bit Linear, 1995: 0.002 density per code, gamma 0.6, white
    685, black 95; Rec.709 primaries.
    """
    import PyOpenColorIO as ocio

    config = ocio.Config.CreateFromFile(BUILT_IN)
    per_decade, white, black = 0.6 / 0.002, 685, 95
    offset = 10 ** ((black - white) / per_decade)
    curve = ocio.LogAffineTransform(
        logSideSlope=[per_decade / 1023] * 3,
        logSideOffset=[white / 1023] * 3,
        linSideSlope=[1 - offset] * 3,
        linSideOffset=[offset] * 3,
        direction=ocio.TRANSFORM_DIR_INVERSE,
    )
    curve.setBase(10)
    light = ocio.ColorSpaceTransform(ColourSpace.LINEAR.ocio, "ACES2065-1")
    cineon = ocio.ColorSpace(name=ColourSpace.CINEON.ocio, encoding="log")
    cineon.setTransform(ocio.GroupTransform([curve, light]), ocio.COLORSPACE_DIR_TO_REFERENCE)
    config.addColorSpace(cineon)
    return config


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
