"""Train IIM and IDN together on a packed data folder (see prepare.py and README.md).

    python train.py configs/base.toml --data DATA --sface sface.onnx --small small_encoder.pt \\
        --localisers localisers.pt --out RUN

Started again with the same --out it goes on from RUN/last.pt exactly. RUN/metrics.jsonl gets a line of figures
and RUN/samples.png a sheet as it goes. `--smoke` runs a few steps at a small size.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from config import Config, load_config
from critics import Discriminator, Identity, Perception
from data import Batch, FaceData
from distil import STUDENT_SIZE
from landmarks import Landmarks
from losses import (
    cosine_distance,
    feature_distance,
    hinge_discriminator,
    hinge_generator,
    jitter,
    left_over,
    masked_l1,
)
from model import FaceSwapper, composite, give_way, load_localisers, settle
from torch import Tensor, nn
from torch.nn import functional as F

OTHER_ROWS = {"second": 3, "third": 1}  # of a batch, that the recognisers beside SFace see


@dataclass
class Run:
    """Everything that a checkpoint holds."""

    config: Config
    model: FaceSwapper
    average: FaceSwapper
    discriminator: Discriminator
    identity: Identity
    optimiser: torch.optim.Optimizer
    optimiser_d: torch.optim.Optimizer
    optimiser_localisers: torch.optim.Optimizer
    anchors: nn.ModuleDict  # the localisers as they were before the swap's losses reached them
    step: int = 0
    crops_seen: int = 0
    seconds: float = 0.0

    @classmethod
    def fresh(cls, config: Config, identity: Identity, device: torch.device) -> Run:
        """A new run, seeded."""
        torch.manual_seed(config.seed)
        model = FaceSwapper(config.model).to(device, memory_format=torch.channels_last)
        average = FaceSwapper(config.model).to(device, memory_format=torch.channels_last)
        average.load_state_dict(model.state_dict())
        discriminator = Discriminator().to(device, memory_format=torch.channels_last)
        adam = torch.optim.Adam(model.learning(), betas=(0.9, 0.99), fused=True)
        adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.0, 0.99))
        discriminator.requires_grad_(False)
        average.requires_grad_(False)
        model.localisers.requires_grad_(config.localisers > 0)
        adam_l = torch.optim.Adam(model.localisers.parameters(), betas=(0.9, 0.99), fused=True)
        anchors = copy.deepcopy(average.localisers).eval()
        return cls(config, model, average, discriminator, identity, adam, adam_d, adam_l, anchors)

    @property
    def parts(self) -> dict[str, Any]:
        """What learns, and the optimisers, by the names under which a checkpoint holds them."""
        names = ("model", "average", "discriminator", "optimiser", "optimiser_d")
        names += ("anchors", "optimiser_localisers") if self.config.localisers else ()
        student = {"student": self.identity.small, "optimiser_student": self.identity.optimiser}
        return {name: getattr(self, name) for name in names} | student

    def localising(self) -> list[nn.Parameter]:
        """The parameters of the localisers, where they learn."""
        return list(self.model.localisers.parameters()) if self.config.localisers else []

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state: dict[str, Any] = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {"step": self.step, "crops_seen": self.crops_seen, "seconds": self.seconds}
        state |= {"model_config": dataclasses.asdict(self.config.model)}
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load(self, path: Path, device: torch.device) -> None:
        """Go on from a checkpoint; parts that a slim checkpoint lacks start afresh."""
        state = torch.load(path, map_location=device, weights_only=True)
        for network in (self.model, self.average):
            network.load_state_dict(state["average"])
        self.anchors.load_state_dict(self.average.localisers.state_dict())
        for name, part in self.parts.items():
            if name in state:
                part.load_state_dict(state[name])
        self.step, self.crops_seen, self.seconds = state["step"], state["crops_seen"], state["seconds"]


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with every tensor on `device`."""

    def moved(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(moved, value))
        return value.to(device) if isinstance(value, Tensor) else value

    return Batch(**{f.name: moved(getattr(batch, f.name)) for f in dataclasses.fields(batch)})


@dataclass(frozen=True)
class Part:
    """What one worker made of its batch: gradients, losses, the swapped pictures, and what SFace said of some."""

    gradients: list[Tensor]  # of what learns, and then of the localisers where they do
    losses: dict[str, Tensor]
    answer: Tensor
    swapped: Tensor
    rows: Tensor
    said: Tensor


@dataclass(frozen=True)
class Judges:
    """Networks that say what is on a swapped picture, and do not learn."""

    perception: Perception
    landmarks: Landmarks | None  # where the configuration gives them a weight


