"""Train IIM and IDN together on a packed data folder (see prepare.py and README.md).

    python train.py configs/base.toml --data DATA --sface sface.onnx --small small_encoder.pt --out RUN

Started again with the same --out it goes on from RUN/last.pt exactly. RUN/metrics.jsonl gets a line of figures
and RUN/samples.png a sheet as it goes. `--smoke` runs a few steps at a small size.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from config import Config, load_config
from critics import Discriminator, Identity, Perception
from data import Batch, FaceData, face_shapes
from losses import feature_distance, hinge_discriminator, hinge_generator, mask_loss, masked_l1
from model import FaceSwapper, composite
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class Run:
    """Everything that a checkpoint holds."""

    config: Config
    model: FaceSwapper
    average: FaceSwapper
    discriminator: Discriminator
    optimiser: torch.optim.Optimizer
    optimiser_d: torch.optim.Optimizer
    rng: np.random.Generator
    step: int = 0
    crops_seen: int = 0
    seconds: float = 0.0

    @classmethod
    def fresh(cls, config: Config, device: torch.device) -> Run:
        """A new run, seeded."""
        torch.manual_seed(config.seed)
        model = FaceSwapper(config.model).to(device, memory_format=torch.channels_last)
        average = FaceSwapper(config.model).to(device, memory_format=torch.channels_last)
        average.load_state_dict(model.state_dict())
        discriminator = Discriminator().to(device, memory_format=torch.channels_last)
        adam = torch.optim.Adam(model.parameters(), betas=(0.9, 0.99))
        adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.0, 0.99))
        rng = np.random.default_rng(config.seed)
        return cls(config, model, average.requires_grad_(False), discriminator, adam, adam_d, rng)

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        parts = ("model", "average", "discriminator", "optimiser", "optimiser_d")
        state: dict[str, Any] = {name: getattr(self, name).state_dict() for name in parts}
        state |= {"step": self.step, "crops_seen": self.crops_seen, "seconds": self.seconds}
        state |= {"numpy": json.dumps(self.rng.bit_generator.state), "torch": torch.get_rng_state()}
        state |= {"model_config": dataclasses.asdict(self.config.model)}
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load(self, path: Path, device: torch.device) -> None:
        """Go on from a checkpoint; parts that a slim checkpoint lacks start afresh."""
        state = torch.load(path, map_location=device, weights_only=True)
        self.model.load_state_dict(state.get("model", state["average"]))
        self.average.load_state_dict(state["average"])
        for name in ("discriminator", "optimiser", "optimiser_d"):
            if name in state:
                getattr(self, name).load_state_dict(state[name])
        self.step, self.crops_seen, self.seconds = state["step"], state["crops_seen"], state["seconds"]
        if "numpy" in state:
            self.rng.bit_generator.state = json.loads(state["numpy"])
            torch.set_rng_state(state["torch"].cpu())


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with every tensor on `device`."""
    values = {f.name: getattr(batch, f.name) for f in dataclasses.fields(batch)}
    return Batch(**{k: v.to(device) if isinstance(v, Tensor) else v for k, v in values.items()})


def generator_losses(run: Run, batch: Batch, identity: Identity, perception: Perception) -> dict[str, Tensor]:
    """Weighted losses of IIM and IDN on one batch; also the swapped pictures under `swapped`."""
    weights, stage, n = run.config.weights, run.config.stage(run.step), batch.answered
    colour, mask = run.model(batch.target, batch.feature_map, batch.embedding)
    swapped = composite(colour, mask if stage.learned_mask else batch.shape, batch.target)
    with torch.no_grad():
        wanted = perception(batch.answer)
    found = perception(swapped)
    rows = torch.from_numpy(1 + run.rng.permutation(len(swapped) - 1)[: stage.sface_rows])
    by_sface, by_small = identity(swapped, batch.embedding, rows)
    pooled = F.avg_pool2d(swapped[n:], 8), F.avg_pool2d(batch.target[n:], 8)
    losses = {
        "pixel": weights.pixel * masked_l1(swapped[:n], batch.answer[:n], batch.shape[:n]),
        "perceptual": weights.perceptual * feature_distance(found, wanted, slice(0, n), slice(0, 4)),
        "attribute": weights.attribute * feature_distance(found, wanted, slice(n, None), slice(2, 4)),
        "low_frequency": weights.low_frequency * (pooled[0] - pooled[1]).abs().mean(),
        "sface": weights.sface * by_sface,
        "small": weights.small * by_small,
        "surround": weights.surround * masked_l1(colour, batch.target, batch.background),
        "mask": weights.mask * mask_loss(mask, batch.heart, batch.background),
    }
    if not stage.learned_mask:
        losses["shape"] = weights.mask * (mask - batch.shape).abs().mean()
    if stage.discriminator:
        losses["adversarial"] = weights.adversarial * hinge_generator(run.discriminator(swapped))
    losses["swapped"] = swapped.detach()
    return losses


