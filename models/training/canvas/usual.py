"""Write contrast.npy: the contrast that faces usually show at each place of the canvas, and how far they spread.

    python usual.py --data DATA

The median and half the distance from the 16th to the 84th percentile over `--count` crops and their mirror images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from data import FaceData
from model import Contrast
from numpy.typing import NDArray

COUNT = 1500


def usual_contrast(data: FaceData, count: int) -> NDArray[np.float16]:
    """Median and spread (2, CANVAS, CANVAS) of the grey contrast of `count` crops drawn at random, both symmetric."""
    chosen = np.random.default_rng(0).choice(data.pool, min(count, len(data.pool)), replace=False)
    contrast = Contrast()
    with torch.no_grad():
        grey = [contrast.parts(data.laid(int(index), False))[0][0, 0].half().numpy() for index in chosen]
    low, median, high = np.percentile(np.float32([*grey, *(g[:, ::-1] for g in grey)]), [16, 50, 84], axis=0)
    found = np.stack([median, (high - low) / 2])
    return ((found + found[:, :, ::-1]) / 2).astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("contrast.npy"))
    parser.add_argument("--count", type=int, default=COUNT)
    args = parser.parse_args()
    np.save(args.out, usual_contrast(FaceData(args.data), args.count))


if __name__ == "__main__":
    main()