@dataclass(frozen=True)
class Draw:
    """A worker's batch for one step and its sources of chance."""

    batch: Batch
    rng: np.random.Generator
    chance: torch.Generator


def draw(config: Config, data: FaceData, step: int, worker: int) -> Draw:
    """All chance comes from the seed, the step and the worker, so that a resumed run goes on exactly."""
    seed, stage = (config.seed, step, worker), config.stage(step)
    rng, chance = np.random.default_rng(seed), torch.Generator().manual_seed(hash(seed) % 2**62)
    return Draw(data.batch(rng, stage.size, stage.people, stage.rows), rng, chance)


def part_of_step(run: Run, drawn: Draw, judges: Judges, device: torch.device) -> Part:
    """One batch, one source person: losses of IIM and IDN and their gradients."""
    weights, stage = run.config.weights, run.config.stage(run.step)
    batch, rng, chance = to_device(drawn.batch, device), drawn.rng, drawn.chance
    n = batch.answered
    source = batch.source[:3] if run.config.localisers else batch.source
    face, given, _ = run.model.swapper.drawn(batch.target, run.model.identity(*source))
    colour = give_way(batch.target, face, given)
    swapped = composite(colour, batch.shape, batch.target)
    with torch.no_grad():
        wanted = judges.perception(batch.answer)
    found = judges.perception(swapped)
    # Rows that show the source person already, which come first, need no judge of identity.
    rows = torch.from_numpy(stage.rows[0] + rng.permutation(len(swapped) - stage.rows[0])[: stage.sface_rows])
    said = swapped.new_zeros(0, batch.source[1].shape[1])
    if stage.sface_rows:
        said = run.identity.sface(jitter(swapped[rows], 112, chance, 0.02, 0.03))
    by_small = run.identity.small(jitter(swapped[stage.rows[0] :], STUDENT_SIZE, chance))
    # Eyes and mouth are small, and what an audience looks at.
    seen = batch.shape * (1 + weights.features * batch.features)
    pooled = F.avg_pool2d(swapped[n:], 8), F.avg_pool2d(batch.target[n:], 8)
    losses = {
        "pixel": weights.pixel * masked_l1(swapped[:n], batch.answer[:n], seen[:n]),
        "perceptual": weights.perceptual * feature_distance(found, wanted, slice(0, n), slice(0, 4)),
        "attribute": weights.attribute * feature_distance(found, wanted, slice(n, None), slice(2, 4)),
        "low_frequency": weights.low_frequency * (pooled[0] - pooled[1]).abs().mean(),
        "small": weights.small * cosine_distance(by_small, batch.source[1]).mean(),
        "surround": weights.surround * masked_l1(colour, batch.target, batch.background),
    }
    if judges.landmarks:
        # Where the target stays, landmarks agree: left to it, this loss undoes the swap.
        held = composite(give_way(batch.target, face, given.detach()), batch.shape, batch.target)
        pose, expression, lids = judges.landmarks(held, batch.real, chance)
        losses |= {
            "pose": weights.pose * pose,
            "expression": weights.expression * expression,
            "lids": weights.lids * lids,
        }
    if run.config.localisers:
        losses["astray"] = weights.astray * astray(run, batch)
    if stage.sface_rows:
        losses["sface"] = weights.sface * cosine_distance(said, batch.source[1]).mean()
        losses["left_over"] = weights.left_over * left_over(said, batch.source[1], batch.shown[rows]).mean()
    for name, recogniser in run.identity.others.items():
        # Nearer to the source person, and further from the target's.
        chosen = stage.rows[0] + rng.permutation(len(swapped) - stage.rows[0])[: OTHER_ROWS[name]]
        found = recogniser(jitter(swapped[chosen], swapped.shape[-1], chance, 0.02, 0.03))
        with torch.no_grad():
            own, other = recogniser(batch.source[2] / 255), recogniser(batch.real[chosen])
        losses[name] = getattr(weights, name) * (cosine_distance(found, own) - cosine_distance(found, other)).mean()
    if stage.discriminator:
        losses["adversarial"] = weights.adversarial * hinge_generator(run.discriminator(swapped))
    total = torch.stack(list(losses.values())).sum()
    gradients = list(torch.autograd.grad(total, run.model.learning() + run.localising()))
    return Part(gradients, losses, batch.answer, swapped.detach(), rows, said.detach())


def astray(run: Run, batch: Batch) -> Tensor:
    """How far the fields of localisers that learn have moved, in hundredths of a crop's width, and their masks."""
    total = batch.target.new_zeros(())
    for name, image in (("target", batch.target), ("source", batch.source[2] / 255)):
        (field, mask), (field_then, mask_then) = (both[name](image) for both in (run.model.localisers, run.anchors))
        total = total + 100 * (field - field_then).abs().mean()
        if mask is not None:
            total = total + 10 * (mask - mask_then).abs().mean()
    return total


