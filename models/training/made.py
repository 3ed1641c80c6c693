"""Swaps by base-224 0.4.0, as inputs of the `real` rows of the newer recipe: a strong likeness, painted as it is.

    git show b82b3f2:models/base-224/identity.onnx > OLD/identity.onnx      # and idn.onnx
    python -m training.made OLD --sface base-224/sface.onnx --data faces.pt --out made.pt

Every picture that may be a target gets somebody else's face once. About 45 ms of a processor core each.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from training.prepare import compressed, picture_of

SIZE, SEEN = 224, 112  # pixels of a crop; of what SFace sees
AT_ONCE = 8  # targets of one source
QUALITY = 85
Floats = NDArray[np.float32]


class EarlierSwapper:
    """The networks of a pack whose identities hold a canvas, by their contract of then."""

    def __init__(self, folder: Path, sface: Path) -> None:
        self._encoder, self._identity, self._idn = (
            _session(file) for file in (sface, folder / "identity.onnx", folder / "idn.onnx")
        )
        self._names = [output.name for output in self._identity.get_outputs()]

    def __call__(self, source: NDArray[np.uint8], targets: Floats) -> Floats:
        """An aligned crop (S, S, 3) and targets (N, SIZE, SIZE, 3), RGB 0..1: the composites."""
        small, large = (_planes(cv2.resize(source, (side, side)).astype(np.float32)[None]) for side in (SEEN, SIZE))
        seen = self._encoder.run(["feature_map", "embedding"], {"face": small})
        told = self._identity.run(None, {"feature_map": seen[0], "embedding": seen[1], "face": large})
        planes = _planes(targets)
        colour, mask = self._idn.run(None, {"image": planes, **dict(zip(self._names, told, strict=True))})
        return np.clip(planes + mask * (colour - planes), 0, 1).transpose(0, 2, 3, 1)


def _session(file: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _planes(pictures: Floats) -> Floats:
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))


def made(swapper: EarlierSwapper, stored: dict[str, Any], seed: int = 7) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Rows of the pack and their swaps (SIZE, SIZE, 3), RGB, in random order."""
    raw, ends = stored["pictures"].numpy(), stored["ends"].tolist()
    people, chance = stored["people"].numpy(), np.random.default_rng(seed)
    rows = chance.permutation(np.flatnonzero(stored["targets"].numpy()))
    weights = 1 / np.sqrt(np.bincount(people)[people])

    for at in range(0, len(rows), AT_ONCE):
        part = rows[at : at + AT_ONCE]
        others = weights * ~np.isin(people, people[part])
        source = picture_of(raw, ends, int(chance.choice(len(people), p=others / others.sum())))
        pictures = (picture_of(raw, ends, row) for row in part)
        targets = np.stack([cv2.resize(p, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) for p in pictures])
        for row, swap in zip(part, swapper(source, targets.astype(np.float32) / 255), strict=True):
            yield int(row), (swap * 255 + 0.5).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path, help="folder with identity.onnx and idn.onnx of 0.4.0")
    parser.add_argument("--sface", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the file that prepare.py wrote")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    stored = torch.load(given.data, map_location="cpu", weights_only=True)
    rows, codes = [], []
    for row, swap in made(EarlierSwapper(given.pack, given.sface), stored):
        rows.append(row)
        codes.append(compressed(swap, stored["side"], QUALITY))
    ends = torch.tensor([len(code) for code in codes]).cumsum(0)
    torch.save({"rows": torch.tensor(rows), "pictures": torch.cat(codes), "ends": ends}, given.out)


if __name__ == "__main__":
    main()
