"""Whole commands against the bare transcode of the same clip, in turn."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...media import open_clip
from ...media.video.encoders import choose_encoder
from .marks import Mark, Spread, ratios, spread
from .process import Run, measured

__all__ = ["Bench", "command", "end_to_end", "length", "scaling", "starts"]

_MODULE = [sys.executable, "-c", "import sys; from mobilefaceswap.cli import main; sys.exit(main())"]


@dataclass(frozen=True)
class Bench:
    """What is measured with. clip: the shot. identity: a prepared one. folder: for outputs. rounds: of everything."""

    clip: Path
    identity: Path
    folder: Path
    frames: int
    rounds: int

    def swap(self, *words: str, clip: Path | None = None) -> list[str]:
        """A ``swap`` command over ``clip``, the shot where it is left out."""
        target = str(clip or self.clip)
        given = ["--source", str(self.identity), "--output", str(self.folder / "swapped.mp4"), "--json"]
        return command("swap", target, *given, "--overwrite", "--no-disk-cache", *words)

    def bare(self) -> list[str]:
        """The yardstick over the shot."""
        with open_clip(self.clip) as clip:
            chosen = choose_encoder("bare.mp4", clip, clip.size, codec=None, quality=None, bit_depth=None, alpha=False)
        encoder = {"codec": chosen.codec, "pix_fmt": chosen.layout.name, "options": dict(chosen.options)}
        module = [sys.executable, "-m", "mobilefaceswap.demo.bench.bare"]
        return [*module, str(self.clip), str(self.folder / "bare.mp4"), json.dumps(encoder)]


def command(*words: str) -> list[str]:
    """A command line of this package, by this interpreter."""
    return [*_MODULE, *words]


def in_turn(commands: Mapping[str, Sequence[str]], rounds: int, **given: object) -> dict[str, list[Run]]:
    """Runs every command ``rounds`` times, one after another, so that a busy machine troubles all alike."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, words in commands.items():
            runs[name].append(measured(list(words), **given))  # type: ignore[arg-type]
    return runs


def end_to_end(bench: Bench) -> tuple[list[Mark], dict[str, object]]:
    """A shot with and without a track, with the node off, and smoothed, against the bare transcode."""
    track = bench.folder / "track.json"
    measured(command("analyse", str(bench.clip), "--output", str(track), "--json"))
    runs = in_turn(
        {
            "bare": bench.bare(),
            "off": bench.swap("--no-enable"),
            "track": bench.swap("--track", str(track)),
            "full": bench.swap(),
            "unsmoothed": bench.swap("--smoothing", "0"),
            "smoothed": bench.swap("--smoothing", "6"),
        },
        bench.rounds,
    )
    marks = [
        _against("swap with a track / bare transcode", runs["track"], runs["bare"], 1.25),
        _against("swap / bare transcode", runs["full"], runs["bare"], 1.5),
        _against("node off / bare transcode", runs["off"], runs["bare"], 1.05),
        _against("smoothing 6 / smoothing 0", runs["smoothed"], runs["unsmoothed"], 1.1),
        Mark("peak memory of the swap", spread([run.peak for run in runs["full"]]), 600, "MB"),
    ]
    figures: dict[str, object] = {
        name: {
            "wall_seconds": spread([run.wall for run in found]).__dict__,
            "processor_seconds": spread([run.processor for run in found]).__dict__,
            "peak_megabytes": spread([run.peak for run in found]).__dict__,
        }
        for name, found in runs.items()
    }
    return marks, figures


def _against(name: str, ours: Sequence[Run], theirs: Sequence[Run], bound: float) -> Mark:
    processor = ratios([run.processor for run in ours], [max(run.processor, 1e-9) for run in theirs])
    measured_ratio = ratios([run.wall for run in ours], [run.wall for run in theirs])
    return Mark(name, measured_ratio, bound, beside=f"processor time {processor.median:.2f}x")


def scaling(bench: Bench, larger: Path, crowd: Path, frames: int) -> list[Mark]:
    """Size and faces. larger: the shot at twice the width and height; crowd: four faces at the shot's size."""
    part = ("--range", f"0-{frames - 1}")
    runs = in_turn(
        {
            "hd": bench.swap(*part),
            "uhd": bench.swap(*part, clip=larger),
            "one": bench.swap(*part, clip=crowd),
            "four": bench.swap(*part, "--face-choice", "all", clip=crowd),
        },
        bench.rounds,
    )
    seconds = {name: [_frame_seconds(run) for run in found] for name, found in runs.items()}
    peaks = ratios([run.peak for run in runs["uhd"]], [run.peak for run in runs["hd"]])
    return [
        Mark("2160p / 1080p, time", ratios(seconds["uhd"], seconds["hd"]), 4.0),
        Mark("2160p / 1080p, peak memory", peaks, 2.2),
        Mark("four faces / one", ratios(seconds["four"], seconds["one"]), 1.6),
    ]


def _frame_seconds(run: Run) -> float:
    """Without the start of the program, which weighs more in a short shot."""
    return 1 / float(json.loads(run.output.splitlines()[-1])["frames_per_second"])


def length(bench: Bench, short: Path, frames: int) -> Mark:
    """Growth of the peak from the first tenth of a long, small clip to all of its ``frames``."""
    few = measured(bench.swap("--range", f"0-{frames // 10 - 1}", clip=short))
    all_ = measured(bench.swap(clip=short))
    growth = (all_.peak - few.peak) * 10_000 / (frames - frames // 10)
    return Mark("growth of the peak over 10,000 frames", Spread(growth, growth, growth), 10, "MB")


def starts(rounds: int) -> list[Mark]:
    """How long the command line takes to answer."""
    help_, wrong, import_ = (
        in_turn({"run": words}, rounds, expected=code)["run"]
        for words, code in (
            (command("--help"), 0),
            (command("swap", "--no-such-option"), 2),
            ([sys.executable, "-c", "import mobilefaceswap"], 0),
        )
    )
    return [
        Mark("--help", spread([run.wall for run in help_]), 0.25, "s"),
        Mark("usage error", spread([run.wall for run in wrong]), 0.25, "s"),
        Mark("import of the package", spread([run.wall for run in import_]), 0.10, "s"),
    ]
