"""Teach the student, from nothing or from where it stopped.

Started again with the same RUN it goes on: `student.pt` there holds everything.
`--workers 2` puts one worker of one thread on each of two cores and averages their gradients, which on a shared
machine gives more crops a second than two threads on one batch. On an accelerator one worker is enough. RUN also gets
`log.jsonl` and sample sheets: source, target, swap and mask of people who never train.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.config import Config
from training.critics import SIZES, by_name, load_critics
from training.data import Batch, Faces
from training.landmarks import POINTS
from training.losses import (
    OF_SHAPE,
    augmented,
    change_difference,
    composite,
    hinge_discriminator,
    identity_distance,
    inside_difference,
    movement,
    noisy,
    patch_difference,
    rivalry,
    shaken,
    view,
    weighted_l1,
    window,
)
from training.networks import Discriminator, Student, fine
from training.shapes import CLOSE, openings, skin_of
from training.states import STATE, slim

VIEW = 120  # pixels of what recognisers are shown
SHEET = 24  # pairs of a sample sheet
REPORT, SAVE = 50, 500  # steps
WARM_AVERAGE = 10  # the average starts short: early steps would otherwise linger in it


class Run:
    """The training on one device: networks, critics, data, and one step after another."""

    def __init__(
        self, config: Config, data: Path, critics: Path, run: Path, device: str, rank: int, ranks: int
    ) -> None:
        self.config, self.folder, self.device, self.rank, self.ranks = config, run, torch.device(device), rank, ranks
        torch.manual_seed(config.seed)
        self.faces = Faces(data, config.size, device, config.people)
        self.recognisers, self.perception, self.mesh = load_critics(critics, device)
        # Emulated, on a processor without its instructions, bfloat16 takes several times as long as single precision.
        self.halved = self.device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
        for frozen in (*self.recognisers.graphs.values(), self.perception, self.mesh.graph) if self.halved else ():
            frozen.bfloat16()  # once, rather than by autocast at every call
        self.net, self.average = self._moved(Student()), self._moved(Student())
        self.judge = self._moved(Discriminator())
        how: Any = {"betas": (0.0, 0.99), "fused": self.device.type == "cuda"}
        self.optimiser = torch.optim.Adam(self.net.parameters(), config.rate, **how)
        learning = [p for p in self.judge.parameters() if p.requires_grad]
        self.judges_optimiser = torch.optim.Adam(learning, config.discriminator_rate, **how)
        self.average.load_state_dict(self.net.state_dict())
        self.average.requires_grad_(False)
        self.step = self.seen = self.begun = 0
        self.state, self.parent = run / STATE, os.getppid()
        self._resume()

    def _moved(self, module: nn.Module) -> Any:
        return module.to(self.device, memory_format=torch.channels_last)

    def _resume(self) -> None:
        if not self.state.exists():
            return
        stored = torch.load(self.state, map_location="cpu", weights_only=True)
        self.average.load_state_dict({k: v.float() for k, v in stored["average"].items()})
        # A state that travelled holds the average alone.
        self.net.load_state_dict(stored.get("net") or self.average.state_dict())
        self.judge.load_state_dict({k: v.float() for k, v in stored["judge"].items()})
        self.step, self.seen = stored["step"], stored["seen"]
        if "optimiser" in stored:
            self.optimiser.load_state_dict(stored["optimiser"])
            self.judges_optimiser.load_state_dict(stored["judges_optimiser"])
        else:
            self.begun = self.step  # the rate climbs again

    def save(self, whole: bool = True) -> None:
        """Everything, or only what a slice takes along."""
        stored: dict[str, Any] = {"step": self.step, "seen": self.seen, "settings": json.dumps(asdict(self.config))}
        for name in ("net", "average", "judge", "optimiser", "judges_optimiser"):
            stored[name] = getattr(self, name).state_dict()
        part = self.state.with_suffix(".part")
        torch.save(stored if whole else slim(stored), part)
        part.replace(self.state)

    def chance(self) -> torch.Generator:
        """All chance comes from the seed, the step, the worker: a run goes on as if it had never stopped."""
        mixed = np.random.SeedSequence([self.config.seed, self.step, self.rank, 0]).generate_state(1)
        return torch.Generator(self.device).manual_seed(int(mixed[0]))

    def _cast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.halved)

    def draw(
        self, net: Student, target: Tensor, source: Tensor, chance: torch.Generator | None = None, again: int = 0
    ) -> Tensor:
        """Colour and mask of the people on the rows `source`, by their pictures, which `chance` varies; the last
        `again` targets of the people of the first rows, told by the same pictures."""
        target = target.contiguous(memory_format=torch.channels_last)
        with self._cast():
            with torch.no_grad():
                told = self.recognisers.feature_map(self.faces.portraits(source, chance))
            return net(target, *(torch.cat([part, part[:again]]) for part in told)).float()

    def features(self, picture: Tensor) -> list[Tensor]:
        with self._cast():
            return self.perception((picture * 2 - 1).contiguous(memory_format=torch.channels_last))

    def advance(self) -> dict[str, Tensor]:
        """One step; its losses by name."""
        config, chance = self.config, self.chance()
        maker = self._maker if self.step >= config.maker_from else None
        batch = self.faces.batch(config.rows, chance, maker, config.pairs, config.acted)
        again = config.shaken
        moved, face = shaken([batch.target[:again], batch.face[:again]], chance)
        targets = torch.cat([batch.target, noisy(moved, chance)])
        drawn, second = self.draw(self.net, targets, batch.source, chance, again).tensor_split([len(batch.target)])
        # By the true shape of the face: with its own mask a network soon draws none, and copies.
        swap = composite(drawn, batch.target, batch.face)
        adversarial = config.weights.adversarial > 0 and self.step >= config.adversarial_from
        near = (..., *window(config.size, config.window, chance))
        losses = {"judge": self._teach_judge(batch.answer[near], swap[near].detach(), chance)} if adversarial else {}
        losses |= self._losses(batch, drawn, swap, chance)
        if again:
            wanted, found = shaken([swap[:again]], chance)[0], composite(second, targets[-again:], face)
            losses["steady"] = weighted_l1(found - fine(found), wanted - fine(wanted), face).mean()
        if adversarial:
            losses["adversarial"] = self._judged(swap[near], chance)
        total = sum(getattr(config.weights, name) * value for name, value in losses.items() if name != "judge")
        self._update(total)
        return {name: value.detach() for name, value in losses.items()}

    def _maker(self, picture: Tensor, source: Tensor) -> Tensor:
        with torch.no_grad():
            return composite(self.draw(self.average, picture, source), picture)

    def _teach_judge(self, real: Tensor, fake: Tensor, chance: torch.Generator) -> Tensor:
        with torch.no_grad():
            both = self.features(augmented(torch.cat([real, fake]), chance))
        self.judge.requires_grad_(True)
        for fixed in (*self.judge.mix, *self.judge.join):
            fixed.requires_grad_(False)
        with self._cast():
            judged = self.judge(both)
        loss = hinge_discriminator([j[: len(real)] for j in judged], [j[len(real) :] for j in judged])
        self.judges_optimiser.zero_grad()
        loss.backward()
        self._averaged(self.judge)
        self.judges_optimiser.step()
        self.judge.requires_grad_(False)
        return loss

    def _losses(self, batch: Batch, drawn: Tensor, swap: Tensor, chance: torch.Generator) -> dict[str, Tensor]:
        weights, cross = self.config.weights, batch.cross
        colour, mask, taken = drawn.split((3, 1, 1), 1)
        answered = slice(cross, None)
        whole = 1 + 3 * batch.features
        losses = {
            "background": weighted_l1(colour, batch.answer, 1 - batch.face).mean(),
            "mask": nn.functional.l1_loss(mask, batch.face),
            "skin": nn.functional.l1_loss(taken, batch.skin),
        } | self._identity(swap, batch, chance)
        if cross:
            pair, points, size = (swap[:cross], batch.target[:cross]), batch.points[:cross], swap.shape[-1]
            mouth, eyes, lips, corners = openings(points, size)
            bare = (1 - batch.features[:cross]) * skin_of(points, size, CLOSE)
            losses["patch"] = patch_difference(*pair, (bare + lips).clamp_max(1)).mean()
            losses["inside"] = inside_difference(*pair, mouth, eyes, corners).mean()
            if weights.movement or weights.change:
                losses |= self._movement(swap[:cross], batch)
        if cross < len(swap):
            losses["pixel"] = weighted_l1(swap[answered], batch.answer[answered], whole[answered]).mean()
        return {name: value for name, value in losses.items() if getattr(weights, name)}

    def _identity(self, swap: Tensor, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        seen = view(swap, VIEW, chance)
        with self._cast():
            found = {}
            for name in SIZES:
                if share := self.config.looks.get(name, 1.0):
                    found |= self.recognisers(seen[: max(1, round(share * len(seen)))], only=name)
        losses = {"identity": identity_distance(found, by_name(batch.embedding))}
        if batch.cross:
            everybody = found, by_name(batch.embedding), by_name(batch.rival)
            losses["rivalry"] = rivalry(*({n: self._own(n, e[: batch.cross]) for n, e in t.items()} for t in everybody))
        return losses

    def _own(self, name: str, embedding: Tensor) -> Tensor:
        """A recogniser's embeddings (N, D) without what all faces have in common, of length 1."""
        return nn.functional.normalize(embedding.float() - by_name(self.faces.usual)[name])

    def _movement(self, swap: Tensor, batch: Batch) -> dict[str, Tensor]:
        """How far what the faces do is from their targets', and its change between two pictures from what is asked."""
        wanted, acted = movement(batch.points[: batch.cross]), slice(batch.cross - 2 * self.config.acted, batch.cross)
        with self._cast():
            found = movement(self.mesh(torch.cat([swap, batch.target[acted]]))[:, POINTS])
        found, wanted[acted] = found[: batch.cross], found[batch.cross :]  # it sees three quarters of an acted movement
        losses = {"movement": (found - wanted)[:, :-OF_SHAPE].abs().clamp_max(1).mean()}
        if pairs := 2 * self.config.pairs:
            losses["change"] = change_difference(found[-pairs:], wanted[-pairs:])
        return losses

    def _judged(self, swap: Tensor, chance: torch.Generator) -> Tensor:
        """How much the discriminator takes swaps for swaps."""
        with self._cast():
            judged = self.judge(self.features(augmented(swap, chance)))
        return -torch.stack([j.mean() for j in judged]).mean()

    def _update(self, total: Tensor) -> None:
        self.optimiser.zero_grad()
        total.backward()
        self._averaged(self.net)
        nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate * min(1.0, (self.step - self.begun + 1) / self.config.warm_up)
        self.optimiser.step()
        decay = min(self.config.average, 1 - 1 / (self.step / WARM_AVERAGE + 2))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.net.parameters()), 1 - decay)
        self.step += 1
        self.seen += sum(self.config.rows) * self.ranks

    def _averaged(self, module: nn.Module) -> None:
        """Gradients of all workers, averaged."""
        if self.ranks == 1:
            return
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        parts = (flat / self.ranks).split([g.numel() for g in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    @torch.no_grad()
    def sheet(self) -> dict[str, float]:
        """Writes a sample sheet of people who never train; how often source and target are found among them."""
        rows = self.faces.shown[:SHEET]
        source, target = rows, rows.roll(5)
        pictures = self.faces.portraits(target)
        drawn = self.draw(self.average, pictures, source)
        swap = composite(drawn, pictures)
        triples = torch.cat([self.faces.portraits(source), pictures, swap, drawn[:, 3:4].expand(-1, 3, -1, -1)], 3)
        third = len(rows) // 3
        grid = torch.cat([torch.cat(list(triples[i * third : (i + 1) * third]), 1) for i in range(3)], 2)
        written = (grid.permute(1, 2, 0).clamp(0, 1) * 255).byte().cpu().numpy()[:, :, ::-1]
        cv2.imwrite(str(self.folder / f"student_{self.step:06d}.png"), written)
        return self._found(swap, source, target)

    def _found(self, swap: Tensor, source: Tensor, target: Tensor) -> dict[str, float]:
        """By each recogniser, after taking off what all faces have in common."""
        with self._cast():
            seen = self.recognisers(nn.functional.interpolate(swap, size=(112, 112), mode="area"))
        known = by_name(self.faces.embeddings[self.faces.shown])
        people, told = self.faces.people[self.faces.shown], {}
        for name in SIZES:
            likeness = self._own(name, seen[name]) @ self._own(name, known[name]).T
            best = people[likeness.argmax(1)]
            told[f"{name}_source_first"] = float((best == self.faces.people[source]).float().mean())
            told[f"{name}_target_first"] = float((best == self.faces.people[target]).float().mean())
            told[f"{name}_likeness"] = float(likeness.diagonal().mean())
        return told


def steps(run: Run, seconds: float) -> Iterator[dict[str, float]]:
    """Trains until the last step or for `seconds`; yields the mean losses of each report."""
    begun = reported = time.monotonic()
    sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=run.device))
    counts: dict[str, int] = defaultdict(int)
    first = run.step
    while run.step < run.config.steps and not _over(run, begun, seconds):
        for name, value in run.advance().items():
            sums[name] += value
            counts[name] += 1
        if run.step % REPORT == 0 or run.step == first + 1:
            line = {name: round(float(value) / counts[name], 4) for name, value in sums.items()}
            now = time.monotonic()
            rate = sum(run.config.rows) * run.ranks * (REPORT if run.step > first + 1 else 1) / (now - reported)
            reported = now
            sums.clear()
            counts.clear()
            yield {"step": run.step, "seen": run.seen, "crops_a_second": round(rate, 1), **line}