def train_step(run: Run, parts: list[Part]) -> dict[str, float]:
    """Bring the workers' parts together: one step of every network that learns; returns the weighted losses."""
    stage = run.config.stage(run.step)
    for optimiser, share in ((run.optimiser, 1.0), (run.optimiser_localisers, run.config.localisers)):
        for group in optimiser.param_groups:
            group["lr"] = share * stage.rate * min(1.0, (run.step + 1) / 100)
    losses = {name: torch.stack([p.losses[name].detach() for p in parts]).mean() for name in parts[0].losses}
    gradients = parts[0].gradients
    for other in parts[1:]:
        torch._foreach_add_(gradients, other.gradients)
    torch._foreach_div_(gradients, len(parts))
    for parameter, gradient in zip(run.model.learning() + run.localising(), gradients, strict=True):
        parameter.grad = gradient
    norm = nn.utils.clip_grad_norm_(run.model.learning(), run.config.clip)
    run.optimiser.step()
    if run.config.localisers:
        nn.utils.clip_grad_norm_(run.localising(), run.config.clip)
        run.optimiser_localisers.step()
    swapped = torch.cat([p.swapped for p in parts])
    chance = torch.Generator().manual_seed(run.step)
    judged, said = torch.cat([p.swapped[p.rows] for p in parts]), torch.cat([p.said for p in parts])
    if stage.sface_rows:
        losses["student"] = run.identity.learn(judged, said, chance)
    if stage.discriminator:
        run.discriminator.requires_grad_(True)
        answers = torch.cat([p.answer for p in parts])
        loss_d = hinge_discriminator(run.discriminator(answers), run.discriminator(swapped))
        run.optimiser_d.zero_grad()
        loss_d.backward()
        run.optimiser_d.step()
        run.discriminator.requires_grad_(False)
        losses["discriminator"] = loss_d.detach()
    decay = min(run.config.ema, (run.step + 1) / (run.step + 20))
    with torch.no_grad():
        states = run.average.state_dict().values(), run.model.state_dict().values()
        floats = [pair for pair in zip(*states, strict=True) if pair[0].is_floating_point()]
        torch._foreach_lerp_(*map(list, zip(*floats, strict=True)), 1 - decay)
    run.step += 1
    run.crops_seen += len(swapped)
    return {name: float(value) for name, value in losses.items()} | {"norm": float(norm)}


