"""What this machine offers for Model Pack and Face Detector, with licences, and what a node uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserInputError
from ..faces.detector import DETECTORS
from ..faces.insightface import LICENCE, NAMED_PACKS
from ..packs import Pack, list_packs

__all__ = ["Offered", "detector_licence", "offered"]


@dataclass(frozen=True)
class Offered:
    """One entry of a list. value: what the setting becomes."""

    value: str
    licence: str


def detector_licence(pack: Pack, detector: str | None) -> str:
    """The licence of the detector's weights. detector: None for the pack's own."""
    own = next(iter(DETECTORS))
    return pack.files["detector"].licence if detector in (None, own) else LICENCE


def _packs(_: Pack) -> list[Offered]:
    return [Offered(pack.folder.name, pack.licence) for pack in list_packs()]


def _detectors(pack: Pack) -> list[Offered]:
    own = next(iter(DETECTORS))
    folder = Path(NAMED_PACKS).expanduser()
    named = sorted(place.name for place in folder.iterdir() if place.is_dir()) if folder.is_dir() else []
    return [Offered(own, detector_licence(pack, own)), *(Offered(f"insightface:{name}", LICENCE) for name in named)]


_CHOICES: Mapping[str, Callable[[Pack], list[Offered]]] = {"pack": _packs, "detector": _detectors}
"""What can be chosen for a setting, by its script name."""


def offered(setting: str, pack: Pack) -> list[Offered]:
    """The entries for a setting. Raises UserInputError where it is none with a list."""
    if setting not in _CHOICES:
        raise UserInputError(
            f"expected one of {', '.join(_CHOICES)}; found {setting}. Run `mobilefaceswap ofx install`"
        )
    return _CHOICES[setting](pack)
