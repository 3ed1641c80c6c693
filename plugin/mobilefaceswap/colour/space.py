"""The record of a colour space, the usual ones as rows, and how a name that somebody typed becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import ClassVar, Literal

from ..errors import SettingsError

__all__ = [
    "AUTOMATIC",
    "BUILT_IN",
    "OPENFX_FAMILY",
    "SPACES",
    "ColourSpace",
    "Encoding",
    "coded_space",
    "space_in",
    "space_named",
    "unused_config",
]

AUTOMATIC = "auto"
"""Stands for the space that the clip or the host declares."""

BUILT_IN = "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"
"""The ACES studio configuration that comes with OpenColorIO. OpenFX's own names of colour spaces are those of this
one.
"""

OPENFX_FAMILY = "ofx_"
"""Begins the names by which OpenFX hosts call families of spaces, whose primaries remain open."""

Encoding = Literal["display", "linear", "log", "hdr"]
_MOST_NAMED = 6


@dataclass(frozen=True)
class ColourSpace:
    """An encoding that a frame may be declared to have.

    name: as scripts and files write it. label: as people read it. ocio: its name in the OpenColorIO configuration.
    encoding: ``linear`` and ``log`` are light in a scene; ``display`` is a finished picture, ``hdr`` one with
    highlights above white (PQ, HLG). aliases: other names that people type. openfx: names by which OpenFX hosts call
    it, besides OpenColorIO's. coded: (transfer, primaries) of ITU-T H.273 by which videos declare it. exposure: stops
    by which the picture is brighter on its way to the display, and darker on the way back. config: the configuration
    that defines it, "" for the built-in one. version: of that configuration's contents.
    """

    name: str
    label: str
    ocio: str
    encoding: Encoding = "display"
    aliases: tuple[str, ...] = ()
    openfx: tuple[str, ...] = ()
    coded: tuple[tuple[int, int], ...] = ()
    exposure: float = 0.0
    config: str = ""
    version: str = ""

    SRGB: ClassVar[ColourSpace]
    REC709: ClassVar[ColourSpace]
    LINEAR: ClassVar[ColourSpace]
    CINEON: ClassVar[ColourSpace]

    def __str__(self) -> str:
        """All that tells it from other spaces, for cache keys; of one of the usual spaces its name alone."""
        exposed = f" {self.exposure:+.9g} EV" if self.exposure else ""
        return self.name + exposed + (f" of {self.version}" if self.version else "")

    @property
    def linear(self) -> bool:
        """Whether values are proportional to light."""
        return self.encoding == "linear"

    def exposed(self, stops: float) -> ColourSpace:
        """The same space with another ``exposure``."""
        return self if stops == self.exposure else replace(self, exposure=stops)


ColourSpace.SRGB = ColourSpace(
    "srgb", "sRGB", "sRGB - Texture", openfx=("srgb_display", "ofx_display_sdr"), coded=((13, 1), (13, 2))
)
ColourSpace.REC709 = ColourSpace(
    "rec709", "Rec.709", "Gamma 2.4 Rec.709 - Texture", openfx=("rec1886_rec709_display",), coded=((1, 1),)
)
ColourSpace.LINEAR = ColourSpace(
    "linear-rec709",
    "Linear Rec.709",
    "Linear Rec.709 (sRGB)",
    "linear",
    openfx=("ofx_scene_linear",),
    coded=((8, 1), (8, 2)),
)
ColourSpace.CINEON = ColourSpace("cineon", "Cineon Film Log", "Cineon", "log", ("Kodak Log",))

_ROWS = (
    ColourSpace.SRGB,
    ColourSpace.REC709,
    ColourSpace.LINEAR,
    ColourSpace("acescg", "ACEScg", "ACEScg", "linear"),
    ColourSpace("aces2065-1", "ACES2065-1", "ACES2065-1", "linear"),
    ColourSpace("linear-rec2020", "Linear Rec.2020", "Linear Rec.2020", "linear", coded=((8, 9),)),
    ColourSpace("linear-p3-d65", "Linear P3-D65", "Linear P3-D65", "linear", coded=((8, 12),)),
    ColourSpace("acescct", "ACEScct", "ACEScct", "log", openfx=("ofx_scene_log",)),
    ColourSpace("davinci-intermediate", "DaVinci Intermediate", "DaVinci Intermediate WideGamut", "log"),
    ColourSpace("arri-logc3", "ARRI LogC3", "ARRI LogC3 (EI800)", "log", ("LogC3", "LogC", "ARRI LogC", "Alexa LogC")),
    ColourSpace("arri-logc4", "ARRI LogC4", "ARRI LogC4", "log", ("LogC4",)),
    ColourSpace("s-log3", "S-Log3 S-Gamut3.Cine", "S-Log3 S-Gamut3.Cine", "log", ("SLog3",)),
    ColourSpace("s-log3-s-gamut3", "S-Log3 S-Gamut3", "S-Log3 S-Gamut3", "log"),
    ColourSpace("canon-log2", "Canon Log 2", "CanonLog2 CinemaGamut D55", "log", ("Canon Log2",)),
    ColourSpace("canon-log3", "Canon Log 3", "CanonLog3 CinemaGamut D55", "log", ("Canon Log3",)),
    ColourSpace("log3g10", "RED Log3G10", "Log3G10 REDWideGamutRGB", "log", ("Log3G10",)),
    ColourSpace("v-log", "Panasonic V-Log", "V-Log V-Gamut", "log", ("VLog",)),
    ColourSpace("bmd-film-gen5", "BMD Film Gen 5", "BMDFilm WideGamut Gen5", "log"),
    ColourSpace.CINEON,
    ColourSpace("display-p3", "Display P3", "Display P3 - Display", coded=((13, 12), (1, 12), (2, 12))),
    ColourSpace("p3-dci", "P3 (DCI)", "P3-DCI - Display", coded=((17, 11), (1, 11), (2, 11))),
    ColourSpace(
        "rec2020", "Rec.2020", "Rec.1886 Rec.2020 - Display", coded=((1, 9), (2, 9), (14, 9), (15, 9), (13, 9))
    ),
    ColourSpace("pq", "PQ Rec.2100", "Rec.2100-PQ - Display", "hdr", ("Rec.2100-PQ",), coded=((16, 9), (16, 2))),
    ColourSpace("pq-p3", "PQ P3-D65", "ST2084-P3-D65 - Display", "hdr", coded=((16, 12), (16, 11))),
    ColourSpace(
        "hlg",
        "HLG Rec.2100",
        "Rec.2100-HLG - Display",
        "hdr",
        ("Rec.2100-HLG",),
        ("ofx_display_hdr",),
        ((18, 9), (18, 2), (18, 12)),
    ),
)
SPACES: Mapping[str, ColourSpace] = {space.name: space for space in _ROWS}
"""The usual colour spaces by name, in the order shown. A new one is a row here and nothing else."""


def coded_space(transfer: int, primaries: int) -> ColourSpace | None:
    """The space that a video declares by ITU-T H.273's codes; None where there is none of these."""
    return next((space for space in SPACES.values() if (transfer, primaries) in space.coded), None)