@torch.no_grad()
def samples(run: Run, data: FaceData, size: int, device: torch.device, count: int = 7) -> np.ndarray:
    """A sheet of people kept out of training: sources down, targets across, with the mask of the last row."""
    run.average.eval()
    sources, targets = data.held_out[:count], data.held_out[count : 2 * count]

    def view(index: int) -> np.ndarray:
        return cv2.resize(data.crops[index], (size, size), interpolation=cv2.INTER_AREA)

    pictures = torch.from_numpy(np.stack([view(i) for i in targets])).permute(0, 3, 1, 2).float().to(device) / 255
    rows = [np.hstack([np.zeros((size, size, 3), np.uint8), *(view(i) for i in targets)])]
    for index in sources:
        source = [part.to(device) for part in data.source(index)]
        colour, mask = run.average(pictures, *source)
        swapped = composite(colour, mask, pictures)
        tiles = (swapped.clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).cpu().numpy()
        rows.append(np.hstack([view(index), *tiles]))
    tiles = (mask.expand(-1, 3, -1, -1) * 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    rows.append(np.hstack([np.zeros((size, size, 3), np.uint8), *tiles]))
    return np.vstack(rows)


def landmark_networks(config: Config, files: list[Path] | None) -> Landmarks | None:
    """The judges of landmarks, where the configuration gives them a weight."""
    weights = config.weights
    if not (weights.pose or weights.expression or weights.lids):
        return None
    if files is None:
        raise SystemExit("Expected --landmarks, since the configuration gives pose, expression or lids a weight.")
    return Landmarks(*files)


def other_recognisers(config: Config, args: argparse.Namespace) -> dict[str, Path]:
    """The files of the recognisers beside SFace to which the configuration gives a weight."""
    files = {name: getattr(args, name) for name in OTHER_ROWS if getattr(config.weights, name)}
    for name, path in files.items():
        if path is None:
            raise SystemExit(f"Expected --{name}, since the configuration gives it a weight; see README.md.")
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sface", type=Path, required=True)
    parser.add_argument("--small", type=Path, required=True, help="the encoder that distil.py wrote")
    parser.add_argument("--second", type=Path, help="faceres.json, where the configuration gives it a weight")
    parser.add_argument("--third", type=Path, help="fr_feature.onnx, where the configuration gives it a weight")
    parser.add_argument("--localisers", type=Path, help="what localise.py wrote; needed where no checkpoint is given")
    parser.add_argument(
        "--landmarks",
        type=Path,
        nargs=4,
        metavar=("MESH", "POINTS", "IRIS", "GREY"),
        help="face_landmark.tflite, the manifest of face-api.js's 68 points, iris_landmark.tflite and "
        "fr_landmark.onnx, for the losses of pose, expression and lids",
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a checkpoint to begin from when RUN has none")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop (resumably) after this long")
    parser.add_argument("--report", type=float, default=120.0, help="seconds between checkpoints and sheets")
    parser.add_argument("--workers", type=int, default=2, help="batches made side by side for one step")
    parser.add_argument("--threads", type=int, default=1, help="cores of each worker")
    parser.add_argument("--smoke", action="store_true", help="four steps of four rows at 64 px")
    args = parser.parse_args()
    config = load_config(args.config)
    if args.smoke:
        stages = tuple(
            dataclasses.replace(s, until=2 * i + 2, size=64, rows=(1, 1, 1, 1), sface_rows=1)
            for i, s in enumerate((config.stages[0], config.stages[-1]))
        )
        config = dataclasses.replace(config, stages=stages)
    landmarks = landmark_networks(config, args.landmarks)
    others = other_recognisers(config, args)
    torch.set_num_threads(args.workers * args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    args.out.mkdir(parents=True, exist_ok=True)
    identity = Identity(args.sface, args.small, **others).to(device)
    judges = Judges(Perception().to(device), landmarks and landmarks.to(device))
    data, run, last = FaceData(args.data, config.clean_only), Run.fresh(config, identity, device), args.out / "last.pt"
    if "second" in identity.others:
        some = data.crops[np.sort(data.pool[:: max(1, len(data.pool) // 200)])]
        identity.others["second"].centre(torch.from_numpy(some).permute(0, 3, 1, 2).float().to(device) / 255)
    if last.exists() or args.start:
        run.load(last if last.exists() else args.start, device)
    elif args.localisers is None:
        raise SystemExit("Expected --localisers (what localise.py wrote) or --start (a checkpoint), found neither.")
    else:
        load_localisers(run.model, args.localisers)
        first = to_device(
            data.batch(np.random.default_rng(config.seed), config.stages[0].size, 1, (0, 0, 0, 24)), device
        )
        settle(run.model, first.target, first.source)
        run.average.load_state_dict(run.model.state_dict())
    fit(run, data, judges, device, args)


def fit(run: Run, data: FaceData, judges: Judges, device: torch.device, args: argparse.Namespace) -> None:
    """The loop: batches, steps, figures, sheets and checkpoints until the steps or the minutes are used up."""
    drawn = [draw(run.config, data, run.step, worker) for worker in range(args.workers)]
    begun = reported = time.time()
    seconds_before, sums, counted = run.seconds, dict[str, float](), 0
    # A thread a worker, each with one core: small layers gain more from this than from sharing the cores.
    pool = ThreadPoolExecutor(args.workers, initializer=torch.set_num_threads, initargs=(args.threads,))
    while run.step < run.config.steps and time.time() - begun < 60 * args.minutes:
        stage = run.config.stage(run.step)
        run.model.train()
        parts = list(pool.map(lambda one: part_of_step(run, one, judges, device), drawn))
        # The next batches are made while the networks learn from these.
        coming: list[Future[Draw]] = [
            pool.submit(draw, run.config, data, run.step + 1, worker) for worker in range(args.workers)
        ]
        figures = train_step(run, parts)
        drawn = [future.result() for future in coming]
        counted += 1
        for name, value in figures.items():
            sums[name] = sums.get(name, 0.0) + value
        run.seconds = seconds_before + time.time() - begun
        over = run.step >= run.config.steps or time.time() - begun >= 60 * args.minutes
        if time.time() - reported > args.report or over:
            line: dict[str, float] = {k: round(v / counted, 4) for k, v in sums.items()}
            pace = (time.time() - reported) / counted
            left = (run.config.steps - run.step) * pace / 60
            line |= {"step": run.step, "crops": run.crops_seen, "size": stage.size, "seconds_a_step": round(pace, 3)}
            line |= {"minutes": round(run.seconds / 60, 1), "minutes_left": round(left, 1)}
            with (args.out / "metrics.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
            run.save(args.out / "last.pt")
            cv2.imwrite(str(args.out / "samples.png"), samples(run, data, stage.size, device)[:, :, ::-1])
            reported, sums, counted = time.time(), {}, 0


if __name__ == "__main__":
    main()