def _over(run: Run, begun: float, seconds: float) -> bool:
    """Whether time is up, or whoever started the workers is gone; the first worker decides for all."""
    orphaned = run.ranks > 1 and os.getppid() != run.parent
    over = torch.tensor(float(orphaned or time.monotonic() - begun > seconds))
    if run.ranks > 1:
        dist.broadcast(over, 0)
    return bool(over)


def work(rank: int, given: argparse.Namespace) -> None:
    """One worker, from the state to the last step or the end of its time."""
    if given.workers > 1:
        torch.set_num_threads(1)
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[rank % len(cores)]})
        dist.init_process_group("gloo", f"file://{given.run.resolve()}/meeting", rank=rank, world_size=given.workers)
    config = Config.read(given.config)
    run = Run(config, given.data, given.critics, given.run, given.device, rank, given.workers)
    for line in steps(run, given.seconds):
        if rank:
            continue
        if run.step % SAVE == 0:
            line |= run.sheet()
            run.save()
        print(json.dumps(line), flush=True)
        with (given.run / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
    if not rank:
        run.save()
        print(json.dumps({"step": run.step, **run.sheet()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="the file that prepare.py wrote")
    parser.add_argument("--critics", type=Path, required=True, help="the file that conversion.critics wrote")
    parser.add_argument("--run", type=Path, required=True, help="folder of the state")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long, resumably")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    given.run.mkdir(parents=True, exist_ok=True)
    if given.workers == 1:
        work(0, given)
        return
    (given.run / "meeting").unlink(missing_ok=True)
    torch.multiprocessing.spawn(work, (given,), nprocs=given.workers)


if __name__ == "__main__":
    main()
