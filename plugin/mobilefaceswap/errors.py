"""Every error that the package raises.

    FaceSwapError
    ├── UserInputError                (also ValueError)          exit code 2
    │   ├── SettingsError
    │   ├── MediaError                target or output file: missing, damaged, unwritable, interlaced …
    │   ├── TrackError                damaged track file, or one that belongs to another clip
    │   └── IdentityFileError         damaged .idn, or one prepared with another pack
    ├── NoFaceInSourceError           (also ValueError)          exit code 3
    ├── PackError                                                exit code 4
    │   ├── PackNotFoundError         (also FileNotFoundError)
    │   └── PackIntegrityError        a file whose hash is not the recorded one
    └── EngineError                   (also RuntimeError)        exit code 1

Every message says what was expected, what was found and what to do next. Fronts (command line, engine) turn an
error into an exit code or a wire status; nothing else catches ``FaceSwapError`` but ``both``, which joins two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = [
    "EngineError",
    "FaceSwapError",
    "IdentityFileError",
    "MediaError",
    "NoFaceInSourceError",
    "PackError",
    "PackIntegrityError",
    "PackNotFoundError",
    "SettingsError",
    "TrackError",
    "UserInputError",
    "both",
]


_First = TypeVar("_First")
_Second = TypeVar("_Second")


class FaceSwapError(Exception):
    """Root of the tree; ``exit_code`` is what the command line returns."""

    exit_code = 1


class UserInputError(FaceSwapError, ValueError):
    """Something the user named or typed cannot be used."""

    exit_code = 2


class SettingsError(UserInputError):
    """A setting that does not exist, or a value outside its range."""


class MediaError(UserInputError):
    """A clip, picture or output file that cannot be read or written."""


class TrackError(UserInputError):
    """A track file that is damaged or was made for another clip."""


class IdentityFileError(UserInputError):
    """An identity file that is damaged or belongs to another pack."""


class NoFaceInSourceError(FaceSwapError, ValueError):
    """No usable face in the source pictures."""

    exit_code = 3


class PackError(FaceSwapError):
    """A model pack that cannot be used."""

    exit_code = 4


class PackNotFoundError(PackError, FileNotFoundError):
    """A pack, or a file of a pack, that is not where it is expected."""


class PackIntegrityError(PackError):
    """A file of a pack whose hash is not the recorded one."""


class EngineError(FaceSwapError, RuntimeError):
    """The engine process cannot do what a bridge asked of it."""


def both(first: Callable[[], _First], second: Callable[[], _Second]) -> tuple[_First, _Second]:
    """The results of two steps that do not need each other. The second runs even where the first fails: where both
    raise a FaceSwapError, one error of the first's kind tells of both, so that all that is wrong is said at once.
    """
    try:
        one = first()
    except FaceSwapError as error:
        try:
            second()
        except FaceSwapError as other:
            raise type(error)(f"{error}. Also: {other}") from ExceptionGroup("two faults", [error, other])
        raise
    return one, second()