def train_step(run: Run, batch: Batch, identity: Identity, perception: Perception) -> dict[str, float]:
    """One step of both sides; returns the weighted losses as numbers."""
    stage = run.config.stage(run.step)
    for group in run.optimiser.param_groups:
        group["lr"] = stage.rate * min(1.0, (run.step + 1) / 100)
    run.discriminator.requires_grad_(False)
    losses = generator_losses(run, batch, identity, perception)
    swapped = losses.pop("swapped")
    total = torch.stack(list(losses.values())).sum()
    run.optimiser.zero_grad()
    total.backward()
    norm = nn.utils.clip_grad_norm_(run.model.parameters(), run.config.clip)
    run.optimiser.step()
    if stage.discriminator:
        run.discriminator.requires_grad_(True)
        loss_d = hinge_discriminator(run.discriminator(batch.answer), run.discriminator(swapped))
        run.optimiser_d.zero_grad()
        loss_d.backward()
        run.optimiser_d.step()
        losses["discriminator"] = loss_d
    decay = min(run.config.ema, (run.step + 1) / (run.step + 20))
    with torch.no_grad():
        for mean, now in zip(run.average.state_dict().values(), run.model.state_dict().values(), strict=True):
            mean.lerp_(now, 1 - decay) if mean.is_floating_point() else mean.copy_(now)
    run.step += 1
    run.crops_seen += len(batch.target)
    return {name: float(value.detach()) for name, value in losses.items()} | {"norm": float(norm)}


@torch.no_grad()
def samples(run: Run, data: FaceData, size: int, device: torch.device, count: int = 7) -> np.ndarray:
    """A sheet of people kept out of training: sources down, targets across, with the mask of the last row."""
    run.average.eval()
    sources, targets = data.held_out[:count], data.held_out[count : 2 * count]

    def view(index: int) -> np.ndarray:
        return cv2.resize(data.crops[index], (size, size), interpolation=cv2.INTER_AREA)

    pictures = torch.from_numpy(np.stack([view(i) for i in targets])).permute(0, 3, 1, 2).float().to(device) / 255
    shape = torch.from_numpy(np.stack([face_shapes(data.points[i] * size, size)[0] for i in targets]))[:, None]
    rows = [np.hstack([np.zeros((size, size, 3), np.uint8), *(view(i) for i in targets)])]
    for index in sources:
        feature_map, embedding = data.source(index)
        colour, mask = run.average(pictures, feature_map.to(device), embedding.to(device))
        learned = run.config.stage(run.step).learned_mask
        swapped = composite(colour, mask if learned else shape.to(device), pictures)
        tiles = (swapped.clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).cpu().numpy()
        rows.append(np.hstack([view(index), *tiles]))
    tiles = (mask.expand(-1, 3, -1, -1) * 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    rows.append(np.hstack([np.zeros((size, size, 3), np.uint8), *tiles]))
    return np.vstack(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sface", type=Path, required=True)
    parser.add_argument("--small", type=Path, help="the encoder that distil.py wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a checkpoint to begin from when RUN has none")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop (resumably) after this long")
    parser.add_argument("--report", type=float, default=120.0, help="seconds between checkpoints and sheets")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--smoke", action="store_true", help="four steps of four rows at 64 px")
    args = parser.parse_args()
    config = load_config(args.config)
    if args.smoke:
        stages = tuple(
            dataclasses.replace(s, until=2 * i + 2, size=64, rows=(1, 1, 2), sface_rows=1)
            for i, s in enumerate((config.stages[0], config.stages[-1]))
        )
        config = dataclasses.replace(config, stages=stages)
    torch.set_num_threads(args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    args.out.mkdir(parents=True, exist_ok=True)
    data, run, last = FaceData(args.data, config.clean_only), Run.fresh(config, device), args.out / "last.pt"
    if last.exists() or args.start:
        run.load(last if last.exists() else args.start, device)
    identity, perception = Identity(args.sface, args.small).to(device), Perception().to(device)
    fit(run, data, identity, perception, device, args)


def fit(
    run: Run, data: FaceData, identity: Identity, perception: Perception, device: torch.device, args: argparse.Namespace
) -> None:
    """The loop: batches, steps, figures, sheets and checkpoints until the steps or the minutes are used up."""
    begun = reported = time.time()
    seconds_before, sums, counted = run.seconds, dict[str, float](), 0
    while run.step < run.config.steps and time.time() - begun < 60 * args.minutes:
        stage = run.config.stage(run.step)
        run.model.train()
        batch = data.batch(run.rng, stage.size, stage.people, stage.rows)
        figures = train_step(run, to_device(batch, device), identity, perception)
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
