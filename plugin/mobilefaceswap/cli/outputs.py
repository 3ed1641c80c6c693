"""Where outputs go and what they may replace; checked before work begins."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import MediaError, UserInputError
from ..media import PICTURE_ENDINGS, VIDEO_ENDINGS, check_free
from .terminal import may_replace

__all__ = ["Job", "check_free_or_ask", "existing", "plan_jobs"]

_ENDINGS = (*VIDEO_ENDINGS, *PICTURE_ENDINGS)


@dataclass(frozen=True)
class Job:
    """One clip to render: what is read, and where its picture and its matte go."""

    target: str
    output: str
    matte: str | None


def plan_jobs(targets: Sequence[str], output: str, matte: str | None) -> list[Job]:
    """A job for every target; outputs in a folder are named after the target. Raises UserInputError."""
    several = len(targets) > 1
    for place in filter(None, (output, matte)):
        if several and Path(place).suffix.lower() in _ENDINGS:
            raise UserInputError(
                f"expected a folder to write {len(targets)} clips to; found the file name {place}. Name a folder"
            )
    return [Job(each, _placed(each, output, several), matte and _placed(each, matte, several)) for each in targets]


def _placed(target: str, place: str, several: bool) -> str:
    if not (several or place.endswith(("/", os.sep)) or Path(place).is_dir()):
        return place
    name = Path(target).name
    if Path(name).suffix.lower() not in _ENDINGS:
        # A container that is read but not written, such as .mts.
        name = f"{Path(name).stem}.mov"
    return str(Path(place) / name)


def existing(place: str, times: Iterable[int] | None = None) -> bool:
    """Whether the output exists; of a sequence, any of the frames ``times``."""
    try:
        check_free(place, times)
    except MediaError:
        return True
    return False


def check_free_or_ask(place: str, times: Iterable[int] | None = None) -> bool:
    """Whether the output exists and the user agrees at the terminal to replace it. Raises MediaError if they do not."""
    agreed = existing(place, times) and may_replace(place)
    if not agreed:
        check_free(place, times)
    return agreed