def space_named(name: str, config: str = "") -> ColourSpace:
    """The space called ``name``: one of ``SPACES`` by name, label or alias, or one that ``config`` defines.

    Names of a configuration may be those of its spaces, their aliases, or roles. config: a file or a built-in
    configuration (``ocio://…``); "" for $OCIO, and where that is not set the built-in ACES studio configuration.
    Case, spaces and hyphens do not count. Raises SettingsError on an unknown name, with the nearest ones, on data that
    are no colour, and on a configuration that cannot be used.
    """
    known = {_plain(word): space for space in SPACES.values() for word in _words(space)}
    if _plain(name) in known:
        return known[_plain(name)]
    found = _defined(name, config)
    if found is not None:
        return found
    from .config import names_of

    names = [word for space in SPACES.values() for word in _words(space)] + names_of(config)
    raise SettingsError(
        f"expected a colour space; found {name!r}. Nearest: {', '.join(_nearest(name, names))}. `mobilefaceswap "
        "settings` lists the usual ones; any name, alias or role of the OpenColorIO configuration will do, too"
    )


def unused_config(config: str, working: str) -> str:
    """A sentence that says that ``config``, the place of a configuration, is not used, since the space labelled
    ``working`` needs none; and what is wrong with it, where it cannot be read.
    """
    from .config import names_of

    try:
        names_of(config)
    except SettingsError as error:
        return f"OpenColorIO Config is not used, since the working space {working} needs none. Also: {error}"
    return f"OpenColorIO Config ({config}) is not used: the working space {working} needs none"


def space_in(config: str, name: str) -> ColourSpace:
    """The space that ``config``, a host's configuration, calls ``name``, even where a usual one has the same name.

    OpenFX's names of families (``ofx_scene_linear`` and its like) need not be defined there. Raises SettingsError on a
    name that the configuration lacks, on data that are no colour, and on a configuration that cannot be used.
    """
    family = (space for space in SPACES.values() if name in space.openfx and name.startswith(OPENFX_FAMILY))
    found = _defined(name, config) or next(family, None)
    if found is not None:
        return found
    from .config import names_of

    raise SettingsError(
        f"expected a colour space of {config}; found {name!r}. Nearest: {', '.join(_nearest(name, names_of(config)))}"
    )


def _defined(name: str, config: str) -> ColourSpace | None:
    """The space that a configuration defines under a name, alias or role."""
    from .config import defined  # the rows above are read where OpenColorIO is not

    found = defined(name, config)
    if found is None:
        return None
    usual = (space for space in SPACES.values() if not found["config"] and space.ocio == found["ocio"])
    return next(usual, None) or ColourSpace(**found)


def _words(space: ColourSpace) -> tuple[str, ...]:
    """Every name of a usual space."""
    return (space.name, space.label, *space.aliases, *space.openfx)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _nearest(name: str, names: list[str]) -> list[str]:
    """The ``names`` most like ``name``: those that begin alike, or hold it, first."""
    wanted = _plain(name)
    alike = [word for word in names if wanted and (wanted in _plain(word) or _plain(word) in wanted)]
    plain = {_plain(word): word for word in reversed(names)}
    alike += [plain[found] for found in get_close_matches(wanted, plain, _MOST_NAMED, 0.3)]
    return list(dict.fromkeys(alike))[:_MOST_NAMED] or list(SPACES)[:_MOST_NAMED]
