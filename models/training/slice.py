"""Train for some minutes on a machine that nothing else reaches, and go on later.

The code travels with the checkout. `train` sees from the state what comes next by its plan. What it leaves fits into
eight files of 16 MiB: averaged network and discriminator in half precision, at the end, for the run's folder, and some
times before, for release.mean; the log; a sheet. Several runs fit on one accelerator, each with its own `--name`,
`--out` and `--plan`.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import tarfile
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from training.config import Config
from training.states import STATE, slim
from training.train import Run, steps

HERE = Path(__file__).resolve().parent
PART = 58 * 2**20  # bytes that travel at a time
KEPT = (0.3, 0.6, 0.75, 0.9)  # shares of the time after which a state is kept, also should the machine stop us
FALL, LEAST = 0.6, 0.05  # over the last share `FALL` of the time the rate falls to this share of itself


def pack(given: argparse.Namespace) -> None:
    """Data, critics and the slimmest state that can go on, in parts of at most PART bytes."""
    given.out.mkdir(parents=True, exist_ok=True)
    for old in given.out.glob("part.*"):
        old.unlink()
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as parcel:
        parcel.add(given.data, "faces.pt")
        parcel.add(given.critics, "critics.pt")
        if (given.run / STATE).is_file():
            torch.save(slim(torch.load(given.run / STATE, map_location="cpu", weights_only=True)), given.out / STATE)
            parcel.add(given.out / STATE, f"run/{STATE}")
            (given.out / STATE).unlink()
    raw = whole.getvalue()
    starts = range(0, len(raw), PART)
    for number, start in enumerate(starts):
        (given.out / f"part.{number}").write_bytes(raw[start : start + PART])
    (given.out / "parts").write_text(str(len(starts)))
    print(f"{len(raw) / 2**20:.1f} MiB in {len(starts)} parts")


def train(given: argparse.Namespace) -> None:
    """Goes on with the plan for `seconds`, and leaves what travels back in `out`."""
    begun = time.monotonic()
    run, data, critics = _unfolded(given.parcel, given.name)
    torch.set_float32_matmul_precision("high")
    given.out.mkdir(parents=True, exist_ok=True)  # the log comes before the first state
    kept, whole = list(given.keep), given.seconds - given.reserve
    while (left := whole - (time.monotonic() - begun)) > 0:
        stage = next_stage(run, given.plan)
        config = Config.read(given.plan.parent / stage["config"])
        rate = stage.get("rate", config.rate)
        job = Run(config, data, critics, run, given.device, 0, 1)
        until = min(config.steps, job.step + max(1, (stage["until"] - job.seen) // sum(config.rows)))
        print(f"{stage['config']}: from {job.seen} crops, ready after {time.monotonic() - begun:.0f} s", flush=True)
        job.config = replace(config, steps=until, rate=rate)
        with (given.out / "log.jsonl").open("a") as log:
            for line in steps(job, left):
                log.write(json.dumps({"config": stage["config"], **line}) + "\n")
                print(json.dumps(line), flush=True)
                share = (time.monotonic() - begun) / whole
                job.config = replace(job.config, rate=rate * max(LEAST, min(1.0, (1 - share) / FALL)))
                if kept and share > kept[0]:
                    kept = [later for later in kept if later >= share]
                    job.save(whole=False)
                    shutil.copy(job.state, given.out / f"after_{job.seen:09d}.pt")
        print(json.dumps({"step": job.step, "seen": job.seen, **job.sheet()}), flush=True)
        job.save(whole=False)
        shutil.copy(job.state, given.out)
        shutil.copy(max(run.glob("*.png")), given.out / "student.png")
        if job.step >= config.steps:
            break


def next_stage(run: Path, plan: Path) -> dict[str, Any]:
    """The first stage of the plan that has not seen as many crops as it should."""
    stages = tomllib.loads(plan.read_text("utf-8"))["stage"]
    seen = torch.load(run / STATE, map_location="cpu", weights_only=True)["seen"] if (run / STATE).is_file() else 0
    return next((stage for stage in stages if seen < stage["until"]), stages[-1] | {"until": 2**60})


def _unfolded(parcel: Path, name: str) -> tuple[Path, Path, Path]:
    """State folder, data and critics, from the parts."""
    count = int((parcel / "parts").read_text())
    parts = [parcel / f"part.{number}" for number in range(count)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise SystemExit(f"expected all {count} parts in {parcel}; {', '.join(missing)} did not come")
    place = parcel / name
    with tarfile.open(fileobj=io.BytesIO(b"".join(p.read_bytes() for p in parts))) as whole:
        whole.extractall(place, filter="data")
    (place / "run").mkdir(exist_ok=True)
    return place / "run", place / "faces.pt", place / "critics.pt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    packing = verbs.add_parser("pack", help="parts of what has to travel")
    packing.add_argument("run", type=Path)
    for name in ("--data", "--critics", "--out"):
        packing.add_argument(name, type=Path, required=True)
    packing.set_defaults(run_verb=pack)
    training = verbs.add_parser("train", help="go on with the plan")
    training.add_argument("parcel", type=Path)
    training.add_argument("--seconds", type=float, required=True)
    training.add_argument("--out", type=Path, required=True)
    training.add_argument("--reserve", type=float, default=25, help="seconds kept for what comes after the last step")
    training.add_argument("--name", default="unfolded", help="of a folder in PARCEL for this run alone")
    training.add_argument("--keep", type=float, nargs="*", default=KEPT, help="a state after such shares of the time")
    training.add_argument("--plan", type=Path, default=HERE / "configs" / "plan.toml")
    training.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    training.set_defaults(run_verb=train)
    given = parser.parse_args()
    given.run_verb(given)


if __name__ == "__main__":
    main()
