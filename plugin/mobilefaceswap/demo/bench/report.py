"""Every part of the benchmark, in order, as one report."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import UserInputError
from ...faces import open_detector
from ...identity import load_source
from ...packs import find_pack
from ..samples import grace_hopper
from .against import compared, unpacked
from .clips import write_clip
from .interactive import latencies
from .machine import described
from .marks import Mark
from .networks import alone
from .shots import Bench, end_to_end, length, scaling, starts
from .stages import stage_milliseconds

__all__ = ["PARTS", "Report", "measure"]

PARTS = ("shot", "scaling", "networks", "interactive", "start", "length")
"""What can be measured; ``length`` takes minutes."""
_HD, _UHD, _SMALL = (1920, 1080), (3840, 2160), (320, 180)
_SCALED = 24
_LONG = 10_000


@dataclass
class Report:
    """What was found. figures: by part, for JSON."""

    machine: dict[str, object]
    marks: list[Mark] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """For JSON."""
        return {"machine": self.machine, "marks": [mark.document() for mark in self.marks], "figures": self.figures}


def measure(
    parts: tuple[str, ...],
    *,
    clip: Path | None = None,
    frames: int = 120,
    rounds: int = 3,
    against: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Measures ``parts`` on ``clip``, or on one that is made of the sample pictures.

    against: a revision of the repository that this package lies in, whose swap is measured in turn with ours.
    say: told what is measured next. Raises UserInputError where the sample pictures or the revision are missing.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise UserInputError(f"expected parts among {', '.join(PARTS)}; found {', '.join(unknown)}. Choose from these")
    report = Report(described())
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        # First, so that a mistyped revision does not end a run that has measured everything.
        revision = unpacked(against, folder / "revision") if against else None
        say("preparing clips and identity")
        identity, started = folder / "source.idn", time.perf_counter()
        pack = find_pack()
        load_source(grace_hopper(), pack, open_detector(pack)).save(identity)
        report.figures["identity_seconds"] = time.perf_counter() - started
        shot = clip or write_clip(folder / "shot.mp4", _HD, frames)
        bench = Bench(shot, identity, folder, frames, rounds)
        for part in parts:
            say(f"measuring: {part}")
            _measure_part(part, bench, report)
        if against and revision:
            say(f"measuring against {against}")
            report.figures["against"] = compared(bench, against, revision)
    return report


def _measure_part(part: str, bench: Bench, report: Report) -> None:
    folder = bench.folder
    match part:
        case "shot":
            marks, report.figures["shot"] = end_to_end(bench)
            report.figures["stage_milliseconds"] = stage_milliseconds(bench.clip, bench.identity, folder)
        case "scaling":
            larger = write_clip(folder / "larger.mp4", _UHD, _SCALED)
            crowd = write_clip(folder / "crowd.mp4", _HD, _SCALED, faces=4)
            marks = scaling(bench, larger, crowd, _SCALED)
        case "networks":
            marks = alone(bench.identity, bench.rounds)
        case "interactive":
            marks, report.figures["interactive_milliseconds"] = latencies(bench.clip, bench.identity, bench.rounds)
        case "length":
            marks = [length(bench, write_clip(folder / "long.mp4", _SMALL, _LONG), _LONG)]
        case _:
            marks = starts(max(5, bench.rounds))
    report.marks += marks
